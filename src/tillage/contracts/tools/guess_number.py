"""The format in which all texts of a column are numbers with separators, symbols or another minus than the usual one.

It is told only where every format that reads all of the values reads the same numbers: of `1,234` nobody can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tillage.contracts.compiler.spelt_number import APOSTROPHES, BLANK_GROUPS, MINUS, plain
from tillage.contracts.contract import Negative, NumberFormat
from tillage.contracts.odcs.number_format import DECIMALS, GROUPS
from tillage.contracts.sql_text import BLANK
from tillage.domain.money import by_exponent

_CODES = {code for _, codes in by_exponent() for code in codes}
_SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₽": "RUB", "₴": "UAH", "₩": "KRW", "zł": "PLN", "Kč": "CZK"}
_SIGNS |= {"$": "USD", "US$": "USD", "¥": "JPY", "kr": "", "kr.": "", "Fr.": "CHF", "R$": "BRL", "₫": "VND", "₪": "ILS"}
_MARKS = f"{MINUS}()"
_NUMBER = re.compile(f"[0-9](?:[0-9.,{APOSTROPHES}{BLANK_GROUPS}]*[0-9])?")


@dataclass(frozen=True)
class SpeltNumbers:
    """A format, the values as it reads them, and the currency that their symbols name, if it is one."""

    form: NumberFormat
    plain: tuple[str, ...]
    currency: str | None = None


def spelt(values: Sequence[str]) -> SpeltNumbers | Sequence[NumberFormat]:
    """What all of the values, trimmed and at least one, are; else the formats between which nobody can tell, if any."""
    symbols: set[str] = set()
    for value in values:
        around = _around(value)
        if around is None:
            return ()
        symbols |= around
    negatives = [Negative.TRAILING, Negative.PARENTHESES] if any(set(_MARKS) & set(one) for one in values) else []
    plainest: dict[tuple[str, ...], NumberFormat] = {}
    for form in _formats(tuple(sorted(symbols)), [Negative.MINUS, *negatives]):
        read = _read(values, form)
        if read is not None:
            plainest.setdefault(read, form)
    if len(plainest) != 1:
        return list(plainest.values())
    ((read, form),) = plainest.items()
    return SpeltNumbers(form, read, _currency(symbols)) if _is_marked(form, read) else ()


def _around(value: str) -> set[str] | None:
    """What stands before and behind the one number; None where that is no number or nothing of money or percent."""
    number = _NUMBER.search(value)
    if number is None:
        return None
    sides = [
        re.sub(f"[{re.escape(_MARKS)}]", "", side).strip(BLANK[1:-1])
        for side in (value[: number.start()], value[number.end() :])
    ]
    found = {side for side in sides if side}
    return found if all(side == "%" or side in _SIGNS or side in _CODES for side in found) else None


def _formats(symbols: tuple[str, ...], negatives: Sequence[Negative]) -> Iterator[NumberFormat]:
    """The plainest first."""
    for negative, group, decimal in product(negatives, GROUPS, DECIMALS):
        if decimal != group:
            yield NumberFormat(decimal, group, symbols, negative)


def _read(values: Sequence[str], form: NumberFormat) -> tuple[str, ...] | None:
    read = []
    for value in values:
        found = plain(value, form)
        if found is None:
            return None
        read.append(found)
    return tuple(read)


def _is_marked(form: NumberFormat, read: Sequence[str]) -> bool:
    """Digits that only blanks part may be a telephone number; decimals or a symbol say that something is counted."""
    return form.group not in {" ", "'"} or bool(form.symbols) or any("." in one for one in read)


def _currency(symbols: set[str]) -> str | None:
    found = {_SIGNS.get(symbol, symbol) for symbol in symbols if symbol != "%"} - {""}
    return found.pop() if len(found) == 1 else None
