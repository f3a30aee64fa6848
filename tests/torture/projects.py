"""Random projects: one to three feeds of every kind and merge, and the models over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from tests.oracle.house.figures import Branch, FoldSpec
from tests.torture.contracts import FeedSpec, Said, document
from tests.torture.tables import derived

KINDS = ("flat", "keyless", "nested", "grouped")
FIRST_DAY, DAYS = date(2025, 1, 1), 5


@dataclass(frozen=True)
class Project:
    feeds: tuple[FeedSpec, ...]
    is_cold: bool
    """Whether nothing keeps its PostgreSQL running between two commands."""


def make_project(rolled: Random) -> Project:
    feeds = []
    for number in range(rolled.choice((1, 2, 2, 3))):
        kind = rolled.choice(("flat", "flat", "flat", "nested", *KINDS))
        merge = rolled.choice(("reject", "upsert", "upsert", "scd2")) if kind == "flat" else "reject"
        merge = rolled.choice(("reject", "upsert")) if kind == "nested" else merge
        is_versioned = kind == "flat" and (merge == "scd2" or (merge == "upsert" and rolled.random() < 0.6))
        feeds.append(FeedSpec(f"f{number}", kind, merge, is_versioned))
    return Project(tuple(feeds), is_cold=rolled.random() < 0.15)


def planned_on(load_seq: int) -> date:
    """The day by which `rebuild --since` takes a load to be planned: these houses are younger than a day."""
    return FIRST_DAY + timedelta(days=load_seq * 7 % DAYS)


def folds(project: Project, factor: int) -> list[FoldSpec]:
    """One of each feed, and one over all flat feeds together."""
    found = [FoldSpec(f"of_{feed.name}", "grp", _branches(feed), factor) for feed in project.feeds]
    plain = [feed for feed in project.feeds if feed.kind in {"flat", "keyless"}]
    if len(plain) > 1:
        found.append(FoldSpec("of_all", "grp", tuple(one for feed in plain for one in _branches(feed)), factor))
    return found


def _branches(feed: FeedSpec) -> tuple[Branch, ...]:
    if feed.kind == "nested":
        people, orders = feed.datasets
        return (
            Branch(people, "customer_id", {"items": 0, "amount": 0, "net": 0}),
            Branch(orders, "customer_id", {"items": 1, "amount": 0, "net": 0}),
            Branch(orders, "customer_id", {"items": 0, "amount": "gross_minor", "net": "net_minor"}, "lines"),
        )
    if feed.kind == "grouped":
        return (
            Branch(feed.datasets[0], "shop", {"items": 1, "amount": 0}),
            Branch(feed.datasets[0], "shop", {"items": 0, "amount": "price_minor"}, "lines"),
        )
    return (Branch(feed.datasets[0], "shop", {"items": 1, "amount": "price_minor", "revisions": "revision"}),)


def model_sql(fold: FoldSpec) -> str:
    """The model as a user would write it."""
    parts = []
    for branch in fold.branches:
        columns = [f"d.{branch.group} as {fold.key}"]
        for name, term in branch.adds.items():
            value = str(term) if isinstance(term, int) else f"{'l' if branch.unnest else 'd'}.{term}"
            scaled = f"{fold.factor} * {value}" if name == "amount" and isinstance(term, str) else value
            columns.append(f"{scaled} as {name}")
        source = f"{branch.dataset} as d" + (f" cross join unnest(d.{branch.unnest}) as t(l)" if branch.unnest else "")
        parts.append(f"select {', '.join(columns)} from {source}")
    sums = ", ".join(f"sum({name}) as {name}" for name in fold.branches[0].adds)
    return f"select {fold.key}, {sums} from (\n{' union all '.join(parts)}\n) as r group by {fold.key}\n"


def write(root: Path, project: Project, said: Mapping[str, Said], factor: int) -> None:
    """The project's files as they are now."""
    for folder in ("contracts", "models", *(f"landing/{feed.name}" for feed in project.feeds)):
        (root / folder).mkdir(parents=True, exist_ok=True)
    feeds = {}
    for feed in project.feeds:
        feeds[feed.name] = {"path": f"landing/{feed.name}", "format": "csv" if feed.kind == "grouped" else "jsonl"}
        if feed.kind == "grouped":
            feeds[feed.name]["csv"] = {"delimiter": ","}
        put(root / f"contracts/{feed.name}.odcs.yaml", json.dumps(document(feed, said[feed.name])).encode())
    put(root / "tillage.yaml", json.dumps({"project": "torture", "feeds": feeds}).encode())
    for fold in folds(project, factor):
        put(root / f"models/{fold.name}.sql", model_sql(fold).encode())
    for name, sql in derived(folds(project, factor)).items():
        put(root / f"models/{name}.sql", sql.encode())


def put(path: Path, content: bytes) -> None:
    """A file that appears whole."""
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_bytes(content)
    hidden.rename(path)
