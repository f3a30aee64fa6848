"""All rows of models, by COPY out of one snapshot, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from tillage.errors import StoreError
from tillage.models.derived import ModelKind
from tillage.models.output import Output
from tillage.ports.gold import KeptModel
from tillage.stores.postgres.database import Database, translated
from tillage.stores.postgres.folds import arrow_type
from tillage.stores.postgres.queries import query

_CHUNK_BYTES = 4 * 1024 * 1024


class Gold:
    """Pins in a session of its own, which others do not write in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def pinned(self, models: Collection[str]) -> Iterator[PinnedGold]:
        with translated():
            connection = self._database.session()
            connection.execute("begin transaction isolation level repeatable read read only")
            try:
                # It may wait for its reader: who reads compresses and writes meanwhile.
                connection.execute("set local idle_in_transaction_session_timeout = 0")
                if models:
                    _hold(connection, models)  # before the first query, which fixes what all others see
                yield PinnedGold(connection)
            finally:
                if not connection.closed:
                    connection.execute("rollback")


def _hold(connection: psycopg.Connection[Any], models: Collection[str]) -> None:
    views = sql.SQL(", ").join(sql.Identifier("gold", model) for model in sorted(models))
    try:
        connection.execute(sql.SQL("lock table {} in access share mode").format(views))
    except psycopg.errors.UndefinedTable as wrong:
        raise StoreError("a model was taken away while it was asked for; repeat the command") from wrong


class PinnedGold:
    """Reads in one repeatable-read transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._models = {
            str(name): KeptModel(ModelKind(kind), str(digest), tuple(Output(*output) for output in outputs))
            for name, digest, outputs, kind in connection.execute(query("models")).fetchall()
        }

    def models(self) -> Mapping[str, KeptModel]:
        return self._models

    def rows(self, model: str) -> pa.RecordBatchReader:
        columns = sql.SQL(", ").join(sql.Identifier(output.name) for output in self._models[model].outputs)
        return typed_rows(self._connection, sql.SQL("select {} from {}").format(columns, sql.Identifier("gold", model)))


def typed_rows(connection: psycopg.Connection[Any], statement: sql.Composed) -> pa.RecordBatchReader:
    """The rows of a SELECT as a stream; whole before the connection is used again."""
    with translated():
        described = connection.execute(statement + sql.SQL(" limit 0")).description or []
    schema = pa.schema([(column.name, arrow_type(column)) for column in described])
    return pa.RecordBatchReader.from_batches(schema, _batches(connection, statement, schema))


def _batches(
    connection: psycopg.Connection[Any], statement: sql.Composed, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    # A null is nothing, an empty string is "": the CSV dialect in which both sides tell them apart.
    command = sql.SQL("copy ({}) to stdout (format csv)").format(statement)
    with translated(), connection.cursor() as cursor, cursor.copy(command) as copy:
        for chunk in _chunks(copy):
            yield from _parsed(chunk, schema)


def _chunks(rows: psycopg.Copy) -> Iterator[bytes]:
    """Whole rows: the server sends each as one piece."""
    held: list[bytes] = []
    size_bytes = 0
    for row in rows:
        held.append(bytes(row))
        size_bytes += len(row)
        if size_bytes >= _CHUNK_BYTES:
            yield b"".join(held)
            held, size_bytes = [], 0
    if held:
        yield b"".join(held)


def _parsed(chunk: bytes, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Exact: numbers are read from their digits."""
    found = csv.read_csv(
        pa.BufferReader(chunk),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(chunk) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return iter(found.to_batches())
