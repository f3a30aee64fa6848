"""Verdicts by key: against what is accepted already, and against what stands earlier in the same load."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from tillage.contracts.contract import Dataset, Merge
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import RECORD_TYPE, content, silver_columns
from tillage.domain.verdict import Code, Verdict
from tillage.engines.judged import PLACE, RECORD, decided, known
from tillage.engines.people import PERSONAL, add_personal, own_columns
from tillage.engines.reader import checked
from tillage.engines.references import DIFFERING, ORPHANS
from tillage.engines.relations import current_relation, silver_relation
from tillage.ports.lake import Silver
from tillage.ports.people import People

_PLACES = ", ".join(PLACE)
_NOWHERE = "-1::bigint as _load_seq, -1 as _source, -1::bigint as _ordinal, -1::bigint as _unit"


def judge(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    silver: Silver | None,
    people: People | None,
    ended: str | None = None,
) -> None:
    """Makes the `decided` table from the `checked` one: the same rows and columns, a `_verdict` and `_closes` each.

    What silver holds, with what the vault has of it, stands before all units of the load, and these in order of place.
    Of two that pass with one key and the same content, the second is a duplicate. With other content it is a conflict;
    where the dataset merges, it is a newer version, which closes the older one, or stale. What the table `ended` names
    by `_record` does not stand. The units in `ORPHANS` are none of these.
    """
    if dataset.key:
        _find_known(connection, dataset, silver, people, ended)
        _find_rows(connection, dataset)
        repeats = _kept_first(dataset) if dataset.merge is Merge.REJECT else _versions(dataset)
    else:
        repeats = f"select {_NOWHERE}, null::varchar as _code, null::{RECORD_TYPE} as _closes where false"
    duplicates = f"{text(Code.DUPLICATE)}, {text(Code.STALE)}"
    connection.execute(f"""
        create or replace temp table "#repeats" as {repeats};
        create or replace temp table {decided(dataset)} as
        select c.* replace (
            case when o._unit is not null then [{text(Code.REFERENCE_MISSING)}]
                 when a._code is not null then [a._code] else _codes end as _codes,
            if(o._unit is null and d.rules is not null, list_concat(_warnings, d.rules), _warnings) as _warnings),
            case when o.is_released then {text(Verdict.REFERENCE)}
                 when o._unit is not null then {text(Verdict.VIOLATION)}
                 when a._code = {text(Code.KEY_CONFLICT)} or c._codes = [{text(Code.KEY_CONFLICT)}]
                     then {text(Verdict.CONFLICT)}
                 when len(c._codes) > 0 then {text(Verdict.VIOLATION)}
                 when a._code in ({duplicates}) then {text(Verdict.DUPLICATE)}
                 else {text(Verdict.ACCEPTED)} end as _verdict,
            a._closes
        from {checked(dataset)} as c left join "#repeats" as a using ({_PLACES})
        left join {ORPHANS} as o using ({_PLACES}) left join {DIFFERING} as d using ({_PLACES})
    """)


def _find_known(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    silver: Silver | None,
    people: People | None,
    ended: str | None,
) -> None:
    """Fills `#passing`, the units without a violation, and `known`."""
    keys = ", ".join(name(key) for key in dataset.key)
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    connection.execute(f"""
        create or replace temp view "#passing" as
        select {", ".join(own_columns(dataset))}, {_PLACES}, {RECORD} as _record
        from {checked(dataset)} anti join {ORPHANS} using ({_PLACES}) where len(_codes) = 0
    """)
    rows = f'select {own}, _record from "#passing" where false'
    if silver is not None and silver.snapshot.files:
        # The keys first: what is closed matters for them alone.
        signed = f'select s.* from ({silver_relation(dataset, silver)}) as s semi join "#passing" using ({keys})'
        rows = f"select {own}, _record from ({current_relation(dataset, signed)})"
        if ended is not None:
            rows = f"{rows} where _record not in (select _record from {ended})"
    connection.execute(f"create or replace temp table {known(dataset)} as {rows}")
    add_personal(connection, dataset, people, known(dataset))


def _find_rows(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Makes `#rows`: what stands, before everything else, and the units that pass."""
    connection.execute(f"""
        create or replace temp view "#rows" as
        select *, false as _is_known from "#passing"
        union all by name
        select *, {_NOWHERE}, true as _is_known from {known(dataset)}
    """)


def _contents(dataset: Dataset, *relations: str) -> Iterator[tuple[str, ...]]:
    """What makes two units equal, of each relation."""
    for column in dataset.kept_columns:
        yield tuple(content(column, relation) for relation in relations)
    if dataset.personal_columns:
        yield tuple(f"{relation}.{PERSONAL}" for relation in relations)


def _kept_first(dataset: Dataset) -> str:
    """SELECT of what becomes of each unit whose key stands already: the first stays."""
    keys = ", ".join(name(key) for key in dataset.key)
    equal = " and ".join(f"{one} is not distinct from {other}" for one, other in _contents(dataset, "s", "c"))
    # Only keys that occur more than once need a second look; most do not.
    return f"""
        with repeated as (
            select {keys}, min(({_PLACES})) as _first from "#rows" group by {keys} having count(*) > 1
        ),
        standing as (select r.* from "#rows" as r join repeated using ({keys}) where ({_PLACES}) = _first)
        select c.{", c.".join(PLACE)}, if({equal}, {text(Code.DUPLICATE)}, {text(Code.KEY_CONFLICT)}) as _code,
            null::{RECORD_TYPE} as _closes
        from "#passing" as c join standing as s using ({keys})
        where (c.{", c.".join(PLACE)}) <> (s.{", s.".join(PLACE)})
    """


def _versions(dataset: Dataset) -> str:
    """SELECT of what becomes of each unit under a key with several, where newer versions close older ones.

    Without a column that says which is newer, it is the record that came later; so a record that waited in quarantine
    does not undo what came after it.
    """
    keys = ", ".join(name(key) for key in dataset.key)
    fields = ", ".join(f'"{place}" := {value}' for place, (value,) in enumerate(_contents(dataset, "r")))
    before = f"over (partition by {keys} order by {_PLACES} rows between unbounded preceding and 1 preceding)"
    if dataset.version:
        version = name(dataset.version)
        newest = f"max({version}) {before}"
        is_older, is_newer = f"coalesce({version} < {newest}, false)", f"coalesce({version} > {newest}, true)"
    else:
        place = f"({', '.join('_record.' + name(part) for part in ('load', 'source', 'ordinal', 'unit'))})"
        latest = f"max({place}) filter (where _is_known) over (partition by {keys})"
        is_older = f"not _is_known and coalesce({place} < {latest}, false)"
        # Of those that came later, each is held against the one before it: equal ones change nothing.
        previous = f"lag(_content) over (partition by {keys}, _is_older order by {_PLACES})"
        is_newer = f"not _is_older and _content is distinct from {previous}"
    return f"""
        with repeated as (
            select r.*, struct_pack({fields}) as _content
            from "#rows" as r semi join (select {keys} from "#rows" group by all having count(*) > 1) using ({keys})
        ),
        aged as (select *, {is_older} as _is_older from repeated),
        told as (select *, {is_newer} as _is_newer from aged),
        standing as (
            select *, last_value(if(_is_newer, struct_pack(record := _record, content := _content), null) ignore nulls)
                {before} as _standing
            from told
        )
        select {_PLACES},
            case when _is_newer then null
                 when _content is not distinct from _standing.content then {text(Code.DUPLICATE)}
                 when _is_older then {text(Code.STALE)}
                 else {text(Code.KEY_CONFLICT)} end as _code,
            if(_is_newer, _standing.record, null)::{RECORD_TYPE} as _closes
        from standing where not _is_known
    """
