"""The types of a model's columns: DuckDB's as PostgreSQL's."""

from __future__ import annotations

import re

from tillage.errors import ModelError

_TYPES = {
    "VARCHAR": 'text collate "C"',
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38, 0)",  # sums of 64-bit amounts cannot overflow it
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "DOUBLE": "double precision",
}


def postgres_type(model: str, column: str, kind: str) -> str:
    """The type in which the store keeps a column.

    Raises:
        ModelError: it has none for it.
    """
    if kind in _TYPES:
        return _TYPES[kind]
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind):
        return f"numeric({match[1]}, {match[2]})"
    raise ModelError(f"models/{model}.sql: column '{column}' has type {kind}, which cannot be served; select its parts")


def spelled(kind: str) -> str:
    """As PostgreSQL spells a type of `postgres_type` itself."""
    zones = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}
    return zones.get(kind, kind.partition(" collate ")[0].replace(", ", ","))
