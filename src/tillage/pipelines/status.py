"""`tillage status`: what each dataset took, what became of it, and whether it balances."""

from __future__ import annotations

from dataclasses import dataclass

from tillage.domain.conservation import Counts, total
from tillage.domain.load import LoadState
from tillage.pipelines.house import House
from tillage.ports.store import Reason


@dataclass(frozen=True)
class Status:
    """The law over all sealed loads, what waits in quarantine, and what is not finished."""

    datasets: dict[str, Counts]
    currencies: dict[str, str | None]
    reasons: tuple[Reason, ...]
    sealed_loads: int
    voided_loads: int
    open_loads: tuple[int, ...]
    failed_loads: tuple[int, ...]
    """Their feeds stop until a person decides."""

    def balances(self) -> bool:
        return all(counts.balances() for counts in self.datasets.values())


def status(house: House) -> Status:
    """Figures of the ledger; nothing is read from the lake."""
    loads = house.ledger.loads()
    sealed = [load.load_seq for load in loads if load.state is LoadState.SEALED]
    counts = [house.ledger.counts(load_seq) for load_seq in sealed]
    return Status(
        datasets={name: total(load[name] for load in counts if name in load) for name in house.datasets()},
        currencies={name: house.dataset(name)[1].currency for name in house.datasets()},
        reasons=tuple(house.ledger.quarantine_reasons()),
        sealed_loads=len(sealed),
        voided_loads=sum(load.state is LoadState.VOIDED for load in loads),
        open_loads=tuple(load.load_seq for load in loads if load.state is LoadState.OPEN),
        failed_loads=tuple(load.load_seq for load in loads if load.state is LoadState.FAILED),
    )
