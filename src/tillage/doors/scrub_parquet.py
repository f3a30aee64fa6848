"""Parquet files written anew with some rows null in every column; all other rows, their groups and order are kept.

A row group is held at a time. Columns keep type, metadata and compression, and may be null from then on; INT96 becomes
a timestamp of microseconds, which is what the door reads of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.doors.opening import stable_path
from tillage.doors.parquet_rows import read_parquet
from tillage.doors.refused import RefusedStreamError
from tillage.doors.scrub_spans import CHUNK_BYTES, Others
from tillage.doors.scrub_streams import Meant, rewrites_of
from tillage.doors.stored import hashed
from tillage.errors import FileRejectedError
from tillage.ports.scrubbing import Rewrite

_BATCH_ROWS = 1 << 16


class ParquetRewriting:
    """The rewriting of a Parquet file; `path` opens it, and `rows` are numbers from 0, rising."""

    def __init__(self, path: Path, meant: Sequence[Meant], rows: Any, *, key: bytes | None) -> None:
        self._path, self._meant, self._rows, self._key = path, meant, rows, key

    def write(self, file: IO[bytes], *, is_shape_kept: bool) -> None:
        _ = is_shape_kept
        with _opened(self._path) as old:
            schema = pa.schema([_nullable(field) for field in old.schema_arrow], old.schema_arrow.metadata)
            options = {"compression": _compression(old.metadata), "version": "2.6", "write_page_checksum": True}
            with pq.ParquetWriter(file, schema, **options) as new:
                for number in range(old.num_row_groups):
                    batches = [_nulled(batch, rows, schema) for batch, rows in _batches(old, self._rows, number)]
                    group = pa.Table.from_batches(batches, schema)
                    new.write_table(group, row_group_size=max(group.num_rows, 1))

    def is_right(self, descriptor: int) -> bool:
        try:
            return self._others(self._path) == self._others(stable_path(descriptor, self._path))
        except FileRejectedError:
            return False

    def rewrites(self, descriptor: int) -> list[Rewrite]:
        after = hashed(descriptor).hexdigest(self._key)
        return rewrites_of(self._meant, lambda _: after)

    def _others(self, path: Path) -> str:
        others = Others()
        for batch in read_parquet(path, 0, chunk_bytes=CHUNK_BYTES, max_record_bytes=MAX_RECORD_BYTES):
            others.add(batch, ~np.isin(batch.column("offset").to_numpy(), self._rows))
        return others.hexdigest()


def parquet_rewriting(
    descriptor: int, path: Path, meant: Sequence[Meant], *, key: bytes | None
) -> ParquetRewriting | None:
    """The rewriting of an open file; None where the rows that are meant are null already, or not there.

    Raises:
        RefusedStreamError: it cannot be read.
    """
    found = stable_path(descriptor, path)
    rows = np.unique(np.array([ordinal - 1 for one in meant for ordinal in one.ordinals], dtype=np.int64))
    with _opened(found) as file:
        for number in _groups_with(file, rows):
            for batch, places in _batches(file, rows, number):
                meant_rows = batch.take(pa.array(places))
                if any(column.null_count < len(column) for column in meant_rows.columns):
                    return ParquetRewriting(found, meant, rows, key=key)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Values that Arrow refuses while it is read or written are said of the file."""
    try:
        with path.open("rb") as file, pq.ParquetFile(file, pre_buffer=False, coerce_int96_timestamp_unit="us") as found:
            yield found
    except pa.ArrowException as wrong:
        if isinstance(wrong, OSError):
            raise
        raise RefusedStreamError("is a Parquet file that cannot be written anew") from None


def _groups_with(file: pq.ParquetFile, rows: Any) -> Iterator[int]:
    start = 0
    for number in range(file.num_row_groups):
        end = start + file.metadata.row_group(number).num_rows
        if np.searchsorted(rows, start) < np.searchsorted(rows, end):
            yield number
        start = end


def _batches(file: pq.ParquetFile, rows: Any, number: int) -> Iterator[tuple[pa.RecordBatch, Any]]:
    """Batches of one row group, each with the places in it of those rows that are meant."""
    start = sum(file.metadata.row_group(before).num_rows for before in range(number))
    for batch in file.iter_batches(_BATCH_ROWS, row_groups=[number]):
        first, last = np.searchsorted(rows, (start, start + batch.num_rows))
        yield batch, rows[first:last] - start
        start += batch.num_rows


def _nulled(batch: pa.RecordBatch, places: Any, schema: pa.Schema) -> pa.RecordBatch:
    if len(places):
        is_null = np.zeros(batch.num_rows, dtype=bool)
        is_null[places] = True
        batch = batch.take(pa.array(np.arange(batch.num_rows), mask=is_null))
    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _nullable(field: pa.Field) -> pa.Field:
    """A struct that is null has null members; lists that are null have no elements."""
    if kinds.is_struct(field.type):
        members = [_nullable(field.type.field(number)) for number in range(field.type.num_fields)]
        field = field.with_type(pa.struct(members))
    elif kinds.is_fixed_size_list(
        field.type
    ):  # Arrow writes none that is null; as Parquet has it they are lists anyway
        field = field.with_type(pa.list_(field.type.value_field))
    return field.with_nullable(True)


def _compression(metadata: pq.FileMetaData) -> dict[str, str]:
    """Of each column as in the first row group."""
    if not metadata.num_row_groups:
        return {}
    group = metadata.row_group(0)
    columns = (group.column(number) for number in range(group.num_columns))
    return {
        column.path_in_schema: "none" if column.compression == "UNCOMPRESSED" else column.compression
        for column in columns
    }
