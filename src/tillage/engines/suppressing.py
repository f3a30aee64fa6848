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
_ERASED = '"#erased"'
_PLACES = ", ".join(PLACE)
_RECORD = "_load_seq, _source, _ordinal"
# In bytes that nobody can read, what might be an id or a further identifier, whole.
_TOKENS = ("[0-9A-Za-z]+", "[0-9A-Za-z][0-9A-Za-z._%+@-]*[0-9A-Za-z]")
_READABLE = "coalesce(text, try(decode(raw)), raw::varchar)"
TOKENS_SQL = f"list_concat({', '.join(f'regexp_extract_all({_READABLE}, {text(one)})' for one in _TOKENS)})"


def start_suppressing(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables."""
    connection.execute(f"""
        create or replace temp table {SUPPRESSED} (dataset varchar, _load_seq bigint, _source integer, _ordinal bigint,
            _unit bigint, _offset bigint, _control_minor decimal(38,0), _control_currency varchar);
        create or replace temp table {EMPTIED} (_load_seq bigint, _source integer, _ordinal bigint)
    """)


def take_out_suppressed(connection: duckdb.DuckDBPyConnection, contract: Contract, people: People) -> None:
    """Moves them from the `checked` tables into `SUPPRESSED`, and unreadable records that name somebody."""
    ring = people.suppression_ring()
    if not ring:
        return
    concerned = [dataset for dataset in contract.datasets if dataset.subject_columns]
    columns = [(dataset, column) for dataset in concerned for column in identifying(dataset)]
    asked = " union ".join(
        f"""
        select distinct {text(_kind(column))} as subject, {column.alias_of is not None} as is_alias,
            {spelt(column)} as value from {checked(dataset)} as c where {spelt(column)} is not null
        """
        for dataset, column in columns
    )
    tokens = f"select distinct unnest({TOKENS_SQL}) as value from {RECORDS} where code is not null"
    for subject in sorted({_kind(column) for _, column in columns}):
        asked += f" union select {text(subject)}, false, value from ({tokens})"
        asked += f" union select {text(subject)}, true, lower(value) from ({tokens})"
    connection.execute(f'create or replace temp table "#asked" as {asked}')
    _find_erased(connection, people)
    for dataset in concerned:
        _take_units(connection, dataset, people)
    _take_unreadable(connection, contract.datasets[0])
    if not contract.is_whole_source():
        _empty_records(connection, contract.datasets)


def identifying(dataset: Dataset) -> list[Column]:
    """The columns that say whom a unit is about."""
    return [*dataset.subject_columns, *(column for column in dataset.columns if column.alias_of)]


def _kind(column: Column) -> str:
    return str(column.subject or column.alias_of)


def _find_erased(connection: duckdb.DuckDBPyConnection, people: People) -> None:
    """Fills `_ERASED` with those of `#asked` who were."""
    connection.execute(f"""
        create or replace temp table {_ERASED}
            (subject varchar, is_alias boolean, value varchar, until timestamptz)
    """)
    for key in people.suppression_ring():
        inner, outer = key.pads()
        prefix = f"if(is_alias, {text(ALIAS)}, {text(ID)}) || subject || ':'"
        digests = connection.sql(
            f"""
            select subject, is_alias, {text(key.fingerprint.hex())} as ring, {digest(f"{prefix} || value")} as digest,
                value from "#asked"
            """,
            params={"inner": inner, "outer": outer},
        ).to_arrow_table()
        connection.register("#given", people.suppressed(digests))
        connection.execute(f'insert into {_ERASED} by name from "#given"')
        connection.unregister("#given")


def _take_units(connection: duckdb.DuckDBPyConnection, dataset: Dataset, people: People) -> None:
    """A request to be erased is one of somebody who came back, if there is such a person."""
    event = dataset.event_time()
    happened = f"c.{name(*(one.name for one in event))}::timestamptz" if event else "null::timestamptz"
    each = " union ".join(
        f"""
        select {_PLACES} from {checked(dataset)} as c join {_ERASED} as e
        on e.subject = {text(_kind(column))} and e.is_alias = {column.alias_of is not None}
            and e.value = {spelt(column)}
        where coalesce({happened} <= e.until, true) {_unless_back(connection, dataset, column, people)}
        """
        for column in identifying(dataset)
    )
    connection.execute(f"""
        create or replace temp table "#theirs" as {each};
        insert into {SUPPRESSED} by name
        select {text(dataset.name)} as dataset, {_PLACES}, _offset, _control_minor, _control_currency
        from {checked(dataset)} semi join "#theirs" using ({_PLACES});
        delete from {checked(dataset)} where ({_PLACES}) in (select ({_PLACES}) from "#theirs")
    """)


def _unless_back(connection: duckdb.DuckDBPyConnection, dataset: Dataset, column: Column, people: People) -> str:
    if dataset.erases is None or column.alias_of:
        return ""
    inner, outer = people.index_key().pads()
    asked = connection.sql(
        f"""
        select subject, {digest(f"{text(id_prefix(str(column.subject)))} || value")} as digest, value as natural_id
        from {_ERASED} where subject = {text(str(column.subject))} and not is_alias
        """,
        params={"inner": inner, "outer": outer},
    ).to_arrow_table()
    connection.register("#given", people.known(asked))
    connection.execute('create or replace temp table "#back" as select natural_id from "#given"')
    connection.unregister("#given")
    return 'and e.value not in (select natural_id from "#back")'


def _take_unreadable(connection: duckdb.DuckDBPyConnection, first: Dataset) -> None:
    named = f"""
        code is not null and list_has_any(list_transform({TOKENS_SQL}, lambda t: lower(t)),
            (select coalesce(list(distinct lower(value)), []) from {_ERASED}))
    """
    connection.execute(f"""
        insert into {SUPPRESSED} by name
        select {text(first.name)} as dataset, {_RECORD}, 0 as _unit, _offset from {RECORDS} where {named};
        update {RECORDS} set code = null where {named}
    """)


def _empty_records(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> None:
    others = " union all ".join(f"select {_RECORD} from {checked(dataset)}" for dataset in datasets)
    connection.execute(f"""
        insert into {EMPTIED}
        select distinct {_RECORD} from {SUPPRESSED} anti join ({others}) using ({_RECORD});
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


def suppressed_records(connection: duckdb.DuckDBPyConnection, bronze: Snapshot, load_seq: int) -> Rows:
    """`load_seq, source, ordinal` of the records in which a load has found such units."""
    return connection.sql(f"""
        select distinct record_load as load_seq, source, ordinal from ({bronze_relation(bronze, [load_seq])})
        where list_contains(list_transform(units, lambda u: u.verdict), {text(Verdict.SUPPRESSED)})
    """).to_arrow_table()
