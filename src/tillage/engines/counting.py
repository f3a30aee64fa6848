"""What became of the units of a load, counted from their verdicts."""

from __future__ import annotations

from typing import Any

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import text
from tillage.domain.conservation import Counts, Minor
from tillage.domain.verdict import QUARANTINED, Verdict

QUARANTINED_SQL = ", ".join(text(verdict) for verdict in QUARANTINED)
_GROUPS = {
    "read": "true",
    "accepted": f"_verdict = {text(Verdict.ACCEPTED)}",
    "quarantined": f"_verdict in ({QUARANTINED_SQL})",
    "duplicate": f"_verdict = {text(Verdict.DUPLICATE)}",
    "suppressed": f"_verdict = {text(Verdict.SUPPRESSED)}",
}


def counted(connection: duckdb.DuckDBPyConnection, dataset: Dataset, units: str) -> Counts:
    """The figures of one dataset; `units` is the table of its units with verdicts."""
    rows = ", ".join(f"count(*) filter (where {condition})" for condition in _GROUPS.values())
    uncounted = "_control_minor is null" if dataset.has_money else f"_verdict = {text(Verdict.UNREADABLE)}"
    (found,) = connection.execute(f"select {rows}, count(*) filter (where {uncounted}) from {units}").fetchall()
    figures: dict[str, Any] = {f"{group}_rows": int(value) for group, value in zip(_GROUPS, found, strict=False)}
    figures["not_countable_rows"] = int(found[-1])
    if dataset.has_money:
        figures |= _minor(connection, dataset, units)
    warned = connection.execute(f"""
        select rule, count(*) from (select unnest(_warnings) as rule from {units} where {_GROUPS["accepted"]})
        group by rule order by rule
    """).fetchall()
    return Counts(**figures, warning_rows={str(rule): int(count) for rule, count in warned})


def _minor(connection: duckdb.DuckDBPyConnection, dataset: Dataset, units: str) -> dict[str, Minor]:
    sums = ", ".join(
        f"coalesce(sum(_control_minor) filter (where {condition}), 0)::hugeint" for condition in _GROUPS.values()
    )
    if dataset.currency_by is None:
        (found,) = connection.execute(f"select {sums} from {units}").fetchall()
        return {f"{group}_minor": int(value) for group, value in zip(_GROUPS, found, strict=True)}
    rows = connection.execute(f"""
        select _control_currency, {sums} from {units} where _control_currency is not null
        group by _control_currency order by _control_currency
    """).fetchall()
    return {
        f"{group}_minor": {str(row[0]): int(row[place]) for row in rows} for place, group in enumerate(_GROUPS, start=1)
    }
