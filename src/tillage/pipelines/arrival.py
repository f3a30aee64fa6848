"""Whether everything is in: when each feed came last, whether it or a dataset is late, what lies at its door, and what
each day brought.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tillage.contracts.project import Feed
from tillage.domain.conservation import Counts, total
from tillage.domain.load import LoadKind, LoadState
from tillage.errors import OperatorError
from tillage.pipelines.freshness import DatasetFreshness, freshness
from tillage.pipelines.house import FeedContract, House
from tillage.ports.store import LoadSummary

# A run takes some time, and so does the copying of files that begins when the hour strikes.
GRACE = timedelta(minutes=15)
MOST_DAYS = 31
_VISIBLE = {LoadState.OPEN, LoadState.SEALED}


@dataclass(frozen=True)
class FeedArrival:
    """What came of one feed, and what should have."""

    feed: str
    schedule: str | None
    """As the project file says it; None: whenever files arrive."""
    frequency: str | None
    """How often files come at least, as the contract says it. Without it and a schedule the feed is never late."""
    last_load: int | None
    """The last load that took files, and stands."""
    last_at: datetime | None
    """When that was planned."""
    due_at: datetime | None
    """The last tick of its schedule."""
    next_due_at: datetime | None
    """When the next files must be there by its frequency; None without one, and before the first came."""
    is_late: bool
    """Nothing came since that tick, and it is a quarter of an hour ago or more; or that moment is over."""
    late_since: datetime | None
    """The tick or the moment that passed first; None: it is not late."""
    new_files: int | None
    """Files at the door that no load covers; None where only reading them could tell, or the door is shut."""
    refused_files: int
    """Of them, those that cannot be read whole, or are something else than the project file says."""
    stopped_by: int | None
    """The failed load that a person must decide about first."""
    wrong: str | None
    """Why the door cannot be looked at."""


@dataclass(frozen=True)
class Day:
    """What the loads of one day brought of one dataset, by the time at which they were planned."""

    day: date
    dataset: str
    counts: Counts


@dataclass(frozen=True)
class Arrival:
    """Of all feeds, and of the last days on which any file was taken."""

    feeds: tuple[FeedArrival, ...]
    datasets: tuple[DatasetFreshness, ...]
    """Those of which a contract says how old the newest event may be."""
    days: tuple[Day, ...]


def arrival(house: House) -> Arrival:
    """From the ledger, from names and times in the landing folders, and from silver where events may only be so old."""
    loads = [one for one in house.ledger.summaries() if one.kind is LoadKind.READ]
    now = house.now()
    return Arrival(
        tuple(_feed(house, one, [load for load in loads if load.feed == one.feed.name], now)
              for one in house.feeds.values()),
        freshness(house),
        tuple(_days(house, loads)),
    )  # fmt: skip


def _feed(house: House, contract: FeedContract, loads: Sequence[LoadSummary], now: datetime) -> FeedArrival:
    feed, frequency = contract.feed, contract.check.contract.frequency
    standing = [one for one in loads if one.state in _VISIBLE]
    last = standing[-1] if standing else None
    due_at = feed.schedule.before(now) if feed.schedule else None
    next_due_at = last.planned_at + frequency.length if last and frequency else None
    is_in = due_at is None or (last is not None and last.planned_at >= due_at)
    missed = [due_at] if due_at and not is_in and now - due_at >= GRACE else []
    missed += [next_due_at] if next_due_at and now > next_due_at else []
    new, refused, wrong = _at_the_door(house, feed)
    return FeedArrival(
        feed=feed.name,
        schedule=feed.schedule.text if feed.schedule else None,
        frequency=str(frequency) if frequency else None,
        last_load=last.load_seq if last else None,
        last_at=last.planned_at if last else None,
        due_at=due_at,
        next_due_at=next_due_at,
        is_late=bool(missed),
        late_since=min(missed, default=None),
        new_files=new,
        refused_files=refused,
        stopped_by=next((one.load_seq for one in loads if one.state is LoadState.FAILED), None),
        wrong=wrong,
    )


def _at_the_door(house: House, feed: Feed) -> tuple[int | None, int, str | None]:
    """How many files no load covers, how many of them are refused, and why nobody can look."""
    known = house.ledger.known(feed.name)
    try:
        unknown = house.door.unknown(feed, known)
    except OperatorError as wrong:
        return None, 0, str(wrong)
    # A refused member of a zip file stands under its own name.
    refused = sum(any(path == name or path.startswith(f"{name}/") for path in known.rejected) for name in unknown)
    return len(unknown) if feed.is_same_content_loaded else None, refused, None


def _days(house: House, loads: Iterable[LoadSummary]) -> list[Day]:
    zone = ZoneInfo(house.project.zone)
    days = {one.load_seq: one.planned_at.astimezone(zone).date() for one in loads if one.state in _VISIBLE}
    found: dict[date, dict[str, list[Counts]]] = {}
    for load, datasets in house.ledger.counts_by_load().items():
        for name, counts in datasets.items():
            if load in days:
                found.setdefault(days[load], {}).setdefault(name, []).append(counts)
    names = house.datasets()
    return [
        Day(day, name, total(found[day][name]))
        for day in sorted(found)[-MOST_DAYS:]
        for name in names
        if name in found[day]
    ]
