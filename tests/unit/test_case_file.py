"""A wrong test file is refused with file, line, what is allowed and the nearest name; a right one says what it says."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest

from tillage.contracts.cases.file import Case, CaseFeed, read_cases
from tillage.contracts.cases.rows import dataset_table, model_table
from tillage.contracts.cases.yaml_rows import Number, json_text, read_values
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.project import Feed
from tillage.errors import OperatorError

_TEMPLATE = resources.files("tillage").joinpath("templates/food-orders")
_TEXT = """- name: one order
  feed: orders
  given:
    - {customerId: c1, orders: []}
  expect:
    orders: [{order_id: "1", lines: [{gross_minor: 4}]}]
"""


def _feeds(kind: str = "jsonl", records: str | None = None) -> dict[str, CaseFeed]:
    text = _TEMPLATE.joinpath("contracts/orders.odcs.yaml").read_text(encoding="utf-8")
    tables = {dataset.name: dataset_table(dataset) for dataset in read_contract("orders", "c.yaml", text).datasets}
    tables["spend"] = model_table("spend", {"customer_id": None, "net_minor": "EUR"})
    return {"orders": CaseFeed(Feed("orders", "landing/orders", kind, records), tables)}


def _one(text: str, kind: str = "jsonl") -> Case:
    (case,) = read_cases("tests/orders.yaml", text, _feeds(kind))
    return case


def _row(row: str) -> dict[str, Any]:
    """The first row that is expected, as it will be compared."""
    case = _one(_TEXT.partition("    orders:")[0] + f"    {row}\n")
    assert case.expected[0].rows
    return dict(case.expected[0].rows[0].values)


def test_values_are_those_of_json_with_their_digits_and_the_rest_is_text() -> None:
    text = "[18.50, -0, 1e3, 12345678901234567890.10, true, null, ~, 2024-01-31, 007, 1_000, 12:30, yes, +1, .5, NaN]"
    found = read_values("t.yaml", text, OperatorError).data
    numbers = [Number("18.50"), Number("-0"), Number("1e3"), Number("12345678901234567890.10")]
    words = ["2024-01-31", "007", "1_000", "12:30", "yes", "+1", ".5", "NaN"]
    assert found == [*numbers, True, None, None, *words]
    assert json_text(found[:7]) == "[18.50, -0, 1e3, 12345678901234567890.10, true, null, null]"


def test_quotes_and_tags_make_text_and_bytes() -> None:
    text = '["1", \'true\', !!str 12, !!binary AAH/, "a\\u0000b"]'
    assert read_values("t.yaml", text, OperatorError).data == ["1", "true", "12", b"\x00\x01\xff", "a\0b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]\n", "line 1: is nested too deeply, or its aliases"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)), "unfold"),
        ("[" * 100_000, "nested too deeply|not YAML"),
        ("x" * 1_000_001, "has 1,000,001 characters; at most 1,000,000"),
        ("a: 1\na: 2\n", "line 2: 'a' is given twice"),
        ("a: &b {c: 1}\nd:\n  <<: *b\n", "line 3: `<<` is not read"),
        ("? [a]\n: 1\n", "line 1: a name is text"),
        ("a: !!float 1.5\n", "line 1: the tag .*float' is not read; allowed: !!str, !!binary"),
        ("a: !<json:number> x\n", "line 1: the tag 'json:number' is not read"),
        ("a: !!binary äö\n", "line 1: `!!binary` is followed by bytes in base64"),
        ('a: "\\ud800"\n', "line 1: .* are no letters"),
        ("a: [1\nb: 2\n", "line 2: not YAML"),
        ("a: 1\n---\nb: 2\n", "not YAML: but found another document"),
    ],
)
def test_yaml_that_says_no_records_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(OperatorError, match=says):
        read_values("t.yaml", text, OperatorError)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (_TEXT, "", "line 1: holds a list of tests, at least one"),
        (_TEXT, "tests: []", "line 1: holds a list of tests, at least one"),
        (_TEXT, "test: [1]", "line 1: unknown name 'test'; did you mean 'tests'"),
        (_TEXT, "- hello", "line 1: a test is like"),
        (_TEXT, _TEXT + _TEXT, "line 7: a test of this name stands in line 1"),
        ("name: one order", "name: 1", "line 1: a test has a `name`"),
        ("name: one order", 'name: "a\\nb"', "line 1: a test has a `name`"),
        ("- name: one order\n  feed", "- feed", "line 1: a test has a `name`"),
        ("  feed: orders\n", "", "line 1: a test names its `feed`: orders"),
        ("feed: orders", "feed: order", "line 2: unknown name 'order'; did you mean 'orders'"),
        ("feed: orders", "feed: [orders]", "line 2: must be one of: orders"),
        ("given:", "givn:", "line 3: unknown name 'givn'; did you mean 'given'"),
        ("  given:\n    - {customerId: c1, orders: []}\n", "", "line 1: a test has `given`"),
        (
            "\n    - {customerId: c1, orders: []}",
            " 5",
            "line 3: a feed with `format: jsonl` is given a list of records, or",
        ),
        ("\n    - {customerId: c1, orders: []}", " {}", "line 3: `given` as a mapping names files"),
        ("{customerId: c1, orders: []}", "{a: !!binary aGk=}", "line 3: a record holds no bytes"),
        ("- {customerId: c1, orders: []}", "../a.jsonl: x", "line 4: a file is named relative to landing/orders"),
        ("- {customerId: c1, orders: []}", "/a.jsonl: x", "line 4: a file is named relative to landing/orders"),
        ("- {customerId: c1, orders: []}", "{a: x, a/b: x}", "line 4: one name is a file, and the folder of another"),
        ("  expect:\n", "", "line 5: unknown name 'orders'|not YAML"),
        ("expect:\n    orders:", "expect: []\n  orders:", "line 6: unknown name 'orders'"),
        ("orders: [{order_id", "order: [{order_id", "line 6: unknown name 'order'; did you mean 'orders'"),
        ("order_id", "orderid", "line 6: unknown name 'orderid'; did you mean 'order_id'.*_?verdict"),
        ("gross_minor: 4", "gros_minor: 4", "line 6: unknown name 'gros_minor'; did you mean 'gross_minor'"),
        ("gross_minor: 4", "gross: 0.045", "line 6: 'gross' is an amount in EUR, a number with at most 2 decimals"),
        ("gross_minor: 4", "gross: 1e99", "line 6: 'gross' is an amount in EUR"),
        ("gross_minor: 4", "gross: 1e99999999999999999999", "line 6: 'gross' is an amount in EUR"),
        ("gross_minor: 4", f"gross: 0.{'9' * 40}", "line 6: 'gross' is an amount in EUR"),
        ("gross_minor: 4", 'gross: "0.04"', "line 6: 'gross' is an amount in EUR"),
        ("gross_minor: 4", "gross: 1, gross_minor: 100", "line 6: 'gross' and 'gross_minor' are one amount"),
        ('order_id: "1"', "order_id: {a: 1}", "line 6: 'order_id' is no object"),
        ('{order_id: "1", lines: [{gross_minor: 4}]}', "{}", "line 6: a row of orders names at least one column"),
        ('order_id: "1"', "verdict: accept", "line 6: unknown name 'accept'; did you mean 'accepted'"),
        ('order_id: "1"', "codes: [mising]", "line 6: unknown name 'mising'; did you mean 'missing'"),
        ('order_id: "1"', "codes: [[missing]]", "line 6: must be one of"),
        ('order_id: "1"', "codes: missing", r"line 6: `codes` is a list: \[missing\]"),
        ('order_id: "1"', "line: x", "line 6: `line` is the number"),
        ('order_id: "1"', "file: [a]", "line 6: `file` is one value"),
        ("[{order_id", "only: some # [{order_id", "line 6: not YAML"),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{}", "line 6: what is expected of orders is a list of rows"),
        (
            '[{order_id: "1", lines: [{gross_minor: 4}]}]',
            "{only: some}",
            "line 6: what is expected of orders is a list",
        ),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{read: 1, only: some}", "line 6: `only: some` stands beside"),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{rows: [], only: all}", "line 6: `only: some` stands beside"),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{accepted: -1}", "line 6: `accepted` is a number of units"),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{acepted: 1}", "did you mean 'accepted'"),
        ('[{order_id: "1", lines: [{gross_minor: 4}]}]', "{broken_rules: [r]}", "line 6: unknown name 'r'"),
        ('orders: [{order_id: "1", lines: [{gross_minor: 4}]}]', "spend: {accepted: 1}", "line 6: unknown name 'acc"),
        ('orders: [{order_id: "1", lines: [{gross_minor: 4}]}]', "spend: [{verdict: accepted}]", "name 'verdict'"),
    ],
)
def test_a_wrong_test_file_names_line_and_mend(old: str, new: str, says: str) -> None:
    assert old in _TEXT
    with pytest.raises(OperatorError, match=f"tests/orders.yaml, (line|.*){says}"):
        read_cases("tests/orders.yaml", _TEXT.replace(old, new), _feeds())


@pytest.mark.parametrize("expect", ["", "  expect:\n", "  expect: {}\n", "  expect: []\n"])
def test_a_test_that_expects_nothing_is_an_error(expect: str) -> None:
    text = _TEXT.partition("  expect:")[0] + expect
    with pytest.raises(OperatorError, match=r"line [15]: a test must expect something: .*customers, orders, spend"):
        read_cases("tests/orders.yaml", text, _feeds())


@pytest.mark.parametrize(
    ("kind", "records", "given", "says"),
    [
        ("xml", "/a/b", "[{a: 1}]", "a feed with `format: xml` is given the text of a file"),
        ("parquet", None, "text", "a feed with `format: parquet` is given a list of records"),
        ("csv", None, "[[1]]", "each record of a csv file is a mapping of columns"),
        ("json", "$", "[{a: 1}, {a: 2}]", "with `records: \\$` a file is one record"),
    ],
)
def test_records_that_the_format_cannot_hold_are_refused(kind: str, records: str | None, given: str, says: str) -> None:
    text = f"- {{name: n, feed: orders, given: {given}, expect: {{orders: []}}}}"
    with pytest.raises(OperatorError, match=says):
        read_cases("t.yaml", text, _feeds(kind, records))


def test_a_list_of_tests_may_stand_under_a_name() -> None:
    under = "tests:\n" + "".join(f"  {line}\n" for line in _TEXT.splitlines())
    assert [case.name for case in read_cases("t.yaml", under, _feeds())] == ["one order"]


def test_a_row_is_an_accepted_one_unless_it_says_its_verdict_or_codes() -> None:
    assert _row("orders: [{order_id: a}]") == {"order_id": "a", "_verdict": "accepted"}
    assert _row("orders: [{verdict: conflict}]") == {"_verdict": "conflict"}
    assert _row("orders: [{codes: [type, missing]}]") == {"_codes": ["missing", "type"]}
    assert _row("spend: [{customer_id: a}]") == {"customer_id": "a"}


def test_amounts_in_major_units_become_minor_ones() -> None:
    four = {"lines": [{"gross_minor": Number("4"), "net_minor": None}], "_verdict": "accepted"}
    assert _row("orders: [{lines: [{gross: 0.04, net: null}]}]") == four
    assert _row("orders: [{lines: [{gross_minor: 4, net_minor: null}]}]") == four
    assert _row("spend: [{net: -13.020}]") == {"net_minor": Number("-1302")}


def test_a_column_goes_before_what_is_said_of_the_unit() -> None:
    text = _TEMPLATE.joinpath("contracts/orders.odcs.yaml").read_text(encoding="utf-8")
    contract = read_contract("orders", "c.yaml", text.replace("- name: product_id", "- name: verdict", 1).replace(
        "- name: order_id", "- name: line", 1))  # fmt: skip
    feeds = {"orders": CaseFeed(Feed("orders", "l/o", "jsonl"), {"orders": dataset_table(contract.datasets[1])})}
    text = "- {name: n, feed: orders, given: [], expect: {orders: [{line: x, _line: 7, file: a.jsonl}]}}"
    (case,) = read_cases("t.yaml", text, feeds)
    assert case.expected[0].rows
    values = case.expected[0].rows[0].values
    assert values == {"line": "x", "_line": Number("7"), "_file": "a.jsonl", "_verdict": "accepted"}
