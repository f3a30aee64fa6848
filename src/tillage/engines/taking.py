"""What waits in quarantine and is taken up again: which units, which bytes they are read from, what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa

from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.sql_text import text
from tillage.engines.judged import decided
from tillage.engines.reader import RECORDS, checked
from tillage.engines.recall import brought_relation
from tillage.engines.slices import VECTOR_ROWS, gathered
from tillage.ports.door import RecordBatch
from tillage.ports.engine import Patched
from tillage.ports.lake import Rows, Snapshot

TAKEN = '"#taken"'
"""The units that waited and were judged again, with the amounts that they were counted with."""
WRITTEN = '"#written"'
"""The records whose units they are, and whether their bytes were patched."""
_WAITING = pa.schema(
    [
        ("dataset", pa.string()),
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("unit", pa.int64()),
        ("codes", pa.list_(pa.string())),
        ("is_unreadable", pa.bool_()),
        ("control_minor", pa.decimal128(38, 0)),
        ("control_currency", pa.string()),
    ]
)


def start_taking(connection: duckdb.DuckDBPyConnection, waiting: Rows | None = None) -> None:
    """Fills `#waiting`; empties `TAKEN`, `WRITTEN` and `#patched`."""
    connection.register("#given", _WAITING.empty_table() if waiting is None else waiting)
    places = "_load_seq bigint, _source integer, _ordinal bigint"
    connection.execute(f"""
        create or replace table "#waiting" as from "#given";
        create or replace temp table {TAKEN} as from "#waiting" where false;
        create or replace table "#patched" ({places});
        create or replace temp table {WRITTEN} ({places}, is_patched boolean)
    """)
    connection.unregister("#given")


def taken_batches(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, contract: Contract, patched: Patched | None
) -> Iterator[RecordBatch]:
    """The records of the units that wait, patched where that changes them; of grouped rows, whole files, unless bytes
    of the file are forgotten. That is so if its contract came to need whole files later.
    """
    loads = [int(load) for (load,) in connection.execute('select distinct load_seq from "#waiting"').fetchall()]
    place = "load_seq, source" if contract.is_whole_source() else "load_seq, source, ordinal"
    rows = connection.cursor().sql(f"""
        select b.*, w.reasons
        from ({brought_relation(bronze, loads, contract)}) as b semi join "#waiting" using ({place})
        left join (
            select load_seq, source, ordinal, list(distinct struct_pack(dataset := dataset, code := code)) as reasons
            from (select load_seq, source, ordinal, dataset, unnest(codes) as code from "#waiting") group by all
        ) as w using (load_seq, source, ordinal)
    """)
    for batch in gathered(rows.to_arrow_reader(VECTOR_ROWS)):
        reasons = batch.column("reasons")
        plain = batch.drop_columns(["reasons"])
        yield plain if patched is None else _patched(connection, plain, reasons, patched)


def _patched(
    connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, reasons: pa.Array, patched: Patched
) -> pa.RecordBatch:
    """The batch with the changed records, which are remembered in `#patched`; one that is cut or broken stays."""
    cursor = connection.cursor()
    cursor.register("#batch", pa.table(batch).append_column("reasons", reasons))
    texts = cursor.sql("""
        select case when reasons is null or code is not null then null
            when text is not null then text else try(decode(raw)) end as text, reasons from "#batch"
    """).to_arrow_table()
    changed = patched(texts.column("text").combine_chunks(), texts.column("reasons").combine_chunks())
    cursor.register("#changed", pa.table({"changed": changed}))
    found = cursor.sql("""
        select b.* exclude (reasons) replace (
            if(c.changed is not null and b.text is null, c.changed::varchar::blob, b.raw) as raw,
            if(c.changed is not null and b.text is not null, c.changed, b.text) as text),
            c.changed is not null as is_patched
        from "#batch" as b positional join "#changed" as c
    """).to_arrow_table()
    cursor.register("#found", found)
    cursor.execute('insert into "#patched" select load_seq, source, ordinal from "#found" where is_patched')
    cursor.close()
    return found.drop_columns(["is_patched"]).cast(batch.schema).combine_chunks().to_batches()[0]


def keep_waiting(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> str:
    """Leaves in the `checked` tables only units that wait, or of records of which no unit was known; fills `WRITTEN`.

    Returns:
        The records that may still be unreadable, as a relation.
    """
    connection.execute(f"""
        insert into {WRITTEN}
        select _load_seq, _source, _ordinal, p._ordinal is not null from {RECORDS}
        semi join (select load_seq as _load_seq, source as _source, ordinal as _ordinal from "#waiting")
            using (_load_seq, _source, _ordinal)
        left join "#patched" as p using (_load_seq, _source, _ordinal)
    """)
    for dataset in datasets:
        connection.execute(f"""
            delete from {checked(dataset)} as c where not exists (
                select 1 from "#waiting" as w
                where (w.load_seq, w.source, w.ordinal) = (c._load_seq, c._source, c._ordinal)
                and (w.is_unreadable or w.dataset = {text(dataset.name)} and w.unit = c._unit)
            )
        """)
    return f"""(
        from {RECORDS} semi join (
            select load_seq as _load_seq, source as _source, ordinal as _ordinal from "#waiting" where is_unreadable
        ) using (_load_seq, _source, _ordinal)
    )"""


def find_taken(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> None:
    """Fills `TAKEN` once the verdicts are there.

    A unit that today's contract does not find any more goes on waiting. Of a record that could not be read, no unit
    was known: whatever is found in it now, the one that stood for it is taken.
    """
    units = " union all ".join(
        f"select {text(dataset.name)} as dataset, _load_seq, _source, _ordinal, _unit from {decided(dataset)}"
        for dataset in datasets
    )
    connection.execute(f"""
        create or replace temp table {TAKEN} as
        from "#waiting" as w
        where is_unreadable and (load_seq, source, ordinal) in (select (_load_seq, _source, _ordinal) from {WRITTEN})
            or not is_unreadable and (dataset, load_seq, source, ordinal, unit) in (
                select (dataset, _load_seq, _source, _ordinal, _unit) from ({units}))
    """)


def recall_written(connection: duckdb.DuckDBPyConnection, judged: str) -> None:
    """Fills `WRITTEN` from the bronze rows of the load that took them up, a SELECT."""
    connection.execute(f"""
        insert into {WRITTEN}
        select record_load, source, ordinal, coalesce(raw, text::blob) is not null from ({judged})
    """)
