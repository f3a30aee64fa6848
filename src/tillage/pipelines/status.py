"""`tillage status`: what each dataset took, what became of it, and whether it balances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tillage.domain.conservation import Counts, Kept, Law, for_all_time
from tillage.domain.load import LoadKind, LoadState
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.store import Reason

_VISIBLE = {LoadState.OPEN, LoadState.SEALED}


@dataclass(frozen=True)
class Status:
    """The law over all published loads, what waits in quarantine, and what is not finished."""

    datasets: dict[str, Law]
    currencies: dict[str, str | None]
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
        reasons=tuple(house.ledger.quarantine_reasons()),
        sealed_loads=sum(load.state is LoadState.SEALED for load in loads.values()),
        voided_loads=sum(load.state is LoadState.VOIDED for load in loads.values()),
        open_loads=tuple(load.load_seq for load in loads.values() if load.state is LoadState.OPEN),
        failed_loads=tuple(load.load_seq for load in loads.values() if load.state is LoadState.FAILED),
    )


def _of(dataset: str, loads: Iterable[Mapping[str, Counts]]) -> list[Counts]:
    return [load[dataset] for load in loads if dataset in load]
