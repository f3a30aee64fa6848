"""What a feed's `mirror` asks for, as values: files in the original shape, and relational tables of what stands.

Of each dataset there is a table with a row for each unit that stands, and of each list in it one with a row for each
element. Objects are taken apart into columns: `address.city` is `address_city`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from tillage.contracts.contract import Column, Contract, Dataset, Kind
from tillage.contracts.project import Feed, Mirror
from tillage.contracts.sql_text import name
from tillage.contracts.types import stored
from tillage.errors import OperatorError

PLACE = (
    ("_record_load", "BIGINT", 'u._record."load"'),
    ("_record_source", "INTEGER", "u._record.source"),
    ("_record_ordinal", "BIGINT", "u._record.ordinal"),
    ("_record_unit", "BIGINT", "u._record.unit"),
)
"""Columns of each row of a dataset: where its unit stands, as `tillage explain` says it too."""
LINE = "_line"
"""Column of each row of a list: its place in it, from 1."""
_MOST_BYTES = 63  # of a name in PostgreSQL
_MOST_NAME_BYTES = 200  # of a file
_ZIPPED = re.compile(r"\.zip~*$", re.IGNORECASE)  # also one that could be taken for the folder of another


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that are the key of another one."""

    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class MirrorTable:
    """One table: of the units of a dataset, or of the elements of a list in them."""

    name: str
    dataset: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, DuckDB type, and SQL over a row of `rows`."""
    rows: str
    """SQL that makes the rows from `{units}`, current rows of silver."""
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()


def mirror_tables(feeds: Sequence[tuple[Feed, Contract]]) -> tuple[MirrorTable, ...]:
    """The tables of all feeds that ask for them, each dataset's own one before those of its lists.

    Raises:
        OperatorError: two would have one name, or one two columns of one name; names the feed.
    """
    asked = [(feed, contract) for feed, contract in feeds if Mirror.TABLES in feed.mirror]
    datasets = {dataset.name: dataset for _, contract in asked for dataset in contract.datasets}
    found: dict[str, MirrorTable] = {}
    for feed, contract in asked:
        for dataset in contract.datasets:
            for table in _tables_of(dataset, datasets):
                _refuse(feed, table, found)
                found[table.name] = table
    return tuple(found.values())


def tables_digest(tables: Collection[MirrorTable]) -> str:
    """Changes with anything that makes one of the tables another."""
    return _digest([asdict(table) for table in tables])


def check_files(feed: Feed, contract: Contract) -> None:
    """That what a feed's files held can be written again in their shape.

    Raises:
        OperatorError: says what stands against it.
    """
    if Mirror.FILES not in feed.mirror:
        return
    for dataset in contract.datasets:
        if dataset.unit_path or dataset.group_by or dataset.is_distinct:
            raise OperatorError(
                f"tillage.yaml: feed {feed.name}: `mirror: [files]` writes whole records, and a unit of dataset "
                f"'{dataset.name}' is not one record; use `mirror: [tables]`"
            )
    if contract.retention is not None:
        raise OperatorError(
            f"tillage.yaml: feed {feed.name}: `mirror: [files]` is made of the bytes that bronze keeps, and its "
            f"contract says that they are kept for {contract.retention} only; leave one of the two out"
        )


def files_digest(feed: Feed, contract: Contract) -> str:
    """Changes with anything that makes its files others."""
    made_of = [feed.format, feed.folder, [dataset.name for dataset in contract.datasets]]
    # What is left of records that people have left is made of columns.
    shapes = [_shape(column) for dataset in contract.datasets for column in dataset.columns]
    return _digest([*made_of, shapes] if contract.has_people else made_of)


def _shape(column: Column) -> list[Any]:
    """What a value of it looks like in a record."""
    path = [*column.paths[0].steps, column.is_from_record] if column.paths else []
    about = [column.is_personal, column.subject is not None, column.is_hashed]
    return [column.name, path, column.kind, about, repr(column.money), [_shape(item) for item in column.items]]


def file_name(feed: Feed, path: str) -> str:
    """Where what stands of a landed file is written, below the folder of the feed's files."""
    landed = PurePosixPath(path)
    is_below = landed.is_relative_to(feed.folder)
    # What landed when the feed had another folder lies apart.
    parts = landed.relative_to(feed.folder).parts if is_below else ("~", *landed.parts)
    zipped = next((place for place, part in enumerate(parts[:-1]) if _ZIPPED.search(part)), None)
    if zipped is None:
        return "/".join(parts)
    # What is in a zip file may have any names, such as one of a file and of a folder; and beside it one may land that
    # is no zip file.
    inside = "/".join(parts[zipped + 1 :]).replace("%", "%25").replace("/", "%2F")
    return "/".join((*parts[:zipped], f"{parts[zipped]}~", _short(inside)))


def _short(name: str) -> str:
    """The name itself, or one that a file may have: its end, which says how it is packed, behind a digest."""
    spelt = name.encode()
    if len(spelt) <= _MOST_NAME_BYTES:
        return name
    end = spelt[-_MOST_NAME_BYTES // 2 :].decode(errors="ignore")
    return f"{hashlib.sha256(spelt).hexdigest()}~{end}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _refuse(feed: Feed, table: MirrorTable, known: Mapping[str, MirrorTable]) -> None:
    where = f"tillage.yaml: feed {feed.name}: `mirror: [tables]`"
    if table.name in known:
        other = known[table.name].dataset
        raise OperatorError(
            f"{where}: table '{table.name}' of dataset {table.dataset} is one of {other} too; rename one"
        )
    columns = [column for column, _, _ in table.columns]
    for column in (table.name, *columns):
        if len(column.encode()) > _MOST_BYTES:
            raise OperatorError(f"{where}: '{column}' has more bytes than a name in PostgreSQL may, {_MOST_BYTES}")
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise OperatorError(f"{where}: table '{table.name}' would have several columns '{min(twice)}'; rename one")


def _tables_of(dataset: Dataset, datasets: Mapping[str, Dataset]) -> Iterator[MirrorTable]:
    own = tuple(_flat(dataset.kept_columns, "u"))
    key = tuple(dataset.column(one).stored_name for one in dataset.key) or tuple(column for column, _, _ in PLACE)
    yield MirrorTable(
        dataset.name, dataset.name, (*own, *PLACE), "{units}", key, _foreign_keys(dataset, None, datasets)
    )
    owner = [one for one in (*own, *PLACE) if one[0] in key]
    for names, column, value in _lists(dataset.kept_columns, "u"):
        kept = ", ".join(f"{sql} as {name(one)}" for one, _, sql in owner)
        line = f"generate_subscripts({value}, 1)::bigint as {LINE}"
        parents = _foreign_keys(dataset, column.name, datasets) if len(names) == 1 else ()
        yield MirrorTable(
            "_".join((dataset.name, *names)),
            dataset.name,
            (
                *((one, kind, f"u.{name(one)}") for one, kind, _ in owner),
                (LINE, "BIGINT", f"u.{LINE}"),
                *_elements(column),
            ),
            f"(select {kept}, {line}, unnest({value}) as e from {{units}} as u)",
            (*key, LINE),
            (ForeignKey(key, dataset.name, key), *parents),
        )


def _lists(
    columns: Sequence[Column], base: str, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Column, str]]:
    """The lists of a unit, each with the names that lead to it and SQL for it; there are none in lists."""
    for column in columns:
        value = f"{base}.{name(column.stored_name)}"
        if column.kind is Kind.OBJECT:
            yield from _lists(column.items, value, (*names, column.name))
        elif column.kind is Kind.LIST:
            yield (*names, column.name), column, value


def _elements(column: Column) -> tuple[tuple[str, str, str], ...]:
    if not column.is_scalar_list:
        return tuple(_flat(column.items, "u.e"))
    ((_, kind, _),) = stored(column.items[0])
    return (("value", kind, "u.e"),)


def _flat(columns: Sequence[Column], base: str, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, type and SQL of all that is no list."""
    for column in columns:
        if column.kind is Kind.OBJECT:
            yield from _flat(column.items, f"{base}.{name(column.stored_name)}", f"{prefix}{column.name}_")
        elif column.kind is not Kind.LIST:
            for field, kind, _ in stored(column):
                yield f"{prefix}{field}", kind, f"{base}.{name(field)}"


def _foreign_keys(dataset: Dataset, list_name: str | None, datasets: Mapping[str, Dataset]) -> tuple[ForeignKey, ...]:
    """Those that are to a dataset with tables too."""
    columns = dataset.columns if list_name is None else dataset.column(list_name).items
    by_name = {column.name: column for column in columns}
    return tuple(
        ForeignKey(
            tuple(by_name[one].stored_name for one in reference.columns),
            reference.to,
            tuple(datasets[reference.to].column(one).stored_name for one in reference.keys),
        )
        for reference in dataset.references
        if reference.list_name == list_name and reference.to in datasets
    )
