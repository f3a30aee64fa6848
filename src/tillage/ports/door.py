"""Where records come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.errors import FileRejectedError
from tillage.ports.store import Known

RecordBatch = Any
"""Arrow, all columns always there, unique by (source, ordinal), in order:

source int32        number of the file in the load
ordinal int64       jsonl, csv: physical line where the record starts, from 1, blank lines counted; else its number
offset int64        bytes from the start of the decoded (unpacked) stream to its first byte; parquet: row, from 0
raw large_binary    its bytes in the decoded stream without the line feed, cut to 64 KiB where it is too large; parquet:
                    the row as JSON
text large_string   null where `raw` is the JSON text to be checked; csv, xml: the JSON object that stands for it, with
                    members that are strings, null, or for xml objects or lists
size_bytes int64    length of the whole record
digest string       SHA-256 of the whole record in hex where it was cut
code string         null: to be checked; `unreadable`, `too_large`: the door could make no record of it
is_part boolean     json, xml: one `unreadable` part makes the whole document one unreadable record
"""


@dataclass(frozen=True)
class LeftAlone:
    """What lies at the door and is not taken up; the next run looks at it again."""

    path: str
    """As it may be shown: what is no text is written with backslashes."""
    reason: str
    is_passing: bool = False
    """Somebody is at work on it, so it is worth another look soon."""


@dataclass(frozen=True)
class Arrivals:
    """What lies at a feed's door and is not known."""

    sources: tuple[SourceFile, ...]
    """In order of path."""
    left_alone: tuple[LeftAlone, ...] = ()
    rejected: tuple[FileRejectedError, ...] = ()
    """Zip files of which no member may be loaded."""


@dataclass(frozen=True)
class Hint:
    """What `tillage.yaml` or the contract should say of a file of which hardly anything came in."""

    text: str
    is_refused: bool
    """The file is something else than they say, so nothing of it should be loaded."""


class Door(Protocol):
    """Files, in this version."""

    def arrivals(self, feed: Feed, known: Known) -> Arrivals:
        """What lies there under names and signatures that are not in `known`, without files that are being written.

        Raises:
            OperatorError: the folder is missing, a file cannot be read, or nobody can tell how its rows are written.
        """
        ...

    def unknown(self, feed: Feed, known: Known) -> list[str]:
        """The names among those that `arrivals` would look at: in order, from names and times alone.

        Raises:
            OperatorError: the folder is missing, or one in it may not be read.
        """
        ...

    def read(
        self, feed: Feed, sources: Iterable[SourceFile], *, max_record_bytes: int, members: Collection[str] = ()
    ) -> Iterator[RecordBatch]:
        """The records of the sources, each once, in bounded batches that may span sources. After the last batch the
        bytes are known to be those that were planned.

        Args:
            feed: how they are written.
            sources: in any order.
            max_record_bytes: of a longer record only the beginning is kept.
            members: what the contract reads of a record, if a table without any of that should be refused.

        Raises:
            SourceChangedError: they are not, or the file is gone.
            FileRejectedError: it cannot be unpacked, or no record of it could be right; says it of all such files.
        """
        ...

    def document(self, feed: Feed, source: SourceFile) -> RecordBatch:
        """One row, the whole file as one unreadable record: for a json or xml document with a broken part.

        Raises:
            SourceChangedError, FileRejectedError: as `read`.
        """
        ...

    def hint(self, feed: Feed, source: SourceFile, *, is_unread: bool, members: Collection[str]) -> Hint | None:
        """What should be said otherwise of a file of which hardly anything came in, as far as its start shows it.

        Args:
            feed: how it was read.
            source: the file.
            is_unread: whether no record of it is readable.
            members: what the contract reads of a record.

        Raises:
            SourceChangedError, FileRejectedError: as `read`.
        """
        ...
