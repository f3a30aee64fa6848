"""`tillage status`: what each dataset took, what became of it, and whether it balances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tillage.domain.conservation import Counts, Kept, Law, for_all_time
from tillage.domain.load import Load, LoadKind, LoadState
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.statistics import Events
from tillage.ports.store import Reason

_VISIBLE = {LoadState.OPEN, LoadState.SEALED}


@dataclass(frozen=True)
class Statistics:
    """How much of a dataset came, and when what it tells of happened, over all published loads."""

    files: int = 0
    size_bytes: int = 0
    """Of the files, as they are stored. Other datasets of the feed may be made of the same ones."""
    last_load: int | None = None
    """The last load that looked for its units."""
    last_load_seconds: float | None = None
    """From its plan to its seal."""
    last_load_is_resumed: bool | None = None
    """Whether another process sealed it than planned it: what lay between is in the seconds."""
    first_event_time: datetime | date | None = None
    """Of all units that were ever accepted; None: there are none, or no column is marked as the time of the event."""
    last_event_time: datetime | date | None = None
    uncounted_loads: int = 0
    """Loads that a version without statistics published; their events are not among these."""


@dataclass(frozen=True)
class Status:
    """The law over all published loads, what waits in quarantine, and what is not finished."""

    datasets: dict[str, Law]
    currencies: dict[str, str | None]
    statistics: dict[str, Statistics]
    reasons: tuple[Reason, ...]
    sealed_loads: int
    voided_loads: int
    open_loads: tuple[int, ...]
    failed_loads: tuple[int, ...]
    """Their feeds stop until a person decides."""

    def balances(self) -> bool:
        return all(law.balances() for law in self.datasets.values())


def status(house: House) -> Status:
    """Figures of the ledger; nothing is read from the lake."""
    return at_one_moment(house, lambda _: _status(house))


def _status(house: House) -> Status:
    loads = {load.load_seq: load for load in house.ledger.loads()}
    # Of a failed load the ledger keeps what it would have brought.
    counts = {seq: found for seq, found in house.ledger.counts_by_load().items() if loads[seq].state in _VISIBLE}
    rebuilds = [found for seq, found in counts.items() if loads[seq].kind is LoadKind.REBUILD]
    kept = house.ledger.kept()
    return Status(
        datasets={
            name: for_all_time(_of(name, counts.values()), kept.get(name, Kept()), _of(name, rebuilds))
            for name in house.datasets()
        },
        currencies={name: house.dataset(name)[1].currency for name in house.datasets()},
        statistics=_statistics(house, {seq: (loads[seq], found) for seq, found in counts.items()}),
        reasons=tuple(house.ledger.quarantine_reasons()),
        sealed_loads=sum(load.state is LoadState.SEALED for load in loads.values()),
        voided_loads=sum(load.state is LoadState.VOIDED for load in loads.values()),
        open_loads=tuple(load.load_seq for load in loads.values() if load.state is LoadState.OPEN),
        failed_loads=tuple(load.load_seq for load in loads.values() if load.state is LoadState.FAILED),
    )


def _statistics(house: House, loads: Mapping[int, tuple[Load, Mapping[str, Counts]]]) -> dict[str, Statistics]:
    """By dataset; `loads` are those that are published, by number, with what they counted."""
    sources = {
        seq: (len(load.sources), sum(one.size_bytes for one in load.sources)) for seq, (load, _) in loads.items()
    }
    last = {name: max((seq for seq in loads if name in loads[seq][1]), default=None) for name in house.datasets()}
    summaries = {seq: house.ledger.summaries(seq)[0] for seq in set(last.values()) if seq is not None}
    events = house.statistics.events()
    found = {}
    for name, seq in last.items():
        files = [sources[load] for load, (_, counts) in loads.items() if name in counts]
        summary, when = summaries.get(seq or 0), events.get(name, Events())
        found[name] = Statistics(
            files=sum(number for number, _ in files),
            size_bytes=sum(size_bytes for _, size_bytes in files),
            last_load=seq,
            last_load_seconds=summary.seconds if summary else None,
            last_load_is_resumed=summary.is_resumed if summary else None,
            first_event_time=when.first,
            last_event_time=when.last,
            uncounted_loads=when.uncounted_loads,
        )
    return found


def _of(dataset: str, loads: Iterable[Mapping[str, Counts]]) -> list[Counts]:
    return [load[dataset] for load in loads if dataset in load]
