"""What is new at a feed's door: each file, or member of a zip file, looked at once and hashed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.doors.archive import member_blocks, members
from tillage.doors.csv_dialect import DoubtfulDialectError, sniffed
from tillage.doors.folders import Candidate, candidates, folder_members
from tillage.doors.opening import is_being_written, opened, signature
from tillage.doors.packing import packing
from tillage.doors.recognise import begins_as
from tillage.doors.refused import MisdescribedError, RefusedStreamError
from tillage.doors.stored import Hashing, archive_at, file_blocks, hashed, hashing
from tillage.errors import FileRejectedError, OperatorError
from tillage.ports.door import Arrivals, LeftAlone
from tillage.ports.store import Known


def arrivals(root: Path, feed: Feed, known: Known, key: bytes | None) -> Arrivals:
    """What `Door.arrivals` promises; with `key` digests are keyed by it."""
    found, alone = candidates(root, feed, known.signatures)
    looking = _Looking(feed, known, (root / feed.folder).resolve(), form=known.form, left_alone=alone, key=key)
    for candidate in found:
        looking.take(candidate)
    sources = sorted(looking.sources, key=lambda source: source.path)
    form = looking.form if feed.format == "csv" and feed.csv.delimiter is None else ""
    return Arrivals(
        tuple(replace(source, source=number, form=form) for number, source in enumerate(sources)),
        tuple(looking.left_alone),
        tuple(looking.rejected),
    )


def unknown(root: Path, feed: Feed, known: Known) -> list[str]:
    """What `Door.unknown` promises. Each member of a zip file is known by the signature of the whole."""
    zipped = {found for path, found in known.signatures.items() if ".zip/" in path.lower()}
    return [
        one.name
        for one in candidates(root, feed, known.signatures)[0]
        if not one.doubt and (now := signature(one.found)) != known.signatures.get(one.name) and now not in zipped
    ]


def sources_in(feed: Feed, name: str, descriptor: int, key: bytes | None) -> tuple[list[SourceFile], list[LeftAlone]]:
    """What an open file would be loaded as, and the members of it that would be left alone.

    Raises:
        RefusedStreamError: nothing of it could be loaded.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    looking = _Looking(feed, Known(), Path(), form="", left_alone=[], key=key)
    return looking.hashed(name, descriptor, ""), looking.left_alone


def rejected(path: str, wrong: RefusedStreamError) -> FileRejectedError:
    """The error that names the file."""
    mend = "Correct tillage.yaml or the contract" if isinstance(wrong, MisdescribedError) else "Replace it"
    return FileRejectedError(
        path, f"file {path} {wrong}; nothing of it is loaded. {mend}, or move it out of the folder, then: tillage run"
    )


def _content(name: str, descriptor: int, key: bytes | None) -> str:
    """Digest of the unpacked bytes; empty where it cannot be unpacked, which reading it will say."""
    found = hashing()
    try:
        for block in file_blocks(descriptor, name, hashing()):
            found.add(block)
    except RefusedStreamError:
        return ""
    return found.hexdigest(key)


@dataclass
class _Looking:
    """One look at a feed's door."""

    feed: Feed
    known: Known
    inside: Path
    form: str
    left_alone: list[LeftAlone]
    key: bytes | None
    sources: list[SourceFile] = field(default_factory=list)
    rejected: list[FileRejectedError] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)

    def take(self, candidate: Candidate) -> None:
        """Adds what is new of one file.

        Raises:
            OperatorError: it may not be read.
        """
        if self.known.signatures.get(candidate.name) == signature(candidate.found):
            return
        try:
            with opened(candidate.real, self.inside) as descriptor:
                self._take_open(candidate, descriptor)
        except FileNotFoundError:
            return
        except RefusedStreamError as wrong:
            self.left_alone.append(LeftAlone(candidate.name, str(wrong)))
        except OSError as wrong:
            raise OperatorError(
                f"file {candidate.name} cannot be read ({wrong.strerror}); make it readable, or move it out of the "
                "folder"
            ) from None

    def _take_open(self, candidate: Candidate, descriptor: int) -> None:
        name, before = candidate.name, signature(os.fstat(descriptor))
        if candidate.doubt and not self._is_right(name, descriptor):
            self.left_alone.append(LeftAlone(name, candidate.doubt))
            return
        if is_being_written(descriptor):
            self.left_alone.append(LeftAlone(name, "is still being written; the next run takes it", is_passing=True))
            return
        try:
            added = self.hashed(name, descriptor, before)
        except RefusedStreamError as wrong:
            self.rejected.append(rejected(name, wrong))
            return
        if signature(os.fstat(descriptor)) != before:
            reason = "changed while it was looked at; the next run takes it"
            self.left_alone.append(LeftAlone(name, reason, is_passing=True))
            return
        for source in added:
            self._add(source, descriptor, name)

    def _is_right(self, name: str, descriptor: int) -> bool:
        try:
            return begins_as(self.feed, file_blocks(descriptor, name, hashing()), name)
        except RefusedStreamError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

    def hashed(self, name: str, descriptor: int, now: str) -> list[SourceFile]:
        """The file itself, or the members of it that are new."""
        start = os.read(descriptor, 4)
        if packing(start) == "zip" and self.feed.format != "parquet":
            return list(self._members(name, descriptor, now))
        if start and name.lower().endswith(".zip"):
            raise RefusedStreamError("is no zip file, though its name says so")
        source = self._source(name, hashed(descriptor), now)
        is_packed = packing(start) and self.feed.format != "parquet"
        if is_packed and not self.feed.is_same_content_loaded:
            return [replace(source, content=_content(name, descriptor, self.key))]
        return [source]

    def _members(self, name: str, descriptor: int, now: str) -> Iterator[SourceFile]:
        with archive_at(descriptor) as zipped:
            taken, alone = members(zipped, name, self.feed, stored_bytes=os.fstat(descriptor).st_size)
            self.left_alone += alone
            for member in taken:
                path = f"{name}/{member}"
                if self.known.signatures.get(path) == now:
                    continue
                passed = hashing()
                for block in member_blocks(zipped, member):
                    passed.add(block)
                yield self._source(path, passed, now)

    def _source(self, path: str, passed: Hashing, now: str) -> SourceFile:
        said = folder_members(path, self.feed)
        members = json.dumps(said) if said else ""
        digest, plain = passed.hexdigest(self.key), passed.hexdigest(None)
        if (path, plain) in self.known.digests:  # from before the feed was about people
            digest = plain
        return SourceFile(0, path, passed.size_bytes, digest, now, members=members)

    def _add(self, source: SourceFile, descriptor: int, name: str) -> None:
        other = None if self.feed.is_same_content_loaded else self._same(source)
        if other is not None:
            with_what = "what was loaded of it" if other == source.path else other
            self.left_alone.append(LeftAlone(source.path, f"has the same content as {with_what}"))
            return
        self.contents.setdefault(source.content or source.digest, source.path)
        if self.feed.format == "csv" and self.feed.csv.delimiter is None and not self.form:
            self.form = self._sniffed(source, descriptor, name)
        self.sources.append(source)

    def _same(self, source: SourceFile) -> str | None:
        """A file with this content, which is loaded or comes before: another, or the same one packed otherwise."""
        if (source.path, source.digest) in self.known.digests:
            return None
        content = source.content or source.digest
        for found in (self.known.contents.get(content), self.known.contents.get(source.digest)):
            if found is not None:
                return found
        return self.contents.get(content)

    def _sniffed(self, source: SourceFile, descriptor: int, name: str) -> str:
        member = source.path[len(name) + 1 :]
        try:
            if not member:
                return sniffed(file_blocks(descriptor, name, hashing()), self.feed.csv)
            with archive_at(descriptor) as zipped:
                return sniffed(member_blocks(zipped, member), self.feed.csv)
        except RefusedStreamError:
            return ""  # reading it will say what is wrong
        except DoubtfulDialectError:
            raise OperatorError(
                f"feed {self.feed.name}: nobody can tell which delimiter file {source.path} has; state it in "
                "tillage.yaml, like `csv: {delimiter: ';'}`, then: tillage run"
            ) from None
