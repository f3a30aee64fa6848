"""Verdicts by key: against what is accepted already, and against what stands earlier in the same load."""

from __future__ import annotations

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import content, silver_columns
from tillage.domain.verdict import Code, Verdict
from tillage.engines.relations import current_relation, silver_relation
from tillage.ports.engine import Silver


def judge(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None) -> None:
    """Makes `decided:<dataset>` from `checked:<dataset>`: the same rows and columns, and a `verdict` each.

    With a key, the first of the units that pass stands, in order of path, line and unit; a later one with the same
    content is a duplicate, with other content a conflict. What silver holds stands before all of them.
    """
    checked, decided = name("checked:" + dataset.name), name("decided:" + dataset.name)
    if dataset.key:
        _find_repeats(connection, dataset, silver)
    else:
        connection.execute("""
            create or replace temp table repeats (source integer, ordinal bigint, unit bigint, is_equal boolean)
        """)
    connection.execute(f"""
        create or replace temp table {decided} as
        select c.* replace (
                case when a.is_equal then [{text(Code.DUPLICATE)}]
                     when not a.is_equal then [{text(Code.KEY_CONFLICT)}]
                     else codes end as codes),
            case when len(c.codes) > 0 then {text(Verdict.VIOLATION)}
                 when a.is_equal then {text(Verdict.DUPLICATE)}
                 when not a.is_equal then {text(Verdict.CONFLICT)}
                 else {text(Verdict.ACCEPTED)} end as verdict
        from {checked} as c left join repeats as a using (source, ordinal, unit)
    """)


def _find_repeats(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None) -> None:
    """Fills `repeats`: units that pass but whose key stands already, and whether their content is the same."""
    keys = ", ".join(name(key) for key in dataset.key)
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    equal = " and ".join(
        f"{content(column, 's')} is not distinct from {content(column, 'c')}" for column in dataset.columns
    )
    connection.execute(f"""
        create or replace temp view passing as
        select {own}, source, ordinal, unit from {name("checked:" + dataset.name)} where len(codes) = 0;
        create or replace temp table known as {_known(dataset, silver)}
    """)
    # Only keys that occur more than once need a second look; most do not.
    connection.execute(f"""
        create or replace temp table repeated as
        select {keys}, min((source, ordinal, unit)) as first
        from (select {keys}, source, ordinal, unit from passing
              union all select {keys}, source, ordinal, unit from known)
        group by {keys} having count(*) > 1;
        create or replace temp table standing as
        from known
        union all by name
        select p.* from passing as p join repeated as f using ({keys}) where (p.source, p.ordinal, p.unit) = f.first;
        create or replace temp table repeats as
        select c.source, c.ordinal, c.unit, {equal} as is_equal
        from passing as c join standing as s using ({keys})
        where (c.source, c.ordinal, c.unit) <> (s.source, s.ordinal, s.unit)
    """)


def _known(dataset: Dataset, silver: Silver | None) -> str:
    """SELECT of the rows that stand in silver under a key of this load, placed before everything in it."""
    if silver is None or not silver.snapshot.files:
        return "from passing where false"
    keys = ", ".join(name(key) for key in dataset.key)
    current = current_relation(dataset, silver_relation(dataset, silver))
    return f"""
        select * exclude (_load, _record), -1 as source, 0::bigint as ordinal, 0::bigint as unit
        from ({current}) semi join passing using ({keys})
    """
