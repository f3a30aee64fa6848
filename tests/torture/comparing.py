"""A house that was inspected beside the model of it: every difference as a line that says where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.house.figures import counts, law
from tests.oracle.house.loads import FeedHouse
from tests.oracle.house.terms import Place
from tests.torture.model import Found, Model
from tests.torture.projects import folds
from tests.torture.records import unpacked
from tests.torture.tables import VIEW, of_tables, of_view

_SHOWN = 3


def differences(model: Model, factor: int, found: Found) -> list[str]:
    """All that is not as it must be after every load was finished."""
    lines = model.follow(found)
    lines += _coverage(model, found)
    lines += _ledger(found)
    for feed, house in model.houses.items():
        for dataset in house.terms:
            lines += _dataset(house, feed, dataset, found)
        lines += _bytes(house, feed, found)
    lines += differences_shown(model, found, (factor,))
    lines += [f"gold.{name} is not there" for name in model.names() if name not in found["models"]]
    if not found["balances"]:
        lines.append("status: the law does not balance")
    lines += [f"reconcile: {name} differs in {count} keys" for name, count in found["differ"].items() if count]
    lines += [f"audit: {one['what']} ({one['where']})" for one in found["audit"]]
    return lines


def differences_shown(model: Model, found: Found, factors: Iterable[int]) -> list[str]:
    """What readers see otherwise than it must be: sums and view as of all loads that are published, tables as of those
    that the last build was made of. Models may be those of any of the factors, each by itself.
    """
    feeds = {load: feed for load, feed, *_ in found["loads"]}
    published: dict[str, int] = {}
    built = None
    for load in sorted(load for load, stage in found["receipts"] if stage == "publish"):
        published[feeds[load]] = load
        built = load if feeds[load] == "" else built
    wanted: dict[str, list[Any]] = {}
    for factor in factors:
        states = model.states(factor, published)
        shown = states | {VIEW: of_view(folds(model.project, factor), states)}
        if built is not None:
            (of,) = (manifest["published"] for load, *_, manifest in found["loads"] if load == built)
            seen = model.states(factor, of)
            shown |= of_tables(folds(model.project, factor), seen, model.houses, of)
        for name, rows in shown.items():
            wanted.setdefault(name, []).append(rows)
    lines = []
    for name, allowed in wanted.items():
        if name in found["models"]:
            here = found["gold"].get(name, [])
            lines += min((list(_differing(f"gold.{name}", here, rows)) for rows in allowed), key=len)
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
        if receipts[load] != (state == "sealed" and kind in {"read", "replay", "build", "rebuild"}):
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
    ended = [one for one in kept.opened if one.closed_by is not None]
    closing = [(one.closed_by, *one.place) for one in ended]
    yield from _differing(f"bronze.{feed} {dataset} closes", _bronze_closes(found["bronze"][feed], dataset), closing)
    signed = [(1, one.load, *one.place, one.values) for one in kept.opened]
    signed += [(-1, one.closed_by or 0, *one.place, one.values) for one in ended]
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
