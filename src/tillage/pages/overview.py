"""`/`: is everything in, on time, and does it balance?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillage.pages.chart import days_charts
from tillage.pages.figures import Document, Figure, Moment, event, moment
from tillage.pages.law import FOR_ALL_TIME, account
from tillage.pages.looking import Asked, Page
from tillage.pages.words import Words, listed, words
from tillage.pipelines.arrival import arrival
from tillage.pipelines.documents import status_document
from tillage.pipelines.findings import findings
from tillage.pipelines.house import House
from tillage.pipelines.status import status


@dataclass(frozen=True)
class FeedRow:
    """One feed, with what is amiss in words."""

    name: str
    is_well: bool
    state: str | Figure
    last_load: int | None
    last_at: Moment | None
    new_files: Figure | None
    schedule: str | None
    frequency: str | None
    wrong: Figure | None


@dataclass(frozen=True)
class DatasetRow:
    """One dataset whose contract says how old its newest event may be."""

    name: str
    is_well: bool
    state: str | Figure
    newest: Moment | str | None
    """A day, where the event has only a date."""
    latency: str


def overview(house: House, _: Asked) -> Page:
    """From the ledger and the doors, and from silver where a contract says how old the newest event may be."""
    found, arrived = status(house), arrival(house)
    document = Document("status", status_document(found, arrived, findings(house, found, arrived)))
    now = house.now()
    feeds = [_feed(document, place, now) for place in range(len(document.at("feeds")))]
    accounts = [
        account(document, ("datasets", name), name, found["currency"], FOR_ALL_TIME)
        for name, found in document.at("datasets").items()
    ]
    return Page(
        "overview.html",
        {
            "answer": _answer(document, feeds),
            "is_well": not document.at("findings"),
            "feeds": feeds,
            "datasets": [_dataset(document, place, now) for place in range(len(document.at("freshness")))],
            "accounts": accounts,
            "balances": document.at("balances"),
            "charts": [
                chart
                for name, found in document.at("datasets").items()
                for chart in days_charts(document, name, found["currency"])
            ],
            "zone": house.project.zone,
            "sealed": document.count("sealed_loads"),
            "open_loads": document.at("open_loads"),
            "failed_loads": document.at("failed_loads"),
            "waits": any(document.at("quarantine")),
        },
        house.project.environment_member | document.at(),
    )


def _feed(document: Document, place: int, now: datetime) -> FeedRow:
    found = document.at("feeds", place)
    amiss = _amiss(document, "feed", found["feed"])
    return FeedRow(
        name=found["feed"],
        is_well=not amiss,
        state=amiss or ("in, on time" if found["schedule"] or found["frequency"] else "in"),
        last_load=found["last_load"],
        last_at=moment(found["last_at"], now),
        new_files=None if found["new_files"] is None else document.count("feeds", place, "new_files"),
        schedule=found["schedule"],
        frequency=found["frequency"],
        wrong=document.text("feeds", place, "wrong") if found["wrong"] else None,
    )


def _dataset(document: Document, place: int, now: datetime) -> DatasetRow:
    found = document.at("freshness", place)
    amiss = _amiss(document, "dataset", found["dataset"])
    return DatasetRow(
        name=found["dataset"],
        is_well=not amiss,
        state=amiss or "fresh",
        newest=event(found["newest"], now),
        latency=found["latency"],
    )


def _amiss(document: Document, about: str, name: str) -> Figure | None:
    """The first that was found about it; None: it is well."""
    every = enumerate(document.at("findings"))
    places = (place for place, one in every if (one["about"], one["name"]) == (about, name))
    return next((document.text("findings", place, "text") for place in places), None)


def _answer(document: Document, feeds: list[FeedRow]) -> Words:
    """The whole page in one sentence."""
    amiss = [words(f"{feed.name}: ", feed.state) for feed in feeds if not feed.is_well]
    amiss += [
        words(f"{one['about']} {one['name']}: ", document.text("findings", place, "text"))
        for place, one in enumerate(document.at("findings"))
        if one["about"] in {"dataset", "load"}
    ]
    law = "the law balances" if document.at("balances") else "THE LAW DOES NOT BALANCE"
    all_in = "All feeds are in" if len(feeds) > 1 else f"Feed {feeds[0].name} is in"
    if not amiss:
        on_time = " and on time" if any(feed.schedule or feed.frequency for feed in feeds) else ""
        return words(f"{all_in}{on_time}, and {law}.")
    well = [feed.is_well for feed in feeds]
    in_ = f"{all_in}, but" if all(well) else "Not every feed is in:" if any(well) else "No feed is in:"
    return words(f"{in_} ", listed(amiss), f". As far as it went, {law}.")
