"""What bronze keeps of loads: the records as they were judged, their verdicts, and what they put an end to.

Nothing is decided again here. A replay keeps no bytes, but those that were patched; the others are in the row of the
load that brought them. Records whose bytes are forgotten cannot be read again: what was accepted of them is in silver.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.sql_text import text
from tillage.contracts.types import RECORD_TYPE
from tillage.domain.verdict import Verdict
from tillage.engines.judged import PLACE, decided
from tillage.engines.reader import checked
from tillage.engines.relations import bronze_relation, visible_bronze_relation
from tillage.ports.lake import Snapshot

# A document that was broken, and a record that was cut, are not read again.
CODE = """if(is_part and list_any_value(list_transform(units, lambda u: u.verdict)) = 'unreadable'
    or digest is not null, units[1].codes[1], null) as code"""
_RECORDS = f'load_seq, source, ordinal, "offset", raw, text, size_bytes, digest, is_part, {CODE}'
_PLACES = ", ".join(PLACE)
_OPENED = """struct_pack("load" := record_load, source := source, ordinal := ordinal, "offset" := "offset",
    unit := u.unit)"""
_PLACED = 'record_load as _load_seq, source as _source, ordinal as _ordinal, "offset" as _offset'


def brought_relation(bronze: Snapshot, loads: Iterable[int], contract: Contract) -> str:
    """The records that `loads` brought, with what must not be read again of them; without those whose bytes are
    forgotten, and that can only be told together with such.
    """
    return f"select {_RECORDS} from ({_with_bytes(_brought(bronze, loads), contract)})"


def brought_records(bronze: Snapshot, loads: Iterable[int]) -> str:
    """All records that `loads` brought and that have bytes, each to be read for itself."""
    return f"select {_RECORDS} from ({_brought(bronze, loads)}) where not is_forgotten"


def patched_records(bronze: Snapshot, loads: Iterable[int]) -> str:
    """The records whose bytes `loads` have patched, as they are then."""
    patched = "record_load <> load_seq and coalesce(raw, text::blob) is not null"
    columns = _RECORDS.replace("load_seq", "record_load as load_seq", 1).replace(CODE, "null::varchar as code")
    return f"select {columns} from ({bronze_relation(bronze, loads)}) where {patched}"


def recalled_relation(bronze: Snapshot, loads: Sequence[int], contract: Contract, *, is_replay: bool) -> str:
    """The records that `loads` judged, as the reader takes them, under the load that brought each."""
    if not is_replay:
        return brought_relation(bronze, loads, contract)
    return f"select * exclude (is_forgotten) from ({_with_bytes(_judged(bronze, loads, contract), contract)})"


def forgotten_relation(bronze: Snapshot, loads: Sequence[int], contract: Contract, *, is_replay: bool) -> str:
    """The places of the records that `recalled_relation` leaves out, as `_load_seq, _source, _ordinal`."""
    every = _judged(bronze, loads, contract) if is_replay else _brought(bronze, loads)
    gone = "is_forgotten"
    if contract.is_whole_source():
        gone = f"(load_seq, source) in (select (load_seq, source) from ({every}) where is_forgotten)"
    places = "load_seq as _load_seq, source as _source, ordinal as _ordinal"
    return f"select distinct {places} from ({every}) where {gone}"


def _with_bytes(every: str, contract: Contract) -> str:
    kept = "not is_forgotten"
    if contract.is_whole_source():
        kept = f"(load_seq, source) not in (select (load_seq, source) from ({every}) where is_forgotten)"
    return f"select * from ({every}) where {kept}"


def _brought(bronze: Snapshot, loads: Iterable[int]) -> str:
    return f"""
        select *, forgotten_by is not null as is_forgotten
        from ({bronze_relation(bronze, loads)}) where record_load = load_seq
    """


def _judged(bronze: Snapshot, loads: Sequence[int], contract: Contract) -> str:
    """The records that replays judged: bytes that they patched are in their own rows, all others where they came."""
    judged = f"select record_load, source, ordinal, raw, text, forgotten_by from ({bronze_relation(bronze, loads)})"
    brought = f"select {_RECORDS}, forgotten_by from ({_bronze_of(bronze, judged)})"
    # Rows of one group are judged together, and bronze says their verdict once.
    same = "using (record_load, source)" if contract.is_whole_source() else "using (record_load, source, ordinal)"
    is_patched = "coalesce(d.raw, d.text::blob) is not null"
    return f"""
        select o.load_seq, o.source, o.ordinal, o."offset", if({is_patched}, d.raw, o.raw) as raw,
            if({is_patched}, d.text, o.text) as text, o.size_bytes, o.digest, o.is_part,
            if({is_patched}, null, o.code) as code,
            d.forgotten_by is not null or not {is_patched} and o.forgotten_by is not null as is_forgotten
        from (select *, load_seq as record_load from ({brought})) as o
        semi join ({judged}) as j {same}
        left join ({judged}) as d using (record_load, source, ordinal)
    """


def _bronze_of(bronze: Snapshot, judged: str) -> str:
    every = visible_bronze_relation(bronze, 2**62)
    return f"select * from ({every}) where record_load = load_seq and load_seq in (select record_load from ({judged}))"


def recall_verdicts(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, loads: Sequence[int], datasets: Iterable[Dataset]
) -> None:
    """Makes the `decided` tables of the `checked` ones, with the verdicts of `loads`, which are all in `#verdicts`."""
    rows = bronze_relation(bronze, loads)
    connection.execute(f"""
        create or replace temp table "#verdicts" as
        select {_PLACED}, u.dataset, u.unit as _unit, u.verdict as _verdict, u.codes as _codes,
            u.warnings as _warnings, u.control_minor as _control_minor, u.control_currency as _control_currency
        from (select record_load, source, ordinal, "offset", unnest(units) as u from ({rows}));
        create or replace temp table "#closes" as
        select {_PLACED}, c.dataset, c.unit as _unit, c.record::{RECORD_TYPE} as _closes
        from (select record_load, source, ordinal, "offset", unnest(closes) as c from ({rows}))
        -- What a rebuild judges anew it closes first; that is no version that another one ends.
        where (c.record."load", c.record.source, c.record.ordinal, c.record.unit)
            <> (record_load, source, ordinal, c.unit)
    """)
    unreadable = f"{text(Verdict.UNREADABLE)}, {text(Verdict.SUPPRESSED)}"
    for dataset in datasets:
        mine = f'select * exclude (dataset) from "#verdicts" where dataset = {text(dataset.name)}'
        closes = f'select {_PLACES}, _closes from "#closes" where dataset = {text(dataset.name)}'
        connection.execute(f"""
            create or replace temp table {decided(dataset)} as
            select c.* replace (v._codes as _codes, v._warnings as _warnings), v._verdict, x._closes
            from {checked(dataset)} as c join ({mine}) as v using ({_PLACES})
            left join ({closes}) as x using ({_PLACES})
            where v._verdict not in ({unreadable});
            insert into {decided(dataset)} by name {mine} and _verdict in ({unreadable})
        """)


def ended_relation(bronze: Snapshot, last_load: int, dataset: Dataset) -> str:
    """`_load, _record` of the units that loads up to the last one accepted and closed; a rebuild does both, in turn."""
    rows, mine = visible_bronze_relation(bronze, last_load), text(dataset.name)
    accepted = f"u.dataset = {mine} and u.verdict = {text(Verdict.ACCEPTED)}"
    return f"""
        with closed as (
            select c.record::{RECORD_TYPE} as _record, count(*) as turns
            from (select unnest(closes) as c from ({rows})) where c.dataset = {mine} group by all
        ),
        opened as (
            select load_seq as _load, {_OPENED} as _record
            from (select load_seq, record_load, source, ordinal, "offset", unnest(units) as u from ({rows}))
            where {accepted}
        )
        select _load, _record from (
            select *, row_number() over (partition by _record order by _load) as turn
            from opened semi join closed using (_record)
        ) join closed using (_record) where turn <= turns
    """
