"""`tillage audit`: whether everything that keeps a part of history says the same, over all loads there ever were.

Bronze holds the verdicts, and they are decided once; so each other keeper is held against them: the ledger's counts,
the rows of silver, the quarantine index. The states of the folds, the tables of the last build and what is mirrored
outside of the lake are held against silver. What the bytes themselves say is the question of `tillage reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from tillage.domain.conservation import Counts, added, is_zero, negated
from tillage.domain.load import Load, LoadKind, LoadState
from tillage.pipelines.house import House
from tillage.pipelines.mirror import mirror_findings
from tillage.pipelines.status import status
from tillage.pipelines.table_audit import table_findings
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import Disagreement

_PARTS = ("read", "accepted", "quarantined", "duplicate", "suppressed")
_VISIBLE = {LoadState.OPEN, LoadState.SEALED}
_WITHOUT_RECEIPT = {LoadKind.DISCARD, LoadKind.MAINTAIN, LoadKind.ERASE}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be, and the first place where."""

    what: str
    where: str


@dataclass(frozen=True)
class Audited:
    """What was looked at, and what is wrong with it."""

    loads: int
    units: int
    findings: tuple[Finding, ...]
    as_of: dict[str, int]
    """Last visible load by feed."""


def audit(house: House) -> Audited:
    """Everything up to the last visible load of each feed; reads, and changes nothing."""
    return at_one_moment(house, lambda published: _audit(house, published))


def _audit(house: House, published: Mapping[str, int]) -> Audited:
    findings: list[Finding] = []
    units = 0
    loads = {load.load_seq: load for load in house.ledger.loads()}
    for feed in house.feeds:
        house.say(f"feed {feed}: holding ledger, silver and quarantine against bronze")
        counted = _bronze_counts(house, feed, published.get(feed, 0))
        units += sum(counts.read_rows for datasets in counted.values() for counts in datasets.values())
        findings += _ledger(house, feed, loads, counted, published.get(feed, 0))
        findings += _rows(house, feed, published)
    findings += _folds(house, published)
    findings += (Finding(what, where) for what, where in table_findings(house))
    findings += (Finding(what, where) for what, where in mirror_findings(house, published))
    findings += _law(house)
    return Audited(len(loads), units, tuple(findings), dict(published))


def _bronze_counts(house: House, feed: str, last: int) -> dict[int, dict[str, Counts]]:
    datasets = house.feeds[feed].check.contract.datasets
    return house.engine.bronze_counts(house.lake.bronze(feed).snapshot(), last, datasets)


def _ledger(
    house: House, feed: str, loads: Mapping[int, Load], counted: Mapping[int, Mapping[str, Counts]], last: int
) -> Iterator[Finding]:
    by_load, totals = house.ledger.counts_by_load(), house.statistics.totals()
    for load_seq in sorted(counted):
        load = loads.get(load_seq)
        if load is None or load.feed != feed or load.state not in _VISIBLE:
            state = load.state if load else "unknown"
            yield Finding("bronze holds a load that the ledger does not count", f"load {load_seq} ({state})")
    for load in loads.values():
        if load.feed != feed or load.state not in _VISIBLE or load.kind in _WITHOUT_RECEIPT:
            continue
        if load.load_seq > last:
            if load.state is LoadState.SEALED:
                yield Finding("a sealed load has no receipt, so that nobody sees it", f"load {load.load_seq}")
            continue
        by_dataset, in_bronze = by_load.get(load.load_seq, {}), counted.get(load.load_seq, {})
        for dataset in sorted({*by_dataset, *in_bronze}):
            kept, found = by_dataset.get(dataset, Counts()), in_bronze.get(dataset, Counts())
            if wrong := _differing(kept, found):
                where = f"load {load.load_seq}, dataset {dataset}: {wrong}"
                yield Finding("the ledger's counts are not those of the verdicts in bronze", where)
            files = totals.get(load.load_seq)  # of a load of an older version nobody counted them
            if files is not None and files.get(dataset, Counts()).rows() != kept.rows():
                where = f"load {load.load_seq}, dataset {dataset}"
                yield Finding("the statistics of the files do not add up to the ledger's counts", where)


def _differing(kept: Counts, found: Counts) -> str | None:
    for part in _PARTS:
        rows = getattr(kept, f"{part}_rows"), getattr(found, f"{part}_rows")
        if rows[0] != rows[1]:
            return f"{part} {rows[0]} rows in the ledger, {rows[1]} in bronze"
        minor = getattr(kept, f"{part}_minor"), getattr(found, f"{part}_minor")
        if not is_zero(added([minor[0], negated(minor[1])])):
            return f"{part} {minor[0]} minor units in the ledger, {minor[1]} in bronze"
    return None


def _rows(house: House, feed: str, published: Mapping[str, int]) -> Iterator[Finding]:
    index = house.ledger.quarantined(feed)
    bronze = house.lake.bronze(feed).snapshot()
    for dataset in house.feeds[feed].check.contract.datasets:
        silver = house.silver(feed, dataset, published)
        for one in house.engine.disagreements(dataset, bronze, silver, index):
            yield Finding(one.what, f"dataset {one.dataset}, {_place(house, one)}")


def _place(house: House, one: Disagreement) -> str:
    path = house.ledger.paths(one.load_seq).get(one.source, "a file that the ledger does not know")
    return f"load {one.load_seq}, {path}:{one.ordinal}, unit {one.unit}"


def _folds(house: House, published: Mapping[str, int]) -> Iterator[Finding]:
    kept = house.folds.digests()
    for fold in house.models.folds.values():
        if kept.get(fold.name) != fold.digest:
            continue  # its text has changed since the last run, which will compute it anew
        visible = {name: house.visible(name, published) for name in fold.datasets}
        state = house.folds.state(fold.name)
        compared = house.engine.compared(fold, state, house.engine.visible_state(fold, visible))
        if compared.differ:
            keys = "key" if compared.differ == 1 else "keys"
            yield Finding(
                "a fold's state is not the sum of silver",
                f"model {fold.name}: {compared.differ} {keys} of {compared.keys} differ, first {compared.examples[0]}",
            )


def _law(house: House) -> Iterator[Finding]:
    for dataset, law in status(house).datasets.items():
        if not law.balances():
            figures = {
                one.name: getattr(law, one.name) for one in fields(law) if one.name.endswith(("_rows", "_minor"))
            }
            yield Finding("the law for all time does not balance", f"dataset {dataset}: {figures}")
