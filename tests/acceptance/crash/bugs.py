"""Bugs that the crash tests must find, each seeded by replacing one function of the product in this process.

Each is a design that was considered or is a plausible slip; the line at each says what is wrong with it.
"""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

import duckdb
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake import Transaction as Receipt

from tillage.contracts.contract import Dataset
from tillage.domain.load import CommitPoint, Lease, Load, LoadState, SourceFile
from tillage.engines.workspace import DuckWorkspace
from tillage.errors import LeaseLostError
from tillage.lake.delta import Table
from tillage.lake.upkeep import Upkeep
from tillage.models.fold import Fold
from tillage.pipelines.house import House
from tillage.ports.engine import Due
from tillage.ports.lake import Rows
from tillage.ports.store import PublishedFold, Rejection
from tillage.stores.postgres.database import Database, Transaction
from tillage.stores.postgres.folds import add_delta
from tillage.stores.postgres.ledger import Ledger

loading = importlib.import_module("tillage.pipelines.load")
running = importlib.import_module("tillage.pipelines.run")
retaining = importlib.import_module("tillage.pipelines.retention")
delta = importlib.import_module("tillage.lake.delta")


def receipt_by_path() -> None:
    """Commits to wherever the table is by then, so that a receipt compared before is not the one committed upon."""

    def by_path(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        write_deltalake(table.table_uri, *arguments, **options)

    replace(delta, "write_deltalake", by_path)


def receipt_apart() -> None:
    """Commits the rows, and then the receipt in a commit of its own."""

    def append(self: Table, rows: Rows | None, receipt: int, point: CommitPoint) -> None:
        table = self._open()
        if self._receipt(table) >= receipt:
            raise LeaseLostError(f"table {self._app_id}: number {receipt} is there")
        transaction = Receipt(self._app_id, receipt)
        for data, transactions in ((rows, []), (None, [transaction])):
            properties = CommitProperties(app_transactions=transactions, max_commit_retries=0)
            with self._commits.at(point):
                self._commit(self._open(), data, receipt, properties)

    replace(Table, "append", append)


def verdicts_again() -> None:
    """Finishes a load by judging its files again, against what silver holds by now, instead of recalling bronze.

    The proof before the seal would stop most of it, so it is left out: the house alone has to tell.
    """

    whole = running.resume

    def resume(house: House, load: Load, lease: Lease) -> Any:
        def recall(workspace: DuckWorkspace, *_: Any) -> None:
            datasets = house.feeds[load.feed].check.contract.datasets
            seen = {load.feed: load.load_seq}
            silver = {dataset.name: house.silver(load.feed, dataset, seen) for dataset in datasets}
            feed, most = house.feeds[load.feed].feed, house.feeds[load.feed].check.contract.max_record_bytes
            records = house.door.read(feed, load.sources, max_record_bytes=most)
            workspace.decide(records, silver, lambda source: house.door.document(feed, load.sources[source]))

        replace(DuckWorkspace, "recall", recall)
        return whole(house, load, lease)

    replace(running, "resume", resume)
    replace(loading, "_prove", lambda *_: None)


def maximum_of_receipts() -> None:
    """Takes a load for published when any later one is."""

    def is_published(self: Ledger, load: Load) -> bool:
        return max(self.published().values(), default=0) >= load.load_seq

    replace(Ledger, "is_published", is_published)


def no_fence() -> None:
    """Voids a load in the ledger alone, so that whoever still writes it can commit."""

    def void(house: House, load: Load, lease: Lease, _: Rejection | None = None) -> bool:
        house.ledger.void(load, lease)
        return True

    replace(loading, "void", void)


def fence_after_void() -> None:
    """Voids first and fences then: between the two the load is void and can still be committed."""

    def void(house: House, load: Load, lease: Lease, _: Rejection | None = None) -> bool:
        house.ledger.void(load, lease)
        return house.lake.bronze(load.feed).fence(house.ledger.next_fence(), load.load_seq)

    replace(loading, "void", void)


def fence_apart() -> None:
    """Looks for the receipt on one snapshot and fences on a newer one; stops in between, for others to come there."""

    def fence(self: Table, number: int, load_seq: int) -> bool:
        receipt = self.snapshot().receipt
        if receipt >= load_seq:
            return receipt > load_seq
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        self.append(None, number, CommitPoint.FENCE)
        return True

    replace(Table, "fence", fence)


def publish_apart() -> None:
    """Adds to the folds in one transaction, and writes counts, quarantine and receipt in another."""
    whole = Ledger.publish

    def publish(self: Ledger, load: Load, lease: Lease, **given: Any) -> None:
        with self._database.transaction(CommitPoint.PUBLISH, lease) as transaction:
            for fold, change in given["folds"]:
                add_delta(transaction, fold, change)
        whole(self, load, lease, **given | {"folds": ()})

    replace(Ledger, "publish", publish)


def vacuum_without_fence() -> None:
    """Deletes what is in no version at the moment when it looks, instead of what was in none at the fence."""

    def delete(self: Upkeep, _: Iterable[str]) -> None:
        with self._commits.at(CommitPoint.VACUUM):
            table = DeltaTable(self._folder)
            unused = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False, full=True)
            for file in unused:
                (self._folder / file).unlink()

    replace(Upkeep, "delete", delete)


def waiting_forgotten() -> None:
    """Takes bytes that were kept long enough away from records that wait in quarantine too."""

    def due(loads: tuple[int, ...], waiting: Rows, whole: frozenset[int]) -> Due:
        return Due(loads, waiting.slice(0, 0), whole)

    replace(retaining, "Due", due)


def plan_forgotten() -> None:
    """Reads first and enters the load into the ledger only when it is published.

    For a contract that the ledger knows from an earlier load.
    """
    plan_at_once, publish_at_once = Ledger.plan, Ledger.publish
    planned: dict[int, Callable[[], Load]] = {}

    def plan(
        self: Ledger, feed: str, contract_digest: str, contract_text: str, sources: Iterable[SourceFile], lease: Lease
    ) -> Load:
        load_seq = self._database.next_seq()
        covered = tuple(sources)

        def enter() -> Load:
            replace(Database, "next_seq", lambda _: load_seq)
            return plan_at_once(self, feed, contract_digest, contract_text, covered, lease)

        planned[load_seq] = enter
        return Load(load_seq, feed, LoadState.OPEN, contract_digest, covered)

    def publish(self: Ledger, load: Load, lease: Lease, **given: Any) -> None:
        if load.load_seq in planned:
            planned[load.load_seq]()
        publish_at_once(self, load, lease, **given)

    replace(Ledger, "plan", plan)
    replace(Ledger, "publish", publish)


def fold_from_time_travel() -> None:
    """Takes for a load's change of a fold what silver has by now less what it had before, instead of the load's rows.

    What another feed has in silver and not published yet is counted with this one's, and again with its own.
    """

    def changes(house: House, _: DuckWorkspace) -> list[PublishedFold]:
        published = house.ledger.published()
        newest = dict.fromkeys(house.feeds, 2**62)
        found = []
        for fold in house.models.folds.values():
            states = [
                house.engine.full(fold, {dataset: house.visible(dataset, seen) for dataset in fold.datasets})
                for seen in (newest, published)
            ]
            found.append((fold, less(fold, *states)))
        return found

    replace(loading, "_changes", changes)


def less(fold: Fold, after: Rows, before: Rows) -> Rows:
    """One state of a fold without another."""
    keys = [key.name for key in fold.keys]
    sums = [column for column in after.column_names if column not in keys]
    negative = [f'-"{column}" as "{column}"' for column in sums]
    added = ", ".join([f'"{key}"' for key in keys] + [f'sum("{column}") as "{column}"' for column in sums])
    changed = " or ".join(f'sum("{column}") <> 0' for column in sums)
    rows = f"""select {added} from (
        select * from after union all by name select {", ".join([*keys, *negative])} from before)
        group by {", ".join(keys)} having {changed}"""
    with closing(duckdb.connect()) as connection:
        connection.register("after", after)
        connection.register("before", before)
        return connection.sql(rows).to_arrow_table().cast(after.schema)


def lease_without_epoch() -> None:
    """Writes under a lease that went to another process; stops before it plans, for others to come there."""
    plan_at_once = Ledger.plan

    def plan(self: Ledger, *arguments: Any) -> Load:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return plan_at_once(self, *arguments)

    replace(Ledger, "plan", plan)
    replace(Transaction, "hold", lambda *_: None)


def retract_forgotten() -> None:
    """Adds newer versions to the folds, and does not take away those that they close."""
    whole_delta, whole_sql = DuckWorkspace.delta, DuckWorkspace.silver_sql

    def opened(self: DuckWorkspace, dataset: Dataset) -> str:
        return f"from ({whole_sql(self, dataset)}) where _sign = 1"

    def delta(self: DuckWorkspace, fold: Fold) -> Rows | None:
        replace(DuckWorkspace, "silver_sql", opened)
        try:
            return whole_delta(self, fold)
        finally:
            replace(DuckWorkspace, "silver_sql", whole_sql)

    replace(DuckWorkspace, "delta", delta)


def replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    """Fails where the product no longer has what the bug is seeded into."""
    assert name in vars(owner)
    setattr(owner, name, function)


SEEDS: Mapping[str, Callable[[], None]] = {
    "receipt-by-path": receipt_by_path,
    "receipt-apart": receipt_apart,
    "verdicts-again": verdicts_again,
    "maximum-of-receipts": maximum_of_receipts,
    "no-fence": no_fence,
    "fence-after-void": fence_after_void,
    "fence-apart": fence_apart,
    "publish-apart": publish_apart,
    "plan-forgotten": plan_forgotten,
    "vacuum-without-fence": vacuum_without_fence,
    "waiting-forgotten": waiting_forgotten,
    "fold-from-time-travel": fold_from_time_travel,
    "lease-without-epoch": lease_without_epoch,
    "retract-forgotten": retract_forgotten,
}
