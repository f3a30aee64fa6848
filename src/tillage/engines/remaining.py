"""What is left of records whose bytes were taken away with a person: a JSON object of the shape that they came in.

It has what silver keeps of its units, under the names by which the contract reads it. A personal column is null in it,
or a hash where its contract says `tillage.erase: hash`; so is the id of a person, with the subject key of the tables as
its hash. What is personal of others in the same record is null. What a contract does not name is in no such record.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from tillage.contracts.cases.yaml_rows import Number, json_text
from tillage.contracts.contract import Column, Dataset, Kind
from tillage.domain.money import to_major
from tillage.ports.people import Vault

_PART_BYTES = 4 * 1024 * 1024
_LEAST_BYTES = 512  # which a record takes at least
_LINES = pa.schema(
    [("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64()), ("line", pa.large_string())]
)
Row = Mapping[str, Any]
Place = tuple[int, int, int]


def find_remaining(
    connection: duckdb.DuckDBPyConnection,
    units: Sequence[tuple[Dataset, str]],
    people: Vault | None,
    *,
    sizes: str,
    table: str,
) -> None:
    """Fills `table` with `load_seq, source, ordinal, line`, a row for each record.

    Args:
        units: By dataset SELECT of the units that stand of such records, each a whole record.
        sizes: A table with `load_seq, source, ordinal, size_bytes` of the records, as they came; so many at a time are
            made anew that these are few.
    """
    connection.register("#none", _LINES.empty_table())
    connection.execute(f'create or replace temp table {table} as from "#none"')
    for number, (_, rows) in enumerate(units):
        connection.execute(f'create or replace table "#left_{number}" as {rows}')
    each = " union ".join(
        f'select _record."load" as load_seq, _record.source, _record.ordinal from "#left_{number}"'
        for number in range(len(units))
    )
    if not each:
        return
    connection.execute(f"""
        create or replace table "#left" as
        select load_seq, source, ordinal, (sum(size_bytes + {_LEAST_BYTES}) over (
            order by load_seq, source, ordinal) // {_PART_BYTES})::bigint as part
        from ({each}) join {sizes} using (load_seq, source, ordinal)
    """)
    ((parts,),) = connection.execute('select coalesce(max(part) + 1, 0) from "#left"').fetchall()
    for part in range(parts):
        records: dict[Place, dict[str, Any]] = {}
        for number, (dataset, _) in enumerate(units):
            _add_units(records, dataset, _rows_of(connection, f'"#left_{number}"', part), people)
        lines = [(*place, json_text(record)) for place, record in records.items()]
        columns = list(zip(*lines, strict=True))
        connection.register("#lines", pa.table(dict(zip(_LINES.names, columns, strict=True)), _LINES))
        connection.execute(f'insert into {table} from "#lines"')
        connection.unregister("#lines")


def _rows_of(connection: duckdb.DuckDBPyConnection, table: str, part: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        connection.sql(f"""
            select u.* from {table} as u join "#left" as l
            on (l.load_seq, l.source, l.ordinal) = (u._record."load", u._record.source, u._record.ordinal)
            where l.part = {int(part)}
        """)
        .to_arrow_table()
        .to_pylist()
    )
    return rows


def _add_units(
    records: dict[Place, dict[str, Any]], dataset: Dataset, rows: Sequence[Row], people: Vault | None
) -> None:
    """Adds the units of one dataset to the records of a part."""
    hashes, nobodys = _what_is_left(dataset, rows, people)
    for row in rows:
        place = _place_of(row)
        add_remaining(records.setdefault(place, {}), dataset, row, hashes.get(place), nobodys)


def _place_of(row: Row) -> Place:
    record = row["_record"]
    return record["load"], record["source"], record["ordinal"]


def _what_is_left(
    dataset: Dataset, rows: Sequence[Row], people: Vault | None
) -> tuple[Mapping[Place, Row], Collection[str]]:
    """Of the personal columns by place, where they are hashes; and the keys that are of nobody any more."""
    if people is None:
        return {}, ()
    keys = {row[column.stored_name] for row in rows for column in dataset.subject_columns}
    places = pa.table(
        {
            "load_seq": pa.array([row["_record"]["load"] for row in rows], pa.int64()),
            "source": pa.array([row["_record"]["source"] for row in rows], pa.int32()),
            "ordinal": pa.array([row["_record"]["ordinal"] for row in rows], pa.int64()),
            "unit": pa.array([row["_record"]["unit"] for row in rows], pa.int64()),
        }
    )
    held = people.personal(dataset.name, places).to_pylist() if dataset.hashed_columns else []
    hashes = {
        (one["load_seq"], one["source"], one["ordinal"]): json.loads(one["personal"])
        for one in held
        if one["is_nobodys"]
    }
    return hashes, people.nobodys({key for key in keys if key})


def add_remaining(
    record: dict[str, Any], dataset: Dataset, unit: Row, hashes: Row | None, nobodys: Collection[str]
) -> None:
    """Adds to a record what is left of one unit of it, a row of silver: JSON values, numbers by their digits.

    Args:
        hashes: What is left of its personal columns; None: nothing.
        nobodys: Subject keys of who was erased.
    """
    for column in dataset.columns:
        if column.is_personal:
            value = _shaped(column, hashes.get(column.stored_name), record) if hashes and column.is_hashed else None
            _place(column, value, record, record)
        elif column.subject:
            key = unit[column.stored_name]
            _place(column, key if column.is_hashed and key in nobodys else None, record, record)
        else:
            _place(column, None, record, record)  # members are in the order of the contract
    # Afterwards: what is not personal may stand inside of what is.
    for column in dataset.columns:
        if not column.is_personal and not column.subject:
            value = _value(column, unit[column.stored_name], record, (unit,))
            _place(column, value, record, record, is_over=True)


def _place(
    column: Column, value: Any, inside: dict[str, Any], record: dict[str, Any], *, is_over: bool = False
) -> None:
    """Puts the value where the column is read first; a column that is made of others is read nowhere.

    Args:
        is_over: In the place of what is there, and not only where nothing is.
    """
    if not column.paths:
        return
    first, *steps = column.paths[0].steps
    for step in reversed(steps):
        value = {step: value}
    into = record if column.is_from_record else inside
    there = into.get(first)
    into[first] = _merged(there, value) if is_over else _merged(value, there)


def _merged(under: Any, over: Any) -> Any:
    """Both, members and elements one by one; where both say something, what is over the other."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {name: _merged(under.get(name), over.get(name)) for name in {**under, **over}}
    if isinstance(under, list) and isinstance(over, list) and len(under) == len(over):
        return [_merged(*both) for both in zip(under, over, strict=True)]
    return under if over is None else over


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
        currency = column.currency or _code(column.currency_by, around)
        return Number(str(value) if column.money.is_minor else f"{to_major(value, currency):f}")
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


def _code(path: str, around: Sequence[Row]) -> str:
    """What a column names as the currency, that of the nearest of such a name; it may be a member of an object."""
    for one in reversed(around):
        found: Any = one
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        if found is not None:
            return str(found)
    raise AssertionError("an amount without its currency was accepted")


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
