"""Each name of the contract language has an effect, is information that the page lists, or is refused with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tillage.contracts.contract import Contract
from tillage.contracts.odcs.column import COLUMN_KEYS, COLUMN_TERMS, ITEMS_KEYS
from tillage.contracts.odcs.contract_file import CONTRACT_KEYS, CONTRACT_TERMS, read_contract
from tillage.contracts.odcs.dataset import DATASET_KEYS, DATASET_TERMS
from tillage.contracts.tools.export import json_schema
from tillage.errors import ContractError

BASE = """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
- name: d
  properties:
  - {name: id, logicalType: string, primaryKey: true, primaryKeyPosition: 2}
  - {name: other, logicalType: string}
  - {name: n, logicalType: integer, required: true}
  - {name: at, logicalType: timestamp, required: true}
  - {name: v, logicalType: KIND}
"""
STANDARD = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())["$defs"]
MONEY = {"tillage.money": "EUR"}
WORD = [{"url": "https://example.com", "type": "definition"}]
Item = dict[str, Any]

# Of each name with an effect: the kind of the column `v`, what it has besides, and a value that changes the contract.
COLUMN_EFFECTS: dict[str, tuple[str, Item, Any]] = {
    "name": ("string", {}, "w"),
    "physicalName": ("string", {}, "$.x"),
    "logicalType": ("string", {}, "integer"),
    "logicalTypeOptions": ("string", {}, {"minLength": 1}),
    "primaryKey": ("string", {}, True),
    "primaryKeyPosition": ("string", {"primaryKey": True}, 3),
    "required": ("string", {}, True),
    "items": ("array", {"items": {"logicalType": "string"}}, {"logicalType": "integer"}),
    "properties": (
        "object",
        {"properties": [{"name": "a", "logicalType": "string"}]},
        [{"name": "a", "logicalType": "date"}],
    ),
    "enum": ("string", {}, [{"value": "a"}]),
    "quality": ("string", {}, [{"metric": "nullValues", "mustBe": 0}]),
    "description": ("string", {}, "what it is"),
    "tillage.aliases": ("string", {}, ["w"]),
    "tillage.nullValues": ("string", {}, ["-"]),
    "tillage.money": ("number", {}, "EUR"),
    "tillage.vat": ("number", MONEY, {"rate": 19}),
    "tillage.control": ("number", MONEY, True),
    "tillage.amount": ("number", MONEY, "n * 2"),
    "tillage.map": ("string", {}, {"column": "other", "values": {"a": "b"}}),
    "tillage.eventTime": ("timestamp", {}, True),
    "tillage.numberFormat": ("number", {}, {"decimal": ","}),
    "tillage.subject": ("string", {}, "customer"),
    "tillage.aliasOf": ("string", {}, "customer"),
    "tillage.erase": ("string", {"tillage.subject": "customer"}, "hash"),
    "classification": ("string", {}, "personal"),
    "relationships": ("string", {}, [{"to": "e.id"}]),
}
DATASET_EFFECTS: Item = {
    "name": "e",
    "properties": [{"name": "id", "logicalType": "string"}],
    "quality": [{"metric": "rowCount", "mustBeGreaterThan": 0}],
    "description": "what it is",
    "tillage.unit": "$.x[*]",
    "tillage.where": "n > 1",
    "tillage.distinct": True,
    "tillage.merge": "upsert",
    "tillage.version": "n",
    "tillage.erases": "customer",
    "relationships": [{"from": "d.other", "to": "e.id"}],
}
CONTRACT_EFFECTS: Item = {
    "tillage.unknownFields": "reject",
    "tillage.limits": {"maxDepth": 3},
    "schema": [{"name": "e", "properties": [{"name": "id", "logicalType": "string"}]}],
}
INFORMATION: dict[str, Item] = {
    "contract": {
        **dict.fromkeys(("id", "name", "version", "status", "tenant", "domain", "dataProduct"), "words"),
        "kind": "DataContract",
        "description": {"purpose": "words"},
        "tags": ["a"],
        "authoritativeDefinitions": WORD,
        "support": [{"channel": "mail", "url": "mailto:a@example.com"}],
        "price": {"priceAmount": 9.95, "priceCurrency": "EUR", "priceUnit": "month"},
        "team": {"name": "t", "members": [{"username": "u"}]},
        "roles": [{"role": "r", "access": "read"}],
        "servers": [{"server": "s", "type": "local", "path": "a", "format": "csv"}],
        "contractCreatedTs": "2024-01-31T10:00:00Z",
    },
    "dataset": {
        **dict.fromkeys(("physicalName", "physicalType", "businessName", "id", "dataGranularityDescription"), "words"),
        "logicalType": "object",
        "tags": ["a"],
        "authoritativeDefinitions": WORD,
    },
    "column": {
        **dict.fromkeys(("physicalType", "businessName", "id"), "words"),
        "semanticType": "measure",
        "examples": ["a"],
        "tags": ["a"],
        "authoritativeDefinitions": WORD,
        "criticalDataElement": True,
    },
}


def base(kind: str = "string", **more: Any) -> Item:
    document = yaml.safe_load(BASE.replace("KIND", kind))
    put(document["schema"][0]["properties"][-1], more)
    return dict(document)


def put(item: Item, more: Item) -> None:
    """Adds names of the standard and of this product where each belongs."""
    for name, value in more.items():
        if name.startswith("tillage."):
            item["customProperties"] = [*item.get("customProperties", []), {"property": name, "value": value}]
        else:
            item[name] = value


def place(document: Item, level: str) -> Item:
    dataset = document["schema"][0]
    return {"contract": document, "dataset": dataset, "column": dataset["properties"][-1]}[level]


def read(document: Item) -> tuple[Contract, Item]:
    """What the contract says, whatever its text; and what is exported of it."""
    found = read_contract("f", "f.odcs.yaml", yaml.safe_dump(document, sort_keys=False))
    return replace(found, digest=""), json_schema(found)


def test_the_tables_name_everything_that_is_read() -> None:
    assert COLUMN_EFFECTS.keys() | INFORMATION["column"].keys() | {"customProperties"} == COLUMN_KEYS | COLUMN_TERMS
    assert DATASET_EFFECTS.keys() | INFORMATION["dataset"].keys() | {"customProperties"} == DATASET_KEYS | DATASET_TERMS
    known = CONTRACT_EFFECTS.keys() | INFORMATION["contract"].keys() | {"customProperties", "apiVersion"}
    assert known == (CONTRACT_KEYS | CONTRACT_TERMS) - {"slaProperties"}
    assert ITEMS_KEYS <= COLUMN_KEYS


@pytest.mark.parametrize("name", COLUMN_EFFECTS)
def test_a_name_of_a_column_changes_the_contract(name: str) -> None:
    kind, besides, value = COLUMN_EFFECTS[name]
    without, with_it = base(kind, **besides), base(kind, **besides)
    if name in {"classification", "tillage.aliasOf"}:  # of a unit that says whom it is about
        for document in (without, with_it):
            put(document["schema"][0]["properties"][0], {"tillage.subject": "customer"})
    put(place(with_it, "column"), {name: value})
    if name == "logicalType":
        assert place(with_it, "column") != place(without, "column")
    assert read(with_it) != read(without)


@pytest.mark.parametrize("name", DATASET_EFFECTS)
def test_a_name_of_a_dataset_changes_the_contract(name: str) -> None:
    without, with_it = base(), base()
    if name == "tillage.version":
        for document in (without, with_it):
            put(place(document, "dataset"), {"tillage.merge": "upsert"})
    if name == "tillage.erases":
        for document in (without, with_it):
            put(document["schema"][0]["properties"][0], {"tillage.subject": "customer"})
    put(place(with_it, "dataset"), {name: DATASET_EFFECTS[name]})
    assert read(with_it) != read(without)


@pytest.mark.parametrize("name", CONTRACT_EFFECTS)
def test_a_name_of_the_contract_changes_it(name: str) -> None:
    with_it = base()
    put(with_it, {name: CONTRACT_EFFECTS[name]})
    assert read(with_it) != read(base())


def information() -> Iterator[tuple[str, str]]:
    for level, names in INFORMATION.items():
        yield from ((level, name) for name in names)


@pytest.mark.parametrize(("level", "name"), [*information()])
def test_information_changes_nothing_and_stands_on_the_page(level: str, name: str) -> None:
    with_it = base()
    put(place(with_it, level), {name: deepcopy(INFORMATION[level][name])})
    assert read(with_it) == read(base())
    page = (REPOSITORY / "docs/reference/contracts.md").read_text()
    section = page.partition("## What is information")[2]
    what = {"contract": "of the contract", "dataset": "of a dataset", "column": "of a column"}[level]
    (part,) = re.findall(rf"- {what}: (.*?)\n(?:- |\n)", section, re.DOTALL)
    assert f"`{name}`" in part


def others() -> Iterator[tuple[str, str]]:
    """What else the standard has."""
    element = set(STANDARD["SchemaElement"]["properties"])
    dataset = element | set(STANDARD["SchemaObject"]["properties"])
    column = element | set(STANDARD["SchemaBaseProperty"]["properties"])
    yield from (("dataset", name) for name in sorted(dataset - DATASET_KEYS))
    yield from (("column", name) for name in sorted(column - COLUMN_KEYS))


@pytest.mark.parametrize(("level", "name"), [*others()])
def test_what_else_the_standard_has_is_refused_with_its_line(level: str, name: str) -> None:
    values = {
        **dict.fromkeys(["unique", "partitioned"], True),
        **dict.fromkeys(["partitionKeyPosition"], 1),
        "transformSourceObjects": ["a"],
        "synonyms": ["a"],
        "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "string"}},
    }
    with_it = base()
    put(place(with_it, level), {name: values.get(name, "words")})
    with pytest.raises(ContractError, match=r"f\.odcs\.yaml, line \d+: "):
        read(with_it)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"metric": "rowCount", "unit": "percent", "mustBe": 5}, "rowCount counts rows; `unit: percent`"),
        ({"metric": "rowCount", "arguments": {"x": 1}, "mustBe": 5}, "`arguments` have no effect on rowCount"),
        ({"metric": "nullValues", "arguments": {"validValues": ["a"]}, "mustBe": 5}, "no effect on nullValues"),
        (
            {"metric": "duplicateValues", "arguments": {"properties": ["n"]}, "mustBe": 5},
            "no effect on duplicateValues",
        ),
        (
            {"type": "sql", "id": "q", "query": "select 1", "unit": "percent", "mustBe": 1},
            "`unit` has no effect on a query",
        ),
        (
            {"metric": "nullValues", "mustBe": 5, "schedule": "0 * * * *", "scheduler": "cron"},
            "unknown name 'schedule'",
        ),
    ],
)
def test_what_a_rule_does_not_look_at_is_refused(rule: Item, says: str) -> None:
    with pytest.raises(ContractError, match=rf"line \d+: .*{says}"):
        read(base(quality=[rule]))


def test_a_rules_notes_change_nothing() -> None:
    rule = {"id": "r", "metric": "nullValues", "mustBe": 0}
    notes = dict.fromkeys(("name", "description", "businessImpact", "method"), "words")
    notes |= {"dimension": "completeness", "tags": ["a"], "authoritativeDefinitions": WORD}
    assert read(base(quality=[rule | notes])) == read(base(quality=[rule]))
    assert read(base(quality=[{"type": "text", "description": "words"}])) == read(base())


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["- {name: a, logicalType: string, customProperties: [EVENT]}"], "is for one date or timestamp of the unit"),
        (
            [
                "- {name: a, logicalType: date, customProperties: [EVENT]}",
                "- {name: b, logicalType: date, customProperties: [EVENT]}",
            ],
            "stands at a, b; a unit happens at one time",
        ),
        (
            [
                "- {name: a, logicalType: array, items: {logicalType: object, properties: [",
                "{name: b, logicalType: date, customProperties: [EVENT]}]}}",
            ],
            "of the unit itself",
        ),
    ],
)
def test_one_time_of_the_unit_itself_can_be_that_of_the_event(columns: list[str], says: str) -> None:
    text = "\n".join(columns).replace("EVENT", "{property: tillage.eventTime, value: true}")
    document = base()
    document["schema"][0]["properties"] += yaml.safe_load(text)
    with pytest.raises(ContractError, match=rf"line \d+: .*{says}"):
        read(document)


def test_readers_are_told_the_time_of_the_event() -> None:
    _, schema = read(base("timestamp", **{"tillage.eventTime": True}))
    assert schema["properties"]["v"]["x-event-time"] is True
