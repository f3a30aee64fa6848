"""Dataset rules, asked of a dataset as it would be if a load were published."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns
from tillage.engines.relations import current_relation, silver_relation
from tillage.ports.engine import BrokenRule
from tillage.ports.lake import Silver

_MOST_DIGITS = 60


def _shown(answer: object) -> str:
    """A number as it is; anything else may be a value of a record, which no message and no ledger may hold."""
    is_number = isinstance(answer, int | float | Decimal) and not isinstance(answer, bool)
    shown = str(answer) if is_number else ""
    return shown if 0 < len(shown) <= _MOST_DIGITS else "no number"


def broken_rules(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, added: str, silver: Silver | None
) -> Iterator[BrokenRule]:
    """The rules that do not hold, or have no answer; `added` is a SELECT of the signed rows that the load adds."""
    if not dataset.dataset_rules:
        return
    signed = added
    if silver is not None and silver.snapshot.files:
        signed = f"{silver_relation(dataset, silver)} union all by name {added}"
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
    connection.execute(
        f"create or replace temp view {name(dataset.name)} as select {own} from ({current_relation(dataset, signed)})"
    )
    for rule in dataset.dataset_rules:
        try:
            answer = connection.execute(rule.sql).fetchall()
        except duckdb.Error as wrong:
            # Its text may quote a value of a row.
            yield BrokenRule(dataset.name, rule, f"no answer ({type(wrong).__name__})")
            continue
        if len(answer) != 1 or len(answer[0]) != 1 or answer[0][0] is None:
            yield BrokenRule(dataset.name, rule, "no answer (not one value)")
        elif not rule.holds(answer[0][0]):
            yield BrokenRule(dataset.name, rule, _shown(answer[0][0]))
    connection.execute(f"drop view {name(dataset.name)}")
