"""`tillage run`: brings every model up to its text, finishes what is open, loads what is new, feed by feed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError

from tillage.contracts.project import After
from tillage.contracts.relations import parents_first
from tillage.domain.conservation import Counts
from tillage.domain.load import Lease, Load, LoadKind
from tillage.errors import (
    ErasureOpenError,
    FileRejectedError,
    LeaseHeldError,
    LoadFailedError,
    MirrorError,
    ModelError,
    OperatorError,
    SourceChangedError,
    TillageError,
    TransientError,
)
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.build import BuildReport, build_if_due
from tillage.pipelines.erase import Erased, erase_due
from tillage.pipelines.failing import failed_before
from tillage.pipelines.history import refuse_renamed, say_news
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import execute, look, plan, resume
from tillage.pipelines.maintain import Maintained, maintain_if_due
from tillage.pipelines.mirror import sync_mirrors
from tillage.pipelines.models import check_routes, refuse_unportable_changes, served_now, sync_models
from tillage.pipelines.rebuild import go_on
from tillage.pipelines.release import is_due, release_due
from tillage.pipelines.scrub import scrub_again


@dataclass
class RunReport:
    """What a run did."""

    loads: dict[int, dict[str, Counts]] = field(default_factory=dict)
    """By load, by dataset."""
    resumed: list[int] = field(default_factory=list)
    voided: list[int] = field(default_factory=list)
    left_out: dict[str, TillageError] = field(default_factory=dict)
    """Files that could not be loaded, with what is wrong; all others were."""
    left_alone: dict[str, str] = field(default_factory=dict)
    """What lies at the doors and is not taken up, with the reason."""
    is_more_coming: bool = False
    """Some of that is being written, so the next run will find it."""
    put_away: list[str] = field(default_factory=list)
    """Files that are loaded and were archived or deleted, as their feed asks for."""
    failed: dict[int, LoadFailedError] = field(default_factory=dict)
    """Loads that wait for a person; their feeds stand still."""
    stopped: dict[str, TillageError] = field(default_factory=dict)
    """Feeds whose load is open and cannot be finished, with the model that has to be mended; all others were loaded."""
    broken_warnings: int = 0
    """Dataset rules of severity warning that do not hold."""
    maintained: list[Maintained] = field(default_factory=list)
    """Feeds whose tables were kept up, since enough was loaded."""
    erased: list[Erased] = field(default_factory=list)
    """Sweeps in which people who asked for it were erased."""
    unerased: TillageError | None = None
    """Why somebody who asked is not erased yet; all else was done."""
    built: BuildReport | None = None
    """Of the models that are no folds, if anything of them was due."""
    unreleased: dict[str, TillageError] = field(default_factory=dict)
    """Feeds whose units have what they waited for and would break a rule; these go on waiting."""
    unbuilt: TillageError | None = None
    """Why they stay as they were; all else was done."""

    @property
    def quarantined_rows(self) -> int:
        return sum(counts.quarantined_rows for load in self.loads.values() for counts in load.values())

    def problems(self) -> list[TillageError]:
        """What a run must not end well with, though all else is done."""
        unbuilt = [one for one in (self.unerased, self.unbuilt) if one]
        waiting = self.unreleased.values()
        return [*self.stopped.values(), *self.failed.values(), *self.left_out.values(), *waiting, *unbuilt]


def run(house: House, *, wait_s: float, feeds: Collection[str] = ()) -> RunReport:
    """Loads all that is new at every feed's door, or at those of some feeds.

    Raises:
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
        OperatorError, ContractError: the project's files no longer fit its loads, or there is no feed of that name;
            nothing was planned.
        LakeError: lake and store are not of one moment; nothing of the feed was planned.
    """
    report = RunReport()
    for contract in begin(house, feeds):
        with house.leases.hold(f"feed/{contract.feed.name}", wait_s=wait_s, on_wait=house.say) as lease:
            refuse_renamed(house)  # again: another process may have loaded under other files until now
            refuse_torn_history(house, contract.feed.name)
            say_news(house, contract.feed.name)
            sync_models(house)
            if failed := failed_before(house, contract.feed.name):
                _stop(house, *failed, report)
                continue
            try:
                sync_mirrors(house, contract, lease)
                _finish(house, contract, lease, report)
                _release(house, contract, lease, report)
                _load_new(house, contract, lease, report)
            except (MirrorError, ModelError) as wrong:
                # A load that was decided is finished from bronze or never: it waits for the model, and stops no others.
                report.stopped[contract.feed.name] = wrong
                house.say(str(wrong))
                continue
            _put_away(house, contract, report)
            if maintained := maintain_if_due(house, contract, lease):
                report.maintained.append(maintained)
    while _release_late(house, wait_s, report):
        pass  # what came in may be what others wait for
    if not feeds or any(house.feeds[name].check.contract.is_of_requests for name in feeds):
        _erase(house, wait_s, report)
    try:
        report.built = build_if_due(house, wait_s=wait_s)
    except (ModelError, TransientError) as wrong:
        report.unbuilt = wrong
        house.say(str(wrong))
    return report


def _erase(house: House, wait_s: float, report: RunReport) -> None:
    """Goes on with an erasure that is open, and erases who asked through a feed."""
    try:
        report.erased = erase_due(house, wait_s=wait_s)
    except LeaseHeldError as wrong:
        house.say(f"{wrong}; who asked to be erased is erased by the next run")
    except (ErasureOpenError, OperatorError) as wrong:
        report.unerased = wrong
        house.say(str(wrong))


def begin(house: House, feeds: Collection[str]) -> list[FeedContract]:
    """The feeds that are meant, in order, once it is known that a run may load them.

    Raises:
        OperatorError, ContractError, ModelError: as `run`.
    """
    refuse_renamed(house)
    chosen = _chosen(house, feeds)
    for contract in chosen:
        refuse_unasked(house.engine, contract)
    refuse_unportable_changes(house)
    check_routes(house)
    house.ledger.keep_served(served_now(house))
    return chosen


def _chosen(house: House, feeds: Collection[str]) -> list[FeedContract]:
    for name in feeds:
        if name not in house.feeds:
            raise OperatorError(f"tillage.yaml has no feed '{name}'; it has: {', '.join(house.feeds)}")
    return [house.feeds[name] for name in in_order(house.feeds) if not feeds or name in feeds]


def in_order(feeds: Mapping[str, FeedContract]) -> list[str]:
    """Feeds after those that theirs refer to; as the project file has them where they refer to each other. Requests to
    be erased come last: what came before them has arrived then.
    """
    refers = {name: sorted(_referred(feeds, name)) for name in feeds}
    try:
        order = parents_first(refers)
    except CycleError:
        order = [*feeds]
    return sorted(order, key=lambda name: feeds[name].check.contract.is_of_requests)


def waits_for(feeds: Mapping[str, FeedContract], name: str) -> set[str]:
    """The feeds that come before one in `in_order` for a reason."""
    order = in_order(feeds)
    before = {*order[: order.index(name)]}
    return before if feeds[name].check.contract.is_of_requests else before & _referred(feeds, name)


def _referred(feeds: Mapping[str, FeedContract], name: str) -> set[str]:
    feed_of = {dataset.name: feed for feed, one in feeds.items() for dataset in one.check.contract.datasets}
    datasets = feeds[name].check.contract.datasets
    return {feed_of[reference.to] for dataset in datasets for reference in dataset.references}


def _release_late(house: House, wait_s: float, report: RunReport) -> bool:
    """Takes up what waits for what came since, in all feeds: parents may come after their children, or alone. Whether
    anything came in.
    """
    before = len(report.loads)
    for feed in in_order(house.feeds):
        if feed in report.stopped or not house.parents(feed) or not is_due(house, feed):
            continue
        try:
            with house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say) as lease:
                refuse_renamed(house)
                refuse_torn_history(house, feed)
                sync_models(house)
                sync_mirrors(house, house.feeds[feed], lease)
                if not house.ledger.open_load(feed) and not house.ledger.failed_load(feed):
                    _release(house, house.feeds[feed], lease, report)
        except LeaseHeldError:
            house.say(
                f"feed {feed} is being loaded by another process; what waits for others there waits for its next run"
            )
        except (MirrorError, ModelError) as wrong:
            report.stopped[feed] = wrong
            house.say(str(wrong))
    return len(report.loads) > before


def _release(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    found = release_due(house, contract.feed.name, lease)
    report.loads |= found.loads
    for wrong in found.refused:
        report.unreleased[contract.feed.name] = wrong
        house.say(str(wrong))


def _stop(house: House, load: Load, wrong: LoadFailedError, report: RunReport) -> None:
    report.failed[load.load_seq] = wrong
    house.say(str(wrong))


def _finish(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    load = house.ledger.open_load(contract.feed.name)
    if load is None:
        return
    counts = resume(house, load, lease)
    if counts is None:
        report.voided.append(load.load_seq)
    else:
        report.resumed.append(load.load_seq)
        report.loads[load.load_seq] = counts
    if load.kind is LoadKind.REBUILD:
        report.loads |= go_on(house, contract, load, lease)


def _load_new(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    """One load of everything; a file that cannot be read whole voids it, and the load after it goes on without."""
    while load := _plan(house, contract, lease, report):
        try:
            report.loads[load.load_seq], warnings = execute(house, load, lease)
        except (SourceChangedError, FileRejectedError) as wrong:
            report.voided.append(load.load_seq)
            _leave_out(house, wrong, report)
        except LoadFailedError as wrong:
            _stop(house, load, wrong, report)
            return
        else:
            report.broken_warnings += len(warnings)
            return


def _put_away(house: House, contract: FeedContract, report: RunReport) -> None:
    """Moves away what is loaded and durable, where the feed asks for it."""
    feed = contract.feed
    if feed.after is After.KEEP:
        return
    found = house.landed.put_away(feed, house.ledger.sealed(feed.name))
    if found.done:
        house.say(f"feed {feed.name}: {len(found.done):,} loaded files {_WHERE[feed.after]}")
    report.put_away += found.done
    for one in found.left_alone:
        report.left_alone[one.path] = one.reason
        house.say(f"{one.path} {one.reason}")


_WHERE = {After.ARCHIVE: "moved to archive", After.DELETE: "deleted"}


def _plan(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> Load | None:
    found = look(house, contract, lease)
    scrub_again(house, contract, found.came_back, lease)
    report.is_more_coming |= found.is_more_coming
    for wrong in found.rejected:
        if wrong.path not in report.left_out:
            _leave_out(house, wrong, report)
    for path, reason in found.left_alone.items():
        if path not in report.left_alone:
            report.left_alone[path] = reason
            house.say(f"{path} is left alone: {reason}")
    fresh = [source for source in found.fresh if source.path not in report.left_out]
    return plan(house, contract, fresh, lease) if fresh else None


def _leave_out(house: House, wrong: SourceChangedError | FileRejectedError, report: RunReport) -> None:
    report.left_out[wrong.path] = wrong
    house.say(str(wrong))
