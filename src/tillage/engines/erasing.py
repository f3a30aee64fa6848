"""Which records are about somebody, and bronze without their bytes.

A record is about whom a column says that its contract calls an id of people. Few are: the bytes of all are searched for
the ids first, and only what has one of them in it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from ahocorasick_rs import BytesAhoCorasick

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.domain.load import Spans
from tillage.domain.verdict import Verdict
from tillage.engines.digests import spelt
from tillage.engines.forgetting import HOLDS_BYTES, taken_away
from tillage.engines.people import add_personal, personal_text
from tillage.engines.reader import RECORDS, Reader, checked
from tillage.engines.recall import brought_records, patched_records
from tillage.engines.relations import bronze_relation, current_relation, silver_relation, spanned_bronze_relation
from tillage.engines.slices import VECTOR_ROWS, gathered
from tillage.engines.suppressing import (
    NAMELESS,
    TOKENS_SQL,
    erased,
    find_erased,
    find_nameless,
    has_id,
    identifying,
    kind_of,
    suppressed_records,
)
from tillage.ports.engine import Folders
from tillage.ports.erasing import FoundRecords, Person
from tillage.ports.lake import Rows, Silver, Snapshot
from tillage.ports.people import People

_UNITS = pa.schema(
    [
        *[("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64())],
        *[("dataset", pa.string()), ("unit", pa.int64())],
    ]
)
_PLACES = pa.schema([("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64())])
_SHORT = 3
"""Shorter ids are in so many records that looking for them first would only cost time."""
_ESCAPE = b"\\"


class DuckErasing:
    """Reads in databases that `connect` opens."""

    def __init__(self, connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._connect = connect

    def find(
        self, check: Check, bronze: Snapshot, loads: Collection[int], people: Sequence[Person], folders: Folders
    ) -> FoundRecords:
        with self._connect() as connection:
            return _found(connection, check, bronze, loads=sorted(loads), people=people, folders=folders)

    def standing(self, datasets: Mapping[str, tuple[Dataset, Silver]], subject_keys: Collection[str]) -> Rows:
        selects = [
            f"""
            select _record."load" as load_seq, _record.source as source, _record.ordinal as ordinal
            from ({silver_relation(dataset, silver)}) where {name(column.stored_name)} in (from "#keys")
            """
            for dataset, silver in datasets.values()
            for column in dataset.subject_columns
        ]
        if not selects or not subject_keys:
            return _PLACES.empty_table()
        with self._connect() as connection:
            connection.register("#given", pa.table({"subject_key": pa.array(sorted(subject_keys), pa.string())}))
            connection.execute('create or replace temp table "#keys" as from "#given"')
            return connection.sql(" union ".join(selects)).to_arrow_table().cast(_PLACES)

    def units(
        self, dataset: Dataset, silver: Silver, people: People | None, *, subject_key: str | None = None
    ) -> list[dict[str, Any]]:
        columns = [name(column.stored_name) for column in dataset.subject_columns]
        if not columns or not silver.snapshot.files:
            return []
        mine = " or ".join(f"{column} = $subject_key" for column in columns) if subject_key else "$subject_key is null"
        with self._connect() as connection:
            current = current_relation(dataset, silver_relation(dataset, silver))
            connection.execute(
                f'create or replace temp table "#theirs" as select * from ({current}) where {mine}',
                {"subject_key": subject_key},
            )
            add_personal(connection, dataset, people, '"#theirs"')
            rows: list[dict[str, Any]] = connection.sql('from "#theirs"').to_arrow_table().to_pylist()
        return rows

    def named_again(
        self, check: Check, bronze: Snapshot, loads: Collection[int], folders: Folders, people: People
    ) -> set[tuple[str, str, str]]:
        datasets = [dataset for dataset in check.contract.datasets if dataset.subject_columns]
        found: set[tuple[str, str, str]] = set()
        if not loads or not datasets or not bronze.files:
            return found
        with self._connect() as connection:
            reader = Reader(connection, check, folders)
            for _ in _read(connection, reader, bronze, sorted(loads), lambda batch: batch):
                find_nameless(connection, datasets)
                find_erased(connection, datasets, people)
                found |= {*erased(connection, datasets)}
        return found

    def holding(self, bronze: Snapshot, places: Rows) -> Mapping[int, int]:
        if not places.num_rows or not bronze.files:
            return {}
        with self._connect() as connection:
            _keep(connection, places)
            every = spanned_bronze_relation(bronze, ((0, 2**62),))
            found = connection.execute(f"""
                select load_seq, count(*) from ({every}) where {_IS_DUE} group by load_seq order by load_seq
            """).fetchall()
        return {int(load): int(rows) for load, rows in found}

    @contextmanager
    def emptied(self, bronze: Snapshot, places: Rows, spans: Spans, number: int) -> Iterator[Rows]:
        with self._connect() as connection:
            _keep(connection, places)
            yield taken_away(connection, bronze, spans, number, is_due=_IS_DUE)

    def erased(self, bronze: Snapshot, files: Collection[tuple[int, int]], erased_by: Collection[int]) -> Rows:
        loads = ", ".join(str(int(load)) for load in erased_by) or "null"
        wanted = " or ".join(f"(load_seq = {int(load)} and source = {int(source)})" for load, source in files)
        rows = bronze_relation(bronze, {load for load, _ in files})
        with self._connect() as connection:
            return connection.sql(f"""
                select load_seq, source, ordinal from ({rows})
                where record_load = load_seq and (forgotten_by in ({loads}) or forgotten_by = load_seq)
                    and ({wanted or "false"})
            """).to_arrow_table()

    def spans(self, bronze: Snapshot, places: Rows) -> Rows:
        with self._connect() as connection:
            _keep(connection, places)
            every = spanned_bronze_relation(bronze, ((0, 2**62),))
            return connection.sql(f"""
                select load_seq, source, ordinal, "offset", size_bytes from ({every})
                where record_load = load_seq
                    and (load_seq, source, ordinal) in (select (load_seq, source, ordinal) from "#places")
            """).to_arrow_table()

    def is_left(self, bronze: Snapshot, load_seq: int) -> bool:
        others = f"list_filter(units, lambda u: u.verdict <> {text(Verdict.SUPPRESSED)})"
        with self._connect() as connection:
            ((found,),) = connection.execute(f"""
                select count(*) > 0 from ({bronze_relation(bronze, [load_seq])})
                where forgotten_by = load_seq and len({others}) > 0
            """).fetchall()
        return bool(found)

    def suppressed(self, bronze: Snapshot, load_seq: int) -> Rows:
        with self._connect() as connection:
            return suppressed_records(connection, bronze, load_seq)


_IS_DUE = f"""
    (record_load, source, ordinal) in (select (load_seq, source, ordinal) from "#places")
    and {HOLDS_BYTES}
"""


def _keep(connection: duckdb.DuckDBPyConnection, places: Rows) -> None:
    connection.register("#given", places)
    connection.execute('create or replace temp table "#places" as select distinct * from "#given"')
    connection.unregister("#given")


def _found(
    connection: duckdb.DuckDBPyConnection,
    check: Check,
    bronze: Snapshot,
    *,
    loads: Sequence[int],
    people: Sequence[Person],
    folders: Folders,
) -> FoundRecords:
    reader = Reader(connection, check, folders)
    datasets = [dataset for dataset in check.contract.datasets if dataset.subject_columns]
    if not loads or not people or not datasets or not bronze.files:
        return FoundRecords(_PLACES.empty_table(), _UNITS.empty_table())
    _keep_people(connection, people)
    # Of rows that are one unit together those without the id are needed too, and a folder may say an id for all.
    said = {member for members in folders.values() for member in members}
    named = {path.steps[0] for dataset in datasets for one in identifying(dataset) for path in one.paths if path.steps}
    looked = _Looked(people, is_all=bool(said & named) or any(dataset.group_by for dataset in datasets))
    connection.execute("""
        create or replace temp table "#found" (load_seq bigint, source integer, ordinal bigint, dataset varchar,
            unit bigint, person integer, personal varchar)
    """)
    for _ in _read(connection, reader, bronze, loads, looked.candidates):
        for dataset in datasets:
            _add_units(connection, dataset)
            if dataset.group_by:
                _add_rows(connection, dataset, reader.rows_of_units(dataset))
        find_nameless(connection, datasets)
        _add_nameless(connection, check.contract.datasets[0].name)
    places = connection.sql('select distinct load_seq, source, ordinal from "#found"').to_arrow_table().cast(_PLACES)
    units = connection.sql("""
        select distinct load_seq, source, ordinal, dataset, unit from "#found" where dataset is not null
    """).to_arrow_table()
    texts = connection.execute('select distinct person, personal from "#found" where personal is not null').fetchall()
    return FoundRecords(places, units.cast(_UNITS), tuple((int(person), str(found)) for person, found in texts))


def _read(
    connection: duckdb.DuckDBPyConnection,
    reader: Reader,
    bronze: Snapshot,
    loads: Sequence[int],
    wanted: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> Iterator[None]:
    """The records that loads brought, checked, and then those that replays patched, which have the same places."""
    for relation in (brought_records(bronze, loads), patched_records(bronze, loads)):
        reader.start(is_trusting=False)
        rows = connection.cursor().sql(relation).to_arrow_reader(VECTOR_ROWS)
        reader.read(batch for batch in map(wanted, gathered(rows)) if batch.num_rows)
        reader.finish()
        yield


def _keep_people(connection: duckdb.DuckDBPyConnection, people: Sequence[Person]) -> None:
    rows = [
        (number, person.subject, kind, value)
        for number, person in enumerate(people)
        for kind, values in (
            ("id", [person.natural_id] if person.natural_id else []),
            ("alone" if person.natural_id or person.is_alone else "alias", person.own_aliases),
        )
        for value in values
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    types = {"person": pa.int32(), "subject": pa.string(), "kind": pa.string(), "value": pa.string()}
    connection.register(
        "#given", pa.table({n: pa.array(c, t) for (n, t), c in zip(types.items(), columns, strict=True)})
    )
    connection.execute('create or replace table "#people" as from "#given"')
    connection.unregister("#given")


class _Looked:
    """Which records may be about somebody: those with an id or further identifier of theirs anywhere in them."""

    def __init__(self, people: Sequence[Person], *, is_all: bool) -> None:
        texts = {one for p in people for one in (p.natural_id, *p.own_aliases) if one}
        self._is_all = is_all or any(len(one) < _SHORT or not one.isascii() for one in texts)
        patterns = sorted({one.lower().encode() for one in texts} | {_ESCAPE})
        self._search = BytesAhoCorasick(patterns)

    def candidates(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._is_all:
            return batch
        wanted = np.zeros(batch.num_rows, dtype=bool)
        for column in ("raw", "text"):
            values = batch.column(column).cast(pa.large_binary())
            if values.null_count == len(values):
                continue
            offsets = np.frombuffer(values.buffers()[1], np.int64)[values.offset : values.offset + len(values) + 1]
            data = values.buffers()[2]
            held = b"" if data is None else memoryview(data)[offsets[0] : offsets[-1]].tobytes().lower()
            starts = [start for _, start, _ in self._search.find_matches_as_indexes(held)]
            rows = np.searchsorted(offsets - offsets[0], np.array(starts, dtype=np.int64), side="right") - 1
            wanted[rows] = True
        return batch.filter(pa.array(wanted))


def _add_units(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    personal = personal_text(dataset) if dataset.personal_columns else "null::varchar"
    for column in identifying(dataset):
        kind = (
            f"(p.kind = 'alias' or p.kind = 'alone' and not {has_id(dataset)})" if column.alias_of else "p.kind = 'id'"
        )
        connection.execute(f"""
            insert into "#found"
            select _load_seq, _source, _ordinal, {text(dataset.name)}, _unit, person, {personal}
            from {checked(dataset)} as c join "#people" as p
            on p.subject = {text(kind_of(column))} and {kind} and p.value = {spelt(column)}
        """)


def _add_rows(connection: duckdb.DuckDBPyConnection, dataset: Dataset, rows: str) -> None:
    """All rows of the units of a dataset that were found."""
    connection.execute(f"""
        insert into "#found"
        select f.load_seq, f.source, r._row, null, null, f.person, null from ({rows}) as r
        join (select * from "#found" where dataset = {text(dataset.name)}) as f
        on (f.load_seq, f.source, f.ordinal) = (r._load_seq, r._source, r._ordinal)
    """)


def _add_nameless(connection: duckdb.DuckDBPyConnection, first: str) -> None:
    """Records of nobody else in which somebody is named."""
    connection.execute(f"""
        insert into "#found"
        select _load_seq, _source, _ordinal, {text(first)}, null, person, null from (
            select _load_seq, _source, _ordinal, unnest({TOKENS_SQL}) as token from {RECORDS}
            where (_load_seq, _source, _ordinal) in (select (_load_seq, _source, _ordinal) from {NAMELESS})
        ) join "#people" as p on if(p.kind = 'id', p.value = token, lower(p.value) = lower(token))
    """)
