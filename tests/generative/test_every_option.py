"""Each thing that can be asked of each kind of column rejects what it should, or is refused: none is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import yaml

from tests.generative.in_memory import compiled, connected
from tests.generative.test_contracts import product
from tests.oracle.short_contracts import contract
from tillage.errors import ContractError

Property = dict[str, Any]


def _term(name: str, value: Any) -> Property:
    return {"customProperties": [{"property": f"tillage.{name}", "value": value}]}


def _library(**more: Any) -> Property:
    return {"quality": [{"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": more}]}


# Of each kind: the column, what stands beside it, and a good value.
KINDS: dict[str, tuple[Property, list[Property], Any]] = {
    "string": ({"logicalType": "string"}, [], "abc"),
    "integer": ({"logicalType": "integer"}, [], 5),
    "number": ({"logicalType": "number"}, [], 5.25),
    "boolean": ({"logicalType": "boolean"}, [], True),
    "date": ({"logicalType": "date"}, [], "2024-05-05"),
    "timestamp": ({"logicalType": "timestamp"}, [], "2024-05-05T10:00:00"),
    "time": ({"logicalType": "time"}, [], "10:00:00"),
    "money": ({"logicalType": "number", **_term("money", "EUR")}, [], 5.25),
    "amount": (
        {
            "logicalType": "number",
            "customProperties": [
                {"property": "tillage.money", "value": {"currency": "EUR"}},
                {"property": "tillage.amount", "value": "other * 1"},
            ],
        },
        [{"name": "other", "logicalType": "number"}],
        5.25,
    ),
    "map": (
        {"logicalType": "string", **_term("map", {"column": "other", "values": {"abc": "abc"}, "default": "rest"})},
        [{"name": "other", "logicalType": "string"}],
        "abc",
    ),
    "object": ({"logicalType": "object", "properties": [{"name": "a", "logicalType": "string"}]}, [], {"a": "x"}),
    "list": ({"logicalType": "array", "items": {"logicalType": "string"}}, [], ["x"]),
    "objects": (
        {
            "logicalType": "array",
            "items": {"logicalType": "object", "properties": [{"name": "a", "logicalType": "string"}]},
        },
        [],
        [{"a": "x"}],
    ),
}
# Options that no good value above keeps.
OPTIONS: dict[str, Property] = {
    "required": {"required": True},
    "minLength": {"logicalTypeOptions": {"minLength": 4}},
    "maxLength": {"logicalTypeOptions": {"maxLength": 2}},
    "pattern": {"logicalTypeOptions": {"pattern": "^z"}},
    "format of text": {"logicalTypeOptions": {"format": "email"}},
    "format of time": {"logicalTypeOptions": {"format": "d.M.yyyy HH:mm"}},
    "minimum": {"logicalTypeOptions": {"minimum": 6}},
    "maximum": {"logicalTypeOptions": {"maximum": 4}},
    "exclusiveMinimum": {"logicalTypeOptions": {"exclusiveMinimum": 5.25}},
    "minimum of days": {"logicalTypeOptions": {"minimum": "2025-01-01"}},
    "maximum of days": {"logicalTypeOptions": {"maximum": "2023-01-01"}},
    "minimum of times": {"logicalTypeOptions": {"minimum": "11:00:00"}},
    "multipleOf": {"logicalTypeOptions": {"multipleOf": 3}},
    "timezone: true": {"logicalTypeOptions": {"timezone": True}},
    "minItems": {"logicalTypeOptions": {"minItems": 2}},
    "maxItems": {"logicalTypeOptions": {"maxItems": 0}},
    "enum of texts": {"enum": [{"value": "zzz"}]},
    "enum of numbers": {"enum": [{"value": 7}]},
    "enum of days": {"enum": [{"value": "2020-01-01"}]},
    "validValues of texts": _library(validValues=["zzz"]),
    "validValues of numbers": _library(validValues=[7]),
    "validValues of days": _library(validValues=["2020-01-01"]),
    "pattern of a metric": _library(pattern="^z"),
    "nullValues": _term("nullValues", ["abc", "5", "5.25", "2024-05-05", "10:00:00"]) | {"required": True},
    "excessDecimals: reject": _term("money", {"currency": "JPY", "excessDecimals": "reject"}),
    "input: minor": _term("money", {"currency": "EUR", "input": "minor"}),
    "map that rejects": _term("map", {"column": "other", "values": {"zzz": "a"}}),
    "aliases": _term("aliases", ["zzz"]),
    "control": _term("control", True),
    "eventTime": _term("eventTime", True),
    "numberFormat": _term("numberFormat", {"decimal": ","}),
    "primaryKeyPosition": {"primaryKeyPosition": 1},
}
# Of these the good value is right all the same, and what they do is tested elsewhere.
HARMLESS = {("aliases", kind) for kind in KINDS if kind not in {"amount", "map", "object"}} | {
    ("control", "money"),
    ("control", "amount"),
    ("eventTime", "date"),
    ("eventTime", "timestamp"),
}
# JSON booleans and moments are no texts of these.
HARMLESS |= {("nullValues", "boolean"), ("nullValues", "timestamp")}
# A JSON number is read by its own spelling.
HARMLESS |= {("numberFormat", kind) for kind in ("integer", "number", "money")}
# 5 is an amount in any currency.
HARMLESS |= {("excessDecimals: reject", "integer"), ("input: minor", "integer")}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as found:
        yield found


def _merged(column: Property, option: Property) -> Property:
    added = option.get("customProperties", [])
    names = {entry["property"] for entry in added}
    kept = [entry for entry in column.get("customProperties", []) if entry["property"] not in names]
    custom = {"customProperties": [*kept, *added]} if kept or added else {}
    return {**column, **option, **custom}


def _codes(
    connection: duckdb.DuckDBPyConnection, column: Property, beside: list[Property], record: Property
) -> tuple[str, ...]:
    document = contract("[]")
    document["schema"] = [{"name": "d", "properties": [{"name": "v", **column}, *beside]}]
    (found,) = product(connection, document, {"a.jsonl": json.dumps(record).encode()}, 2**20).values()
    return found.codes


def _record(kind: str, option: str) -> Property:
    good = KINDS[kind][2]
    if option == "required":
        return {}
    return {"other": good} if kind in {"amount", "map"} else {"v": good}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["unit", "list"])
def test_an_option_rejects_or_is_refused(
    connection: duckdb.DuckDBPyConnection, kind: str, option: str, where: str
) -> None:
    column, beside, _ = KINDS[kind]
    asked, record = _merged(column, OPTIONS[option]), _record(kind, option)
    if where == "list":
        inner = [{"name": "v", **asked}, *beside]
        asked, beside = {"logicalType": "array", "items": {"logicalType": "object", "properties": inner}}, []
        record = {"v": [record]}
    try:
        codes = _codes(connection, asked, beside, record)
    except ContractError:
        return
    assert codes or (option, kind) in HARMLESS, f"{option} of {kind} in {where} is passed over"


@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "date", "timestamp", "time", "money"])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_the_items_of_a_list_rejects_or_is_refused(
    connection: duckdb.DuckDBPyConnection, kind: str, option: str
) -> None:
    items, good = _merged(KINDS[kind][0], OPTIONS[option]), KINDS[kind][2]
    record = {"v": [None if option == "required" else good]}
    try:
        codes = _codes(connection, {"logicalType": "array", "items": items}, [], record)
    except ContractError:
        return
    assert codes or (option, kind) in HARMLESS - {("aliases", kind), ("control", kind)}, f"{option} is passed over"


@pytest.mark.parametrize("option", [option for option in OPTIONS if option != "required"])
def test_an_option_of_items_that_are_objects_is_refused(option: str) -> None:
    column = KINDS["objects"][0]
    document = contract("[]")
    items = _merged(column["items"], OPTIONS[option])
    document["schema"] = [{"name": "d", "properties": [{"name": "v", **column, "items": items}]}]
    with pytest.raises(ContractError, match=r", line \d+: "):
        compiled(yaml.safe_dump(document))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["unit", "object", "list"])
@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "nullValues", "mustBe": 0},
        {"metric": "missingValues", "mustBe": 0},
        {"metric": "duplicateValues", "mustBeLessThan": 5, "unit": "percent"},
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["zzz"]}, "severity": "warning"},
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "^z"}, "severity": "info"},
        {"metric": "invalidValues", "mustBeLessThan": 3, "arguments": {"validValues": [7]}},
        {"type": "sql", "query": "select count(*) from ${object} where ${property} is null", "mustBe": 0, "id": "q"},
        {"type": "custom", "engine": "tillage", "implementation": "1 = 0", "id": "r"},
    ],
)
def test_a_rule_is_kept_wherever_it_stands_or_refused(kind: str, where: str, rule: Property) -> None:
    column, beside, _ = KINDS[kind]
    asked: Property = {**column, "quality": [rule]}
    if where != "unit":
        outer = {"logicalType": "object", "properties": [{"name": "v", **asked}, *beside]}
        asked, beside = (outer, []) if where == "object" else ({"logicalType": "array", "items": outer}, [])
    document = contract("[]")
    document["schema"] = [{"name": "d", "properties": [{"name": "v", **asked}, *beside]}]
    try:
        dataset = compiled(yaml.safe_dump(document)).contract.datasets[0]
    except ContractError:
        return
    assert len(dataset.row_rules) + len(dataset.dataset_rules) == 1
