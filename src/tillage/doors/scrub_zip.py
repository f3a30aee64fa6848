"""Zip files written anew with records of some members scrubbed; all else in them is as it was when it is unpacked.

Members keep their order, names, dates and attributes. What lies between them in the file, as of members that were
taken out by then, does not come along.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import IO

from tillage.contracts.project import Feed
from tillage.doors.archive import member_blocks
from tillage.doors.refused import RefusedStreamError
from tillage.doors.scrub_spans import Scrub
from tillage.doors.scrub_streams import Meant, rewrites_of, scrub_all
from tillage.doors.stored import archive_at, hashing
from tillage.ports.scrubbing import Rewrite

_PIECE_BYTES = 1024 * 1024
_WIDE_BYTES = 512 * 1024 * 1024  # a member that might come to 4 GiB gets wide sizes; rows in UTF-16 may grow threefold
_WIDE_EXTRA = 1
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError)


class ZipRewriting:
    """The rewriting of a zip file."""

    def __init__(self, descriptor: int, meant: Sequence[Meant], scrubs: dict[str, Scrub], *, key: bytes | None) -> None:
        self._descriptor, self._scrubs, self._key = descriptor, scrubs, key
        self._meant = [one for one in meant if one.member in scrubs]

    def write(self, file: IO[bytes], *, is_shape_kept: bool) -> None:
        with archive_at(self._descriptor) as old, zipfile.ZipFile(file, "w") as new:
            new.comment = old.comment
            for info in old.infolist():
                scrub = self._scrubs.get(info.filename)
                blocks = _blocks(old, info)
                if scrub:
                    blocks = scrub.stream(blocks, is_shape_kept=is_shape_kept)
                _add(new, info, blocks)

    def is_right(self, descriptor: int) -> bool:
        with archive_at(self._descriptor) as old, archive_at(descriptor) as new:
            pairs = zip(old.infolist(), new.infolist(), strict=True)
            are_others = all(
                (before.filename, before.file_size, before.CRC) == (after.filename, after.file_size, after.CRC)
                for before, after in pairs
                if before.filename not in self._scrubs
            )
            return are_others and all(
                scrub.is_right(member_blocks(new, member)) for member, scrub in self._scrubs.items()
            )

    def rewrites(self, descriptor: int) -> list[Rewrite]:
        with archive_at(descriptor) as new:
            after = {member: digest_of(new, member, self._key)[0] for member in self._scrubs}
        return rewrites_of(self._meant, after.__getitem__)


def zip_rewriting(descriptor: int, feed: Feed, meant: Sequence[Meant], *, key: bytes | None) -> ZipRewriting | None:
    """The rewriting of an open zip file; None where nothing of it is to change.

    Raises:
        RefusedStreamError: a member cannot be read as the feed says.
    """
    by_member: dict[str, list[Meant]] = defaultdict(list)
    for one in meant:
        by_member[one.member].append(one)
    scrubs: dict[str, Scrub] = {}
    with archive_at(descriptor) as old:
        for member, those in by_member.items():
            scrub = scrub_all(feed, those, member_blocks(old, member), member_blocks(old, member))
            if scrub:
                scrubs[member] = scrub
    return ZipRewriting(descriptor, meant, scrubs, key=key) if scrubs else None


def digest_of(zipped: zipfile.ZipFile, member: str, key: bytes | None) -> tuple[str, str]:
    """Of a member's unpacked bytes, keyed and plain.

    Raises:
        RefusedStreamError: it cannot be read.
    """
    passed = hashing()
    for block in member_blocks(zipped, member):
        passed.add(block)
    return passed.hexdigest(key), passed.hexdigest(None)


def _blocks(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Any member, also one that no feed takes up; what goes wrong is never mistaken for a failure to write."""
    try:
        file = zipped.open(info)
    except _BROKEN:
        raise _broken() from None
    with file:
        while True:
            try:
                block = file.read(_PIECE_BYTES)
            except _BROKEN:
                raise _broken() from None
            if not block:
                return
            yield block


def _broken() -> RefusedStreamError:
    return RefusedStreamError("is no whole zip file, or packed in a way that is not known")


def _add(zipped: zipfile.ZipFile, old: zipfile.ZipInfo, blocks: Iterator[bytes]) -> None:
    info = zipfile.ZipInfo(old.filename, old.date_time)
    for name in ("compress_type", "comment", "create_system", "create_version", "extract_version", "internal_attr"):
        setattr(info, name, getattr(old, name))
    info.extra = _without_sizes(old.extra)
    with zipped.open(info, "w", force_zip64=old.file_size > _WIDE_BYTES) as file:
        for block in blocks:
            file.write(block)
    info.external_attr = old.external_attr  # the writer would put its own for none; they are written at the end


def _without_sizes(extra: bytes) -> bytes:
    """Extra fields without that of wide sizes, which the writer adds anew where they are needed."""
    kept = b""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[: 4 + size], extra[4 + size :]
        kept += b"" if kind == _WIDE_EXTRA else field
    return kept + extra
