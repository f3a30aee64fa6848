"""The types in which silver keeps the columns of a contract; money is whole minor units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.sql_text import name

_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DECIMAL(38,6)",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Kind.TIME: "VARCHAR",
}
RECORD_TYPE = 'STRUCT("load" BIGINT, source INTEGER, ordinal BIGINT, "offset" BIGINT, unit BIGINT)'
SIGNED = (("_sign", "TINYINT"), ("_load", "BIGINT"), ("_record", RECORD_TYPE))
"""What each silver row carries beside the columns: +1 opens it, -1 closes it; the load that did; where it stands."""

UNIT_TYPE = (
    "STRUCT(dataset VARCHAR, unit BIGINT, verdict VARCHAR, codes VARCHAR[], warnings VARCHAR[], "
    "control_minor DECIMAL(38,0), control_currency VARCHAR)"
)
CLOSE_TYPE = f"STRUCT(dataset VARCHAR, unit BIGINT, record {RECORD_TYPE})"
BRONZE_COLUMNS = (
    ("load_seq", "BIGINT"),
    ("source", "INTEGER"),
    ("ordinal", "BIGINT"),
    ("offset", "BIGINT"),
    ("raw", "BLOB"),
    ("text", "VARCHAR"),
    ("size_bytes", "BIGINT"),
    ("digest", "VARCHAR"),
    ("is_part", "BOOLEAN"),
    ("units", f"{UNIT_TYPE}[]"),
    ("record_load", "BIGINT"),
    ("closes", f"{CLOSE_TYPE}[]"),
    ("forgotten_by", "BIGINT"),
)
"""What bronze keeps of each raw record: where it stood, its bytes (or, when it was too large, their number, SHA-256 and
first 64 KiB), the JSON object that stands for it where it is none itself, whether it is part of one
document, and the verdicts of the units inside. `record_load` is the load that brought it: a replay judges it again and
keeps no bytes, unless they were patched. `closes` are the older versions that units of it put an end to. `forgotten_by`
is the load that took `raw`, `text` and `digest` away, since they were kept long enough."""


def duckdb_type(column: Column) -> str:
    """The type of a stored column."""
    if column.kind is Kind.LIST and column.is_scalar_list:
        return f"{duckdb_type(column.items[0])}[]"
    if column.kind in {Kind.LIST, Kind.OBJECT}:
        fields = ", ".join(f"{name(field)} {kind}" for item in column.items for field, kind, _ in stored(item))
        return f"STRUCT({fields}){'[]' if column.kind is Kind.LIST else ''}"
    return "BIGINT" if column.money else _TYPES[column.kind]


def stored(column: Column) -> Iterator[tuple[str, str, str | None]]:
    """Name, type and currency of all that silver keeps of one column: itself, and net and rate beside a gross.

    A currency that a column names is given as `@column`.
    """
    currency = column.currency
    if column.money and column.money.currency_by:
        currency = f"@{column.money.currency_by}"
    yield column.stored_name, duckdb_type(column), currency
    if column.vat:
        yield column.net_name, "BIGINT", currency
        yield column.rate_name, "INTEGER", None


def silver_columns(dataset: Dataset) -> list[tuple[str, str]]:
    """Name and DuckDB type of every column of the dataset's silver table, in order."""
    own = [(field, kind) for column in dataset.kept_columns for field, kind, _ in stored(column)]
    return [*own, *SIGNED]


def checked_columns(dataset: Dataset) -> list[tuple[str, str]]:
    """As `silver_columns`, of all that the check finds in a unit, before people's data leaves it."""
    return [(field, kind) for column in dataset.columns for field, kind, _ in stored(column)]


def empty_relation(dataset: Dataset) -> str:
    """A SELECT with the columns of the dataset's silver table and no rows."""
    return no_rows(silver_columns(dataset))


def no_rows(columns: Iterable[tuple[str, str]]) -> str:
    """A SELECT of columns, each with its DuckDB type, and no rows."""
    return f"select {', '.join(f'cast(null as {kind}) as {name(field)}' for field, kind in columns)} where false"


def content(column: Column, relation: str) -> str:
    """SQL: the column as it was sent, without what was derived from it: what makes two units equal."""
    value = f"{relation}.{name(column.stored_name)}"
    if column.kind is Kind.OBJECT:
        return f"if({value} is null, null, {_content_fields(column, value)})"
    if column.kind is not Kind.LIST or column.is_scalar_list:
        return value
    return f"list_transform({value}, lambda e: {_content_fields(column, 'e')})"


def _content_fields(column: Column, base: str) -> str:
    inner = [(item.stored_name, content(item, base)) for item in column.items]
    return f"struct_pack({', '.join(f'{name(key)} := {value}' for key, value in inner)})"


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
