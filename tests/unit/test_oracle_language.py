"""The oracle of the contract language against verdicts that were worked out by hand from its specification: values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.contract_language import judge
from tests.oracle.short_contracts import custom, lines, one, only

STRING = "logicalType: string"
SCALARS = [
    # type and options                                   value                codes, or the value that is kept
    (STRING, '"a"', "a"),
    (STRING, '" a "', " a "),
    (STRING, '""', ""),
    (STRING, "null", None),
    (STRING, "1", "!type"),
    (STRING, "true", "!type"),
    (STRING, "[]", "!type"),
    (STRING, r'"\u0000"', "!type"),
    (f"{STRING}, required: true", '""', "!missing"),
    (f"{STRING}, required: true", r'" \u3000"', "!missing"),
    (f"{STRING}, required: true", "null", "!missing"),
    (f"{STRING}, required: true", r'"\u200b"', "\u200b"),
    (f"{STRING}, required: true", '" a"', " a"),
    (f"{STRING}, {custom(nullValues=['', 'ERROR'])}", '"ERROR"', None),
    (f"{STRING}, {custom(nullValues=['', 'ERROR'])}", '" ERROR "', None),
    (f"{STRING}, {custom(nullValues=['', 'ERROR'])}", '"error"', "error"),
    (f"{STRING}, {custom(nullValues=['', 'ERROR'])}", '" "', None),
    (f"{STRING}, required: true, {custom(nullValues=['ERROR'])}", '"ERROR"', "!missing"),
    (f"{STRING}, logicalTypeOptions: {{minLength: 2, maxLength: 3}}", '"a"', "!length"),
    (f"{STRING}, logicalTypeOptions: {{minLength: 2, maxLength: 3}}", '"ab"', "ab"),
    (f"{STRING}, logicalTypeOptions: {{minLength: 2, maxLength: 3}}", '"👨üé"', "👨üé"),
    (f"{STRING}, logicalTypeOptions: {{minLength: 2, maxLength: 3}}", '"abcd"', "!length"),
    (f"{STRING}, logicalTypeOptions: {{minLength: 1}}", '""', "!length"),
    (f"{STRING}, logicalTypeOptions: {{pattern: 'b+'}}", '"abc"', "abc"),
    (f"{STRING}, logicalTypeOptions: {{pattern: '^b+'}}", '"abc"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{pattern: '^[0-9]+$'}}", r'"1\n"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{pattern: '^\\d$'}}", '"٣"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{pattern: '^b', maxLength: 1}}", '"ab"', "!length pattern"),
    (f"{STRING}, logicalTypeOptions: {{format: email}}", '"a.b@example.com"', "a.b@example.com"),
    (f"{STRING}, logicalTypeOptions: {{format: email}}", '"a.b.example.com"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{format: uuid}}", '"123e4567-e89b-12d3-a456-42661417400"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{format: ipv4}}", '"10.0.0.256"', "!pattern"),
    (f"{STRING}, logicalTypeOptions: {{format: ipv4}}", '"10.0.0.255"', "10.0.0.255"),
    (f"{STRING}, logicalTypeOptions: {{format: ipv6}}", '"2001:db8::1"', "2001:db8::1"),
    (f"{STRING}, enum: [{{value: a}}, {{value: b}}]", '"a"', "a"),
    (f"{STRING}, enum: [{{value: a}}, {{value: b}}]", '" a"', "!enum"),
    (f"{STRING}, enum: [{{value: a}}, {{value: b}}]", "null", None),
    (f"{STRING}, quality: [{{metric: invalidValues, mustBe: 0, arguments: {{validValues: [a]}}}}]", '"b"', "!enum"),
    (f"{STRING}, quality: [{{type: library, rule: invalidValues, mustBe: 0, validValues: [a]}}]", '"b"', "!enum"),
    (f"{STRING}, quality: [{{metric: invalidValues, mustBe: 0, arguments: {{pattern: '^a'}}}}]", '"b"', "!pattern"),
    (f"{STRING}, quality: [{{metric: invalidValues, mustBe: 0, arguments: {{pattern: '^a'}}}}]", '"ab"', "ab"),
    ("logicalType: integer", "-12", -12),
    ("logicalType: integer", '" -12 "', -12),
    ("logicalType: integer", '"2.0"', 2),
    ("logicalType: integer", "13085.0", 13085),
    ("logicalType: integer", "007", "!unreadable"),
    ("logicalType: integer", '"007"', 7),
    ("logicalType: integer", "2.5", "!type"),
    ("logicalType: integer", "1e3", "!type"),
    ("logicalType: integer", '"+2"', "!type"),
    ("logicalType: integer", '"1,000"', "!type"),
    ("logicalType: integer", '""', "!type"),
    ("logicalType: integer", "true", "!type"),
    ("logicalType: integer", "9223372036854775807", 2**63 - 1),
    ("logicalType: integer", "9223372036854775808", "!type"),
    ("logicalType: integer, required: true", '" "', "!missing"),
    (f"logicalType: integer, {custom(nullValues=[''])}", '" "', None),
    (f"logicalType: integer, {custom(nullValues=['-1'])}", "-1", None),
    (f"logicalType: integer, {custom(nullValues=['-1'])}", '" -1"', None),
    (f"logicalType: integer, {custom(nullValues=['-1'])}", "-1.0", None),
    ("logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 3}", "0", "!range"),
    ("logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 3}", "3", 3),
    ("logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 1, exclusiveMaximum: 3}", "3", "!range"),
    ("logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 1, exclusiveMaximum: 3}", "2", 2),
    ("logicalType: integer, logicalTypeOptions: {multipleOf: 3}", "-9", -9),
    ("logicalType: integer, logicalTypeOptions: {multipleOf: 3}", "8", "!range"),
    ("logicalType: integer, enum: [{value: 2}]", '"2.0"', 2),
    ("logicalType: integer, enum: [{value: 2}], logicalTypeOptions: {maximum: 2}", "3", "!enum range"),
    ("logicalType: number", "1.100", Decimal("1.1")),
    ("logicalType: number", '"-0.000001"', Decimal("-0.000001")),
    ("logicalType: number", "0.0000004999", Decimal(0)),
    ("logicalType: number", "-0.0000005", Decimal("-0.000001")),
    ("logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0}", "0.0000001", Decimal(0)),
    ("logicalType: number, logicalTypeOptions: {maximum: 1}", "1.0000001", "!range"),
    ("logicalType: number", "9" * 32 + ".9999995", "!type"),
    ("logicalType: number", "9" * 32, Decimal("9" * 32)),
    ("logicalType: number", "1" + "0" * 32, "!type"),
    ("logicalType: number, logicalTypeOptions: {multipleOf: 0.05}", "0.15", Decimal("0.15")),
    ("logicalType: number, logicalTypeOptions: {multipleOf: 0.05}", "0.151", "!range"),
    ("logicalType: number, logicalTypeOptions: {maximum: 0.3}", "0.300001", "!range"),
    ("logicalType: number, enum: [{value: 0.5}]", "0.50", Decimal("0.5")),
    ("logicalType: boolean", "true", True),
    ("logicalType: boolean", '"true"', "!type"),
    ("logicalType: boolean", "1", "!type"),
    ("logicalType: date", '"2024-02-29"', date(2024, 2, 29)),
    ("logicalType: date", r'"\t2024-02-29 "', date(2024, 2, 29)),
    ("logicalType: date", '"2023-02-29"', "!type"),
    ("logicalType: date", '"2024-2-29"', "!type"),
    ("logicalType: date", '"20240229"', "!type"),
    ("logicalType: date", "20240229", "!type"),
    ("logicalType: date", '""', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: dd/MM/yy}", '"31/12/24"', date(2024, 12, 31)),
    ("logicalType: date, logicalTypeOptions: {format: dd/MM/yy}", '"12/31/24"', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: dd/MM/yy}", '"1/12/24"', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: d/M/yyyy}", '"01/2/2024"', date(2024, 2, 1)),
    ("logicalType: date, logicalTypeOptions: {format: d/M/yyyy}", '"1/2/24"', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: yyyyMMdd}", '"20240131"', date(2024, 1, 31)),
    ("logicalType: date, logicalTypeOptions: {format: 'EEE, d MMM uuuu'}", '"Wed, 31 Jan 2024"', date(2024, 1, 31)),
    ("logicalType: date, logicalTypeOptions: {format: 'EEE, d MMM uuuu'}", '"Tue, 31 Jan 2024"', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: 'EEE, d MMM uuuu'}", '"Wed, 31 JAN 2024"', "!type"),
    ("logicalType: date, logicalTypeOptions: {format: 'd. MMMM yyyy'}", '"1. May 2024"', date(2024, 5, 1)),
    ("logicalType: date, logicalTypeOptions: {format: 'd. MMMM yyyy'}", '"1. Jan 2024"', "!type"),
    ("logicalType: date, logicalTypeOptions: {minimum: '2024-01-01'}", '"2023-12-31"', "!range"),
    ("logicalType: date, logicalTypeOptions: {exclusiveMaximum: '2024-01-01'}", '"2024-01-01"', "!range"),
    ("logicalType: date, enum: [{value: '2024-01-01'}]", '"2024-01-02"', "!enum"),
    ("logicalType: timestamp", '"2024-01-31T10:00"', datetime(2024, 1, 31, 10, tzinfo=UTC)),
    ("logicalType: timestamp", '"2024-01-31 10:00:07"', datetime(2024, 1, 31, 10, 0, 7, tzinfo=UTC)),
    ("logicalType: timestamp", '"2024-01-31T10:00:07.5Z"', datetime(2024, 1, 31, 10, 0, 7, 500_000, tzinfo=UTC)),
    ("logicalType: timestamp", '"2024-01-31T00:30+01:00"', datetime(2024, 1, 30, 23, 30, tzinfo=UTC)),
    ("logicalType: timestamp", '"2024-01-31T10:00:07.1234567"', "!type"),
    ("logicalType: timestamp", '"2024-01-31t10:00"', "!type"),
    ("logicalType: timestamp", '"2024-01-31T24:00"', "!type"),
    ("logicalType: timestamp", '"2024-01-31T10:00:60"', "!type"),
    ("logicalType: timestamp", '"2024-01-31T10:00+0100"', "!type"),
    ("logicalType: timestamp", '"2024-01-31"', "!type"),
    (
        "logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}",
        '"2024-07-01T00:00"',
        datetime(2024, 6, 30, 22, tzinfo=UTC),
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}",
        '"2024-07-01T00:00Z"',
        datetime(2024, 7, 1, tzinfo=UTC),
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {format: 'dd.MM.yyyy h:mm a'}",
        '"01.07.2024 12:05 AM"',
        datetime(2024, 7, 1, 0, 5, tzinfo=UTC),
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {format: 'dd.MM.yyyy h:mm a'}",
        '"01.07.2024 13:05 PM"',
        "!type",
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {format: \"yyyy-MM-dd'T'HH:mm:ss.SSSXXX\"}",
        '"2024-07-01T10:00:00.050+02:00"',
        datetime(2024, 7, 1, 8, 0, 0, 50_000, tzinfo=UTC),
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {format: \"yyyy-MM-dd'T'HH:mm:ss.SSSXXX\"}",
        '"2024-07-01T10:00:00.05Z"',
        "!type",
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {format: 'yyyy-MM-dd HH:mm X'}",
        '"2024-07-01 10:00 -03"',
        datetime(2024, 7, 1, 13, tzinfo=UTC),
    ),
    (
        "logicalType: timestamp, logicalTypeOptions: {minimum: '2024-01-01T00:00:00Z'}",
        '"2024-01-01T00:30+01:00"',
        "!range",
    ),
    ("logicalType: time", '"10:00"', "10:00:00"),
    ("logicalType: time", '"10:00:01.25"', "10:00:01.25"),
    ("logicalType: time", '"9:00"', "!type"),
    ("logicalType: time", '"24:00"', "!type"),
    ("logicalType: time, logicalTypeOptions: {format: 'H.mm'}", '"9.05"', "09:05:00"),
    ("logicalType: time, logicalTypeOptions: {format: 'HHmmss'}", '"090501"', "09:05:01"),
    ("logicalType: time, logicalTypeOptions: {maximum: '12:00:00'}", '"12:00:01"', "!range"),
]


@pytest.mark.parametrize(("column", "value", "wanted"), SCALARS)
def test_a_value_is_kept_or_has_its_codes(column: str, value: str, wanted: Any) -> None:
    unit = only(one(f"{{name: v, {column}}}"), f'{{"v": {value}}}')
    if isinstance(wanted, str) and wanted.startswith("!"):
        assert " ".join(unit.codes) == wanted[1:]
        assert unit.verdict == ("unreadable" if wanted == "!unreadable" else "violation")
    else:
        assert (unit.verdict, unit.codes) == ("accepted", ())
        assert unit.values == {"v": wanted}


@pytest.mark.parametrize(
    ("text", "wanted"), [("true", True), (" YES ", True), ("0", False), ("No", False), ("y", None), ("2", None)]
)
def test_text_formats_spell_booleans_in_words_and_digits(text: str, *, wanted: bool | None) -> None:
    (unit,) = judge(one("{name: v, logicalType: boolean}"), {"a.csv": [(2, 2, {"v": text})]})
    assert (unit.line, unit.values.get("v"), unit.codes) == (2, wanted, () if wanted is not None else ("type",))


def euro(**more: Any) -> str:
    return custom(money={"currency": "EUR", **more} if more else "EUR")


AMOUNTS = [
    # money                                              value                codes, or minor units   warnings
    (euro(), "18.98", 1898, ""),
    (euro(), '" -18.90 "', -1890, ""),
    (euro(), "18.9800", 1898, ""),
    (euro(), "18.981", "!money_scale", ""),
    (euro(), "1e2", "!type", ""),
    (euro(), "null", None, ""),
    (f"required: true, {euro()}", "null", "!missing", ""),
    (f"{custom(money='EUR', nullValues=['n/a'])}", '"n/a"', None, ""),
    (euro(), "92233720368547758.07", 2**63 - 1, ""),
    (euro(), "92233720368547758.08", "!money_overflow", ""),
    (custom(money="JPY"), "18", 18, ""),
    (custom(money="JPY"), "18.0", 18, ""),
    (custom(money="JPY"), "18.5", "!money_scale", ""),
    (custom(money="KWD"), "18.001", 18001, ""),
    (euro(input="minor"), "1898", 1898, ""),
    (euro(input="minor"), "1898.0", 1898, ""),
    (euro(input="minor"), "18.98", "!money_scale", ""),
    (euro(excessDecimals="round"), "0.005", 1, ""),
    (euro(excessDecimals="round"), "-0.005", -1, ""),
    (euro(excessDecimals="round"), "0.0049999999999999999999999999", 0, ""),
    (euro(excessDecimals="round"), "92233720368547758.074", 2**63 - 1, ""),
    (euro(excessDecimals="round"), "92233720368547758.075", "!money_overflow", ""),
    (euro(excessDecimals="warn"), "0.005", 1, "money_scale"),
    (euro(excessDecimals="warn"), "0.010", 1, ""),
    (f"{euro()}, logicalTypeOptions: {{minimum: 0}}", "-0.01", "!range", ""),
    (f"{euro()}, logicalTypeOptions: {{exclusiveMinimum: 0}}", "0", "!range", ""),
    (f"{euro(excessDecimals='round')}, logicalTypeOptions: {{maximum: 1}}", "1.004", "!range", ""),
    (f"{euro(input='minor')}, logicalTypeOptions: {{maximum: 1}}", "100", 100, ""),
    (f"{euro(input='minor')}, logicalTypeOptions: {{maximum: 1}}", "101", "!range", ""),
    (f"{euro()}, logicalTypeOptions: {{multipleOf: 0.05}}", "0.07", "!range", ""),
]


@pytest.mark.parametrize(("money", "value", "wanted", "warnings"), AMOUNTS)
def test_an_amount_is_kept_in_minor_units_or_has_its_codes(money: str, value: str, wanted: Any, warnings: str) -> None:
    unit = only(one(f"{{name: v, logicalType: number, {money}}}"), f'{{"v": {value}}}')
    assert " ".join(unit.warnings) == warnings
    assert unit.control is not None
    if isinstance(wanted, str):
        assert " ".join(unit.codes) == wanted[1:]
        assert (unit.control.minor is None) is (wanted != "!range")
    else:
        assert (unit.verdict, unit.values, unit.control.minor) == ("accepted", {"v_minor": wanted}, wanted or 0)


BY = f"{{name: cur}}, {{name: v, logicalType: number, {custom(money={'currencyBy': 'cur'})}}}"
CURRENCIES = [
    # record                            codes       minor units, control amount
    ('{"cur": "JPY", "v": 5}', "", 5, 5),
    ('{"cur": "KWD", "v": 5.001}', "", 5001, 5001),
    ('{"cur": "EUR", "v": 5.001}', "money_scale", None, None),
    ('{"cur": "XXY", "v": 5}', "enum", None, None),
    ('{"cur": "eur", "v": 5}', "enum", None, None),
    ('{"v": 5}', "missing", None, None),
    ('{"cur": 5, "v": 5}', "missing type", None, None),
    ("{}", "", None, 0),
]


@pytest.mark.parametrize(("record", "codes", "minor", "control"), CURRENCIES)
def test_a_currency_by_column_sets_the_decimals(record: str, codes: str, minor: int | None, control: int) -> None:
    unit = only(one(BY), record)
    assert (" ".join(unit.codes), unit.values.get("v_minor")) == (codes, minor)
    assert unit.control is not None
    assert unit.control.minor == control


def test_a_currency_of_the_unit_serves_the_elements_of_its_lists() -> None:
    item = f"{{name: v, logicalType: number, {custom(money={'currencyBy': 'cur'})}}}"
    document = one(
        f"{{name: cur}}, {{name: l, logicalType: array, items: {{logicalType: object, properties: [{item}]}}}}"
    )
    good, unknown = lines(
        document, '{"cur": "JPY", "l": [{"v": 1}, {"v": 2}, {}]}', '{"cur": "ZZZ", "l": [{"v": 1.5}]}'
    )
    assert good.values["l"] == [{"v_minor": 1}, {"v_minor": 2}, {"v_minor": None}]
    assert good.control is not None
    assert (good.control.minor, good.control.currency) == (3, "JPY")
    assert unknown.codes == ("enum",)


def taxed(vat: Mapping[str, Any], more: str = "") -> str:
    return f"{{name: kind}}, {more} {{name: g, logicalType: number, {custom(money='EUR', vat=vat)}}}"


HOT = {"rateBy": "kind", "rates": {"hot": 15, "cold": 7}}


@pytest.mark.parametrize(
    ("vat", "record", "codes", "net", "rate"),
    [
        (HOT, '{"kind": "hot", "g": 0.10}', "", 9, 1500),
        (HOT | {"basis": "deduct"}, '{"kind": "hot", "g": 0.10}', "", 9, 1500),
        (HOT | {"basis": "deduct"}, '{"kind": "hot", "g": -0.10}', "", -9, 1500),
        (HOT, '{"kind": "cold"}', "", None, 700),
        (HOT, '{"g": 1}', "", None, None),
        (HOT, '{"kind": "warm", "g": 1}', "enum", None, None),
        (HOT, '{"kind": "warm"}', "enum", None, None),
        (HOT, '{"kind": 5, "g": 1}', "type", None, None),
        ({"rate": 19}, '{"g": 1.19}', "", 100, 1900),
        ({"rate": 5.5}, '{"g": 1.055}', "money_scale", None, None),
        ({"rate": 0}, '{"g": -1.07}', "", -107, 0),
    ],
)
def test_net_stands_beside_gross(
    vat: Mapping[str, Any], record: str, codes: str, net: int | None, rate: int | None
) -> None:
    unit = only(one(taxed(vat)), record)
    assert " ".join(unit.codes) == codes
    assert (unit.values.get("net_minor"), unit.values.get("vat_bp")) == (net, rate)


def test_rates_change_from_their_day_on_in_utc() -> None:
    vat = HOT | {"dateBy": "at", "validFrom": {"2021-01-01": {"hot": 7, "new": 1}}}
    document = one(taxed(vat, "{name: at, logicalType: timestamp, required: true},"))
    times = ["2021-01-01T00:30+01:00", "2021-01-01T00:00Z", "2020-12-31T23:59:59"]
    rates = [
        unit.values["vat_bp"] for unit in lines(document, *(f'{{"kind":"hot","g":1,"at":"{at}"}}' for at in times))
    ]
    assert rates == [1500, 700, 1500]
    new = lines(document, *(f'{{"kind":"new","g":1,"at":"{at}"}}' for at in times))
    assert [unit.codes for unit in new] == [("enum",), (), ("enum",)]
    assert only(document, '{"kind":"new","g":1}').codes == ("missing",)


def test_lines_of_one_rate_add_up_to_their_group_and_single_lines_round_alone() -> None:
    record = '{"l": [{"kind": "hot", "g": 0.10}, {"kind": "cold", "g": 0.10}, {"kind": "hot", "g": 0.10}]}'
    nets = {}
    for level in ("rate_group", "line"):
        items = f"items: {{logicalType: object, properties: [{taxed(HOT | {'level': level})}]}}"
        unit = only(one(f"{{name: l, logicalType: array, {items}}}"), record)
        nets[level] = [line["net_minor"] for line in unit.values["l"]]
    assert nets == {"rate_group": [9, 9, 8], "line": [9, 9, 9]}


def test_two_taxed_columns_have_names_of_their_own() -> None:
    money = custom(money="EUR", vat={"rate": 10})
    document = one(f"{{name: a, logicalType: number, {money}}}, {{name: b, logicalType: number, {money}}}")
    values = only(document, '{"a": 1.10, "b": 2.20}').values
    first = {"a_minor": 110, "a_net_minor": 100, "a_vat_bp": 1000}
    assert values == first | {"b_minor": 220, "b_net_minor": 200, "b_vat_bp": 1000}


COMPUTED = (
    "{name: q, logicalType: integer}, {name: p, logicalType: number}, "
    f"{{name: ship, logicalType: number, {custom(money='EUR')}}}, "
    f"{{name: total, logicalType: number, {custom(money='EUR', amount='q * p + ship * (1 - 0.5)', control=True)}}}"
)


@pytest.mark.parametrize(
    ("record", "codes", "minor", "control"),
    [
        ('{"q": 3, "p": 1.115, "ship": 1}', "", 385, 385),  # 3.345 + 0.50 = 3.845
        ('{"q": -3, "p": 1.115, "ship": -1}', "", -385, -385),
        ('{"q": 3, "ship": 1}', "", None, 0),
        ('{"q": "x", "p": 1, "ship": 1}', "type", None, None),
        ('{"q": 9000000000000000000, "p": 100, "ship": 1}', "money_overflow", None, None),
    ],
)
def test_a_computed_amount_is_rounded_once(record: str, codes: str, minor: int | None, control: int | None) -> None:
    unit = only(one(COMPUTED), record)
    assert (" ".join(unit.codes), unit.values.get("total_minor")) == (codes, minor)
    assert unit.control is not None
    assert unit.control.minor == control


@pytest.mark.parametrize(
    ("default", "value", "wanted"),
    [
        ("reject", '"Cola"', "beverage"),
        ("reject", '"cola"', "!enum"),
        ("reject", "null", None),
        ("other", '"cola"', "other"),
        ("other", "null", None),
        ("other", "5", "!type"),
    ],
)
def test_a_map_makes_classes(default: str, value: str, wanted: str | None) -> None:
    mapped = custom(map={"column": "p", "values": {"Cola": "beverage"}, "default": default})
    unit = only(one(f"{{name: p}}, {{name: k, {mapped}}}"), f'{{"p": {value}}}')
    assert (f"!{unit.codes[0]}" if unit.codes else unit.values["k"]) == wanted


INNER = "{name: a, logicalType: integer, required: true}, {name: b}"
OBJECT = f"{{name: o, logicalType: object, properties: [{INNER}]}}"
LIST = f"{{name: l, logicalType: array, items: {{logicalType: object, properties: [{INNER}]}}}}"
TAGS = (
    "{name: t, logicalType: array, logicalTypeOptions: {minItems: 1, maxItems: 2}, "
    "items: {logicalType: string, logicalTypeOptions: {maxLength: 2}}}"
)
NESTED = [
    # columns       record                                          codes           values
    (OBJECT, '{"o": {"a": 1, "b": "x"}}', "", {"o": {"a": 1, "b": "x"}}),
    (OBJECT, "{}", "missing", {}),
    (OBJECT, '{"o": null}', "missing", {}),
    (OBJECT, '{"o": {}}', "missing", {}),
    (OBJECT, '{"o": 5}', "type", {}),
    (OBJECT, '{"o": [{"a": 1}]}', "type", {}),
    (OBJECT, '{"o": {"a": "x", "b": 5}}', "type", {}),
    (OBJECT, '{"o": {"b": 5}}', "missing type", {}),
    (LIST, '{"l": [{"a": 1}, {"a": 2, "b": "x"}]}', "", {"l": [{"a": 1, "b": None}, {"a": 2, "b": "x"}]}),
    (LIST, '{"l": []}', "", {"l": []}),
    (LIST, "{}", "", {"l": None}),
    (LIST, '{"l": null}', "", {"l": None}),
    (LIST, '{"l": {}}', "type", {}),
    (LIST, '{"l": [null]}', "type", {}),
    (LIST, '{"l": [{"a": 1}, 5]}', "type", {}),
    (LIST, '{"l": [{"b": "x"}]}', "missing", {}),
    (LIST.replace("name: l,", "name: l, required: true,"), "{}", "missing", {}),
    (LIST.replace("name: l,", "name: l, required: true,"), '{"l": []}', "", {"l": []}),
    (TAGS, '{"t": ["a", null, "b"]}', "length", {}),
    (TAGS, '{"t": ["a", null]}', "", {"t": ["a", None]}),
    (TAGS, '{"t": []}', "length", {}),
    (TAGS, '{"t": null}', "", {"t": None}),
    (TAGS, '{"t": ["abc", 5]}', "length type", {}),
    (TAGS, '{"t": "ab"}', "type", {}),
    ("{name: x, physicalName: $.a.b}", '{"a": {"b": "y"}}', "", {"x": "y"}),
    ("{name: x, physicalName: $.a.b}", '{"a": {}}', "", {"x": None}),
    ("{name: x, physicalName: $.a.b}", '{"a": 5}', "type", {}),
    ("{name: x, physicalName: customer-id}", '{"customer-id": "y"}', "", {"x": "y"}),
    (f"{{name: x, {custom(aliases=['y', '$.z.x'])}}}", '{"x": null, "z": {"x": "c"}}', "", {"x": "c"}),
    (f"{{name: x, {custom(aliases=['y', '$.z.x'])}}}", '{"x": "a", "y": "b"}', "", {"x": "a"}),
    (f"{{name: x, {custom(aliases=['y'])}}}", '{"x": 5, "y": "b"}', "type", {}),
    (f"{{name: x, {custom(aliases=['y'], nullValues=['-'])}}}", '{"x": "-", "y": "b"}', "", {"x": None}),
]


@pytest.mark.parametrize(("columns", "record", "codes", "values"), NESTED)
def test_members_are_found_where_the_contract_says(
    columns: str, record: str, codes: str, values: Mapping[str, Any]
) -> None:
    unit = only(one(columns), record)
    assert (" ".join(unit.codes), unit.values) == (codes, values)


@pytest.mark.parametrize(
    ("record", "codes", "control"),
    [
        ('{"l": [{"v": 1}, {"v": 2.50}]}', "", 350),
        ('{"l": []}', "", 0),
        ("{}", "", 0),
        ('{"l": 5}', "type", None),
        ('{"l": [{"v": 1}, {"v": "x"}]}', "type", None),
        ('{"l": [{"v": 1}, {"v": 0.001}]}', "money_scale", None),
        ('{"l": [{"v": 1}, 5]}', "type", None),
        ('{"l": [{"v": 1}, {"v": -1, "k": 5}]}', "type", 0),
        ('{"l": [{"v": 92233720368547758.07}, {"v": 0.01}]}', "money_overflow", None),
        ('{"l": [{"v": 92233720368547758.07}, {"v": 0.01}, {"v": -0.01}]}', "", 2**63 - 1),
    ],
)
def test_the_law_counts_the_sum_of_a_list(record: str, codes: str, control: int | None) -> None:
    items = f"{{name: v, logicalType: number, {euro()}}}, {{name: k}}"
    document = one(f"{{name: l, logicalType: array, items: {{logicalType: object, properties: [{items}]}}}}")
    unit = only(document, record)
    assert unit.control is not None
    assert (" ".join(unit.codes), unit.control.minor, unit.control.currency) == (codes, control, "EUR")


def test_the_law_counts_the_marked_column_and_nothing_where_there_is_no_money() -> None:
    first, marked = custom(money="EUR"), custom(money="USD", control=True)
    document = one(f"{{name: a, logicalType: number, {first}}}, {{name: b, logicalType: number, {marked}}}")
    control = only(document, '{"a": 1, "b": 2}').control
    assert control is not None
    assert (control.minor, control.currency) == (200, "USD")
    assert only(one("{name: a}"), "{}").control is None
