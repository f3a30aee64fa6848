"""Arrow rows into PostgreSQL by COPY, and out of it, without a Python object for each row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

_CHUNK_ROWS = 100_000


def copy_rows(
    connection: psycopg.Connection[Any], table: sql.Composable, rows: pa.Table | pa.RecordBatchReader
) -> None:
    """Appends `rows` to `table`, by the names of the columns, inside the caller's transaction."""
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in rows.schema.names)
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(table, columns)
    # A null is nothing, an empty string is "": the CSV dialect in which PostgreSQL tells them apart.
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with connection.cursor().copy(statement) as copy:
        for batch in rows.to_batches(max_chunksize=_CHUNK_ROWS) if isinstance(rows, pa.Table) else rows:
            sink = pa.BufferOutputStream()
            csv.write_csv(batch, sink, options)
            copy.write(sink.getvalue().to_pybytes())


def copied_rows(connection: psycopg.Connection[Any], select: sql.Composable, schema: pa.Schema) -> pa.Table:
    """The rows of a SELECT; texts, numbers and decimals, whose nulls stay."""
    sink = io.BytesIO()
    with connection.cursor().copy(sql.SQL("copy ({}) to stdout (format csv)").format(select)) as copy:
        for piece in copy:
            sink.write(piece)
    size = sink.tell()
    if not size:
        return schema.empty_table()
    sink.seek(0)
    return csv.read_csv(
        sink,
        # A value may be as long as a record, and none goes over the end of a block.
        read_options=csv.ReadOptions(column_names=schema.names, block_size=min(max(size, 1 << 20), (1 << 31) - 1)),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        # What is nothing is null, and what is "" is an empty text.
        convert_options=csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def table_of(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows that were fetched, of which there are few."""
    columns = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
