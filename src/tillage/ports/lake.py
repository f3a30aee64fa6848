"""Delta tables with receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tillage.domain.load import CommitPoint
from tillage.ports.upkeep import TableUpkeep

LAKE_FORMAT = 3
"""Rises with each change of the lake that an older version of Tillage would misread. 2: bronze says which load brought
a record, and what it closes. 3: which load took its bytes away."""
Rows = Any
"""Anything with `__arrow_c_stream__`: a stream of Arrow record batches that can be read once."""
ColumnTypes = Sequence[tuple[str, str]]
"""Name and DuckDB type of each column, in order."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a table: what a reader sees, whatever is written meanwhile."""

    version: int
    receipt: int
    """The number of the last load (or fence) that committed here; 0 before the first."""
    files: tuple[str, ...]
    """The Parquet files that make up the table."""


@dataclass(frozen=True)
class Silver:
    """A dataset's silver table as readers may see it: rows of loads after `last_load` are not visible yet."""

    snapshot: Snapshot
    last_load: int


@dataclass(frozen=True)
class PinnedFile:
    """A file of the lake; `name` is relative to the lake's folder, with forward slashes."""

    name: str
    path: str
    size_bytes: int
    is_log: bool


@dataclass(frozen=True)
class PinnedTable:
    """One version of a table with every file that it takes to read it."""

    name: str
    version: int
    files: tuple[PinnedFile, ...]

    def data(self) -> frozenset[str]:
        """Names of its Parquet files."""
        return frozenset(file.name for file in self.files if not file.is_log)


class LakeTable(Protocol):
    """One Delta table with one writer at a time, found by its receipts."""

    def snapshot(self) -> Snapshot:
        """The newest version; the table is created empty if it does not exist.

        Raises:
            LakeError: the table has a protocol or columns that this version does not write.
        """
        ...

    def append(self, rows: Rows | None, receipt: int, point: CommitPoint) -> None:
        """One commit that holds the rows (none: an empty commit) together with the receipt.

        The receipt is read, compared and committed on the same snapshot: at most one commit for each number, and never
        one below a number that is already there.

        Raises:
            LeaseLostError: another writer committed the same or a higher number; nothing of this call is visible.
        """
        ...

    def fence(self, number: int, load_seq: int) -> bool:
        """Makes it impossible for load `load_seq` to commit here later, by an empty commit with a higher number.

        The receipt is read on the snapshot that the fence is committed on, so nothing fits in between.

        Returns:
            False if the load has committed already; then nothing was written.
        """
        ...

    def upkeep(self) -> TableUpkeep:
        """What keeps the table quick to read."""
        ...


class Lake(Protocol):
    """Where the tables of one project lie."""

    def mark(self) -> str | None:
        """The name of the store that this lake belongs to; None if none has taken it yet.

        Raises:
            LakeError: it cannot be told.
        """
        ...

    def put_mark(self, house: str) -> None:
        """Makes the lake that store's, unless it is one's already."""
        ...

    def take_up(self) -> None:
        """Makes a lake of an older format one of today's."""
        ...

    def tables(self) -> set[str]:
        """The tables that are there, as `bronze/<feed>` and `silver/<dataset>`; none is made by asking."""
        ...

    def bronze(self, feed: str) -> LakeTable:
        """Raw records and verdicts of the feed."""
        ...

    def silver(self, feed: str, dataset: str, columns: ColumnTypes) -> LakeTable:
        """Accepted units of the dataset, signed."""
        ...

    def pinned(self) -> list[PinnedTable]:
        """The newest version of every table, by name."""
        ...

    def is_whole_copy(self, folder: Path, table: PinnedTable) -> bool:
        """Whether the copy of the table in `folder` can be read as that version, with all its files."""
        ...

    def location(self) -> str:
        """The folder below which all files of all tables lie."""
        ...
