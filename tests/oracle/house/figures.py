"""The figures of a house: each load's counts, the law for all time, and sums by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.house.loads import NOT_READ, QUARANTINED, FeedHouse, Judged, Kept, Waits
from tests.oracle.house.terms import Terms

Figures = dict[str, "int | None"]


@dataclass(frozen=True)
class Branch:
    """Rows of a fold: the units of a dataset, or the elements of one of its lists.

    `adds` says by column of the fold what a row adds: a number, or the value of a column, 0 where that is null.
    """

    dataset: str
    group: str
    adds: Mapping[str, int | str]
    unnest: str | None = None


@dataclass(frozen=True)
class FoldSpec:
    """A model: sums by key. Where no row has a value for a sum, it is null."""

    name: str
    key: str
    branches: tuple[Branch, ...]
    factor: int = 1
    """By which each row's `amount` is multiplied: so that a model can change."""


def counts(kept: Kept, terms: Terms, load: int) -> Figures:
    """Of one load, as the ledger keeps them; amounts are None in a dataset without money."""
    judged, taken = kept.judged.get(load, []), kept.taken.get(load, [])
    closed = [one.control_minor for one in kept.opened if one.closed_by == load]
    found: Figures = {}
    for part, units in _parts(judged).items():
        found[f"{part}_rows"] = len(units)
        found[f"{part}_minor"] = sum(unit.control_minor or 0 for unit in units) if terms.has_money else None
    found["not_countable_rows"] = sum(_is_uncounted(unit, terms) for unit in judged)
    found["taken_rows"] = len(taken)
    found["taken_minor"] = sum(unit.control_minor or 0 for unit in taken) if terms.has_money else None
    found["taken_not_countable_rows"] = sum(_is_uncounted(unit, terms) for unit in taken)
    found["closed_rows"] = len(closed)
    found["closed_minor"] = sum(closed) if terms.has_money else None
    return found


def _parts(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    return {
        "read": list(judged),
        "accepted": [unit for unit in judged if unit.verdict == "accepted"],
        "quarantined": [unit for unit in judged if unit.verdict in QUARANTINED],
        "duplicate": [unit for unit in judged if unit.verdict == "duplicate"],
        "suppressed": [],
    }


def _is_uncounted(unit: Judged | Waits, terms: Terms) -> bool:
    return unit.control_minor is None if terms.has_money else bool(NOT_READ & set(unit.codes))


def law(kept: Kept, terms: Terms) -> Figures:
    """For all time: everything that ever came stands, was there, waits, or was given up."""
    loads = [counts(kept, terms, load) for load in kept.judged]
    again = [counts(kept, terms, load) for load in kept.rebuilt]
    units = kept.quarantine.values()
    waiting = [unit.control_minor or 0 for unit in units if unit.discarded_by is None]
    discarded = [unit.control_minor or 0 for unit in units if unit.discarded_by is not None]

    def summed(figure: str, of: Sequence[Figures] = loads) -> int:
        return sum(one[figure] or 0 for one in of)

    found: Figures = {
        "read_rows": summed("read_rows") - summed("taken_rows"),
        "waiting_rows": len(waiting),
        "discarded_rows": len(discarded),
        "not_countable_rows": summed("not_countable_rows") - summed("taken_not_countable_rows"),
        "read_minor": summed("read_minor") - summed("taken_minor"),
        "waiting_minor": sum(waiting),
        "discarded_minor": sum(discarded),
    }
    for part in ("accepted", "duplicate", "suppressed", "closed"):
        found |= {f"{part}_{unit}": summed(f"{part}_{unit}") for unit in ("rows", "minor")}
    # What a rebuild took up had been accepted: it is so, and is closed, once less.
    for part in ("accepted", "closed"):
        for unit in ("rows", "minor"):
            found[f"{part}_{unit}"] = summed(f"{part}_{unit}") - summed(f"taken_{unit}", again)
    if not terms.has_money or not loads:
        found |= dict.fromkeys((name for name in found if name.endswith("_minor")), None)
    return found


def folded(
    fold: FoldSpec, houses: Mapping[str, FeedHouse], published: Mapping[str, int] | None = None
) -> dict[Any, dict[str, int | None]]:
    """By key, the sums over what stands, now or when those were the last loads of the feeds."""
    standing = {
        name: kept.standing(None if published is None else published.get(feed, 0))
        for feed, house in houses.items()
        for name, kept in house.datasets.items()
    }
    sums: dict[Any, dict[str, int | None]] = {}
    for branch in fold.branches:
        for unit in standing.get(branch.dataset, {}).values():
            row = sums.setdefault(unit.values[branch.group], dict.fromkeys(branch.adds))
            for name, value in _added(branch, unit.values, fold.factor):
                if value is not None:
                    row[name] = (row[name] or 0) + value
            if branch.unnest and not unit.values[branch.unnest]:
                _drop_if_empty(sums, unit.values[branch.group], row)
    return sums


def _added(branch: Branch, values: Mapping[str, Any], factor: int) -> Iterator[tuple[str, int | None]]:
    for row in values[branch.unnest] if branch.unnest else [values]:
        for name, term in branch.adds.items():
            value = term if isinstance(term, int) else row[term]
            yield name, value if value is None else int(value) * (factor if name == "amount" else 1)


def _drop_if_empty(sums: dict[Any, dict[str, int | None]], key: Any, row: Mapping[str, int | None]) -> None:
    """A list without elements is no row, so it makes no key."""
    if all(value is None for value in row.values()):
        del sums[key]
