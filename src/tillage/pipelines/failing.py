"""Loads that break a rule of their dataset: kept as failed, then retried or abandoned by a person.

A load fails before anything of it is in bronze. Killed before that is committed, the load is open without a receipt,
so the next run voids it and reads its files again; killed after it, it is failed. To retry or abandon it, bronze is
fenced first and the ledger told then; killed between the two, the load is still failed and the command can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillage.contracts.contract import Severity
from tillage.domain.conservation import Counts
from tillage.domain.load import Lease, Load, LoadState
from tillage.errors import LawBrokenError, LoadFailedError, OperatorError, UnknownLoadError
from tillage.pipelines.house import House
from tillage.ports.engine import BrokenRule
from tillage.ports.store import LoadSummary, RuleFound

_MOST_SHOWN = 3


@dataclass(frozen=True)
class ShownLoad:
    """A load with what it brought, or would have, and which rules that breaks."""

    summary: LoadSummary
    counts: dict[str, Counts]
    broken: tuple[RuleFound, ...]


def fail(
    house: House,
    load: Load,
    lease: Lease,
    *,
    counts: Mapping[str, Counts],
    broken: Sequence[BrokenRule],
    bounds: Sequence[RuleFound] = (),
) -> LoadFailedError:
    """Commits that the load broke rules, or bounds of its feed; nothing of it is in bronze, or ever will be.

    Returns what to raise.
    """
    found = [RuleFound(one.dataset, one.rule.name, one.rule.severity, what_is_wrong(one)) for one in broken]
    found = [*bounds, *found]
    house.ledger.fail(load, lease, counts=counts, broken=found)
    return _failed(load, found)


def what_is_wrong(broken: BrokenRule) -> str:
    """What was found, and what must be."""
    wanted = " and ".join(str(operand) for operand in broken.rule.operand)
    return f"{broken.found} ({broken.rule.operator} {wanted})"


def failed_before(house: House, feed: str) -> tuple[Load, LoadFailedError] | None:
    """The failed load that stops a feed, and what to say of it."""
    load = house.ledger.failed_load(feed)
    if load is None:
        return None
    return load, _failed(load, house.ledger.broken_rules(load.load_seq).get(load.load_seq, ()))


def retry(house: House, load_seq: int, *, reason: str, wait_s: float) -> Load:
    """Voids a failed load, so that the next run plans its files again.

    Raises:
        UnknownLoadError: there is none of that number that failed.
        LeaseHeldError: a run works on its feed for longer than `wait_s`.
    """
    return _give_up(house, load_seq, LoadState.VOIDED, reason=reason, wait_s=wait_s)


def abandon(house: House, load_seq: int, *, reason: str, wait_s: float) -> Load:
    """Makes the files of a failed load count as read: they are taken up again only if their bytes change.

    Raises:
        UnknownLoadError, LeaseHeldError: as `retry`.
    """
    return _give_up(house, load_seq, LoadState.ABANDONED, reason=reason, wait_s=wait_s)


def show(house: House, load_seq: int | None = None) -> list[ShownLoad]:
    """All loads in order, or the one of that number.

    Raises:
        UnknownLoadError: there is none of that number.
    """
    summaries = house.ledger.summaries(load_seq)
    if load_seq is not None and not summaries:
        raise _unknown(load_seq)
    counts, broken = house.ledger.counts_by_load(load_seq), house.ledger.broken_rules(load_seq)
    return [ShownLoad(one, counts.get(one.load_seq, {}), broken.get(one.load_seq, ())) for one in summaries]


def _give_up(house: House, load_seq: int, state: LoadState, *, reason: str, wait_s: float) -> Load:
    if not reason.strip():
        raise OperatorError("the reason is empty; say why: --reason TEXT")
    feed = _failed_load(house, load_seq).feed
    with house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say) as lease:
        load = _failed_load(house, load_seq)  # again: another process may have decided meanwhile
        if not house.lake.bronze(feed).fence(house.ledger.next_fence(), load_seq):
            raise LawBrokenError(f"load {load_seq} failed and is in bronze all the same; please report this bug")
        decide = house.ledger.retry if state is LoadState.VOIDED else house.ledger.abandon
        decide(load, lease, reason.strip())
        return load


def _failed_load(house: House, load_seq: int) -> Load:
    load = house.ledger.load(load_seq)
    if load is None:
        raise _unknown(load_seq)
    if load.state is not LoadState.FAILED:
        # What is in bronze was decided and is finished from there, so an open load is never given up.
        is_open = load.state is LoadState.OPEN
        mend = "It is finished or voided by: tillage run" if is_open else "See: tillage load show"
        raise UnknownLoadError(
            f"load {load_seq} is {load.state}; only a failed load can be retried or abandoned. {mend}"
        )
    return load


def _unknown(load_seq: int) -> UnknownLoadError:
    return UnknownLoadError(f"there is no load {load_seq}; see: tillage load show")


def _failed(load: Load, broken: Sequence[RuleFound]) -> LoadFailedError:
    errors = [one for one in broken if one.severity == Severity.ERROR]
    shown = "; ".join(f"rule '{one.rule}' of {one.dataset}: {one.found}" for one in errors[:_MOST_SHOWN])
    more = f" and {len(errors) - _MOST_SHOWN} more" if len(errors) > _MOST_SHOWN else ""
    return LoadFailedError(
        f"load {load.load_seq} failed, and feed {load.feed} stands still: {shown}{more}. Nothing of it is visible. "
        f"Mend the files, the contract or the bound, then: tillage load retry {load.load_seq} --reason TEXT; or leave "
        f"its files out for good: tillage load abandon {load.load_seq} --reason TEXT"
    )
