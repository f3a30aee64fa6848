"""Figures for people: amounts with their currency, also where a row or a dataset has several, times and ages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from tillage.domain.money import exponent, show
from tillage.models.scope import is_by_column

Minor = int | dict[str, int] | None


def amount(minor: int | Decimal | None, currency: str | None) -> str:
    """An amount with its currency; in minor units where there is no one currency or no such code."""
    if minor is None or currency is None:
        return show(minor, None)
    if is_by_column(currency):
        return f"{minor:,} minor units"
    try:
        exponent(currency)
    except ValueError:
        return f"{minor:,} minor units of {currency}"
    return show(minor, currency)


def by_currency(figures: Sequence[Minor], currency: str | None) -> dict[str, list[int]]:
    """The figures of each currency, sorted by its code; nothing where there is no money."""
    maps = [figure if isinstance(figure, dict) else {} for figure in figures]
    if any(maps):
        codes = sorted({code for figure in maps for code in figure})
        return {code: [figure.get(code, 0) for figure in maps] for code in codes}
    if currency is None or figures[0] is None:
        return {}
    return {currency: [figure if isinstance(figure, int) else 0 for figure in figures]}


def when(moment: datetime | date | None) -> str:
    """To the minute, in UTC; a date as it is; nothing for null."""
    if isinstance(moment, datetime):
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return str(moment or "")


def took(seconds: float | None, *, is_resumed: bool | None) -> str:
    """How long a load took; nothing of one that is not sealed."""
    if seconds is None:
        return ""
    return f"{seconds:,.1f} s{', finished by a later run' if is_resumed else ''}"


def age(seconds: float) -> str:
    """In the largest unit of which there are two: 90 minutes rather than 1 hour."""
    for unit, length_s in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length_s:
            return f"{int(seconds // length_s)} {unit}"
    return f"{max(int(seconds), 0)} seconds"
