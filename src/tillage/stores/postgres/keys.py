"""Keys as they are written in an address, and the values that they are in a column's type."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

# Whether a text is a value of a type is decided here: PostgreSQL would write a value that does not fit into its log.
_Value = TypeVar("_Value")
Reader = Callable[[str], Hashable | None]


@dataclass(frozen=True)
class KeyKind:
    """A type that a key may have."""

    cast: str
    """PostgreSQL's name of the type that texts of keys are cast to."""
    read: Reader
    """The value of a text, equal to what the driver makes of a column's; None if it is not of the type, also where
    PostgreSQL would take it for one but nobody writes it in an address (`today`, ` 7`, `0x7`)."""


def _text(key: str) -> str | None:
    return None if "\0" in key or any("\ud800" <= character <= "\udfff" for character in key) else key


def _integer(bits: int) -> Reader:
    most = 2 ** (bits - 1)

    def read(key: str) -> int | None:
        value = int(key) if re.fullmatch("-?[0-9]{1,19}", key) else most
        return value if -most <= value < most else None

    return read


def _numeric(key: str) -> Decimal | None:
    return Decimal(key) if re.fullmatch(r"-?[0-9]{1,60}(\.[0-9]{1,60})?", key) else None


def _boolean(key: str) -> bool | None:
    return {"true": True, "false": False}.get(key)


def _date(key: str) -> date | None:
    return _calendar(date.fromisoformat, key) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", key) else None


def _timestamp(zone: str) -> Reader:
    pattern = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?" + zone)
    return lambda key: _calendar(datetime.fromisoformat, key) if pattern.fullmatch(key) else None


def _calendar(parse: Callable[[str], _Value], key: str) -> _Value | None:
    try:
        return parse(key)
    except ValueError:
        return None


KINDS: Mapping[str, KeyKind] = {
    "text": KeyKind("text", _text),
    "smallint": KeyKind("smallint", _integer(16)),
    "integer": KeyKind("integer", _integer(32)),
    "bigint": KeyKind("bigint", _integer(64)),
    "numeric": KeyKind("numeric", _numeric),
    "boolean": KeyKind("boolean", _boolean),
    "date": KeyKind("date", _date),
    "timestamp without time zone": KeyKind("timestamp", _timestamp("")),
    # PostgreSQL refuses offsets of 16 hours and more.
    "timestamp with time zone": KeyKind("timestamptz", _timestamp("(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])")),
}
"""By the type's name as `format_type` spells it, without a precision."""
