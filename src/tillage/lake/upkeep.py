"""Upkeep of one Delta table, which may be stopped at any place and go on after others have taken over.

The fence changes the table's metadata. Delta refuses every commit from an older snapshot then, also that of a
compaction, which carries no receipt and would pass an empty commit. So a file that lies there before the fence, and is
in no version from the fence on, can be committed by nobody any more, and deleting it is right however late it is done.

delta-rs's own vacuum is asked for its list only, on the fence's version: it would delete what is in no version at the
moment when it looks, which a writer who came later may be about to commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from tillage.domain.load import CommitPoint, Spans
from tillage.errors import LakeError, LeaseLostError
from tillage.lake.rewriting import Counted, replace_rows, rows_in
from tillage.ports.commit import Commits
from tillage.ports.upkeep import TableSize

# A file of this size is read in about the time that opening a hundred takes; and a compaction holds some seven times
# its target in memory where rows do not compress (measured: 460 MB at 64 MiB).
_TARGET_BYTES = 32 * 1024 * 1024
# Longer than a process stays stopped and is let go on; one that does is refused all the same, with another error.
LOG_KEPT = "interval 7 days"
_OURS = "part-*.parquet"


def files_in(folder: Path) -> set[str]:
    """Names of the data files that lie in a table's folder, whatever versions hold them."""
    return {path.name for path in folder.glob(_OURS)}


class Upkeep:
    """What `TableUpkeep` promises, for the table in `folder` that `open_table` opens."""

    def __init__(
        self,
        folder: Path,
        app_id: str,
        commits: Commits,
        writer: WriterProperties,
        *,
        open_table: Callable[[], DeltaTable],
        unusable: Callable[[str, Exception], LakeError],
    ) -> None:
        self._folder = folder
        self._app_id = app_id
        self._commits = commits
        self._writer = writer
        self._open = open_table
        self._unusable = unusable

    def size(self) -> TableSize:
        live = self._open().get_add_actions(flatten=True).column("size_bytes").to_pylist()
        on_disk = [path.stat().st_size for path in self._folder.glob(_OURS)]
        return TableSize(len(live), sum(live), len(on_disk), sum(on_disk))

    def fence(self, number: int, *, keep_h: int) -> tuple[str, ...]:
        there = files_in(self._folder)
        table = self._open()
        if (table.transaction_version(self._app_id) or 0) >= number:
            raise self._overtaken(number)
        properties = CommitProperties(app_transactions=[Transaction(self._app_id, number)], max_commit_retries=0)
        changed = {"tillage.fence": str(number), "delta.logRetentionDuration": LOG_KEPT}
        try:
            with self._commits.at(CommitPoint.FENCE):
                table.alter.set_table_properties(changed, raise_if_not_exists=False, commit_properties=properties)
            # Of the very version that the fence is: `table` has become it.
            unused = table.vacuum(retention_hours=keep_h, dry_run=True, enforce_retention_duration=False, full=True)
        except CommitFailedError as wrong:
            raise self._overtaken(number) from wrong
        except (DeltaError, OSError) as wrong:
            raise self._unusable("fenced", wrong) from wrong
        return tuple(sorted(there & {Path(path).name for path in unused}))

    def is_lying_unused(self, file: str) -> bool:
        # The log is read only where the answer could be yes.
        return (self._folder / file).is_file() and file not in {Path(uri).name for uri in self._open().file_uris()}

    def rewrite(self, number: int, *, version: int, spans: Spans, rows: pa.RecordBatchReader) -> None:
        table = self._open()
        if (table.version(), table.transaction_version(self._app_id)) != (version, number):
            raise self._overtaken(number)
        properties = CommitProperties(app_transactions=[Transaction(self._app_id, number)], max_commit_retries=0)
        counted = Counted(rows)
        try:
            counted.expect(rows_in(table, spans))
            replace_rows(
                table, spans, counted, properties, self._writer, target_bytes=_TARGET_BYTES, commits=self._commits
            )
        except CommitFailedError as wrong:
            raise self._overtaken(number) from wrong
        except (DeltaError, OSError, pa.ArrowException) as wrong:
            if counted.is_wrong:
                raise LakeError(
                    f"table {self._app_id}: its files hold other rows than were read of them; nothing was changed. "
                    "Hold it against the rest of the house: tillage audit"
                ) from None
            raise self._unusable("rewritten", wrong) from wrong

    def compact(self) -> None:
        table = self._open()
        try:
            with self._commits.at(CommitPoint.COMPACT):
                table.optimize.compact(
                    target_size=_TARGET_BYTES, max_concurrent_tasks=1, writer_properties=self._writer
                )
        except CommitFailedError as wrong:
            raise LeaseLostError(
                f"table {self._app_id}: another process fenced it while its files were put together; run again"
            ) from wrong
        except (DeltaError, OSError) as wrong:
            raise self._unusable("compacted", wrong) from wrong

    def delete(self, files: Iterable[str]) -> None:
        try:
            with self._commits.at(CommitPoint.VACUUM):
                for file in files:
                    (self._folder / file).unlink(missing_ok=True)
        except OSError as wrong:
            raise self._unusable("cleaned", wrong) from wrong

    def shorten_log(self) -> None:
        table = self._open()
        try:
            with self._commits.at(CommitPoint.CHECKPOINT):
                table.create_checkpoint()
                table.cleanup_metadata()
        except (DeltaError, OSError) as wrong:
            raise self._unusable("given a checkpoint", wrong) from wrong

    def _overtaken(self, number: int) -> LeaseLostError:
        return LeaseLostError(f"table {self._app_id}: another process committed before fence {number}; run again")
