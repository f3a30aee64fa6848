"""`tillage maintain`: keeps the tables of a feed quick to read, however many loads made them.

It is a load of its own, of kind maintain, under the lease of its feed. Each table is fenced with the load's number,
bronze before silver, so that what is left of earlier writers can be told, and its small files are put together; then
what is unused is deleted, and each log is written as a checkpoint, while no backup reads them. Rows and verdicts stay
as they are, so readers see no difference; only bytes that a contract keeps no longer are taken away, see `retention`.

A maintain load that was left open is voided and never finished: every step of it is whole in itself, and who does the
rest must fence the tables anew, for the earlier process may only be slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillage.domain.load import Lease, LoadKind
from tillage.errors import LeaseHeldError, OperatorError
from tillage.pipelines.backup import UPKEEP
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.failing import failed_before
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import finish_open
from tillage.pipelines.models import sync_models
from tillage.pipelines.retention import KEEP_H, forget, is_overdue, plan_forgetting
from tillage.ports.lake import LakeTable
from tillage.ports.upkeep import TableSize

DUE_LOADS = 100
"""After so many loads a run maintains a feed by itself. With as many small files in each table a run was measured to
take about a quarter more processor time than with one file; earlier it would hardly be felt.
"""


@dataclass(frozen=True)
class Maintained:
    """What one maintain load did."""

    load_seq: int
    feed: str
    tables: dict[str, tuple[TableSize, TableSize]]
    """By table, as it was and as it is."""
    deleted_files: int
    forgotten_records: int = 0
    """Whose bytes were taken away, since they were kept long enough."""


def maintain(house: House, *, wait_s: float, feed: str | None = None, keep_h: int = KEEP_H) -> list[Maintained]:
    """Maintains every feed that has loads, or the one; one that stands still for a failed load is left as it is.

    Raises:
        OperatorError: there is no feed of that name.
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
    """
    if feed is not None and feed not in house.feeds:
        raise OperatorError(f"no feed is called that; there are: {', '.join(house.feeds)}")
    refuse_renamed(house)
    done = []
    for contract in house.feeds.values() if feed is None else [house.feeds[feed]]:
        with house.leases.hold(f"feed/{contract.feed.name}", wait_s=wait_s, on_wait=house.say) as lease:
            if is_ready(house, contract.feed.name, lease):
                done.append(maintain_feed(house, contract, lease, keep_h=keep_h))
    house.ledger.tidy()
    return done


def is_ready(house: House, feed: str, lease: Lease) -> bool:
    """Whether the feed has loads and none that waits for a person; one that was left open is finished first."""
    refuse_renamed(house)
    refuse_torn_history(house, feed)
    sync_models(house)
    if failed := failed_before(house, feed):
        house.say(f"feed {feed} is not maintained: {failed[1]}")
        return False
    finish_open(house, feed, lease)
    return feed in house.ledger.last_standing()


def maintain_if_due(house: House, contract: FeedContract, lease: Lease) -> Maintained | None:
    """As `maintain_feed`, if enough was loaded since the last time, or bytes were kept for too long, and no load waits
    for a person.
    """
    feed = contract.feed.name
    is_due = house.ledger.loads_since_maintain(feed, most=DUE_LOADS) >= DUE_LOADS or is_overdue(house, contract)
    if not is_due or house.ledger.failed_load(feed):
        return None
    done = maintain_feed(house, contract, lease, keep_h=KEEP_H)
    house.ledger.tidy()
    return done


def maintain_feed(house: House, contract: FeedContract, lease: Lease, *, keep_h: int) -> Maintained:
    """One maintain load of a feed of which no load is open or failed.

    Raises:
        LeaseLostError: another process took over; what was done until then stands.
        LakeError: a table cannot be written; the load stays open, and the next run voids it.
    """
    feed, contract_now = contract.feed.name, contract.check.contract
    tables = _tables(house, contract)
    forgetting = plan_forgetting(house, contract)
    load = house.ledger.begin(
        LoadKind.MAINTAIN,
        feed,
        contract_digest=contract_now.digest,
        texts={contract_now.digest: contract.text},
        manifest={"tables": list(tables), "keep_h": keep_h, "forgets": forgetting and forgetting.manifest},
        lease=lease,
    )
    house.say(f"load {load.load_seq}: keeping up {len(tables)} tables of feed {feed}")
    before = {name: table.upkeep().size() for name, table in tables.items()}
    unused = {}
    for name, table in tables.items():
        unused[name] = table.upkeep().fence(load.load_seq, keep_h=keep_h)
        if forgetting and name == _bronze(feed):
            forget(house, feed, forgetting, load.load_seq)
        table.upkeep().compact()
    deleted = _clean(house, tables, unused)
    sizes = {name: (before[name], table.upkeep().size()) for name, table in tables.items()}
    house.ledger.seal(load, lease)
    return Maintained(load.load_seq, feed, sizes, deleted, sum(forgetting.records.values()) if forgetting else 0)


def _clean(house: House, tables: Mapping[str, LakeTable], unused: Mapping[str, Sequence[str]]) -> int:
    """Deletes what is noted as unused, and old log files, unless a backup is reading them; how many of the former."""
    try:
        with house.leases.hold(UPKEEP, wait_s=0, on_wait=house.say):
            for name, table in tables.items():
                table.upkeep().delete(unused[name])
                table.upkeep().shorten_log()
    except LeaseHeldError:
        house.say("a backup is being made: unused files stay until the tables are maintained again")
        return 0
    return sum(len(files) for files in unused.values())


def _tables(house: House, contract: FeedContract) -> dict[str, LakeTable]:
    """By name, bronze first: no receipt of silver may be above that of bronze. Without those that nothing came to yet,
    whose columns may still change.
    """
    feed = contract.feed.name
    found: dict[str, LakeTable] = {_bronze(feed): house.lake.bronze(feed)}
    for dataset in contract.check.contract.datasets:
        found[f"silver/{dataset.name}"] = house.silver_table(feed, dataset)
    return {name: table for name, table in found.items() if table.snapshot().receipt > 0}


def _bronze(feed: str) -> str:
    return f"bronze/{feed}"
