"""`tillage export --format delta`: models as Delta tables in the lake, for readers that know nothing of the store.

Each snapshot is one version of the table `gold/<model>`, and says in its commit which loads it is of. One of the same
loads and the same model is there already and adds none. Snapshots of one command are of one set of loads, and are
committed one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tillage.domain.export import Form, Format
from tillage.errors import ExportError, LeaseHeldError
from tillage.pipelines.backup import UPKEEP
from tillage.pipelines.export import about_of
from tillage.pipelines.house import House
from tillage.pipelines.sources import pinned, refuse_unknown
from tillage.ports.export import OpenSnapshot, SnapshotSaid, Source

LEASE = "snapshots"


@dataclass(frozen=True)
class Snapshotted:
    """A model's snapshot as it is now."""

    source: Source
    version: int
    is_new: bool
    rows: int
    size_bytes: int

    def said(self) -> dict[str, Any]:
        """As `--json` says it."""
        return {
            "table": self.source.name,
            "version": self.version,
            "is_new": self.is_new,
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "loads": dict(self.source.loads),
            "build": self.source.build,
            "digest": self.source.digest,
        }


def snapshot(house: House, tables: Sequence[str], *, wait_s: float) -> list[Snapshotted]:
    """Makes the newest version of each model's Delta table one of the loads that are published now.

    Raises:
        ExportError: a table is no model, or has a column that Delta keeps only with a feature few readers know.
        LeaseHeldError: another process makes snapshots for longer than `wait_s`.
        LeaseLostError: another process took over; what was committed until then stands.
        LakeError: the table cannot be written.
    """
    refuse_unknown(house, tables)
    for table in tables:
        if not table.startswith("gold."):
            raise ExportError(
                f"{table} is a Delta table in data/lake already, or made of one; snapshots are of models, as in "
                "gold.<model>. For a copy of it: --format parquet"
            )
    with ExitStack() as stack:
        stack.enter_context(house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say))
        # Opened before anything is read: whoever else commits from now on is found out.
        open_tables = [house.snapshots.opened(table.removeprefix("gold.")) for table in tables]
        number = house.ledger.next_fence()
        with pinned(house, tables) as sources:
            pairs = list(zip(sources, open_tables, strict=True))
            due = [(source, one) for source, one in pairs if one.said().about != about_of(house, source)]
            drawn = stack.enter_context(house.exports.drawn([source for source, _ in due]))
        for source, one in due:
            house.say(f"{source.name}: a snapshot in data/lake/{source.name.replace('.', '/')}")
            one.replace(drawn.rows(source, Form(Format.DELTA)).rows, number, about_of(house, source))
        _clean(house, [one for _, one in due])
    new = {source.name for source, _ in due}
    return [_snapshotted(source, one.said(), is_new=source.name in new) for source, one in pairs]


def _snapshotted(source: Source, said: SnapshotSaid, *, is_new: bool) -> Snapshotted:
    return Snapshotted(source, said.version, is_new, said.rows, said.size_bytes)


def _clean(house: House, tables: Sequence[OpenSnapshot]) -> None:
    """Removes what older versions leave behind, unless a backup is reading the lake."""
    if not tables:
        return
    try:
        with house.leases.hold(UPKEEP, wait_s=0, on_wait=house.say):
            for table in tables:
                table.clean()
    except LeaseHeldError:
        house.say("a backup is being made: files of older snapshots stay until the next one")
