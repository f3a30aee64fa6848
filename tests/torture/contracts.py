"""What the feeds' contracts say, and may say after a change: classes, rates, a bound, a row rule, a member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

Document = dict[str, Any]
CLASSES = ("bread", "milk", "tea", "wine", "salt")
"""A contract of width n knows n + 2 of them."""
WIDEST = 3
KEPT_DAYS = 30
"""How long bronze keeps bytes, by the clock that a maintain step sets forward."""
RATES = tuple(
    dict(zip(CLASSES, rates, strict=True)) for rates in ((7, 7, 19, 19, 7), (7, 9, 19, 19, 7), (5.5, 7, 7, 16, 0))
)
"""The first ones, and corrected ones."""
OTHER_MEMBERS = {"shop": "branch", "sku": "ean"}
"""By column, the member that it is read from where a contract says so; the second one is a key."""


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
class Said:
    """What a contract says at one time. From width 1 on it takes records of any depth."""

    width: int = 0
    rates: int = 0
    """Which of `RATES`, for feeds with VAT."""
    is_bounded: bool = False
    """Whether prices have a maximum."""
    is_ruled: bool = False
    """Whether there is a row rule."""
    moved: str = ""
    """The column that is read from its other member."""

    def __str__(self) -> str:
        told = [f"width {self.width}", f"rates {self.rates}"]
        told += ["bounded"] if self.is_bounded else []
        told += ["ruled"] if self.is_ruled else []
        told += [f"{self.moved} moved"] if self.moved else []
        return ", ".join(told)


def amended(rolled: Random, feed: FeedSpec, said: Said) -> Said:
    """Another contract: mostly a wider one, else one with a corrected rate, or stricter, or less strict again."""
    changes = ["wider", "wider", "narrower", "bound", "rule"]
    changes += ["rates"] * 4 if feed.kind == "nested" else []
    changes += ["moved"] if feed.kind in {"flat", "keyless"} else []
    change = rolled.choice(changes)
    if change == "wider":
        return replace(said, width=min(said.width + 1, WIDEST))
    if change == "narrower":
        return replace(said, width=max(said.width - 1, 0))
    if change == "bound":
        return replace(said, is_bounded=not said.is_bounded)
    if change == "rule":
        return replace(said, is_ruled=not said.is_ruled)
    if change == "rates":
        return replace(said, rates=rolled.choice([one for one in range(len(RATES)) if one != said.rates]))
    return replace(said, moved="" if said.moved else rolled.choice(tuple(OTHER_MEMBERS)))


def document(feed: FeedSpec, said: Said) -> Document:
    """The contract."""
    makers = {"flat": _flat, "keyless": _flat, "nested": _nested, "grouped": _grouped}
    custom = [_custom("tillage.limits", {"maxDepth": 6})] if said.width == 0 else []
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": feed.name,
        "version": f"1.{said.width}.0",
        "status": "active",
        "customProperties": custom,
        "slaProperties": [{"property": "retention", "value": KEPT_DAYS, "unit": "d"}],
        "schema": makers[feed.kind](feed, said),
    }


def _custom(name: str, value: Any) -> dict[str, Any]:
    return {"property": name, "value": value}


def _column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": kind, **more}


def _amount(name: str, said: Said, *custom: dict[str, Any]) -> dict[str, Any]:
    bounds: Mapping[str, Any] = {"logicalTypeOptions": {"maximum": 70}} if said.is_bounded else {}
    return _column(name, "number", required=True, customProperties=[_custom("tillage.money", "EUR"), *custom], **bounds)


def _merge(feed: FeedSpec) -> list[dict[str, Any]]:
    custom = [] if feed.merge == "reject" else [_custom("tillage.merge", feed.merge)]
    return [*custom, *([_custom("tillage.version", "revision")] if feed.is_versioned else [])]


def _ruled(said: Said, condition: str) -> dict[str, Any]:
    """A rule reads no column of which records hold nonsense that it could be true or false of."""
    rule = {"id": "fair", "type": "custom", "engine": "tillage", "implementation": condition}
    return {"quality": [rule]} if said.is_ruled else {}


def _classes(said: Said) -> tuple[str, ...]:
    return CLASSES[: said.width + 2]


def _flat(feed: FeedSpec, said: Said) -> list[dict[str, Any]]:
    def read(name: str, **more: Any) -> dict[str, Any]:
        return _column(name, **more, **({"physicalName": OTHER_MEMBERS[name]} if said.moved == name else {}))

    columns = [
        read("sku", primaryKey=True) if feed.kind == "flat" else read("sku"),
        read("shop", required=True),
        _amount("price", said),
        _column("class", enum=[{"value": one} for one in _classes(said)]),
        _column("revision", "integer", required=feed.is_versioned),
        _column("note"),
    ]
    rule = _ruled(said, "note is null or note <> 'b'")
    return [{"name": feed.datasets[0], "customProperties": _merge(feed), "properties": columns, **rule}]


def _nested(feed: FeedSpec, said: Said) -> list[dict[str, Any]]:
    vat = {"rateBy": "product_type", "rates": {one: RATES[said.rates][one] for one in _classes(said)}}
    lines = [
        _column("product_id", required=True),
        _column("product_type", required=True),
        _amount("gross", said, _custom("tillage.vat", vat)),
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
        {
            "name": feed.datasets[1],
            "customProperties": [unit, *_merge(feed)],
            "properties": orders,
            **_ruled(said, "len(lines) < 4"),
        },
    ]


def _grouped(feed: FeedSpec, said: Said) -> list[dict[str, Any]]:
    lines = [_column("class", enum=[{"value": one} for one in _classes(said)]), _amount("price", said)]
    columns = [
        _column("invoice", primaryKey=True),
        _column("shop", required=True),
        _column("lines", "array", items={"logicalType": "object", "properties": lines}),
    ]
    unit = [_custom("tillage.unit", {"groupBy": ["invoice"]})]
    return [
        {
            "name": feed.datasets[0],
            "customProperties": unit,
            "properties": columns,
            **_ruled(said, "len(lines) < 3"),
        }
    ]
