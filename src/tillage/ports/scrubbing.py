"""Files of a feed from which records are taken, while all others stay where they stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from tillage.contracts.project import Feed


@dataclass(frozen=True)
class Wanted:
    """What is to go from one source, a file or a member of a zip file."""

    digests: Set[str]
    """As `SourceFile.digest`: bytes with any of these are those whose records are meant."""
    ordinals: Collection[int]
    form: str = ""
    """As `SourceFile.form`."""
    spans: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By ordinal offset and length of the record when it was loaded: a file that is read otherwise by now is left."""


@dataclass(frozen=True)
class Rewrite:
    """A source whose bytes change; both digests are as `SourceFile.digest`."""

    path: str
    """As the ledger has it, wherever the file lies now."""
    before: str
    after: str


@dataclass(frozen=True)
class Scrubbed:
    """What became of the files."""

    rewritten: tuple[str, ...]
    """Files that lie there with other bytes now, relative to the project."""
    left: tuple[str, ...]
    """Those that hold other bytes than were meant, or cannot be read or written, with the reason."""


class Scrubbing(Protocol):
    """Landing folders and archive of a project."""

    def scrub(
        self, feed: Feed, wanted: Mapping[str, Sequence[Wanted]], note: Callable[[Sequence[Rewrite]], None]
    ) -> Scrubbed:
        """Takes records out of files, in the landing folder and in the archive, and keeps every position.

        In the decoded stream a record's bytes become blanks, line ends in it stay; an element of a JSON list becomes
        `null` and blanks, a row of Parquet nulls. So every other record has the ordinal, offset and bytes that it had.
        A file is written beside its place, synced, noted, and only then moved there; whoever is killed in between
        leaves the file as it was, or as it is to be, and the same call again ends the same. A file from which nothing
        is to go any more is not written.

        Args:
            wanted: By path of the source, as the ledger has it; several where other files had that path at other times.
            note: Called with the changes of one file before it is moved into place; what it raises stops all.

        Raises:
            OperatorError: a folder cannot be read.
        """
        ...
