"""What is packed in a stream, as streams again: gzip, zstd, members of zip files, rows of Parquet."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO

import pyarrow as pa

from tillage.scans.columns import row_texts

_PIECE_BYTES = 1024 * 1024
_MOST_HELD_BYTES = 64 * 1024 * 1024
_ALSO_PACKED = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x04\x22\x4d\x18": "lz4",
    b"Rar!\x1a\x07": "rar",
    b"PARE": "encrypted Parquet",
    b"\xff\x06\0\0sNaPpY": "snappy",
}
# What Python's reader of zip files raises on one that is not as it should be; RuntimeError: it wants a password.
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError)


class TornError(Exception):
    """Packed data that cannot be unpacked to its end; the message says why, in words that follow its place."""


@dataclass(frozen=True)
class Source:
    """Bytes that can be read more than once."""

    place: str
    pieces: Callable[[], Iterator[bytes]]
    """From the start; raises TornError where the bytes before it are all that can be had."""
    opened: Callable[[], IO[bytes]] | None = None
    """The same as a file, if they are one."""


def inside(source: Source) -> Iterator[Source]:
    """What the source unpacks to, told by its first bytes; nothing if it is not packed.

    Raises:
        TornError: it is packed and cannot be unpacked at all.
    """
    start = _start(source)
    if start.startswith(b"\x1f\x8b"):
        yield Source(f"{source.place}, unpacked", lambda: _gunzipped(source.pieces()))
    elif start.startswith(b"\x28\xb5\x2f\xfd") or (start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F):
        yield Source(f"{source.place}, unpacked", lambda: _unzstd(source.pieces()))
    elif start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        yield from _members(source)
    elif start.startswith(b"PAR1"):
        yield Source(f"{source.place}, rows", lambda: _rows(source))
    else:
        for magic, name in _ALSO_PACKED.items():
            if start.startswith(magic):
                raise TornError(f"is packed as {name}, which is not unpacked")


def _start(source: Source) -> bytes:
    """As much of it as says what it is."""
    start = b""
    try:
        for piece in source.pieces():
            start += piece
            if len(start) >= 16:
                break
    except TornError:
        pass
    return start


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All members; zero bytes after one are padding."""
    unpack = zlib.decompressobj(wbits=31)
    is_between = False
    for piece in pieces:
        block = piece
        while block:
            if is_between:
                block = block.lstrip(b"\0")
                if not block:
                    break
                unpack, is_between = zlib.decompressobj(wbits=31), False
            try:
                out = unpack.decompress(block, _PIECE_BYTES)
            except zlib.error:
                raise TornError("is no whole gzip file") from None
            if out:
                yield out
            is_between = unpack.eof
            block = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
    while not is_between:
        # What the last block left to be given out: an empty block asks for it.
        out = unpack.decompress(unpack.unconsumed_tail, _PIECE_BYTES)
        if not out:
            raise TornError("is no whole gzip file")
        yield out
        is_between = unpack.eof


def _unzstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All frames."""
    under = pa.PythonFile(_Pieces(pieces), mode="r")
    try:
        with pa.CompressedInputStream(under, "zstd") as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
    except OSError:
        raise TornError("is no whole zstd file") from None


class _Pieces:
    """An iterator of bytes as a file that Arrow can read."""

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest and (piece := next(self._pieces, None)) is not None:
            self._rest = piece
        size = len(self._rest) if size < 0 else size
        block, self._rest = self._rest[:size], self._rest[size:]
        return block

    def close(self) -> None:
        self.closed = True


def _file(source: Source) -> IO[bytes]:
    """The source as a file that can be sought in; one that is inside of another is held in memory."""
    if source.opened:
        return source.opened()
    held = io.BytesIO()
    for piece in source.pieces():
        if held.tell() + len(piece) > _MOST_HELD_BYTES:
            raise TornError(f"is in another packed file, and larger than {_MOST_HELD_BYTES:,} bytes")
        held.write(piece)
    held.seek(0)
    return held


def _members(source: Source) -> Iterator[Source]:
    """Each member by its number, since a name may be somebody's; names themselves are in the stored bytes."""
    try:
        with closing(_file(source)) as file, zipfile.ZipFile(file) as opened:
            infos = opened.infolist()
    except _BROKEN:
        raise TornError("is no whole zip file") from None
    for number, info in enumerate(infos, 1):
        if not info.is_dir():
            yield Source(f"{source.place}, member {number}", lambda info=info: _member(source, info))  # type: ignore[misc]


def _member(source: Source, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with closing(_file(source)) as file, zipfile.ZipFile(file) as opened, opened.open(info) as member:
            while piece := member.read(_PIECE_BYTES):
                yield piece
    except _BROKEN:
        raise TornError("is no whole member of a zip file, or cannot be read without a password") from None


def _rows(source: Source) -> Iterator[bytes]:
    try:
        with closing(_file(source)) as file:
            yield from row_texts(file)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        # Arrow's messages may hold values.
        raise TornError("is no whole Parquet file, or of a kind that Arrow does not read") from None
