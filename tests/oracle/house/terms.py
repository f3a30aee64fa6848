"""What of a contract decides between units: keys, merges, versions, and whether there is money to count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Values: TypeAlias = Mapping[str, Any]


class Place(NamedTuple):
    """Where a unit stands for ever: the load that brought its record, the file in it, the line, the unit inside."""

    load: int
    source: int
    line: int
    unit: int


@dataclass(frozen=True)
class Terms:
    """Of one dataset. Without a key every unit is a new one."""

    name: str
    key: tuple[str, ...]
    merge: str
    version: str | None
    has_money: bool


def terms_of(document: Mapping[str, Any]) -> dict[str, Terms]:
    """By dataset, from the contract's YAML."""
    found = {}
    for item in document["schema"]:
        custom = {entry["property"]: entry["value"] for entry in item.get("customProperties", ())}
        properties = item["properties"]
        found[item["name"]] = Terms(
            item["name"],
            tuple(one["name"] for one in properties if one.get("primaryKey")),
            custom.get("tillage.merge", "reject"),
            custom.get("tillage.version"),
            "tillage.money" in str(properties),
        )
    return found
