"""CSV rows as JSON objects, written for a whole chunk at once.

The bytes of all objects, end to end, are pieces of the chunk and of a few templates in the right order: one gather in
Arrow writes them. Only fields that hold something to escape are copied before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.doors.batch import gathered


def texts(
    data: Any, starts: Any, ends: Any, *, is_null: Any, is_odd: Any, names: Sequence[bytes], quote: int | None
) -> pa.Array:
    """One JSON object for each row, in the encoding of `data`, as large_binary: every member a string or null.

    Args:
        data: the chunk, uint8.
        starts: (rows, names) places of the fields' first bytes, within their quotes.
        ends: as `starts`, behind the last.
        is_null: as `starts`.
        is_odd: as `starts`: the field needs an escape.
        names: of the columns, as `member_name` writes them.
        quote: what is doubled inside of a quoted field.
    """
    rows, width = starts.shape
    if not rows:
        return pa.array([], pa.large_binary())
    starts, ends, odd = starts.ravel(), ends.ravel(), np.flatnonzero(is_odd)
    escaped = _escaped(gathered(data, starts[odd], ends[odd]), quote)
    templates = _templates(names)
    first_template = 2 * rows * width
    pieces = _pieces(data, starts, ends, templates, escaped)
    order = np.empty((rows, 2 * width + 1), dtype=np.int32)
    field = np.arange(0, first_template, 2, dtype=np.int32)
    field[odd] = np.arange(len(odd), dtype=np.int32) + first_template + len(templates)
    order[:, 1::2] = np.where(is_null, first_template + len(templates) - 1, field.reshape(rows, width))
    order[:, 0::2] = first_template + 4 * np.arange(width + 1)
    order[:, 0] += 2
    order[:, 2::2] += 2 * is_null
    order[:, 0:-1:2] += is_null
    written = pieces.take(pa.array(order.ravel()))
    bounds = np.frombuffer(written.buffers()[1], dtype=np.int64)[:: 2 * width + 1].copy()
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), rows, [None, pa.py_buffer(bounds), written.buffers()[2]])


def decoded(values: pa.Array, encoding: str) -> pa.Array:
    """The same as text; null where the bytes are none in that encoding."""
    if encoding == "utf-8":
        try:
            return values.cast(pa.large_string())
        except pa.ArrowInvalid:
            return _decoded_each(values, encoding)
    # No line feed is left in a JSON object, so it can part them while all are decoded at once.
    joined = pc.binary_join_element_wise(values, pa.scalar(b"", pa.large_binary()), pa.scalar(b"\n", pa.large_binary()))
    try:
        data = memoryview(joined.buffers()[2] or b"").tobytes().decode(encoding).encode()
    except UnicodeDecodeError:
        return _decoded_each(values, encoding)
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])[: len(ends)]
    return gathered(data, starts, ends).cast(pa.large_string())


def _decoded_each(values: pa.Array, encoding: str) -> pa.Array:
    """One by one: only for a chunk in which some record cannot be decoded."""
    found: list[str | None] = []
    for value in values.to_pylist():
        try:
            found.append(value.decode(encoding))
        except UnicodeDecodeError:
            found.append(None)
    return pa.array(found, pa.large_string())


def member_name(name: str, encoding: str) -> bytes:
    """The name as it stands in a JSON object in that encoding; escaped where the encoding lacks a letter of it."""
    try:
        return json.dumps(name, ensure_ascii=False).encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(name).encode("ascii")


def _templates(names: Sequence[bytes]) -> list[bytes]:
    """What stands before, between and behind the fields, four of each: 2 if none is open before, 1 if none behind.

    The last is null.
    """
    parts = [(b"," if number else b"{") + name + b":" for number, name in enumerate(names)]
    found = [left + part + right for part in parts for left in (b'"', b"") for right in (b'"', b"")]
    return [*found, b'"}', b'"}', b"}", b"}", b"null"]


def _pieces(data: Any, starts: Any, ends: Any, templates: list[bytes], escaped: pa.Array) -> pa.Array:
    """Field, what is between it and the next, field, ...; then the templates, then the escaped fields."""
    extra = [np.frombuffer(b"".join(templates), dtype=np.uint8)]
    lengths = [np.array([len(template) for template in templates])]
    if len(escaped):
        bounds = np.frombuffer(escaped.buffers()[1], dtype=np.int64)[: len(escaped) + 1]
        lengths.append(np.diff(bounds))
        extra.append(np.frombuffer(escaped.buffers()[2] or b"", dtype=np.uint8)[bounds[0] : bounds[-1]])
    fields = 2 * len(starts)
    offsets = np.empty(fields + 1 + sum(map(len, lengths)), dtype=np.int64)
    offsets[0:fields:2], offsets[1:fields:2], offsets[fields] = starts, ends, len(data)
    offsets[fields + 1 :] = len(data) + np.cumsum(np.concatenate(lengths))
    buffer = np.concatenate([data, *extra])
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(buffer)]
    )


def _escaped(values: pa.Array, quote: int | None) -> pa.Array:
    """The values as they stand in a JSON string, with doubled quotes made single."""
    if not len(values):
        return values
    present = np.bincount(np.frombuffer(values.buffers()[2] or b"", dtype=np.uint8), minlength=128)
    values = pc.replace_substring(values, pattern=b"\\", replacement=b"\\\\")
    if quote == ord('"'):
        values = pc.replace_substring(values, pattern=b'""', replacement=b'\\"')
    else:
        values = pc.replace_substring(values, pattern=b'"', replacement=b'\\"')
        if quote is not None:
            values = pc.replace_substring(values, pattern=bytes([quote, quote]), replacement=bytes([quote]))
    for number in np.flatnonzero(present[:32]).tolist():
        values = pc.replace_substring(
            values, pattern=bytes([number]), replacement=json.dumps(chr(number))[1:-1].encode()
        )
    return values
