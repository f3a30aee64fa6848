"""Upkeep of one lake table: few large files instead of many small ones, and none that nothing can reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from tillage.domain.load import Spans


@dataclass(frozen=True)
class TableSize:
    """What a table takes: the files that make up its newest version, and all of its files that lie on disk."""

    files: int
    size_bytes: int
    disk_files: int
    disk_bytes: int


class TableUpkeep(Protocol):
    """Each step can be repeated, and killed anywhere: it leaves the rows and the receipts as they are."""

    def size(self) -> TableSize:
        """As it is now."""
        ...

    def fence(self, number: int, *, keep_h: int) -> tuple[str, ...]:
        """Makes it impossible for whoever began earlier to commit rows or a compaction, by a commit with the receipt
        `number`.

        Returns:
            The files that can be deleted for good, whenever that comes to be done: they lay there before the fence, no
            version from the fence on holds them, and none has for `keep_h` hours, so that readers are done with them.

        Raises:
            LeaseLostError: another writer committed meanwhile, or a number as high before; nothing was written.
        """
        ...

    def is_lying_unused(self, file: str) -> bool:
        """Whether a file of that name lies in the table's folder, and its newest version does not hold it."""
        ...

    def rewrite(self, number: int, *, version: int, spans: Spans, rows: Any) -> None:
        """One commit that puts `rows` in the place of all rows of the loads in `spans`; it carries receipt `number`.

        Args:
            number: That of the fence, which is still the last receipt.
            version: Of the snapshot that `rows` were made from, which is still the newest.
            rows: As `LakeTable.append` takes them; as many as they replace.

        Raises:
            LeaseLostError: another writer committed meanwhile; nothing was changed.
            LakeError: `rows` are more or fewer than they replace; nothing was changed.
        """
        ...

    def compact(self) -> None:
        """Puts small files together; their rows stay the same, in any order, and large files as they are.

        Raises:
            LeaseLostError: another writer fenced the table meanwhile; nothing was changed.
        """
        ...

    def delete(self, files: Iterable[str]) -> None:
        """Deletes files that `fence` returned; those that are gone already count as deleted."""
        ...

    def shorten_log(self) -> None:
        """Writes what the log says as one checkpoint, receipts included, and deletes what is old of it."""
        ...
