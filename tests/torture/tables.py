"""Models that are no folds: tables over folds and over the datasets of several feeds, a table over one, a view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.oracle.house.figures import FoldSpec
from tests.oracle.house.loads import FeedHouse

Row = dict[str, Any]
States = Mapping[str, Sequence[Row]]
"""By fold, its rows."""
Published = Mapping[str, int]
"""By feed, the last load that is visible."""
TABLES = ("whole", "counted", "pairs", "ranked")
VIEW = "many"


def derived(folds: Sequence[FoldSpec]) -> dict[str, str]:
    """Their SQL, by name."""
    first, last = _ends(folds)
    whole = " union all ".join(
        f"select '{name}' as name, count(*) as keys, sum(items) as items, sum(amount) as amount from {name}"
        for name in sorted({first.name, last.name})
    )
    counted = " union all ".join(
        f"select '{dataset}' as dataset, count(*) as units, count(distinct {group}) as groups from {dataset}"
        for dataset, group in _grouped(folds)
    )
    (one, by_one), (other, by_other) = _grouped(folds)[0], _grouped(folds)[-1]
    pairs = f"select a.{by_one} as grp, count(*) as pairs from {one} as a join {other} as b on a.{by_one} = "
    return {
        "whole": whole,
        "counted": counted,
        "pairs": f"{pairs}b.{by_other} group by a.{by_one}",
        "ranked": "select dataset, units, row_number() over (order by units desc, dataset) as place from counted",
        VIEW: f"select grp, items from {first.name} where items > 1",
    }


def of_view(folds: Sequence[FoldSpec], states: States) -> list[Row]:
    """What the view must show."""
    rows = states[_ends(folds)[0].name]
    return [{"grp": row["grp"], "items": row["items"]} for row in rows if (row["items"] or 0) > 1]


def of_tables(
    folds: Sequence[FoldSpec], states: States, houses: Mapping[str, FeedHouse], published: Published
) -> dict[str, list[Row]]:
    """What a build of these loads must hold; `states` are those of the folds at these loads."""
    ends = sorted({fold.name for fold in _ends(folds)})
    found: dict[str, list[Row]] = {
        "whole": [
            {"name": name, "keys": len(states[name])}
            | {part: _added(states[name], part) for part in ("items", "amount")}
            for name in ends
        ]
    }
    groups = {dataset: _groups(dataset, group, houses, published) for dataset, group in _grouped(folds)}
    found["counted"] = [
        {"dataset": dataset, "units": groups[dataset].total(), "groups": len(groups[dataset])} for dataset in groups
    ]
    one, other = (groups[dataset] for dataset, _ in (_grouped(folds)[0], _grouped(folds)[-1]))
    found["pairs"] = [{"grp": key, "pairs": one[key] * other[key]} for key in one if other[key]]
    ranked = sorted(found["counted"], key=lambda row: (-row["units"], row["dataset"]))
    found["ranked"] = [
        {"dataset": row["dataset"], "units": row["units"], "place": place} for place, row in enumerate(ranked, 1)
    ]
    return found


def _ends(folds: Sequence[FoldSpec]) -> tuple[FoldSpec, FoldSpec]:
    """The first and the last of the folds, which may be one."""
    return folds[0], folds[-1]


def _grouped(folds: Sequence[FoldSpec]) -> list[tuple[str, str]]:
    """The datasets of all feeds, in order, with the column that folds group them by."""
    return sorted({(branch.dataset, branch.group) for fold in folds for branch in fold.branches})


def _groups(dataset: str, group: str, houses: Mapping[str, FeedHouse], published: Published) -> Counter[Any]:
    """How many units stood, by group; no group is ever null, since these columns are required."""
    feed = dataset.partition("_")[0]
    kept = houses[feed].datasets.get(dataset) if feed in houses else None
    return Counter(one.values[group] for one in kept.standing(published.get(feed, 0)).values()) if kept else Counter()


def _added(rows: Sequence[Row], name: str) -> int | None:
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values) if values else None
