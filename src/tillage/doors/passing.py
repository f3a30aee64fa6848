"""Records that are too large, and documents that are unreadable: as rows, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.doors.batch import CUT_BYTES, TOO_LARGE, UNREADABLE, build
from tillage.ports.door import RecordBatch

_BLANKS = b" \t\n\r"


class Passing:
    """One record as it passes, without the blanks at its end: whole up to `keep_bytes`, else its head and digest."""

    def __init__(self, keep_bytes: int, *, is_trimmed: bool = True) -> None:
        self._kept = bytearray()
        self.size_bytes = 0
        self._keep_bytes = keep_bytes
        self._room_bytes = max(keep_bytes, CUT_BYTES)
        self._is_trimmed = is_trimmed
        self._passed = hashlib.sha256()  # everything
        self._digest = self._passed.copy()  # up to the last byte that is not blank
        self._passed_bytes = 0

    def add(self, part: bytes | bytearray) -> None:
        solid = len(part.rstrip(_BLANKS)) if self._is_trimmed else len(part)
        self._kept += part[: max(0, self._room_bytes - len(self._kept))]
        with memoryview(part) as view:
            if solid:
                self._passed.update(view[:solid])
                self._digest = self._passed.copy()
                self.size_bytes = self._passed_bytes + solid
            self._passed.update(view[solid:])
        self._passed_bytes += len(part)
        if not self.is_whole():
            self._room_bytes = CUT_BYTES
            del self._kept[CUT_BYTES:]

    def is_whole(self) -> bool:
        return self.size_bytes <= self._keep_bytes

    def is_cut(self) -> bool:
        return not self.is_whole() and self.size_bytes > CUT_BYTES

    def raw(self) -> bytes:
        return bytes(self._kept[: CUT_BYTES if self.is_cut() else self.size_bytes])

    def batch(
        self, source: int, *, ordinal: int, offset: int, code: str | None = None, text: str | None = None
    ) -> RecordBatch:
        """The batch of this one record, with `code` if it is not too large."""
        return build(
            source,
            ordinal=[ordinal],
            offset=[offset],
            raw=pa.array([self.raw()], pa.large_binary()),
            text=pa.array([text], pa.large_string()),
            size_bytes=[self.size_bytes],
            digest=pa.array([self._digest.hexdigest() if self.is_cut() else None], pa.string()),
            code=pa.array([code or (None if self.is_whole() else TOO_LARGE)], pa.string()),
            is_part=True,
        )


def whole_document(blocks: Iterable[bytes], source: int) -> RecordBatch:
    """The document as one unreadable record; over 16 MiB its first 64 KiB, its size and its digest."""
    passing = Passing(MAX_RECORD_BYTES, is_trimmed=False)
    for block in blocks:
        passing.add(block)
    return passing.batch(source, ordinal=1, offset=0, code=UNREADABLE)


def unreadable_part(source: int, *, ordinal: int, offset: int) -> RecordBatch:
    """What makes the whole document unreadable; it holds no bytes, since the document is asked for then."""
    return build(
        source,
        ordinal=[ordinal],
        offset=[offset],
        raw=pa.array([b""], pa.large_binary()),
        code=pa.array([UNREADABLE], pa.string()),
        is_part=True,
    )


def limited(
    raw: pa.LargeBinaryArray, sizes: npt.NDArray[np.int64], max_record_bytes: int
) -> tuple[pa.LargeBinaryArray, pa.StringArray | None, pa.StringArray | None]:
    """The records, those that are too large cut, with their digests and codes."""
    is_large = sizes > max_record_bytes
    if not is_large.any():
        return raw, None, None
    digests = np.full(len(sizes), None, dtype=object)
    for row in np.flatnonzero(is_large & (sizes > CUT_BYTES)):
        digests[row] = hashlib.sha256(raw[int(row)].as_buffer()).hexdigest()
    codes = np.full(len(sizes), None, dtype=object)
    codes[is_large] = TOO_LARGE
    cut = pc.if_else(pa.array(is_large), pc.binary_slice(raw, 0, CUT_BYTES), raw)
    return cut, pa.array(digests, pa.string()), pa.array(codes, pa.string())
