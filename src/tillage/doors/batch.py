"""The batch that every format delivers: one row for each record, all columns always there, in this order."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.ports.door import RecordBatch

SCHEMA = pa.schema(
    [
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("offset", pa.int64()),
        ("raw", pa.large_binary()),
        ("text", pa.large_string()),
        ("size_bytes", pa.int64()),
        ("digest", pa.string()),
        ("code", pa.string()),
        ("is_part", pa.bool_()),
    ]
)
CUT_BYTES = 64 * 1024  # what is kept of a record that is too large: enough to recognise it
UNREADABLE = "unreadable"
TOO_LARGE = "too_large"


class Cut:
    """A record as it passes: its first 64 KiB, its length and its SHA-256, whatever its length, in constant memory."""

    def __init__(self) -> None:
        self.head = bytearray()
        self.size_bytes = 0
        self._digest = hashlib.sha256()

    def add(self, part: bytes | bytearray | memoryview) -> None:
        """Takes the next bytes of the record."""
        self.head += part[: max(0, CUT_BYTES - len(self.head))]
        self.size_bytes += len(part)
        self._digest.update(part)

    def digest(self) -> str | None:
        """SHA-256 in hex of the whole; None where nothing was cut off."""
        return self._digest.hexdigest() if self.size_bytes > CUT_BYTES else None


def build(  # noqa: PLR0913 - one argument for each column
    source: int,
    *,
    ordinal: Any,
    offset: Any,
    raw: pa.Array,
    text: pa.Array | None = None,
    size_bytes: Any = None,
    digest: pa.Array | None = None,
    code: pa.Array | None = None,
    is_part: bool = False,
) -> RecordBatch:
    """A batch of `len(raw)` records; what is not given is null, and sizes are those of `raw`.

    Args:
        source: number of the file in the load.
        ordinal: one number for each record, an array or a sequence.
        offset: as `ordinal`.
        raw: large_binary.
        text: large_string.
        size_bytes: length of the whole record, where some were cut.
        digest: string.
        code: string.
        is_part: of all records.
    """
    count = len(raw)
    if size_bytes is None:
        size_bytes = np.diff(np.frombuffer(raw.buffers()[1], dtype=np.int64)[raw.offset : raw.offset + count + 1])
    columns = [
        pa.array(np.full(count, source, dtype=np.int32)),
        pa.array(np.asarray(ordinal, dtype=np.int64)),
        pa.array(np.asarray(offset, dtype=np.int64)),
        raw,
        pa.nulls(count, pa.large_string()) if text is None else text,
        pa.array(np.asarray(size_bytes, dtype=np.int64)),
        pa.nulls(count, pa.string()) if digest is None else digest,
        pa.nulls(count, pa.string()) if code is None else code,
        pa.repeat(pa.scalar(is_part), count),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def build_cut(source: int, cut: Cut, *, ordinal: int, offset: int, code: str, is_part: bool = False) -> RecordBatch:
    """The batch of one record that was not kept whole."""
    return build(
        source,
        ordinal=[ordinal],
        offset=[offset],
        raw=pa.array([bytes(cut.head)], pa.large_binary()),
        size_bytes=[cut.size_bytes],
        digest=pa.array([cut.digest()], pa.string()),
        code=pa.array([code], pa.string()),
        is_part=is_part,
    )


def gathered(data: Any, starts: Any, ends: Any) -> pa.Array:
    """The bytes of `data` from each start to its end as large_binary; both rise, and no two spans overlap."""
    bounds = np.empty(2 * len(starts), dtype=np.int64)
    bounds[0::2], bounds[1::2] = starts, ends
    if not len(starts):
        return pa.array([], pa.large_binary())
    every = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    )
    return every.take(pa.array(np.arange(0, len(bounds), 2)))


def spans(  # noqa: PLR0913 - as `build`
    source: int,
    data: Any,
    starts: Any,
    ends: Any,
    *,
    ordinal: Any,
    offset: int,
    limit_bytes: int,
    is_unreadable: Any = None,
    text: pa.Array | None = None,
) -> RecordBatch:
    """One record for each span of `data`, which begins at `offset` of its stream; those over the limit are cut."""
    sizes = ends - starts
    is_large = sizes > limit_bytes
    codes = None
    if is_unreadable is not None and is_unreadable.any():
        codes = pc.if_else(pa.array(is_unreadable), UNREADABLE, pa.scalar(None, pa.string()))
    digests = None
    if is_large.any():
        found: list[str | None] = [None] * len(starts)
        for row in np.flatnonzero(is_large).tolist():
            cut = Cut()
            cut.add(memoryview(data)[int(starts[row]) : int(ends[row])])
            found[row] = cut.digest()
        digests = pa.array(found, pa.string())
        codes = pc.if_else(
            pa.array(is_large), TOO_LARGE, pa.nulls(len(starts), pa.string()) if codes is None else codes
        )
        ends = np.where(is_large, np.minimum(ends, starts + CUT_BYTES), ends)
    raw = gathered(data, starts, ends)
    return build(
        source,
        ordinal=ordinal,
        offset=starts + offset,
        raw=raw,
        text=text,
        size_bytes=sizes,
        digest=digests,
        code=codes,
    )
