"""Values that PostgreSQL compressed within a page (pglz, lz4), found by their headers and unpacked.

A page is not read tuple by tuple: what a dead tuple left in the free space of a page is looked at too.

Source: PostgreSQL 18, `varatt.h` (VARATT_IS_4B_C, va_tcinfo) and `common/pg_lzcompress.c`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

PAGE_BYTES = 8192
_HEADER_BYTES = 24  # of a page
_MOST_RAW_BYTES = 4 * 1024 * 1024  # pglz packs at most 1 to 91, lz4 1 to 255
_PGLZ, _LZ4 = 0, 1


def is_pages(start: bytes) -> bool:
    """Whether a file's first bytes are those of a page of 8 KiB; a page that was never used is all zeros."""
    return len(start) >= _HEADER_BYTES and start[18:20] in {b"\x04\x20", b"\0\0"}


def unpacked_values(pages: bytes) -> Iterator[bytes]:
    """What may be a compressed value within one of the pages, unpacked; a few of them are none and hold nothing."""
    whole = len(pages) // PAGE_BYTES * PAGE_BYTES
    for shift in range(4):
        # A header stands at a multiple of 4 in its tuple, but the rest of an overwritten tuple stands anywhere.
        count = (whole - shift) // 4 - 1
        if count <= 0:
            continue
        words = np.frombuffer(pages, "<u4", count + 1, shift)
        headers, infos = words[:-1], words[1:]
        sizes, raws = headers >> 2, infos & 0x3FFFFFFF
        rooms = PAGE_BYTES - (np.arange(count, dtype=np.int64) * 4 + shift) % PAGE_BYTES
        chosen = (
            (headers & 3 == 2)
            & (infos >> 30 <= _LZ4)
            & (sizes > 8)
            & (sizes <= rooms)
            & (raws > sizes)
            & (raws <= _MOST_RAW_BYTES)
        )
        for index in np.flatnonzero(chosen).tolist():
            at, size, raw = index * 4 + shift, int(sizes[index]), int(raws[index])
            value = unpacked(pages[at + 8 : at + size], raw, method=int(infos[index]) >> 30)
            if value:
                yield value


def unpacked(packed: bytes, raw_bytes: int, *, method: int) -> bytes | None:
    """The value of so many bytes; nothing if this is none."""
    if method == _PGLZ:
        return unpglz(packed, raw_bytes)
    if raw_bytes > 256 * len(packed):
        return None
    try:
        value: bytes = pa.Codec("lz4_raw").decompress(packed, raw_bytes).to_pybytes()
    except (OSError, pa.ArrowException):
        return None
    return value


def unpglz(packed: bytes, raw_bytes: int) -> bytes | None:
    """The unpacked value; nothing if this is none, or does not come to exactly so many bytes."""
    if raw_bytes > 100 * len(packed):
        return None
    out = bytearray()
    at, control, bits = 0, 0, 0
    try:
        while at < len(packed) and len(out) < raw_bytes:
            if not bits:
                control, bits, at = packed[at], 8, at + 1
            is_copy, control, bits = control & 1, control >> 1, bits - 1
            if not is_copy:
                out.append(packed[at])
                at += 1
                continue
            length, offset, at = (packed[at] & 15) + 3, (packed[at] & 0xF0) << 4 | packed[at + 1], at + 2
            if length == 18:
                length, at = length + packed[at], at + 1
            if not 0 < offset <= len(out):
                return None
            # It may reach into what it writes, which then repeats.
            out += (out[-offset:] * (length // offset + 1))[:length]
    except IndexError:
        return None
    return bytes(out) if len(out) == raw_bytes and at == len(packed) else None
