"""`/`: is everything in, on time, and does it balance?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tillage.pages.chart import Chart, days_chart
from tillage.pages.figures import Document, Figure, Moment, counted, listed, moment
from tillage.pages.law import FOR_ALL_TIME, account
from tillage.pages.looking import Asked, Page
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
    state: str
    last_load: int | None
    last_at: Moment | None
    new_files: Figure | None
    schedule: str | None
    frequency: str | None
    wrong: str | None


@dataclass(frozen=True)
class DatasetRow:
    """One dataset whose contract says how old its newest event may be."""

    name: str
    is_well: bool
    state: str
    newest: Moment | None
    day: str | None
    """In place of the moment, where the event has only a date."""
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
            "charts": list(_charts(document)),
            "zone": house.project.zone,
            "sealed": document.count("sealed_loads"),
            "open_loads": document.at("open_loads"),
            "failed_loads": document.at("failed_loads"),
            "waits": any(document.at("quarantine")),
        },
        document.at(),
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
        wrong=found["wrong"],
    )


def _dataset(document: Document, place: int, now: datetime) -> DatasetRow:
    found = document.at("freshness", place)
    amiss = _amiss(document, "dataset", found["dataset"])
    is_moment = "T" in (found["newest"] or "")
    return DatasetRow(
        name=found["dataset"],
        is_well=not amiss,
        state=amiss or "fresh",
        newest=moment(found["newest"], now) if is_moment else None,
        day=None if is_moment else found["newest"],
        latency=found["latency"],
    )


def _amiss(document: Document, about: str, name: str) -> str:
    """The first that was found about it; empty: it is well."""
    found = (one["text"] for one in document.at("findings") if (one["about"], one["name"]) == (about, name))
    return next(found, "")


def _answer(document: Document, feeds: list[FeedRow]) -> str:
    """The whole page in one sentence."""
    amiss = [f"{feed.name}: {feed.state}" for feed in feeds if not feed.is_well]
    others = [one for one in document.at("findings") if one["about"] in {"dataset", "load"}]
    amiss += [f"{one['about']} {one['name']}: {one['text']}" for one in others]
    law = "the law balances" if document.at("balances") else "THE LAW DOES NOT BALANCE"
    if not amiss:
        all_in = f"All {len(feeds)} feeds are in" if len(feeds) > 1 else f"Feed {feeds[0].name} is in"
        on_time = " and on time" if any(feed.schedule or feed.frequency for feed in feeds) else ""
        return f"{all_in}{on_time}, and {law}."
    well = sum(feed.is_well for feed in feeds)
    in_ = f"{well} of {counted(len(feeds), 'feed')} {'is' if well == 1 else 'are'} in"
    return f"{in_}: {listed(amiss)}. As far as it went, {law}."


def _charts(document: Document) -> Iterator[Chart]:
    """For each dataset its rows by day, and where it has money in one currency that too."""
    for name, found in document.at("datasets").items():
        places = [place for place, day in enumerate(document.at("days")) if day["dataset"] == name]
        if places:
            yield days_chart(document, places, name, "rows", None)
        if places and found["currency"]:
            yield days_chart(document, places, name, "minor", found["currency"])
