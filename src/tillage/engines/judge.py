"""Verdicts by key: against what is accepted already, and against what stands earlier in the same load."""

from __future__ import annotations

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import content, silver_columns
from tillage.domain.verdict import Code, Verdict
from tillage.engines.reader import checked
from tillage.engines.relations import current_relation, silver_relation
from tillage.ports.engine import Silver


def decided(dataset: Dataset) -> str:
    """The table of a dataset's units with their verdicts."""
    return name("#decided:" + dataset.name)


def judge(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None) -> None:
    """Makes the `decided` table from the `checked` one: the same rows and columns, and a `_verdict` each.

    With a key, the first of the units that pass stands, in order of path, line and unit; a later one with the same
    content is a duplicate, with other content a conflict. What silver holds stands before all of them.
    """
    if dataset.key:
        _find_repeats(connection, dataset, silver)
    else:
        connection.execute("""
            create or replace temp table "#repeats" (_source integer, _ordinal bigint, _unit bigint, is_equal boolean)
        """)
    connection.execute(f"""
        create or replace temp table {decided(dataset)} as
        select c.* replace (
                case when a.is_equal then [{text(Code.DUPLICATE)}]
                     when not a.is_equal then [{text(Code.KEY_CONFLICT)}]
                     else _codes end as _codes),
            case when c._codes = [{text(Code.KEY_CONFLICT)}] then {text(Verdict.CONFLICT)}
                 when len(c._codes) > 0 then {text(Verdict.VIOLATION)}
                 when a.is_equal then {text(Verdict.DUPLICATE)}
                 when not a.is_equal then {text(Verdict.CONFLICT)}
                 else {text(Verdict.ACCEPTED)} end as _verdict
        from {checked(dataset)} as c left join "#repeats" as a using (_source, _ordinal, _unit)
    """)


def _find_repeats(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None) -> None:
    """Fills `#repeats`: units that pass but whose key stands already, and whether their content is the same."""
    keys = ", ".join(name(key) for key in dataset.key)
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    equal = " and ".join(
        f"{content(column, 's')} is not distinct from {content(column, 'c')}" for column in dataset.columns
    )
    connection.execute(f"""
        create or replace temp view "#passing" as
        select {own}, _source, _ordinal, _unit from {checked(dataset)} where len(_codes) = 0;
        create or replace temp table "#known" as {_known(dataset, silver)}
    """)
    # Only keys that occur more than once need a second look; most do not.
    connection.execute(f"""
        create or replace temp table "#repeated" as
        select {keys}, min((_source, _ordinal, _unit)) as _first
        from (select {keys}, _source, _ordinal, _unit from "#passing"
              union all select {keys}, _source, _ordinal, _unit from "#known")
        group by {keys} having count(*) > 1;
        create or replace temp table "#standing" as
        from "#known"
        union all by name
        select p.* from "#passing" as p join "#repeated" as f using ({keys})
        where (p._source, p._ordinal, p._unit) = f._first;
        create or replace temp table "#repeats" as
        select c._source, c._ordinal, c._unit, {equal} as is_equal
        from "#passing" as c join "#standing" as s using ({keys})
        where (c._source, c._ordinal, c._unit) <> (s._source, s._ordinal, s._unit)
    """)


def _known(dataset: Dataset, silver: Silver | None) -> str:
    """SELECT of the rows that stand in silver under a key of this load, placed before everything in it."""
    if silver is None or not silver.snapshot.files:
        return 'from "#passing" where false'
    keys = ", ".join(name(key) for key in dataset.key)
    current = current_relation(dataset, silver_relation(dataset, silver))
    return f"""
        select * exclude (_load, _record), -1 as _source, 0::bigint as _ordinal, 0::bigint as _unit
        from ({current}) semi join "#passing" using ({keys})
    """
