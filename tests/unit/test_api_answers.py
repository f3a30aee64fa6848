"""The JSON bytes of an answer: amounts to the last digit, never through a float."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillage.api.answers import Field, answer, in_major_units

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}


def field(name: str, *, currency: str | None = None, kind: str = "bigint") -> Field:
    return Field(name, name, kind, currency, is_key=False)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (8977, "EUR", "89.77"),
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "-0.05"),
        (-100, "EUR", "-1.00"),
        (10, "EUR", "0.10"),
        (120, "JPY", "120"),
        (0, "JPY", "0"),
        (-7, "JPY", "-7"),
        (1, "KWD", "0.001"),
        (12345, "CLF", "1.2345"),
        (Decimal(8977), "EUR", "89.77"),
        (Decimal("1E+3"), "EUR", "10.00"),
        (Decimal("1302.500000"), "EUR", "13.025"),
        (Decimal("1302.000000"), "EUR", "13.02"),
        (Decimal("-0.5"), "JPY", "-0.5"),
        (10**37 + 1, "EUR", "100000000000000000000000000000000000.01"),
        (Decimal(10**37 + 1), "EUR", "100000000000000000000000000000000000.01"),
    ],
)
def test_amount_is_written_with_all_decimals_of_its_currency(minor: Any, currency: str, written: str) -> None:
    assert in_major_units(minor, currency) == written


@given(st.floats())
def test_double_is_the_shortest_number_that_reads_back_as_it_or_null(value: float) -> None:
    written = json.loads(answer([field("mean", kind="double precision")], [value]), parse_constant=pytest.fail)["mean"]
    assert written == value if math.isfinite(value) else written is None


@given(st.integers(-(10**37), 10**37), st.sampled_from(sorted(DECIMALS)))
def test_amount_reads_back_as_the_same_minor_units(minor: int, currency: str) -> None:
    decimals = DECIMALS[currency]
    behind = rf"\.[0-9]{{{decimals}}}" if decimals else ""
    for written in (in_major_units(minor, currency), in_major_units(Decimal(minor), currency)):
        assert re.fullmatch(rf"-?(0|[1-9][0-9]*){behind}", written)
        with localcontext(prec=60):
            assert json.loads(written, parse_float=Decimal, parse_int=Decimal) * 10**decimals == minor


def test_answer_keeps_the_order_of_the_fields_and_writes_no_white_space() -> None:
    fields = [field("customerId", kind="text"), field("orders"), field("net", currency="EUR")]
    assert answer(fields, ("c1", Decimal(5), Decimal(8977))) == b'{"customerId":"c1","orders":5,"net":89.77}'


def test_null_stays_null_also_for_amounts() -> None:
    assert answer([field("a"), field("b", currency="EUR")], (None, None)) == b'{"a":null,"b":null}'


def test_text_is_utf8_and_what_json_must_escape_is_escaped() -> None:
    assert answer([field("é")], ('ü"\\\n\u2028💶',)) == '{"é":"ü\\"\\\\\\n\u2028💶"}'.encode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, b"true"),
        (False, b"false"),
        (2**63, b"9223372036854775808"),
        (Decimal(10**37), b"1" + b"0" * 37),
        (Decimal("2.500000"), b"2.500000"),
        (date(2025, 1, 24), b'"2025-01-24"'),
        (datetime(2025, 1, 24, 10, 0, 0, 5), b'"2025-01-24T10:00:00.000005"'),  # noqa: DTZ001  (a column without a zone)
        (datetime(2025, 1, 24, 10, tzinfo=UTC), b'"2025-01-24T10:00:00Z"'),
    ],
)
def test_other_types_have_one_spelling_each(value: object, written: bytes) -> None:
    assert answer([field("a")], (value,)) == b'{"a":' + written + b"}"


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), b"x"])
def test_what_has_no_exact_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON for"):
        answer([field("a")], (value,))


@pytest.mark.parametrize(
    ("row", "written"),
    [
        (["EUR", 1234], b'{"currency":"EUR","total":12.34}'),
        (["JPY", 1234], b'{"currency":"JPY","total":1234}'),
        (["KWD", -1], b'{"currency":"KWD","total":-0.001}'),
        (["EUR", None], b'{"currency":"EUR","total":null}'),
        ([None, 0], b'{"currency":null,"total":null}'),
    ],
)
def test_amount_is_written_in_the_currency_that_its_row_names(row: list[Any], written: bytes) -> None:
    fields = [Field("currency", "code", "text", None, is_key=True), field("total", currency="@code")]
    assert answer(fields, row) == written
