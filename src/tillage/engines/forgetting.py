"""Bronze without the bytes that were kept long enough: which records that are, and their rows as they are then.

What repeats a record goes: `raw`, `text`, and the digest of one that was cut. Place, length and verdicts stay.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from tillage.contracts.sql_text import name
from tillage.contracts.types import BRONZE_COLUMNS
from tillage.domain.load import Spans, spans
from tillage.engines.relations import spanned_bronze_relation
from tillage.ports.engine import Due, Holding
from tillage.ports.lake import Rows, Snapshot

_REPEATING = ("raw", "text", "digest")
_WRITTEN_ROWS = 8_192  # more would only be held at once
_MOST_SPANS = 50
HOLDS_BYTES = f"({' or '.join(f'{column} is not null' for column in _REPEATING)})"
_IS_DUE = f"""
    forgotten_by is null and {HOLDS_BYTES}
    and load_seq in (select load_seq from "#due")
    and (record_load, source, ordinal) not in (select (load_seq, source, ordinal) from "#kept_records")
    and (record_load, source) not in (select (load_seq, source) from "#kept_files")
"""


def holding(connection: duckdb.DuckDBPyConnection, bronze: Snapshot, due: Due) -> Holding:
    """Looks at columns of bytes only in the loads that are due."""
    if not due.loads or not bronze.files:
        return Holding({}, "")
    _keep(connection, due)
    rows = spanned_bronze_relation(bronze, spans(due.loads, most=_MOST_SPANS), with_file=True)
    found = connection.execute(f"""
        select load_seq, count(*), max(parse_filename(filename)) from ({rows}) where {_IS_DUE}
        group by load_seq order by load_seq
    """).fetchall()
    return Holding({int(load): int(count) for load, count, _ in found}, max((file for *_, file in found), default=""))


def forgotten(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, due: Due, within: Spans, number: int
) -> pa.RecordBatchReader:
    """A stream that the connection is busy with until it is read."""
    _keep(connection, due)
    return taken_away(connection, bronze, within, number, is_due=_IS_DUE)


def taken_away(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, within: Spans, number: int, *, is_due: str
) -> pa.RecordBatchReader:
    """All bronze rows of the loads in `within`, those that are due, by a condition, without what repeats the record."""
    taken = {column: f"if(is_due, null, {column})" for column in _REPEATING}
    taken["forgotten_by"] = f"if(is_due, {int(number)}, forgotten_by)"
    columns = ", ".join(
        f"{taken.get(column, name(column))}::{kind} as {name(column)}" for column, kind in BRONZE_COLUMNS
    )
    rows = f"select *, {is_due} as is_due from ({spanned_bronze_relation(bronze, within)})"
    return connection.sql(f"select {columns} from ({rows})").to_arrow_reader(_WRITTEN_ROWS)


def without_bytes(connection: duckdb.DuckDBPyConnection, bronze: Snapshot, places: Rows) -> pa.Table:
    """Of the records at `places`; looks at no column of bytes."""
    connection.register("#places", places)
    connection.execute(
        'create or replace temp table "#asked" as select distinct load_seq, source, ordinal from "#places"'
    )
    loads = [int(load) for (load,) in connection.execute('select distinct load_seq from "#asked"').fetchall()]
    rows = spanned_bronze_relation(bronze, ((min(loads), max(loads)),) if loads else ())
    return connection.sql(f"""
        select load_seq, source, ordinal, forgotten_by from ({rows})
        semi join "#asked" using (load_seq, source, ordinal)
        where record_load = load_seq and forgotten_by is not null
    """).to_arrow_table()


def _keep(connection: duckdb.DuckDBPyConnection, due: Due) -> None:
    """Fills `#due`, `#kept_records` and `#kept_files`."""
    connection.register("#waiting", due.waiting)
    connection.register("#loads", pa.table({"load_seq": pa.array(due.loads, pa.int64())}))
    connection.register("#whole", pa.table({"load_seq": pa.array(sorted(due.whole), pa.int64())}))
    connection.execute("""
        create or replace temp table "#due" as from "#loads";
        create or replace temp table "#kept_records" as select distinct load_seq, source, ordinal from "#waiting";
        create or replace temp table "#kept_files" as
        select distinct load_seq, source from "#waiting" semi join "#whole" using (load_seq)
    """)
