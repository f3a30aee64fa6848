"""`/`: is everything in, on time, and does it balance?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillage.pages.chart import Chart, days_chart
from tillage.pages.figures import Document, Figure, Moment, counted, listed, moment
from tillage.pages.law import FOR_ALL_TIME, account
from tillage.pages.looking import Asked, Page
from tillage.pipelines.arrival import arrival
from tillage.pipelines.documents import status_document
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
    wrong: str | None


def overview(house: House, _: Asked) -> Page:
    """From the ledger and the doors; nothing of the lake is read."""
    document = Document("status", status_document(status(house), arrival(house)))
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
            "is_well": all(feed.is_well for feed in feeds) and _is_settled(document),
            "feeds": feeds,
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


def _is_settled(document: Document) -> bool:
    return bool(document.at("balances")) and not document.at("open_loads") and not document.at("failed_loads")


def _feed(document: Document, place: int, now: datetime) -> FeedRow:
    found = document.at("feeds", place)
    is_well, state = _state(found)
    return FeedRow(
        name=found["feed"],
        is_well=is_well,
        state=state,
        last_load=found["last_load"],
        last_at=moment(found["last_at"], now),
        new_files=None if found["new_files"] is None else document.count("feeds", place, "new_files"),
        schedule=found["schedule"],
        wrong=found["wrong"],
    )


def _state(feed: Mapping[str, Any]) -> tuple[bool, str]:
    if feed["wrong"]:
        return False, "its door cannot be looked at"
    if feed["stopped_by"] is not None:
        return False, f"stopped by load {feed['stopped_by']}"
    if feed["is_late"]:
        return False, f"late: nothing came since {feed['due_at'][:16].replace('T', ' ')}Z"
    if feed["refused_files"]:
        return False, f"{counted(feed['refused_files'], 'file')} refused"
    if feed["new_files"]:
        return False, f"{counted(feed['new_files'], 'file')} not loaded yet"
    if feed["last_load"] is None:
        return False, "nothing came yet"
    return True, "in, on time" if feed["schedule"] else "in"


def _answer(document: Document, feeds: list[FeedRow]) -> str:
    """The whole page in one sentence."""
    amiss = [f"{feed.name}: {feed.state}" for feed in feeds if not feed.is_well]
    amiss += [f"load {load} is not finished" for load in document.at("open_loads")]
    law = "the law balances" if document.at("balances") else "THE LAW DOES NOT BALANCE"
    if not amiss:
        all_in = f"All {len(feeds)} feeds are in" if len(feeds) > 1 else f"Feed {feeds[0].name} is in"
        on_time = " and on time" if any(feed.schedule for feed in feeds) else ""
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
