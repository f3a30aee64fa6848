"""Tables sorted and spelled for an export by a database of its own, which spills what it cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from tillage.contracts.sql_text import name
from tillage.domain.export import Amounts, Form, Format
from tillage.engines.amounts import NO_CURRENCY, Shown, major_columns, minor_columns
from tillage.engines.filling import keep_all
from tillage.engines.spelling import csv_header, csv_line, json_line
from tillage.errors import ExportError, LakeError, TillageError
from tillage.ports.export import Source, Streamed

# One vector of the engine: a record may have megabytes.
_BATCH_ROWS = 2048


class DuckExports:
    """Draws and sorts in databases that `connect` opens."""

    def __init__(self, connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._connect = connect

    @contextmanager
    def drawn(self, sources: Sequence[Source]) -> Iterator[DuckDrawn]:
        with self._connect() as connection:
            for source in sources:
                keep_all(connection, source.view.tables)
            yield DuckDrawn(connection)


class DuckDrawn:
    """Reads the tables one after the other."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, source: Source, form: Form) -> Streamed:
        columns = self._columns(source.view.sql)
        is_typed = form.format in {Format.PARQUET, Format.DELTA}
        shown = minor_columns(columns, are_whole=is_typed)
        if form.amounts is Amounts.MAJOR:
            shown = major_columns(columns, source.amounts, are_whole=is_typed)
        names = tuple(one.name for one in shown)
        inner, order = _sortable(source, shown)
        # A batch of lines may have more than 2 GiB; what is typed is kept in types that every reader has.
        self._connection.execute(f"set arrow_large_buffer_size = {'false' if is_typed else 'true'}")
        try:
            selected = ", ".join(f"t.{name(own)}" for own in names) if is_typed else self._line(inner, names, form)
            sorted_rows = self._connection.sql(f"select {selected} from ({inner}) as t order by {order}")
            reader = sorted_rows.to_arrow_reader(_BATCH_ROWS)
        except duckdb.Error as wrong:
            raise _translated(source, wrong) from None
        header = csv_header(names) if form.format is Format.CSV else ""
        rows = pa.RecordBatchReader.from_batches(reader.schema, _translating(source, reader))
        return Streamed(names, rows, header)

    def _line(self, inner: str, names: Sequence[str], form: Form) -> str:
        columns = [(own, kind) for own, kind in self._columns(inner) if own in names]
        if form.format is Format.CSV:
            return f"{csv_line(columns, is_for_spreadsheets=form.is_for_spreadsheets)} as line"
        return f"{json_line(columns)} as line"

    def _columns(self, sql: str) -> list[tuple[str, Any]]:
        relation = self._connection.sql(sql)
        return list(zip(relation.columns, relation.types, strict=True))


def _sortable(source: Source, shown: Sequence[Shown]) -> tuple[str, str]:
    """SELECT of the shown columns with what the rows are sorted by beside them, and the ORDER BY."""
    taken = {one.name for one in shown}
    hidden = []
    for index, column in enumerate(source.order):
        alias = f"#{index}"
        while alias in taken:
            alias += "#"
        hidden.append((column, alias))
    selected = [f"{one.sql} as {name(one.name)}" for one in shown]
    selected += [f"s.{name(column)} as {name(alias)}" for column, alias in hidden]
    order = ", ".join(f"t.{name(alias)} nulls last" for _, alias in hidden)
    return f"select {', '.join(selected)} from ({source.view.sql}) as s", order


def _translating(source: Source, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException, OSError) as wrong:
        raise _translated(source, wrong) from None


def _translated(source: Source, wrong: Exception) -> TillageError:
    """Never the text itself: it may quote a value of a row."""
    said = str(wrong)
    if NO_CURRENCY in said:
        return ExportError(
            f"{source.name} has an amount without a currency of ISO 4217, so its decimals cannot be told; export it in "
            "minor units: --amounts minor"
        )
    if "Conversion Error" in said or "Out of Range Error" in said:
        return ExportError(
            f"{source.name} holds a number with more digits than this form of it has; export it with --format jsonl or "
            "csv, and --amounts minor"
        )
    if "Out of Memory Error" in said:
        return ExportError(
            f"{source.name} needs more memory or more room in data/tmp than there is: free some disk, or repeat the "
            "command with TILLAGE_MEMORY_MB=4096"
        )
    if "IO Error" in said:
        return LakeError(
            f"{source.name}: a file of data/lake is gone, or data/tmp is full; repeat the command; if it fails "
            "again: tillage doctor"
        )
    return ExportError(f"{source.name} cannot be read ({type(wrong).__name__}); see: tillage doctor")
