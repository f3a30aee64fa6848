"""`/quarantine`: what is stuck, why, how much money, and which command frees it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tillage.pages.figures import Document, Figure
from tillage.pages.looking import Asked, Page
from tillage.pages.reasons import reason_charts, reason_rows
from tillage.pages.words import Words, listed, words
from tillage.pipelines.arrival import Arrival
from tillage.pipelines.documents import reasons_document, status_document
from tillage.pipelines.house import House
from tillage.pipelines.quarantine import way_out
from tillage.pipelines.status import status


@dataclass(frozen=True)
class Stuck:
    """What waits of one dataset; here a unit counts once, however many reasons it has."""

    dataset: str
    rows: Figure
    amounts: Mapping[str, Figure]
    """By currency."""

    def said(self) -> Words:
        """`2 orders with 1.00 EUR`."""
        money = words(" with ", listed([*self.amounts.values()])) if self.amounts else ()
        return words(self.rows, f" {self.dataset}", money)


def quarantine(house: House, _: Asked) -> Page:
    """Codes, counts and money; no value of a record."""
    found = status(house)
    reasons = Document(
        "quarantine list", reasons_document(found.reasons, [way_out(house, one) for one in found.reasons])
    )
    totals = Document("status", status_document(found, Arrival((), (), ())))
    waiting = [
        Stuck(
            name,
            totals.count("datasets", name, "waiting_rows"),
            totals.money("datasets", name, "waiting_minor", currency=found.currencies[name]),
        )
        for name in totals.at("datasets")
        if totals.at("datasets", name, "waiting_rows")
    ]
    rows = reason_rows(reasons, (), found.currencies, house.now())
    return Page(
        "quarantine.html",
        {
            "answer": words(listed([one.said() for one in waiting]), " wait.") if waiting else "Nothing waits.",
            "is_well": not rows,
            "waiting": waiting,
            "rows": rows,
            "charts": reason_charts(rows),
            "discards": any(" discard " in (row.frees or "") for row in rows),
        },
        reasons.at(),
    )
