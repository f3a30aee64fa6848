"""Parquet rows as records: each row is a JSON object of its columns, a row group at a time, in bounded batches.

A Parquet file is not read from its start, so it is torn as a whole or not at all: a footer or a page that cannot be
read rejects the file. Pages that carry checksums are held against them.

Small files can hold much: a value is written once and repeated by number. So columns that were written with a
dictionary are read as one, and a batch is divided until its text is small enough. A single row whose columns are many
times larger than a record may be is `too_large` without being written out: its size is an estimate, without a digest.

Timestamps of the old kind INT96 are read to the microsecond, as what writes them today has no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from tillage.doors.arrow_json import UnknownTypeError, json_text, map_entries, objects
from tillage.doors.batch import TOO_LARGE, UNREADABLE, build
from tillage.doors.passing import limited
from tillage.errors import FileRejectedError, SourceChangedError
from tillage.ports.door import RecordBatch

_BATCH_ROWS = 1 << 16
_TEXT_FACTOR = 4  # JSON text against the bytes of the columns, about: names and digits
_READ_BYTES = 1024 * 1024
_GROUP_ELEMENTS = 1 << 26  # of lists in one row group, which one row may have all to itself
_ROW_FACTOR = 4  # a row is not written out if its columns alone are larger than this many records may be


def read_parquet(
    path: Path, source: int, *, chunk_bytes: int, max_record_bytes: int, name: str | None = None
) -> Iterator[RecordBatch]:
    """The rows of the file, each once and in order, as JSON text; a row with bytes that are no UTF-8 is `unreadable`.

    Args:
        path: the file.
        source: number of the file in the load.
        chunk_bytes: of records in one batch, about.
        max_record_bytes: a longer record has code `too_large`.
        name: of the file in messages; default: the last part of its path.

    Raises:
        FileRejectedError: it is no whole Parquet file, is encrypted, names a column twice, or has a type that is not
            read.
        SourceChangedError: the file is gone.
    """
    rows = 0
    for batch in _read(path, name or path.name, chunk_bytes):
        for part in _divided(batch, chunk_bytes):
            yield _records(part, source, rows, max_record_bytes)
            rows += part.num_rows


def _read(path: Path, name: str, chunk_bytes: int) -> Iterator[pa.RecordBatch]:
    batches = _batches(path, name, chunk_bytes)
    while True:
        try:
            batch = next(batches, None)
        except FileNotFoundError:
            raise SourceChangedError(name, f"file {name} is gone; nothing of it is loaded") from None
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise _rejected(name, "is no whole Parquet file that can be read") from None
        if batch is None:
            return
        yield batch


def _rejected(name: str, why: str) -> FileRejectedError:
    return FileRejectedError(
        name,
        f"file {name} {why}; nothing of it is loaded. Replace it, or move it out of the folder, then: tillage run",
    )


def _batches(path: Path, name: str, chunk_bytes: int) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        found = pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_BYTES)
        _refuse_repeated_names(found.schema_arrow, name)
        _refuse_unknown_types(found.schema_arrow, name)
        _probe(found)
        dictionaries = _dictionary_columns(found.metadata, name)
        file.seek(0)
        with pq.ParquetFile(
            file,
            read_dictionary=dictionaries,
            buffer_size=_READ_BYTES,
            pre_buffer=False,
            page_checksum_verification=True,
            coerce_int96_timestamp_unit="us",
        ) as opened:
            for number in range(opened.num_row_groups):
                group = opened.metadata.row_group(number)
                row_bytes = group.total_byte_size * _TEXT_FACTOR // max(group.num_rows, 1)
                batch_rows = max(1, min(_BATCH_ROWS, chunk_bytes // max(row_bytes, 1)))
                yield from opened.iter_batches(batch_rows, row_groups=[number])


def _probe(file: pq.ParquetFile) -> None:
    """Reads a row of each group: torn metadata of a column raises here, but would end the process if asked for."""
    for number in range(file.num_row_groups):
        for _ in file.iter_batches(1, row_groups=[number]):
            break


def _refuse_repeated_names(fields: pa.Schema | pa.StructType, name: str) -> None:
    repeated = [column for column, times in Counter(field.name for field in fields).items() if times > 1]
    if repeated:
        shown = ", ".join(repr(column) for column in repeated[:5])
        raise _rejected(name, f"has columns of the same name ({shown})")
    for field in fields:
        for inner in _structs(field.type):
            _refuse_repeated_names(inner, name)


def _refuse_unknown_types(schema: pa.Schema, name: str) -> None:
    for field in schema:
        try:
            json_text(pa.array([], field.type))
        except UnknownTypeError:
            raise _rejected(name, f"has a column {field.name!r} of a type that is not read ({field.type})") from None


def _structs(kind: pa.DataType) -> Iterator[pa.StructType]:
    if kinds.is_struct(kind):
        yield kind
    elif kind.num_fields:
        for number in range(kind.num_fields):
            yield from _structs(kind.field(number).type)


def _dictionary_columns(metadata: pq.FileMetaData, name: str) -> list[str]:
    found = set()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.num_values > max(_GROUP_ELEMENTS, group.num_rows):
                raise _rejected(name, f"has more than {_GROUP_ELEMENTS:,} list elements in one row group")
            named = metadata.schema.column(place)
            if column.has_dictionary_page and named.physical_type == "BYTE_ARRAY":
                found.add(named.path)
    return sorted(found)


def _divided(batch: pa.RecordBatch, chunk_bytes: int) -> Iterator[pa.RecordBatch]:
    """Halves, until each is small enough as text or one row."""
    if batch.num_rows > 1 and _decoded_bytes(batch) > 2 * chunk_bytes:
        half = batch.num_rows // 2
        yield from _divided(batch.slice(0, half), chunk_bytes)
        yield from _divided(batch.slice(half), chunk_bytes)
    elif batch.num_rows:
        yield batch


def _decoded_bytes(batch: pa.RecordBatch) -> int:
    return sum(_column_bytes(column) for column in batch.columns)


def _column_bytes(values: pa.Array) -> int:
    """Bytes of the values, those of a dictionary counted as often as they occur."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _column_bytes(values.storage)
    if kinds.is_dictionary(kind):
        try:
            lengths = pc.binary_length(values.dictionary)
        except pa.ArrowNotImplementedError:
            return int(values.nbytes)
        return int(pc.sum(lengths.cast(pa.int64()).take(values.indices)).as_py() or 0)
    if kinds.is_struct(kind):
        return sum(_column_bytes(column) for column in values.flatten())
    if kinds.is_map(kind):
        return _column_bytes(map_entries(values))
    if kinds.is_nested(kind):
        return _column_bytes(values.flatten())
    return int(values.nbytes)


def _records(rows: pa.RecordBatch, source: int, before: int, max_record_bytes: int) -> RecordBatch:
    count = rows.num_rows
    places = np.arange(before, before + count)
    size_bytes = _decoded_bytes(rows)
    if count == 1 and size_bytes > _ROW_FACTOR * max_record_bytes:
        return build(
            source,
            ordinal=places + 1,
            offset=places,
            raw=pa.array([b""], pa.large_binary()),
            size_bytes=[size_bytes],
            code=pa.array([TOO_LARGE], pa.string()),
        )
    text, is_wrong = objects(rows.schema.names, rows.columns, count)
    sizes = pc.binary_length(text).to_numpy()
    raw, digest, code = limited(text.cast(pa.large_binary()), sizes, max_record_bytes)
    if is_wrong.any():
        unreadable = pa.scalar(UNREADABLE, pa.string())
        code = pc.if_else(pa.array(is_wrong), unreadable, pa.nulls(count, pa.string()) if code is None else code)
    return build(source, ordinal=places + 1, offset=places, raw=raw, size_bytes=sizes, digest=digest, code=code)
