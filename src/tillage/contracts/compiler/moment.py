"""Dates, times and timestamps: one stated format each, strict, compiled to SQL over trimmed text.

Source: java.time.format.DateTimeFormatter (letters), ResolverStyle.STRICT; ISO 8601 where no format is stated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from zoneinfo import available_timezones

from tillage.contracts.contract import Kind
from tillage.contracts.sql_text import text

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOUR, _SIXTY = "[01][0-9]|2[0-3]", "[0-5][0-9]"
_ISO_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_ISO_TIME = rf"({_HOUR}):({_SIXTY})(?::({_SIXTY})(?:\.([0-9]{{1,6}}))?)?"
_OFFSET = rf"Z|[+-](?:{_HOUR}):{_SIXTY}"
_TWO_OR_ONE = {2: "[0-9]{2}", 1: "[0-9]{1,2}"}


@dataclass(frozen=True)
class _Pattern:
    regex: str
    parts: tuple[str, ...]
    """What each group of the regex holds."""


def check_format(kind: Kind, pattern: str) -> str | None:  # noqa: PLR0911  (one for each thing that can be wrong)
    """What is wrong with a format, in words; None for a good one."""
    try:
        found = _read(pattern)
    except ValueError as wrong:
        return str(wrong)
    parts = set(found.parts)
    if len(parts) != len(found.parts):
        return "a part of the date or time is given twice"
    date, time = {"year", "month", "day"}, {"hour"}
    if "hour12" in parts:
        if "half" not in parts:
            return "`h` needs `a`"
        parts = parts - {"hour12", "half"} | {"hour"}
    elif "half" in parts:
        return "`a` needs `h`"
    needed = {Kind.DATE: date, Kind.TIME: time, Kind.TIMESTAMP: date | time}[kind]
    if not needed <= parts:
        return f"it lacks the {', '.join(sorted(needed - parts))}"
    if kind is Kind.DATE and parts - date - {"weekday"}:
        return "a date has no time; use logicalType timestamp"
    if kind is Kind.TIME and parts & (date | {"weekday", "offset"}):
        return "a time has no date and no offset"
    if ("second" in parts and "minute" not in parts) or ("fraction" in parts and "second" not in parts):
        return "seconds need minutes, and a fraction needs seconds"
    return None


def says_offset(pattern: str) -> bool:
    """Whether a good format holds an offset."""
    return "offset" in _read(pattern).parts


def parsed(kind: Kind, value: str, pattern: str | None, zone: str | None, *, has_offset: bool | None = None) -> str:
    """SQL: the DATE, the TIMESTAMP WITH TIME ZONE or the time as ISO text that the trimmed text `value` stands for.

    Null where it does not fit. `pattern` None: ISO 8601, of a timestamp with or without an offset as `has_offset` says.
    """
    found = _read(pattern) if pattern is not None else _ISO_OFFSET[has_offset] if kind is Kind.TIMESTAMP else _ISO[kind]
    names = ", ".join(text(part) for part in found.parts)
    match = f"regexp_extract({value}, {text(f'^(?:{found.regex})$')}, [{names}])"
    parts = {part: f"p.{part}" for part in found.parts}
    steps: dict[Kind, Callable[[dict[str, str]], str]] = {
        Kind.DATE: _date,
        Kind.TIME: _time,
        Kind.TIMESTAMP: partial(_timestamp, zone=zone),
    }
    made = steps[kind](parts)
    fits = f"regexp_full_match({value}, {text(found.regex)})"
    return f"case when {fits} then list_transform([{match}], lambda p: {made})[1] end"


_ISO = {
    Kind.DATE: _Pattern(_ISO_DATE, ("year", "month", "day")),
    Kind.TIME: _Pattern(_ISO_TIME, ("hour", "minute", "second", "fraction")),
}
_ISO_PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction")
_ISO_OFFSET = {
    None: _Pattern(f"{_ISO_DATE}[T ]{_ISO_TIME}({_OFFSET})?", (*_ISO_PARTS, "offset")),
    True: _Pattern(f"{_ISO_DATE}[T ]{_ISO_TIME}({_OFFSET})", (*_ISO_PARTS, "offset")),
    False: _Pattern(f"{_ISO_DATE}[T ]{_ISO_TIME}", _ISO_PARTS),
}


def _read(pattern: str) -> _Pattern:
    regex, parts = "", []
    for piece in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']", pattern):
        letters = piece[0]
        if piece[2] is None:
            quoted = piece[1].replace("''", "'") if piece[1] is not None else letters
            regex += re.escape(quoted or "'")
            continue
        expression, part = _letters(letters)
        regex += f"({expression})"
        parts.append(part)
    if pattern.replace("''", "").count("'") % 2:
        raise ValueError("a quote is not closed")
    return _Pattern(regex, tuple(parts))


def _letters(letters: str) -> tuple[str, str]:
    """Regular expression and meaning of a run of one letter.

    Raises:
        ValueError: no letter of the JDK that has one strict reading.
    """
    letter, count = letters[0], len(letters)
    if letter in "yu" and count in {2, 4}:
        return ("[0-9]{4}", "year") if count == 4 else ("[0-9]{2}", "year")
    if letter == "M" and count in {3, 4}:
        return "|".join(month[: 3 if count == 3 else None] for month in _MONTHS), "month"
    if letter == "E" and count <= 4:
        return "|".join(day[: 3 if count < 4 else None] for day in _DAYS), "weekday"
    numbers = {"M": "month", "d": "day", "H": "hour", "h": "hour12", "m": "minute", "s": "second"}
    if letter in numbers and count in _TWO_OR_ONE:
        return _TWO_OR_ONE[count], numbers[letter]
    if letter == "S" and count <= 6:
        return f"[0-9]{{{count}}}", "fraction"
    if letters == "a":
        return "AM|PM", "half"
    offsets = {
        "X": rf"Z|[+-](?:{_HOUR})(?:{_SIXTY})?",
        "XX": rf"Z|[+-](?:{_HOUR}){_SIXTY}",
        "XXX": _OFFSET,
        "x": rf"[+-](?:{_HOUR})(?:{_SIXTY})?",
        "xx": rf"[+-](?:{_HOUR}){_SIXTY}",
        "xxx": rf"[+-](?:{_HOUR}):{_SIXTY}",
        "Z": rf"[+-](?:{_HOUR}){_SIXTY}",
    }
    if letters in offsets:
        return offsets[letters], "offset"
    raise ValueError(f"`{letters}` has no strict reading here")


def _date(parts: dict[str, str]) -> str:
    year, month, day = parts["year"], parts["month"], parts["day"]
    year = f"if(length({year}) = 2, '20' || {year}, {year})"
    months = " ".join(f"when {text(name[:3])} then '{number:02}'" for number, name in enumerate(_MONTHS, start=1))
    month = f"case left({month}, 3) {months} else lpad({month}, 2, '0') end"
    made = f"try_cast({year} || '-' || {month} || '-' || lpad({day}, 2, '0') as date)"
    right = [f"{made} >= date '0001-01-01'"]
    if "weekday" in parts:
        right.append(f"left(dayname({made}), 3) = left({parts['weekday']}, 3)")
    return f"case when {' and '.join(right)} then {made} end"


def _time(parts: dict[str, str]) -> str:
    """ISO text, null for an hour, minute or second that no clock shows."""
    minute = f"coalesce(nullif({parts['minute']}, ''), '0')" if "minute" in parts else "'0'"
    second = f"coalesce(nullif({parts['second']}, ''), '0')" if "second" in parts else "'0'"
    if "hour12" in parts:
        twelve = f"{parts['hour12']}::integer"
        hour = f"({twelve} % 12 + if({parts['half']} = 'PM', 12, 0))"
        right = f"{twelve} between 1 and 12"
    else:
        hour, right = f"{parts['hour']}::integer", f"{parts['hour']}::integer <= 23"
    fits = f"{right} and {minute}::integer <= 59 and {second}::integer <= 59"
    padded = " || ':' || ".join(f"lpad(({part})::integer::varchar, 2, '0')" for part in (hour, minute, second))
    if "fraction" in parts:
        digits = f"rtrim({parts['fraction']}, '0')"
        padded += f" || if({digits} = '', '', '.' || {digits})"
    return f"if({fits}, {padded}, null)"


def _timestamp(parts: dict[str, str], *, zone: str | None) -> str:
    naive = f"try_cast(({_date(parts)})::varchar || ' ' || ({_time(parts)}) as timestamp)"
    local = _in_zone(naive, zone) if zone and zone != "UTC" else f"timezone('UTC', {naive})"
    if "offset" not in parts:
        return _representable(local)
    offset = parts["offset"]
    digits = f"replace(substring({offset}, 2), ':', '')"
    minutes = (
        f"(left({digits}, 2)::integer * 60 + coalesce(nullif(substring({digits}, 3, 2), ''), '0')::integer) "
        f"* if({offset}[1] = '-', -1, 1)"
    )
    shifted = f"timezone('UTC', {naive} - to_minutes({minutes}))"
    utc = f"timezone('UTC', {naive})"
    return _representable(f"case when {offset} = '' then {local} when {offset} = 'Z' then {utc} else {shifted} end")


def _in_zone(naive: str, zone: str) -> str:
    """SQL: the one moment that a clock in the zone shows as `naive`; null where it shows it twice, or never.

    The offsets of a day before and a day after are all that can hold: what both say, or what one of them says.
    """
    named = text(zone)

    def with_offset_of(moment: str) -> str:
        return f"n.v - (timezone({named}, {moment}) - timezone('UTC', {moment}))"

    around = f"timezone({named}, n.v)"
    both = [with_offset_of(f"({around} {sign} to_days(1))") for sign in "-+"]
    tried = f"lambda u: timezone({named}, timezone('UTC', u)) = n.v"
    fitting = f"list_distinct(list_filter([{', '.join(both)}], {tried}))"
    found = f"list_transform([{fitting}], lambda f: if(len(f) = 1, timezone('UTC', f[1]), null))[1]"
    return f"list_transform([struct_pack(v := {naive})], lambda n: if(n.v is null, null, {found}))[1]"


def _representable(made: str) -> str:
    """SQL: null for a moment that its offset carries out of the years 1 to 9999 of UTC, which few tools can read."""
    years = "timestamptz '0001-01-01 00:00:00+00' and timestamptz '9999-12-31 23:59:59.999999+00'"
    return f"list_transform([{made}], lambda m: if(m between {years}, m, null))[1]"


def iso(kind: Kind, value: str) -> str | None:
    """`value`, ISO 8601 text of a bound, as the engine writes such values; None if it is none."""
    try:
        if kind is Kind.DATE:
            return date.fromisoformat(value).isoformat()
        if kind is Kind.TIME:
            found = time.fromisoformat(value)
            return found.isoformat().rstrip("0").rstrip(".") if found.microsecond else found.isoformat()
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(sep=" ")


def is_zone(name: object) -> bool:
    """Whether `name` is a time zone of the IANA database."""
    return isinstance(name, str) and name in available_timezones()
