"""Where people leave the data: natural ids become subject keys, and personal columns one text for the vault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import silver_columns, stored
from tillage.domain.people import alias_prefix, id_prefix
from tillage.domain.verdict import Verdict
from tillage.engines.digests import digest, spelt, trimmed, written
from tillage.engines.judged import closing, decided
from tillage.engines.reader import checked
from tillage.ports.lake import Rows
from tillage.ports.people import People, PeopleRows

PERSONAL = "_personal"
"""The personal columns of a unit, as JSON text without nulls; equal texts are equal columns."""
_ALIASES = '"#aliases"'
_KEYS = '"#subjects"'
_SPELLINGS = '"#spellings"'
_PLAIN = {Kind.STRING, Kind.BOOLEAN, Kind.INTEGER}


def own_columns(dataset: Dataset) -> list[str]:
    """Quoted names of the columns of a judged unit: those of silver, and what is personal."""
    own = [name(column) for column, _ in silver_columns(dataset) if not column.startswith("_")]
    return [*own, PERSONAL] if dataset.personal_columns else own


def pseudonymise(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], people: People) -> None:
    """Makes the `checked` tables anew, with `own_columns` in the place of what was checked.

    Every readable id gets its subject key, whatever is wrong with its unit.
    """
    concerned = [dataset for dataset in datasets if dataset.subject_columns]
    inner, outer = people.index_key().pads()
    pads = {"inner": inner, "outer": outer}
    columns = ", ".join(f"{column} varchar" for column in _ALIAS.names)
    connection.execute(f"create or replace table {_ALIASES} ({columns})")
    connection.execute(f"create or replace temp table {_SPELLINGS} as {_ids(concerned)}")
    ids = f"select distinct subject, prefix, natural_id from {_SPELLINGS} where natural_id is not null"
    digests = f"select subject, {digest('prefix || natural_id')} as digest, natural_id from ({ids})"
    found = connection.sql(digests, params=pads).to_arrow_table()
    connection.register("#given", people.subject_keys(found))
    connection.execute(f"""
        create or replace table {_KEYS} as
        select subject, written, subject_key from {_SPELLINGS} join "#given" using (subject, natural_id);
        drop table {_SPELLINGS}
    """)
    connection.unregister("#given")
    for dataset in concerned:
        for column in dataset.columns:
            if column.alias_of and not dataset.erases:  # what a request says of somebody is to be proved
                connection.execute(_aliases(dataset, column), pads)
        connection.execute(f"create or replace table {checked(dataset)} as {_without_people(dataset)}")


def _ids(datasets: Iterable[Dataset]) -> str:
    """SELECT of each spelling, with the id as it is compared; that is null for a blank one."""
    columns = [(dataset, column) for dataset in datasets for column in dataset.subject_columns]
    each = " union ".join(
        f"""select distinct {text(str(column.subject))} as subject, {text(id_prefix(str(column.subject)))} as prefix,
            {written(column)} as written from {checked(dataset)} as c"""
        for dataset, column in columns
    )
    return f"select *, nullif({trimmed('written')}, '') as natural_id from ({each}) where written is not null"


def _joined(dataset: Dataset) -> str:
    """FROM: the checked units `c` with the subject of each column, `k0`, `k1` and so on."""
    joins = " ".join(
        f"left join {_KEYS} as k{place} on k{place}.subject = {text(str(column.subject))} "
        f"and k{place}.written = {written(column)}"
        for place, column in enumerate(dataset.subject_columns)
    )
    return f"{checked(dataset)} as c {joins}"


def _aliases(dataset: Dataset, column: Column) -> str:
    """INSERT of whom a further identifier leads to, compared without case."""
    alias = spelt(column)
    prefix = text(alias_prefix(str(column.alias_of)))
    return f"""
        insert into {_ALIASES}
        select distinct {text(str(column.alias_of))}, {digest(f"{prefix} || {alias}")}, k0.subject_key, {alias}
        from {_joined(dataset)} where {alias} is not null and k0.subject_key is not null
    """


def _without_people(dataset: Dataset) -> str:
    gone = [field for column in dataset.personal_columns for field, _, _ in stored(column)]
    ids = [column.stored_name for column in dataset.subject_columns]
    hidden = ", ".join(name(field) for field in (*gone, *ids))
    keys = ", ".join(f"k{place}.subject_key as {name(field)}" for place, field in enumerate(ids))
    personal = f", {personal_text(dataset)} as {PERSONAL}" if dataset.personal_columns else ""
    return f"select c.* exclude ({hidden}), {keys}{personal} from {_joined(dataset)}"


def personal_text(dataset: Dataset) -> str:
    """SQL over `c`: JSON text of the personal columns, members in order of their names; what is null is left out, as
    what a contract did not have yet.
    """
    return f"{_object(dataset.personal_columns, 'c')}::varchar"


def _object(columns: Iterable[Column], base: str) -> str:
    fields = ", ".join(
        f"{name(column.stored_name)} := {_json(column, f'{base}.{name(column.stored_name)}')}"
        for column in sorted(columns, key=lambda one: one.stored_name)
    )
    return f"json_merge_patch('{{}}', to_json(struct_pack({fields})))"


def _json(column: Column, value: str) -> str:
    if column.kind is Kind.OBJECT:
        return f"if({value} is null, null, {_object(column.items, value)})"
    if column.kind is Kind.LIST and not column.is_scalar_list:
        return f"list_transform({value}, lambda e: {_object(column.items, 'e')})"
    if column.kind is Kind.LIST:
        return f"list_transform({value}, lambda e: {_json(column.items[0], 'e')})"
    # Numbers in JSON go through a double, and a time has the zone of the session.
    return value if column.kind in _PLAIN else f"{value}::varchar"


def add_personal(connection: duckdb.DuckDBPyConnection, dataset: Dataset, people: People | None, table: str) -> None:
    """Puts `PERSONAL` beside rows of silver in a table, as the vault has it of each `_record`; of one from before the
    dataset had such columns that is nothing.
    """
    if not dataset.personal_columns or people is None:
        return
    places = connection.sql(f"""
        select distinct _record."load" as load_seq, _record.source as source, _record.ordinal as ordinal,
            _record.unit as unit
        from {table}
    """).to_arrow_table()
    connection.register("#held", people.personal(dataset.name, places))
    connection.execute(f"""
        alter table {table} add column {PERSONAL} varchar default '{{}}';
        update {table} set {PERSONAL} = h.personal from "#held" as h
        where (h.load_seq, h.source, h.ordinal, h.unit)
            = (_record."load", _record.source, _record.ordinal, _record.unit)
    """)
    connection.unregister("#held")


def people_rows(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], *, is_rebuild: bool) -> PeopleRows:
    """What the judged units of a load change in the vault."""
    concerned = [dataset for dataset in datasets if dataset.personal_columns]
    place = "_load_seq as load_seq, _source as source, _ordinal as ordinal, _unit as unit"
    units = _every(
        f"""
        select {text(dataset.name)} as dataset, {place}, {name(dataset.subject_columns[0].stored_name)} as subject_key,
            {PERSONAL} as personal
        from {decided(dataset)} where {_ACCEPTED}
        """
        for dataset in concerned
    )
    ended = _every(
        f"""
        select {text(dataset.name)} as dataset, _record."load" as load_seq, _record.source as source,
            _record.ordinal as ordinal, _record.unit as unit
        from {closing(dataset)}
        except select {text(dataset.name)}, _load_seq, _source, _ordinal, _unit from {decided(dataset)}
        where {_ACCEPTED}
        """
        for dataset in concerned
        if is_rebuild
    )
    return PeopleRows(
        _rows(connection, units, _UNITS),
        _rows(connection, f"from {_ALIASES}", _ALIAS),
        _rows(connection, ended, _PLACES),
    )


def _every(selects: Iterable[str]) -> str:
    return " union all ".join(selects)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, schema: pa.Schema) -> Rows:
    return connection.sql(sql).to_arrow_table() if sql else schema.empty_table()


_ACCEPTED = f"_verdict = {text(Verdict.ACCEPTED)}"
_PLACES = pa.schema(
    [
        ("dataset", pa.string()),
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("unit", pa.int64()),
    ]
)
_UNITS = pa.schema([*_PLACES, ("subject_key", pa.string()), ("personal", pa.string())])
_ALIAS = pa.schema([(column, pa.string()) for column in ("subject", "digest", "subject_key", "alias")])
