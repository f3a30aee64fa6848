"""The table of SQL that is not the same everywhere, held against Spark itself.

Spark lives in an environment of its own (`requirements-spark.lock`), which `make test-services` makes; TILLAGE_SPARK
names its interpreter. It needs Java 17 or newer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from tests.spec.portable_models import MODELS
from tests.spec.portable_same import SAME_AS_WRITTEN
from tests.spec.portable_samples import fill, query
from tillage.models.fold import parse, plain
from tillage.models.portable.difference import Difference
from tillage.models.portable.table import TABLE

pytestmark = pytest.mark.services
REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = [row for rows in TABLE.values() for row in rows]
Answer = Mapping[str, Any]

# What differs only where something else happens than in one run of one process over a few rows.
BY_CHANCE = {
    "`first(x)`, `last(x)`, `any_value(x)`, `arbitrary(x)`, `mode(x)`",
    "`string_agg(x, ',')` without `order by`",
    "patterns that are no literals",
}


@pytest.fixture(scope="module")
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        fill(connection)
        yield connection


@pytest.fixture(scope="module")
def spark(rows: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What Spark answers, by the query in DuckDB's SQL; all of it in one session, since a session takes 20 s."""
    python = Path(os.environ.get("TILLAGE_SPARK", REPOSITORY / "build" / "spark" / "venv" / "bin" / "python"))
    if not python.exists() or shutil.which("java") is None:
        pytest.fail("no Spark: make test-services sets it up, and it needs Java 17 or newer: apt install default-jre")
    folder = tmp_path_factory.mktemp("spark")
    rows.execute(f"copy samples to '{folder}/samples.parquet' (format parquet)")
    asked = [query(example) for row in ROWS for example in (row.bad, row.safe)] + SAME_AS_WRITTEN + MODELS
    (folder / "queries").write_text("".join(json.dumps(on_spark(sql)) + "\n" for sql in asked), encoding="utf-8")
    script = Path(__file__).with_name("spark_answers.py")
    subprocess.run(
        [python, script, folder / "samples.parquet", "samples", folder / "queries", folder / "answers"],
        env=os.environ | {"TZ": "UTC"},
        check=True,
        capture_output=True,
    )
    answers = (folder / "answers").read_text(encoding="utf-8").splitlines()
    return {sql: json.loads(answer) for sql, answer in zip(asked, answers, strict=True)}


def on_spark(sql: str) -> str:
    """As the text of a model comes to Spark: by way of the SQL that DuckDB is given."""
    text = plain(parse("m", sql)).sql(dialect="duckdb")
    return sqlglot.parse_one(text, dialect="duckdb").sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.IGNORE)


@pytest.mark.parametrize("row", [row for row in ROWS if row.construct not in BY_CHANCE], ids=lambda row: row.construct)
def test_each_row_of_the_table_is_another_one_on_spark(
    rows: duckdb.DuckDBPyConnection, spark: dict[str, Answer], row: Difference
) -> None:
    sql = query(row.bad)
    assert ordered(spark[sql]) != ordered(on_duckdb(rows, sql))
    assert row.is_silent or "error" in spark[sql]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.construct)
def test_each_safe_spelling_is_the_same_on_spark(
    rows: duckdb.DuckDBPyConnection, spark: dict[str, Answer], row: Difference
) -> None:
    sql = query(row.safe)
    assert ordered(spark[sql]) == ordered(on_duckdb(rows, sql))


@pytest.mark.parametrize("sql", SAME_AS_WRITTEN)
def test_what_is_called_the_same_is_the_same_on_spark(
    rows: duckdb.DuckDBPyConnection, spark: dict[str, Answer], sql: str
) -> None:
    assert ordered(spark[sql]) == ordered(on_duckdb(rows, sql))


@pytest.mark.parametrize("sql", MODELS)
def test_models_of_templates_and_documents_parse_on_spark(spark: dict[str, Answer], sql: str) -> None:
    assert spark[sql]["error"].startswith("[TABLE_OR_VIEW_NOT_FOUND]")  # which is said of what was parsed


def on_duckdb(rows: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    try:
        found = rows.sql(sql)
        kind = found.types[-1]
        pairs = [[shown(row[0]) if len(row) > 1 else None, shown(row[-1])] for row in found.fetchall()]
    except duckdb.Error as wrong:
        return {"error": str(wrong).splitlines()[0]}
    return {"kind": _kind(kind), "rows": pairs}


def ordered(answer: Answer) -> Answer:
    """Rows in one order, since neither engine promises one."""
    return {**answer, "rows": sorted(answer["rows"], key=json.dumps)} if "rows" in answer else answer


def shown(value: Any) -> Any:
    """As `spark_answers.py` shows it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | Decimal):
        return ["number", format(Decimal(value).normalize() + 0, "f")]
    if isinstance(value, float):
        return ["double", f"{value:.12g}"]
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return ["moment", moment.replace(tzinfo=None).isoformat(timespec="microseconds")]
    if isinstance(value, date):
        return ["day", value.isoformat()]
    if isinstance(value, dict):
        return {key: shown(one) for key, one in value.items()}
    return [shown(one) for one in value] if isinstance(value, list) else ["other", str(value)]


_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint", "ubigint"), "integer"),
    "varchar": "string",
    "timestamp": "timestamp_ntz",
    "timestamp with time zone": "timestamp",
    "float": "double",
}


def _kind(kind: Any) -> str:
    """As Spark calls it."""
    if kind.id == "list":
        return f"list of {_kind(kind.children[0][1])}"
    if kind.id == "decimal":
        return "integer" if str(kind).endswith(",0)") else "decimal"
    return _KINDS.get(kind.id, str(kind.id))
