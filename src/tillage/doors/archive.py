"""Zip files at the door: each member is a source of its own, named after the zip file and itself, read in pieces.

Names of members are never names of files here. A zip file that holds anything that could mislead is refused whole.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO

from tillage.contracts.project import Feed
from tillage.doors.folders import is_data, is_hidden, suffix_reason
from tillage.doors.packing import MAX_RATIO, MAX_UNPACKED_BYTES, bounded
from tillage.doors.recognise import begins_as
from tillage.doors.refused import RefusedStreamError
from tillage.ports.door import LeftAlone

_MAX_DIRECTORY_BYTES = 16 * 1024 * 1024  # about 150,000 members; Python holds some 20 times as much while it is open
_TAIL_BYTES = 66_000  # the end record with the longest comment
_PIECE_BYTES = 1024 * 1024
_IS_ENCRYPTED = 0x1
# What Python's reader raises on a directory or member that is not as it should be; RuntimeError: it wants a password.
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError)


@contextmanager
def archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip file.

    Raises:
        RefusedStreamError: it is torn, or its directory is larger than a zip file's for people is.
    """
    _refuse_large_directory(file)
    with _whole():
        opened = zipfile.ZipFile(file)
    with opened:
        yield opened


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except _BROKEN:
        raise RefusedStreamError("is no whole zip file, or packed in a way that is not known") from None


def members(opened: zipfile.ZipFile, name: str, feed: Feed, *, stored_bytes: int) -> tuple[list[str], list[LeftAlone]]:
    """Names of the members to load, in order, and what else is in it; `name` is that of the zip file. One whose suffix
    is of another format is loaded if it begins as one of the feed's.

    Raises:
        RefusedStreamError: a member leads out of the zip file, is encrypted, packed, or there twice; or a bomb.
    """
    taken: list[str] = []
    alone: list[LeftAlone] = []
    doubtful: dict[str, str] = {}
    seen: set[str] = set()
    for info in opened.infolist():
        shown = ascii(info.orig_filename)
        if info.is_dir():
            continue
        _refuse_misleading(info, shown)
        if info.filename in seen:
            raise RefusedStreamError(f"holds member {shown} twice; pack it anew")
        seen.add(info.filename)
        if any(is_hidden(part) for part in info.filename.split("/")):
            continue
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        reason = "a link" if is_link else suffix_reason(info.filename, feed, is_member=True)
        if reason and not is_link and is_data(info.filename):
            doubtful[info.filename] = reason
        elif reason:
            alone.append(LeftAlone(f"{name}/{info.filename}", reason))
        else:
            taken.append(info.filename)
    size = sum(info.file_size for info in opened.infolist())
    if size > MAX_UNPACKED_BYTES and size > MAX_RATIO * stored_bytes:
        raise RefusedStreamError(
            f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes and {MAX_RATIO} times its size, which is the limit"
        )
    for member, reason in doubtful.items():
        if begins_as(feed, member_blocks(opened, member), member):
            taken.append(member)
        else:
            alone.append(LeftAlone(f"{name}/{member}", reason))
    return sorted(taken), alone


def member_blocks(opened: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The member's bytes in pieces; after the last its checksum is known to be right.

    Raises:
        RefusedStreamError: it is not there any more, or packed twice, or a bomb.
    """
    try:
        info = opened.getinfo(member)
    except KeyError:
        raise RefusedStreamError("is not in the zip file any more") from None
    with _whole():
        file = opened.open(info)
    with file:
        yield from bounded(_pieces(file), stored_bytes=info.compress_size)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        with _whole():
            piece = file.read(_PIECE_BYTES)
        if not piece:
            return
        yield piece


def _refuse_misleading(info: zipfile.ZipInfo, shown: str) -> None:
    if "\0" in info.orig_filename or not info.filename:
        raise RefusedStreamError(f"holds member {shown}, whose name is none; pack it anew")
    parts = info.orig_filename.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or parts[0].endswith(":") or "" in parts or "." in parts:
        raise RefusedStreamError(f"holds member {shown}, whose name leads out of the zip file; pack it anew")
    if info.flag_bits & _IS_ENCRYPTED:
        raise RefusedStreamError(f"holds member {shown}, which is encrypted; pack it anew without a password")
    if PurePosixPath(info.filename.lower()).suffix in {".gz", ".zst", ".zip"}:
        raise RefusedStreamError(f"holds member {shown}, which is packed itself; unpack the outer file")


def _refuse_large_directory(file: IO[bytes]) -> None:
    """Before Python's reader takes the whole directory into memory."""
    size = file.seek(0, io.SEEK_END)
    start = file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise RefusedStreamError("is no whole zip file")
    wide = tail.rfind(b"PK\x06\x06", 0, place)
    directory = int.from_bytes(tail[place + 12 : place + 16], "little")
    if wide >= 0 and directory == 0xFFFFFFFF:
        directory = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    if directory > min(_MAX_DIRECTORY_BYTES, start + place):
        raise RefusedStreamError(f"has a directory of more than {_MAX_DIRECTORY_BYTES:,} bytes, which is the limit")
    file.seek(0)
