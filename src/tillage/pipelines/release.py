"""Late parents: units that waited for others are judged anew once all are there that they refer to.

A load of a parent writes nothing of its children. The children's feed looks, whenever the parents have a newer load
than it has looked at, and takes up the units that have everything, by a load of its own, under the contract that they
were judged by. What comes of them is a verdict like any other: some are duplicates by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.contract import Severity
from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint, Lease, Load, LoadKind, LoadState
from tillage.domain.verdict import Code
from tillage.errors import ReplayRefusedError
from tillage.pipelines.failing import what_is_wrong
from tillage.pipelines.house import House
from tillage.pipelines.load import repeat, silver_before
from tillage.ports.awaiting import Looked
from tillage.ports.lake import Rows


@dataclass(frozen=True)
class Released:
    """What came of a look."""

    loads: Mapping[int, dict[str, Counts]]
    """By load and dataset."""
    refused: tuple[ReplayRefusedError, ...] = ()
    """With these units a rule of a dataset would not hold; they go on waiting."""


def is_due(house: House, feed: str) -> bool:
    """Whether units of the feed may have by now what they wait for."""
    looked, newest, _ = _newest(house, feed)
    if not any(newest.values()):
        return False
    is_newer = any(load > looked.parents.get(parent, 0) for parent, load in newest.items())
    return house.awaiting.is_awaited(_datasets(house, feed), 0 if is_newer else looked.judged_load)


def _newest(house: House, feed: str) -> tuple[Looked, dict[str, int], dict[str, int]]:
    """The last look; the last loads, by dataset that units may wait for (also by an older contract), and by feed."""
    looked, published = house.awaiting.looked(feed), house.ledger.published()
    parents = sorted({*house.parents(feed), *looked.parents} & {*house.datasets()})
    return looked, {name: published.get(house.dataset(name)[0], 0) for name in parents}, published


def _datasets(house: House, feed: str) -> list[str]:
    return [dataset.name for dataset in house.feeds[feed].check.contract.datasets]


def release_due(house: House, feed: str, lease: Lease) -> Released:
    """Takes up the units of a feed that have all by now that they refer to.

    Raises:
        ModelError, LeaseLostError, LawBrokenError: as a load.
    """
    if not is_due(house, feed):
        return Released({})
    _, newest, published = _newest(house, feed)
    awaited = house.awaiting.rows(_datasets(house, feed))
    there = house.engine.complete(awaited, {name: house.visible(name, published) for name in newest})
    loads: dict[int, dict[str, Counts]] = {}
    refused = []
    for digest in sorted(set(there.column("contract_digest").to_pylist())):
        mine = there.filter(pc.equal(there.column("contract_digest"), digest))
        try:
            loads |= _release(house, feed, digest, _waiting(mine), lease)
        except ReplayRefusedError as wrong:
            refused.append(wrong)
    judged_load = pc.max(awaited.column("judged_load")).as_py() or 0
    house.awaiting.keep_looked(feed, Looked(newest, judged_load), lease)
    return Released(loads, tuple(refused))


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
    # Nothing is planned before it is known that it holds.
    trial = Load(house.ledger.last_number() + 1, feed, LoadState.OPEN, digest)
    silver = silver_before(house, trial, datasets)
    bronze = house.lake.bronze(feed)
    with house.engine.workspace(trial.load_seq, check, house.folders_of(feed), house.vault) as workspace:
        workspace.take_up(bronze.snapshot(), waiting, silver, None)
        for one in workspace.broken_rules(silver):
            if one.rule.severity is Severity.ERROR:
                raise ReplayRefusedError(
                    f"with what waited for others, rule '{one.rule.name}' of {one.dataset} would not hold: "
                    f"{what_is_wrong(one)}; it goes on waiting. Mend the contract, then: "
                    f"tillage quarantine replay --dataset {one.dataset}"
                )
            house.say(f"feed {feed}: warning: rule '{one.rule.name}' of {one.dataset}: {what_is_wrong(one)}")
        load = house.ledger.begin(
            LoadKind.RELEASE,
            feed,
            contract_digest=digest,
            texts={digest: text},
            manifest={"units": waiting.num_rows},
            lease=lease,
        )
        units = "unit has" if waiting.num_rows == 1 else "units have"
        house.say(f"load {load.load_seq}: {waiting.num_rows:,} {units} by now what they waited for")
        workspace.number(load.load_seq)
        bronze.append(workspace.bronze_rows(), load.load_seq, CommitPoint.BRONZE)
        return {load.load_seq: repeat(house, load, datasets, workspace, lease)}
