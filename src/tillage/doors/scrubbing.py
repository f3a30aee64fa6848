"""Takes records out of files that landed, wherever they lie now, and leaves all other records where they stand.

A file is written beside its place, read again to see that every other record is as it was, synced, noted and then
renamed. Until then the old one is untouched, and whatever goes wrong leaves it so.

A file in the landing folder with other bytes than were meant is named, since people may be in it. In the archive it is
another file that landed under that name, and is named only where some of the bytes that are meant are nowhere.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tillage.contracts.project import Feed
from tillage.domain.load import CommitPoint
from tillage.doors.opening import is_being_written, opened
from tillage.doors.packing import packing
from tillage.doors.refused import RefusedStreamError
from tillage.doors.scrub_parquet import parquet_rewriting
from tillage.doors.scrub_places import Place, Places, part_of
from tillage.doors.scrub_streams import Meant, Rewriting, can_keep_shape, start_of, stream_rewriting
from tillage.doors.scrub_zip import digest_of, zip_rewriting
from tillage.doors.stored import DigestKey, archive_at, hashed
from tillage.ports.commit import Commits
from tillage.ports.scrubbing import Rewrite, Scrubbed, Wanted

_OTHER = "holds other bytes than were loaded from there"


class ScrubbedFiles:
    """Landing folders and archive of the project in `root`.

    Args:
        digest_key: As of `FilesDoor`.
    """

    def __init__(self, root: Path, commits: Commits, digest_key: DigestKey = lambda _: None) -> None:
        self._root, self._commits, self._digest_key = root, commits, digest_key

    def scrub(
        self, feed: Feed, wanted: Mapping[str, Sequence[Wanted]], note: Callable[[Sequence[Rewrite]], None]
    ) -> Scrubbed:
        places = Places(self._root, feed)
        sources: dict[Path, list[tuple[str, str]]] = defaultdict(list)
        found: dict[Path, Place] = {}
        for path in sorted(wanted):
            for place, member in places.of(path):
                found.setdefault(place.real, place)
                sources[place.real].append((path, member))
        scrubbing = _Scrubbing(feed, wanted, note, self._commits, self._digest_key(feed))
        for real, place in found.items():
            scrubbing.take(place, sources[real])
        return Scrubbed(tuple(scrubbing.rewritten), tuple(scrubbing.all_left()))


@dataclass
class _Scrubbing:
    """One pass over the files of a feed."""

    feed: Feed
    wanted: Mapping[str, Sequence[Wanted]]
    note: Callable[[Sequence[Rewrite]], None]
    commits: Commits
    key: bytes | None
    rewritten: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    found: list[Wanted] = field(default_factory=list)
    """Those whose bytes lie somewhere."""
    others: list[tuple[str, str]] = field(default_factory=list)
    """Paths, and names in the archive that hold other bytes."""

    def all_left(self) -> list[str]:
        """With what is only known at the end."""
        found = {id(one) for one in self.found}
        lacking = {path for path, those in self.wanted.items() if any(id(one) not in found for one in those)}
        unfound = [f"{name} {_OTHER}" for path, name in self.others if path in lacking]
        return list(dict.fromkeys([*self.left, *unfound]))

    def take(self, place: Place, sources: Sequence[tuple[str, str]]) -> None:
        """Scrubs one file of the sources that lie in it, or says why not; what `note` raises passes."""
        with ExitStack() as open_files:
            ready: _Ready | None = None
            with self._said_of(place):
                descriptor = open_files.enter_context(opened(place.real, place.inside))
                ready = self._prepared(place, descriptor, sources, open_files)
            if ready is None:
                return
            self.note(ready.rewrites)
            with self._said_of(place):
                self._move(ready)

    @contextmanager
    def _said_of(self, place: Place) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            return  # gone since it was listed
        except RefusedStreamError as wrong:
            self.left.append(f"{place.name} {wrong}")
        except OSError as wrong:
            self.left.append(f"{place.name} cannot be scrubbed ({wrong.strerror or wrong})")

    def _prepared(
        self, place: Place, descriptor: int, sources: Sequence[tuple[str, str]], open_files: ExitStack
    ) -> _Ready | None:
        """The new file beside the old one, whole, read again and synced; None where there is nothing to do."""
        if is_being_written(descriptor):
            raise RefusedStreamError("is being written")
        before = os.fstat(descriptor)
        meant = self._meant(place, descriptor, sources)
        rewriting = self._rewriting(place, descriptor, meant) if meant else None
        if rewriting is None:
            return None
        part = open_files.enter_context(_part(part_of(place.real), before))
        self._write(rewriting, part)
        os.fsync(part)
        ready = _Ready(place, descriptor, _identity(before), hashed(part).hexdigest(None), rewriting.rewrites(part))
        ready.refuse_changed()
        return ready

    def _meant(self, place: Place, descriptor: int, sources: Sequence[tuple[str, str]]) -> list[Meant]:
        """The sources whose bytes these are."""
        found = []
        for path, member, digests in _digests(descriptor, sources, self.key, is_zip=self._is_zip(descriptor)):
            fits = [one for one in self.wanted[path] if not one.digests.isdisjoint(digests)]
            self.found += fits
            for one in fits:
                before = next(digest for digest in digests if digest in one.digests)
                found.append(Meant(path, member, before, frozenset(one.ordinals), one.form, one.spans))
            name = f"{place.name}/{member}" if member else place.name
            if not fits and place.is_landing:
                self.left.append(f"{name} {_OTHER}")
            elif not fits:
                self.others.append((path, name))
        return found

    def _is_zip(self, descriptor: int) -> bool:
        return self.feed.format != "parquet" and packing(start_of(descriptor)) == "zip"

    def _rewriting(self, place: Place, descriptor: int, meant: Sequence[Meant]) -> Rewriting | None:
        if self.feed.format == "parquet":
            return parquet_rewriting(descriptor, place.real, meant, key=self.key)
        if self._is_zip(descriptor):
            return zip_rewriting(descriptor, self.feed, meant, key=self.key)
        return stream_rewriting(descriptor, place.name, self.feed, meant, key=self.key)

    def _write(self, rewriting: Rewriting, part: int) -> None:
        for is_shape_kept in (False, True) if can_keep_shape(self.feed) else (False,):
            os.ftruncate(part, 0)
            os.lseek(part, 0, os.SEEK_SET)
            with open(part, "wb", closefd=False) as file:
                rewriting.write(file, is_shape_kept=is_shape_kept)
            if rewriting.is_right(part):
                return
        raise RefusedStreamError("cannot be written so that all other records are read as before")

    def _move(self, ready: _Ready) -> None:
        place = ready.place
        with self.commits.at(CommitPoint.SCRUB):
            ready.refuse_changed()
            part_of(place.real).rename(place.real)
            _sync(place.real.parent)
        self.rewritten.append(place.name)
        with opened(place.real, place.inside) as again:
            if hashed(again).hexdigest(None) != ready.digest:
                raise RefusedStreamError("is not what was written")


@dataclass(frozen=True)
class _Ready:
    """A file whose successor lies beside it."""

    place: Place
    descriptor: int
    before: tuple[int, int, int, int]
    digest: str
    """SHA-256 of the successor's stored bytes."""
    rewrites: list[Rewrite]

    def refuse_changed(self) -> None:
        """Raises a RefusedStreamError unless the file is there as it was read, and nobody is at work on it."""
        here = _identity(self.place.real.lstat())
        if not self.before == here == _identity(os.fstat(self.descriptor)) or is_being_written(self.descriptor):
            raise RefusedStreamError("changed while it was scrubbed")


def _digests(
    descriptor: int, sources: Sequence[tuple[str, str]], key: bytes | None, *, is_zip: bool
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Of each source that can be in the file: path, member, digests keyed and plain; a ledger may hold either, plain
    ones from before the feed was about people.
    """
    whole = [path for path, member in sources if not member]
    if whole:
        passed = hashed(descriptor)
        yield from ((path, "", (passed.hexdigest(key), passed.hexdigest(None))) for path in whole)
    members = [(path, member) for path, member in sources if member]
    if not is_zip:
        yield from ((path, "", ()) for path, _ in members)
    elif members:
        with archive_at(descriptor) as zipped:
            there = set(zipped.namelist())
            yield from ((path, name, digest_of(zipped, name, key)) for path, name in members if name in there)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _part(path: Path, like: os.stat_result) -> Iterator[int]:
    """A new file of the same owner and mode, open to write and read; gone at the end unless it was moved."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        made = os.fstat(descriptor)
        if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        yield descriptor
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
