"""What waits in quarantine: shown by reason, tried, taken up again, given up.

A replay is a load of its own: it judges units that wait anew, under today's contract, from the bytes that bronze keeps.
What it accepts waits no longer; what it does not goes on waiting under today's reasons. So the same replay twice moves
once. Nothing leaves the quarantine but by a load that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from tillage.contracts.contract import Severity
from tillage.contracts.patch.apply import patch_column
from tillage.contracts.patch.rules import Patch, read_patch
from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint, Lease, Load, LoadKind, LoadState
from tillage.domain.verdict import UNREADABLE_CODES, Code
from tillage.errors import ModelError, OperatorError, ReplayRefusedError, TillageError, TransientError
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.build import BuildReport, build_if_due
from tillage.pipelines.failing import failed_before, what_is_wrong
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import finish_open, repeat, silver_before, void
from tillage.pipelines.mirror import sync_mirrors
from tillage.pipelines.models import sync_models
from tillage.ports.engine import Workspace
from tillage.ports.lake import Rows, Silver
from tillage.ports.store import Reason, Waiting

_ALL = Waiting()
_DOCUMENTS = {"json", "xml"}


@dataclass(frozen=True)
class PatchFile:
    """A change of records before they are judged, and its text, which the load keeps."""

    text: str
    patch: Patch

    def changed(self, texts: pa.Array, reasons: pa.Array) -> pa.Array:
        """The texts that it changes, null where it changes nothing."""
        waiting = [[(one["dataset"], one["code"]) for one in found or ()] for found in reasons.to_pylist()]
        return patch_column(self.patch, texts, waiting)


def patch_file(name: str, text: str) -> PatchFile:
    """The rules in `text`; `name` is how messages call the file.

    Raises:
        OperatorError: with the line, what is allowed, and the nearest name.
    """
    return PatchFile(text, read_patch(name, text))


@dataclass
class Replayed:
    """What came of the units that were taken up."""

    counts: dict[int, dict[str, Counts]] = field(default_factory=dict)
    """By load, by dataset; a trial has the number 0."""
    built: BuildReport | None = None
    """Of the models that are no folds, if anything of them was due."""
    unbuilt: TillageError | None = None
    """Why they stay as they were; what was let in stands."""


def replay(
    house: House, wanted: Waiting = _ALL, *, patch: PatchFile | None = None, is_trial: bool = False, wait_s: float
) -> Replayed:
    """Judges what waits anew; a trial says what would come of it, and changes nothing.

    Raises:
        OperatorError: no dataset has that name.
        ReplayRefusedError: a rule of a dataset would not hold; the load is voided, and all of its feed goes on waiting.
            What feeds before it have let in stands.
        LeaseHeldError: a run works on a feed for longer than `wait_s`.
    """
    report = Replayed()
    for contract in _feeds(house, wanted):
        with at_work(house, contract, wait_s) as lease:
            waiting = house.ledger.waiting(contract.feed.name, wanted)
            if not waiting.num_rows:
                continue
            refuse_unasked(house.engine, contract)
            if is_trial:
                load = Load(
                    house.ledger.last_number() + 1, contract.feed.name, LoadState.OPEN, contract.check.contract.digest
                )
            else:
                manifest = {"waiting": asdict(wanted), "patch": patch.patch.digest if patch else None}
                texts = {patch.patch.digest: patch.text} if patch else {}
                load = _planned(house, contract, LoadKind.REPLAY, manifest, lease, texts=texts)
            counts = _judged(house, load, contract, waiting=waiting, patch=patch, lease=None if is_trial else lease)
            report.counts.setdefault(0 if is_trial else load.load_seq, {}).update(counts)
    if report.counts and not is_trial:
        try:
            report.built = build_if_due(house, wait_s=wait_s)
        except (ModelError, TransientError) as wrong:
            report.unbuilt = wrong
    return report


def discard(house: House, wanted: Waiting, *, reason: str, is_trial: bool = False, wait_s: float) -> dict[int, int]:
    """Gives up what waits, for good; how many units, by load. A trial has the number 0 and changes nothing.

    Raises:
        OperatorError: no reason, or no dataset has that name.
        LeaseHeldError: a run works on a feed for longer than `wait_s`.
    """
    if not reason.strip():
        raise OperatorError("the reason is empty; say why: --reason TEXT")
    discarded: dict[int, int] = {}
    for contract in _feeds(house, wanted):
        with at_work(house, contract, wait_s) as lease:
            rows = house.ledger.waiting(contract.feed.name, wanted).num_rows
            if is_trial and rows:
                discarded[0] = discarded.get(0, 0) + rows
            if is_trial or not rows:
                continue
            load = _planned(house, contract, LoadKind.DISCARD, {"waiting": asdict(wanted)}, lease)
            discarded[load.load_seq] = house.ledger.discard(load, lease, wanted, reason)
    return discarded


# Bytes that were cut, that are no record, or whose key belongs to a unit that stands.
_FOR_GOOD = (Code.TOO_LARGE, Code.UNREADABLE, Code.KEY_CONFLICT)


def way_out(house: House, reason: Reason) -> str:
    """The command for units that wait for one reason, once it is mended: a replay; a discard where no judgement of the
    bytes in bronze could ever be another, so that what is right has to be landed again.
    """
    feed, _ = house.dataset(reason.dataset)
    is_document = house.feeds[feed].feed.format in _DOCUMENTS
    is_cut = reason.code in _FOR_GOOD or (is_document and reason.code in UNREADABLE_CODES)
    what = f"--dataset {reason.dataset} --code {reason.code}"
    return f"tillage quarantine discard {what} --reason TEXT" if is_cut else f"tillage quarantine replay {what}"


def _feeds(house: House, wanted: Waiting) -> list[FeedContract]:
    if wanted.dataset is None:
        return list(house.feeds.values())
    if wanted.dataset not in house.datasets():
        raise OperatorError(f"no dataset is called that; there are: {', '.join(house.datasets())}")
    return [house.feeds[house.dataset(wanted.dataset)[0]]]


@contextmanager
def at_work(house: House, contract: FeedContract, wait_s: float) -> Iterator[Lease]:
    """The feed's lease, with nothing left open in it.

    Raises:
        LoadFailedError: a person must decide about a load first.
    """
    feed = contract.feed.name
    refuse_renamed(house)
    with house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say) as lease:
        refuse_renamed(house)
        refuse_torn_history(house, feed)
        sync_models(house)
        sync_mirrors(house, contract, lease)
        if failed := failed_before(house, feed):
            raise failed[1]
        finish_open(house, feed, lease)
        yield lease


def _planned(
    house: House,
    contract: FeedContract,
    kind: LoadKind,
    manifest: Mapping[str, Any],
    lease: Lease,
    *,
    texts: Mapping[str, str] | None = None,
) -> Load:
    return house.ledger.begin(
        kind,
        contract.feed.name,
        contract_digest=contract.check.contract.digest,
        texts={contract.check.contract.digest: contract.text, **(texts or {})},
        manifest=manifest,
        lease=lease,
    )


def _judged(
    house: House, load: Load, contract: FeedContract, *, waiting: Rows, patch: PatchFile | None, lease: Lease | None
) -> dict[str, Counts]:
    """Takes the units up; without a lease that is a trial, of which nothing is kept."""
    feed, datasets = contract.feed.name, contract.check.contract.datasets
    silver = silver_before(house, load, datasets)
    bronze = house.lake.bronze(feed)
    people = house.people(is_trial=lease is None)
    with house.engine.workspace(load.load_seq, contract.check, house.folders_of(feed), people) as workspace:
        workspace.take_up(bronze.snapshot(), waiting, silver, patch.changed if patch else None)
        _refuse_broken_rules(house, load, workspace, silver, lease)
        if lease is None:
            return workspace.counts()
        bronze.append(workspace.bronze_rows(), load.load_seq, CommitPoint.BRONZE)
        return repeat(house, load, datasets, workspace, lease)


def _refuse_broken_rules(
    house: House, load: Load, workspace: Workspace, silver: Mapping[str, Silver], lease: Lease | None
) -> None:
    """Voids a replay that breaks a rule: unlike files at the door, what waits can go on waiting. Of a trial there is
    nothing to void.

    Raises:
        ReplayRefusedError: names the rule.
    """
    for one in workspace.broken_rules(silver):
        if one.rule.severity is Severity.ERROR:
            if lease is not None:
                void(house, load, lease)
            raise ReplayRefusedError(
                f"with what waits, rule '{one.rule.name}' of {one.dataset} would not hold: {what_is_wrong(one)}; "
                f"nothing of feed {load.feed} was changed. Take up less (--dataset, --code, --load), or give some up: "
                "tillage quarantine discard"
            )
        which = "trial" if lease is None else f"load {load.load_seq}"
        house.say(f"{which}: warning: rule '{one.rule.name}' of {one.dataset}: {what_is_wrong(one)}")
