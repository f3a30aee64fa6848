"""SQL that spells a row as one line of JSON or CSV: exact digits, times in ISO 8601, and no float on the way.

Lines are made by the engine, column by column, and never by Python, row by row.

Source: RFC 8259 (JSON), RFC 4180 (CSV).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tillage.contracts.sql_text import name, text

Column = tuple[str, Any]
"""A column of the relation `t`, and its type as DuckDB describes it."""
JSON_END = "\n"
CSV_END = "\r\n"

_NUMBERS = {
    "tinyint", "smallint", "integer", "bigint", "hugeint",
    "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "decimal",
}  # fmt: skip
_FLOATS = {"float", "double"}
_NEVER_QUOTED = _NUMBERS | _FLOATS | {"boolean", "date", "timestamp", "timestamp with time zone"}
_MUST_BE_QUOTED = text('[",\r\n]')
_LOOKS_LIKE_A_FORMULA = text("^[=+@\t\r-]")  # Source: OWASP, CSV injection


def json_line(columns: Iterable[Column]) -> str:
    """An object of all columns in their order, nulls too, with its end."""
    members = [(column, kind, f"t.{name(column)}") for column, kind in columns]
    return f"{_object(members, 0)} || {text(JSON_END)}"


def csv_line(columns: Iterable[Column], *, is_for_spreadsheets: bool) -> str:
    """A null is nothing, an empty text is `""`; lists and structs are JSON text."""
    fields = [_field(kind, f"t.{name(column)}", is_for_spreadsheets=is_for_spreadsheets) for column, kind in columns]
    return " || ',' || ".join(fields) + f" || {text(CSV_END)}"


def csv_header(columns: Sequence[str]) -> str:
    """The names of the columns, as `csv_line` spells texts."""
    return ",".join(_quoted(column) for column in columns) + CSV_END


def _quoted(value: str) -> str:
    is_plain = value and not any(letter in value for letter in '",\r\n')
    return value if is_plain else '"' + value.replace('"', '""') + '"'


def _object(members: Iterable[tuple[str, Any, str]], depth: int) -> str:
    """SQL of an object, of the name, type and SQL of each member."""
    parts = [
        f"{text(json.dumps(own, ensure_ascii=False) + ':')} || {_json(kind, value, depth)}"
        for own, kind, value in members
    ]
    return "'{' || " + " || ',' || ".join(parts) + " || '}'"


def _json(kind: Any, value: str, depth: int) -> str:
    """SQL: the JSON text of a value, `null` where it is null."""
    return f"coalesce({_json_or_null(kind, value, depth)}, 'null')"


def _json_or_null(kind: Any, value: str, depth: int) -> str:
    match kind.id:
        case "list":
            element = f"e{depth}"  # inner lambdas see the outer ones' names
            elements = f"list_transform({value}, lambda {element}: {_json(_child(kind), element, depth + 1)})"
            return f"'[' || array_to_string({elements}, ',') || ']'"
        case "struct":
            members = [(own, inner, f"{value}.{name(own)}") for own, inner in kind.children]
            return f"case when {value} is not null then {_object(members, depth)} end"
        case "boolean":
            return f"cast({value} as varchar)"
        case found if found in _NUMBERS:
            return f"cast({value} as varchar)"
        case found if found in _FLOATS:
            return f"case when isfinite({value}) then cast({value} as varchar) end"
        case "varchar":
            return f"to_json({value})::varchar"
    return f"to_json({_plain(kind, value)})::varchar"


def _plain(kind: Any, value: str) -> str:
    """SQL: the text of a value that is no list or struct."""
    match kind.id:
        case "timestamp with time zone":  # the session's zone is UTC
            return f"replace(replace(cast({value} as varchar), ' ', 'T'), '+00', 'Z')"
        case "timestamp":
            return f"replace(cast({value} as varchar), ' ', 'T')"
        case "blob":
            return f"base64({value})"
    return f"cast({value} as varchar)"


def _field(kind: Any, value: str, *, is_for_spreadsheets: bool) -> str:
    if kind.id in {"list", "struct"}:
        return _csv_text(_json_or_null(kind, value, 0))
    if kind.id == "varchar":
        if is_for_spreadsheets:
            value = f"if(regexp_matches({value}, {_LOOKS_LIKE_A_FORMULA}), '''' || {value}, {value})"
        return _csv_text(value)
    if kind.id in _NEVER_QUOTED:
        return f"coalesce({_plain(kind, value)}, '')"
    return _csv_text(_plain(kind, value))


def _csv_text(value: str) -> str:
    quoted = f"""'"' || replace({value}, '"', '""') || '"'"""
    must_be = f"{value} = '' or regexp_matches({value}, {_MUST_BE_QUOTED})"
    return f"case when {value} is null then '' when {must_be} then {quoted} else {value} end"


def _child(kind: Any) -> Any:
    return dict(kind.children)["child"]
