"""`processed/`: of each landed file the records that stand, in its format, its folders and its packing.

A file is written beside and moved into place, so that a reader finds the old one or the new one, whole. One process at
a time writes the files of a feed: the kernel frees its lock with it, and one that only stood still holds others up
rather than put old files in the place of theirs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.environments import PROCESSED
from tillage.contracts.project import Feed
from tillage.domain.load import CommitPoint
from tillage.errors import MirrorError, TransientError
from tillage.exports.beside import sync
from tillage.exports.sink import PACKED, Sink, bytes_of, packed
from tillage.ports.commit import Commits
from tillage.ports.lake import Rows

_LOCK = ".tillage-lock"
_PART = ".tillage-part"
_READ_BYTES = 1024 * 1024


class Processed:
    """The folder of one environment's files, `name` below the project's; below it one folder for each feed."""

    def __init__(self, root: Path, name: str, commits: Commits) -> None:
        self._root, self._folder, self._commits = root, root / name, commits

    def is_there(self, feed: Feed) -> bool:
        return (self._folder / feed.name / _LOCK).exists()

    def put(self, feed: Feed, names: Sequence[str], records: Rows, *, is_ours: Callable[[], None]) -> None:
        with self._locked(feed, is_ours) as folder:
            changed = {folder, folder.parent}
            for name, pieces in _by_file(names, records):
                target = folder / name
                changed |= _make_folders(target.parent, folder)
                self._write(feed, folder / _PART, target, pieces)
                changed.add(target.parent)
            for one in sorted(changed):
                sync(one)

    def clear(self, feed: Feed, *, is_ours: Callable[[], None]) -> None:
        with self._locked(feed, is_ours) as folder:
            for one in folder.iterdir():
                if one.name == _LOCK:
                    continue
                if one.is_dir() and not one.is_symlink():
                    shutil.rmtree(one)
                else:
                    one.unlink()
            sync(folder)

    def differing(self, feed: Feed, names: Sequence[str], records: Rows) -> Iterator[str]:
        folder = self._folder / feed.name
        there = {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if not path.is_dir() and path.name not in {_LOCK, _PART}
        }
        for name, pieces in _by_file(names, records):
            wanted = hashlib.sha256()
            for piece in _spelt(feed, pieces):
                wanted.update(piece)
            if name not in there or _digest(folder / name) != wanted.digest():
                yield name
        yield from sorted(there - {*names})

    @contextmanager
    def _locked(self, feed: Feed, is_ours: Callable[[], None]) -> Iterator[Path]:
        """The feed's folder, once no other process writes there and the right to is known to be ours.

        Raises:
            TransientError: another process writes there.
            MirrorError: it cannot be written.
        """
        folder = self._folder / feed.name
        try:
            _make_folders(folder, self._root)
            if not (folder / _LOCK).exists() and any(folder.iterdir()):
                raise MirrorError(
                    f"{PROCESSED}/{feed.name} holds something that Tillage did not put there; move it away, since the "
                    "files of the feed are kept in that folder, then: tillage run"
                )
            folder.chmod(0o700)
            descriptor = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_ours()
                yield folder
            finally:
                os.close(descriptor)
        except BlockingIOError:
            raise TransientError(
                f"{PROCESSED}/{feed.name} is being written by another process; wait for it, then: tillage run"
            ) from None
        except OSError as wrong:
            raise MirrorError(
                f"{PROCESSED}/{feed.name} cannot be written ({wrong.strerror or type(wrong).__name__}); what stands in "
                "the lake is whole. Mend that, or take `files` out of the feed's `mirror`, then: tillage run"
            ) from wrong

    def _write(self, feed: Feed, part: Path, target: Path, pieces: Iterator[tuple[pa.Array, bool]]) -> None:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with packed(Sink(file), _packing(target)) as out:
                for piece in _spelt(feed, pieces):
                    out.write(piece)
            file.flush()
            os.fsync(file.fileno())
        with self._commits.at(CommitPoint.MIRROR):
            part.replace(target)


def _by_file(names: Sequence[str], records: Rows) -> Iterator[tuple[str, Iterator[tuple[pa.Array, bool]]]]:
    """Each file with its records, as arrays of bytes and whether the first of them began with its file."""
    batches = (batch for batch in pa.RecordBatchReader.from_stream(records) if batch.num_rows)
    held: list[pa.RecordBatch] = []

    def of(number: int) -> Iterator[tuple[pa.Array, bool]]:
        while True:
            batch = held.pop() if held else next(batches, None)
            if batch is None:
                return
            end = int(np.searchsorted(batch.column("file").to_numpy(), number, side="right"))
            if end:
                yield batch.column("raw").slice(0, end), batch.column("is_whole")[0].as_py()
            if end < batch.num_rows:
                held.append(batch.slice(end))
                return

    for number, name in enumerate(names):
        mine = of(number)
        yield name, mine
        for _ in mine:
            raise AssertionError("a file was written without all of its records")


def _spelt(feed: Feed, pieces: Iterator[tuple[pa.Array, bool]]) -> Iterator[bytes | memoryview]:
    """The bytes of one file: lines; or a list of documents; or, of a single one that the file was, that."""
    if feed.format != "json":
        for records, _ in pieces:
            yield _joined(records, b"\n")
        return
    first = next(pieces, None)
    second = next(pieces, None) if first else None
    if first and second is None and len(first[0]) == 1 and first[1]:
        yield _joined(first[0], b"\n")
        return
    before = b"[\n"
    for records, _ in chain((one for one in (first, second) if one), pieces):
        yield before
        yield _joined(records, b",\n")[:-2]
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _joined(records: pa.Array, end: bytes) -> memoryview:
    """Each record with `end` behind it, one after the other."""
    ends_with, nothing = (pa.scalar(one, pa.large_binary()) for one in (end, b""))
    return memoryview(bytes_of(pc.binary_join_element_wise(records.cast(pa.large_binary()), ends_with, nothing)))


def _packing(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _make_folders(folder: Path, below: Path) -> set[Path]:
    """Makes what is missing of a folder below another one, for the owner alone, since what lies in it may be about
    people; the folders in which something new lies.

    Raises:
        OSError: something that is no folder has the name of one, such as a link.
    """
    changed = set()
    for one in [*reversed([parent for parent in folder.parents if parent.is_relative_to(below)]), folder]:
        if one == below:
            continue
        try:
            one.mkdir(mode=0o700)
            changed.add(one.parent)
        except FileExistsError:
            if not stat.S_ISDIR(one.lstat().st_mode):
                raise
    return changed


def _digest(path: Path) -> bytes:
    found = hashlib.sha256()
    try:
        with pa.input_stream(str(path), compression=PACKED.get(_packing(path))) as stream:
            while piece := stream.read(_READ_BYTES):
                found.update(piece)
    except OSError:
        return b""  # torn, or not packed as its name says
    return found.digest()
