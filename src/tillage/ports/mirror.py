"""What is kept equal to silver outside of the lake, for programs that know neither Delta nor contracts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tillage.contracts.contract import Dataset
from tillage.contracts.mirror import MirrorTable
from tillage.contracts.project import Feed, Mirror
from tillage.domain.load import Lease
from tillage.ports.lake import Rows, Silver, Snapshot
from tillage.ports.people import Vault

Digests = Mapping[tuple[str, Mirror], str]
"""By feed and kind, what is kept equal, as `contracts.mirror` says it."""


@dataclass(frozen=True)
class TableChange:
    """What one load changes in the tables of a dataset."""

    tables: Sequence[MirrorTable]
    """The first is of its units."""
    touched: Rows
    """Keys of the units that are other now, or gone."""
    rows: Callable[[MirrorTable], Rows]
    """Those that stand now of the touched units; one at a time."""


@dataclass(frozen=True)
class LeftOut:
    """A foreign key that does not hold."""

    table: str
    to: str
    rows: int
    """That refer to none."""


class MirrorSource(Protocol):
    """What stands, as it is mirrored."""

    def table_rows(self, dataset: Dataset, silver: Silver) -> AbstractContextManager[Callable[[MirrorTable], Rows]]:
        """All rows of tables of a dataset; one at a time, until the block ends."""
        ...

    def differing(self, table: MirrorTable, kept: Rows, dataset: Dataset, silver: Silver) -> int:
        """How many rows are kept and should not be, or the other way round."""
        ...

    def records(
        self,
        bronze: Snapshot,
        silver: Mapping[str, Silver],
        datasets: Sequence[Dataset],
        places: Rows,
        *,
        erased_by: Collection[int],
        people: Vault | None,
    ) -> AbstractContextManager[Rows]:
        """`file, raw, is_whole` of each record of some files with a unit that stands, by file and place, until the
        block ends.

        Args:
            places: `file, load_seq, source`; several may be of one `file`.
            erased_by: Loads of kind erase: of what they took it is what remains.

        Raises:
            MirrorError: the bytes of some are gone, or they do not fit into memory.
        """
        ...


class MirrorTables(Protocol):
    """Relational tables. `Ledger.publish` changes them with everything else that a load brings."""

    def kept(self) -> Digests:
        """All that is kept equal; files too, since what says so lies in the store."""
        ...

    def replace(
        self,
        digests: Digests,
        tables: Sequence[MirrorTable],
        rows: Callable[[MirrorTable], Rows],
        published: Mapping[str, int],
    ) -> list[LeftOut] | None:
        """Makes all tables anew, of exactly the loads `published`, those that there were before are gone; notes that.

        Returns:
            Foreign keys that do not hold, which the tables do without. None if another load was published meanwhile;
            then nothing was written.

        Raises:
            MirrorError: a value or key does not fit, or something of others rests on the tables.
            TransientError: a reader holds one of them.
        """
        ...

    def forget(self) -> None:
        """Notes that nothing is kept equal, so that whoever looks next makes it anew."""
        ...

    def leave_out(self, foreign_key: tuple[str, str]) -> None:
        """Takes a foreign key away that does not hold, as `MirrorError` names it, until the tables are made anew."""
        ...

    def note(self, feed: str, digest: str | None, lease: Lease) -> None:
        """Notes that the feed's files are kept equal from now on; None: that they are not."""
        ...

    def rows(self, table: MirrorTable) -> AbstractContextManager[Rows]:
        """All rows of a table, as a stream in any order, until the block ends.

        Raises:
            MirrorError: it is not there, or has other columns.
        """
        ...


class MirrorFiles(Protocol):
    """Files in the shape and the folders of those that landed, with the records of them that stand.

    `names` lie below the folder of the feed's files. `records` are `file, raw, is_whole` in the order of `file`, a
    place in `names`: the bytes of each record, and whether it began with the file, as no part of a list does. `is_ours`
    raises if the right to write is no longer ours; it is asked once nobody else can.
    """

    def is_there(self, feed: Feed) -> bool:
        """Whether the folder of the feed's files is, which anybody may have taken away."""
        ...

    def put(self, feed: Feed, names: Sequence[str], records: Rows, *, is_ours: Callable[[], None]) -> None:
        """Each file is what it was or what it is to be, whenever this is stopped.

        Raises:
            TransientError: another process writes them.
            MirrorError: they cannot be written.
        """
        ...

    def clear(self, feed: Feed, *, is_ours: Callable[[], None]) -> None:
        """All files of the feed are gone. Raises as `put`."""
        ...

    def differing(self, feed: Feed, names: Sequence[str], records: Rows) -> Iterator[str]:
        """Names of those that are missing or hold something else, and of what else lies there."""
        ...
