"""Rows of some loads in a table put in the place of all rows of these loads, in one commit.

Done by delta-rs's overwrite with a predicate. It reads only files that may hold such loads, by their statistics, and
takes the rows of others that lie in the same files over as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake

from tillage.domain.load import CommitPoint, Spans
from tillage.ports.commit import Commits


class Counted:
    """Rows as they pass; at the end there must have been as many as `expect` was told, or reading them fails."""

    def __init__(self, rows: pa.RecordBatchReader) -> None:
        self._rows = rows
        self._wanted = 0
        self.is_wrong = False
        self.names = set(rows.schema.names)

    def expect(self, rows: int) -> None:
        self._wanted = rows

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._rows.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        passed = 0
        for batch in self._rows:
            passed += batch.num_rows
            yield batch
        if passed != self._wanted:
            self.is_wrong = True
            raise ValueError


def rows_in(table: DeltaTable, spans: Spans) -> int:
    """How many rows the table has of these loads, read past the engine that makes the new ones."""
    load = ds.field("load_seq")
    wanted = reduce(or_, ((load >= first) & (load <= last) for first, last in spans))
    return int(table.to_pyarrow_dataset().count_rows(filter=wanted))


def replace_rows(
    table: DeltaTable,
    spans: Spans,
    rows: Counted,
    properties: CommitProperties,
    writer: WriterProperties,
    *,
    target_bytes: int,
    commits: Commits,
) -> None:
    """The commit; a column that the table lacks is added in it."""
    predicate = " or ".join(f"(load_seq >= {int(first)} and load_seq <= {int(last)})" for first, last in spans)
    is_growing = not rows.names <= {field.name for field in table.schema().fields}
    with commits.at(CommitPoint.FORGET):
        write_deltalake(
            table,
            rows.reader(),
            mode="overwrite",
            predicate=predicate,
            schema_mode="merge" if is_growing else None,
            target_file_size=target_bytes,
            commit_properties=properties,
            writer_properties=writer,
        )
