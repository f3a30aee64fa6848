"""Arrow schemas for the DuckDB types in which the contracts state their columns."""

from __future__ import annotations

import re

import pyarrow as pa

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
