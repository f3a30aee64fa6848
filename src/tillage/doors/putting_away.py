"""What becomes of a landed file once a load of it is sealed: it goes to the archive, or is deleted.

A file is read again first: only what is loaded to the last byte is moved. It is renamed where it lies, to a name that
no door takes up, and looked at once more, so that one that was put in its place meanwhile is given back; then it is
moved. A process that dies in between leaves it under that name, and the next run goes on from there.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tillage.contracts.project import ARCHIVE, After, Feed
from tillage.domain.load import CommitPoint
from tillage.doors.arriving import sources_in
from tillage.doors.folders import Candidate, candidates, refuse_missing, walk
from tillage.doors.opening import is_being_written, opened
from tillage.doors.refused import RefusedStreamError
from tillage.doors.stored import DigestKey
from tillage.ports.commit import Commits
from tillage.ports.door import LeftAlone
from tillage.ports.landed import PutAway
from tillage.ports.store import Sealed

_HELD = ".tillage-after"


class LandedFiles:
    """The landing folders of the project in `root`, and its archive.

    Args:
        digest_key: As of `FilesDoor`.
    """

    def __init__(self, root: Path, commits: Commits, digest_key: DigestKey = lambda _: None) -> None:
        self._root, self._commits, self._digest_key = root, commits, digest_key

    def put_away(self, feed: Feed, sealed: Sealed) -> PutAway:
        folder = refuse_missing(self._root, feed)
        putting = _Putting(self._root, feed, sealed, self._commits, folder.resolve(), self._digest_key(feed))
        for held in list(_held_below(folder, self._root)):
            putting.said_of(held.name, partial(putting.go_on, held))
        for candidate in candidates(self._root, feed)[0]:
            if putting.is_named(candidate.name) and not (self._root / candidate.name).is_symlink():
                putting.said_of(candidate.name, partial(putting.begin, candidate))
        return PutAway(tuple(putting.done), tuple(putting.left_alone))


@dataclass(frozen=True)
class _Held:
    """A file under the name that no door takes up."""

    path: Path
    name: str
    """As it landed, relative to the project."""


def _held_below(folder: Path, root: Path) -> Iterator[_Held]:
    for directory, names in walk(folder, root):
        for last in names:
            if last.startswith(".") and last.endswith(_HELD) and not (directory / last).is_symlink():
                landed = directory / last[1 : -len(_HELD)]
                yield _Held(directory / last, landed.relative_to(root).as_posix())


@dataclass
class _Putting:
    """One pass over a feed's folder."""

    root: Path
    feed: Feed
    sealed: Sealed
    commits: Commits
    inside: Path
    key: bytes | None
    done: list[str] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)
    _names: Set[str] = frozenset()

    def __post_init__(self) -> None:
        paths = [Path(path) for path, _ in self.sealed.sources]
        self._names = {one.as_posix() for path in paths for one in (path, *path.parents)}

    def is_named(self, name: str) -> bool:
        """Whether anything was loaded under the name of this file, or as a member of it."""
        return name in self._names

    def said_of(self, name: str, work: Callable[[], str | None]) -> None:
        """Notes what keeps a file from being moved."""
        try:
            reason = work()
        except (FileNotFoundError, RefusedStreamError):
            return  # gone, or something else since it was listed
        except OSError as wrong:
            reason = f"is loaded and cannot be moved away ({wrong.strerror}); give this account the right to"
        if reason:
            self.left_alone.append(LeftAlone(name, reason))

    def begin(self, candidate: Candidate) -> str | None:
        """Moves one file that lies at the door; otherwise why not, if there is anything to say."""
        held = _Held(candidate.folder / f".{candidate.last}{_HELD}", candidate.name)
        if held.path.exists():
            return None  # said of it already
        with opened(candidate.real, self.inside) as descriptor:
            if is_being_written(descriptor):
                return None  # the next load looks at it
            if (reason := self._keeps(candidate.name, descriptor)) is not None:
                return reason or None
            before = _identity(os.fstat(descriptor))
            with self.commits.at(CommitPoint.PUT_AWAY):
                candidate.real.rename(held.path)
            if not before == _identity(os.fstat(descriptor)) == _identity(held.path.stat()):
                self._give_back(held)
                return None
        self._move(held)
        return None

    def go_on(self, held: _Held) -> str | None:
        """Goes on where a process died."""
        with opened(held.path.resolve(), self.inside) as descriptor:
            reason = self._keeps(held.name, descriptor)
        if reason is None:
            self._move(held)
            return None
        self._give_back(held)
        return reason or None

    def _keeps(self, name: str, descriptor: int) -> str | None:
        """None: all that is in the file is loaded. Otherwise why it stays, empty where there is nothing to say."""
        try:
            sources, others = sources_in(self.feed, name, descriptor, self.key)
        except RefusedStreamError:
            return ""
        if not sources or any((one.path, one.digest) not in self.sealed.sources for one in sources):
            return ""
        if self.feed.after is After.DELETE:
            if others:
                return "is not deleted, since it also holds what was not loaded"
            if any(one.path in self.sealed.cut for one in sources):
                return "is not deleted, since a record of it is too large to be kept elsewhere"
        return None

    def _move(self, held: _Held) -> None:
        if self.feed.after is After.DELETE:
            with self.commits.at(CommitPoint.PUT_AWAY):
                held.path.unlink()
                _sync(held.path.parent)
        else:
            self._archive(held)
        self.done.append(held.name)

    def _archive(self, held: _Held) -> None:
        archive = self.root / ARCHIVE
        archive.mkdir(mode=0o700, exist_ok=True)
        target = _free(archive / held.name, held.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.commits.at(CommitPoint.PUT_AWAY):
            try:
                held.path.rename(target)
            except OSError as wrong:
                if wrong.errno != errno.EXDEV:
                    raise
                _copy(held.path, target)
                held.path.unlink()
            for folder in {target.parent, archive, held.path.parent}:
                _sync(folder)

    def _give_back(self, held: _Held) -> None:
        """Under its own name, or beside a newer file of that name: the next load looks at it."""
        landed = self.root / held.name
        for name in _names(landed):
            try:
                os.link(held.path, name)
            except FileExistsError:
                continue
            break
        held.path.unlink()
        _sync(landed.parent)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    """What stays when a file is renamed, and nothing else keeps."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _free(wanted: Path, source: Path) -> Path:
    """The name itself, also if the same bytes have it; otherwise the next one that is free."""
    return next(
        name
        for name in _names(wanted)
        if not name.exists() or (name.is_file() and filecmp.cmp(name, source, shallow=False))
    )


def _names(wanted: Path) -> Iterator[Path]:
    """`a.csv.gz`, `a~2.csv.gz`, `a~3.csv.gz` and so on."""
    yield wanted
    stem, dot, suffixes = wanted.name.partition(".")
    yield from (wanted.with_name(f"{stem}~{number}{dot}{suffixes}") for number in count(2))


def _copy(source: Path, target: Path) -> None:
    """To another file system: whole or not at all, with its times."""
    part = target.with_name(f".{target.name}{_HELD}")
    shutil.copy2(source, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if not filecmp.cmp(source, part, shallow=False):
        part.unlink()
        raise OSError(errno.EIO, "the copy is another")
    part.rename(target)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
