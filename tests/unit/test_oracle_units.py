"""The oracle of the contract language against verdicts that were worked out by hand from its specification: units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from tests.oracle.contract_language import Unit, judge
from tests.oracle.short_contracts import contract, custom, lines, one, only, verdicts


def taxed(vat: Mapping[str, Any], more: str = "") -> str:
    return f"{{name: kind}}, {more} {{name: g, logicalType: number, {custom(money='EUR', vat=vat)}}}"


TWO = """
- {name: customers, properties: [{name: id, required: true}]}
- name: orders
  customProperties: [{property: tillage.unit, value: "$.a.orders[*]"}]
  properties: [{name: nr, primaryKey: true}, {name: customer, physicalName: $.id}]
"""
UNITS = [
    # record                 dataset, unit, and codes or verdict, of each unit
    ('{"id": "c"}', "customers 0 accepted"),
    ('{"id": "c", "a": {"orders": []}}', "customers 0 accepted"),
    ('{"id": "c", "a": {"orders": null}}', "customers 0 accepted"),
    ('{"id": "c", "a": {"orders": [{"nr": "1"}]}}', "customers 0 accepted, orders 0 accepted"),
    ('{"id": 5, "a": {"orders": [{"nr": "1"}, {}]}}', "customers 0 type, orders 0 type, orders 1 missing type"),
    ('{"id": "c", "a": {"orders": [5, null]}}', "customers 0 accepted, orders 0 type, orders 1 type"),
    ('{"id": "c", "a": {"orders": {}}}', "customers 0 type"),
    ('{"id": "c", "a": 5}', "customers 0 type"),
    ("5", "customers 0 type"),
    ("[]", "customers 0 type"),
    ("null", "customers 0 type"),
    ("{", "customers 0 unreadable"),
    ('{"id": "c", "id": "c"}', "customers 0 unreadable"),
    ("", ""),
]


@pytest.mark.parametrize(("record", "wanted"), UNITS)
def test_units_stand_or_fall_alone(record: str, wanted: str) -> None:
    found = [(unit.dataset, unit.unit, *(unit.codes or (unit.verdict,))) for unit in lines(contract(TWO), record)]
    assert ", ".join(" ".join(map(str, one)) for one in found) == wanted


@pytest.mark.parametrize("record", ["5", "null", '{"a": 5}', '{"a": {"orders": {"nr": "1"}}}'])
def test_without_a_dataset_of_records_their_faults_count_once_in_the_dataset_of_units(record: str) -> None:
    document = contract(TWO)
    del document["schema"][0]
    assert verdicts(lines(document, record)) == [(1, 0, "violation", "type")]


def test_the_first_of_a_key_stands_and_others_are_duplicates_or_conflicts() -> None:
    document = one("{name: k, primaryKey: true}, {name: v, logicalType: number}")
    found = lines(
        document, '{"k":"a","v":"x"}', '{"k":"a","v":1}', "", '{"v":1.0,"k":"a"}', '{"k":"a","v":2}', '{"k":" a"}'
    )
    assert verdicts(found) == [
        (1, 0, "violation", "type"),
        (2, 0, "accepted", ""),
        (4, 0, "duplicate", "duplicate"),
        (5, 0, "conflict", "key_conflict"),
        (6, 0, "accepted", ""),
    ]


WHERE = custom(where="kind = 'order'")
KIND = "{name: kind, logicalTypeOptions: {maxLength: 5}}, {name: n, logicalType: integer}"


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ('{"kind": "order"}', "accepted"),
        ('{"kind": "order", "n": "x"}', "type"),
        ('{"kind": "visit", "n": "x"}', None),
        ('{"kind": "long visit"}', None),
        ("{}", None),
        ('{"kind": 5}', "type"),
        ('{"n": "x"}', None),
        ("5", "type"),
    ],
)
def test_where_takes_its_units_and_what_it_cannot_judge_for_a_violation(record: str, wanted: str | None) -> None:
    found = lines(one(KIND, WHERE), record)
    assert [unit.codes[0] if unit.codes else unit.verdict for unit in found] == ([] if wanted is None else [wanted])


def test_distinct_units_of_one_file_are_one_unit() -> None:
    document = one("{name: k}, {name: n, logicalType: number}", custom(distinct=True))
    records = ['{"k":"a","n":1}', '{"n":1.0,"k":"a"}', '{"k":"a"}', '{"k":5}', '{"k":5}']
    found = judge(document, {"a.jsonl": "\n".join(records).encode(), "b.jsonl": records[0].encode()})
    wanted = [(1, 0, "accepted", ""), (3, 0, "accepted", ""), (4, 0, "violation", "type"), (5, 0, "violation", "type")]
    assert verdicts(found) == [*wanted, (1, 0, "accepted", "")]


ITEMS = f"{{name: v, logicalType: number, required: true, {custom(money='EUR')}}}"
GROUPED = (
    "{name: invoice}, {name: customer}, {name: rows, logicalType: array, logicalTypeOptions: {maxItems: 2}, "
    f"items: {{logicalType: object, properties: [{ITEMS}]}}}}"
)


def grouped(*rows: tuple[str | None, str | None, str | None]) -> list[Unit]:
    """Units of rows of invoice, customer and amount, from line 2 on."""
    members = [dict(zip(("invoice", "customer", "v"), row, strict=True)) for row in rows]
    document = one(GROUPED, custom(unit={"groupBy": ["invoice"]}))
    return judge(document, {"a.csv": [(line, 0, row) for line, row in enumerate(members, 2)]})


def test_rows_with_equal_values_are_one_unit_at_the_first() -> None:
    first, second = grouped(("1", "c", "1.50"), ("2", "c", "1"), ("1", "c", "-0.25"))
    assert (first.line, first.verdict, second.line) == (2, "accepted", 3)
    assert first.values == {"invoice": "1", "customer": "c", "rows": [{"v_minor": 150}, {"v_minor": -25}]}
    assert first.control is not None
    assert first.control.minor == 125


def test_rows_that_disagree_are_a_conflict_and_broken_rows_break_their_unit() -> None:
    assert verdicts(grouped(("1", "c", "1"), ("1", "d", "1"))) == [(2, 0, "conflict", "key_conflict")]
    assert verdicts(grouped(("1", "c", "1"), ("1", "c", None))) == [(2, 0, "violation", "missing")]
    assert verdicts(grouped(("1", "c", "1"), ("1", None, "x"))) == [(2, 0, "violation", "key_conflict type")]
    assert verdicts(grouped(*[("1", "c", "1")] * 3)) == [(2, 0, "violation", "length")]
    assert verdicts(grouped((None, "c", "1"), (None, "c", "1"))) == [(2, 0, "accepted", ""), (3, 0, "accepted", "")]


def test_rows_of_two_files_are_two_units() -> None:
    document = one(GROUPED, custom(unit={"groupBy": ["invoice"]}))
    row = [(2, 0, {"invoice": "1", "customer": "c", "v": "1"})]
    assert [unit.file for unit in judge(document, {"a.csv": row, "b.csv": row})] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("sql", "record", "wanted"),
    [
        ("n >= 0 or kind = 'refund'", '{"n": -1, "kind": "refund"}', True),
        ("n >= 0 or kind = 'refund'", '{"n": -1, "kind": "order"}', False),
        ("n >= 0 or kind = 'refund'", '{"n": -1}', True),
        ("n >= 0 or kind = 'refund'", '{"n": 0}', True),
        ("not (n in (1, 2))", '{"n": 2}', False),
        ("n not in (1, null)", '{"n": 2}', True),
        ("kind is not null", "{}", False),
        ("10 / n > 1", '{"n": 0}', False),
        ("10 // n > 1", '{"n": 0}', False),
        ("10 / n > 2.5", '{"n": 4}', False),
        ("-7 // n = -3 and -7 % n = -1", '{"n": 2}', True),
        ("cast(kind as integer) > 5", '{"kind": "x"}', False),
        ("cast(kind as integer) > 5", '{"kind": "6"}', True),
        ("cast(kind as integer) > 5", "{}", True),
        ("n + 1 > n", '{"n": 9223372036854775807}', False),
        ("length(kind) < 3 and coalesce(n, 0) = 0", '{"kind": "ab"}', True),
        ("o.a < 3", '{"o": {"a": 3}}', False),
        ("o.a < 3", "{}", True),
        ("len(l) > 0", '{"l": []}', False),
    ],
)
@pytest.mark.parametrize("severity", ["error", "warning"])
def test_a_row_rule_is_broken_by_false_and_by_failing(sql: str, record: str, severity: str, *, wanted: bool) -> None:
    rule = {"id": "r1", "type": "custom", "engine": "tillage", "implementation": sql, "severity": severity}
    columns = "{name: kind}, {name: n, logicalType: integer}, {name: l, logicalType: array, items: {}},"
    columns += "{name: o, logicalType: object, properties: [{name: a, logicalType: integer}]}"
    unit = only(one(columns, f"quality: {json.dumps([rule])}"), record)
    broken = () if wanted else ("rule:r1",)
    assert (unit.codes, unit.warnings) == ((broken, ()) if severity == "error" else ((), broken))


def test_rules_see_amounts_in_minor_units_and_net() -> None:
    rule = {"name": "r", "type": "custom", "engine": "tillage", "implementation": "g_minor = 119 and net_minor = 100"}
    document = one(taxed({"rate": 19}), f"quality: {json.dumps([rule])}")
    assert [unit.codes for unit in lines(document, '{"g": 1.19}', '{"g": 1.20}', "{}")] == [(), ("rule:r",), ()]


REJECT = "[{property: tillage.unknownFields, value: reject}]"
KNOWN = TWO.replace("{name: nr,", "{name: o, logicalType: object, properties: [{name: p}]}, {name: nr,")


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ('{"id": "c", "a": {"orders": [{"nr": "1", "o": {"p": "x"}}]}}', [(), ()]),
        ('{"id": "c", "x": null}', [("unknown_field",)]),
        ('{"id": "c", "a": {"x": 1}}', [("unknown_field",)]),
        ('{"id": "c", "a": {"orders": [{"nr": "1", "x": 1}]}}', [(), ("unknown_field",)]),
        ('{"id": "c", "a": {"orders": [{"nr": "1", "o": {"q": 1}}]}}', [(), ("unknown_field",)]),
        ('{"id": "c", "a": {"orders": [{"nr": "1", "o": 5}]}}', [(), ("type",)]),
        ('{"id": {"x": 1}}', [("type",)]),
        ('{"x": 1}', [("missing", "unknown_field")]),
    ],
)
def test_an_unknown_member_is_a_fault_of_the_innermost_unit(record: str, wanted: list[tuple[str, ...]]) -> None:
    assert [unit.codes for unit in lines(contract(KNOWN, custom=REJECT), record)] == wanted
    ignored = [unit.codes for unit in lines(contract(KNOWN), record)]
    assert ignored == [tuple(code for code in codes if code != "unknown_field") for codes in wanted]


@pytest.mark.parametrize(
    ("record", "codes"),
    [
        ('{"v": "' + "a" * 12 + '"}', ()),
        ('{"v": "' + "a" * 13 + '"}', ("too_large",)),
        ('{"x": [[]]}', ()),
        ('{"x": [[[]]]}', ("too_deep",)),
    ],
)
def test_limits_can_be_lowered(record: str, codes: tuple[str, ...]) -> None:
    limits = "[{property: tillage.limits, value: {maxRecordBytes: 21, maxDepth: 3}}]"
    assert only(contract("- {name: d, properties: [{name: v}]}", custom=limits), record).codes == codes


def test_folders_are_members_where_the_record_has_no_value() -> None:
    document = one("{name: date, logicalType: date}, {name: hour, logicalType: integer}, {name: v}")
    records = ['{"v": "a"}', '{"hour": 3, "v": "b"}', '{"hour": null}']
    found = lines(document, *records, file="in/date=2020-01-31/hour=07/a.jsonl")
    assert [unit.values["hour"] for unit in found] == [7, 3, 7]
    assert {unit.values["date"] for unit in found} == {date(2020, 1, 31)}


def test_places_are_lines_and_bytes() -> None:
    found = judge(one("{name: v}"), {"a.jsonl": b'\xef\xbb\xbf{"v":"\xc3\xbc"}\r\n \n\n{}', "b.jsonl": b""})
    assert [(unit.line, unit.offset) for unit in found] == [(1, 3), (4, 18)]
