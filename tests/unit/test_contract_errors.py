"""Each complaint about a contract stands at the line of what is wrong, and names column, term and what would do."""

from __future__ import annotations

import re

import pytest

from tillage.contracts import json_path
from tillage.contracts.contract import Contract
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ContractError

_HEAD = """apiVersion: {version}
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
- name: d
"""


def _read(text: str, version: str = "v3.2.0") -> Contract:
    return read_contract("f", "f.odcs.yaml", _HEAD.format(version=version) + text)


_COLUMNS = """  properties:
  - name: kind
    logicalType: string
    required: true
  - name: n
    logicalType: integer
  - name: price
    logicalType: object
    properties:
    - name: gross
      logicalType: number
      customProperties:
      - property: tillage.money
        value: {currencyBy: CURRENCY}
      - property: tillage.vat
        value:
          rateBy: RATE
          rates: {a: 7}
    - name: made
      logicalType: number
      customProperties:
      - property: tillage.money
        value: EUR
      - property: tillage.amount
        value: n * FACTOR
    - name: currency
      logicalType: string
    - name: class
      logicalType: string
      customProperties:
      - property: tillage.map
        value:
          column: SOURCE
          values: {a: a}
"""
_NAMES = {"CURRENCY": "currency", "RATE": "kind", "FACTOR": "n", "SOURCE": "kind"}


def _columns(**other: str) -> str:
    text = _COLUMNS
    for name, good in _NAMES.items():
        text = text.replace(name, other.get(name, good))
    return text


def test_references_are_found_in_the_object_first_and_then_around_it() -> None:
    price = _read(_columns()).datasets[0].column("price")
    assert price.items[0].currency_by == "price.currency"
    assert price.items[0].vat is not None
    assert price.items[0].vat.rate_by == "kind"


@pytest.mark.parametrize(
    ("name", "value", "line", "says"),
    [
        (
            "CURRENCY",
            "curency",
            21,
            "column 'price.gross': tillage.money: unknown name 'curency'; did you mean '",
        ),
        ("CURRENCY", "n", 21, "column 'price.gross': tillage.money: `currencyBy` must name a string column"),
        ("CURRENCY", "orders.currency", 21, "a reference to another dataset, or unknown name 'orders.currency'"),
        ("CURRENCY", "price.curency", 21, "unknown name 'price.curency'; did you mean 'price.currency'"),
        ("RATE", "kin", 24, "column 'price.gross': tillage.vat: unknown name 'kin'; did you mean 'kind'"),
        ("RATE", "currency", 24, "`rateBy` must name a required string column"),
        ("FACTOR", "m", 32, "column 'price.made': tillage.amount: unknown name 'm'"),
        ("FACTOR", "kind", 32, "column 'price.made': tillage.amount: 'kind' must be a number"),
        ("SOURCE", "kin", 40, "column 'price.class': tillage.map: unknown name 'kin'; did you mean 'kind'"),
        ("SOURCE", "n", 40, "column 'price.class': tillage.map: `column` must name a string column"),
    ],
)
def test_a_wrong_reference_names_column_and_term_at_its_line(name: str, value: str, line: int, says: str) -> None:
    with pytest.raises(ContractError, match=f"line {line}: .*{says}"):
        _read(_columns(**{name: value}))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("tags: 5", 13, "`tags` is a list"),
        ("customProperties: [{property: [tillage.money], value: EUR}]", 13, "."),
        ("customProperties: [{property: tillage.money, value: {currency: EUR, input: [minor]}}]", 13, "."),
        ("customProperties: {property: tillage.money, value: EUR}", 13, "`customProperties` is a list"),
        ("customProperties: [tillage.money]", 13, "an entry of `customProperties` is like"),
        ("quality: {metric: rowCount, mustBe: 1}", 13, "`quality` is a list"),
        ("quality: [{metric: nullValue, mustBe: 0}]", 13, "unknown name 'nullValue'; did you mean 'nullValues'"),
        ("quality: [{metric: nullValues}]", 13, "a rule has one operator of: mustBe"),
        ("quality: [{metric: nullValues, mustBe: 0, mustNotBe: 1}]", 13, "a rule has one operator of: mustBe"),
        ("quality: [{metric: nullValues, mustBee: 0}]", 13, "unknown name 'mustBee'; did you mean 'mustBe'"),
        ("quality: [{metric: nullValues, mustBeBetween: [0.4, 0.4]}]", 13, "takes two numbers, the smaller first"),
        ("quality: [{metric: nullValues, mustBeBetween: [5, 1]}]", 13, "takes two numbers, the smaller first"),
        ("quality: [{metric: nullValues, mustBe: x}]", 13, "`mustBe` takes a number"),
        ("quality: [{type: libary, metric: nullValues, mustBe: 0}]", 13, "did you mean 'library'"),
        ("quality: [{type: library, mustBe: 0}]", 13, "a library rule needs `metric`: one of rowCount"),
        ("logicalTypeOptions:\n      minLength: 5\n      maxLenth: 3", 15, "unknown name 'maxLenth'"),
        ("logicalTypeOptions:\n      minLength: 5\n      pattern: '(?=x)'", 15, "`pattern` is not for RE2"),
        ("logicalTypeOptions:\n      minLength: 5\n      maxLength: -3", 15, "."),
    ],
)
def test_a_slip_is_named_at_its_line(text: str, line: int, says: str) -> None:
    before = "  properties:\n  - name: a\n    logicalType: string\n"
    with pytest.raises(ContractError, match=f"f.odcs.yaml, line {line}: .*{says}"):
        _read(f"{before}  - name: b\n    logicalType: string\n    {text}\n")


@pytest.mark.parametrize(
    ("value", "line", "says"),
    [
        ('"1.234,56"', 13, "tillage.numberFormat is like"),
        ("{}", 13, "read like this without it"),
        ('{decimal: "."}', 13, "read like this without it"),
        ('{decimals: ","}', 13, "unknown name 'decimals'; did you mean 'decimal'"),
        ('{decimal: ";"}', 13, '`decimal` is one of ".", ","'),
        ('{decimal: ",", group: ","}', 13, "are the same sign"),
        ('{group: "_"}', 13, """`group` is one of ".", ",", "'", " ", in quotes"""),
        ('{symbols: "€"}', 13, "`symbols` is a list of texts"),
        ('{symbols: ["€ "]}', 13, "no blanks around it"),
        ('{symbols: ["-"]}', 13, "has no digits, signs or parentheses"),
        ("{negative: braces}", 13, "unknown name 'braces'"),
    ],
)
def test_a_format_of_numbers_that_is_none_or_says_nothing_is_refused(value: str, line: int, says: str) -> None:
    text = "  properties:\n  - name: a\n    logicalType: KIND\n    customProperties:\n"
    text += "    - property: tillage.numberFormat\n      value: "
    with pytest.raises(ContractError, match=f"line {line}: .*{re.escape(says)}"):
        _read(text.replace("KIND", "number") + value + "\n")
    with pytest.raises(ContractError, match=r"is for `logicalType: number` or `integer`"):
        _read(text.replace("KIND", "string") + '{decimal: ","}\n')


@pytest.mark.parametrize("value", ["[string]", "{string: 1}", "5"])
def test_a_list_or_mapping_in_place_of_a_name_is_a_slip_like_any_other(value: str) -> None:
    with pytest.raises(ContractError, match=r"line 10: .*unknown name"):
        _read(f"  properties:\n  - name: a\n    logicalType: {value}\n")


def test_library_rules_of_older_versions_are_read() -> None:
    text = """  quality: [{type: library, rule: rowCount, mustBeGreaterThan: 0, id: rows}]
  properties:
  - name: a
    logicalType: string
    quality:
    - {type: library, rule: nullCheck, mustBe: 0, id: nulls}
    - {type: library, rule: duplicateCount, mustBe: 0, id: twice}
    - {rule: validValues, validValues: [x, y]}
    - {metric: missingValues, mustBe: 0, id: missing}
"""
    dataset = _read(text, "v3.0.2").datasets[0]
    assert [rule.name for rule in dataset.dataset_rules] == ["rows", "nulls", "twice", "missing"]
    assert dataset.columns[0].limits.allowed == ("x", "y")
    assert _read(text, "v3.1.0").datasets[0] == dataset


def test_a_rule_that_no_version_has_is_refused() -> None:
    with pytest.raises(ContractError, match=r"line 8: a library rule needs `metric`"):
        _read("  quality: [{rule: freshness, type: library, mustBe: 0}]\n  properties: []\n", "v3.0.2")


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$.a", ("a",)),
        ("$.customer-id.x", ("customer-id", "x")),
        ("$['a b']", ("a b",)),
        ('$["a b"].c', ("a b", "c")),
        (r"$['it\'s']", ("it's",)),
        (r"""$["it's \"so\""]""", ('it\'s "so"',)),
        ("""$['say "so"']""", ('say "so"',)),
        (r"$['\u00e9']", ("é",)),
        ("$['a.b[*]']", ("a.b[*]",)),
        ("$", None),
        ("$.", None),
        ("$..a", None),
        ("$.a b", None),
        ("$['a'", None),
        ("$['']", None),
        ("$[0]", None),
        (r"$['\x']", None),
        (r"$['\ud800']", None),
        ("$.a[*]", None),
    ],
)
def test_a_path_is_the_names_that_lead_to_a_member(path: str, steps: tuple[str, ...] | None) -> None:
    assert json_path.member(path) == steps
    if steps is not None:
        assert json_path.member(json_path.written(steps)) == steps
        assert json_path.elements(f"{path}[*]") == steps
