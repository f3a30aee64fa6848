"""Delta tables with receipts, by delta-rs.

A receipt is Delta's own transaction action, `txn(appId, version)`, in the same commit as the rows. It is read and
committed on the same DeltaTable snapshot: by path the library reads the newest state itself, and the same pair then
doubles the rows. It also accepts an equal or lower number, so this module compares before it commits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from tillage.contracts.types import BRONZE_COLUMNS, SIGNED
from tillage.domain.load import CommitPoint
from tillage.errors import LakeError, LeaseLostError
from tillage.lake.condition import refuse_unwritable, unusable
from tillage.lake.mark import raise_format, read_mark, write_mark
from tillage.lake.paths import check_folder, file_paths
from tillage.lake.pinned import is_whole_copy, pinned_tables
from tillage.lake.schema import arrow_of, arrow_schema, conflict
from tillage.lake.upkeep import Upkeep
from tillage.ports.commit import Commits
from tillage.ports.lake import ColumnTypes, PinnedTable, Rows, Snapshot

READER, WRITER = 1, 2  # protocol: what delta-rs, Spark and plain Parquet readers all understand without features


# The writer holds a whole row group before it packs it: of raw records of some kilobytes each, some 100 MB.
_ROW_GROUP_ROWS = 32_768
WRITER_PROPERTIES = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=_ROW_GROUP_ROWS)
# What bronze has had from its first version on.
_OLD_BRONZE = tuple(column for column, _ in BRONZE_COLUMNS[: 1 + [one for one, _ in BRONZE_COLUMNS].index("units")])


class DeltaLake:
    """The tables of one project below `folder`."""

    def __init__(self, folder: Path, commits: Commits) -> None:
        check_folder(folder)
        self._folder = folder
        self._commits = commits

    def bronze(self, feed: str) -> Table:
        folder = self._folder / "bronze" / feed
        return Table(folder, f"{feed}/bronze", BRONZE_COLUMNS, ("load_seq",), self._commits, needed=_OLD_BRONZE)

    def location(self) -> str:
        return str(self._folder)

    def mark(self) -> str | None:
        return read_mark(self._folder)

    def put_mark(self, house: str) -> None:
        write_mark(self._folder, house, self._commits)

    def take_up(self) -> None:
        raise_format(self._folder, self._commits)

    def pinned(self) -> list[PinnedTable]:
        return pinned_tables(self._folder, self.tables())

    def is_whole_copy(self, folder: Path, table: PinnedTable) -> bool:
        return is_whole_copy(folder, table)

    def tables(self) -> set[str]:
        return {"/".join(log.parts[-3:-1]) for log in self._folder.glob("*/*/_delta_log")}

    def silver(self, feed: str, dataset: str, columns: ColumnTypes) -> Table:
        folder, needed = self._folder / "silver" / dataset, tuple(column for column, _ in SIGNED)
        return Table(folder, f"{feed}/silver.{dataset}", columns, ("_load",), self._commits, needed=needed)


class Table:
    """One Delta table; `app_id` names its writer in the receipts.

    A table may lack columns that are not `needed`, since an older version or contract made it: it is read as it is, and
    the next commit adds them, in one with its rows and its receipt.
    """

    def __init__(
        self,
        folder: Path,
        app_id: str,
        columns: ColumnTypes,
        statistics: tuple[str, ...],
        commits: Commits,
        *,
        needed: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self._app_id = app_id
        self._columns = columns
        self._statistics = statistics
        self._commits = commits
        self._needed = needed

    def snapshot(self) -> Snapshot:
        table = self._open()
        return Snapshot(table.version(), self._receipt(table), file_paths(self._folder, table.file_uris()))

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

    def upkeep(self) -> Upkeep:
        return Upkeep(
            self._folder,
            self._app_id,
            self._commits,
            WRITER_PROPERTIES,
            open_table=self._open,
            unusable=self._unusable,
        )

    def _commit(self, table: DeltaTable, rows: Rows | None, receipt: int, properties: CommitProperties) -> None:
        data = self._schema().empty_table() if rows is None else rows
        try:
            refuse_unwritable(self._folder)
            write_deltalake(
                table,
                data,
                mode="append",
                schema_mode=None if self._is_of(table) else "merge",
                commit_properties=properties,
                writer_properties=WRITER_PROPERTIES,
            )
        except CommitFailedError as wrong:
            raise LeaseLostError(
                f"table {self._app_id}: another process committed while load {receipt} was being written; run again"
            ) from wrong
        except (DeltaError, OSError) as wrong:
            raise self._unusable("written", wrong) from wrong

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
            raise self._unusable("read", wrong) from wrong
        protocol = table.protocol()
        if (protocol.min_reader_version, protocol.min_writer_version) != (READER, WRITER):
            raise LakeError(
                f"table {self._app_id} has Delta protocol {protocol.min_reader_version}/{protocol.min_writer_version}; "
                f"this version reads and writes {READER}/{WRITER} only: another tool has changed it"
            )
        unlike = conflict(self._schema(), arrow_of(table), self._needed)
        if unlike and self._is_unused(table):
            return self._create("overwrite")
        if unlike:
            raise LakeError(
                f"table {self._app_id}: column {unlike}. What is loaded keeps its columns: undo the change, or start a "
                "new project"
            )
        return table

    def _is_of(self, table: DeltaTable) -> bool:
        """Whether it has these columns and no others, in this order."""
        return bool(table.schema() == DeltaSchema.from_arrow(self._schema()))

    def _is_unused(self, table: DeltaTable) -> bool:
        """Whether no load ever committed here; then its columns bind nobody."""
        return self._receipt(table) == 0 and not table.file_uris()

    def _create(self, mode: Literal["ignore", "overwrite"] = "ignore") -> DeltaTable:
        # Statistics only where they prune and cannot hold what a person wrote.
        configuration = {"delta.dataSkippingStatsColumns": ",".join(self._statistics)}
        with self._commits.at(CommitPoint.TABLE):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                return DeltaTable.create(self._folder, schema=self._schema(), mode=mode, configuration=configuration)
            except (DeltaError, OSError) as wrong:
                raise self._unusable("created", wrong) from wrong

    def _unusable(self, what: str, wrong: Exception) -> LakeError:
        return unusable(self._app_id, self._folder, what, wrong)
