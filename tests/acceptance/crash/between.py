"""A stop where delta-rs offers none: a file of rows is written, and the log does not say so yet."""

from __future__ import annotations

import json
import signal
import threading
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from tillage.errors import LeaseLostError
from tillage.lake.delta import Table
from tillage.ports.lake import Rows


def stop_between_file_and_commit() -> None:
    """Writes rows of bronze as delta-rs does, file first and then the same commit, and stops between the two."""
    whole = Table._commit

    def commit(self: Table, table: DeltaTable, rows: Rows | None, receipt: int, properties: CommitProperties) -> None:
        if rows is None or not self._app_id.endswith("/bronze"):
            whole(self, table, rows, receipt, properties)
            return
        data = pa.RecordBatchReader.from_stream(rows).read_all()
        path = self._folder / f"part-00000-{uuid4()}-c000.zstd.parquet"
        pq.write_table(data, path)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        stats = json.dumps({"numRecords": data.num_rows})
        add = AddAction(path.name, path.stat().st_size if path.exists() else 1, {}, 0, data_change=True, stats=stats)
        try:
            table.create_write_transaction([add], "append", table.schema(), commit_properties=properties)
        except CommitFailedError as wrong:
            raise LeaseLostError(f"table {self._app_id}: refused") from wrong

    Table._commit = commit  # type: ignore[method-assign]
