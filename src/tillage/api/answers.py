"""The JSON bytes of a served row; amounts are written from their digits and never pass through a float."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tillage.domain.money import exponent
from tillage.models.output import currency_in


@dataclass(frozen=True)
class Field:
    """One name of an answer, and what it is filled from."""

    name: str
    column: str
    kind: str
    """The column's type in PostgreSQL, as `numeric(38,0)`."""
    currency: str | None
    """Of amounts, which the column holds in minor units; `@code` where the column `code` names it in each row."""
    is_key: bool


def answer(fields: Sequence[Field], values: Sequence[Any]) -> bytes:
    """The fields in their order, as a JSON object in UTF-8 without any white space."""
    row = {field.column: value for field, value in zip(fields, values, strict=True)}
    members = (
        f"{_text(field.name)}:{_value(value, currency_in(field.currency, row), is_amount=field.currency is not None)}"
        for field, value in zip(fields, values, strict=True)
    )
    return f"{{{','.join(members)}}}".encode()


def _value(value: Any, currency: str | None, *, is_amount: bool) -> str:
    # An amount in no currency is none: only a row without amounts has no code.
    if value is None or (is_amount and currency is None):
        return "null"
    if currency is not None:
        return in_major_units(value, currency)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return _digits(value)
    if isinstance(value, datetime):
        return _text(value.isoformat().replace("+00:00", "Z"))
    if isinstance(value, date):
        return _text(value.isoformat())
    if isinstance(value, str):
        return _text(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def in_major_units(minor: int | Decimal, currency: str) -> str:
    """A JSON number with all decimals of the currency: 8977 EUR is 89.77, 0 EUR is 0.00, 120 JPY is 120.

    Moves the point in the digits: `Decimal` arithmetic would round beyond 28 of them. A fraction of a minor unit, which
    an amount times a number may have, is kept.
    """
    decimals = exponent(currency)
    digits = _digits(minor)
    whole, _, fraction = digits.removeprefix("-").partition(".")
    whole = whole.zfill(decimals + 1)
    point = len(whole) - decimals
    behind = whole[point:] + fraction.rstrip("0")
    return f"{'-' if digits.startswith('-') else ''}{whole[:point]}{'.' if behind else ''}{behind}"


def _digits(number: int | Decimal) -> str:
    text = format(number, "f") if isinstance(number, Decimal) else str(number)
    if not text.removeprefix("-")[:1].isdigit():
        raise TypeError("no JSON for a number that is not finite")
    return text


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
