"""Rows of Parquet as text, each value with the dotted path of its column, so that what stands together stays so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_BATCH_BYTES = 8 * 1024 * 1024
# A dictionary holds a long text once for all rows, so the size of a column says little of what its rows come to.
_MOST_ROWS = 4096
_MAX_GROUP_BYTES = 2 * 1024**3
_MAX_RATIO = 500


def row_texts(file: IO[bytes]) -> Iterator[bytes]:
    """All rows, some thousands at a time, a line each: `{"order.id":622058,"order.note":"as it is"}`.

    Texts and binary values are written as they are, numbers and times in decimals; nulls are left out.

    Raises:
        pa.ArrowException, OSError, ValueError: torn, of an unknown kind, or a bomb.
    """
    with pq.ParquetFile(file, pre_buffer=False) as parquet:
        about = parquet.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        for group in groups:
            size = sum(group.column(n).total_compressed_size for n in range(group.num_columns))
            if group.total_byte_size > max(_MAX_GROUP_BYTES, _MAX_RATIO * size):
                raise ValueError("unpacks to too much")
        row_bytes = sum(group.total_byte_size for group in groups) // max(1, about.num_rows) + 1
        for batch in parquet.iter_batches(batch_size=max(1, min(_MOST_ROWS, _BATCH_BYTES // row_bytes))):
            texts = [_text(column, name) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
            if texts and batch.num_rows:
                yield _lines(_joined(texts, b","))


def _lines(texts: pa.Array) -> bytes:
    """End to end, each in braces and with an end of line, so that a number's end is that of one in JSON."""
    ended = pc.binary_join_element_wise(_said(b"{"), texts, _said(b"}\n"), _said(b""))
    offsets = memoryview(ended.buffers()[1]).cast("q")
    return memoryview(ended.buffers()[2])[offsets[ended.offset] : offsets[ended.offset + len(ended)]].tobytes()


def _text(values: pa.Array, name: str) -> pa.Array:
    """A text for each value, empty for a null."""
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _text(values.storage, name)
    if pa.types.is_dictionary(kind):
        return _text(values.dictionary_decode(), name)
    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        parts = [_text(part, f"{name}.{child}") for child, part in zip(names, values.flatten(), strict=True)]
        return _joined(parts, b",") if parts else pa.array([b""] * len(values), pa.large_binary())
    if pa.types.is_map(kind):
        pairs = pa.StructArray.from_arrays([values.keys, values.items], ["key", "value"])
        # Without its nulls, whose entries would be none of any row's.
        values = pa.ListArray.from_arrays(values.offsets, pairs)
        return _elements(values, name)
    if any(is_kind(kind) for is_kind in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)):
        return _elements(values, name)
    return _leaf(values, name)


def _elements(values: pa.Array, name: str) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(values), 0).cast(pa.int64())
    ends = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    lists = pa.LargeListArray.from_arrays(offsets, _text(values.flatten(), name))
    return pc.binary_join(lists, _said(b","))


def _leaf(values: pa.Array, name: str) -> pa.Array:
    kind = values.type
    is_quoted = any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    )
    texts = values.cast(pa.large_binary()) if is_quoted else _digits(values).cast(pa.large_binary())
    quote = b'"' if is_quoted else b""
    named = f'"{name}":'.encode() + quote
    return pc.fill_null(pc.binary_join_element_wise(_said(named), texts, _said(quote), _said(b"")), b"")


def _digits(values: pa.Array) -> pa.Array:
    """Numbers and times as text."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp(kind.unit)).cast(pa.large_string())
    if pa.types.is_float16(kind):
        values = values.cast(pa.float32())
    if pa.types.is_duration(kind):
        values = values.cast(pa.int64())
    try:
        return values.cast(pa.large_string())
    except pa.ArrowNotImplementedError:
        return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.large_string())


def _joined(parts: list[pa.Array], separator: bytes) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _said(separator))


def _said(text: bytes) -> Any:
    return pa.scalar(text, pa.large_binary())
