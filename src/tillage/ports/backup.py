"""A backup: a copy of a house that needs nothing of the original, and the empty place that one is restored to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tillage.ports.lake import PinnedFile

BACKUP_FORMAT = 1
"""Rises with each change of the manifest that an older version of Tillage would misread."""

Pieces = Iterable[bytes]
"""The bytes of a file, some at a time."""


@dataclass(frozen=True)
class CopiedFile:
    """A file of a backup; `path` is relative to its folder, with forward slashes."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class StoreTable:
    """A table of the store, as CSV with a header."""

    name: str
    columns: tuple[str, ...]
    rows: int
    file: CopiedFile


@dataclass(frozen=True)
class LakeTableCopy:
    """One version of a table of the lake: its Parquet files and its log up to there."""

    name: str
    version: int
    files: tuple[CopiedFile, ...]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; a folder without it holds none."""

    backup: str
    """Random name of this backup."""
    made_at: str
    tillage: str
    """Version of the program that made it."""
    project: str
    house: str
    schema_version: int
    lake_format: int
    last_number: int
    """The highest number of a load or fence by then."""
    store: tuple[StoreTable, ...]
    lake: tuple[LakeTableCopy, ...]

    def files(self) -> list[CopiedFile]:
        """All of them."""
        return [*(table.file for table in self.store), *(file for table in self.lake for file in table.files)]


class BackupFolder(Protocol):
    """A folder with at most one whole backup; whatever is interrupted leaves the one before whole."""

    def manifest(self) -> Manifest | None:
        """Of the backup that is there.

        Raises:
            BackupError: it cannot be read, or is of a newer format.
        """
        ...

    def prepare(self) -> None:
        """Makes the folder one for backups.

        Raises:
            BackupError: it holds something else.
        """
        ...

    def write(self, path: str, pieces: Pieces) -> CopiedFile:
        """A new file, on disk when this returns."""
        ...

    def keep(self, path: str, source: PinnedFile, before: CopiedFile | None) -> tuple[CopiedFile, bool]:
        """A copy of `source`, and whether it was there already, as it was written `before`.

        Raises:
            BackupError: what is there is of another course of events.
            TransientError: the source is no longer what was pinned.
        """
        ...

    def finish(self, manifest: Manifest) -> None:
        """Makes all that was written the backup that is there, in one step; then removes what is not of it."""
        ...

    def pieces(self, file: CopiedFile) -> Iterator[bytes]:
        """Its bytes.

        Raises:
            BackupError: at the end, if they are not those that were written.
        """
        ...

    def location(self) -> Path:
        """The folder."""
        ...


class StoreSnapshot(Protocol):
    """The ledger as it was at one moment, whatever is committed meanwhile."""

    @property
    def schema_version(self) -> int:
        """Of the tables."""
        ...

    @property
    def last_number(self) -> int:
        """The highest number of a load or fence."""
        ...

    def tables(self) -> dict[str, tuple[str, ...]]:
        """Name to columns of every table that cannot be computed from others."""
        ...

    def rows(self, table: str, columns: Iterable[str], write: Callable[[Pieces], CopiedFile]) -> StoreTable:
        """Hands the table to `write` as CSV."""
        ...


class StoreCopies(Protocol):
    """The store as a whole."""

    def pinned(self) -> AbstractContextManager[StoreSnapshot]:
        """The moment is that of entering."""
        ...

    def holds(self) -> tuple[str, int] | None:
        """House and highest number of the loads that are there; None without loads."""
        ...

    def fill(self, manifest: Manifest, pieces: Callable[[CopiedFile], Iterator[bytes]]) -> None:
        """Everything of `manifest` into a store without loads, or nothing."""
        ...


class EmptyHouse(Protocol):
    """Where a backup is restored to. Until `end` no other command uses it."""

    @property
    def store(self) -> StoreCopies:
        """Its store."""
        ...

    def begin(self, backup: str, *, is_filled: bool) -> None:
        """Shuts it; what an interrupted restore of the same backup has left in the lake is removed.

        Args:
            backup: its name.
            is_filled: whether the store has loads, which only an interrupted restore may have put there.

        Raises:
            BackupError: something is in the way; it is named and nothing was changed.
        """
        ...

    def write(self, path: str, pieces: Pieces) -> None:
        """A file of the lake, on disk when this returns."""
        ...

    def put_mark(self, house: str) -> None:
        """The name that the lake shares with its store."""
        ...

    def versions(self) -> dict[str, tuple[int, frozenset[str]]]:
        """Table to version and Parquet files, relative to the lake."""
        ...

    def end(self) -> None:
        """Opens it for all commands."""
        ...
