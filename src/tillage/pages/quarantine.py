"""`/quarantine`: what is stuck, why, how much money, and which command frees it?"""

from __future__ import annotations

from dataclasses import dataclass

from tillage.pages.figures import Document, Figure, counted, listed
from tillage.pages.looking import Asked, Page
from tillage.pages.reasons import reason_rows
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
    amounts: tuple[Figure, ...]

    def money(self) -> str:
        """` with 1.00 EUR`, or nothing."""
        return f" with {listed([figure.text for figure in self.amounts])}" if self.amounts else ""


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
            tuple(totals.money("datasets", name, "waiting_minor", currency=found.currencies[name])),
        )
        for name in totals.at("datasets")
        if totals.at("datasets", name, "waiting_rows")
    ]
    rows = reason_rows(reasons, (), found.currencies, house.now())
    return Page(
        "quarantine.html",
        {
            "answer": _answer(waiting, len(rows)),
            "is_well": not rows,
            "waiting": waiting,
            "rows": rows,
            "discards": any(" discard " in (row.frees or "") for row in rows),
        },
        reasons.at(),
    )


def _answer(waiting: list[Stuck], reasons: int) -> str:
    if not waiting:
        return "Nothing waits."
    stuck = [f"{one.rows.text} {one.dataset}{one.money()}" for one in waiting]
    return f"{listed(stuck)} wait, for {counted(reasons, 'reason')}."
