"""The published JSON Schemas say what the readers say: every name that is read, and none that is not.

`TILLAGE_WRITE_PAGES=1 pytest tests/spec` writes `docs/reference/schemas`; otherwise the files must be as they would be.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from random import Random
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.generative import random_contracts
from tillage.cli.schema import written
from tillage.contracts import environments, project
from tillage.contracts.odcs import column as odcs_column
from tillage.contracts.odcs import contract_file as odcs
from tillage.contracts.odcs import dataset as odcs_dataset
from tillage.contracts.odcs import limits as odcs_limits
from tillage.contracts.odcs import money as odcs_money
from tillage.contracts.odcs import rules as odcs_rules
from tillage.contracts.odcs import service_levels as odcs_levels
from tillage.contracts.project import read_project
from tillage.contracts.tools.contract_schema import contract_schema
from tillage.contracts.tools.project_schema import project_schema
from tillage.errors import ContractError, ProjectFileError

PAGES = REPOSITORY / "docs" / "reference" / "schemas"
SCHEMAS = {"project": project_schema(), "contract": contract_schema()}
TEMPLATE = resources.files("tillage").joinpath("templates/food-orders")
PROJECT = TEMPLATE.joinpath("tillage.yaml").read_text()
CONTRACT = TEMPLATE.joinpath("contracts/orders.odcs.yaml").read_text()


@cache
def validator(which: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMAS[which])


@cache
def older(which: str) -> jsonschema.Draft7Validator:
    """As far as editors see that stopped at draft 7."""
    return jsonschema.Draft7Validator(SCHEMAS[which])


def as_json(text: str) -> Any:
    """YAML as JSON has it: names are text."""
    return json.loads(json.dumps(_plain(yaml.safe_load(text)), default=str))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def is_valid(which: str, text: str) -> bool:
    found = as_json(text)
    assert older(which).is_valid(found) == validator(which).is_valid(found)
    return bool(validator(which).is_valid(found))


def properties(which: str, definition: str) -> set[str]:
    """The names that one definition describes."""
    root = SCHEMAS[which]
    found = root["$defs"][definition] if definition else root
    return set(found["properties"])


@pytest.mark.parametrize("which", SCHEMAS)
def test_schemas_in_the_documents_are_those_of_the_command(which: str) -> None:
    page, text = PAGES / f"{which}.schema.json", written(SCHEMAS[which])
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGES.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text, "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/spec"
    printed = subprocess.run(
        [sys.executable, "-m", "tillage", "schema", which], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert printed.stdout == text


@pytest.mark.parametrize("which", SCHEMAS)
def test_schema_is_one_and_refers_to_nothing_outside_itself(which: str) -> None:
    schema = SCHEMAS[which]
    jsonschema.Draft202012Validator.check_schema(schema)
    targets = [target for node in _nodes(schema) if isinstance(target := node.get("$ref"), str)]
    assert targets
    for target in targets:
        found: Any = schema
        assert target.startswith("#/"), target
        for step in target[2:].split("/"):
            found = found[step]


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def test_templates_are_valid() -> None:
    assert is_valid("project", PROJECT)
    assert is_valid("contract", CONTRACT)


def test_project_schema_names_all_that_the_reader_accepts_and_no_more() -> None:
    assert properties("project", "") == project.PROJECT_NAMES
    assert properties("project", "feed") == project.FEED_NAMES
    maintain = SCHEMAS["project"]["properties"]["maintain"]["anyOf"][0]["properties"]
    assert maintain.keys() == project.MAINTAIN_NAMES
    assert properties("project", "csv") == project.CSV_NAMES
    assert properties("project", "route") == project.ROUTE_NAMES
    assert properties("project", "environment") == environments.ENVIRONMENT_NAMES
    feed = SCHEMAS["project"]["$defs"]["feed"]["properties"]
    assert tuple(feed["format"]["enum"]) == project.FORMATS
    assert tuple(feed["sameContent"]["enum"]) == project.SAME_CONTENT


def test_contract_schema_names_all_that_the_reader_accepts_and_no_more() -> None:
    assert properties("contract", "tillage.contract") == odcs.CONTRACT_KEYS
    assert properties("contract", "tillage.dataset") == odcs_dataset.DATASET_KEYS
    assert properties("contract", "tillage.column") == odcs_column.COLUMN_KEYS
    assert properties("contract", "tillage.items") == odcs_column.ITEMS_KEYS
    assert properties("contract", "tillage.serviceLevel") == odcs_levels.SLA_KEYS | {"customProperties"}


@pytest.mark.parametrize(
    ("level", "terms"),
    [
        ("contract", odcs.CONTRACT_TERMS),
        ("dataset", odcs_dataset.DATASET_TERMS),
        ("column", odcs_column.COLUMN_TERMS),
    ],
)
def test_every_term_of_a_level_has_a_schema_of_its_value_there(level: str, terms: set[str]) -> None:
    first, *each = SCHEMAS["contract"]["$defs"][f"tillage.terms.{level}"]["items"]["allOf"]
    assert set(first["then"]["properties"]["property"]["enum"]) == terms
    assert {one["if"]["properties"]["property"]["const"] for one in each} == terms


def test_values_with_names_of_their_own_name_those_of_the_reader() -> None:
    texts = [json.dumps(node) for node in _nodes(SCHEMAS["contract"])]

    def is_described(names: set[str]) -> bool:
        return any(set(json.loads(text).get("properties") or {}) == names for text in texts if '"properties"' in text)

    assert is_described(odcs_money.MONEY_NAMES)
    assert is_described(odcs_money.VAT_NAMES)
    assert is_described(odcs_column.MAP_NAMES)
    assert is_described(odcs_dataset.UNIT_NAMES)
    assert is_described(set(odcs.LIMITS))
    assert is_described(odcs_limits.VALUE_ARGUMENTS)
    assert all(is_described(names) for names in odcs_rules.RULE_KEYS.values())
    assert all(is_described(set(names)) for names in odcs_limits.OPTIONS.values() if names)


def test_whatever_contract_the_reader_takes_the_schema_takes() -> None:
    taken = 0
    for seed in range(60):
        text = yaml.safe_dump(random_contracts.contract(Random(seed)), allow_unicode=True, sort_keys=False)
        try:
            odcs.read_contract("orders", "c.yaml", text)
        except ContractError:
            continue
        taken += 1
        wrong = [
            error.json_path + ": " + error.message[:200] for error in validator("contract").iter_errors(as_json(text))
        ]
        assert wrong == [], seed
    assert taken > 40


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tillage.money, value: EUR", "tillage.money, value: EUD"),
        ("tillage.money", "tillage.mony"),
        ("rateBy: product_type", "rateby: product_type"),
        ("hot food: 15", "hot food: 100"),
        ("hot food: 15", "hot food: true"),
        ('value: "$.orders[*]"', 'value: "$.orders"'),
        ("logicalType: number", "logicalType: vector"),
        ("physicalName: orderId", "physicalNam: orderId"),
        ("physicalName: orderId", "classification: PII"),
        ("name: order_id", "name: Order Id"),
        ("property: tillage.unit", "property: tillage.money"),
        ("tillage.unit,", "tillage.limits,"),
        ("apiVersion: v3.2.0", "apiVersion: v4.0.0"),
        ("logicalType: number", "logicalType: number\n              logicalTypeOptions: {minLength: 1}"),
        ("logicalType: number", "logicalType: number\n              quality: [{metric: rowCont, mustBe: 0}]"),
        (
            "logicalType: array",
            "logicalType: array\n        quality: [{type: custom, engine: soda, implementation: a}]",
        ),
    ],
)
def test_a_contract_that_the_reader_refuses_by_name_the_schema_refuses_too(old: str, new: str) -> None:
    assert old in CONTRACT
    text = CONTRACT.replace(old, new, 1)
    with pytest.raises(ContractError, match=r"c\.yaml, line \d+: "):
        odcs.read_contract("orders", "c.yaml", text)
    assert not is_valid("contract", text)


LEVELS = [
    "{property: retention, value: 400, unit: d}",
    "{property: RE, value: 250, unit: years, driver: regulatory}",
    "{property: frequency, value: 90, unit: min}",
    "{property: fy, value: 1, unit: day, element: 'customers, orders'}",
    "{property: Latency, value: 100000, unit: hours, element: orders.sold_at}",
    "{property: LY, value: 1, unit: hr, element: orders}",
]
WRONG_LEVELS = [
    "{property: availability, value: 99, unit: d}",
    "{property: latncy, value: 1, unit: d, element: orders}",
    "{property: latency, value: 1, element: orders}",
    "{property: latency, value: 1, unit: m, element: orders}",
    "{property: latency, value: 1, unit: y, element: orders}",
    "{property: latency, value: 0, unit: h, element: orders}",
    "{property: latency, value: 1.5, unit: h, element: orders}",
    "{property: latency, value: '1', unit: h, element: orders}",
    "{property: frequency, value: 100001, unit: d}",
    "{property: frequency, value: true, unit: d}",
    "{property: frequency, value: 1, unit: d, valueExt: 1}",
    "{property: frequency, value: 1, unit: d, schedule: 0 6 * * *}",
    "{property: retention, value: 251, unit: y}",
    "{property: retention, value: 4, unit: h}",
    "{property: retention, unit: d}",
]


def promising(level: str) -> str:
    sold = "{name: sold_at, logicalType: timestamp, customProperties: [{property: tillage.eventTime, value: true}]}"
    text = CONTRACT.replace("      - name: order_id", f"      - {sold}\n      - name: order_id", 1)
    return f"{text}\nslaProperties:\n  - {level}\n"


@pytest.mark.parametrize("level", LEVELS)
def test_a_service_level_that_the_reader_takes_the_schema_takes(level: str) -> None:
    odcs.read_contract("orders", "c.yaml", promising(level))
    assert is_valid("contract", promising(level))


@pytest.mark.parametrize("level", WRONG_LEVELS)
def test_a_service_level_that_the_reader_refuses_the_schema_refuses_too(level: str) -> None:
    with pytest.raises(ContractError, match=r"c\.yaml, line \d+: "):
        odcs.read_contract("orders", "c.yaml", promising(level))
    assert not is_valid("contract", promising(level))


FEEDS = [
    "{path: landing/orders}",
    "{path: a, maxQuarantine: 0}",
    "{path: a, maxQuarantine: 0.5 %}",
    "{path: a, maxQuarantine: null, schedule: null}",
    "{path: a, schedule: '30 2,4 * JAN-MAR MON#1'}",
    "{path: 'landing/date=*/hour=*/customers.json*', format: json, records: '$.customers[*]'}",
    "{path: a, format: json, records: $}",
    "{path: a.b/..c, format: json, records: null}",
    "{path: 'landing/**/x.xml', format: xml, records: /a/b}",
    '{path: a, format: csv, sameContent: skip, csv: {quote: "\'", header: false, columns: [id, größe]}}',
    "{path: a, format: csv, csv: {delimiter: whitespace, encoding: latin-1, skip: 2}}",
    '{path: a, format: csv, csv: {delimiter: "\\t", quote: ""}}',
    '{path: a, format: csv, csv: {delimiter: "\\x01"}}',
    "{path: a, format: csv, csv: {delimiter: null}}",
]
WRONG_FEEDS = [
    "{path: '*/x'}",
    "{path: landing/../x}",
    "{path: ..}",
    "{path: landing//x}",
    "{path: ./x}",
    "{pth: a}",
    "{path: a, format: xml}",
    "{path: a, format: xml, records: products}",
    "{path: a, format: csv, records: $}",
    "{path: a, records: $}",
    "{path: a, format: json, records: '$.a[*].b'}",
    "{path: a, csv: {}}",
    "{path: a, format: csv, csv: ;}",
    "{path: a, format: csv, csv: {delimitr: ;}}",
    "{path: a, format: csv, csv: {delimiter: ab}}",
    "{path: a, format: csv, csv: {delimiter: x}}",
    "{path: a, format: csv, csv: {delimiter: 1}}",
    "{path: a, format: csv, csv: {delimiter: é}}",
    "{path: a, format: csv, csv: {header: maybe}}",
    "{path: a, format: csv, csv: {header: false}}",
    "{path: a, format: csv, csv: {columns: [a, b, a]}}",
    "{path: a, format: csv, csv: {skip: -1}}",
    "{path: a, sameContent: skp}",
    "{path: a, maxQuarantine: 101%}",
    "{path: a, maxQuarantine: -1}",
    "{path: a, maxQuarantine: 1.5}",
    "{path: a, maxQuarantine: true}",
    "{path: a, schedule: daily}",
    "{path: a, schedule: '* * * *'}",
    "{path: a, schedule: '* * * * * *'}",
    "{path: a, schedule: 5}",
]


def shop(feed: str) -> str:
    return f"project: shop\nfeeds:\n  orders: {feed}\n"


@pytest.mark.parametrize("feed", FEEDS)
def test_a_feed_that_the_reader_takes_the_schema_takes(feed: str) -> None:
    read_project("tillage.yaml", shop(feed))
    assert is_valid("project", shop(feed))


@pytest.mark.parametrize("feed", WRONG_FEEDS)
def test_a_feed_that_the_reader_refuses_the_schema_refuses_too(feed: str) -> None:
    with pytest.raises(ProjectFileError, match="line 3"):
        read_project("tillage.yaml", shop(feed))
    assert not is_valid("project", shop(feed))


def test_an_editor_is_told_which_schema_by_a_line_that_names_a_file() -> None:
    guide = (REPOSITORY / "docs/how-to/editors.md").read_text()
    named = set(re.findall(r"# yaml-language-server: \$schema=(?:\.\./)?(\S+)", guide))
    made = set(re.findall(r"tillage schema \w+ > (\S+)", guide))
    assert named == made == {"project.schema.json", "contract.schema.json"}
