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
    checked = name("checked:" + dataset.name)
    decided = name("decided:" + dataset.name)
    violation, accepted = text(Verdict.VIOLATION), text(Verdict.ACCEPTED)
    if not dataset.key:
        connection.execute(
            f"create or replace temp table {decided} as "
            f"select *, if(len(codes) > 0, {violation}, {accepted}) as verdict from {checked}"
        )
        return
    keys = ", ".join(name(key) for key in dataset.key)
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    same_key = " and ".join(f"s.{name(key)} = c.{name(key)}" for key in dataset.key)
    equal = " and ".join(f"{content(column, 's')} is not distinct from {content(column, 'c')}" for column in dataset.columns)
    passing = f"select * from {checked} where len(codes) = 0"
    standing = f"select {own}, source, ordinal, unit from {checked} where false"
    if silver is not None:
        current = current_relation(dataset, silver_relation(dataset, silver))
        standing = (
            f"select {own}, -1 as source, 0 as ordinal, 0 as unit from ({current}) as s "
            f"where exists (select 1 from ({passing}) as c where {same_key})"
        )
    # Only keys that occur more than once need a second look; most do not.
    connection.execute(
        "create or replace temp table repeated as with every as ("
        f"select {keys}, source, ordinal, unit from ({passing}) union all by name select {keys}, source, ordinal, unit "
        f"from ({standing})) select {keys}, min((source, ordinal, unit)) as first from every group by {keys} "
        "having count(*) > 1"
    )
    connection.execute(
        f"create or replace temp table standing as select {own}, source, ordinal, unit from ({standing}) "
        f"union all by name select {own}, c.source, c.ordinal, c.unit from ({passing}) as c "
        f"join repeated as f using ({keys}) where (c.source, c.ordinal, c.unit) = f.first"
    )
    connection.execute(
        f"create or replace temp table again as select c.source, c.ordinal, c.unit, ({equal}) as is_equal "
        f"from ({passing}) as c join standing as s on {same_key} "
        "where (c.source, c.ordinal, c.unit) <> (s.source, s.ordinal, s.unit)"
    )
    connection.execute(
        f"create or replace temp table {decided} as select c.* replace (case when a.is_equal then "
        f"[{text(Code.DUPLICATE)}] when not a.is_equal then [{text(Code.KEY_CONFLICT)}] else codes end as codes), case when len(c.codes) > 0 then {violation} "
        f"when a.is_equal then {text(Verdict.DUPLICATE)} when not a.is_equal then {text(Verdict.CONFLICT)} "
        f"else {accepted} end as verdict from {checked} as c left join again as a using (source, ordinal, unit)"
    )
