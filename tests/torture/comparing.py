"""A house that was inspected beside the model of it: every difference as a line that says where."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.house.figures import counts, folded, law
from tests.oracle.house.loads import FeedHouse
from tests.oracle.house.terms import Place
from tests.torture.projects import FeedSpec, Project, Row, folds, of_derived
from tests.torture.records import csv_rows, unpacked

Found = Mapping[str, Any]
_SHOWN = 3


@dataclass
class Model:
    """What was done to a house from outside, and what its loads must have made of it."""

    project: Project
    delivered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Bytes by path and digest, all that ever lay there."""
    lying: dict[str, str] = field(default_factory=dict)
    """By path, the digest of what lies there now."""
    contracts: dict[str, str] = field(default_factory=dict)
    """Texts that were written, by digest."""
    houses: dict[str, FeedHouse] = field(default_factory=dict)

    def deliver(self, path: str, stored: bytes) -> None:
        digest = hashlib.sha256(stored).hexdigest()
        self.delivered[path, digest] = stored
        self.lying[path] = digest

    def follow(self, found: Found) -> list[str]:
        """Does what the sealed loads of the ledger did; says what no load may have done."""
        wrong = []
        by_load: dict[int, list[tuple[str, str]]] = {}
        for load, _, path, digest in found["sources"]:
            by_load.setdefault(load, []).append((path, digest))
        for load, feed, state, kind, contract, manifest in found["loads"]:
            if kind == "build":  # of no feed; what it made is looked at by itself
                continue
            house = self.houses.setdefault(feed, FeedHouse())
            if state != "sealed" or load in house.loads:
                continue
            if contract not in self.contracts:
                wrong.append(f"load {load}: nobody wrote the contract {contract}")
                continue
            document = json.loads(self.contracts[contract])
            if kind == "read":
                spec = next(one for one in self.project.feeds if one.name == feed)
                house.read(load, document, [self._content(spec, one) for one in by_load.get(load, [])])
            elif kind == "replay":
                house.replay(load, document, manifest["waiting"])
            elif kind == "discard":
                house.discard(load, manifest["waiting"])
        return wrong

    def _content(self, feed: FeedSpec, source: tuple[str, str]) -> Any:
        content = unpacked(self.delivered[source])
        return csv_rows(content) if feed.kind == "grouped" else content


def differences(model: Model, factor: int, found: Found) -> list[str]:
    """All that is not as it must be after every load was finished."""
    lines = model.follow(found)
    lines += _coverage(model, found)
    lines += _ledger(found)
    for feed, house in model.houses.items():
        for dataset in house.terms:
            lines += _dataset(house, feed, dataset, found)
        lines += _bytes(house, feed, found)
    states: dict[str, list[Row]] = {}
    for fold in folds(model.project, factor):
        wanted = {key: row | {fold.key: key} for key, row in folded(fold, model.houses).items()}
        lines += _differing(f"gold.{fold.name}", found["gold"].get(fold.name, []), wanted.values())
        states[fold.name] = list(wanted.values())
    for name, rows in of_derived(model.project, factor, states).items():
        lines += _differing(f"gold.{name}", found["gold"].get(name, []), rows)
    if not found["balances"]:
        lines.append("status: the law does not balance")
    lines += [f"reconcile: {name} differs in {count} keys" for name, count in found["differ"].items() if count]
    lines += [f"audit: {one['what']} ({one['where']})" for one in found["audit"]]
    return lines


def _coverage(model: Model, found: Found) -> Iterator[str]:
    """Every whole file that lies there was taken once, and nothing else ever was."""
    states = {load: state for load, _, state, *_ in found["loads"]}
    taken = Counter((path, digest) for load, _, path, digest in found["sources"] if states[load] == "sealed")
    for source, times in taken.items():
        if source not in model.delivered:
            yield f"files: {source[0]} was taken with bytes that never lay there"
        if times > 1:
            yield f"files: {source[0]} was taken {times} times"
    for path, digest in model.lying.items():
        is_torn = not is_whole(model.delivered[path, digest])
        if is_torn and (path, digest) in taken:
            yield f"files: {path} is torn and was taken"
        if not is_torn and (path, digest) not in taken:
            yield f"files: {path} was not taken"


def is_whole(stored: bytes) -> bool:
    """Whether a file can be unpacked to its end."""
    try:
        unpacked(stored)
    except (EOFError, OSError):
        return False
    return True


def _ledger(found: Found) -> Iterator[str]:
    for load, feed, state, *_ in found["loads"]:
        if state not in {"sealed", "voided"}:
            yield f"loads: load {load} of {feed} is {state}"
    kinds = {load: (state, kind) for load, _, state, kind, *_ in found["loads"]}
    receipts = Counter(load for load, stage in found["receipts"] if stage == "publish")
    for load, (state, kind) in kinds.items():
        if receipts[load] != (state == "sealed" and kind in {"read", "replay", "build"}):
            yield f"receipts: load {load} ({kind}, {state}) has {receipts[load]}"
    for (resource,) in found["leases"]:
        yield f"leases: {resource} is held after all commands have ended"


def _dataset(house: FeedHouse, feed: str, dataset: str, found: Found) -> Iterator[str]:
    kept, terms = house.datasets[dataset], house.terms[dataset]
    judged = [
        (load, *unit.place, unit.verdict, list(unit.codes), unit.control_minor)
        for load, units in kept.judged.items()
        for unit in units
    ]
    yield from _differing(f"bronze.{feed} {dataset}", _bronze_units(found["bronze"][feed], dataset), judged)
    closing = [(load, *place) for place, load in kept.closed.items()]
    yield from _differing(f"bronze.{feed} {dataset} closes", _bronze_closes(found["bronze"][feed], dataset), closing)
    signed = [(1, unit.load, *place, unit.values) for place, unit in kept.opened.items()]
    signed += [(-1, load, *place, kept.opened[place].values) for place, load in kept.closed.items()]
    yield from _differing(f"silver.{dataset}", [_silver(row) for row in found["silver"][dataset]], signed)
    stands = [(unit.load, *place, unit.values) for place, unit in kept.standing().items()]
    yield from _differing(
        f"standing {dataset}", [_silver({"_sign": 1} | row)[1:] for row in found["standing"][dataset]], stands
    )
    waits = [
        (*place, list(unit.codes), unit.control_minor, unit.judged_load, unit.discarded_by)
        for place, unit in kept.quarantine.items()
    ]
    here = [
        (load, source, ordinal, unit, sorted(codes), control, judged_by, discarded_by)
        for name, load, source, ordinal, unit, codes, control, judged_by, discarded_by in found["quarantine"]
        if name == dataset
    ]
    yield from _differing(f"quarantine.{dataset}", here, waits)
    loads = [(load, dataset, counts(kept, terms, load)) for load in kept.judged]
    yield from _differing(f"counts {dataset}", [one for one in found["counts"] if one[1] == dataset], loads)
    wanted = law(kept, terms)
    shown = {name: found["law"][dataset][name] for name in wanted}
    yield from _differing(f"law {dataset}", [shown], [wanted])


def _bytes(house: FeedHouse, feed: str, found: Found) -> Iterator[str]:
    """Records have their bytes, or a maintain load took them away; and none of which a unit waits lacks them."""
    kept = house.datasets.values()
    waiting = {tuple(place)[:3] for one in kept for place, unit in one.quarantine.items() if unit.discarded_by is None}
    for row in found["bronze"][feed]:
        place = (row["record_load"], row["source"], row["ordinal"])
        shown = f"bytes of {feed}: load {row['load_seq']}, record {place}"
        if row["forgotten_by"] is not None and row["has_bytes"]:
            yield f"{shown} are there, and were taken away by load {row['forgotten_by']}"
        if row["record_load"] != row["load_seq"]:
            continue
        if row["forgotten_by"] is None and not row["has_bytes"]:
            yield f"{shown} are gone, and nobody took them"
        if place in waiting and not row["has_bytes"]:
            yield f"{shown} are gone, and a unit of it waits"


def _bronze_units(rows: Iterable[Found], dataset: str) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        for unit in row["units"]:
            if unit["dataset"] == dataset:
                place = Place(row["record_load"], row["source"], row["ordinal"], unit["unit"])
                yield row["load_seq"], *place, unit["verdict"], sorted(unit["codes"]), unit["control_minor"]


def _bronze_closes(rows: Iterable[Found], dataset: str) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        for one in row["closes"] or ():
            if one["dataset"] == dataset:
                record = one["record"]
                yield row["load_seq"], record["load"], record["source"], record["ordinal"], record["unit"]


def _silver(row: Found) -> tuple[Any, ...]:
    values = {name: value for name, value in row.items() if not name.startswith("_")}
    record = row["_record"]
    return row["_sign"], row["_load"], record["load"], record["source"], record["ordinal"], record["unit"], values


def _differing(section: str, found: Iterable[Any], wanted: Iterable[Any]) -> Iterator[str]:
    """One line for what is there and should not be, and one for what is missing."""
    here, there = (Counter(json.dumps(_plain(one), sort_keys=True) for one in rows) for rows in (found, wanted))
    for what, rows in (("too many", here - there), ("missing", there - here)):
        if rows:
            yield f"{section}: {rows.total()} {what}, such as {'; '.join(sorted(rows)[:_SHOWN])}"


def _plain(value: Any) -> Any:
    """Numbers as their digits, so that 1, 1.0 and a decimal of it are one."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool) and value == int(value):
        return str(int(value))
    return value
