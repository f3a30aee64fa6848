"""`tillage.numberFormat` of one column: how numbers are spelt where they are text."""

from __future__ import annotations

import re
from typing import Any

from tillage.contracts.contract import Kind, Negative, NumberFormat
from tillage.contracts.document import Document, Path
from tillage.contracts.sql_text import BLANK

NUMBER_FORMAT_NAMES = ("decimal", "group", "symbols", "negative")
DECIMALS = (".", ",")
GROUPS = ("", ".", ",", "'", " ")
NO_SYMBOL = "0-9()+\u2212-"
"""What no symbol holds, as a class of a pattern: it would be part of the number."""


def read_number_format(document: Document, path: Path, kind: Kind, value: Any) -> NumberFormat | None:
    """What the term says; None where it is not given.

    Raises:
        ContractError: the column is no number, or the format is none or says nothing.
    """
    if value is None:
        return None
    if kind not in {Kind.NUMBER, Kind.INTEGER}:
        raise document.wrong(path, "tillage.numberFormat is for `logicalType: number` or `integer`")
    if not isinstance(value, dict):
        raise document.wrong(path, 'tillage.numberFormat is like {decimal: ",", group: ".", symbols: ["€"]}')
    document.check_names(path, value, NUMBER_FORMAT_NAMES)
    found = NumberFormat(
        _sign(document, (*path, "decimal"), value.get("decimal", "."), DECIMALS),
        _sign(document, (*path, "group"), value.get("group", ""), GROUPS),
        _symbols(document, (*path, "symbols"), value.get("symbols", [])),
        _negative(document, (*path, "negative"), value.get("negative", Negative.MINUS.value)),
    )
    if found.decimal == found.group:
        raise document.wrong(path, "tillage.numberFormat: `decimal` and `group` are the same sign")
    if found == NumberFormat():
        raise document.wrong(path, "tillage.numberFormat: numbers are read like this without it; leave it out")
    return found


def _sign(document: Document, path: Path, sign: Any, allowed: tuple[str, ...]) -> str:
    if sign not in allowed:
        shown = ", ".join(f'"{one}"' for one in allowed if one)
        raise document.wrong(path, f"tillage.numberFormat: `{path[-1]}` is one of {shown}, in quotes")
    return str(sign)


def _symbols(document: Document, path: Path, symbols: Any) -> tuple[str, ...]:
    if not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
        raise document.wrong(path, 'tillage.numberFormat: `symbols` is a list of texts, like ["€", "EUR"]')
    for one in symbols:
        if not one or one.strip(BLANK[1:-1]) != one or re.search(f"[{NO_SYMBOL}]", one):
            raise document.wrong(
                path,
                "tillage.numberFormat: a symbol stands before or behind a number, like € or EUR: it has no digits, "
                "signs or parentheses, and no blanks around it",
            )
    return tuple(dict.fromkeys(symbols))


def _negative(document: Document, path: Path, value: Any) -> Negative:
    document.check_names(path, [value], [one.value for one in Negative])
    return Negative(value)
