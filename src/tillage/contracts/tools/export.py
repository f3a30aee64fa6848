"""A contract in other words: JSON Schema of what arrives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from tillage.contracts.compiler.shape import ROWS
from tillage.contracts.compiler.spelt_number import pattern
from tillage.contracts.contract import Column, Contract, Dataset, Kind, Limits

_TEXT_NUMBER = r"^\s*-?[0-9]+(\.[0-9]+)?\s*$"
_TEXTS = {Kind.STRING, Kind.DATE, Kind.TIMESTAMP, Kind.TIME}


def json_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema 2020-12 that every accepted JSON record keeps.

    It says what JSON Schema can say: a schema cannot tell keys, sums, rules over several columns, formats of dates, or
    which of several spellings counts. So a record may keep it and break the contract.
    """
    record = _object()
    for dataset in contract.datasets:
        _add(record, _unit(record, dataset), dataset.columns)
    if contract.is_unknown_rejected:
        _close(record)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": contract.feed, **record}


def _unit(record: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The schema of one unit, which is that of the record or of the elements of a list in it."""
    unit = record
    for step in dataset.unit_path[:-1]:
        unit = unit["properties"].setdefault(step, _object(null=True))
    for step in dataset.unit_path[-1:]:
        fresh: dict[str, Any] = {"type": ["array", "null"], "items": _object()}
        unit = unit["properties"].setdefault(step, fresh)["items"]
    return unit


def _object(*, null: bool = False) -> dict[str, Any]:
    return {"type": ["object", "null"] if null else "object", "properties": {}, "required": []}


def _add(record: dict[str, Any], unit: dict[str, Any], columns: Iterable[Column], *, is_needed: bool = True) -> None:
    """Adds the members that the columns read; `is_needed`: what holds them is there in every record."""
    for column in columns:
        if column.kind is Kind.LIST and column.paths[0].steps == (ROWS,):
            _add(record, unit, column.items)
            continue
        for path in column.paths[1:]:  # what stands there is not looked at where an earlier spelling counts
            (record if path.is_from_record else unit)["properties"].setdefault(path.steps[0], True)
        for path in column.paths[:1]:
            node = record if path.is_from_record else unit
            for step in path.steps[:-1]:
                if node["properties"].get(step) is True:
                    node["properties"][step] = _object(null=True)
                node = node["properties"].setdefault(step, _object(null=True))
            last = path.steps[-1]
            _put(node["properties"], last, _value(column) if len(column.paths) == 1 else _or_null(_value(column)))
            is_only = len(column.paths) == 1 and len(path.steps) == 1 and is_needed
            if column.is_required and is_only and last not in node["required"]:
                node["required"].append(last)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """With null a later spelling counts."""
    null = {"type": "null"}
    if set(schema) == {"anyOf"}:
        return schema if null in schema["anyOf"] else {"anyOf": [*schema["anyOf"], null]}
    return {"anyOf": [schema, null]}


def _put(properties: dict[str, Any], name: str, found: dict[str, Any]) -> None:
    """A member that several columns read keeps what each of them asks for; `True` asks for nothing."""
    before = properties.get(name)
    if before is None or before == found or before is True:
        properties[name] = found
    elif "properties" in before and "properties" in found:
        for inner, schema in found["properties"].items():
            _put(before["properties"], inner, schema)
        before["required"] = list(dict.fromkeys([*before["required"], *found["required"]]))
    else:
        parts = before["allOf"] if set(before) == {"allOf"} else [before]
        properties[name] = {"allOf": [*parts, found]}


def _value(column: Column) -> dict[str, Any]:
    if column.kind is Kind.OBJECT:
        found = _object(null=True)
        _add(found, found, column.items, is_needed=False)
        return found
    if column.kind is Kind.LIST:
        items = _value(column.items[0]) if column.is_scalar_list else _object()
        if not column.is_scalar_list:
            _add(items, items, column.items)
        kinds = "array" if column.is_required else ["array", "null"]
        return {"type": kinds, "items": items} | _lengths(column, "Items")
    found = {"anyOf": _alternatives(column)}
    found = found["anyOf"][0] if len(found["anyOf"]) == 1 else found
    if column.currency:
        found["description"] = f"amount in {column.currency}"
    if column.is_event_time:
        found["x-event-time"] = True
    return found


def _alternatives(column: Column) -> list[dict[str, Any]]:
    if column.kind in _TEXTS:
        found = [_text(column)]
    elif column.kind is Kind.BOOLEAN:
        found = [{"type": "boolean"}]
    else:
        number: dict[str, Any] = {"type": "integer" if column.kind is Kind.INTEGER else "number"}
        if not column.money:  # bounds of money are in major units, and what arrives may be in minor ones
            number |= _bounds(column.limits)
        spelt = rf"^\s*{pattern(column.number_format)}\s*$" if column.number_format else _TEXT_NUMBER
        found = [number, {"type": "string", "pattern": spelt}]
    if column.null_values:
        found.append({"type": "string", "pattern": rf"^\s*({'|'.join(map(re.escape, column.null_values))})\s*$"})
    if not column.is_required:
        found.append({"type": "null"})
    if column.null_values and column.kind in {Kind.INTEGER, Kind.NUMBER}:
        found += [{"const": _plain(Decimal(value))} for value in column.null_values if _is_number(value)]
    return found


def _text(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    if column.kind is Kind.STRING:
        found |= _lengths(column, "Length")
        if column.limits.patterns:
            found["allOf"] = [{"pattern": pattern} for pattern in column.limits.patterns]
        if column.limits.allowed is not None:
            found["enum"] = list(column.limits.allowed)
    elif column.kind is Kind.DATE and column.date_format is None:
        found["format"] = "date"
    return found


def _bounds(limits: Limits) -> dict[str, Any]:
    number: dict[str, Any] = {}
    for bound, including, excluding, is_excluded in (
        (limits.minimum, "minimum", "exclusiveMinimum", limits.is_minimum_excluded),
        (limits.maximum, "maximum", "exclusiveMaximum", limits.is_maximum_excluded),
    ):
        if isinstance(bound, Decimal):
            number[excluding if is_excluded else including] = _plain(bound)
    # A validator that divides doubles finds 0.3 no multiple of 0.1, so only whole steps are said.
    if limits.multiple_of is not None and limits.multiple_of == limits.multiple_of.to_integral_value():
        number["multipleOf"] = _plain(limits.multiple_of)
    if limits.allowed is not None:
        number["enum"] = [_plain(Decimal(one)) for one in limits.allowed]
    return number


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _lengths(column: Column, what: str) -> dict[str, int]:
    bounds = {f"min{what}": column.limits.min_length, f"max{what}": column.limits.max_length}
    return {key: value for key, value in bounds.items() if value is not None}


def _close(node: dict[str, Any] | Sequence[Any]) -> None:
    """No object holds other members than those that are named."""
    inner = node.values() if isinstance(node, dict) else node
    if isinstance(node, dict) and isinstance(node.get("properties"), dict) and "type" in node:
        node["additionalProperties"] = False
        inner = [*node["properties"].values(), node.get("items", {})]
    for one in inner:
        if isinstance(one, dict | list):
            _close(one)
