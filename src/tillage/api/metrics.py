"""What `/metrics` says, in Prometheus' text format: how requests are answered, and how the house is.

The processes that answer share a folder of counters, so that whichever is asked speaks for all. Labels are routes as
they are declared and names of feeds and datasets; never an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from tillage.errors import TransientError
from tillage.stores.postgres.coalescing import Coalescing
from tillage.stores.postgres.reads import Reads

# The framework adds the charset of every text.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_1_0_0.removesuffix("; charset=utf-8")
NOT_SERVED = "none"
"""The label of requests for what is not there."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_HOUSE = b"""
select 'published', l.feed, max(extract(epoch from l.sealed_at))::float8
from tillage.loads l
where l.feed <> '' and l.state = 'sealed' and l.kind in ('read', 'replay', 'rebuild', 'release') group by feed
union all
select 'waiting', dataset, count(*) from tillage.quarantine where discarded_by is null group by dataset
union all
select 'unfinished', state, count(*) from tillage.loads where state in ('open', 'failed') group by state
"""
_FAMILIES = {
    "published": ("tillage_feed_sealed_timestamp_seconds", "When the last load of the feed was sealed.", "feed"),
    "waiting": ("tillage_waiting_units", "Units that wait in quarantine.", "dataset"),
    "unfinished": ("tillage_unfinished_loads", "Loads that are open, or failed and wait for a person.", "state"),
}


class Metrics:
    """Counts requests of this process, and shows those of all.

    Args:
        folder: Of the counters that the processes share, as `PROMETHEUS_MULTIPROC_DIR` says it too; None: this process
            is the only one.
    """

    def __init__(self, reads: Reads, folder: str | None) -> None:
        self._registry = CollectorRegistry()
        self._folder = folder
        labels = ["route", "method", "status"]
        self._requests = Counter("tillage_http_requests", "Answered requests.", labels, registry=self._registry)
        self._seconds = Histogram(
            "tillage_http_request_seconds", "Time to an answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self._counters = cache(self._counters_of)  # the library's own search for labels costs more than to count
        self._house = Coalescing(lambda _: _house(reads), at_once=1, most_keys=1, most_waiting=64)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered; `route` is as it is declared."""
        requests, durations = self._counters(route, method, status)
        requests.inc()
        durations.observe(seconds)

    def _counters_of(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(route, method, str(status)), self._seconds.labels(route)

    async def page(self) -> bytes:
        """All of it as text; of the house only that its store does not answer, where that is so."""
        try:
            house = await self._house.get("house")
        except TransientError:
            house = None
        if self._folder is None:
            shown = self._registry
        else:
            shown = CollectorRegistry()
            Path(self._folder).mkdir(exist_ok=True)  # else what a person cleaned away would be an error for ever
            MultiProcessCollector(shown, path=self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(shown) + generate_latest(_registry(house))


async def _house(reads: Reads) -> dict[str, list[tuple[Any, ...]]]:
    return {"house": await reads.fetch(_HOUSE, {})}


def _registry(rows: Sequence[tuple[Any, ...]] | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_House(rows))
    return registry


class _House(Collector):
    def __init__(self, rows: Sequence[tuple[Any, ...]] | None) -> None:
        self._rows = rows

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("tillage_store_up", "Whether the store answers.", value=float(self._rows is not None))
        if self._rows is None:
            return
        for kind, (name, what, label) in _FAMILIES.items():
            yield _family(name, what, label, (row[1:] for row in self._rows if row[0] == kind))


def _family(name: str, what: str, label: str, values: Iterable[tuple[Any, ...]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=[label])
    for value, amount in values:
        family.add_metric([value], amount)
    return family
