"""All that a house holds, as JSON: read past the product's code where that is possible, and by it as a user would."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from deltalake import DeltaTable

from tillage.pipelines.audit import audit
from tillage.pipelines.house import House
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.settings import read_settings
from tillage.wiring import store_dsn

_TABLES = {
    "texts": "select digest, body from tillage.texts",
    "quarantine": """select dataset, load_seq, source, ordinal, unit, codes, control_minor::text, judged_load,
        discarded_by from tillage.quarantine""",
    # Of a killed process the row stays as it is until somebody takes the lease again: it is free, as nobody lives.
    "leases": """select resource from tillage.leases join pg_stat_activity
        on pid = backend_pid and pg_stat_activity.backend_start = leases.backend_start""",
    "rejected": "select path, digest from tillage.rejected",
}
_SHOWN = {
    "loads": "select load_seq, feed, state, kind, contract_digest, manifest from tillage.loads order by 1",
    "sources": "select load_seq, source, path, digest from tillage.sources order by 1, 2",
    "receipts": "select load_seq, stage from tillage.receipts",
}
_COUNTS = (
    "read_rows accepted_rows quarantined_rows duplicate_rows suppressed_rows not_countable_rows taken_rows "
    "taken_not_countable_rows closed_rows read_minor accepted_minor quarantined_minor duplicate_minor "
    "suppressed_minor taken_minor closed_minor"
).split()


def look(house: House, root: Path) -> dict[str, Any]:
    """What readers see of models, and the loads that it must be of."""
    with store_dsn(root, read_settings()) as dsn, psycopg.connect(dsn) as store:
        found: dict[str, Any] = {name: store.execute(sql.encode()).fetchall() for name, sql in _SHOWN.items()}
        found["models"] = [name for (name,) in store.execute("select name from tillage.models").fetchall()]
    with closing(duckdb.connect()) as engine:
        engine.execute("set timezone = 'UTC'")
        found["bronze"] = {feed: _rows(engine, root / "data/lake/bronze" / feed) for feed in house.feeds}
    for feed in found["bronze"].values():
        for row in feed:
            kept = [row.pop(column) for column in ("raw", "text", "digest")]
            row["has_bytes"] = any(value is not None for value in kept)
    found["gold"] = _shown(house, "gold", found["models"])
    return found


def inspect(house: House, root: Path, *, is_last: bool) -> dict[str, Any]:
    """What costs most, to compute all sums from the bytes, is done for the last time only."""
    found = look(house, root)
    with store_dsn(root, read_settings()) as dsn, psycopg.connect(dsn) as store:
        found |= {name: store.execute(sql.encode()).fetchall() for name, sql in _TABLES.items()}
        columns = ", ".join(["load_seq", "dataset", *_COUNTS])
        rows = store.execute(f"select {columns} from tillage.counts".encode()).fetchall()
    found["counts"] = [[load, dataset, dict(zip(_COUNTS, row, strict=True))] for load, dataset, *row in rows]
    with closing(duckdb.connect()) as engine:
        engine.execute("set timezone = 'UTC'")
        found["silver"] = {name: _rows(engine, root / "data/lake/silver" / name) for name in house.datasets()}
    found["standing"] = _shown(house, "silver", house.datasets())
    law = status(house)
    found["law"] = {name: asdict(one) for name, one in law.datasets.items()}
    found["balances"] = law.balances()
    found["audit"] = [asdict(one) for one in audit(house).findings]
    reconciled = reconcile(house) if is_last else []
    found["differ"] = {
        one.model: one.comparison.differ + sum(share.astray_rows for share in one.shares) for one in reconciled
    }
    return found


def _shown(house: House, schema: str, names: Collection[str]) -> dict[str, Any]:
    """By name, the rows that a reader sees; by one query, since each opens an engine."""
    found: dict[str, Any] = {name: [] for name in names}
    parts = [
        f"select '{name}' as name, to_json(t)::varchar as shown from {schema}.\"{name}\" as t" for name in sorted(names)
    ]
    for row in query(house, " union all ".join(parts)).to_pylist() if parts else ():
        found[row["name"]].append(json.loads(row["shown"]))
    return found


def _rows(engine: duckdb.DuckDBPyConnection, table: Path) -> list[Mapping[str, Any]]:
    """All rows of the newest version of a table, whatever load they are of."""
    if not (table / "_delta_log").is_dir():
        return []
    files = DeltaTable(table).file_uris()
    if not files:
        return []
    found = engine.read_parquet(files)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
