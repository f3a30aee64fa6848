"""Units about people who were erased: found before anybody gets a key, and taken out of what is checked.

Of such a unit its place and its amount are left. A record of which all units are such loses its bytes at once; where
others stand in it too, or where units are told by whole files, it loses them once these are published.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from tillage.contracts.contract import Column, Contract, Dataset
from tillage.contracts.sql_text import name, text
from tillage.domain.people import ALIAS, ID, id_prefix
from tillage.domain.verdict import Verdict
from tillage.engines.digests import digest, spelt
from tillage.engines.judged import PLACE, decided
from tillage.engines.reader import RECORDS, checked
from tillage.engines.relations import bronze_relation
from tillage.ports.lake import Rows, Snapshot
from tillage.ports.people import People

SUPPRESSED = '"#suppressed"'
"""`dataset`, place, `_offset, _control_minor, _control_currency` of these units."""
EMPTIED = '"#emptied"'
"""`_load_seq, _source, _ordinal` of the records that have lost their bytes."""
NAMELESS = '"#nameless"'
"""`_load_seq, _source, _ordinal` of records that say of nobody by an id whom they are about, or cannot be read."""
LEAST_TOKEN = 6
"""Shorter texts in such a record are too likely somebody else's, an amount or a count."""
_ERASED = '"#erased"'
_PLACES = ", ".join(PLACE)
_RECORD = "_load_seq, _source, _ordinal"
# In bytes that nobody can read, what might be an id or a further identifier, whole.
_TOKENS = ("[0-9A-Za-z]+", "[0-9A-Za-z][0-9A-Za-z._%+@-]*[0-9A-Za-z]")
_READABLE = "coalesce(text, try(decode(raw)), raw::varchar)"
_ALL_TOKENS = f"list_concat({', '.join(f'regexp_extract_all({_READABLE}, {text(one)})' for one in _TOKENS)})"
TOKENS_SQL = f"list_filter({_ALL_TOKENS}, lambda t: len(t) >= {LEAST_TOKEN})"


_NAMING = f"""
    select e.subject, e.kind, e.value, {_RECORD} from (
        select {_RECORD}, unnest({TOKENS_SQL}) as token from {RECORDS}
        where ({_RECORD}) in (select ({_RECORD}) from {NAMELESS})
    ) join {_ERASED} as e on if(e.kind = 'id', e.value = token, e.value = lower(token))
"""
"""SELECT of who is named in a record of nobody, and of its place."""


def start_suppressing(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables."""
    connection.execute(f"""
        create or replace temp table {SUPPRESSED} (dataset varchar, _load_seq bigint, _source integer, _ordinal bigint,
            _unit bigint, _offset bigint, _control_minor decimal(38,0), _control_currency varchar);
        create or replace temp table {EMPTIED} (_load_seq bigint, _source integer, _ordinal bigint)
    """)


def take_out_suppressed(connection: duckdb.DuckDBPyConnection, contract: Contract, people: People) -> None:
    """Moves them from the `checked` tables into `SUPPRESSED`, with records of nobody else that name somebody."""
    if not people.suppression_ring():
        return
    concerned = [dataset for dataset in contract.datasets if dataset.subject_columns]
    find_nameless(connection, concerned)
    find_erased(connection, concerned, people)
    for dataset in concerned:
        _take_units(connection, dataset, people)
    _take_nameless(connection, contract.datasets)
    if not contract.is_whole_source():
        _empty_records(connection, contract.datasets)


def find_nameless(connection: duckdb.DuckDBPyConnection, concerned: Iterable[Dataset]) -> None:
    """Fills `NAMELESS` from `RECORDS` and the `checked` tables."""
    named = " union all ".join(
        f"select {_RECORD} from {checked(dataset)} as c where {has_id(dataset)}" for dataset in concerned
    )
    connection.execute(f"""
        create or replace temp table {NAMELESS} as
        select {_RECORD} from {RECORDS} where code is not null or ({_RECORD}) not in (select ({_RECORD}) from ({named}))
    """)


def has_id(dataset: Dataset) -> str:
    """SQL over `c`: whether the unit says by an id whom it is about."""
    return "(" + " or ".join(f"{spelt(column)} is not null" for column in dataset.subject_columns) + ")"


def identifying(dataset: Dataset) -> list[Column]:
    """The columns that say whom a unit is about."""
    return [*dataset.subject_columns, *(column for column in dataset.columns if column.alias_of)]


def kind_of(column: Column) -> str:
    """The kind of people that the column is about."""
    return str(column.subject or column.alias_of)


def find_erased(connection: duckdb.DuckDBPyConnection, concerned: Sequence[Dataset], people: People) -> None:
    """Fills `_ERASED` with those who were, of all who are named in the `checked` tables or in `NAMELESS`."""
    columns = [(dataset, column) for dataset in concerned for column in identifying(dataset)]
    kinds = ((column, ("alias", "alone") if column.alias_of else ("id",)) for _, column in columns)
    asked = " union ".join(
        f"""
        select distinct {text(kind_of(column))} as subject, {text(kind)} as kind, {spelt(column)} as value
        from {checked(dataset)} as c where {spelt(column)} is not null
        """
        for (dataset, _), (column, those) in zip(columns, kinds, strict=True)
        for kind in those
    )
    nameless = f"({_RECORD}) in (select ({_RECORD}) from {NAMELESS})"
    tokens = f"select distinct unnest({TOKENS_SQL}) as value from {RECORDS} where {nameless}"
    for subject in sorted({kind_of(column) for _, column in columns}):
        asked += f" union select {text(subject)}, 'id', value from ({tokens})"
        for kind in ("alias", "alone"):
            asked += f" union select {text(subject)}, {text(kind)}, lower(value) from ({tokens})"
    connection.execute(f"""
        create or replace temp table "#asked" as {asked};
        create or replace temp table {_ERASED} (subject varchar, kind varchar, value varchar, until timestamptz)
    """)
    for key in people.suppression_ring():
        inner, outer = key.pads()
        prefix = f"if(kind = 'id', {text(ID)}, {text(ALIAS)}) || subject || ':'"
        digests = connection.sql(
            f"""
            select subject, kind, {text(key.fingerprint.hex())} as ring, {digest(f"{prefix} || value")} as digest, value
            from "#asked"
            """,
            params={"inner": inner, "outer": outer},
        ).to_arrow_table()
        connection.register("#given", people.suppressed(digests))
        connection.execute(f'insert into {_ERASED} by name from "#given"')
        connection.unregister("#given")


def erased(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> list[tuple[str, str, str]]:
    """Kind of people, kind of suppression and text of those whose units or records there are, of all that
    `find_erased` has found.
    """
    units = [_of_erased(dataset, column) for dataset in datasets for column in identifying(dataset)]
    each = " union ".join(f"select subject, kind, value from ({one})" for one in (*units, _NAMING))
    return connection.execute(each).fetchall()


def _take_units(connection: duckdb.DuckDBPyConnection, dataset: Dataset, people: People) -> None:
    """A request to be erased is one of somebody who came back, if there is such a person."""
    each = " union ".join(
        f"select {_PLACES} from ({_of_erased(dataset, column)}) {_unless_back(connection, dataset, column, people)}"
        for column in identifying(dataset)
    )
    connection.execute(f'create or replace temp table "#theirs" as {each}')
    _move(connection, dataset, f'({_PLACES}) in (select ({_PLACES}) from "#theirs")')


def _of_erased(dataset: Dataset, column: Column) -> str:
    """SELECT of `subject, kind, value` of who does not come back, and the place of each unit that a column says is
    theirs.
    """
    event = dataset.event_time()
    happened = f"c.{name(*(one.name for one in event))}::timestamptz" if event else "null::timestamptz"
    by_alias = f"(e.kind = 'alias' or e.kind = 'alone' and not {has_id(dataset)})"
    return f"""
        select e.subject, e.kind, e.value, {", ".join(f"c.{one}" for one in PLACE)}
        from {checked(dataset)} as c join {_ERASED} as e
        on e.subject = {text(kind_of(column))} and e.value = {spelt(column)}
            and {by_alias if column.alias_of else "e.kind = 'id'"}
        where coalesce({happened} <= e.until, true)
    """


def _move(connection: duckdb.DuckDBPyConnection, dataset: Dataset, condition: str) -> None:
    connection.execute(f"""
        insert into {SUPPRESSED} by name
        select {text(dataset.name)} as dataset, {_PLACES}, _offset, _control_minor, _control_currency
        from {checked(dataset)} where {condition};
        delete from {checked(dataset)} where {condition}
    """)


def _unless_back(connection: duckdb.DuckDBPyConnection, dataset: Dataset, column: Column, people: People) -> str:
    if dataset.erases is None or column.alias_of:
        return ""
    inner, outer = people.index_key().pads()
    asked = connection.sql(
        f"""
        select subject, {digest(f"{text(id_prefix(str(column.subject)))} || value")} as digest, value as natural_id
        from {_ERASED} where subject = {text(str(column.subject))} and kind = 'id'
        """,
        params={"inner": inner, "outer": outer},
    ).to_arrow_table()
    connection.register("#given", people.known(asked))
    connection.execute('create or replace temp table "#back" as select natural_id from "#given"')
    connection.unregister("#given")
    return 'where value not in (select natural_id from "#back")'


def _take_nameless(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset]) -> None:
    """Records of nobody else in which somebody is named, whatever is wrong with them."""
    connection.execute(f"""
        create or replace temp table "#naming" as select distinct {_RECORD} from ({_NAMING});
        insert into {SUPPRESSED} by name
        select {text(datasets[0].name)} as dataset, {_RECORD}, 0 as _unit, _offset from {RECORDS}
        where code is not null and ({_RECORD}) in (select ({_RECORD}) from "#naming");
        update {RECORDS} set code = null where code is not null and ({_RECORD}) in (select ({_RECORD}) from "#naming")
    """)
    for dataset in datasets:
        _move(connection, dataset, f'({_RECORD}) in (select ({_RECORD}) from "#naming")')


def _empty_records(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> None:
    others = " union all ".join(f"select {_RECORD} from {checked(dataset)}" for dataset in datasets)
    connection.execute(f"""
        insert into {EMPTIED}
        select distinct {_RECORD} from (select {_RECORD} from {SUPPRESSED} union from "#naming")
        anti join ({others}) using ({_RECORD});
        update {RECORDS} set raw = null, text = null, digest = null
        where ({_RECORD}) in (select ({_RECORD}) from {EMPTIED})
    """)


def decide_suppressed(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset]) -> None:
    """Adds them to the `decided` tables."""
    for dataset in datasets:
        connection.execute(f"""
            insert into {decided(dataset)} by name
            select * exclude (dataset), [] as _codes, [] as _warnings, {text(Verdict.SUPPRESSED)} as _verdict
            from {SUPPRESSED} where dataset = {text(dataset.name)}
        """)


def drop_suppressed(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, loads: Sequence[int], datasets: Iterable[Dataset]
) -> None:
    """Takes out of the `checked` tables what these loads found to be of somebody who was erased."""
    connection.execute(f"""
        create or replace temp table "#gone" as
        select record_load as _load_seq, source as _source, ordinal as _ordinal, u.dataset, u.unit as _unit
        from (select record_load, source, ordinal, unnest(units) as u from ({bronze_relation(bronze, loads)}))
        where u.verdict = {text(Verdict.SUPPRESSED)}
    """)
    for dataset in datasets:
        connection.execute(f"""
            delete from {checked(dataset)} where ({_PLACES}) in (
                select ({_PLACES}) from "#gone" where dataset = {text(dataset.name)})
        """)


def suppressed_records(connection: duckdb.DuckDBPyConnection, bronze: Snapshot, load_seq: int) -> Rows:
    """`load_seq, source, ordinal` of the records in which a load found such units, or that it kept no bytes of."""
    return connection.sql(f"""
        select distinct record_load as load_seq, source, ordinal from ({bronze_relation(bronze, [load_seq])})
        where forgotten_by = load_seq
            or list_contains(list_transform(units, lambda u: u.verdict), {text(Verdict.SUPPRESSED)})
    """).to_arrow_table()


def suppressed_rows(connection: duckdb.DuckDBPyConnection, dataset: Dataset, rows: str) -> Rows:
    """The same of a dataset whose units are several rows: all rows of such units.

    Args:
        rows: As of `Reader.rows_of_units`.
    """
    return connection.sql(f"""
        select r._load_seq as load_seq, r._source as source, r._row as ordinal from ({rows}) as r
        join {decided(dataset)} as d using ({_RECORD}) where d._verdict = {text(Verdict.SUPPRESSED)}
    """).to_arrow_table()
