"""The table of SQL that is not the same everywhere: each row refused in its wrong spelling, and taken in its safe one.

`TILLAGE_WRITE_PAGES=1 pytest tests/spec` writes `docs/reference/portable-sql.md`; otherwise the page must be as it
would be. That the same comes out of Spark is shown by `tests/services`.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from tests.spec.portable_models import MODELS
from tests.spec.portable_same import SAME_AS_WRITTEN
from tests.spec.portable_samples import fill, query, samples
from tillage.engines.duckdb import DuckEngine
from tillage.errors import ModelError
from tillage.models.allowed import FUNCTIONS as REPEATABLE
from tillage.models.allowed import called
from tillage.models.fold import parse
from tillage.models.fold import plain as plain_query
from tillage.models.portable.difference import Difference
from tillage.models.portable.table import FUNCTIONS, SAME, TABLE
from tillage.models.project import read_models
from tillage.pipelines.portability import refuse_unportable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "portable-sql.md"
_HEAD = """\
A model is to give the same on DuckDB and on Spark (4.2, ANSI mode, session in UTC), to which SQLGlot carries it. What
does not is refused, with line and what to write instead: in a new or changed model by `plan`, `run` and `rebuild`, in
any by `test` and `doctor`. *Silent* is what gives other values there, or other types, without an error. What is neither
said to differ nor to be the same has not been measured, and is refused too; so is what depends on a type that nobody
can tell.

What a house has taken up stays: an upgrade that knows more differences stops no run, and `doctor` tells of them.

This page is written by `tests/spec/test_portable_sql.py`, which holds each item in both spellings against DuckDB; `make
test-services` holds them, and all that is called the same, against Spark.
""".splitlines()
_SAME = """\
Joins, also semi, anti and lateral ones; common table expressions, unions, `intersect` and `except`; `group by` with
grouping sets; `having`, `qualify`, `distinct on`, `order by` with its nulls, `limit`; `filter`; windows over rows and
ranges; `case`, `in`, `between`, `like`, `is distinct from`; integers, with `//` and `%`; `unnest` of a list in a SELECT
or a cross join; `->>`; and these functions, but for what is said of them above:
""".splitlines()
_LIMITS = """\
Sums of integers beyond 64 bits fail on Spark, and so does what is computed from `year(x)`, `length(x)` and their kin
beyond 32 bits. Sums of doubles depend on the order of rows on both. Years before 1 and after 9999 were not measured.
""".splitlines()
ROWS = [row for rows in TABLE.values() for row in rows]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    dataset = samples()
    folder = tmp_path_factory.mktemp("spill")
    engine = DuckEngine(folder, memory_bytes=1 << 28, threads=1, datasets={dataset.name: dataset})
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        fill(connection)
        yield connection


def refused(engine: DuckEngine, sql: str) -> str:
    """What is said of a model; nothing if it is taken."""
    dataset = samples()
    try:
        models = read_models({"m": sql}, {dataset.name: dataset})
    except ModelError as wrong:
        return str(wrong)
    return "\n".join(map(str, engine.unportable(models, ["m"])))


@pytest.mark.accept("5.3")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.construct)
def test_each_difference_is_refused_with_its_place_and_the_safe_spelling(engine: DuckEngine, row: Difference) -> None:
    said = refused(engine, "-- a model\n" + query(row.bad))
    # Of these two the first reads no dataset, and lineage cannot follow the second: they are refused before.
    if not any(one in row.construct for one in ("generate_series", "union by name")):
        assert "models/m.sql, line 2: '" in said
        assert row.message in said
    assert said


@pytest.mark.accept("5.3")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.construct)
def test_each_safe_spelling_is_taken_and_gives_what_was_meant(
    engine: DuckEngine, rows: duckdb.DuckDBPyConnection, row: Difference
) -> None:
    assert refused(engine, query(row.safe)) == ""
    safe = answers(rows, row.safe)
    assert any(value is not None for value in safe)
    if not row.gives:
        assert safe == answers(rows, row.bad)


def answers(rows: duckdb.DuckDBPyConnection, example: str) -> list[Any]:
    found = rows.execute(query(example)).fetchall()
    return [plain(row[-1]) for row in sorted(found, key=lambda row: str(row[0]) if len(row) > 1 else "")]


def plain(value: Any) -> Any:
    """Numbers as far as doubles go, dates as the time when they begin: types may differ, and values not."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.12g}"
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.accept("5.3")
@pytest.mark.parametrize("sql", SAME_AS_WRITTEN)
def test_what_is_the_same_as_written_is_taken(engine: DuckEngine, rows: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert refused(engine, sql) == ""
    assert rows.execute(sql).fetchall()


_CUT = "the fraction is cut off"
_OTHERWISE = "`-3.5`, `1e3`"
_HIDDEN = {
    "select id, levenshtein(part, label) as x from samples": "'levenshtein' is not known to give the same",
    "select id, whole << 1 as x from samples": "is not known to give the same",
    "select id, tags && tags as x from samples": "is not known to give the same",
    "select id, {'a': whole} as x from samples": "is not known to give the same",
    "select id, current_timestamp as x from samples": "is not known to give the same",
    "with a as (select number as n from samples) select n, cast(n as bigint) as x from a": _CUT,
    """with held as (select id, part as number from samples)
       select id, cast(number as bigint) as x from held""": _OTHERWISE,
    "select is_paid, cast(sum(number) as bigint) as x from samples group by is_paid": _CUT,
    """select id, whole as x from samples as s
       where exists (select 1 from samples as t where cast(t.rate * s.whole as bigint) > 3)""": _CUT,
    "select s.id, u.x from samples as s cross join lateral (select cast(s.number as bigint) as x) as u": _CUT,
    """select s.id, s.whole as x from samples as s
       semi join samples as t on cast(t.number as bigint) = s.whole""": _CUT,
    "select id, whole as x from samples order by cast(number as bigint)": _CUT,
    """select id, x from (select id, number as x from samples union all select id, rate from samples) as u
       where cast(x as bigint) > 1""": _CUT,
    "select id, list_transform(numbers, lambda e: cast(e as bigint)) as x from samples": "cast it first",
    r"""select id, case when regexp_matches(label, '^[0-9]+\z') then cast(part as bigint) end as x
        from samples""": _OTHERWISE,
    r"""select id, case when regexp_matches(part, '^[0-9.]+\z') then cast(part as bigint) end as x
        from samples""": _OTHERWISE,
    r"""select id, case when regexp_matches(part, '^[0-9]+\z') then 0 else cast(part as bigint) end as x
        from samples""": _OTHERWISE,
    "select id,\n  part,\n  upper(part) as x\nfrom samples": "models/m.sql, line 3: 'upper' silently differs",
}


@pytest.mark.parametrize("sql", _HIDDEN)
def test_what_is_not_known_or_hidden_is_refused_too(engine: DuckEngine, sql: str) -> None:
    assert _HIDDEN[sql] in refused(engine, sql)


@pytest.mark.accept("5.3")
@pytest.mark.parametrize("sql", MODELS)
def test_models_of_templates_and_documents_are_carried_to_spark_whole(sql: str) -> None:
    text = plain_query(parse("m", sql)).sql(dialect="duckdb")
    (spark,) = sqlglot.transpile(text, "duckdb", "spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert sqlglot.parse_one(spark, dialect="spark").named_selects == parse("m", sql).named_selects


def test_folds_are_held_to_the_same_table(engine: DuckEngine) -> None:
    fold = "select label, sum(cast(number as bigint)) as n from samples group by label"
    assert "the fraction is cut off" in refused(engine, fold)
    assert refused(engine, fold.replace("number", "round(number, 0)")) == ""


def test_the_first_place_is_named_in_the_error_of_a_run(engine: DuckEngine) -> None:
    dataset = samples()
    models = read_models({"m": "select id, len(part) as x from samples"}, {dataset.name: dataset})
    with pytest.raises(ModelError, match=r"models/m.sql, line 1: 'len' fails on Spark.*array_length"):
        refuse_unportable(engine, models, ["m"])
    refuse_unportable(engine, models, ["another"])


def test_a_model_that_does_not_run_is_not_said_to_be_unportable(engine: DuckEngine) -> None:
    assert refused(engine, "select id, number * part as x from samples") == ""


def test_each_function_that_is_the_same_is_in_one_of_the_queries_that_show_it() -> None:
    shown = {name for sql in SAME_AS_WRITTEN for name, _ in called(sql)} | {"exists", "case", "current_date"}
    assert sorted(FUNCTIONS - shown) == []


def test_no_function_is_both_the_same_and_refused() -> None:
    assert sorted(FUNCTIONS & {name for row in ROWS for name in row.calls}) == []


def test_each_function_of_folds_is_in_the_table_or_the_same() -> None:
    assert sorted(REPEATABLE - FUNCTIONS - {name for row in ROWS for name in row.calls}) == []


@pytest.mark.accept("5.3")
def test_the_page_says_what_these_tests_have_seen() -> None:
    page = written()
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/spec"


def written() -> str:
    lines = ["# Portable SQL", "", *_HEAD]
    for theme, differences in TABLE.items():
        lines += ["", f"## {theme}", ""]
        for row in differences:
            kind = " (silent)" if row.is_silent else ""
            gives = f" It gives {row.gives}." if row.gives else ""
            lines += wrapped(f"- **{row.construct}**{kind}: {row.why}. Write {row.instead}.{gives}")
    lines += ["", "## What is the same", "", *_SAME, ""]
    for theme, names in SAME.items():
        lines += wrapped(f"- {theme}: {', '.join(f'`{name}`' for name in sorted(names))}")
    lines += ["", "## What nobody looks at here", "", *_LIMITS, ""]
    return "\n".join(lines)


def wrapped(item: str) -> list[str]:
    return textwrap.wrap(item, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
