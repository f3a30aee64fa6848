"""The stored bytes of one source: a file, or a member of a zip file, opened safely, hashed as they pass, unpacked."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import ZipFile

from tillage.contracts.project import Feed
from tillage.doors.archive import archive, member_blocks
from tillage.doors.folders import PACKED
from tillage.doors.opening import opened, stable_path
from tillage.doors.packing import unpacked

DigestKey = Callable[[Feed], bytes | None]
"""By which digests of a feed's files and records are keyed; None: they are not."""
_READ_BYTES = 1024 * 1024


@dataclass
class Hashing:
    """SHA-256 and length of what was read so far."""

    digest: Any
    size_bytes: int = 0

    def hexdigest(self, key: bytes | None) -> str:
        """What tells these bytes from others: their SHA-256, or what only who has the key can make of that."""
        return str(self.digest.hexdigest()) if key is None else keyed(key, self.digest.digest())

    def add(self, block: bytes) -> bytes:
        """Takes the next block, and hands it on."""
        self.digest.update(block)
        self.size_bytes += len(block)
        return block


def keyed(key: bytes, digest: bytes) -> str:
    """HMAC-SHA256 of a digest, in hex: of a file with few people in it, a digest alone would tell who they are."""
    return hmac.digest(key, digest, hashlib.sha256).hex()


def hashing() -> Hashing:
    """Of nothing yet."""
    return Hashing(hashlib.sha256())


def split(root: Path, path: str) -> tuple[str, str]:
    """The file that a source's path names, and the member in it; the member is empty where the path is the file's."""
    if (root / path).is_file():
        return path, ""
    for parent in list(Path(path).parents)[:-1]:
        if (root / parent).is_file():
            name = parent.as_posix()
            return name, path[len(name) + 1 :]
    return path, ""


def file_blocks(descriptor: int, name: str, passed: Hashing) -> Iterator[bytes]:
    """The decoded stream of an open file, from its start.

    Raises:
        RefusedStreamError: it cannot be unpacked as a whole.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    yield from unpacked(
        lambda size: passed.add(os.read(descriptor, size)),
        promised=PACKED.get(Path(name).suffix.lower(), ""),
        stored_bytes=os.fstat(descriptor).st_size,
    )


@contextmanager
def archive_at(descriptor: int) -> Iterator[ZipFile]:
    """The open file as a zip file.

    Raises:
        RefusedStreamError: it is none, or torn.
    """
    with open(os.dup(descriptor), "rb") as file, archive(file) as zipped:  # noqa: PTH123 - a descriptor is no path
        yield zipped


class Shelf:
    """Opens the sources of one feed one after another; a zip file stays open until a source of another file is asked
    for, since its directory may be as long as it has members.
    """

    def __init__(self, root: Path, folder: str) -> None:
        self._root = root
        self._folder = folder
        self._name = ""
        self._zipped: ZipFile | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *wrong: object) -> None:
        self._open.close()

    @contextmanager
    def blocks(self, path: str, passed: Hashing) -> Iterator[Iterator[bytes]]:
        """The decoded stream of the source at `path`, a file below the folder or a member of one.

        Raises:
            FileNotFoundError: it is gone.
            RefusedStreamError: it cannot be read as a whole.
        """
        name, member = split(self._root, path)
        if not member:
            with self.file(name) as (descriptor, _):
                yield file_blocks(descriptor, name, passed)
            return
        if name != self._name or self._zipped is None:
            self._name, self._zipped = "", None
            self._open.close()
            descriptor, _ = self._open.enter_context(self.file(name))
            self._name, self._zipped = name, self._open.enter_context(archive_at(descriptor))
        yield (passed.add(block) for block in member_blocks(self._zipped, member))

    @contextmanager
    def file(self, name: str) -> Iterator[tuple[int, Path]]:
        """A file below the folder, open, and a path that opens that very file again.

        Raises:
            FileNotFoundError, RefusedStreamError: as `blocks`.
        """
        real = (self._root / name).resolve()
        with opened(real, (self._root / self._folder).resolve()) as descriptor:
            yield descriptor, stable_path(descriptor, real)


def hashed(descriptor: int) -> Hashing:
    """The whole of an open file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    passed = hashing()
    while passed.add(os.read(descriptor, _READ_BYTES)):
        pass
    return passed
