"""Arrow schemas for the DuckDB types in which the contracts state their columns, and whether a table fits one."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa
from deltalake import DeltaTable

from tillage.ports.lake import ColumnTypes

_SIMPLE = {
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "TINYINT": pa.int8(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(columns: ColumnTypes) -> pa.Schema:
    """The schema of `columns`, all nullable, in order."""
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in columns])


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a DuckDB type as this product writes it: simple, DECIMAL(p,s), T[], or STRUCT(name T, ...)."""
    kind = kind.strip()
    if kind.endswith("[]"):
        return pa.list_(arrow_type(kind[:-2]))
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if kind.startswith("STRUCT(") and kind.endswith(")"):
        return pa.struct([_field(part) for part in _split(kind[len("STRUCT(") : -1])])
    raise ValueError(f"no Arrow type for {kind}")


def arrow_of(table: DeltaTable) -> pa.Schema:
    """The columns that a table has."""
    return pa.schema(table.schema().to_arrow())


def conflict(wanted: pa.Schema, has: pa.Schema, needed: Iterable[str] = ()) -> str | None:
    """What keeps a table from being read as one of `wanted`: a column that it has, at any depth, of another type, or a
    needed one that it lacks. Others it may lack, and have.
    """
    if missing := [name for name in needed if name not in has.names]:
        return f"{missing[0]} is not there; it has {', '.join(has.names)}"
    for field in wanted:
        if field.name in has.names and (wrong := _unlike(field.name, field.type, has.field(field.name).type)):
            return wrong
    return None


def _unlike(column: str, wanted: pa.DataType, has: pa.DataType) -> str | None:
    if pa.types.is_list(wanted) and pa.types.is_list(has):
        return _unlike(column, wanted.value_type, has.value_type)
    if pa.types.is_struct(wanted) and pa.types.is_struct(has):
        members = {has.field(number).name: has.field(number) for number in range(has.num_fields)}
        mine = [wanted.field(number) for number in range(wanted.num_fields)]
        found = (
            _unlike(f"{column}.{one.name}", one.type, members[one.name].type) for one in mine if one.name in members
        )
        return next((wrong for wrong in found if wrong), None)
    return None if wanted == has else f"{column} is {has} there, and {wanted} is needed"


def _field(part: str) -> pa.Field:
    name, _, kind = part.strip().partition(" ")
    return pa.field(name.strip('"'), arrow_type(kind))


def _split(fields: str) -> list[str]:
    """Splits at commas that are in no parentheses."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(fields):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(fields[start:index])
            start = index + 1
    return [*parts, fields[start:]]
