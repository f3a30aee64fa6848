"""Why units were not accepted, by reason: as a table, and as bars of rows and of money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tillage.domain.verdict import Code
from tillage.pages.figures import Document, Figure, Moment, moment

MEANINGS = {
    Code.UNREADABLE: "no record of the format at all",
    Code.TOO_LARGE: "longer than a record may be",
    Code.TOO_DEEP: "nested deeper than a record may be",
    Code.MISSING: "a value that must be there is missing",
    Code.TYPE: "a value is of another type",
    Code.RANGE: "a value lies outside its bounds",
    Code.LENGTH: "a value is too short or too long",
    Code.PATTERN: "a value does not have its pattern",
    Code.ENUM: "a value is none of those that are listed, or has no VAT rate",
    Code.MONEY_SCALE: "an amount has more decimals than its currency",
    Code.MONEY_OVERFLOW: "an amount is too large to count",
    Code.UNKNOWN_FIELD: "a field that the contract does not know",
    Code.REFERENCE_MISSING: "it refers to something that has not arrived",
    Code.KEY_CONFLICT: "its key stands already with other content",
}
_WIDTH = 100.0


@dataclass(frozen=True)
class Row:
    """Units of one dataset under one code."""

    dataset: str
    code: str
    means: str
    rows: Figure
    amounts: Mapping[str, Figure]
    """By currency."""
    not_countable: Figure | None
    oldest: Moment | None
    frees: str | None


@dataclass(frozen=True)
class ReasonBar:
    """One reason in one unit."""

    dataset: str
    code: str
    figure: Figure
    width: float
    """Of 100: its share of the longest."""


@dataclass(frozen=True)
class ReasonChart:
    """The reasons in rows, or in one currency."""

    unit: str
    bars: tuple[ReasonBar, ...]


def reason_rows(
    document: Document, place: tuple[str | int, ...], currencies: Mapping[str, str | None], now: datetime
) -> list[Row]:
    """In the document's order."""
    found = document.at(*place)
    return [
        Row(
            dataset=one["dataset"],
            code=one["code"],
            means=means(one["code"]),
            rows=document.count(*place, index, "rows"),
            amounts=(amounts := document.money(*place, index, "minor", currency=currencies.get(one["dataset"]))),
            not_countable=document.count(*place, index, "not_countable_rows")
            if amounts and one["not_countable_rows"]
            else None,
            oldest=moment(one.get("oldest"), now),
            frees=one.get("frees"),
        )
        for index, one in enumerate(found)
    ]


def reason_charts(rows: Sequence[Row]) -> list[ReasonChart]:
    """One in rows, and one in each currency that occurs; none without rows.

    Nobody knows how much money lies in a reason none of whose amounts can be counted, so it has no bar of it.
    """
    counted = [row for row in rows if row.not_countable is None or row.not_countable.value != row.rows.value]
    currencies = sorted({code for row in counted for code in row.amounts})
    by_unit = {"rows": [(row, row.rows) for row in rows]} | {
        code: [(row, row.amounts[code]) for row in counted if code in row.amounts] for code in currencies
    }
    return [ReasonChart(unit, tuple(_bars(figures))) for unit, figures in by_unit.items() if figures]


def _bars(figures: Sequence[tuple[Row, Figure]]) -> Iterator[ReasonBar]:
    """Amounts below nothing have no bar."""
    lengths = [max(0, int(figure.value)) for _, figure in figures]
    for (row, figure), length in zip(figures, lengths, strict=True):
        yield ReasonBar(row.dataset, row.code, figure, round(_WIDTH * length / (max(lengths) or 1), 2))


def means(code: str) -> str:
    """A code in words."""
    if code.startswith("rule:"):
        return f"the rule {code.removeprefix('rule:')} does not hold"
    return MEANINGS.get(Code(code), "") if code in set(Code) else ""
