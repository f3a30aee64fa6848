"""What became of the units of a load, counted from their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import control_amount
from tillage.domain.conservation import Counts, Minor
from tillage.domain.verdict import QUARANTINED, Verdict

QUARANTINED_SQL = ", ".join(text(verdict) for verdict in QUARANTINED)
GROUPS = {
    "read": "true",
    "accepted": f"_verdict = {text(Verdict.ACCEPTED)}",
    "quarantined": f"_verdict in ({QUARANTINED_SQL})",
    "duplicate": f"_verdict = {text(Verdict.DUPLICATE)}",
    "suppressed": f"_verdict = {text(Verdict.SUPPRESSED)}",
}


def counted(connection: duckdb.DuckDBPyConnection, dataset: Dataset, units: str, *, taken: str, closed: str) -> Counts:
    """The figures of one dataset.

    Args:
        units: The table of its units with verdicts.
        taken: Those of them that waited, with the amounts that they were counted with.
        closed: The table of the older versions that they close, with the columns of silver.
    """
    rows = ", ".join(f"count(*) filter (where {condition})" for condition in GROUPS.values())
    uncounted = "_control_minor is null" if dataset.has_money else f"_verdict = {text(Verdict.UNREADABLE)}"
    (found,) = connection.execute(f"select {rows}, count(*) filter (where {uncounted}) from {units}").fetchall()
    figures: dict[str, Any] = {f"{group}_rows": int(value) for group, value in zip(GROUPS, found, strict=False)}
    figures["not_countable_rows"] = int(found[-1])
    if dataset.has_money:
        figures |= _minor(connection, dataset, units)
    figures |= _taken(connection, dataset, taken) | _closed(connection, dataset, closed)
    warned = connection.execute(f"""
        select rule, count(*) from (select unnest(_warnings) as rule from {units} where {GROUPS["accepted"]})
        group by rule order by rule
    """).fetchall()
    return Counts(**figures, warning_rows={str(rule): int(count) for rule, count in warned})


def _minor(connection: duckdb.DuckDBPyConnection, dataset: Dataset, units: str) -> dict[str, Minor]:
    sums = ", ".join(
        f"coalesce(sum(_control_minor) filter (where {condition}), 0)::hugeint" for condition in GROUPS.values()
    )
    if dataset.currency_by is None:
        (found,) = connection.execute(f"select {sums} from {units}").fetchall()
        return {f"{group}_minor": int(value) for group, value in zip(GROUPS, found, strict=True)}
    rows = connection.execute(f"""
        select _control_currency, {sums} from {units} where _control_currency is not null
        group by _control_currency order by _control_currency
    """).fetchall()
    return {
        f"{group}_minor": {str(row[0]): int(row[place]) for row in rows} for place, group in enumerate(GROUPS, start=1)
    }


def _taken(connection: duckdb.DuckDBPyConnection, dataset: Dataset, taken: str) -> dict[str, Any]:
    rows = connection.execute(f"""
        select control_currency, count(*), coalesce(sum(control_minor), 0)::hugeint,
            count(*) filter (where control_minor is null and ({str(dataset.has_money).lower()} or is_unreadable))
        from {taken} where dataset = {text(dataset.name)} group by control_currency
    """).fetchall()
    return {
        "taken_rows": sum(int(row[1]) for row in rows),
        "taken_minor": _by_currency(dataset, [(row[0], row[2]) for row in rows]),
        "taken_not_countable_rows": sum(int(row[3]) for row in rows),
    }


def _closed(connection: duckdb.DuckDBPyConnection, dataset: Dataset, closed: str) -> dict[str, Any]:
    currency = name(dataset.currency_by) if dataset.currency_by else "null::varchar"
    rows = connection.execute(f"""
        select {currency}, count(*), coalesce(sum({control_amount(dataset)}), 0)::hugeint from {closed} group by 1
    """).fetchall()
    return {
        "closed_rows": sum(int(row[1]) for row in rows),
        "closed_minor": _by_currency(dataset, [(row[0], row[2]) for row in rows]),
    }


def _by_currency(dataset: Dataset, rows: Sequence[tuple[str | None, int]]) -> Minor:
    if not dataset.has_money:
        return None
    if dataset.currency_by is None:
        return sum(int(minor) for _, minor in rows)
    return {currency: int(minor) for currency, minor in rows if currency is not None}
