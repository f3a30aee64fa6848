"""Tables of rows that come as a stream."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from tillage.contracts.sql_text import name
from tillage.ports.lake import Rows

_BATCH = '"#batch"'


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Rows) -> None:
    """Puts the rows into the table, by the names of their columns.

    Batch by batch: whoever sends them is asked from this thread, and fails in its own words.
    """
    for batch in pa.RecordBatchReader.from_stream(rows):
        _insert(connection, f"insert into {table} by name", pa.table(batch))


def keep_all(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Rows]) -> None:
    """Makes tables of the rows; each is named with its schema, as in `kept.state_spend`."""
    for table, rows in tables.items():
        schema, _, own = table.partition(".")
        connection.execute(f"create schema if not exists {name(schema)}")
        reader = pa.RecordBatchReader.from_stream(rows)
        _insert(connection, f"create or replace table {name(schema, own)} as", reader.schema.empty_table())
        fill(connection, name(schema, own), reader)


def _insert(connection: duckdb.DuckDBPyConnection, into: str, rows: pa.Table) -> None:
    # What is registered stands where `show tables` lists it, so it is only so for a moment.
    connection.register(_BATCH.strip('"'), rows)
    connection.execute(f"{into} select * from {_BATCH}")
    connection.unregister(_BATCH.strip('"'))
