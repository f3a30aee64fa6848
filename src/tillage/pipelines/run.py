"""`tillage run`: brings every model up to its text, finishes what is open, then loads what is new, feed by feed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillage.contracts.change import refuse_breaking_change
from tillage.domain.conservation import Counts
from tillage.domain.load import Lease, LoadState
from tillage.errors import FileRejectedError, SourceChangedError, TillageError
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import execute, plan, resume
from tillage.pipelines.models import sync_models


@dataclass
class RunReport:
    """What a run did."""

    loads: dict[int, dict[str, Counts]] = field(default_factory=dict)
    """By load, by dataset."""
    resumed: list[int] = field(default_factory=list)
    voided: list[int] = field(default_factory=list)
    left_out: dict[str, TillageError] = field(default_factory=dict)
    """Files that could not be loaded, with what is wrong; all others were."""

    @property
    def quarantined_rows(self) -> int:
        return sum(counts.quarantined_rows for load in self.loads.values() for counts in load.values())


def run(house: House, *, wait_s: float) -> RunReport:
    """Loads all that is new at every feed's door.

    Raises:
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
    """
    report = RunReport()
    for contract in house.feeds.values():
        with house.leases.hold(f"feed/{contract.feed.name}", wait_s=wait_s, on_wait=house.say) as lease:
            _refuse_breaking_change(house, contract)
            sync_models(house)
            _finish(house, contract, lease, report)
            _load_new(house, contract, lease, report)
    return report


def _refuse_breaking_change(house: House, contract: FeedContract) -> None:
    """Before anything is planned, so that no load is left open by it."""
    feed = contract.feed.name
    standing = [load for load in house.ledger.loads() if load.feed == feed and load.state is not LoadState.VOIDED]
    digests = [load.contract_digest for load in standing]
    if digests and digests[-1] != contract.check.contract.digest:
        old = house.compile(feed, house.ledger.text(digests[-1])).contract
        refuse_breaking_change(old, contract.check.contract)
        house.say(
            f"feed {feed}: the contract has changed; what is loaded keeps its verdicts and rates, new files get these"
        )


def _finish(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    load = house.ledger.open_load(contract.feed.name)
    if load is None:
        return
    counts = resume(house, load, lease)
    if counts is None:
        house.say(
            f"load {load.load_seq} was stopped before anything was decided; it is voided and its files read again"
        )
        report.voided.append(load.load_seq)
        return
    report.resumed.append(load.load_seq)
    report.loads[load.load_seq] = counts


def _load_new(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    """One load of everything; a file that cannot be read whole voids it, and the load after it goes on without."""
    while load := plan(house, contract, lease, report.left_out):
        try:
            report.loads[load.load_seq] = execute(house, load, lease)
        except (SourceChangedError, FileRejectedError) as wrong:
            report.voided.append(load.load_seq)
            report.left_out[wrong.path] = wrong
            house.say(str(wrong))
        else:
            return
