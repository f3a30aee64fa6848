"""What a house has come to, in words that do not depend on how many loads it took; read past the product's code.

Positions are (path, line, unit) instead of load numbers, and each section is a multiset, so that what is there twice
shows as well as what is missing.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from deltalake import DeltaTable
from psycopg import sql

from tests.oracle import food_orders

State = dict[str, Counter[str]]
"""By section, its rows as text and how often each is there."""
Paths = Mapping[tuple[int, int], str]
"""Path of a file by load and number in the load."""

_ORACLE_VERDICTS = {"unreadable": "quarantined", "violation": "quarantined", "conflict": "quarantined"}
_SHOWN = 2


def state_of(root: Path, dsn: str) -> State:
    """Everything that must be the same however often the runs were killed."""
    with psycopg.connect(dsn) as store, closing(duckdb.connect()) as engine:
        paths = _paths(store)
        loads = dict(_rows(store, "select load_seq, state from tillage.loads"))
        state = _store_state(store, paths)
        for table in _tables(root):
            section = ".".join(table.parts[-2:])
            rows = _lake_rows(engine, table)
            read = _bronze if table.parent.name == "bronze" else _silver
            state[section] = _section(read(rows, paths, loads))
            if table.parent.name == "bronze":
                state[f"verdicts of {section}"] = _section(_last_verdicts(rows, paths))
        state["newest receipts"] = _section(_newest_receipts(store, root))
    return state


def differences(found: State, wanted: State) -> list[str]:
    """A line for each section with rows that should not be there, and for each with rows missing; with examples."""
    lines = []
    for section in sorted(found.keys() | wanted.keys()):
        here, there = found.get(section, Counter()), wanted.get(section, Counter())
        for what, rows in (("too many", here - there), ("missing", there - here)):
            if rows:
                shown = "; ".join(row[:300] for row in sorted(rows)[:_SHOWN])
                lines.append(f"{section}: {rows.total()} rows {what}, such as {shown}")
    return lines


def oracle_differences(root: Path, dsn: str, files: Mapping[str, bytes]) -> list[str]:
    """Where a food-orders house differs from what plain Python makes of the same files."""
    house = food_orders.judge(files)
    wanted = {
        "verdicts": _section(
            (dataset, unit.file, unit.line, unit.offset, unit.unit_no, unit.verdict, unit.codes, unit.control_minor)
            for dataset, units in house.units.items()
            for unit in units
        ),
        "counts": _section(
            (dataset, kind, rows, counts.minor and counts.minor[kind], counts.not_countable_rows)
            for dataset, counts in house.counts().items()
            for kind, rows in counts.rows.items()
        ),
        "spend": _section((customer, *spend) for customer, spend in house.spend().items()),
        "lines that are not as in their file": _section(()),
    }
    with psycopg.connect(dsn) as store, closing(duckdb.connect()) as engine:
        paths = _paths(store)
        records = _lake_rows(engine, root / "data/lake/bronze/orders")
        spend = _rows(store, "select customer_id, orders::bigint, net_minor::bigint from gold.customer_spend")
        found = {
            "verdicts": _section(unit for record in records for unit in _judged(record, paths)),
            "counts": _section(_judged_counts(store)),
            "spend": _section(spend),
            "lines that are not as in their file": _section(_misread(records, paths, files)),
        }
    return differences(found, wanted)


def _section(rows: Iterable[object]) -> Counter[str]:
    return Counter(map(str, rows))


def _paths(store: psycopg.Connection[Any]) -> Paths:
    sources = _rows(store, "select load_seq, source, path from tillage.sources")
    return {(load, source): path for load, source, path in sources}


def _rows(store: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return store.execute(query.encode()).fetchall()


def _tables(root: Path) -> list[Path]:
    return sorted(log.parent for log in (root / "data/lake").glob("*/*/_delta_log"))


def _lake_rows(engine: duckdb.DuckDBPyConnection, table: Path) -> list[dict[str, Any]]:
    """All rows of the newest version, whatever load they are of."""
    files = DeltaTable(table).file_uris()
    if not files:
        return []
    found = engine.read_parquet(files)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _bronze(rows: Iterable[dict[str, Any]], paths: Paths, loads: Mapping[int, str]) -> Iterable[str]:
    """Records as they came; how often they were judged again since, nobody need know."""
    for row in rows:
        if row["record_load"] != row["load_seq"]:
            continue
        place = paths.get((row["load_seq"], row["source"]), "no file of the ledger")
        units = [(u["dataset"], u["unit"], u["verdict"], sorted(u["codes"]), u["control_minor"]) for u in row["units"]]
        state = loads.get(row["load_seq"], "in no load of the ledger")
        yield str((place, row["ordinal"], row["offset"], state, sorted(units, key=str), row["raw"]))


def _last_verdicts(rows: Iterable[dict[str, Any]], paths: Paths) -> Iterable[str]:
    """Of each unit the one that holds; a unit that was judged twice by one load shows."""
    last: dict[tuple[object, ...], tuple[int, list[object]]] = {}
    for row in rows:
        place = paths.get((row["record_load"], row["source"]), "no file of the ledger"), row["ordinal"]
        for unit in row["units"]:
            key, verdict = (*place, unit["dataset"], unit["unit"]), (unit["verdict"], sorted(unit["codes"]))
            load, before = last.get(key, (0, []))
            if row["load_seq"] >= load:
                last[key] = row["load_seq"], [*(before if row["load_seq"] == load else ()), verdict]
    return (str((key, verdicts)) for key, (_, verdicts) in last.items())


def _silver(rows: Iterable[dict[str, Any]], paths: Paths, loads: Mapping[int, str]) -> Iterable[str]:
    for row in rows:
        load, record = row.pop("_load"), row.pop("_record")
        place = paths.get((record["load"], record["source"]), "no file of the ledger")
        state = loads.get(load, "in no load of the ledger")
        yield str((place, record["ordinal"], record["offset"], record["unit"], row.pop("_sign"), state, row))


def _store_state(store: psycopg.Connection[Any], paths: Paths) -> State:
    quarantine = _rows(
        store,
        'select dataset, load_seq, source, ordinal, "offset", unit, codes, control_minor, discarded_by is not null '
        "from tillage.quarantine",
    )
    state = {
        "files": _rows(
            store,
            "select path, digest, state from tillage.sources join tillage.loads using (load_seq) "
            "where state <> 'voided'",
        ),
        "unfinished loads": _rows(store, "select feed, state from tillage.loads where state in ('open', 'failed')"),
        "abandoned loads": _rows(
            store,
            "select l.feed, l.reason, b.dataset, b.rule, b.severity, b.found, c.read_rows, c.accepted_rows "
            "from tillage.loads l left join tillage.broken_rules b using (load_seq) "
            "left join tillage.counts c on (c.load_seq, c.dataset) = (l.load_seq, b.dataset) where state = 'abandoned'",
        ),
        "rejected files": _rows(store, "select feed, path, digest, message from tillage.rejected"),
        "loads without the one receipt": _rows(
            store,
            "select l.state, r.stage from tillage.loads l full join tillage.receipts r using (load_seq) "
            "where l.kind in ('read', 'replay') and (l.state = 'sealed') is distinct from (r.stage = 'publish') "
            "and not (l.state in ('voided', 'abandoned') and r.stage is null)",
        ),
        "leases that are held": _rows(
            store, "select resource from tillage.leases where holder is not null or expires_at is not null"
        ),
        "counts": _counts(store),
        "quarantine": [(row[0], paths.get((row[1], row[2])), *row[3:]) for row in quarantine],
        "models": _rows(store, "select name, digest from tillage.models"),
    }
    for schema, name in _rows(
        store, "select table_schema, table_name from information_schema.tables where table_schema in ('folds', 'gold')"
    ):
        query = sql.SQL("select to_jsonb(t) from {} as t").format(sql.Identifier(schema, name))
        state[f"{schema}.{name}"] = store.execute(query).fetchall()
    return {section: _section(rows) for section, rows in state.items()}


def _counts(store: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """All sealed loads' figures added up; a unit that was judged again was read once and is in quarantine once."""
    figures = (
        "dataset, sum(read_rows - taken_rows), sum(accepted_rows), sum(quarantined_rows - taken_rows), "
        "sum(duplicate_rows), sum(suppressed_rows)"
    )
    taken = "coalesce(taken_minor::numeric, 0)"
    amounts = (
        f"sum(read_minor::numeric - {taken}), sum(accepted_minor::numeric), sum(quarantined_minor::numeric - {taken}), "
        "sum(duplicate_minor::numeric), sum(suppressed_minor::numeric)"
    )
    sealed = "tillage.counts join tillage.loads using (load_seq) where state = 'sealed'"
    uncounted = "sum(not_countable_rows - taken_not_countable_rows)"
    return _rows(store, f"select {figures}, {amounts}, {uncounted} from {sealed} group by dataset")


def _newest_receipts(store: psycopg.Connection[Any], root: Path) -> Iterable[str]:
    """Which tables carry a lower number than that of the feed's last sealed load, and so would take that load again."""
    judging = "state = 'sealed' and kind in ('read', 'replay')"
    sealed = dict(_rows(store, f"select feed, max(load_seq) from tillage.loads where {judging} group by feed"))
    for folder in _tables(root):
        table = DeltaTable(folder)
        name = f"silver.{folder.name}" if folder.parent.name == "silver" else "bronze"
        receipts = [(table.transaction_version(f"{feed}/{name}") or 0) >= load for feed, load in sealed.items()]
        if True not in receipts:
            yield f"{name} of {folder.name}"


def _judged(record: Mapping[str, Any], paths: Paths) -> Iterable[tuple[Any, ...]]:
    place = paths[record["load_seq"], record["source"]], record["ordinal"], record["offset"]
    for unit in record["units"]:
        verdict = _ORACLE_VERDICTS.get(unit["verdict"], unit["verdict"])
        control = None if unit["control_minor"] is None else int(unit["control_minor"])
        yield unit["dataset"], *place, unit["unit"], verdict, tuple(sorted(unit["codes"])), control


def _judged_counts(store: psycopg.Connection[Any]) -> Iterable[tuple[Any, ...]]:
    for dataset, *rows_and_amounts, uncounted in _counts(store):
        figures = [None if figure is None else int(figure) for figure in rows_and_amounts]
        kinds = ("read", "accepted", "quarantined", "duplicate", "suppressed")
        for kind, rows, amount in zip(kinds, figures[:5], figures[5:], strict=True):
            yield dataset, kind, rows, amount, int(uncounted)


def _misread(records: Iterable[Mapping[str, Any]], paths: Paths, files: Mapping[str, bytes]) -> Iterable[str]:
    """Records whose bytes are not those at their offset."""
    streams = {path: gzip.decompress(data) if path.endswith(".gz") else data for path, data in files.items()}
    for record in records:
        path, offset = paths[record["load_seq"], record["source"]], record["offset"]
        if streams[path][offset : offset + len(record["raw"]) + 1] not in (record["raw"] + b"\n", record["raw"]):
            yield f"{path}, line {record['ordinal']}"
