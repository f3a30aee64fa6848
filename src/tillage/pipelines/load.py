"""The load: plan, decide once, then only repeat.

1. plan: the ledger commits what is covered, by digest, before anything of it is read.
2. decide: the source is read once, and the rules of the datasets are asked: a load that breaks one becomes failed, see
   `failing`. Verdicts and raw records become bronze in one commit, with the receipt. From there on a load is finished
   from bronze, never from the source. Without the receipt a load is voided: bronze is fenced first, so that a writer
   who is only slow cannot commit it later, and the retry is a new load.
3. repeat: silver for each dataset, then one transaction in the store (fold changes, counts, quarantine index,
   statistics, receipt). Each stage is a function of the bronze rows; where its receipt is there, it is skipped.
4. seal: what was committed is counted again and compared with the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset, Severity
from tillage.domain.conservation import Counts, added, is_zero, negated
from tillage.domain.load import CommitPoint, Lease, Load, LoadKind, SourceFile
from tillage.errors import FileRejectedError, LawBrokenError, SourceChangedError
from tillage.pipelines.bounds import broken_bounds
from tillage.pipelines.emptying import empty_records
from tillage.pipelines.failing import fail, what_is_wrong
from tillage.pipelines.house import FeedContract, House, erasing_of
from tillage.pipelines.mirror import digests_of, mirror_files, table_changes, with_foreign_keys
from tillage.pipelines.record_places import places_in, rows_of
from tillage.pipelines.refusing import read_members, refuse_misdescribed, refused_before, rejections
from tillage.pipelines.scrub import came_back, scrub_files
from tillage.ports.door import RecordBatch
from tillage.ports.engine import BrokenRule, Workspace
from tillage.ports.lake import Silver
from tillage.ports.store import Brought, PublishedFold, Rejection, Waiting


@dataclass(frozen=True)
class Found:
    """What lies at a feed's door and is not loaded."""

    fresh: tuple[SourceFile, ...]
    rejected: tuple[FileRejectedError, ...]
    """Files that are refused whole, most of them known for it from an earlier run."""
    left_alone: dict[str, str]
    """By path as it may be shown, why it is not looked at."""
    is_more_coming: bool = False
    """Some of that is being written, so the next run will find it."""
    came_back: tuple[SourceFile, ...] = ()
    """Files as they were before people were taken out of them."""


def look(house: House, contract: FeedContract, lease: Lease) -> Found:
    """What is new at the feed's door.

    The same bytes under the same path are not new, whatever their times say.
    """
    feed = contract.feed
    known = house.ledger.known(feed.name)
    arrived = house.door.arrivals(feed, known)
    touched = [source for source in arrived.sources if (source.path, source.digest) in known.digests]
    back = came_back(house, feed.name, touched)
    # Those are looked at again until they are scrubbed.
    if fresh := [source for source in touched if source not in back]:
        house.ledger.refresh(feed.name, fresh, lease)
    unknown = [source for source in arrived.sources if (source.path, source.digest) not in known.digests]
    refused = [(source, refused_before(known, contract, source)) for source in unknown]
    return Found(
        fresh=tuple(source for source, wrong in refused if wrong is None),
        rejected=(*arrived.rejected, *(wrong for _, wrong in refused if wrong)),
        left_alone={one.path: one.reason for one in arrived.left_alone},
        is_more_coming=any(one.is_passing for one in arrived.left_alone),
        came_back=tuple(back),
    )


def plan(house: House, contract: FeedContract, fresh: Iterable[SourceFile], lease: Lease) -> Load:
    """An open load of these files."""
    sources = [replace(source, source=number) for number, source in enumerate(fresh)]
    return house.ledger.plan(contract.feed.name, contract.check.contract.digest, contract.text, sources, lease)


def execute(house: House, load: Load, lease: Lease) -> tuple[dict[str, Counts], list[BrokenRule]]:
    """Takes a planned load through all its stages; its counts by dataset, and the rules that it breaks and may.

    Raises:
        SourceChangedError, FileRejectedError: a file is not what was planned, not whole, or not as is said of it; the
            load is voided.
        LoadFailedError: it breaks a rule of a dataset or a bound of its feed; it is failed, with nothing in bronze.
        LeaseLostError: another process took over; it will finish the load.
        LawBrokenError: a stage holds other figures than the verdicts; the load stays open.
    """
    check = house.compile(load.feed, house.ledger.text(load.contract_digest))
    silver = silver_before(house, load, check.contract.datasets)
    with house.engine.workspace(load.load_seq, check, house.folders(load), house.vault) as workspace:
        house.say(f"load {load.load_seq}: reading {len(load.sources)} files of feed {load.feed}")
        try:
            workspace.decide(_records(house, load, check), silver, partial(_document, house, load))
            refuse_misdescribed(house, load, workspace)
        except SourceChangedError:
            void(house, load, lease)
            raise
        except FileRejectedError as wrong:
            void(house, load, lease, rejections(house, load, wrong))
            raise
        warnings = _refuse_broken_rules(house, load, lease, workspace, silver)
        house.lake.bronze(load.feed).append(workspace.bronze_rows(), load.load_seq, CommitPoint.BRONZE)
        return repeat(house, load, check.contract.datasets, workspace, lease), warnings


def silver_before(house: House, load: Load, datasets: Sequence[Dataset]) -> dict[str, Silver]:
    """By dataset, what a load is judged against, or was: its own rows, where it wrote them before it was stopped, are
    not among them. Under the lease of the feed no earlier load writes any more. Of other feeds it is what readers see,
    where something refers to it.
    """
    tables = {dataset.name: house.silver_table(load.feed, dataset) for dataset in datasets}
    found = {name: Silver(table.snapshot(), load.load_seq - 1) for name, table in tables.items()}
    published = house.ledger.published()
    parents = {reference.to for dataset in datasets for reference in dataset.references} & {*house.datasets()}
    return found | {name: house.visible(name, published) for name in sorted(parents - found.keys())}


def _records(house: House, load: Load, check: Check) -> Iterator[RecordBatch]:
    feed, limit_bytes = house.feeds[load.feed].feed, check.contract.max_record_bytes
    return house.door.read(feed, load.sources, max_record_bytes=limit_bytes, members=read_members(check))


def _document(house: House, load: Load, source: int) -> RecordBatch:
    return house.door.document(house.feeds[load.feed].feed, load.sources[source])


def _refuse_broken_rules(
    house: House, load: Load, lease: Lease, workspace: Workspace, silver: Mapping[str, Silver]
) -> list[BrokenRule]:
    """The rules of severity warning that do not hold.

    Raises:
        LoadFailedError: one of severity error does not, or more is quarantined than the feed allows.
    """
    counts = workspace.counts()
    bounds = broken_bounds(house.feeds[load.feed].feed, counts, workspace)
    broken = workspace.broken_rules(silver)
    if bounds or any(one.rule.severity is Severity.ERROR for one in broken):
        raise fail(house, load, lease, counts=counts, broken=broken, bounds=bounds)
    for one in broken:
        house.say(f"load {load.load_seq}: warning: rule '{one.rule.name}' of {one.dataset}: {what_is_wrong(one)}")
    return broken


def resume(house: House, load: Load, lease: Lease) -> dict[str, Counts] | None:
    """Finishes a load that another process left open, from bronze; None if it had to be voided, which is said.

    Raises:
        LeaseLostError, LawBrokenError: as `execute`.
    """
    counts = _finished(house, load, lease)
    if counts is None:
        house.say(f"load {load.load_seq} was stopped {_VOIDED[load.kind]}")
    return counts


TAKING_UP = (LoadKind.REPLAY, LoadKind.RELEASE)
"""Kinds of loads that judge anew what waits."""
_UNDECIDED = "before anything was decided; it is voided"
_VOIDED = {
    LoadKind.READ: f"{_UNDECIDED} and its files read again",
    LoadKind.REPLAY: f"{_UNDECIDED}, and what waited goes on waiting: to judge it, repeat the replay",
    LoadKind.DISCARD: "before anything was given up; it is voided, and all goes on waiting: repeat the discard",
    LoadKind.MAINTAIN: "while it kept up the tables; it is voided, and what it did stands",
    LoadKind.ERASE: "while people left the feed; it is voided, what it did stands, and the erasure goes on",
    LoadKind.REBUILD: _UNDECIDED,
    LoadKind.RELEASE: f"{_UNDECIDED}, and what waited for others goes on waiting until the next look",
}


def finish_open(house: House, feed: str, lease: Lease) -> None:
    """As `resume`, if a load of the feed is open; what a rebuild had to do beside that load is a person's to ask for.

    Raises:
        LeaseLostError, LawBrokenError: as `execute`.
    """
    load = house.ledger.open_load(feed)
    if load is None:
        return
    resume(house, load, lease)
    if load.kind is LoadKind.REBUILD:
        house.say(
            f"load {load.load_seq}, a rebuild, was stopped; for what it has not done yet: "
            f"tillage rebuild --from bronze --feed {feed}"
        )


def _finished(house: House, load: Load, lease: Lease) -> dict[str, Counts] | None:
    if load.kind in {LoadKind.MAINTAIN, LoadKind.ERASE}:  # each step is whole, and only one that fences anew may go on
        house.ledger.void(load, lease)
        return None
    bronze = house.lake.bronze(load.feed).snapshot()
    if bronze.receipt != load.load_seq:
        if void(house, load, lease):
            return None
        bronze = house.lake.bronze(load.feed).snapshot()
    if house.erasing and house.ledger.is_published(load) and house.erasing.records.is_left(bronze, load.load_seq):
        # All was proved before the bytes went, and nothing can be recalled from them any more. The files that held them
        # may still lie there, in no version.
        places = house.erasing.records.suppressed(bronze, load.load_seq)
        empty_records(house, load.feed, places, house.ledger.next_fence())
        scrub_files(house, house.feeds[load.feed], places, lease)
        house.ledger.seal(load, lease)
        return house.ledger.counts(load.load_seq)
    check = house.compile(load.feed, house.ledger.text(load.contract_digest))
    datasets = check.contract.datasets
    is_replay = load.kind in TAKING_UP
    folders = house.folders(load) if load.kind is LoadKind.READ else house.folders_of(load.feed)
    # Once the load is published, what it took up waits no longer: only its counts and its seal are still to come.
    waiting = house.ledger.waiting(load.feed, Waiting()) if is_replay else None
    with house.engine.workspace(load.load_seq, check, folders, house.vault) as workspace:
        silver = silver_before(house, load, datasets)
        if load.kind is LoadKind.REBUILD:
            workspace.recall_rebuilt(bronze, load.load_seq, silver)
        else:
            workspace.recall(bronze, (load.load_seq,), silver, waiting)
        return repeat(house, load, datasets, workspace, lease)


def void(house: House, load: Load, lease: Lease, rejected: Iterable[Rejection] = ()) -> bool:
    """Gives up a load that has no receipt in bronze, so that it can never get one; False if it has one after all.

    Files that are the reason are remembered in the same commit, see `refusing`.
    """
    if not house.lake.bronze(load.feed).fence(house.ledger.next_fence(), load.load_seq):
        return False
    house.ledger.void(load, lease, rejected)
    return True


def repeat(
    house: House, load: Load, datasets: Sequence[Dataset], workspace: Workspace, lease: Lease
) -> dict[str, Counts]:
    """All stages after bronze."""
    counts = workspace.counts()
    for dataset in datasets:
        table = house.silver_table(load.feed, dataset)
        if table.snapshot().receipt < load.load_seq:
            table.append(workspace.silver_rows(dataset.name), load.load_seq, CommitPoint.SILVER)
    is_published = house.ledger.is_published(load)
    if not is_published:
        with_foreign_keys(house, lambda: _publish(house, load, datasets, workspace, lease=lease, counts=counts))
    elif load.kind in TAKING_UP:  # what it took up waits no longer, so that only the ledger can tell
        counts = {name: _with_taken(one, house.ledger.counts(load.load_seq)[name]) for name, one in counts.items()}
    _prove(house, load, datasets, counts)
    _prove_statistics(house, load, counts, was_published=is_published)
    mirror_files(house, load, workspace, lease)
    if any(one.suppressed_rows for one in counts.values()):
        _leave_nothing(house, load, workspace, lease)
    house.ledger.seal(load, lease)
    return counts


def _leave_nothing(house: House, load: Load, workspace: Workspace, lease: Lease) -> None:
    """What came of people who were erased goes from bronze, where it had to stay until the load was published, and from
    the files that it came in. A record in which a unit of somebody else waits keeps its bytes, which that needs.
    """
    found = erasing_of(house).records.suppressed(house.lake.bronze(load.feed).snapshot(), load.load_seq)
    places = places_in(found).union(*(places_in(rows) for rows in workspace.suppressed_rows()))
    kept = places & places_in(house.ledger.waiting(load.feed, Waiting()))
    if kept:
        house.say(
            f"load {load.load_seq}: {len(kept):,} records about people who were erased also hold units of others, "
            "which wait, so their bytes stay. Once these are replayed or discarded, erase the same people again"
        )
    gone = rows_of(places - kept)
    empty_records(house, load.feed, gone, load.load_seq, is_fenced=True)
    scrub_files(house, house.feeds[load.feed], gone, lease)


def _publish(
    house: House,
    load: Load,
    datasets: Sequence[Dataset],
    workspace: Workspace,
    *,
    lease: Lease,
    counts: Mapping[str, Counts],
) -> None:
    house.ledger.publish(
        load,
        lease,
        brought=Brought(
            counts=counts,
            taken=workspace.taken_rows(),
            quarantine=workspace.quarantine_rows(),
            awaited=workspace.awaited_rows(),
            people=workspace.people_rows(),
            statistics=workspace.statistic_rows(),
            mirrored=list(table_changes(house, load, datasets, workspace)),
        ),
        folds=_changes(house, workspace),
        digests={fold.name: fold.digest for fold in house.models.folds.values()},
        mirrors=digests_of(house, load.feed),
    )


def _with_taken(counts: Counts, published: Counts) -> Counts:
    return replace(
        counts,
        taken_rows=published.taken_rows,
        taken_minor=published.taken_minor,
        taken_not_countable_rows=published.taken_not_countable_rows,
    )


def _changes(house: House, workspace: Workspace) -> list[PublishedFold]:
    changes = []
    for fold in house.models.folds.values():
        delta = workspace.delta(fold)
        if delta is not None:
            changes.append((fold, delta))
    return changes


def _prove(house: House, load: Load, datasets: Sequence[Dataset], verdicts: Mapping[str, Counts]) -> None:
    """Holds what each stage committed against the verdicts.

    Raises:
        LawBrokenError: names the dataset and both figures.
    """
    published = house.ledger.counts(load.load_seq)
    quarantined = house.ledger.quarantine_counts(load.load_seq)
    vaulted = house.vault.counts(load.load_seq) if house.vault else {}
    for dataset in datasets:
        counts = verdicts[dataset.name]
        snapshot = house.silver_table(load.feed, dataset).snapshot()
        opened, closed = (house.engine.silver_counts(dataset, snapshot, load.load_seq, sign=sign) for sign in (1, -1))
        stages = {
            "the law": ((counts.difference_rows(), counts.difference_minor()), (0, None)),
            "silver": (opened, (counts.accepted_rows, counts.accepted_minor)),
            "what silver closed": (closed, (counts.closed_rows, counts.closed_minor)),
            "quarantine": (
                quarantined.get(dataset.name, (0, None)),
                (counts.quarantined_rows, counts.quarantined_minor),
            ),
        }
        if dataset.personal_columns:
            stages["the vault"] = (vaulted.get(dataset.name, 0), None), (counts.accepted_rows, None)
        for stage, ((rows, minor), (wanted_rows, wanted_minor)) in stages.items():
            if rows != wanted_rows or not is_zero(added([minor, negated(wanted_minor)])):
                raise LawBrokenError(
                    f"load {load.load_seq}, dataset {dataset.name}: {stage} has {rows} rows and {minor or 0} minor "
                    f"units, the verdicts {wanted_rows} and {wanted_minor or 0}; the load stays open: please report "
                    "this bug"
                )
        if published.get(dataset.name) != counts:
            raise LawBrokenError(f"load {load.load_seq}, dataset {dataset.name}: the ledger's counts are not bronze's")


def _prove_statistics(house: House, load: Load, verdicts: Mapping[str, Counts], *, was_published: bool) -> None:
    """Holds what the files add up to against the verdicts.

    A load that was published by a version without statistics has none, and only its seal was still to come.

    Raises:
        LawBrokenError: names the dataset and both figures.
    """
    found = house.statistics.totals(load.load_seq).get(load.load_seq, {})
    if was_published and not found:
        return
    for dataset, counts in verdicts.items():
        rows, wanted = found.get(dataset, Counts()).rows(), counts.rows()
        if rows != wanted:
            raise LawBrokenError(
                f"load {load.load_seq}, dataset {dataset}: the statistics of its files add up to {rows} rows, the "
                f"verdicts to {wanted}; the load stays open: please report this bug"
            )
