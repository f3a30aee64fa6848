"""Every condition and query of a contract is asked once, of nothing, before a record is: what cannot be asked shows."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from tillage.contracts.compiler.condition import answer, is_broken
from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns


def unasked(connection: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[tuple[int, str]]:
    """Line and words for each rule or `where` that the engine cannot ask: a type that does not fit, a pattern."""
    for dataset in contract.datasets:
        # One unit without any value: patterns are read only when something is asked.
        connection.execute(f"create or replace temp view {name(dataset.name)} as {_of_nothing(dataset)}")
        table = name(dataset.name)
        for line, what, sql in _asked(dataset, table):
            try:
                connection.execute(sql).fetchall()
            except duckdb.Error as wrong:
                # No record is read here, so its text quotes the contract alone.
                yield line, f"{what}: {str(wrong).splitlines()[0]}"
        connection.execute(f"drop view {table}")


def _asked(dataset: Dataset, table: str) -> Iterator[tuple[int, str, str]]:
    if dataset.where:
        yield dataset.where.line, "tillage.where", f"select {answer(dataset.where.sql)} from {table}"
    for row_rule in dataset.row_rules:
        yield row_rule.line, f"rule '{row_rule.name}'", f"select {is_broken(row_rule.sql)} from {table}"
    for rule in dataset.dataset_rules:
        yield rule.line, f"rule '{rule.name}'", rule.sql


def _of_nothing(dataset: Dataset) -> str:
    own = [(column, kind) for column, kind in silver_columns(dataset) if not column.startswith("_")]
    return "select " + ", ".join(f"cast(null as {kind}) as {name(column)}" for column, kind in own)
