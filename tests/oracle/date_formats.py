"""Dates, times and timestamps from text, in ISO 8601 or in a format of the JDK's letters, resolved strictly.

Readings chosen where the specification says nothing: names of months and days and AM, PM are English and spelled as
the JDK spells them, case for case; the year 0 is no year; a fraction of a second in ISO text has one to six digits; an
offset goes up to 18:00; a local time that a change of the clock skips or repeats is refused; a field that the format
leaves out is 0.

Source: docs/reference/contracts.md; java.time.format.DateTimeFormatter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
ISO_DATE = "(?P<yyyy>[0-9]{4})-(?P<MM>[0-9]{2})-(?P<dd>[0-9]{2})"
ISO_TIME = r"(?P<HH>[0-9]{2}):(?P<mm>[0-9]{2})(?::(?P<ss>[0-9]{2})(?:\.(?P<S>[0-9]{1,6}))?)?"
ISO_TIMESTAMP = f"{ISO_DATE}[T ]{ISO_TIME}(?P<offset>Z|[+-][0-9]{{2}}:[0-9]{{2}})?"
ISO = {"date": ISO_DATE, "time": ISO_TIME, "timestamp": ISO_TIMESTAMP}
TOKEN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|.", re.DOTALL)
SIGNED = {1: "[+-][0-9]{2}", 2: "[+-][0-9]{4}", 3: "[+-][0-9]{2}:[0-9]{2}"}
FIXED = {"yyyy": 4, "uuuu": 4, "yy": 2, "uu": 2}


class WrongError(Exception):
    """The text does not follow its format, or names no day or time that there is."""


@dataclass(frozen=True)
class Fields:
    """What a text says, before it is held against calendar and clock."""

    found: dict[str, str]

    def number(self, *names: str) -> int | None:
        for name in names:
            if self.found.get(name) is not None:
                return int(self.found[name])
        return None


def parse(kind: str, text: str, date_format: str | None, zone: str | None) -> date | time | datetime:
    """The day, the time of day, or the point in time as UTC that `text`, which is trimmed, names.

    Raises:
        WrongError: it names none.
    """
    matched = re.fullmatch(_pattern(date_format) if date_format else ISO[kind], text)
    if matched is None:
        raise WrongError
    fields = Fields(matched.groupdict())
    try:
        if kind == "time":
            return _time(fields)
        day = _day(fields)
        if kind == "date":
            _time(fields)
            return day
        return _point(datetime.combine(day, _time(fields)), fields.found.get("offset"), zone)
    except (ValueError, OverflowError):
        raise WrongError from None


def _pattern(date_format: str) -> str:
    return "".join(_part(token[0]) for token in TOKEN.finditer(date_format))


def _part(token: str) -> str:
    letter, count = token[0], len(token)
    if letter == "'":
        return re.escape(token[1:-1].replace("''", "'") or "'")
    if not letter.isalpha():
        return re.escape(token)
    if letter == "S":
        return f"(?P<S>[0-9]{{{count}}})"
    if letter in "XxZ":
        width = 2 if letter == "Z" else count
        return f"(?P<offset>{SIGNED[width]}{'|Z' if letter == 'X' else ''})"
    if letter in "aE":
        return f"(?P<{letter}>{'|'.join(DAYS if letter == 'E' else ('AM', 'PM'))})"
    if letter == "M" and count > 2:
        return f"(?P<{token}>{'|'.join(MONTHS if count == 4 else [month[:3] for month in MONTHS])})"
    if token in FIXED:
        return f"(?P<{token}>[0-9]{{{FIXED[token]}}})"
    return f"(?P<{token}>[0-9]{{2}})" if count == 2 else f"(?P<{token}>[0-9]{{1,2}})"


def _day(fields: Fields) -> date:
    found = fields.found
    year, short = fields.number("yyyy", "uuuu"), fields.number("yy", "uu")
    month = fields.number("MM", "M")
    if found.get("MMMM"):
        month = MONTHS.index(found["MMMM"]) + 1
    if found.get("MMM"):
        month = [name[:3] for name in MONTHS].index(found["MMM"]) + 1
    # A format without a year, a month or a day cannot name one.
    day = date(2000 + (short or 0) if year is None else year, month or 0, fields.number("dd", "d") or 0)
    if found.get("E") and DAYS[day.weekday()] != found["E"]:
        raise WrongError
    return day


def _time(fields: Fields) -> time:
    hour = fields.number("HH", "H")
    half_day = fields.number("hh", "h")
    if half_day is not None:
        if not 1 <= half_day <= 12:
            raise WrongError
        hour = half_day % 12 + (12 if fields.found.get("a") == "PM" else 0)
    fraction = (fields.found.get("S") or "")[:6].ljust(6, "0")
    return time(hour or 0, fields.number("mm", "m") or 0, fields.number("ss", "s") or 0, int(fraction))


def _point(local: datetime, offset: str | None, zone: str | None) -> datetime:
    if offset is None:
        return _in_zone(local, zone or "UTC")
    if offset == "Z":
        return local.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[3:].replace(":", "") or 0)
    ahead = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or ahead > timedelta(hours=18):
        raise WrongError
    return local.replace(tzinfo=timezone(-ahead if offset[0] == "-" else ahead)).astimezone(UTC)


def _in_zone(local: datetime, zone: str) -> datetime:
    early, late = (local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise WrongError
    return early.astimezone(UTC)


def time_text(value: time) -> str:
    """As silver keeps it: seconds always, and a fraction where there is one, without zeros at its end."""
    return value.isoformat("microseconds").rstrip("0") if value.microsecond else value.isoformat("seconds")
