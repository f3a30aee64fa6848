"""All records of a load to checked units, several batches at once, in bounded memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from itertools import pairwise
from queue import SimpleQueue
from threading import Lock
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.compiler.check import Check
from tillage.contracts.compiler.shape import NOTE, ROWS
from tillage.contracts.compiler.suspect import structure
from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import checked_columns
from tillage.domain.verdict import Code
from tillage.engines.batches import Batches
from tillage.engines.units import Units
from tillage.ports.door import RecordBatch
from tillage.ports.engine import Folders

RECORDS = '"#records"'
_LARGE_BYTES = 2 * 1024 * 1024  # several such records parsed at once, of many tiny values, would not fit into memory

_GATHERED_ROWS = 131_072  # of groups that are checked at once


def checked(dataset: Dataset) -> str:
    """The table of a dataset's checked units."""
    return name("#checked:" + dataset.name)


def _said(value: str) -> str:
    """What a folder says, as the exact look hands it on: no column takes a NUL."""
    return json.dumps({NOTE: Code.TYPE} if "\0" in value else value)


class Reader:
    """Fills `RECORDS` (place, raw, code of what is unreadable) and the `checked` table of each dataset.

    `threads` batches are checked at once: one is smaller than what the engine itself would spread over threads.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, check: Check, folders: Folders, threads: int = 1) -> None:
        self._connection = connection
        self._check = check
        self._datasets = check.contract.datasets
        read = check.shape.members
        self._members = sorted({member for found in folders.values() for member in found if member in read})
        self._folders = folders
        self._threads = threads
        self._is_trusting = True
        self._units = {dataset.name: Units(check, dataset, self._members) for dataset in self._datasets}

    def start(self, *, is_trusting: bool = True) -> None:
        """Empty tables. `is_trusting`: text beside bytes is as a door made it, and not as a patch did."""
        self._is_trusting = is_trusting
        empty = text(json.dumps(structure(self._check.shape)))
        self._connection.execute(f"""
            create or replace table {RECORDS}
                (_load_seq bigint, _source integer, _ordinal bigint, _offset bigint, raw blob, text varchar,
                size_bytes bigint, digest varchar, code varchar, is_part boolean, is_broken boolean)
        """)
        self._keep_folders()
        self._connection.execute(f"""
            create or replace temp view "#parsed" as
            select _load_seq, _source, _ordinal, _offset, json_transform('{{}}', {empty}) as r, f, false as is_text
            from {RECORDS} left join "#folders" using (_load_seq, _source) where false
        """)
        for dataset in self._datasets:
            self._connection.execute(f"""
                create or replace table {_rows(dataset)} as from "#parsed"
            """)
            self._check_units(self._connection, dataset, f"create or replace table {checked(dataset)} as")

    def _keep_folders(self) -> None:
        fields = [pa.field(member, pa.string()) for member in self._members] or [pa.field("", pa.string())]
        rows: list[dict[str, Any]] = [
            {
                "_load_seq": load_seq,
                "_source": source,
                "f": {member: _said(found[member]) for member in self._members if member in found},
            }
            for (load_seq, source), found in self._folders.items()
            if self._members
        ]
        schema = pa.schema([("_load_seq", pa.int64()), ("_source", pa.int32()), ("f", pa.struct(fields))])
        self._connection.register("#folders_given", pa.Table.from_pylist(rows, schema=schema))
        self._connection.execute('create or replace table "#folders" as from "#folders_given"')
        self._connection.unregister("#folders_given")

    def read(self, batches: Iterable[RecordBatch], load_seq: int | None = None) -> None:
        """Checks all batches, in any order; `load_seq` where they do not carry their own."""
        idle: SimpleQueue[tuple[duckdb.DuckDBPyConnection, Batches]] = SimpleQueue()
        one_at_a_time = Lock()

        def check(batch: RecordBatch) -> None:
            cursor, worker = idle.get()
            try:
                large = _large(batch)
                with one_at_a_time if large else nullcontext():
                    for part in _parts(batch, large):
                        worker.parse(part, load_seq)
                        self._keep(cursor)
            finally:
                # Also after a failure: a batch that waits for a connection would wait for ever.
                idle.put((cursor, worker))

        with ExitStack() as stack:
            for _ in range(self._threads):
                cursor = stack.enter_context(closing(self._connection.cursor()))
                idle.put((cursor, Batches(cursor, self._check, is_trusting=self._is_trusting)))
            pool = ThreadPoolExecutor(self._threads)
            # What waits when one batch has failed, or its file has, would be work for nothing.
            stack.callback(pool.shutdown, cancel_futures=True)
            pending: deque[Future[None]] = deque()
            for batch in batches:
                # One more than there are threads waits, so that none does; more would only cost memory.
                while len(pending) > self._threads:
                    pending.popleft().result()
                pending.append(pool.submit(check, batch))
            for one in pending:
                one.result()

    def _keep(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Adds what `#parsing`, `#looked` and `#parsed` of a connection hold."""
        connection.execute(f"""
            insert into {RECORDS}
            select _load_seq, _source, _ordinal, _offset, raw, text, size_bytes, digest, coalesce(p.code, l.code),
                is_part, is_part and (p.code is not null or coalesce(is_broken, false))
            from "#parsing" as p left join "#looked" as l using (_load_seq, _source, _ordinal)
        """)
        for dataset in self._datasets:
            if dataset.group_by:
                connection.execute(f'insert into {_rows(dataset)} from "#parsed"')
            else:
                self._check_units(connection, dataset, f"insert into {checked(dataset)} by name")

    def broken_documents(self) -> list[int]:
        """Sources that are one document each, of which a part is no JSON or XML: none of their records stands."""
        rows = self._connection.execute(f"select distinct _source from {RECORDS} where is_broken order by 1").fetchall()
        return [int(source) for (source,) in rows]

    def replace(self, source: int, batch: RecordBatch, load_seq: int) -> None:
        """The records of `source` are given up for those of `batch`: its whole document, unreadable."""
        for table in (RECORDS, *(found(d) for d in self._datasets for found in (_rows, checked))):
            self._connection.execute(f"delete from {table} where _source = {int(source)}")
        self.read([batch], load_seq)

    def finish(self) -> None:
        """What only all records of a file together can tell: groups of rows, and units that are said twice."""
        for dataset in self._datasets:
            if dataset.group_by:
                self._gather(dataset)
            if dataset.is_distinct:
                self._connection.execute(f"create or replace table {checked(dataset)} as {_distinct(dataset)}")

    def _grouped(self, dataset: Dataset) -> str:
        return f"select * exclude (row_ordinals) from ({self._check.grouped(dataset, _rows(dataset), self._members)})"

    def rows_of_units(self, dataset: Dataset) -> str:
        """SELECT `_load_seq, _source, _ordinal, _row`: of each unit of a dataset with `group_by` the numbers of all its
        rows.
        """
        grouped = self._check.grouped(dataset, _rows(dataset), self._members)
        return f"select _load_seq, _source, _ordinal, unnest(row_ordinals) as _row from ({grouped})"

    def _check_units(self, connection: duckdb.DuckDBPyConnection, dataset: Dataset, into: str) -> None:
        parsed = '"#parsed"'
        if dataset.group_by:
            parsed = f"({self._grouped(dataset)})"
        self._units[dataset.name].take(connection, parsed, into)

    def _gather(self, dataset: Dataset) -> None:
        """Rows that belong together, as units: all groups in a table that may spill, then some of them at a time."""
        rows, into = (
            self._grouped(dataset),
            f"insert into {checked(dataset)} by name",
        )
        self._connection.execute(f'create or replace temp table "#grouped" as {rows}')
        parts = self._connection.execute(f"""
            select min(rowid), max(rowid) from (
                select rowid, sum(len(r.{name(ROWS)})) over (order by rowid rows unbounded preceding)
                    // {_GATHERED_ROWS} as part
                from "#grouped"
            ) group by part
        """).fetchall()
        for first, last in parts:
            part = f'(select * from "#grouped" where rowid between {first} and {last})'
            self._units[dataset.name].take(self._connection, part, into)
        self._connection.execute('drop table "#grouped"')


def _large(batch: RecordBatch) -> list[int]:
    """Rows of the records of which only one is parsed at a time: it takes up to a hundred times its bytes."""
    raws, texts = (pc.fill_null(pc.binary_length(batch.column(column)), 0) for column in ("raw", "text"))
    found: list[int] = pc.indices_nonzero(pc.greater(pc.max_element_wise(raws, texts), _LARGE_BYTES)).to_pylist()
    return found


def _parts(batch: RecordBatch, large: Sequence[int]) -> list[RecordBatch]:
    """The batch in order, each of its large records by itself."""
    edges = sorted({0, batch.num_rows, *large, *(row + 1 for row in large)})
    return [batch.slice(start, end - start) for start, end in pairwise(edges)] if large else [batch]


def _rows(dataset: Dataset) -> str:
    return name("#rows:" + dataset.name)


def _distinct(dataset: Dataset) -> str:
    """SELECT of the units of a dataset without those that an earlier one of the same file equals; of broken ones nobody
    can tell.
    """
    own = [name(column) for column, _ in checked_columns(dataset)]
    broken = "if(len(_codes) > 0, struct_pack(a := _ordinal, b := _unit), null)"
    same = ", ".join(["_load_seq", "_source", *own, broken])
    order = "order by _ordinal, _unit"
    numbered = f"select *, row_number() over (partition by {same} {order}) as _place from {checked(dataset)}"
    return f"select * exclude (_place) from ({numbered}) where _place = 1"
