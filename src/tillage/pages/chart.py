"""Columns by day: geometry of the picture, and beside it the figures that it is made of, as a table has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillage.pages.figures import Document, Figure
from tillage.pipelines.for_people import amount

PARTS = ("accepted", "quarantined", "duplicate", "suppressed")
HEIGHT = 100.0
_WIDTH = 10.0
_GAP = 2.0
_FEWEST = 14  # days: of one day alone the column would fill the picture


@dataclass(frozen=True)
class Bar:
    """One part of a column; the picture is `HEIGHT` high, and stretched to its place."""

    part: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DayRow:
    """One day as a line of the table."""

    day: str
    figures: tuple[Figure | None, ...]


@dataclass(frozen=True)
class Chart:
    """One dataset, in rows or in money."""

    dataset: str
    unit: str
    bars: tuple[Bar, ...]
    width: float
    most: str
    """What the highest column stands for."""
    rows: tuple[DayRow, ...]
    parts: tuple[str, ...]
    """Those of which there is anything."""


def days_chart(document: Document, places: Sequence[int], dataset: str, unit: str, currency: str | None) -> Chart:
    """The days at these places of the document, oldest first; amounts below nothing have no column."""
    values = [{part: max(0, document.at("days", place, f"{part}_{unit}") or 0) for part in PARTS} for place in places]
    parts = tuple(part for part in PARTS if any(value[part] for value in values)) or PARTS[:1]
    most = max(sum(value.values()) for value in values) or 1
    bars = [bar for column, value in enumerate(values) for bar in _column(column, value, parts, most)]
    rows = tuple(
        DayRow(
            document.at("days", place, "day"),
            tuple(_figure(document, place, part, unit, currency) for part in ("read", *parts)),
        )
        for place in places
    )
    shown = f"{most:,}" if currency is None else amount(most, currency)
    return Chart(dataset, currency or "rows", tuple(bars), max(len(places), _FEWEST) * _WIDTH, shown, rows, parts)


def _column(column: int, value: dict[str, int], parts: Sequence[str], most: int) -> list[Bar]:
    bars, top = [], HEIGHT
    for part in parts:
        height = HEIGHT * value[part] / most
        top -= height
        if height:
            bars.append(Bar(part, column * _WIDTH + _GAP / 2, round(top, 2), _WIDTH - _GAP, round(height, 2)))
    return bars


def _figure(document: Document, place: int, part: str, unit: str, currency: str | None) -> Figure | None:
    path = ("days", place, f"{part}_{unit}")
    return document.count(*path) if currency is None else document.amount(*path, currency=currency)
