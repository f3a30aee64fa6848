"""Units that refer to what is not there: found, and found again once it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import duckdb
import pyarrow as pa

from tillage.contracts.contract import Column, Dataset, Reference
from tillage.contracts.sql_text import name, text
from tillage.domain.verdict import Verdict
from tillage.engines.judged import PLACE, decided, standing
from tillage.engines.reader import checked
from tillage.engines.relations import current_relation, silver_relation
from tillage.ports.lake import Rows, Silver

ORPHANS = '"#orphans"'
"""Places of the units of one dataset whose parents are not there; whether they are judged anew when these come."""
DIFFERING = '"#differing"'
"""Places of the units of one dataset that differ from what they refer to, with the `rules` that say so."""
_THERE = '"#there"'
_PLACES = ", ".join(PLACE)
_PLACE_TYPES = "_load_seq bigint, _source integer, _ordinal bigint, _unit bigint"
_REFERRED, _AWAITED_TABLE = '"#referred"', '"#awaited"'
_AWAITED = pa.schema(
    [
        ("dataset", pa.string()),
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("unit", pa.int64()),
        ("judged_load", pa.int64()),
        ("parent", pa.string()),
        ("key", pa.string()),
    ]
)


def find_orphans(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    parents: Mapping[str, tuple[Dataset, Silver | None]],
    in_load: Iterable[Dataset],
    ended: Collection[str] = (),
) -> None:
    """Fills `ORPHANS` and `DIFFERING` from the checked units without a violation.

    Args:
        parents: What may be referred to, with what stands of it; what is missing here is not asked for.
        in_load: Datasets whose units of this load are decided already.
        ended: Datasets of which what `standing` names does not stand, but as the load decides.
    """
    connection.execute(f"""
        create or replace temp table {ORPHANS} ({_PLACE_TYPES}, is_released boolean);
        create or replace temp table {DIFFERING} ({_PLACE_TYPES}, rules varchar[])
    """)
    asked = [one for one in dataset.references if one.to in parents]
    if not asked:
        return
    passing = f"(from {checked(dataset)} where len(_codes) = 0)"
    connection.execute(f"create or replace temp table {_REFERRED} as {_referred(dataset, asked, passing)}")
    here = {one.name: one for one in in_load}
    for to in dict.fromkeys(one.to for one in asked):
        parent, silver = parents[to]
        gone = f"select _record from {standing(parent)}" if to in ended else None
        mine = [one for one in asked if one.to == to]
        also = sorted({parent.column(column).stored_name for one in mine for _, column in one.compared})
        there = [_standing(parent, silver, also=also, gone=gone)] if silver and silver.snapshot.files else []
        if to in here:
            columns = ", ".join([_key(parent.kept_columns, sorted(parent.key), "d") + " as key", *map(name, also)])
            accepted = f"_verdict = {text(Verdict.ACCEPTED)}"
            there.append(f"select {columns} from {decided(here[to])} as d where {accepted}")
        nothing = ", ".join(["null::varchar as key", *(f"null as {name(one)}" for one in also)])
        connection.execute(f"""
            create or replace temp table {_THERE} as {" union ".join(there) or f"select {nothing} where false"};
            insert into {ORPHANS}
            select {_PLACES}, bool_and(is_released) from {_REFERRED}
            where parent = {text(to)} and key not in (select key from {_THERE})
            group by all
        """)
        for one in mine:
            if one.compared:
                _compare(connection, dataset, one, parent, passing)
    connection.execute(f"""
        create or replace temp table {ORPHANS} as
        select {_PLACES}, bool_and(is_released) as is_released from {ORPHANS} group by all;
        create or replace temp table {DIFFERING} as
        select {_PLACES}, list_sort(list_distinct(flatten(list(rules)))) as rules from {DIFFERING} group by {_PLACES}
    """)


def _compare(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, reference: Reference, parent: Dataset, units: str
) -> None:
    """Adds to `DIFFERING` each unit that differs from what it refers to. Where several versions are there, from all."""
    rows, columns, base = _rows_of(dataset, reference, units, with_line=True)
    stored = {column.name: f"{base}.{name(column.stored_name)}" for column in columns}
    equal = " and ".join(
        f"coalesce({stored[mine]} = t.{name(parent.column(theirs).stored_name)}, true)"
        for mine, theirs in reference.compared
    )
    key = _key(columns, _ordered(reference), base)
    connection.execute(f"""
        insert into {DIFFERING}
        select distinct {_PLACES}, [{text(reference.rule)}] from (
            select {_PLACES}, bool_or({equal}) as is_equal
            from {rows} as u join {_THERE} as t on {key} = t.key group by {_PLACES}, _line)
        where not is_equal
    """)


def _referred(dataset: Dataset, references: Iterable[Reference], units: str) -> str:
    """SELECT of place, parent, key and is_released: all that the units refer to; nothing for a null."""
    return " union ".join(_of_one(dataset, one, units) for one in references)


def _of_one(dataset: Dataset, reference: Reference, units: str) -> str:
    rows, columns, base = _rows_of(dataset, reference, units)
    key = _key(columns, _ordered(reference), base)
    return f"""
        select {_PLACES}, {text(reference.to)} as parent, {key} as key, {reference.is_released} as is_released
        from {rows} as u where {key} is not null
    """


def _rows_of(
    dataset: Dataset, reference: Reference, units: str, *, with_line: bool = False
) -> tuple[str, Sequence[Column], str]:
    """FROM clause of what refers, units or elements, its columns, and SQL for what holds these in a row `u`."""
    if reference.list_name is None:
        return (f"(select *, 0 as _line from {units})" if with_line else units), dataset.kept_columns, "u"
    value = name(reference.list_name)
    line = f", generate_subscripts({value}, 1) as _line" if with_line else ""
    rows = f"(select {_PLACES}, unnest({value}) as e{line} from {units})"
    return rows, dataset.column(reference.list_name).items, "u.e"


def _ordered(reference: Reference) -> list[str]:
    """The columns in the order of the parent's key, which both sides are compared by."""
    order = sorted(range(len(reference.keys)), key=lambda place: reference.keys[place])
    return [reference.columns[place] for place in order]


def _key(columns: Sequence[Column], names: Sequence[str], base: str) -> str:
    """SQL: the values as one text; null if one of them is."""
    stored = {column.name: f"{base}.{name(column.stored_name)}" for column in columns}
    values = [stored[one] for one in names]
    if len(values) == 1:
        return f"{values[0]}::varchar"
    packed = ", ".join(f"{value}::varchar" for value in values)
    return f"if({' or '.join(f'{value} is null' for value in values)}, null, to_json([{packed}])::varchar)"


def _standing(
    parent: Dataset, silver: Silver, asked: str = _REFERRED, *, also: Sequence[str] = (), gone: str | None = None
) -> str:
    """SELECT of the keys that stand, and of some columns, of those that are asked for: what is closed matters for them
    alone.
    """
    key = _key(parent.kept_columns, sorted(parent.key), "s")
    wanted = f"select key from {asked} where parent = {text(parent.name)}"
    signed = f"select s.* from ({silver_relation(parent, silver)}) as s where {key} in ({wanted})"
    left = f" where _record not in ({gone})" if gone else ""
    columns = ", ".join([f"{key} as key", *map(name, also)])
    return f"select {columns} from ({current_relation(parent, signed)}) as s{left}"


def awaited_rows(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset], judged_load: int) -> Rows:
    """`dataset, load_seq, source, ordinal, unit, judged_load, parent, key`: all that the units refer to that wait for
    something.
    """
    each = []
    for dataset in datasets:
        if dataset.references:
            waiting = f"(from {decided(dataset)} where _verdict = {text(Verdict.REFERENCE)})"
            referred = _referred(dataset, dataset.references, waiting)
            each.append(f"""
                select {text(dataset.name)} as dataset, _load_seq as load_seq, _source as source, _ordinal as ordinal,
                    _unit as unit, {int(judged_load)}::bigint as judged_load, parent, key from ({referred})
            """)
    return connection.sql(" union ".join(each)).to_arrow_table() if each else _AWAITED.empty_table()


def complete(
    connection: duckdb.DuckDBPyConnection, awaited: Rows, parents: Mapping[str, tuple[Dataset, Silver]]
) -> Rows:
    """The rows of `awaited` whose units have all that they refer to, one for each, without `parent` and `key`."""
    connection.register(_AWAITED_TABLE.strip('"'), awaited)
    there = " union ".join(
        f"select {text(to)} as parent, key from ({_standing(parent, silver, _AWAITED_TABLE)})"
        for to, (parent, silver) in parents.items()
        if silver.snapshot.files
    )
    known = there or "select null::varchar as parent, null::varchar as key where false"
    place = "dataset, load_seq, source, ordinal, unit"
    found = connection.sql(f"""
        select distinct on ({place}) * exclude (parent, key) from {_AWAITED_TABLE} as a
        where ({", ".join(f"a.{column}" for column in place.split(", "))}) not in (
            select ({place}) from {_AWAITED_TABLE} where (parent, key) not in (select (parent, key) from ({known})))
        order by {place}
    """).to_arrow_table()
    connection.unregister(_AWAITED_TABLE.strip('"'))
    return found
