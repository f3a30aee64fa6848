"""Unpacks by content: gzip, zstd or nothing, in bounded pieces, and never more than a bomb's worth.

The first bytes say what a stream is, whatever the name says; a name that promises a packing is held to it. A stream
that ends early, or has anything after its end, is refused: nothing of it may be loaded.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import pyarrow as pa

from tillage.doors.refused import RefusedStreamError

MAX_UNPACKED_BYTES = 1024**3  # below it nothing is a bomb: what a small machine can still check
MAX_RATIO = 200  # JSON of one repeated record packs to about 1 in 150; a bomb packs to 1 in 1,000 and more
_PIECE_BYTES = 1024 * 1024
_STORED_BYTES = 256 * 1024

Read = Callable[[int], bytes]
"""The next stored bytes, at most so many; empty at the end only."""


def packing(start: bytes) -> str:
    """What the first bytes of a file say that it is: `gzip`, `zstd`, `zip` or empty."""
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    # 0x184D2A50 to 5F are zstd's skippable frames, which may stand first.
    if start.startswith(b"\x28\xb5\x2f\xfd") or (start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F):
        return "zstd"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    return ""


def unpacked(read: Read, *, promised: str, stored_bytes: int) -> Iterator[bytes]:
    """The decoded stream, in pieces of at most 1 MiB; an empty file is an empty stream, whatever was promised.

    Args:
        read: called to the end of the stored bytes.
        promised: the packing that the name says, or empty.
        stored_bytes: how many there are, for the limit.

    Raises:
        RefusedStreamError: torn, not what was promised, packed twice, or a bomb.
    """
    start = read(_STORED_BYTES)
    if not start:
        return
    found = packing(start)
    if found == "zip":
        raise RefusedStreamError("is a zip file; name it .zip")
    if promised and found != promised:
        raise RefusedStreamError(f"is no {promised} file, though its name says so")
    if not found:
        yield from _blocks(start, read)
        return
    pieces = _gunzipped(start, read) if found == "gzip" else _unzstd(start, read)
    yield from bounded(pieces, stored_bytes=stored_bytes)


def bounded(pieces: Iterator[bytes], *, stored_bytes: int) -> Iterator[bytes]:
    """The same pieces.

    Raises:
        RefusedStreamError: they are packed themselves, or so many that the file must be a bomb.
    """
    size = 0
    for piece in pieces:
        if size == 0 and packing(piece):
            raise RefusedStreamError("is packed twice; unpack it once")
        size += len(piece)
        if size > MAX_UNPACKED_BYTES and size > MAX_RATIO * stored_bytes:
            raise RefusedStreamError(
                f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes and {MAX_RATIO} times its size, which is the limit"
            )
        yield piece


def _blocks(start: bytes, read: Read) -> Iterator[bytes]:
    block = start
    while block:
        yield block
        block = read(_PIECE_BYTES)


def _gunzipped(start: bytes, read: Read) -> Iterator[bytes]:
    """All members of a gzip stream; zero bytes after one are padding, as tapes and block devices leave."""
    unpack = None
    block = start
    while True:
        if unpack is None:
            block = block.lstrip(b"\0") or read(_STORED_BYTES)
            if not block:
                return
            if block.startswith(b"\0"):
                continue
            unpack = zlib.decompressobj(wbits=31)
        try:
            piece = unpack.decompress(block, _PIECE_BYTES)
        except zlib.error:
            raise _torn("gzip") from None
        if piece:
            yield piece
        if unpack.eof:
            block, unpack = unpack.unused_data, None
            continue
        block = unpack.unconsumed_tail
        if not block and len(piece) < _PIECE_BYTES:
            block = read(_STORED_BYTES)
            if not block:
                raise _torn("gzip")


def _unzstd(start: bytes, read: Read) -> Iterator[bytes]:
    """All frames of a zstd stream."""
    try:
        with pa.CompressedInputStream(pa.PythonFile(_Stored(start, read), mode="r"), "zstd") as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
    except OSError:
        raise _torn("zstd") from None


class _Stored:
    """The stored bytes as a file that Arrow can read."""

    closed = False

    def __init__(self, start: bytes, read: Read) -> None:
        self._start = start
        self._read = read

    def read(self, size: int = -1) -> bytes:
        if self._start:
            size = len(self._start) if size < 0 else size
            block, self._start = self._start[:size], self._start[size:]
            return block
        return self._read(size if size >= 0 else _STORED_BYTES)

    def close(self) -> None:
        self.closed = True


def _torn(kind: str) -> RefusedStreamError:
    return RefusedStreamError(f"is no whole {kind} file")
