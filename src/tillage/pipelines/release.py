"""Late parents: units that waited for others are judged anew once all are there that they refer to.

A load of a parent writes nothing of its children. The children's feed looks, whenever the parents have a newer load
than it has looked at, and takes up the units that have everything, by a load of its own, under the contract that they
were judged by. What comes of them is a verdict like any other: some are duplicates by now.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.contract import Severity
from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint, Lease, LoadKind
from tillage.domain.verdict import Code
from tillage.errors import ReplayRefusedError
from tillage.pipelines.failing import what_is_wrong
from tillage.pipelines.house import House
from tillage.pipelines.load import repeat, silver_before, void
from tillage.ports.lake import Rows


def is_due(house: House, feed: str) -> bool:
    """Whether units of the feed wait for others of which there is a newer load than they were looked at with."""
    awaited, _, _ = _awaited(house, feed)
    return awaited is not None


def _awaited(house: House, feed: str) -> tuple[Rows | None, dict[str, int], dict[str, int]]:
    """What has to be looked at, if there is something; with which loads; and all that are published."""
    published = house.ledger.published()
    newest = {name: published.get(house.dataset(name)[0], 0) for name in house.parents(feed)}
    datasets = [dataset.name for dataset in house.feeds[feed].check.contract.datasets]
    awaited = house.ledger.awaited(datasets, feed, newest) if any(newest.values()) else None
    return (awaited if awaited is not None and awaited.num_rows else None), newest, published


def release_due(house: House, feed: str, lease: Lease) -> dict[int, dict[str, Counts]]:
    """By load and dataset, what came of the units of a feed that have all by now that they refer to.

    Raises:
        ReplayRefusedError: with them a rule of a dataset would not hold; they go on waiting.
        LeaseLostError, LawBrokenError: as a load.
    """
    awaited, newest, published = _awaited(house, feed)
    if awaited is None:
        return {}
    there = house.engine.complete(awaited, {name: house.visible(name, published) for name in newest})
    found: dict[int, dict[str, Counts]] = {}
    for digest in sorted(set(there.column("contract_digest").to_pylist())):
        mine = there.filter(pc.equal(there.column("contract_digest"), digest))
        found |= _release(house, feed, digest, _waiting(mine), lease)
    house.ledger.keep_looked(feed, newest, pc.max(awaited.column("judged_load")).as_py(), lease)
    return found


def _waiting(units: Rows) -> Rows:
    """As `Ledger.waiting`."""
    codes = pa.array([[Code.REFERENCE_MISSING.value]] * units.num_rows, pa.list_(pa.string()))
    readable = pa.array([False] * units.num_rows)
    columns = units.drop_columns(["judged_load", "contract_digest"])
    columns = columns.append_column("codes", codes).append_column("is_unreadable", readable)
    return columns.select(
        [
            "dataset",
            "load_seq",
            "source",
            "ordinal",
            "unit",
            "codes",
            "is_unreadable",
            "control_minor",
            "control_currency",
        ]
    )


def _release(house: House, feed: str, digest: str, waiting: Rows, lease: Lease) -> dict[int, dict[str, Counts]]:
    text = house.ledger.text(digest)
    check = house.compile(feed, text)
    datasets = check.contract.datasets
    load = house.ledger.begin(
        LoadKind.RELEASE,
        feed,
        contract_digest=digest,
        texts={digest: text},
        manifest={"units": waiting.num_rows},
        lease=lease,
    )
    house.say(f"load {load.load_seq}: {waiting.num_rows:,} units of feed {feed} have what they waited for")
    silver = silver_before(house, load, datasets)
    bronze = house.lake.bronze(feed)
    with house.engine.workspace(load.load_seq, check, house.folders_of(feed), house.vault) as workspace:
        workspace.take_up(bronze.snapshot(), waiting, silver, None)
        for one in workspace.broken_rules(silver):
            if one.rule.severity is Severity.ERROR:
                void(house, load, lease)
                raise ReplayRefusedError(
                    f"with what waited for others, rule '{one.rule.name}' of {one.dataset} would not hold: "
                    f"{what_is_wrong(one)}; it goes on waiting. Mend the contract, then: tillage run"
                )
            house.say(f"load {load.load_seq}: warning: rule '{one.rule.name}' of {one.dataset}: {what_is_wrong(one)}")
        bronze.append(workspace.bronze_rows(), load.load_seq, CommitPoint.BRONZE)
        return {load.load_seq: repeat(house, load, datasets, workspace, lease)}
