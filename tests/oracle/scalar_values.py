"""One value of one column: what it is, and every code that speaks against it.

Readings chosen where the specification says nothing: bounds and enums of dates and times are ISO text, whatever the
column's format is; a null value stands for null even where another spelling of the member holds something; an enum
compares numbers by value and strings as they are, with their blanks; a bound on money is not asked where the amount
cannot be read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle import date_formats, number_formats
from tests.oracle.contract_file import Column, Money
from tests.oracle.food_orders import BLANKS, Number

WRONG = object()
"""Stands for what lies below something that is no object, and for what is no value of any column."""

NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
MAX_WORD = 2**63 - 1
DECIMALS, WHOLE_DIGITS = 6, 32
# ISO 4217; only these are used in tests, and the code of any other currency counts as unknown.
EXPONENTS = {
    **dict.fromkeys("EUR USD GBP CHF SEK PLN INR".split(), 2),
    **dict.fromkeys("JPY KRW ISK".split(), 0),
    **dict.fromkeys("KWD BHD TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST = rf"{LABEL}(?:\.{LABEL})*"
FORMATS = {
    "email": rf"[A-Za-z0-9._%+-]+@{HOST}",
    "uuid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+",
    "hostname": HOST,
}


@dataclass(frozen=True)
class Cell:
    """`value` is None for null and for what cannot be read; `is_sure` is False for what depends on the latter."""

    value: Any = None
    codes: AbstractSet[str] = field(default_factory=frozenset)
    warnings: AbstractSet[str] = field(default_factory=frozenset)
    is_sure: bool = True


def wrong(*codes: str) -> Cell:
    return Cell(None, frozenset(codes), is_sure=False)


def is_null(column: Column, raw: Any) -> bool:
    """Absent, null, or one of the column's null values."""
    if isinstance(raw, Number):
        numbers = [one for one in column.null_values if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", one)]
        is_plain = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", raw.text) is not None
        is_number = column.kind in {"integer", "number"}
        return is_number and is_plain and any(Decimal(one) == Decimal(raw.text) for one in numbers)
    return raw is None or (isinstance(raw, str) and raw.strip(BLANKS) in column.null_values)


def absent(column: Column, raw: Any) -> Cell | None:
    """The cell of a value that is not there, or None if there is one."""
    if is_null(column, raw) or (column.is_required and isinstance(raw, str) and not raw.strip(BLANKS)):
        return wrong("missing") if column.is_required else Cell()
    return None


def scalar(column: Column, raw: Any, *, is_text: bool) -> Cell:
    """A column that is no money, no list and no object; `is_text` says that the door knows text only."""
    cell = absent(column, raw)
    if cell is not None:
        return cell
    value = typed(column, raw, is_text=is_text)
    if value is WRONG:
        return wrong("type")
    codes = limited(column, value)
    if column.kind == "number":
        value = rounded(value)
        if value is WRONG:
            return wrong("type")
    return Cell(date_formats.time_text(value) if isinstance(value, time) else value, codes)


def typed(column: Column, raw: Any, *, is_text: bool) -> Any:
    """The value of the column's type, or WRONG."""
    if column.kind == "string":
        return raw if isinstance(raw, str) and "\0" not in raw else WRONG
    if column.kind == "boolean":
        if isinstance(raw, str) and is_text:
            return BOOLEANS.get(raw.strip(BLANKS).lower(), WRONG)
        return raw if isinstance(raw, bool) else WRONG
    if column.kind in {"integer", "number"}:
        return plain_number(column, raw)
    if not isinstance(raw, str):
        return WRONG
    options = column.options
    if "timezone" in options and options["timezone"] != bool(re.search(r"(Z|[+-][0-9:]+)$", raw.strip(BLANKS)[10:])):
        return WRONG
    try:
        return date_formats.parse(column.kind, raw.strip(BLANKS), options.get("format"), options.get("defaultTimezone"))
    except date_formats.WrongError:
        return WRONG


def digits(column: Column, raw: Any) -> tuple[str, str, str] | None:
    """Sign, digits before the point without leading zeros, and after it without those at the end; None: no number."""
    text = raw.text if isinstance(raw, Number) else raw.strip(BLANKS) if isinstance(raw, str) else ""
    if column.number_format and isinstance(raw, str):
        text = number_formats.plain(text, column.number_format) or ""
    found = NUMBER.fullmatch(text)
    return None if found is None else (found[1], found[2].lstrip("0") or "0", (found[3] or "").rstrip("0"))


def plain_number(column: Column, raw: Any) -> Any:
    """An int or a Decimal, or WRONG."""
    found = digits(column, raw)
    if found is None:
        return WRONG
    sign, whole, decimals = found
    if column.kind == "number":
        return Decimal(f"{sign}{whole}.{decimals or 0}") if len(whole) <= WHOLE_DIGITS else WRONG
    # The length first: Python refuses to read numbers of thousands of digits.
    if decimals or len(whole) > len(str(MAX_WORD)):
        return WRONG
    value = int(sign + whole)
    return value if -MAX_WORD - 1 <= value <= MAX_WORD else WRONG


def rounded(value: Decimal) -> Any:
    """As a number is kept: six decimals, halves away from zero; WRONG if that takes one digit too many."""
    scaled = half_up(Fraction(value) * 10**DECIMALS)
    return Decimal(f"{scaled}e-{DECIMALS}") if abs(scaled) < 10 ** (DECIMALS + WHOLE_DIGITS) else WRONG


def limited(column: Column, value: Any) -> frozenset[str]:
    """The codes of a value that has its type."""
    codes = set()
    options = column.options
    if column.kind == "string":
        if not options.get("minLength", 0) <= len(value) <= options.get("maxLength", len(value)):
            codes.add("length")
        if not all(searched(pattern, value) for pattern in column.patterns) or not _has_format(column, value):
            codes.add("pattern")
    elif column.kind != "boolean" and not _in_range(column, value):
        codes.add("range")
    if column.allowed is not None and value not in [_as_kind(column.kind, one) for one in column.allowed]:
        codes.add("enum")
    return frozenset(codes)


def searched(pattern: str, text: str) -> bool:
    """As RE2 searches: `$` is the end of the text alone, `\\d` and `\\w` are ASCII."""
    return re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text, re.ASCII) is not None


def _has_format(column: Column, value: str) -> bool:
    wanted = column.options.get("format")
    if wanted in {"ipv4", "ipv6"}:
        try:
            return ipaddress.ip_address(value).version == int(wanted[-1])
        except ValueError:
            return False
    return wanted not in FORMATS or re.fullmatch(FORMATS[wanted], value) is not None


def _as_kind(kind: str, value: Any) -> Any:
    """A bound or an allowed value of the contract, comparable with values of the column."""
    if kind in {"date", "time", "timestamp"}:
        return date_formats.parse(kind, str(value), None, None)
    return Fraction(Decimal(str(value))) if kind in {"integer", "number"} else value


def _in_range(column: Column, value: Any) -> bool:
    bounds = {
        name: _as_kind(column.kind, column.options[name])
        for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
        if name in column.options
    }
    if isinstance(value, int | Decimal):
        value = Fraction(value)
    return (
        ("minimum" not in bounds or value >= bounds["minimum"])
        and ("maximum" not in bounds or value <= bounds["maximum"])
        and ("exclusiveMinimum" not in bounds or value > bounds["exclusiveMinimum"])
        and ("exclusiveMaximum" not in bounds or value < bounds["exclusiveMaximum"])
        and ("multipleOf" not in bounds or value % bounds["multipleOf"] == 0)
    )


def half_up(value: Fraction) -> int:
    """To the nearest whole number, halves away from zero."""
    size = floor(abs(value) + Fraction(1, 2))
    return size if value >= 0 else -size


def exponent(money: Money, code: str | None) -> int | None:
    """Decimals of the currency, or None where it is unknown."""
    currency = money.currency or code
    return None if currency is None else EXPONENTS.get(currency)


def amount(column: Column, raw: Any, code: str | None) -> Cell:
    """A money column; `code` is what `currencyBy` holds."""
    assert column.money is not None
    cell = absent(column, raw)
    if cell is not None:
        return cell
    found = digits(column, raw)
    if found is None:
        return wrong("type")
    if column.money.currency is None and code is None:
        return wrong("missing")
    places = exponent(column.money, code)
    if places is None:
        return Cell(is_sure=False)  # the currency column has the code
    sign, whole, decimals = found
    # Exact, but for the digits of a number of thousands of digits: those change neither rounding nor overflow.
    size = Fraction(int(whole[:400])) + Fraction(int(decimals[:400] or 0), 10 ** len(decimals[:400]))
    size = -size if sign else size
    return _minor(column, size * 10 ** min(len(whole[400:]), 400), places, has_more_decimals=len(decimals) > places)


def _minor(column: Column, given: Fraction, places: int, *, has_more_decimals: bool) -> Cell:
    money = column.money
    assert money is not None
    minor = given if money.is_minor else given * 10**places
    codes = set() if _in_range(column, minor / 10**places) else {"range"}
    warnings = set()
    if minor.denominator != 1 or (has_more_decimals and not money.is_minor):
        if money.excess == "reject":
            return wrong("money_scale", *codes)
        if money.excess == "warn":
            warnings.add("money_scale")
    rounded = half_up(minor)
    if abs(rounded) > MAX_WORD:
        return wrong("money_overflow", *codes)
    return Cell(rounded, frozenset(codes), frozenset(warnings))
