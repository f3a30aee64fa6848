"""A contract as plain values, read from the mapping that its YAML is; it is taken to be valid.

Source: docs/reference/contracts.md, and ODCS 3.0 to 3.2 for the names of what the standard has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64


@dataclass(frozen=True)
class Spelling:
    """Members that lead to a value, from the unit, element or object, or from the record."""

    steps: tuple[str, ...]
    is_from_record: bool = False


@dataclass(frozen=True)
class Money:
    currency: str | None
    currency_by: str | None
    is_minor: bool
    excess: str


@dataclass(frozen=True)
class Vat:
    """`periods` are (first day as ISO text, rates in basis points by class), oldest first; "" stands for ever.

    Without `rate_by` the one class is "".
    """

    rate_by: str | None
    periods: tuple[tuple[str, Mapping[str, int]], ...]
    date_by: str | None
    basis: str
    level: str


@dataclass(frozen=True)
class ClassMap:
    column: str
    values: Mapping[str, str]
    default: str | None


@dataclass(frozen=True)
class Rule:
    code: str
    sql: str
    is_warning: bool


@dataclass(frozen=True)
class Column:
    """`members` are those of an object or of the elements of a list; `item` is what a list of scalars holds."""

    name: str
    kind: str
    spellings: tuple[Spelling, ...]
    is_required: bool
    is_key: bool
    options: Mapping[str, Any]
    null_values: tuple[str, ...]
    number_format: Mapping[str, Any] | None
    allowed: tuple[Any, ...] | None
    patterns: tuple[str, ...]
    money: Money | None
    vat: Vat | None
    is_control: bool
    amount: str | None
    class_map: ClassMap | None
    members: tuple[Column, ...]
    item: Column | None

    @property
    def stored_name(self) -> str:
        return f"{self.name}_minor" if self.money else self.name


@dataclass(frozen=True)
class Dataset:
    """`rows_list` names the list column that is made of the rows of a `group_by`."""

    name: str
    unit_path: tuple[str, ...]
    group_by: tuple[str, ...]
    rows_list: str | None
    where: str | None
    is_distinct: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Contract:
    datasets: tuple[Dataset, ...]
    is_unknown_rejected: bool
    max_record_bytes: int
    max_depth: int


def read(document: Mapping[str, Any]) -> Contract:
    custom = _custom(document)
    limits = custom.get("tillage.limits", {})
    return Contract(
        tuple(_dataset(item) for item in document["schema"]),
        custom.get("tillage.unknownFields", "ignore") == "reject",
        limits.get("maxRecordBytes", MAX_RECORD_BYTES),
        limits.get("maxDepth", MAX_DEPTH),
    )


def _custom(item: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in item.get("customProperties") or ()}


def _dataset(item: Mapping[str, Any]) -> Dataset:
    custom = _custom(item)
    unit = custom.get("tillage.unit", "$")
    group_by = tuple(unit["groupBy"]) if isinstance(unit, dict) else ()
    properties = item["properties"]
    columns = tuple(_column(one) for one in properties)
    made_of_rows = [
        one["name"] for one in properties if one.get("logicalType") == "array" and "physicalName" not in one
    ]
    keyed = [(one.get("primaryKeyPosition", -1), column) for one, column in zip(properties, columns, strict=True)]
    rules = [rule for one in (item, *properties) for rule in _rules(one)]
    return Dataset(
        item["name"],
        _names(unit) if isinstance(unit, str) and unit != "$" else (),
        group_by,
        made_of_rows[0] if group_by and made_of_rows else None,
        custom.get("tillage.where"),
        custom.get("tillage.distinct", False),
        columns,
        tuple(column.name for _, column in sorted(keyed, key=lambda pair: pair[0]) if column.is_key),
        tuple(rules),
    )


def _rules(item: Mapping[str, Any]) -> list[Rule]:
    return [
        Rule(f"rule:{one.get('id') or one['name']}", one["implementation"], one.get("severity", "error") == "warning")
        for one in item.get("quality") or ()
        if one.get("type") == "custom" and one.get("engine") == "tillage"
    ]


def _column(item: Mapping[str, Any], name: str = "") -> Column:
    custom, kind = _custom(item), item.get("logicalType", "string")
    inner = item.get("items") or {}
    named = item.get("name", name)
    allowed, patterns = _valid_values(item)
    return Column(
        named,
        kind,
        tuple(_spelling(one) for one in (item.get("physicalName", named), *custom.get("tillage.aliases", ()))),
        bool(item.get("required") or item.get("primaryKey")),
        bool(item.get("primaryKey")),
        item.get("logicalTypeOptions") or {},
        tuple(custom.get("tillage.nullValues", ())),
        custom.get("tillage.numberFormat"),
        allowed,
        patterns,
        _money(custom.get("tillage.money")),
        _vat(custom.get("tillage.vat")),
        custom.get("tillage.control", False),
        custom.get("tillage.amount"),
        _class_map(custom.get("tillage.map")),
        tuple(_column(one) for one in (inner if kind == "array" else item).get("properties") or ()),
        _column(inner, "value") if kind == "array" and not inner.get("properties") else None,
    )


def _spelling(text: str) -> Spelling:
    return Spelling(_names(text), True) if text.startswith("$") else Spelling((text,))


def _names(path: str) -> tuple[str, ...]:
    """The members in a path, letter by letter: after a point up to the next sign, or in brackets and quotes."""
    names, at = [], 1
    while at < len(path) and not path.startswith("[*]", at):
        if path[at] == ".":
            end = min([path.find(sign, at + 1) for sign in ".[" if path.find(sign, at + 1) > 0] or [len(path)])
            names.append(path[at + 1 : end])
        else:
            quote, name = path[at + 1], ""
            end = at + 2
            while path[end] != quote:
                end += path[end] == "\\"
                name += path[end]
                end += 1
            names.append(name)
            end += 2
        at = end
    return tuple(names)


def _valid_values(item: Mapping[str, Any]) -> tuple[tuple[Any, ...] | None, tuple[str, ...]]:
    """What `enum` and the metric `invalidValues`, in its spelling of 3.1 and of 3.0, allow; and their patterns."""
    lists = [[one["value"] for one in item["enum"]]] if item.get("enum") else []
    options = item.get("logicalTypeOptions") or {}
    patterns = [options["pattern"]] if "pattern" in options else []
    for one in item.get("quality") or ():
        is_rejecting = one.get("mustBe") == 0 and one.get("severity", "error") == "error"
        if "invalidValues" not in {one.get("metric"), one.get("rule")} or not is_rejecting:
            continue
        arguments = {**one, **(one.get("arguments") or {})}
        lists += [arguments["validValues"]] if "validValues" in arguments else []
        patterns += [arguments["pattern"]] if "pattern" in arguments else []
    both = [value for value in lists[0] if all(value in other for other in lists)] if lists else None
    return None if both is None else tuple(both), tuple(patterns)


def _money(value: Any) -> Money | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Money(value, None, False, "reject")
    return Money(
        value.get("currency"),
        value.get("currencyBy"),
        value.get("input", "major") == "minor",
        value.get("excessDecimals", "reject"),
    )


def _vat(value: Mapping[str, Any] | None) -> Vat | None:
    if value is None:
        return None
    rates = _basis_points(value["rates"]) if "rates" in value else _basis_points({"": value["rate"]})
    periods = [("", rates)]
    for day in sorted(value.get("validFrom") or {}, key=str):
        rates = {**rates, **_basis_points(value["validFrom"][day])}
        periods.append((str(day), rates))
    return Vat(
        value.get("rateBy"),
        tuple(periods),
        value.get("dateBy"),
        value.get("basis", "inclusive"),
        value.get("level", "rate_group"),
    )


def _basis_points(rates: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(Fraction(Decimal(str(rate))) * 100) for name, rate in rates.items()}


def _class_map(value: Mapping[str, Any] | None) -> ClassMap | None:
    if value is None:
        return None
    default = value.get("default", "reject")
    return ClassMap(value["column"], value["values"], None if default == "reject" else default)


def walk(columns: Sequence[Column]) -> list[Column]:
    """The columns and all that lie inside them, each before what it holds."""
    found: list[Column] = []
    for column in columns:
        found += [column, *walk(column.members)]
    return found
