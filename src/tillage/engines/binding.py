"""Every condition and query of a contract is asked once, of nothing, before a record is: what cannot be asked shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb

from tillage.contracts.compiler.condition import answer, is_broken
from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import checked_columns, silver_columns


def unasked(connection: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[tuple[int, str]]:
    """Line and words for each rule or `where` that the engine cannot ask: a type that does not fit, a pattern."""
    for dataset in contract.datasets:
        table = name(dataset.name)
        kept = [(column, kind) for column, kind in silver_columns(dataset) if not column.startswith("_")]
        for columns, asked in ((checked_columns(dataset), _of_units(dataset, table)), (kept, _of_tables(dataset))):
            # One unit without any value: patterns are read only when something is asked.
            connection.execute(f"create or replace temp view {table} as {_of_nothing(columns)}")
            for line, what, sql in asked:
                try:
                    connection.execute(sql).fetchall()
                except duckdb.Error as wrong:
                    # No record is read here, so its text quotes the contract alone.
                    yield line, f"{what}: {str(wrong).splitlines()[0]}"
            connection.execute(f"drop view {table}")


def _of_units(dataset: Dataset, table: str) -> Iterator[tuple[int, str, str]]:
    if dataset.where:
        yield dataset.where.line, "tillage.where", f"select {answer(dataset.where.sql)} from {table}"
    for row_rule in dataset.row_rules:
        yield row_rule.line, f"rule '{row_rule.name}'", f"select {is_broken(row_rule.sql)} from {table}"


def _of_tables(dataset: Dataset) -> Iterator[tuple[int, str, str]]:
    for rule in dataset.dataset_rules:
        yield rule.line, f"rule '{rule.name}'", rule.sql


def _of_nothing(columns: Iterable[tuple[str, str]]) -> str:
    return "select " + ", ".join(f"cast(null as {kind}) as {name(column)}" for column, kind in columns)
