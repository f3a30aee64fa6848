"""The format in which all texts of a column are dates, times or timestamps, and which other one would do as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product

_DATES = {
    "yyyy-MM-dd": ("%Y-%m-%d", r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "dd.MM.yyyy": ("%d.%m.%Y", r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}"),
    "d.M.yyyy": ("%d.%m.%Y", r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}"),
    "dd.MM.yy": ("%d.%m.%y", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}"),
    "dd/MM/yyyy": ("%d/%m/%Y", r"[0-9]{2}/[0-9]{2}/[0-9]{4}"),
    "MM/dd/yyyy": ("%m/%d/%Y", r"[0-9]{2}/[0-9]{2}/[0-9]{4}"),
    "d/M/yyyy": ("%d/%m/%Y", r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"),
    "M/d/yyyy": ("%m/%d/%Y", r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"),
    "dd/MM/yy": ("%d/%m/%y", r"[0-9]{2}/[0-9]{2}/[0-9]{2}"),
    "MM/dd/yy": ("%m/%d/%y", r"[0-9]{2}/[0-9]{2}/[0-9]{2}"),
    "d/M/yy": ("%d/%m/%y", r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}"),
    "M/d/yy": ("%m/%d/%y", r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}"),
    "dd-MM-yyyy": ("%d-%m-%Y", r"[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    "MM-dd-yyyy": ("%m-%d-%Y", r"[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    "yyyy/MM/dd": ("%Y/%m/%d", r"[0-9]{4}/[0-9]{2}/[0-9]{2}"),
    "yyyyMMdd": ("%Y%m%d", r"(19|20)[0-9]{6}"),
    "d MMM yyyy": ("%d %b %Y", r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}"),
    "d-MMM-yyyy": ("%d-%b-%Y", r"[0-9]{1,2}-[A-Z][a-z]{2}-[0-9]{4}"),
    "d-MMM-yy": ("%d-%b-%y", r"[0-9]{1,2}-[A-Z][a-z]{2}-[0-9]{2}"),
    "MMM d, yyyy": ("%b %d, %Y", r"[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4}"),
}
_HOUR, _SIXTY = r"([01][0-9]|2[0-3])", r"[0-5][0-9]"
_TIMES = {
    "HH:mm:ss": ("%H:%M:%S", f"{_HOUR}:{_SIXTY}:{_SIXTY}"),
    "HH:mm": ("%H:%M", f"{_HOUR}:{_SIXTY}"),
    "H:mm:ss": ("%H:%M:%S", f"(?:{_HOUR}|[0-9]):{_SIXTY}:{_SIXTY}"),
    "H:mm": ("%H:%M", f"(?:{_HOUR}|[0-9]):{_SIXTY}"),
    "h:mm:ss a": ("%I:%M:%S %p", f"(0?[1-9]|1[0-2]):{_SIXTY}:{_SIXTY} [AP]M"),
    "h:mm a": ("%I:%M %p", f"(0?[1-9]|1[0-2]):{_SIXTY} [AP]M"),
}
_ISO_TIME = re.compile(rf"{_HOUR}:{_SIXTY}(:{_SIXTY}(\.[0-9]{{1,6}})?)?")
# Years that stay in four digits in any zone.
_ISO_TIMESTAMP = re.compile(
    rf"[1-8][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_HOUR}:{_SIXTY}(:{_SIXTY}(\.[0-9]{{1,6}})?)?(Z|[+-]{_HOUR}:{_SIXTY})?"
)


@dataclass(frozen=True)
class Moment:
    """`date_format` None: ISO 8601."""

    logical_type: str
    date_format: str | None = None
    doubts: tuple[str, ...] = ()


def moment(values: Sequence[str]) -> Moment | None:
    """What all of the values, trimmed and at least one, are; None where they are no dates or times."""
    if _all_iso(values):
        return Moment("timestamp")
    if all(map(_ISO_TIME.fullmatch, values)):
        return Moment("time")
    for logical_type, formats in (("date", _DATES), ("timestamp", _both())):
        fitting = [pattern for pattern, (shape, regex) in formats.items() if _fits(values, shape, regex)]
        if fitting:
            chosen = None if fitting[0] == "yyyy-MM-dd" else fitting[0]
            return Moment(logical_type, chosen, _doubts(fitting))
    return None


def _both() -> dict[str, tuple[str, str]]:
    """Without an offset, and with one as shop systems write it."""
    plain = {
        f"{day} {time}": (f"{_DATES[day][0]} {_TIMES[time][0]}", f"{_DATES[day][1]} {_TIMES[time][1]}")
        for day, time in product(_DATES, _TIMES)
    }
    offset = f"[+-]{_HOUR}{_SIXTY}"
    return plain | {f"{form} Z": (f"{shape} %z", f"{regex} {offset}") for form, (shape, regex) in plain.items()}


def _all_iso(values: Sequence[str]) -> bool:
    return all(map(_ISO_TIMESTAMP.fullmatch, values)) and all(map(partial(_parses, shape="%Y-%m-%d"), _days(values)))


def _days(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(value[:10] for value in values))


def _fits(values: Sequence[str], shape: str, regex: str) -> bool:
    return all(re.fullmatch(regex, value) for value in values) and all(_parses(value, shape) for value in values)


def _parses(value: str, shape: str) -> bool:
    try:
        return datetime.strptime(value, shape).year > 0  # noqa: DTZ007  (only whether it is one)
    except ValueError:
        return False


def _doubts(fitting: Sequence[str]) -> tuple[str, ...]:
    others = [pattern for pattern in fitting[1:] if _order(pattern) != _order(fitting[0])]
    doubts = [f"the format could be {others[0]} as well"] if others else []
    if "yyyyMMdd" in fitting[0]:
        doubts.append("it could be a whole number as well")
    if "y" in fitting[0] and "yyyy" not in fitting[0]:
        doubts.append("yy is 2000 to 2099")
    return tuple(doubts)


def _order(pattern: str) -> str:
    return "".join(dict.fromkeys(re.sub(r"[^dMy]", "", pattern)))
