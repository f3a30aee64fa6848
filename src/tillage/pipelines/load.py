"""The load: plan, decide once, then only repeat.

1. plan: the ledger commits what is covered, by digest, before anything of it is read.
2. decide: the source is read once; verdicts and raw records become bronze in one commit, with the receipt. From there
   on a load is finished from bronze, never from the source. Without the receipt a load is voided: bronze is fenced
   first, so that a writer who is only slow cannot commit it later, and the retry is a new load.
3. repeat: silver for each dataset, then one transaction in the store (fold changes, counts, quarantine index, receipt).
   Each stage is a function of the bronze rows; where its receipt is there, it is skipped.
4. seal: what was committed is counted again and compared with the verdicts.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from tillage.contracts.contract import Dataset
from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint, Lease, Load, SourceFile
from tillage.errors import FileRejectedError, LawBrokenError, SourceChangedError
from tillage.pipelines.house import FeedContract, House
from tillage.ports.engine import Workspace
from tillage.ports.store import PublishedFold


def plan(house: House, contract: FeedContract, lease: Lease, left_out: Container[str] = ()) -> Load | None:
    """An open load of all that is new at the feed's door, but for the paths `left_out`; None when nothing is.

    The same bytes under the same path are not new, whatever their times say.
    """
    feed = contract.feed
    known = house.ledger.known(feed.name)
    arrived = house.door.arrivals(feed, known.signatures)
    touched = [source for source in arrived if source.digest in known.digests.get(source.path, ())]
    if touched:
        house.ledger.refresh(feed.name, touched, lease)
    fresh = [
        source
        for source in arrived
        if source.digest not in known.digests.get(source.path, ()) and source.path not in left_out
    ]
    if not fresh:
        return None
    sources = [
        SourceFile(number, source.path, source.size_bytes, source.digest, source.signature)
        for number, source in enumerate(fresh)
    ]
    return house.ledger.plan(feed.name, contract.check.contract.digest, contract.text, sources, lease)


def execute(house: House, load: Load, lease: Lease) -> dict[str, Counts]:
    """Takes a planned load through all its stages; its counts by dataset.

    Raises:
        SourceChangedError, FileRejectedError: a file is not what was planned, or not whole; the load is voided.
        LeaseLostError: another process took over; it will finish the load.
        LawBrokenError: a stage holds other figures than the verdicts; the load stays open.
    """
    check = house.compile(load.feed, house.ledger.text(load.contract_digest))
    published = house.ledger.published()
    silver = {dataset.name: house.silver(load.feed, dataset, published) for dataset in check.contract.datasets}
    with house.engine.workspace(load.load_seq, check) as workspace:
        house.say(f"load {load.load_seq}: reading {len(load.sources)} files of feed {load.feed}")
        try:
            workspace.decide(house.door.read(load.sources), silver)
        except (SourceChangedError, FileRejectedError):
            void(house, load, lease)
            raise
        house.lake.bronze(load.feed).append(workspace.bronze_rows(), load.load_seq, CommitPoint.BRONZE)
        return _repeat(house, load, check.contract.datasets, workspace, lease)


def resume(house: House, load: Load, lease: Lease) -> dict[str, Counts] | None:
    """Finishes a load that another process left open, from bronze; None if it had to be voided.

    Raises:
        LeaseLostError, LawBrokenError: as `execute`.
    """
    bronze = house.lake.bronze(load.feed).snapshot()
    if bronze.receipt != load.load_seq:
        if void(house, load, lease):
            return None
        bronze = house.lake.bronze(load.feed).snapshot()
    check = house.compile(load.feed, house.ledger.text(load.contract_digest))
    with house.engine.workspace(load.load_seq, check) as workspace:
        workspace.recall(bronze, (load.load_seq,))
        return _repeat(house, load, check.contract.datasets, workspace, lease)


def void(house: House, load: Load, lease: Lease) -> bool:
    """Gives up a load that has no receipt in bronze, so that it can never get one; False if it has one after all."""
    if not house.lake.bronze(load.feed).fence(house.ledger.next_fence(), load.load_seq):
        return False
    house.ledger.void(load, lease)
    return True


def _repeat(
    house: House, load: Load, datasets: Sequence[Dataset], workspace: Workspace, lease: Lease
) -> dict[str, Counts]:
    counts = workspace.counts()
    for dataset in datasets:
        table = house.silver_table(load.feed, dataset)
        if table.snapshot().receipt < load.load_seq:
            table.append(workspace.silver_rows(dataset.name), load.load_seq, CommitPoint.SILVER)
    if not house.ledger.is_published(load):
        house.ledger.publish(
            load,
            lease,
            counts=counts,
            quarantine=workspace.quarantine_rows(),
            folds=_changes(house, workspace),
            digests={fold.name: fold.digest for fold in house.models.values()},
        )
    _prove(house, load, datasets, counts)
    house.ledger.seal(load, lease)
    return counts


def _changes(house: House, workspace: Workspace) -> list[PublishedFold]:
    changes = []
    for fold in house.models.values():
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
    for dataset in datasets:
        counts = verdicts[dataset.name]
        silver = house.engine.silver_counts(dataset, house.silver_table(load.feed, dataset).snapshot(), load.load_seq)
        held = quarantined.get(dataset.name, (0, 0))
        stages = {
            "the law": (counts.difference_rows(), counts.difference_minor() or 0, 0, 0),
            "silver": (*silver, counts.accepted_rows, counts.accepted_minor or 0),
            "quarantine": (*held, counts.quarantined_rows, counts.quarantined_minor or 0),
        }
        for stage, (rows, minor, wanted_rows, wanted_minor) in stages.items():
            if (rows, minor) != (wanted_rows, wanted_minor):
                raise LawBrokenError(
                    f"load {load.load_seq}, dataset {dataset.name}: {stage} has {rows} rows and {minor} minor units, "
                    f"the verdicts {wanted_rows} and {wanted_minor}; the load stays open: please report this bug"
                )
        if published.get(dataset.name) != counts:
            raise LawBrokenError(f"load {load.load_seq}, dataset {dataset.name}: the ledger's counts are not bronze's")
