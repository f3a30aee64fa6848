"""A recomputation where bytes are forgotten: what was accepted of such records comes from silver, and how much that is.

That they count is the verdict in bronze, and so is their amount, which silver must have too.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import control_amount, silver_columns
from tillage.domain.conservation import Minor
from tillage.domain.verdict import Verdict
from tillage.engines.judged import PLACE, decided
from tillage.engines.relations import silver_relation
from tillage.ports.engine import Share
from tillage.ports.lake import Silver

_PLACES = ", ".join(PLACE)
_PLACED = """
    _record."load" as _load_seq, _record.source as _source, _record.ordinal as _ordinal, _record."offset" as _offset,
    _record.unit as _unit
"""


def fill_from_silver(
    connection: duckdb.DuckDBPyConnection, loads: Sequence[int], dataset: Dataset, silver: Silver
) -> int:
    """Adds to the `decided` table the units that `loads` accepted in the records of `#forgotten`.

    Returns:
        How many of these units silver lacks, or has with another amount than bronze keeps.
    """
    accepted = text(Verdict.ACCEPTED)
    connection.execute(f"""
        alter table {decided(dataset)} add column _is_from_silver boolean default false;
        create or replace temp table "#accepted" as
        select {_PLACES}, _control_minor, _control_currency from "#verdicts" semi join "#forgotten"
            using (_load_seq, _source, _ordinal)
        where dataset = {text(dataset.name)} and _verdict = {accepted}
    """)
    ((count,),) = connection.execute('select count(*) from "#accepted"').fetchall()
    if not count:
        return 0
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    opened = f"_sign = 1 and _load in ({', '.join(str(int(load)) for load in loads)})"
    connection.execute(f"""
        create or replace temp table "#opened" as
        select o.*, a._control_currency, a._control_minor as _kept_minor
        from (
            select {own}, {_PLACED}, {control_amount(dataset)} as _control_minor
            from ({silver_relation(dataset, silver)}) where {opened}
        ) as o join "#accepted" as a using ({_PLACES});
        insert into {decided(dataset)} by name
        select * exclude (_kept_minor), [] as _codes, [] as _warnings, {accepted} as _verdict, true as _is_from_silver
        from "#opened"
    """)
    ((alike,),) = connection.execute("""
        select count(*) from "#opened" where _control_minor = coalesce(_kept_minor, 0)
    """).fetchall()
    return int(count) - int(alike)


def share(connection: duckdb.DuckDBPyConnection, dataset: Dataset, astray_rows: int) -> Share:
    """Of a dataset whose `decided` table holds the units that stand, after `fill_from_silver`."""
    rows = connection.execute(f"""
        select _is_from_silver, _control_currency, count(*), coalesce(sum(_control_minor), 0)::hugeint
        from {decided(dataset)} where _verdict = {text(Verdict.ACCEPTED)} group by all
    """).fetchall()
    (own_rows, own_minor), (silver_rows, silver_minor) = (
        _added(dataset, [(code, count, minor) for side, code, count, minor in rows if side is is_from_silver])
        for is_from_silver in (False, True)
    )
    return Share(dataset.name, own_rows, own_minor, silver_rows, silver_minor, astray_rows)


def _added(dataset: Dataset, rows: Sequence[tuple[str | None, int, int]]) -> tuple[int, Minor]:
    count = sum(int(row[1]) for row in rows)
    if not dataset.has_money:
        return count, None
    if dataset.currency_by is None:
        return count, sum(int(row[2]) for row in rows)
    return count, {row[0]: int(row[2]) for row in rows if row[0] is not None}
