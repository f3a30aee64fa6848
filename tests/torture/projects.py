"""Random projects: one to three feeds of every kind and merge, and the models over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.oracle.house.figures import Branch, FoldSpec

Document = dict[str, Any]
Row = dict[str, Any]
KINDS = ("flat", "keyless", "nested", "grouped")
CLASSES = ("bread", "milk", "tea", "wine", "salt")
"""A contract of width n knows n + 2 of them."""
WIDEST = 3
KEPT_DAYS = 30
"""How long bronze keeps bytes, by the clock that a maintain step sets forward."""
RATES = dict(zip(CLASSES, (7, 7, 19, 19, 7), strict=True))


@dataclass(frozen=True)
class FeedSpec:
    """A feed; `merge` is reject, upsert or scd2, and is that of the orders of a nested feed."""

    name: str
    kind: str
    merge: str = "reject"
    is_versioned: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        return (f"{self.name}_people", f"{self.name}_orders") if self.kind == "nested" else (f"{self.name}_items",)


@dataclass(frozen=True)
class Project:
    feeds: tuple[FeedSpec, ...]
    is_cold: bool
    """Whether nothing keeps its PostgreSQL running between two commands."""


def make_project(rolled: Random) -> Project:
    feeds = []
    for number in range(rolled.choice((1, 2, 2, 3))):
        kind = rolled.choice(("flat", "flat", "flat", *KINDS))
        merge = rolled.choice(("reject", "upsert", "upsert", "scd2")) if kind == "flat" else "reject"
        merge = rolled.choice(("reject", "upsert")) if kind == "nested" else merge
        is_versioned = kind == "flat" and (merge == "scd2" or (merge == "upsert" and rolled.random() < 0.6))
        feeds.append(FeedSpec(f"f{number}", kind, merge, is_versioned))
    return Project(tuple(feeds), is_cold=rolled.random() < 0.15)


def document(feed: FeedSpec, width: int) -> Document:
    """The contract; a wider one takes more classes, and from 1 on records of any depth."""
    makers = {"flat": _flat, "keyless": _flat, "nested": _nested, "grouped": _grouped}
    custom = [_custom("tillage.limits", {"maxDepth": 6})] if width == 0 else []
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": feed.name,
        "version": f"1.{width}.0",
        "status": "active",
        "customProperties": custom,
        "slaProperties": [{"property": "retention", "value": KEPT_DAYS, "unit": "d"}],
        "schema": makers[feed.kind](feed, CLASSES[: width + 2]),
    }


def _custom(name: str, value: Any) -> dict[str, Any]:
    return {"property": name, "value": value}


def _column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": kind, **more}


def _amount(name: str, *custom: dict[str, Any]) -> dict[str, Any]:
    return _column(name, "number", required=True, customProperties=[_custom("tillage.money", "EUR"), *custom])


def _merge(feed: FeedSpec) -> list[dict[str, Any]]:
    custom = [] if feed.merge == "reject" else [_custom("tillage.merge", feed.merge)]
    return [*custom, *([_custom("tillage.version", "revision")] if feed.is_versioned else [])]


def _flat(feed: FeedSpec, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    columns = [
        _column("sku", primaryKey=True) if feed.kind == "flat" else _column("sku"),
        _column("shop", required=True),
        _amount("price"),
        _column("class", enum=[{"value": one} for one in classes]),
        _column("revision", "integer", required=feed.is_versioned),
        _column("note"),
    ]
    return [{"name": feed.datasets[0], "customProperties": _merge(feed), "properties": columns}]


def _nested(feed: FeedSpec, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    vat = {"rateBy": "product_type", "rates": {one: RATES[one] for one in classes}}
    lines = [
        _column("product_id", required=True),
        _column("product_type", required=True),
        _amount("gross", _custom("tillage.vat", vat)),
    ]
    people = [_column("customer_id", primaryKey=True, physicalName="customerId")]
    orders = [
        _column("order_id", primaryKey=True, physicalName="orderId"),
        _column("customer_id", required=True, physicalName="$.customerId"),
        _column(
            "lines",
            "array",
            required=True,
            physicalName="basket",
            items={"logicalType": "object", "properties": lines},
        ),
    ]
    unit = _custom("tillage.unit", "$.orders[*]")
    return [
        {"name": feed.datasets[0], "properties": people},
        {"name": feed.datasets[1], "customProperties": [unit, *_merge(feed)], "properties": orders},
    ]


def _grouped(feed: FeedSpec, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    lines = [_column("class", enum=[{"value": one} for one in classes]), _amount("price")]
    columns = [
        _column("invoice", primaryKey=True),
        _column("shop", required=True),
        _column("lines", "array", items={"logicalType": "object", "properties": lines}),
    ]
    unit = [_custom("tillage.unit", {"groupBy": ["invoice"]})]
    return [{"name": feed.datasets[0], "customProperties": unit, "properties": columns}]


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


def derived(project: Project, factor: int) -> dict[str, str]:
    """A table over two folds where there are two, and a view of one, by name."""
    whole = " union all ".join(
        f"select '{name}' as name, count(*) as keys, sum(items) as items, sum(amount) as amount from {name}"
        for name in _ends(project, factor)
    )
    return {"whole": whole, "many": f"select grp, items from {_ends(project, factor)[0]} where items > 1"}


def of_derived(project: Project, factor: int, states: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """What they must hold, from the rows of the folds."""
    ends = _ends(project, factor)
    whole: list[Row] = [
        {"name": name, "keys": len(states[name]), **{part: _added(states[name], part) for part in ("items", "amount")}}
        for name in ends
    ]
    many: list[Row] = [{"grp": row["grp"], "items": row["items"]} for row in states[ends[0]] if (row["items"] or 0) > 1]
    return {"whole": whole, "many": many}


def _ends(project: Project, factor: int) -> list[str]:
    """The first and the last of the folds, which may be one."""
    return sorted({fold.name for fold in (folds(project, factor)[0], folds(project, factor)[-1])})


def _added(rows: Sequence[Row], name: str) -> int | None:
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values) if values else None


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


def write(root: Path, project: Project, widths: Mapping[str, int], factor: int) -> None:
    """The project's files as they are now."""
    for folder in ("contracts", "models", *(f"landing/{feed.name}" for feed in project.feeds)):
        (root / folder).mkdir(parents=True, exist_ok=True)
    feeds = {}
    for feed in project.feeds:
        feeds[feed.name] = {"path": f"landing/{feed.name}", "format": "csv" if feed.kind == "grouped" else "jsonl"}
        if feed.kind == "grouped":
            feeds[feed.name]["csv"] = {"delimiter": ","}
        put(root / f"contracts/{feed.name}.odcs.yaml", json.dumps(document(feed, widths[feed.name])).encode())
    put(root / "tillage.yaml", json.dumps({"project": "torture", "feeds": feeds}).encode())
    for fold in folds(project, factor):
        put(root / f"models/{fold.name}.sql", model_sql(fold).encode())
    for name, sql in derived(project, factor).items():
        put(root / f"models/{name}.sql", sql.encode())


def put(path: Path, content: bytes) -> None:
    """A file that appears whole."""
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_bytes(content)
    hidden.rename(path)
