"""A rebuild: what stands is read again from its bytes in bronze, under today's contract; what comes out otherwise is
closed, and opened as it is now.

It is a load of its own for each feed, in the stages of any load, so readers see all of it or nothing. What comes out as
it stands is no part of it: of a feed in which nothing does otherwise there is no load, unless the contract is another
one than that of the last load. It is computed before it is planned, since nothing that it reads can change under the
lease; killed before bronze has its receipt, it is voided, and the run that does so makes it again.

Units that a replay read from patched bytes are read from these, in a load of their own for each such replay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tillage.contracts.contract import Severity
from tillage.domain.conservation import Counts, total
from tillage.domain.load import CommitPoint, Lease, Load, LoadKind, LoadState
from tillage.errors import OperatorError, RebuildRefusedError
from tillage.models.fold import Fold
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.build import BuildReport, build_if_due
from tillage.pipelines.failing import what_is_wrong
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import repeat, silver_before
from tillage.pipelines.models import check_routes, compute_anew, refuse_unportable_changes, sync_models, views_of
from tillage.pipelines.quarantine import at_work
from tillage.ports.engine import LookedAt, Sums, Workspace
from tillage.ports.lake import Silver

_SINCE, _BYTES_OF = "since", "bytes_of"


@dataclass
class Rebuilt:
    """What came of what stood."""

    loads: dict[int, dict[str, Counts]] = field(default_factory=dict)
    """By load, by dataset; a trial has the number 0."""
    looked_at: dict[str, LookedAt] = field(default_factory=dict)
    """By dataset."""
    sums: dict[str, Sums] = field(default_factory=dict)
    """By dataset, money before and after, of the rows that come out otherwise."""
    built: BuildReport | None = None
    """Of the models that are no folds, if anything of them was due."""


def rebuild_model(house: House, model: str, *, wait_s: float) -> BuildReport | None:
    """Computes a fold anew from silver; a table or view together with all others, in a build, which is returned.

    Readers keep the old one until the new one is complete.

    Raises:
        OperatorError: there is no model of that name.
        ModelError: it fails; readers keep what they have.
    """
    check_routes(house)
    refuse_unportable_changes(house)
    if model in house.models.derived:
        sync_models(house)  # it may read folds of another text than theirs is today
        return build_if_due(house, wait_s=wait_s, is_forced=True)
    fold = house.models.folds.get(model)
    if fold is None:
        known = ", ".join(sorted(house.models.outputs())) or "none"
        raise OperatorError(f"no model is called that; the models are: {known}")
    _recompute(house, fold)
    return None


def _recompute(house: House, fold: Fold) -> None:
    types = house.engine.column_types(fold)
    house.say(f"model {fold.name}: computed anew")
    compute_anew(house, fold, types, views_of(house))


def rebuild_from_bronze(
    house: House, *, feed: str | None = None, since: date | None = None, is_trial: bool = False, wait_s: float
) -> Rebuilt:
    """Judges anew what stands; a trial says what would come of it, and changes nothing.

    Args:
        feed: Only of this one.
        since: Only what loads brought that were planned on this day or later, in the project's time zone.

    Raises:
        OperatorError: there is no feed of that name.
        RebuildRefusedError: a rule of a dataset would not hold; nothing was changed.
        LeaseHeldError: a run works on a feed for longer than `wait_s`.
    """
    report = Rebuilt()
    for contract in _chosen(house, feed):
        with at_work(house, contract, wait_s) as lease:
            refuse_unasked(house.engine, contract)
            _rebuild_feed(house, contract, None if is_trial else lease, since, report)
    if not is_trial:
        report.built = build_if_due(house, wait_s=wait_s)
    return report


def _chosen(house: House, feed: str | None) -> list[FeedContract]:
    if feed is not None and feed not in house.feeds:
        raise OperatorError(f"tillage.yaml has no feed '{feed}'; it has: {', '.join(house.feeds)}")
    return [contract for name, contract in house.feeds.items() if feed in {None, name}]


def go_on(house: House, contract: FeedContract, load: Load, lease: Lease) -> dict[int, dict[str, Counts]]:
    """What a rebuild that was stopped has still to do, once its open load is finished or voided; counts by load.

    Under another contract than it was begun under that is a person's to ask for again.
    """
    report = Rebuilt()
    if load.contract_digest != contract.check.contract.digest:
        house.say(
            f"load {load.load_seq}, a rebuild, was stopped, and the contract has changed since: to rebuild under "
            f"today's, tillage rebuild --from bronze --feed {load.feed}"
        )
        return report.loads
    since = load.manifest.get(_SINCE)
    _rebuild_feed(house, contract, lease, date.fromisoformat(since) if since else None, report)
    return report.loads


def _rebuild_feed(
    house: House, contract: FeedContract, lease: Lease | None, since: date | None, report: Rebuilt
) -> None:
    brought_by = None if since is None else _brought_since(house, contract.feed.name, since)
    patched = _patched(house, contract.feed.name)
    for bytes_of in (None, *sorted(patched)):
        _rebuild(house, contract, lease, report, scope=_Scope(since, brought_by, patched, bytes_of))


@dataclass(frozen=True)
class _Scope:
    """What one load takes up; `Workspace.rebuild` says what these mean."""

    since: date | None
    brought_by: Collection[int] | None
    patched: Collection[int]
    bytes_of: int | None

    def manifest(self) -> dict[str, Any]:
        return {_SINCE: self.since.isoformat() if self.since else None, _BYTES_OF: self.bytes_of}


def _brought_since(house: House, feed: str, day: date) -> list[int]:
    start = datetime.combine(day, time(), ZoneInfo(house.project.zone))
    return [one.load_seq for one in house.ledger.summaries() if one.feed == feed and one.planned_at >= start]


def _patched(house: House, feed: str) -> set[int]:
    """Loads that kept bytes of their own: patched ones, and those of a rebuild that read such."""
    return {
        load.load_seq
        for load in house.ledger.loads()
        if load.feed == feed
        and load.state is LoadState.SEALED
        and (
            (load.kind is LoadKind.REPLAY and load.manifest.get("patch"))
            or (load.kind is LoadKind.REBUILD and load.manifest.get(_BYTES_OF))
        )
    }


def _rebuild(house: House, contract: FeedContract, lease: Lease | None, report: Rebuilt, *, scope: _Scope) -> None:
    """One load; without a lease it is a trial, of which nothing is kept."""
    feed, digest = contract.feed.name, contract.check.contract.digest
    datasets = contract.check.contract.datasets
    trial = Load(house.ledger.last_number() + 1, feed, LoadState.OPEN, digest)
    silver = silver_before(house, trial, datasets)
    bronze = house.lake.bronze(feed)
    people = house.people(is_trial=lease is None)
    with house.engine.workspace(trial.load_seq, contract.check, house.folders_of(feed), people) as workspace:
        house.say(f"feed {feed}: judging anew what stands{_of_patched(scope)}")
        looked_at = workspace.rebuild(
            bronze.snapshot(),
            silver,
            brought_by=scope.brought_by,
            patched=scope.patched,
            bytes_of=scope.bytes_of,
        )
        counts = workspace.counts()
        is_changed = any(one.taken_rows for one in counts.values())
        _add(report, looked_at, workspace.sums() if is_changed else {})
        if is_changed:
            _refuse_broken_rules(house, workspace, silver, of=f"feed {feed}{_of_patched(scope)}")
        if lease is None:
            found = report.loads.setdefault(0, {})
            report.loads[0] = {
                name: total([found[name], one] if name in found else [one]) for name, one in counts.items()
            }
            return
        if not is_changed and (scope.bytes_of is not None or not _is_new_contract(house, contract)):
            return
        load = house.ledger.begin(
            LoadKind.REBUILD,
            feed,
            contract_digest=digest,
            texts={digest: contract.text},
            manifest=scope.manifest(),
            lease=lease,
        )
        workspace.number(load.load_seq)
        bronze.append(workspace.bronze_rows() if is_changed else None, load.load_seq, CommitPoint.BRONZE)
        report.loads[load.load_seq] = repeat(house, load, datasets, workspace, lease)


def _of_patched(scope: _Scope) -> str:
    return "" if scope.bytes_of is None else f", from the bytes that load {scope.bytes_of} patched"


def _is_new_contract(house: House, contract: FeedContract) -> bool:
    """Whether the feed's last load was decided under another one; then one that says so is kept, even of nothing."""
    feed = contract.feed.name
    last = house.ledger.last_standing().get(feed)
    if last is None:
        return False
    return not contract.check.contract.judges_as(house.compile(feed, house.ledger.text(last.contract_digest)).contract)


def _add(report: Rebuilt, looked_at: Mapping[str, LookedAt], sums: Mapping[str, Sums]) -> None:
    for name, one in looked_at.items():
        before = report.looked_at.get(name, LookedAt())
        figures = {figure.name: getattr(before, figure.name) + getattr(one, figure.name) for figure in fields(LookedAt)}
        report.looked_at[name] = LookedAt(**figures)
    for name, found in sums.items():
        known = report.sums.get(name, {})
        report.sums[name] = {column: _added(known.get(column, {}), amounts) for column, amounts in found.items()}


def _added(one: Mapping[str, tuple[int, int]], other: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    found = dict(one)
    for currency, (before, after) in other.items():
        known = found.get(currency, (0, 0))
        found[currency] = known[0] + before, known[1] + after
    return found


def _refuse_broken_rules(house: House, workspace: Workspace, silver: Mapping[str, Silver], *, of: str) -> None:
    """Before anything is planned.

    Raises:
        RebuildRefusedError: names the rule.
    """
    for one in workspace.broken_rules(silver):
        if one.rule.severity is Severity.ERROR:
            raise RebuildRefusedError(
                f"with what stands judged anew, rule '{one.rule.name}' of {one.dataset} would not hold: "
                f"{what_is_wrong(one)}; {of} was not rebuilt. Mend the contract, then look: "
                "tillage rebuild --from bronze --dry-run"
            )
        house.say(f"warning: rule '{one.rule.name}' of {one.dataset}: {what_is_wrong(one)}")
