"""Long values that PostgreSQL cut into chunks of 2 KB, put together again and unpacked.

Source: PostgreSQL 18, `bufpage.h`, `itemid.h`, `htup_details.h`, `detoast.c`: a chunk is a row (oid, int4, bytea).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tillage.scans.pages import PAGE_BYTES, unpacked

_MOST_HELD_BYTES = 64 * 1024 * 1024  # of one value; a longer one comes in parts
_HEADER_BYTES = 24  # of a page, and of a row of three columns without nulls
_COLUMNS, _HAS_NULLS = 0x07FF, 0x0001


class Chunks:
    """Takes pages in order and gives values; rows of a value stand one after the other, as they were written."""

    def __init__(self) -> None:
        self._value = bytearray()
        self._first = 0
        self._next: tuple[int, int] | None = None

    def values(self, pages: bytes) -> Iterator[bytes]:
        """Those that end before the last row of these pages."""
        for begin in range(0, len(pages) - PAGE_BYTES + 1, PAGE_BYTES):
            for oid, number, data in _rows(pages[begin : begin + PAGE_BYTES]):
                if (oid, number) != self._next or len(self._value) > _MOST_HELD_BYTES:
                    yield from self.last()
                    self._first = number
                self._value += data
                self._next = oid, number + 1

    def last(self) -> Iterator[bytes]:
        """That which the pages so far may have left open."""
        value, self._value = bytes(self._value), bytearray()
        if self._next is None:
            return
        rows, self._next = self._next[1] - self._first, None
        info = int.from_bytes(value[:4], "little")
        raw_bytes, method = info & 0x3FFFFFFF, info >> 30
        is_packed = self._first == 0 and len(value) < raw_bytes <= _MOST_HELD_BYTES and method <= 1
        plain = unpacked(value[4:], raw_bytes, method=method) if is_packed else None
        if plain is not None:
            yield plain
        elif rows > 1:  # one alone is found as it is stored
            yield value


def _rows(page: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Rows of a page that are, or look like, chunks: their value, its number in the value, its bytes."""
    lower, upper = struct.unpack_from("<HH", page, 12)
    if page[18:20] != b"\x04\x20" or not _HEADER_BYTES <= lower <= upper <= PAGE_BYTES:
        return
    for (pointer,) in struct.iter_unpack("<I", page[_HEADER_BYTES : lower - (lower - _HEADER_BYTES) % 4]):
        at, size = pointer & 0x7FFF, pointer >> 17
        if size < _HEADER_BYTES + 9 or at + size > PAGE_BYTES:
            continue
        columns, mask, head = struct.unpack_from("<HHB", page, at + 18)
        if columns & _COLUMNS != 3 or mask & _HAS_NULLS or head != _HEADER_BYTES:
            continue
        oid, number = struct.unpack_from("<Ii", page, at + _HEADER_BYTES)
        data = page[at + _HEADER_BYTES + 8 : at + size]
        if data[0] & 1 and data[0] >> 1 == len(data):
            yield oid, number, data[1:]
        elif data[0] & 3 == 0 and int.from_bytes(data[:4], "little") >> 2 == len(data):
            yield oid, number, data[4:]
