"""Delta snapshots of models in `gold/<model>`: each version is a model's whole rows, of one set of loads.

A process that dies right before a commit leaves files that no version holds, which the next snapshot deletes; right
after it, the files of the versions before, which the next one deletes too. What a version is of stands in its commit.
Before anything is read for a snapshot its table is opened, and it is committed on what was opened: should its
lease have gone to another process, one of the two is refused, so an older state never follows a newer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from tillage.domain.load import CommitPoint
from tillage.errors import ExportError, LakeError, LeaseLostError, TillageError
from tillage.lake.condition import refuse_unwritable, unusable
from tillage.lake.delta import READER, WRITER, WRITER_PROPERTIES
from tillage.lake.paths import file_paths
from tillage.lake.upkeep import LOG_KEPT, Upkeep, files_in
from tillage.ports.commit import Commits
from tillage.ports.export import SnapshotSaid

GOLD = "gold"
_KEPT_H = 1
"""A reader may go on with a version for so long after it was replaced."""
_SAID = "tillage."
# No statistics, since a key may be what a person wrote; and the log is shortened under the lease of who removes files.
_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.logRetentionDuration": LOG_KEPT,
}
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class DeltaSnapshots:
    """The snapshots below a lake's folder."""

    def __init__(self, lake: Path, commits: Commits) -> None:
        self._folder = lake / GOLD
        self._commits = commits

    def opened(self, model: str) -> Snapshot:
        return Snapshot(self._folder / model, f"{GOLD}/{model}", self._commits)


class Snapshot:
    """One table as it was opened; what lay in its folder before that is told from what came since."""

    def __init__(self, folder: Path, app_id: str, commits: Commits) -> None:
        self._folder = folder
        self._app_id = app_id
        self._commits = commits
        self._there = files_in(folder)
        self._table = self._open()

    def said(self) -> SnapshotSaid:
        if self._table is None:
            return SnapshotSaid(-1, {}, 0, 0)
        last = self._table.history(1)[0]
        about = {name.removeprefix(_SAID): str(said) for name, said in last.items() if name.startswith(_SAID)}
        live = self._table.get_add_actions(flatten=True)
        rows, sizes = live.column("num_records").to_pylist(), live.column("size_bytes").to_pylist()
        return SnapshotSaid(self._table.version(), about, sum(rows), sum(sizes))

    def missing(self) -> int:
        files = file_paths(self._folder, self._table.file_uris()) if self._table else ()
        return sum(not Path(file).is_file() for file in files)

    def replace(self, rows: Any, number: int, about: Mapping[str, str]) -> None:
        read = _Watched(pa.RecordBatchReader.from_stream(rows))
        self._refuse_features(read.schema)
        if self._table and (self._table.transaction_version(self._app_id) or 0) >= number:
            raise self._overtaken()
        properties = CommitProperties(
            custom_metadata={f"{_SAID}{name}": said for name, said in about.items()},
            app_transactions=[Transaction(self._app_id, number)],
            max_commit_retries=0,
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            refuse_unwritable(self._folder)
            with self._commits.at(CommitPoint.SNAPSHOT):
                self._table = self._commit(read, properties)
        except CommitFailedError as wrong:
            raise self._overtaken() from wrong
        except (DeltaError, OSError) as wrong:
            if self._table is None and read.failure is None and DeltaTable.is_deltatable(str(self._folder)):
                raise self._overtaken() from wrong
            raise read.failure or unusable(self._app_id, self._folder, "written", wrong) from wrong

    def _commit(self, read: _Watched, properties: CommitProperties) -> DeltaTable:
        if self._table is None:
            # In one commit with the rows; refused if by now there is a table.
            write_deltalake(
                self._folder,
                read.reader(),
                mode="error",
                configuration=_CONFIGURATION,
                commit_properties=properties,
                post_commithook_properties=_NO_HOOKS,
                writer_properties=WRITER_PROPERTIES,
            )
            return DeltaTable(self._folder)
        is_other = self._table.schema() != DeltaSchema.from_arrow(read.schema)
        write_deltalake(
            self._table,
            read.reader(),
            mode="overwrite",
            schema_mode="overwrite" if is_other else None,
            commit_properties=properties,
            post_commithook_properties=_NO_HOOKS,
            writer_properties=WRITER_PROPERTIES,
        )
        return self._table

    def clean(self) -> int:
        table = self._table
        if table is None:
            return 0
        try:
            unused = table.vacuum(retention_hours=_KEPT_H, dry_run=True, enforce_retention_duration=False, full=True)
        except (DeltaError, OSError) as wrong:
            raise unusable(self._app_id, self._folder, "cleaned", wrong) from wrong
        deleted = self._there & {Path(path).name for path in unused}
        upkeep = Upkeep(
            self._folder,
            self._app_id,
            self._commits,
            WRITER_PROPERTIES,
            open_table=lambda: table,
            unusable=lambda what, wrong: unusable(self._app_id, self._folder, what, wrong),
        )
        upkeep.delete(sorted(deleted))
        upkeep.shorten_log()
        return len(deleted)

    def _open(self) -> DeltaTable | None:
        try:
            table = DeltaTable(self._folder)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as wrong:
            raise unusable(self._app_id, self._folder, "read", wrong) from wrong
        protocol = table.protocol()
        if (protocol.min_reader_version, protocol.min_writer_version) != (READER, WRITER):
            raise LakeError(
                f"table {self._app_id} has another Delta protocol than {READER}/{WRITER}: another tool has changed it. "
                f"Nothing is lost with it: remove {self._folder}, then repeat the command"
            )
        return table

    def _refuse_features(self, schema: pa.Schema) -> None:
        for column in schema:
            if pa.types.is_timestamp(column.type) and column.type.tz is None:
                raise ExportError(
                    f"{self._app_id.replace('/', '.')}: column '{column.name}' is a time without a zone, for which "
                    "Delta needs a feature that not every reader has: cast it to timestamptz in the model"
                )

    def _overtaken(self) -> LeaseLostError:
        return LeaseLostError(f"table {self._app_id}: another export wrote it meanwhile; repeat the command")


class _Watched:
    """Rows on their way through the library, which says of a failure of theirs no more than that there was one."""

    def __init__(self, rows: pa.RecordBatchReader) -> None:
        self._rows = rows
        self.schema = rows.schema
        self.failure: TillageError | None = None

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._rows
        except TillageError as wrong:
            self.failure = wrong
            raise
