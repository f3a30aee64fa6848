"""What is left of records whose bytes were taken away with a person: a JSON object of the shape that they came in.

It has what silver keeps of the unit, under the names by which the contract reads it. A personal column is null in it,
or a hash where its contract says `tillage.erase: hash`; so is the id of a person, with the subject key of the tables as
its hash. What a contract does not name is in no such record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from tillage.contracts.cases.yaml_rows import Number, json_text
from tillage.contracts.contract import Column, Dataset, Kind
from tillage.domain.money import to_major
from tillage.engines.people import PERSONAL, add_personal
from tillage.ports.people import People

_ROWS = 8_192
_SCHEMA = pa.schema(
    [("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64()), ("line", pa.large_string())]
)
Row = Mapping[str, Any]


def find_remaining(
    connection: duckdb.DuckDBPyConnection,
    units: Iterable[tuple[Dataset, str]],
    people: People | None,
    *,
    table: str,
) -> None:
    """Fills `table` with `load_seq, source, ordinal, line`, a row for each record.

    Args:
        units: By dataset SELECT of the units that stand of such records, each a whole record; of one that stands in
            several datasets the first counts.
    """
    connection.register("#none", _SCHEMA.empty_table())
    connection.execute(f'create or replace temp table {table} as from "#none"')
    for dataset, rows in units:
        connection.execute(f"""
            create or replace table "#units_left" as select * from ({rows})
            where (_record."load", _record.source, _record.ordinal) not in (select (load_seq, source, ordinal)
                from {table})
        """)
        add_personal(connection, dataset, people, '"#units_left"')
        reader = connection.cursor().sql('from "#units_left"').to_arrow_reader(_ROWS)
        for batch in reader:
            connection.register("#lines", _lines(dataset, batch))
            connection.execute(f'insert into {table} from "#lines"')
            connection.unregister("#lines")


def _lines(dataset: Dataset, units: pa.RecordBatch) -> pa.Table:
    places = units.column("_record").flatten()
    names = [field.name for field in units.column("_record").type]
    load, source, ordinal = (places[names.index(name)] for name in ("load", "source", "ordinal"))
    lines = [json_text(remaining(dataset, row)) for row in units.to_pylist()]
    return pa.table([load, source, ordinal, pa.array(lines, pa.large_string())], schema=_SCHEMA)


def remaining(dataset: Dataset, unit: Row) -> dict[str, Any]:
    """The record of one unit, by a row of silver with `_personal` beside it: JSON values, numbers by their digits."""
    record: dict[str, Any] = {}
    personal = json.loads(unit.get(PERSONAL) or "{}")
    for column in dataset.columns:
        if column.is_personal:
            value = _shaped(column, personal.get(column.stored_name), record) if column.is_hashed else None
        elif column.subject:
            value = unit[column.stored_name] if column.is_hashed else None
        else:
            value = _value(column, unit[column.stored_name], record, (unit,))
        _place(column, value, record, record)
    return record


def _place(column: Column, value: Any, inside: dict[str, Any], record: dict[str, Any]) -> None:
    """Puts the value where the column is read first; a column that is made of others is read nowhere."""
    if not column.paths:
        return
    *steps, last = column.paths[0].steps
    inner: Any = record if column.is_from_record else inside
    for step in steps:
        inner = inner.setdefault(step, {})
        if not isinstance(inner, dict):
            return  # another column is read from the whole, and has it already
    inner.setdefault(last, value)


def _value(column: Column, value: Any, record: dict[str, Any], around: Sequence[Row]) -> Any:
    """A value of silver as JSON; `around`: what it stands in, from the outside in."""
    if value is None:
        return None
    if column.kind is Kind.LIST and column.is_scalar_list:
        return [_value(column.items[0], one, record, around) for one in value]
    if column.kind is Kind.LIST:
        return [_object(column.items, one, record, around) for one in value]
    if column.kind is Kind.OBJECT:
        return _object(column.items, value, record, around)
    if column.money:
        currency = column.currency or next(_codes(column, around))
        return Number(f"{value if column.money.is_minor else to_major(value, currency):f}")
    if isinstance(value, Decimal):
        return Number(f"{value:f}".rstrip("0").rstrip("."))
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _object(items: Iterable[Column], value: Row, record: dict[str, Any], around: Sequence[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        _place(item, _value(item, value[item.stored_name], record, (*around, value)), found, record)
    return found


def _codes(column: Column, around: Sequence[Row]) -> Iterator[str]:
    """Of an amount, by the nearest column of that name."""
    return (str(one[column.currency_by]) for one in reversed(around) if one.get(column.currency_by))


def _shaped(column: Column, value: Any, record: dict[str, Any]) -> Any:
    """What is left of a personal column, with its members by the names under which they came."""
    if isinstance(value, list) and not column.is_scalar_list:
        return [_shaped_members(column.items, one, record) for one in value]
    return _shaped_members(column.items, value, record) if isinstance(value, dict) else value


def _shaped_members(items: Iterable[Column], value: Row, record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        _place(item, _shaped(item, value.get(item.stored_name), record), found, record)
    return found
