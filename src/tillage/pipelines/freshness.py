"""Whether datasets are as fresh as their contracts promise: how old the newest event is that readers see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tillage.contracts.promises import Latency
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment


@dataclass(frozen=True)
class DatasetFreshness:
    """One dataset whose contract says how old its newest event may be."""

    dataset: str
    column: str
    """The one that says when a unit happened; in an object as `object.column`."""
    latency: str
    """As the contract says it: `4 h`."""
    newest: datetime | date | None
    """When the newest event was; None: there is none yet. What lies in the future does not count, since one wrong date
    there would hide for years that nothing comes.
    """
    due_at: datetime | None
    """A newer one must be there by then."""
    is_late: bool


def freshness(house: House) -> tuple[DatasetFreshness, ...]:
    """Each dataset with such a promise, in the order of the project; of no other anything is read."""
    promised = {one.dataset: one for feed in house.feeds.values() for one in feed.check.contract.latencies}
    if not promised:
        return ()
    wanted = [promised[name] for name in house.datasets() if name in promised]
    return at_one_moment(house, lambda published: tuple(_freshness(house, one, published) for one in wanted))


def _freshness(house: House, promised: Latency, published: Mapping[str, int]) -> DatasetFreshness:
    feed, dataset = house.dataset(promised.dataset)
    now, zone = house.now(), ZoneInfo(house.project.zone)
    silver = house.silver(feed, dataset, published)
    newest = house.engine.newest(dataset, silver, now, now.astimezone(zone).date())
    due_at = None if newest is None else _last_moment(newest, zone) + promised.most.length
    return DatasetFreshness(
        dataset=dataset.name,
        column=".".join(column.name for column in dataset.event_time()),
        latency=str(promised.most),
        newest=newest,
        due_at=due_at,
        is_late=due_at is not None and now > due_at,
    )


def _last_moment(event: datetime | date, zone: ZoneInfo) -> datetime:
    """When it was at the latest: of a date the end of that day, in the zone in which the project's days begin."""
    if isinstance(event, datetime):
        return event.astimezone(UTC)
    return datetime.combine(event + timedelta(days=1), time(), zone).astimezone(UTC)
