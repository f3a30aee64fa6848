"""Dates, times, booleans, members of structs and currencies as keys of models: from rows to served values."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tillage.api.answers import Field, answer
from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns
from tillage.engines.duckdb import DuckEngine
from tillage.errors import ModelError
from tillage.models.fold import Fold, read_fold
from tillage.pipelines.as_json import as_json
from tillage.stores.embedded import EmbeddedPostgres
from tillage.stores.postgres.database import Database
from tillage.stores.postgres.folds import Folds
from tillage.wiring import CommitLog

_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
status: active
schema:
  - name: sales
    properties:
      - {name: sale_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: day, logicalType: date}
      - {name: sold_at, logicalType: timestamp}
      - {name: is_paid, logicalType: boolean}
      - {name: currency, logicalType: string}
      - name: price
        logicalType: number
        customProperties: [{property: tillage.money, value: {currencyBy: currency}}]
      - name: buyer
        logicalType: object
        properties:
          - {name: country, logicalType: string}
          - {name: since, logicalType: date}
"""
_MOMENT = datetime(2025, 1, 24, 10, 0, 0, 500_000, tzinfo=UTC)
_ROWS = [
    ("s1", date(2025, 1, 24), _MOMENT, True, "EUR", 1150, {"country": "DE", "since": date(2020, 2, 29)}),
    ("s2", date(2025, 1, 24), _MOMENT, True, "EUR", 50, {"country": "DE", "since": date(2020, 2, 29)}),
    ("s3", date(2025, 1, 24), _MOMENT, False, "JPY", 1200, {"country": "JP", "since": None}),
    ("s4", None, None, None, None, None, None),
]


@pytest.fixture(scope="module")
def sales() -> Dataset:
    return read_contract("sales", "sales.odcs.yaml", _CONTRACT).datasets[0]


@pytest.fixture(scope="module")
def connection(sales: Dataset) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        columns = silver_columns(sales)
        connection.execute(f"create table sales ({', '.join(f'{name(one)} {kind}' for one, kind in columns)})")
        for number, row in enumerate(_ROWS):
            place = {"load": 1, "source": 0, "ordinal": number, "offset": 0, "unit": 0}
            connection.execute(f"insert into sales values ({', '.join('?' * len(columns))})", [*row, 1, 1, place])
        yield connection


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    # A short path of its own: pytest's is near the limit of a socket's.
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    with EmbeddedPostgres(folder) as dsn:
        database = Database(dsn, "kinds", CommitLog(None), lease_ttl_s=30)
        yield database
        database.close()
    shutil.rmtree(folder)


def _kept(
    database: Database, connection: duckdb.DuckDBPyConnection, sales: Dataset, fold: Fold
) -> list[dict[str, Any]]:
    """The rows of the fold's state, made from all rows of silver."""
    engine = DuckEngine(Path(), memory_bytes=2**29, threads=1, datasets={"sales": sales})
    rows = connection.sql(fold.delta_sql).to_arrow_table()
    assert Folds(database).replace(fold, engine.column_types(fold), rows, {})
    found: list[dict[str, Any]] = Folds(database).state(fold.name).to_pylist()
    return found


@pytest.mark.parametrize(
    ("key", "values", "spelled"),
    [
        ("day", {date(2025, 1, 24): 3, None: 1}, "2025-01-24"),
        ("sold_at", {_MOMENT: 3, None: 1}, "2025-01-24 10:00:00.5+00"),
        ("is_paid", {True: 2, False: 1, None: 1}, "true"),
        ("buyer.country", {"DE": 2, "JP": 1, None: 1}, "DE"),
        ("s.buyer.since", {date(2020, 2, 29): 2, None: 2}, "2020-02-29"),
    ],
)
def test_every_kind_of_column_can_be_a_key(
    database: Database,
    connection: duckdb.DuckDBPyConnection,
    sales: Dataset,
    key: str,
    values: dict[Any, int],
    spelled: str,
) -> None:
    fold = read_fold("keys", f"select {key} as k, count(*) as n from sales as s group by 1", {"sales": sales})
    found = {row["k"]: int(row["n"]) for row in _kept(database, connection, sales, fold)}
    assert found == values
    row = Folds(database).row("keys", "k", spelled)
    assert row is not None
    assert int(row["n"]) == next(iter(values.values()))


def test_amounts_are_kept_and_served_in_the_currency_of_their_row(
    database: Database, connection: duckdb.DuckDBPyConnection, sales: Dataset
) -> None:
    sql = "select currency as code, sum(price_minor) as total from sales group by 1"
    fold = read_fold("totals", sql, {"sales": sales})
    found = {row["code"]: row["total"] for row in _kept(database, connection, sales, fold)}
    assert found == {"EUR": Decimal(1200), "JPY": Decimal(1200), None: None}
    total = Folds(database).outputs()["totals"][1]
    assert (total.currency, total.currency_by) == ("@code", "code")
    fields = [
        Field("currency", "code", "text", None, is_key=True),
        Field("total", "total", "numeric(38,0)", total.currency, is_key=False),
    ]
    assert {answer(fields, row) for row in found.items()} == {
        b'{"currency":"EUR","total":12.00}',
        b'{"currency":"JPY","total":1200}',
        b'{"currency":null,"total":null}',
    }


def test_rows_behind_a_key_are_json_with_times_in_iso_8601(
    connection: duckdb.DuckDBPyConnection, sales: Dataset
) -> None:
    sql = "select day, sold_at, is_paid, sum(1) as n from sales group by 1, 2, 3"
    rows = connection.sql(read_fold("m", sql, {"sales": sales}).explain_sql).to_arrow_table().to_pylist()
    shown = json.loads(as_json(rows[0]))
    assert (shown["day"], shown["sold_at"], shown["is_paid"]) == ("2025-01-24", "2025-01-24T10:00:00.500000Z", True)
    structs = connection.sql("select buyer from sales order by sale_id").to_arrow_table().to_pylist()
    assert json.loads(as_json(structs[0])) == {"buyer": {"country": "DE", "since": "2020-02-29"}}


def test_whole_struct_is_refused_as_a_key_with_what_to_do(
    database: Database, connection: duckdb.DuckDBPyConnection, sales: Dataset
) -> None:
    fold = read_fold("structs", "select buyer, count(*) as n from sales group by 1", {"sales": sales})
    with pytest.raises(ModelError, match=r"column 'buyer' has type STRUCT.*select its parts"):
        _kept(database, connection, sales, fold)
