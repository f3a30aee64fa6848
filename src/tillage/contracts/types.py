"""The types in which silver keeps the columns of a contract; money is whole minor units."""

from __future__ import annotations

from collections.abc import Iterator

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.sql_text import name

_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DECIMAL(38,6)",
    Kind.BOOLEAN: "BOOLEAN",
}
RECORD_TYPE = 'STRUCT("load" BIGINT, source INTEGER, ordinal BIGINT, "offset" BIGINT, unit BIGINT)'
SIGNED = (("_sign", "TINYINT"), ("_load", "BIGINT"), ("_record", RECORD_TYPE))
"""What each silver row carries beside the columns: +1 opens it, -1 closes it; the load that did; where it stands."""

BRONZE_COLUMNS = (
    ("load_seq", "BIGINT"),
    ("source", "INTEGER"),
    ("ordinal", "BIGINT"),
    ("offset", "BIGINT"),
    ("raw", "BLOB"),
    ("units", "STRUCT(dataset VARCHAR, unit BIGINT, verdict VARCHAR, codes VARCHAR[], control_minor DECIMAL(38,0))[]"),
)
"""What bronze keeps of each raw record: where it stood, its bytes, and the verdicts of the units inside."""


def duckdb_type(column: Column) -> str:
    """The type of a stored column."""
    if column.kind is Kind.LIST:
        fields = ", ".join(f"{name(field)} {kind}" for item in column.items for field, kind, _ in stored(item))
        return f"STRUCT({fields})[]"
    return "BIGINT" if column.currency else _TYPES[column.kind]


def stored(column: Column) -> Iterator[tuple[str, str, str | None]]:
    """Name, type and currency of all that silver keeps of one column: itself, and net and rate beside a gross."""
    yield column.stored_name, duckdb_type(column), column.currency
    if column.vat:
        yield "net_minor", "BIGINT", column.currency
        yield "vat_bp", "INTEGER", None


def silver_columns(dataset: Dataset) -> list[tuple[str, str]]:
    """Name and DuckDB type of every column of the dataset's silver table, in order."""
    own = [(field, kind) for column in dataset.columns for field, kind, _ in stored(column)]
    return [*own, *SIGNED]


def empty_relation(dataset: Dataset) -> str:
    """A SELECT with the columns of the dataset's silver table and no rows."""
    columns = ", ".join(f"cast(null as {kind}) as {name(field)}" for field, kind in silver_columns(dataset))
    return f"select {columns} where false"


def content(column: Column, relation: str) -> str:
    """SQL: the column as it was sent, without what was derived from it: what makes two units equal."""
    if column.kind is not Kind.LIST:
        return f"{relation}.{name(column.stored_name)}"
    fields = ", ".join(f"{name(item.stored_name)} := e.{name(item.stored_name)}" for item in column.items)
    return f"list_transform({relation}.{name(column.name)}, lambda e: struct_pack({fields}))"


def control_amount(dataset: Dataset) -> str:
    """SQL over a silver row: the amount that the conservation law counts, 0 for a dataset without money."""
    found = dataset.control()
    if found is None:
        return "0"
    parent, column = found
    if parent is None:
        return f"coalesce({name(column.stored_name)}, 0)::hugeint"
    amounts = f"list_transform({name(parent.name)}, lambda e: e.{name(column.stored_name)})"
    return f"coalesce(list_sum({amounts}), 0)::hugeint"
