"""Retention: what a contract says is kept no longer, bronze forgets when it is maintained.

Bytes go from the records of loads that were sealed before the limit, by the store's clock. Place, length, verdicts and
amounts stay, so that every count goes on to be right. A record keeps its bytes as long as a unit of it waits in
quarantine, and where units are told by whole files, its file does. The retention is that of the contract as it is now,
whatever the loads were decided under.

It is one commit between the fence of a maintain load and what follows it. Killed before, nothing was changed; killed
after, the files that the commit dropped still lie there, and the next maintain load that finds them deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tillage.domain.load import LoadState, spans
from tillage.pipelines.house import FeedContract, House
from tillage.ports.engine import Due
from tillage.ports.store import Waiting

KEEP_H = 1
"""How long files that are in use no more are kept for readers that still hold an older version."""
LATE_H = 24
"""A run does this by itself when something is so much over its limit, so that hourly loads are not rewritten hourly."""
_MOST_SPANS = 50  # of a predicate: with 1,000 delta-rs was measured to take 12 s to plan, with 50 none


@dataclass(frozen=True)
class Forgetting:
    """What one maintain load is to take away; `records` by load, and what of it the ledger keeps."""

    due: Due
    records: Mapping[int, int]
    manifest: Mapping[str, Any]


def plan_forgetting(house: House, contract: FeedContract) -> Forgetting | None:
    """Under the lease of the feed, with nothing of it open; None where the contract keeps bytes for ever."""
    retention, feed = contract.check.contract.retention, contract.feed.name
    if retention is None:
        return None
    loads = tuple(house.ledger.sealed_before(feed, retention.limit(house.now())))
    waiting = house.ledger.waiting(feed, Waiting())
    due = Due(loads, waiting, _whole(house, contract, set(waiting.column("load_seq").to_pylist())))
    found = house.engine.holding(house.lake.bronze(feed).snapshot(), due)
    manifest = {
        "until": max(loads, default=0),
        "records": sum(found.records.values()),
        "last_file": found.last_file or _lying(house, feed),
    }
    return Forgetting(due, found.records, manifest)


def _whole(house: House, contract: FeedContract, waited_for: set[int]) -> frozenset[int]:
    """Of these loads, those whose units need their whole file, today or when they came."""
    if contract.check.contract.is_whole_source() or not waited_for:
        return frozenset(waited_for)
    feed = contract.feed.name
    digests = {load.load_seq: load.contract_digest for load in house.ledger.loads() if load.load_seq in waited_for}
    needing = {
        digest
        for digest in set(digests.values())
        if house.compile(feed, house.ledger.text(digest)).contract.is_whole_source()
    }
    return frozenset(load for load, digest in digests.items() if digest in needing)


def forget(house: House, feed: str, found: Forgetting, number: int) -> None:
    """One commit to bronze that carries `number`, which its fence has carried.

    Raises:
        LeaseLostError: another process committed meanwhile; nothing was changed.
    """
    if not found.records:
        return
    retained = sum(found.records.values())
    house.say(f"load {number}: taking the bytes of {retained:,} records away, which were kept long enough")
    table = house.lake.bronze(feed)
    snapshot = table.snapshot()
    within = spans(found.records, most=_MOST_SPANS)
    with house.engine.forgotten(snapshot, found.due, within, number) as rows:
        table.upkeep().rewrite(number, version=snapshot.version, spans=within, rows=rows)


def is_overdue(house: House, contract: FeedContract) -> bool:
    """Whether something is a day over its limit, or bytes that were taken away still lie in a file."""
    retention, feed = contract.check.contract.retention, contract.feed.name
    if retention is None:
        return False
    last = house.ledger.last_maintain(feed)
    forgets = last.manifest.get("forgets") if last else None
    if last and forgets:
        if last.state is LoadState.VOIDED and forgets["records"]:
            return True
        if house.now() > last.planned_at + timedelta(hours=KEEP_H) and _lying(house, feed):
            return True
    oldest = house.ledger.first_sealed_after(feed, forgets["until"] if forgets else 0)
    return oldest is not None and oldest < retention.limit(house.now() - timedelta(hours=LATE_H))


def _lying(house: House, feed: str) -> str:
    """The file that the last maintain load has noted, if it still lies there; of those it is the last to be deleted."""
    last = house.ledger.last_maintain(feed)
    file: str = (last.manifest.get("forgets") or {}).get("last_file", "") if last else ""
    return file if file and house.lake.bronze(feed).upkeep().is_lying_unused(file) else ""
