"""What is kept equal to silver elsewhere: rows of relational tables, and the records of files as they came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import duckdb
import pyarrow as pa

from tillage.contracts.contract import Dataset
from tillage.contracts.mirror import MirrorTable
from tillage.contracts.sql_text import name, text
from tillage.engines.relations import current_relation, grown, literal_path, silver_relation, visible_bronze_relation
from tillage.engines.remaining import find_remaining
from tillage.errors import MirrorError
from tillage.ports.lake import Rows, Silver, Snapshot
from tillage.ports.people import Vault

_TOUCHED = '"#touched"'
_PLACES = '"#mirrored_places"'
_STANDING, _BYTES, _ORDERED = '"#mirrored_records"', '"#mirrored_bytes"', '"#mirrored_order"'
_RECORDS = pa.schema([("file", pa.int64()), ("raw", pa.large_binary()), ("is_whole", pa.bool_())])
_ERASED, _REMAINING = '"#mirrored_erased"', '"#mirrored_remaining"'
_SLICE_BYTES = 32 * 1024 * 1024
_SLICE_ROWS = 65_536
_WRITTEN_ROWS = 8_192


class DuckMirrors:
    """Reads in databases that `connect` opens."""

    def __init__(self, connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._connect = connect

    @contextmanager
    def table_rows(self, dataset: Dataset, silver: Silver) -> Iterator[Callable[[MirrorTable], Rows]]:
        with self._connect() as connection:
            _find_all(connection, dataset, silver)
            yield partial(table_rows, connection)

    def differing(self, table: MirrorTable, kept: Rows, dataset: Dataset, silver: Silver) -> int:
        with self._connect() as connection:
            _find_all(connection, dataset, silver)
            return _differing(connection, table, kept)

    @contextmanager
    def records(
        self,
        bronze: Snapshot,
        silver: Mapping[str, Silver],
        datasets: Sequence[Dataset],
        places: Rows,
        *,
        erased_by: Collection[int],
        people: Vault | None,
    ) -> Iterator[Rows]:
        try:
            with self._connect() as connection:
                yield _records_of(connection, bronze, silver, datasets, places, erased_by=erased_by, people=people)
        except (duckdb.OutOfMemoryException, pa.ArrowInvalid) as wrong:  # the second is what a stream makes of it
            if isinstance(wrong, pa.ArrowInvalid) and "OutOfMemoryException" not in str(wrong):
                raise
            raise MirrorError(
                "the records of a file are too large for the memory that there is; give more by TILLAGE_MEMORY_MB, or "
                "take `files` out of the feed's `mirror`, then: tillage run"
            ) from None


def _units(dataset: str) -> str:
    """The table of the units that stand."""
    return name("#mirrored:" + dataset)


def find_touched(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    table: MirrorTable,
    signed: str,
    silver: Silver,
    *,
    is_appended: bool,
) -> pa.Table:
    """Keys of the units that `signed`, the rows that a load adds to silver, changes; those that stand are kept.

    Args:
        table: Of the dataset's units, as it is today.
        silver: With the load.
        is_appended: `signed` only opens units, so that they are all there is under their keys.
    """
    rows = grown(dataset, signed)
    by_key = _by_key(table)
    keys = ", ".join(f"{sql} as {name(column)}" for column, sql in by_key.items())
    connection.execute(f"create or replace temp table {_TOUCHED} as select distinct {keys} from ({rows}) as u")
    if not is_appended:
        every, touched = silver_relation(dataset, silver), ", ".join(map(name, by_key))
        mine = f"({', '.join(by_key.values())}) in (select ({touched}) from {_TOUCHED})"
        same = f"select u.* from ({every}) as u where {mine}"
        rows = current_relation(dataset, same)
    connection.execute(f"create or replace temp table {_units(dataset.name)} as {rows}")
    return connection.sql(f"from {_TOUCHED}").to_arrow_table()


def _find_all(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver) -> None:
    """All units that stand, as they are read."""
    rows = current_relation(dataset, silver_relation(dataset, silver))
    connection.execute(f"create or replace temp view {_units(dataset.name)} as {rows}")


def table_rows(connection: duckdb.DuckDBPyConnection, table: MirrorTable) -> pa.RecordBatchReader:
    """The rows of one table that come of the units that were found."""
    return connection.sql(_rows(table)).to_arrow_reader(_WRITTEN_ROWS)


def _records_of(
    connection: duckdb.DuckDBPyConnection,
    bronze: Snapshot,
    silver: Mapping[str, Silver],
    datasets: Iterable[Dataset],
    places: Rows,
    *,
    erased_by: Collection[int],
    people: Vault | None,
) -> pa.RecordBatchReader:
    """`file, raw, is_whole` of each record with a unit that stands, in order.

    The bytes are those by which it stands: that the load which opened it has patched, else those that came. Of one
    whose bytes were erased it is what remains of it.

    Args:
        places: `file, load_seq, source`: which files, in the order that their records are wanted in.
        erased_by: Loads that took bytes away with people.

    Raises:
        MirrorError: records that stand have no bytes any more.
    """
    connection.register("#wanted", places)
    connection.execute(f'create or replace temp table {_PLACES} as from "#wanted"')
    connection.unregister("#wanted")
    wanted = f"select (load_seq, source) from {_PLACES}"
    rows = f"""
        select load_seq as judged, record_load as load_seq, source, ordinal, "offset" = 0 as is_whole,
            raw, text, forgotten_by, size_bytes
        from ({visible_bronze_relation(bronze, 2**62)})
        where record_load in (select load_seq from {_PLACES}) and (record_load, source) in ({wanted})
    """
    by_place = [(dataset, _placed(dataset, silver[dataset.name], wanted)) for dataset in datasets]
    standing = " union all ".join(
        f"""select _load, _record."load" as load_seq, _record.source as source, _record.ordinal as ordinal
        from ({units})"""
        for _, units in by_place
    )
    gone = f"judged = load_seq and (forgotten_by in ({_numbers(erased_by)}) or forgotten_by = load_seq)"
    _find_what_remains(connection, f"select * from ({rows}) where {gone}", by_place, people)
    connection.execute(f"""
        create or replace temp table {_STANDING} as
        select load_seq, source, ordinal, max(_load) as opened from ({standing})
        group by all;
        create or replace temp table {_BYTES} as
        select load_seq, source, ordinal, coalesce(max(judged) filter (where judged = opened), load_seq) as judged
        from {_STANDING} join (
            select judged, load_seq, source, ordinal from ({rows}) where judged = load_seq and forgotten_by is null
            union all
            select judged, load_seq, source, ordinal from ({rows}) where judged <> load_seq
                and (raw is not null or text is not null)
            union all
            select load_seq, load_seq, source, ordinal from {_REMAINING}
        ) using (load_seq, source, ordinal)
        group by load_seq, source, ordinal, opened having bool_or(judged in (opened, load_seq))
    """)
    ((standing_rows, with_bytes),) = connection.execute(
        f"select (select count(*) from {_STANDING}), (select count(*) from {_BYTES})"
    ).fetchall()
    if standing_rows != with_bytes:
        raise MirrorError(
            f"the bytes of {standing_rows - with_bytes:,} records that stand were kept long enough, and are gone: "
            "files cannot be made of them. Take `files` out of the feed's `mirror`, then: tillage run"
        )
    return pa.RecordBatchReader.from_batches(_RECORDS, _sliced(connection, rows, _slice_rows(connection, bronze)))


def _find_what_remains(
    connection: duckdb.DuckDBPyConnection,
    erased: str,
    standing: Sequence[tuple[Dataset, str]],
    people: Vault | None,
) -> None:
    """Fills `_REMAINING` from the units that stand of records whose bytes, as bronze rows, people have left."""
    connection.execute(f"""
        create or replace temp table {_ERASED} as
        select load_seq, source, ordinal, max(size_bytes) as size_bytes from ({erased}) group by all
    """)
    ((is_any,),) = connection.execute(f"select count(*) > 0 from {_ERASED}").fetchall()
    theirs = f'(_record."load", _record.source, _record.ordinal) in (select (load_seq, source, ordinal) from {_ERASED})'
    left = [(dataset, f"select * from ({units}) where {theirs}") for dataset, units in standing if is_any]
    find_remaining(connection, left, people, sizes=_ERASED, table=_REMAINING)


def _numbers(loads: Collection[int]) -> str:
    return ", ".join(str(int(load)) for load in loads) or "null"


def _slice_rows(connection: duckdb.DuckDBPyConnection, bronze: Snapshot) -> int:
    """How many records weigh about `_SLICE_BYTES`, where they are heaviest."""
    if not bronze.files:
        return _SLICE_ROWS
    files = ", ".join(text(literal_path(file)) for file in bronze.files)
    ((heaviest,),) = connection.execute(f"""
        select max(size_bytes) from (
            select sum(total_uncompressed_size) / greatest(max(row_group_num_rows), 1) as size_bytes
            from parquet_metadata([{files}]) where path_in_schema in ('raw', 'text')
            group by file_name, row_group_id
        )
    """).fetchall()
    return max(1, min(_SLICE_ROWS, int(_SLICE_BYTES / max(heaviest or 0, 1))))


def _sliced(connection: duckdb.DuckDBPyConnection, rows: str, slice_rows: int) -> Iterator[pa.RecordBatch]:
    """The records of `_BYTES` in order, so many at a time that their bytes are few: DuckDB sorts no more of them."""
    connection.execute(f"""
        create or replace temp table {_ORDERED} as
        select file, b.*, ((row_number() over (order by file, load_seq, source, ordinal) - 1) // {slice_rows}) as slice
        from {_BYTES} as b join {_PLACES} using (load_seq, source)
    """)
    found = connection.execute(f"""
        select slice, min(load_seq), max(load_seq), min(source), max(source), min(ordinal), max(ordinal),
            min(judged), max(judged)
        from {_ORDERED} group by slice order by slice
    """).fetchall()
    columns = ("load_seq", "source", "ordinal", "judged")
    for number, *ends in found:
        # By these DuckDB passes over row groups.
        within = " and ".join(
            f"{column} between {int(ends[2 * place])} and {int(ends[2 * place + 1])}"
            for place, column in enumerate(columns)
        )
        mine = f"select * from {_ORDERED} where slice = {int(number)}"
        batches = connection.sql(f"""
            select file, coalesce(encode(line), raw, encode(text)) as raw, is_whole
            from (select * from ({rows}) where {within}) join ({mine}) using (load_seq, source, ordinal, judged)
            left join {_REMAINING} using (load_seq, source, ordinal)
            order by file, load_seq, source, ordinal
        """).to_arrow_reader(_WRITTEN_ROWS)
        yield from (batch.cast(_RECORDS) for batch in batches)


def _placed(dataset: Dataset, silver: Silver, wanted: str) -> str:
    """The current units of some files."""
    every = silver_relation(dataset, silver)
    return current_relation(dataset, f'select * from ({every}) where (_record."load", _record.source) in ({wanted})')


def _differing(connection: duckdb.DuckDBPyConnection, table: MirrorTable, kept: Rows) -> int:
    """Rows that only one side has, `kept` or what comes of the units that were found."""
    same = ", ".join(f"{name(column)}::{kind} as {name(column)}" for column, kind, _ in table.columns)
    connection.register("#kept", kept)
    connection.execute(f"""
        create or replace temp table "#held" as select {same} from "#kept";
        create or replace temp table "#asked" as {_rows(table)}
    """)
    connection.unregister("#kept")
    only = '(from "#{}" except all from "#{}")'
    found = f"{only.format('held', 'asked')} union all {only.format('asked', 'held')}"
    return int(connection.execute(f"select count(*) from ({found})").fetchall()[0][0])


def touched_places(connection: duckdb.DuckDBPyConnection, signed: Sequence[str]) -> pa.Table:
    """`load_seq, source` of each file with a unit that one of `signed` opens or closes."""
    each = " union ".join(
        f'select _record."load" as load_seq, _record.source as source from (select _record from ({one}))'
        for one in signed
    )
    return connection.sql(each).to_arrow_table()


def _by_key(table: MirrorTable) -> dict[str, str]:
    """By key column, in the order of `table.key`, SQL over a row of silver."""
    of = {column: f"({sql})::{kind}" for column, kind, sql in table.columns}
    return {column: of[column] for column in table.key}


def _rows(table: MirrorTable) -> str:
    """SELECT of the rows that come of the units that were found."""
    columns = ", ".join(f"({sql})::{kind} as {name(column)}" for column, kind, sql in table.columns)
    return f"select {columns} from {table.rows.format(units=_units(table.dataset))} as u"
