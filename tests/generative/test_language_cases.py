"""Corners of the contract language, worked out by hand: the product and the oracle both say what the page says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest

from tests.generative.in_memory import connected
from tests.generative.test_contracts import differences, expected
from tests.oracle.short_contracts import custom, one

WHERE_INTEGER = custom(where="cast(amount as integer) > 0")
WHERE_RATIO = custom(where="n / k > 1")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as found:
        yield found


def said(connection: duckdb.DuckDBPyConnection, document: Mapping[str, Any], *records: object) -> list[str | None]:
    """For each record what becomes of its one unit, its codes or `accepted`; None without a unit."""
    files = {"a.jsonl": b"\n".join(json.dumps(record).encode() for record in records)}
    assert not differences(connection, document, files)
    found = {line: unit for (_, _, line, _), unit in expected(document, files).items()}
    return [
        (" ".join(found[line].codes) or found[line].verdict) if line in found else None
        for line in range(1, len(records) + 1)
    ]


def test_a_where_that_fails_on_a_unit_keeps_it_with_a_code(connection: duckdb.DuckDBPyConnection) -> None:
    document = one("{name: amount, logicalType: string}", WHERE_INTEGER)
    records = [{"amount": "1"}, {"amount": "abc"}, {"amount": "-1"}, {}, {"amount": 5}, 7]
    assert said(connection, document, *records) == ["accepted", "rule:where", None, None, "type", "type"]


def test_a_division_by_zero_in_where_is_no_reason_to_leave_a_record_out(connection: duckdb.DuckDBPyConnection) -> None:
    document = one("{name: n, logicalType: integer}, {name: k, logicalType: integer}", WHERE_RATIO)
    records = [{"n": 4, "k": 2}, {"n": 4, "k": 0}, {"n": 1, "k": 2}, {"n": 4}, {"n": "x", "k": 0}]
    assert said(connection, document, *records)[:4] == ["accepted", "rule:where", None, None]


def test_a_row_on_which_where_fails_is_in_its_unit_with_a_code(connection: duckdb.DuckDBPyConnection) -> None:
    document = one(
        "{name: invoice, logicalType: string}, {name: amount, logicalType: string}",
        custom(where="cast(amount as integer) > 0", unit={"groupBy": ["invoice"]}),
    )
    records = [
        {"invoice": "a", "amount": "1"},
        {"invoice": "b", "amount": "1"},
        {"invoice": "b", "amount": "x"},
        {"invoice": "c", "amount": "-1"},
        {"invoice": "d", "amount": "x"},
    ]
    wanted = ["accepted", "key_conflict rule:where", None, None, "rule:where"]
    assert said(connection, document, *records) == wanted


def test_a_local_time_that_the_clock_repeats_or_leaves_out_is_no_guess(connection: duckdb.DuckDBPyConnection) -> None:
    document = one("{name: t, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}")
    hours = ["2024-10-27T01:59", "2024-10-27T02:00", "2024-10-27T02:30", "2024-10-27T03:00", "2024-10-27T02:30+01:00"]
    wanted: list[str | None] = ["accepted", "type", "type", "accepted", "accepted"]
    assert said(connection, document, *({"t": hour} for hour in hours)) == wanted
    hours = ["2024-03-31T01:59", "2024-03-31T02:00", "2024-03-31T02:30", "2024-03-31T03:00", "2024-03-31T02:30Z"]
    assert said(connection, document, *({"t": hour} for hour in hours)) == wanted


def test_a_day_that_a_zone_left_out_is_no_guess(connection: duckdb.DuckDBPyConnection) -> None:
    document = one("{name: t, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Pacific/Apia}}")
    days = ["2011-12-29T12:00", "2011-12-30T12:00", "2011-12-31T12:00"]
    assert said(connection, document, *({"t": day} for day in days)) == ["accepted", "type", "accepted"]


def test_timezone_says_whether_a_timestamp_has_an_offset(connection: duckdb.DuckDBPyConnection) -> None:
    texts = ["2024-01-01T10:00", "2024-01-01T10:00Z", "2024-01-01T10:00:00.5+01:00", "2024-01-01 10:00"]
    for asked, wanted in (("true", "type accepted accepted type"), ("false", "accepted type type accepted")):
        document = one(f"{{name: t, logicalType: timestamp, logicalTypeOptions: {{timezone: {asked}}}}}")
        assert said(connection, document, *({"t": text} for text in texts)) == wanted.split()


def test_an_amount_in_an_object_names_what_stands_beside_it(connection: duckdb.DuckDBPyConnection) -> None:
    members = (
        f"{{name: amount, logicalType: number, {custom(money={'currencyBy': 'currency'})}}}, "
        "{name: currency, logicalType: string}, {name: n, logicalType: integer}, {name: p, logicalType: number}, "
        f"{{name: made, logicalType: number, {custom(money='EUR', amount='n * p')}}}, "
        f"{{name: class, logicalType: string, {custom(map={'column': 'product', 'values': {'Cola': 'drink'}})}}}, "
        "{name: product, logicalType: string, required: true}, "
        f"{{name: gross, logicalType: number, {custom(money='EUR', vat={'rateBy': 'class', 'rates': {'drink': 19}})}}}"
    )
    document = one(f"{{name: price, logicalType: object, properties: [{members}]}}")
    prices: list[dict[str, object]] = [
        {"amount": 1.25, "currency": "EUR", "n": 2, "p": 1.5, "product": "Cola", "gross": 1.19},
        {"amount": 1.25, "currency": "JPY", "product": "Cola"},
        {"amount": 1, "currency": "JPY", "n": 2, "p": 1.333, "product": "Cola"},
        {"amount": 1, "currency": "XXZ", "product": "Cola"},
        {"product": "Soup", "gross": 1.19},
    ]
    wanted: list[str | None] = ["accepted", "money_scale", "accepted", "enum", "enum"]
    assert said(connection, document, *({"price": price} for price in prices)) == wanted
    files = {"a.jsonl": json.dumps({"price": prices[0]}).encode()}
    ((_, unit),) = expected(document, files).items()
    assert (unit.values["price"]["made_minor"], unit.values["price"]["net_minor"]) == (300, 100)


def test_an_object_inside_a_list_has_its_own_currency(connection: duckdb.DuckDBPyConnection) -> None:
    price = (
        f"{{name: price, logicalType: object, properties: [{{name: currency, logicalType: string}}, "
        f"{{name: amount, logicalType: number, {custom(money={'currencyBy': 'currency'})}}}]}}"
    )
    document = one(f"{{name: lines, logicalType: array, items: {{logicalType: object, properties: [{price}]}}}}")
    lines = [{"price": {"amount": 1, "currency": "JPY"}}, {"price": {"amount": 1.25, "currency": "EUR"}}]
    wrong = [{"price": {"amount": 1.5, "currency": "JPY"}}]
    assert said(connection, document, {"lines": lines}, {"lines": wrong}) == ["accepted", "money_scale"]


def test_names_in_brackets_lead_to_members_that_a_point_cannot_name(connection: duckdb.DuckDBPyConnection) -> None:
    document = one(
        """{name: a, logicalType: integer, physicalName: "$['Order ID']"}, """
        """{name: b, logicalType: integer, physicalName: "$.x[\\"it's\\"]['a.b']"}, """
        """{name: c, logicalType: integer, physicalName: "$['it\\\\'s']"}"""
    )
    records = [
        {"Order ID": 1, "x": {"it's": {"a.b": 1}}, "it's": 5},
        {"Order ID": "x"},
        {"x": {"it's": {"a.b": "x"}}},
        {"it's": "x"},
    ]
    assert said(connection, document, *records) == ["accepted", "type", "type", "type"]


def test_units_lie_in_lists_that_a_point_cannot_name(connection: duckdb.DuckDBPyConnection) -> None:
    document = one("{name: a, logicalType: integer}", custom(unit="$['line items'][*]"))
    assert said(
        connection, document, {"line items": [{"a": 1}]}, {"line items": [{"a": "x"}]}, {}, {"line items": 5}
    ) == [
        "accepted",
        "type",
        None,
        "type",
    ]
