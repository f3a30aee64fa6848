"""What keeps a house from being well, each with since when and the next command: of `tillage status --check` and `/`.

Well is a house whose feeds are in and on time, whose datasets are fresh, whose loads are finished and none failed, and
which balances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tillage.pipelines.arrival import Arrival, FeedArrival
from tillage.pipelines.for_people import when
from tillage.pipelines.freshness import DatasetFreshness
from tillage.pipelines.house import House
from tillage.pipelines.status import Status


@dataclass(frozen=True)
class Finding:
    """One thing that is amiss."""

    about: str
    """`feed`, `dataset`, `load` or `law`."""
    name: str
    """Of the feed or dataset; of the load its number; of the law the dataset in which it does not balance."""
    text: str
    since: datetime | None
    """None where nothing says it."""
    next: str
    """A command."""

    def __str__(self) -> str:
        since = f" (since {when(self.since)})" if self.since else ""
        return f"{self.about} {self.name}: {self.text}{since}; next: {self.next}"


def findings(house: House, found: Status, arrived: Arrival) -> tuple[Finding, ...]:
    """Those of feeds first, the one that explains the others of a feed before them; empty for a house that is well."""
    planned = {str(one.load_seq): one.planned_at for one in house.ledger.summaries()}
    every = [
        *(one for feed in arrived.feeds for one in _of_feed(feed, planned)),
        *(one for dataset in arrived.datasets for one in _of_dataset(dataset, house.dataset(dataset.dataset)[0])),
        *_of_loads(found, arrived, planned),
        *_of_law(found),
    ]
    return tuple(every)


def _of_feed(feed: FeedArrival, planned: Mapping[str, datetime]) -> Iterator[Finding]:
    def finding(text: str, next_: str, since: datetime | None = None) -> Finding:
        return Finding("feed", feed.feed, text, since, next_)

    run = f"tillage run --feed {feed.feed}"
    if feed.wrong:
        yield finding("its door cannot be looked at", "tillage doctor")
    if feed.stopped_by is not None:
        load = str(feed.stopped_by)
        yield finding(f"stopped by load {load}", f"tillage load show {load}", planned[load])
    if feed.late_since is not None and feed.last_load is not None:
        yield finding(_late(feed), run, feed.late_since)
    if feed.refused_files:
        yield finding(f"{_files(feed.refused_files)} refused", run)
    if (feed.new_files or 0) > feed.refused_files:
        yield finding(f"{_files((feed.new_files or 0) - feed.refused_files)} not loaded yet", run)
    if feed.last_load is None:
        yield finding("nothing came yet", run, feed.late_since)


def _late(feed: FeedArrival) -> str:
    """By its frequency a feed is late after its last files, and by its schedule after a tick."""
    if feed.late_since == feed.next_due_at:
        return f"late: nothing came since {when(feed.last_at)}, and files come each {feed.frequency}"
    return f"late: nothing came since {when(feed.due_at)}"


def _of_dataset(found: DatasetFreshness, feed: str) -> Iterator[Finding]:
    run = f"tillage run --feed {feed}"
    if found.newest is None:
        yield Finding("dataset", found.dataset, "no event yet", None, run)
    elif found.is_late:
        text = f"late: the newest event is of {when(found.newest)}, and may be {found.latency} old"
        yield Finding("dataset", found.dataset, text, found.due_at, run)


def _of_loads(found: Status, arrived: Arrival, planned: Mapping[str, datetime]) -> Iterator[Finding]:
    """Not those that stop a feed, which says so."""
    stopping = {feed.stopped_by for feed in arrived.feeds}
    for load in map(str, found.open_loads):
        yield Finding("load", load, "not finished", planned[load], "tillage run")
    for load in (str(load) for load in found.failed_loads if load not in stopping):
        yield Finding("load", load, "failed", planned[load], f"tillage load show {load}")


def _of_law(found: Status) -> Iterator[Finding]:
    for name, law in found.datasets.items():
        if not law.balances():
            yield Finding("law", name, "does not balance", None, "tillage audit")


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
