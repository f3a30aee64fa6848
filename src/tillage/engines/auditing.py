"""What bronze says became of each unit, held against silver and the quarantine index, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import RECORD_TYPE, control_amount, silver_columns
from tillage.domain.conservation import Counts, Minor
from tillage.domain.verdict import Verdict
from tillage.engines.counting import QUARANTINED_SQL
from tillage.engines.relations import current_relation, silver_relation, turns, visible_bronze_relation
from tillage.ports.engine import Disagreement
from tillage.ports.lake import Rows, Silver, Snapshot

_GROUPS = {
    "read": "true",
    "accepted": f"u.verdict = {text(Verdict.ACCEPTED)}",
    "quarantined": f"u.verdict in ({QUARANTINED_SQL})",
    "duplicate": f"u.verdict = {text(Verdict.DUPLICATE)}",
    "suppressed": f"u.verdict = {text(Verdict.SUPPRESSED)}",
}


def bronze_counts(
    connection: duckdb.DuckDBPyConnection, bronze: Snapshot, last_load: int, datasets: Sequence[Dataset]
) -> dict[int, dict[str, Counts]]:
    """By load and dataset, what the verdicts in bronze add up to; without what was taken up or closed."""
    figures = ", ".join(
        f"count(*) filter (where {group}), (sum(u.control_minor) filter (where {group}))::hugeint"
        for group in _GROUPS.values()
    )
    rows = connection.execute(f"""
        select load_seq, u.dataset, u.control_currency, {figures}
        from (select load_seq, unnest(units) as u from ({visible_bronze_relation(bronze, last_load)})) group by all
    """).fetchall()
    found: dict[int, dict[str, Counts]] = {}
    known = {dataset.name: dataset for dataset in datasets}
    for load, dataset, currency, *values in sorted(rows, key=lambda row: (row[0], row[1], row[2] or "")):
        mine = found.setdefault(int(load), {})
        mine[dataset] = _with(mine.get(dataset, Counts()), known.get(dataset), currency, values)
    return found


def _with(counts: Counts, dataset: Dataset | None, currency: str | None, values: Sequence[int | None]) -> Counts:
    figures: dict[str, int | Minor] = {}
    for place, group in enumerate(_GROUPS):
        rows, minor = values[2 * place], values[2 * place + 1]
        figures[f"{group}_rows"] = getattr(counts, f"{group}_rows") + int(rows or 0)
        if dataset is None or not dataset.has_money:
            continue
        before = getattr(counts, f"{group}_minor")
        if dataset.currency_by is None:
            figures[f"{group}_minor"] = (before or 0) + int(minor or 0)
        else:
            figures[f"{group}_minor"] = {**(before or {}), **({currency: int(minor or 0)} if currency else {})}
    return Counts(**{**_plain(counts), **figures})  # type: ignore[arg-type]


def _plain(counts: Counts) -> dict[str, object]:
    return dict(vars(counts))


def disagreements(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, bronze: Snapshot, silver: Silver, index: Rows
) -> Iterator[Disagreement]:
    """The first row of each kind that says something else than bronze does.

    Args:
        index: `dataset, load_seq, source, ordinal, unit, codes, judged_load, control_minor` of what waits or was given
            up.
    """
    rows = visible_bronze_relation(bronze, silver.last_load)
    connection.register("#index", index)
    connection.execute(f"""
        create or replace temp table "#audited" as
        select load_seq, record_load, source, ordinal, "offset", u.unit, u.verdict, u.codes, u.control_minor
        from (select * exclude (units, closes, raw, text), unnest(units) as u from ({rows}))
        where u.dataset = {text(dataset.name)};
        create or replace temp table "#ends" as
        select load_seq, c.record::{RECORD_TYPE} as _record
        from (select load_seq, unnest(closes) as c from ({rows})) where c.dataset = {text(dataset.name)};
        create or replace temp table "#judged" as select distinct load_seq, record_load, source, ordinal from ({rows});
        create or replace temp view "#signed" as {silver_relation(dataset, silver)}
    """)
    for what, statement in _questions(dataset).items():
        found = connection.execute(f"select * from ({statement}) order by all limit 1").fetchall()
        if found:
            load_seq, source, ordinal, unit = found[0]
            yield Disagreement(dataset.name, what, int(load_seq), int(source), int(ordinal), int(unit))
    connection.unregister("#index")


_PLACE = '_record."load", _record.source, _record.ordinal, _record.unit'
_OPENED = f"""
    select load_seq, struct_pack("load" := record_load, source := source, ordinal := ordinal, "offset" := "offset",
        unit := unit) as _record from "#audited" where verdict = {text(Verdict.ACCEPTED)}
"""


def _questions(dataset: Dataset) -> dict[str, str]:
    """What is wrong, and a SELECT of the places of such rows: load, source, ordinal, unit."""
    signed = 'select _load as load_seq, _record from "#signed" where _sign = '
    closed = 'select _record from "#signed" where _sign = -1'
    # One load may close a unit twice, as it stood and as that load opened it; either closing may be the first.
    own = [name(column) for column, _ in silver_columns(dataset) if not column.startswith("_")]
    same = " and ".join(f"o.{column} is not distinct from c.{column}" for column in own)
    questions = {
        "accepted in bronze and not in silver": f"select {_PLACE} from ({_OPENED} except {signed} 1)",
        "in silver and not accepted in bronze": f"select {_PLACE} from ({signed} 1 except {_OPENED})",
        "twice in silver": f"""
            select {_PLACE} from (select _record from "#signed" group by _record having sum(_sign) not in (0, 1)
                union all select _record from "#signed" where _sign = 1 group by _record, _load having count(*) > 1)
        """,
        "closed in bronze and not in silver": f'select {_PLACE} from (from "#ends" except {signed} -1)',
        "closed in silver and not in bronze": f'select {_PLACE} from ({signed} -1 except from "#ends")',
        "closed in silver with other values than it was opened with": f"""
            select {_PLACE.replace("_record", "c._record")} from (
                select *, rank() over turn as _first, count(*) over turn as _last from "#signed" where _sign = -1
                window turn as (partition by _record order by _load)
            ) as c
            left join ({turns(f'from "#signed" where _record in ({closed})', 1)}) as o
                on o._record = c._record and o._turn between c._first and c._last and o._load <= c._load and {same}
            where o._sign is null
        """,
        "waiting in bronze and not in the quarantine": f"""
            select record_load, source, ordinal, unit from (({_WAITING}) except ({_INDEXED.format(text(dataset.name))}))
        """,
        "in the quarantine and not waiting in bronze": f"""
            select record_load, source, ordinal, unit from (({_INDEXED.format(text(dataset.name))}) except ({_WAITING}))
        """,
    }
    if dataset.has_money:
        opened = f'select _load as load_seq, _record, {control_amount(dataset)} as minor from "#signed" where _sign = 1'
        questions["in silver with another amount than bronze counted"] = f"""
            select {_PLACE} from ({_OPENED.replace("select load_seq", "select load_seq, control_minor")})
            join ({opened}) using (load_seq, _record) where coalesce(minor, 0) <> coalesce(control_minor, 0)
        """
    if dataset.key:
        keys = ", ".join(name(key) for key in dataset.key)
        questions["standing twice under one key"] = f"""
            select {_PLACE.replace("_record", "r")} from (
                select max(_record) as r from ({current_relation(dataset, 'from "#signed"')})
                group by {keys} having count(*) > 1)
        """
    return questions


# The last verdict of each unit counts. One that stood for a record without known units ends when the record is judged
# again, whatever is found in it then.
_WAITING = f"""
    select record_load, source, ordinal, unit, list_sort(codes) as codes, load_seq as judged_load, control_minor
    from "#audited" as a where verdict in ({QUARANTINED_SQL}) and not exists (
        select 1 from "#audited" as b
        where (b.record_load, b.source, b.ordinal, b.unit) = (a.record_load, a.source, a.ordinal, a.unit)
        and b.load_seq > a.load_seq)
    and not (verdict = {text(Verdict.UNREADABLE)} and exists (
        select 1 from "#judged" as j
        where (j.record_load, j.source, j.ordinal) = (a.record_load, a.source, a.ordinal) and j.load_seq > a.load_seq))
"""
_INDEXED = """
    select load_seq as record_load, source, ordinal, unit, list_sort(codes) as codes, judged_load, control_minor
    from "#index" where dataset = {}
"""
