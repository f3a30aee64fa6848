"""Columns by day: geometry of the picture, and beside it the figures that it is made of, as a table has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillage.pages.figures import Document, Figure
from tillage.pipelines.for_people import by_currency

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
    """One dataset, in rows or in one currency."""

    dataset: str
    unit: str
    bars: tuple[Bar, ...]
    width: float
    most: Figure | None
    """What the highest column stands for; None where an amount below nothing is part of it, and has no column."""
    rows: tuple[DayRow, ...]
    parts: tuple[str, ...]
    """Those of which there is anything."""


def days_charts(document: Document, dataset: str, currency: str | None) -> list[Chart]:
    """The dataset's days in rows, and in each currency that occurs; none before anything came of it."""
    places = [place for place, day in enumerate(document.at("days")) if day["dataset"] == dataset]
    amounts = [document.at("days", place, f"{part}_minor") for place in places for part in ("read", *PARTS)]
    units = (None, *by_currency(amounts, currency)) if places else ()
    return [days_chart(document, places, dataset, unit) for unit in units]


def days_chart(document: Document, places: Sequence[int], dataset: str, currency: str | None) -> Chart:
    """The days at these places of the document, oldest first, in rows or in a currency."""
    values = [{part: _height(document, place, part, currency) for part in PARTS} for place in places]
    parts = tuple(part for part in PARTS if any(value[part] for value in values)) or PARTS[:1]
    sums = [sum(value.values()) for value in values]
    most = max(sums)
    bars = [bar for column, value in enumerate(values) for bar in _column(column, value, parts, most or 1)]
    rows = tuple(
        DayRow(
            document.at("days", place, "day"),
            tuple(_figure(document, place, part, currency) for part in ("read", *parts)),
        )
        for place in places
    )
    highest = _figure(document, places[sums.index(most)], "read", currency)
    return Chart(
        dataset,
        currency or "rows",
        tuple(bars),
        max(len(places), _FEWEST) * _WIDTH,
        highest if highest and highest.value == str(most) else None,
        rows,
        parts,
    )


def _column(column: int, value: dict[str, int], parts: Sequence[str], most: int) -> list[Bar]:
    bars, top = [], HEIGHT
    for part in parts:
        height = HEIGHT * value[part] / most
        top -= height
        if height:
            bars.append(Bar(part, column * _WIDTH + _GAP / 2, round(top, 2), _WIDTH - _GAP, round(height, 2)))
    return bars


def _height(document: Document, place: int, part: str, currency: str | None) -> int:
    figure = _figure(document, place, part, currency)
    return max(0, int(figure.value)) if figure else 0


def _figure(document: Document, place: int, part: str, currency: str | None) -> Figure | None:
    if currency is None:
        return document.count("days", place, f"{part}_rows")
    return document.amount("days", place, f"{part}_minor", currency=currency)
