"""CREATE TABLE of what silver keeps, for the engines that people load it into."""

from __future__ import annotations

from collections.abc import Callable

from tillage.contracts.contract import Column, Contract, Dataset, Kind
from tillage.contracts.sql_text import name
from tillage.contracts.types import duckdb_type, stored

_POSTGRES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DECIMAL(38,6)": "numeric(38,6)",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}
_SPARK = {
    "VARCHAR": "string",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "DECIMAL(38,6)": "decimal(38,6)",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
DIALECTS = ("duckdb", "postgres", "spark")


def ddl(contract: Contract, dialect: str) -> str:
    """CREATE TABLE statements of all datasets in one of `DIALECTS`, columns in order.

    PostgreSQL has no nested types, so lists and objects are jsonb there. Spark has no keys, so a key is a comment.
    """
    quote = _backticks if dialect == "spark" else name
    return "\n".join(_table(dataset, dialect, quote) for dataset in contract.datasets)


def _table(dataset: Dataset, dialect: str, quote: Callable[[str], str]) -> str:
    lines = []
    for column in dataset.kept_columns:
        for field, kind, _ in stored(column):
            is_required = field == column.stored_name and (column.is_required or field in dataset.key)
            written = _nested(column, dialect) if column.items else _scalar(kind, dialect)
            lines.append(f"{quote(field)} {written}{' not null' if is_required else ''}")
    comment = ""
    if dataset.key:
        keys = ", ".join(map(quote, dataset.key))
        if dialect == "spark":
            comment = f"-- primary key ({keys})\n"
        else:
            lines.append(f"primary key ({keys})")
    return f"{comment}create table {quote(dataset.name)} (\n  {f',{chr(10)}  '.join(lines)}\n);\n"


def _scalar(kind: str, dialect: str) -> str:
    return {"postgres": _POSTGRES, "spark": _SPARK}.get(dialect, {}).get(kind, kind)


def _nested(column: Column, dialect: str) -> str:
    if dialect == "postgres":
        return "jsonb"
    return _spark(column) if dialect == "spark" else duckdb_type(column)


def _spark(column: Column) -> str:
    if column.kind is Kind.LIST and column.is_scalar_list:
        return f"array<{_spark(column.items[0])}>"
    if not column.items:
        return _scalar(duckdb_type(column), "spark")
    fields = ", ".join(
        f"{_backticks(field)}: {_spark(item) if item.items else _scalar(kind, 'spark')}"
        for item in column.items
        for field, kind, _ in stored(item)
    )
    return f"array<struct<{fields}>>" if column.kind is Kind.LIST else f"struct<{fields}>"


def _backticks(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"
