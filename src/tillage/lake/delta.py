"""Delta tables with receipts, by delta-rs.

A receipt is Delta's own transaction action, `txn(appId, version)`, in the same commit as the rows. It is read and
committed on the same DeltaTable snapshot: by path the library reads the newest state itself, and the same pair then
doubles the rows. It also accepts an equal or lower number, so this module compares before it commits.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from tillage.contracts.types import BRONZE_COLUMNS
from tillage.domain.load import CommitPoint
from tillage.errors import LakeError, LeaseLostError
from tillage.lake.schema import arrow_schema
from tillage.ports.commit import Commits
from tillage.ports.lake import ColumnTypes, Rows, Snapshot

_READER, _WRITER = 1, 2  # protocol: what delta-rs, Spark and plain Parquet readers all understand without features


class DeltaLake:
    """The tables of one project below `folder`."""

    def __init__(self, folder: Path, commits: Commits) -> None:
        self._folder = folder
        self._commits = commits

    def bronze(self, feed: str) -> Table:
        return Table(self._folder / "bronze" / feed, f"{feed}/bronze", BRONZE_COLUMNS, ("load_seq",), self._commits)

    def location(self) -> str:
        return str(self._folder)

    def silver(self, feed: str, dataset: str, columns: ColumnTypes) -> Table:
        return Table(self._folder / "silver" / dataset, f"{feed}/silver.{dataset}", columns, ("_load",), self._commits)


class Table:
    """One Delta table; `app_id` names its writer in the receipts."""

    def __init__(
        self, folder: Path, app_id: str, columns: ColumnTypes, statistics: tuple[str, ...], commits: Commits
    ) -> None:
        self._folder = folder
        self._app_id = app_id
        self._columns = columns
        self._statistics = statistics
        self._commits = commits

    def snapshot(self) -> Snapshot:
        table = self._open()
        return Snapshot(table.version(), self._receipt(table), tuple(sorted(table.file_uris())))

    def append(self, rows: Rows | None, receipt: int, point: CommitPoint) -> None:
        table = self._open()
        if self._receipt(table) >= receipt:
            raise LeaseLostError(
                f"table {self._app_id}: number {receipt} or a later one was committed by another process; run again"
            )
        properties = CommitProperties(app_transactions=[Transaction(self._app_id, receipt)], max_commit_retries=0)
        with self._commits.at(point):
            self._commit(table, rows, receipt, properties)

    def fence(self, number: int, load_seq: int) -> bool:
        while True:
            table = self._open()
            receipt = self._receipt(table)
            if receipt >= load_seq:
                return receipt > load_seq
            properties = CommitProperties(app_transactions=[Transaction(self._app_id, number)], max_commit_retries=0)
            try:
                with self._commits.at(CommitPoint.FENCE):
                    self._commit(table, None, number, properties)
            except LeaseLostError:
                continue  # a writer was there first: look again at what it wrote
            return True

    def _commit(self, table: DeltaTable, rows: Rows | None, receipt: int, properties: CommitProperties) -> None:
        data = self._schema().empty_table() if rows is None else rows
        try:
            write_deltalake(
                table,
                data,
                mode="append",
                commit_properties=properties,
                writer_properties=WriterProperties(compression="ZSTD", compression_level=1),
            )
        except CommitFailedError as wrong:
            raise LeaseLostError(
                f"table {self._app_id}: another process committed while load {receipt} was being written; run again"
            ) from wrong
        except (DeltaError, OSError) as wrong:
            raise LakeError(
                f"table {self._app_id} in {self._folder} cannot be written: {type(wrong).__name__}"
            ) from wrong

    def _receipt(self, table: DeltaTable) -> int:
        return table.transaction_version(self._app_id) or 0

    def _schema(self) -> pa.Schema:
        return arrow_schema(self._columns)

    def _open(self) -> DeltaTable:
        try:
            table = DeltaTable(self._folder)
        except TableNotFoundError:
            return self._create()
        except (DeltaError, OSError) as wrong:
            raise LakeError(f"table {self._app_id} in {self._folder} cannot be read: {type(wrong).__name__}") from wrong
        protocol = table.protocol()
        if (protocol.min_reader_version, protocol.min_writer_version) != (_READER, _WRITER):
            raise LakeError(
                f"table {self._app_id} has Delta protocol {protocol.min_reader_version}/{protocol.min_writer_version}; "
                f"this version reads and writes {_READER}/{_WRITER} only: another tool has changed it"
            )
        wanted = DeltaSchema.from_arrow(self._schema())
        if table.schema() != wanted:
            has, needs = (", ".join(f"{f.name} {f.type}" for f in schema.fields) for schema in (table.schema(), wanted))
            raise LakeError(
                f"table {self._app_id} has the columns {has}; the contract now needs {needs}. Columns cannot change "
                "yet: undo the change, or start a new project"
            )
        return table

    def _create(self) -> DeltaTable:
        # Statistics only where they prune and cannot hold what a person wrote.
        configuration = {"delta.dataSkippingStatsColumns": ",".join(self._statistics)}
        with self._commits.at(CommitPoint.TABLE):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                return DeltaTable.create(
                    self._folder, schema=self._schema(), mode="ignore", configuration=configuration
                )
            except (DeltaError, OSError) as wrong:
                raise LakeError(
                    f"table {self._app_id} cannot be created in {self._folder}: {type(wrong).__name__}"
                ) from wrong
