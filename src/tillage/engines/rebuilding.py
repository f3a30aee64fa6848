"""What stands and is judged anew: which units, which bytes they are read from, and which of them come out otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from tillage.contracts.contract import Column, Contract, Dataset, Kind
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import empty_relation, silver_columns, stored
from tillage.domain.conservation import Counts
from tillage.domain.verdict import Verdict
from tillage.engines.judged import RECORD, decided, standing
from tillage.engines.people import PERSONAL
from tillage.engines.reader import RECORDS, checked
from tillage.engines.recall import brought_relation, recalled_relation
from tillage.engines.relations import bronze_relation, current_relation, silver_relation
from tillage.engines.slices import VECTOR_ROWS, gathered
from tillage.engines.taking import TAKEN, WRITTEN
from tillage.ports.door import RecordBatch
from tillage.ports.engine import LookedAt, Sums
from tillage.ports.lake import Silver, Snapshot

_PLACES = "_load_seq, _source, _ordinal"


def find_standing(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    silver: Silver | None,
    *,
    brought_by: Collection[int] | None,
    patched: Collection[int],
    bytes_of: int | None,
) -> None:
    """Fills `standing`.

    Args:
        brought_by: Only units whose records these loads brought; None: all.
        patched: Loads that kept bytes of their own for what they judged.
        bytes_of: Only what that one of them opened; None: what none of them did.
    """
    conditions = ["true"]
    if brought_by is not None:
        conditions.append(f'_record."load" in ({_numbers(brought_by)})')
    conditions.append(f"_load not in ({_numbers(patched)})" if bytes_of is None else f"_load = {int(bytes_of)}")
    _fill(connection, dataset, silver, " and ".join(conditions))


def recall_standing(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None, bronze: Snapshot, load_seq: int
) -> None:
    """Fills `standing` with what a load judged anew, as it stood before that load."""
    judged = f"""
        select struct_pack("load" := record_load, source := source, ordinal := ordinal, "offset" := "offset",
            unit := u.unit)
        from (select record_load, source, ordinal, "offset", unnest(units) as u
            from ({bronze_relation(bronze, (load_seq,))}))
        where u.dataset = {text(dataset.name)}
    """
    _fill(connection, dataset, silver, f"_record in ({judged})")


def _numbers(loads: Collection[int]) -> str:
    return ", ".join(str(int(load)) for load in sorted(loads)) or "-1"


def _fill(connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: Silver | None, condition: str) -> None:
    own = ", ".join([*_own(dataset), "_load", "_record"])
    rows = empty_relation(dataset) if silver is None else current_relation(dataset, silver_relation(dataset, silver))
    connection.execute(f"create or replace table {standing(dataset)} as select {own} from ({rows}) where {condition}")


def _own(dataset: Dataset) -> list[str]:
    return [name(column) for column, _ in silver_columns(dataset) if not column.startswith("_")]


def standing_batches(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, contract: Contract, bytes_of: int | None
) -> Iterator[RecordBatch]:
    """The records of what stands, where bronze still has their bytes; of grouped rows, whole files."""
    places = " union ".join(
        f'select _record."load" as load_seq, _record.source as source, _record.ordinal as ordinal '
        f"from {standing(dataset)}"
        for dataset in contract.datasets
    )
    connection.execute(f'create or replace table "#places" as {places}')
    if bytes_of is None:
        loads = [int(load) for (load,) in connection.execute('select distinct load_seq from "#places"').fetchall()]
        records = brought_relation(bronze, loads, contract)
    else:
        records = recalled_relation(bronze, (bytes_of,), contract, is_replay=True)
    place = "load_seq, source" if contract.is_whole_source() else "load_seq, source, ordinal"
    rows = connection.cursor().sql(f'select b.* from ({records}) as b semi join "#places" using ({place})')
    yield from gathered(rows.to_arrow_reader(VECTOR_ROWS))


def keep_changed(connection: duckdb.DuckDBPyConnection, datasets: Iterable[Dataset]) -> dict[str, LookedAt]:
    """Leaves in `standing` and in the `checked` tables only the units that come out otherwise than they stand."""
    return {dataset.name: _keep_changed(connection, dataset) for dataset in datasets}


def _keep_changed(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> LookedAt:
    is_same = " and ".join(
        ["len(c._codes) = 0"]
        + [
            f"c.{name(column)}::{kind} is not distinct from s.{name(column)}"
            for column, kind in silver_columns(dataset)
            if not column.startswith("_")
        ]
        + ([f"c.{PERSONAL} is not distinct from s.{PERSONAL}"] if dataset.personal_columns else [])
    )
    connection.execute(f"""
        create or replace table "#found" as
        select _load_seq, _source, _ordinal, _unit, _record, {is_same} as is_same
        from (select *, {RECORD} as _record from {checked(dataset)}) as c join {standing(dataset)} as s using (_record)
    """)
    ((rows, gone, unreadable),) = connection.execute(f"""
        select count(*), count(*) filter (where r._ordinal is null), count(*) filter (where r.code is not null)
        from {standing(dataset)} as s left join (select {_PLACES}, code from {RECORDS}) as r
        on (s._record."load", s._record.source, s._record.ordinal) = (r._load_seq, r._source, r._ordinal)
    """).fetchall()
    ((found, same),) = connection.execute('select count(*), count(*) filter (where is_same) from "#found"').fetchall()
    changed = 'select _record from "#found" where not is_same'
    connection.execute(f"""
        create or replace table {standing(dataset)} as from {standing(dataset)} where _record in ({changed});
        create or replace table {checked(dataset)} as from {checked(dataset)} where {RECORD} in ({changed});
        drop table "#found"
    """)
    return LookedAt(
        rows=int(rows),
        same_rows=int(same),
        forgotten_rows=int(gone),
        unreadable_rows=int(unreadable),
        not_found_rows=int(rows) - int(gone) - int(unreadable) - int(found),
    )


def find_retaken(connection: duckdb.DuckDBPyConnection, bronze: Snapshot, datasets: Sequence[Dataset]) -> None:
    """Fills `TAKEN` with what is in `standing`, and what bronze says that it was counted as when it was opened."""
    ended = " union all ".join(
        f"select {text(dataset.name)} as dataset, _load, _record from {standing(dataset)}" for dataset in datasets
    )
    loads = [int(load) for (load,) in connection.execute(f"select distinct _load from ({ended})").fetchall()]
    connection.execute(f"""
        create or replace temp table {TAKEN} as
        with ended as ({ended}), judged as (
            select load_seq, record_load, source, ordinal, unnest(units) as u from ({bronze_relation(bronze, loads)})
        )
        select e.dataset, j.record_load as load_seq, j.source, j.ordinal, u.unit, []::varchar[] as codes,
            false as is_unreadable, u.control_minor, u.control_currency, u.warnings
        from judged as j join ended as e on u.dataset = e.dataset and j.load_seq = e._load
            and j.record_load = e._record."load" and j.source = e._record.source and j.ordinal = e._record.ordinal
            and u.unit = e._record.unit
        where u.verdict = {text(Verdict.ACCEPTED)}
    """)


def find_rewritten(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, datasets: Sequence[Dataset], bytes_of: int | None
) -> None:
    """Fills `WRITTEN` with the records of the units that have a verdict."""
    judged = " union ".join(f"select {_PLACES} from {decided(dataset)}" for dataset in datasets)
    loads = () if bytes_of is None else (bytes_of,)
    kept = f"from ({bronze_relation(bronze, loads)}) where raw is not null or text is not null"
    connection.execute(f"""
        insert into {WRITTEN}
        select j.*, k.ordinal is not null from ({judged}) as j
        left join (select record_load, source, ordinal {kept}) as k
            on (k.record_load, k.source, k.ordinal) = (j._load_seq, j._source, j._ordinal)
    """)


def less_warned(connection: duckdb.DuckDBPyConnection, dataset: Dataset, counts: Counts) -> Counts:
    """The counts with the warnings that there are more of, or less, than before: for all time each unit counts once."""
    rows = connection.execute(f"""
        select rule, count(*) from (select unnest(warnings) as rule from {TAKEN} where dataset = {text(dataset.name)})
        group by rule
    """).fetchall()
    found = dict(counts.warning_rows)
    for rule, count in rows:
        found[str(rule)] = found.get(str(rule), 0) - int(count)
    return replace(counts, warning_rows={rule: count for rule, count in sorted(found.items()) if count})


def sums_of(connection: duckdb.DuckDBPyConnection, dataset: Dataset, signed: str) -> Sums:
    """By money column and currency, what the closed rows of `signed` add up to, and the opened ones."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for money in _money(dataset.columns):
        elements = f", unnest({name(money.list_name)}) as _element" if money.list_name else ""
        rows = connection.execute(f"""
            select code, coalesce(sum(amount) filter (where _sign < 0), 0)::hugeint,
                coalesce(sum(amount) filter (where _sign > 0), 0)::hugeint
            from (select _sign, {money.currency}::varchar as code, {money.amount}::hugeint as amount
                  from (select *{elements} from ({signed})))
            where code is not null group by code order by code
        """).fetchall()
        found[money.name] = {str(code): (int(before), int(after)) for code, before, after in rows}
    return found


@dataclass(frozen=True)
class _Money:
    """An amount that silver keeps; `amount` and `currency` are SQL over a row, with `_element` of the list."""

    name: str
    amount: str
    currency: str
    list_name: str | None = None


def _money(columns: Iterable[Column]) -> Iterator[_Money]:
    for column in columns:
        for field, _, currency in stored(column):
            if currency is not None:
                yield _Money(field, name(field), _currency(currency, None))
        if column.kind not in {Kind.LIST, Kind.OBJECT} or column.is_scalar_list:
            continue
        of = column.name if column.kind is Kind.LIST else None
        for item in column.items:
            for field, _, currency in stored(item):
                if currency is not None:
                    parent = "_element" if of else name(column.name)
                    yield _Money(f"{column.name}.{field}", f"{parent}.{name(field)}", _currency(currency, of), of)


def _currency(currency: str, of: str | None) -> str:
    """A fixed one as text; of one that a column names, the column: of the row, or of the list's element."""
    if not currency.startswith("@"):
        return text(currency)
    first, *rest = currency.removeprefix("@").split(".")
    return ".".join(["_element" if rest and first == of else name(first), *(name(part) for part in rest)])
