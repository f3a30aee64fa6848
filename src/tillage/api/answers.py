"""The JSON bytes of a served row; amounts are written from their digits and never pass through a float."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from tillage.domain.money import exponent
from tillage.models.output import currency_in
from tillage.models.scope import is_by_column

# The text of a JSON string; `dumps` would make an encoder for each.
_text: Callable[[str], str] = json.encoder.encode_basestring


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

    @cached_property
    def member(self) -> str:
        """The name as it begins a member of a JSON object."""
        return f"{_text(self.name)}:"


def answer(fields: Sequence[Field], values: Sequence[Any]) -> bytes:
    """The fields in their order, as a JSON object in UTF-8 without any white space."""
    members = []
    for field, value in zip(fields, values, strict=True):
        spelt = _value(value) if field.currency is None else _amount(field.currency, value, fields, values)
        members.append(field.member + spelt)
    return f"{{{','.join(members)}}}".encode()


def _amount(currency: str, value: Any, fields: Sequence[Field], values: Sequence[Any]) -> str:
    row = {field.column: one for field, one in zip(fields, values, strict=True)} if is_by_column(currency) else {}
    code = currency_in(currency, row)
    # An amount in no currency is none: only a row without amounts has no code.
    return "null" if value is None or code is None else in_major_units(value, code)


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return _digits(value)
    if isinstance(value, float):  # the shortest digits that read back as it; JSON has no others
        return repr(value) if math.isfinite(value) else "null"
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
