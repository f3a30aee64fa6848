"""What each file of a load brought to each dataset, counted from its verdicts: a few numbers, however much it holds."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from tillage.contracts.contract import Dataset, Kind
from tillage.contracts.sql_text import name, text
from tillage.domain.verdict import Verdict
from tillage.engines.counting import GROUPS
from tillage.engines.judged import decided
from tillage.engines.reader import RECORDS
from tillage.engines.taking import WRITTEN

_FILE = "_load_seq, _source"


def statistic_rows(
    connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], load_seq: int, *, is_replay: bool
) -> pa.Table:
    """One row for each file with records, by the load that brought it, and dataset; of a replay, or a rebuild, which is
    like one, only where a unit was judged.

    Codes come as a JSON object, of the quarantined units. An event that is a date is the beginning of that day in UTC.
    """
    judged = f"{RECORDS} semi join {WRITTEN} using ({_FILE}, _ordinal)" if is_replay else RECORDS
    # Of who was erased there may be no bytes to read again.
    suppressed = " union ".join(
        f"select {_FILE}, _ordinal from {decided(dataset)} where {GROUPS['suppressed']}" for dataset in datasets
    )
    connection.execute(f"""
        create or replace temp table "#files" as
        select {_FILE}, count(*) as records from (
            select {_FILE}, _ordinal from {judged}
            union all from ({suppressed}) anti join {RECORDS} using ({_FILE}, _ordinal)
        ) group by {_FILE}
    """)
    side = "inner" if is_replay else "left"
    return connection.sql(" union all ".join(_of(dataset, load_seq, side) for dataset in datasets)).to_arrow_table()


def _of(dataset: Dataset, load_seq: int, side: str) -> str:
    counts = ", ".join(f"count(*) filter (where {group}) as {part}_rows" for part, group in GROUPS.items())
    shown = ", ".join(f"coalesce({part}_rows, 0) as {part}_rows" for part in GROUPS)
    first, last = (_event(dataset, bound) for bound in ("min", "max"))
    found = dataset.event_time()
    return f"""
        select {int(load_seq)}::bigint as load_seq, {text(dataset.name)} as dataset, _load_seq as record_load,
            _source as source, records, {shown}, coalesce(code_rows, '{{}}') as code_rows, first_event, last_event,
            {bool(found) and found[-1].kind is Kind.DATE} as is_event_date
        from "#files" {side} join (
            select {_FILE}, {counts}, {first} as first_event, {last} as last_event
            from {decided(dataset)} as rows group by {_FILE}
        ) using ({_FILE})
        left join (
            select {_FILE}, json_group_object(code, units)::varchar as code_rows
            from (
                select {_FILE}, code, count(*) as units
                from (select {_FILE}, unnest(_codes) as code from {decided(dataset)} where {GROUPS["quarantined"]})
                group by all
            ) group by {_FILE}
        ) using ({_FILE})
    """


def _event(dataset: Dataset, bound: str) -> str:
    found = dataset.event_time()
    if not found:
        return "null::timestamptz"
    column = name("rows", *(one.name for one in found))
    return f"({bound}({column}) filter (where _verdict = {text(Verdict.ACCEPTED)}))::timestamptz"
