"""People leave rows that are there already; that they came there is not on the clock.

    erasing_alone.py sweep|deletes FILE FOLDER

With `sweep` a project has loaded the file, and one erasure takes the people out of it, the landed file, the vault and
PostgreSQL, searches everything and signs a receipt. With `deletes` a Delta table has the rows; each person is deleted
by a predicate, and what no version needs any more is vacuumed. What is left is written down afterwards.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow.json as pj
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from sales_project import make_sales_project

from tillage.pipelines.erase import erase
from tillage.pipelines.requests import Request
from tillage.pipelines.run import run
from tillage.settings import read_settings
from tillage.wiring import open_house


def sweep(source: Path, asked: list[str], folder: Path) -> float:
    """Seconds of the erasure; the landed file without them is what is left."""
    landed = make_sales_project(folder, {"name": "amount", "logicalType": "integer"}) / "rows.jsonl"
    landed.write_bytes(source.read_bytes())
    with open_house(folder, read_settings(), say=lambda _: None) as house:
        run(house, wait_s=1)
        started = time.perf_counter()
        erase(house, [Request("customer", one) for one in asked], wait_s=1)
        took_s = time.perf_counter() - started
    lines = [line for line in landed.read_bytes().split(b"\n") if line.strip()]
    (folder / "left.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    pq.write_table(pj.read_json(folder / "left.jsonl"), folder / "left.parquet")
    return took_s


def deletes(source: Path, asked: list[str], folder: Path) -> float:
    """Seconds of the deletes and the vacuum."""
    write_deltalake(folder / "table", pj.read_json(source))
    started = time.perf_counter()
    for one in asked:
        DeltaTable(folder / "table").delete(f"id = '{one}'")
    DeltaTable(folder / "table").vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    took_s = time.perf_counter() - started
    pq.write_table(DeltaTable(folder / "table").to_pyarrow_table(), folder / "left.parquet")
    return took_s


def main() -> None:
    kind, source, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    asked = source.with_suffix(".asked").read_text().split()
    took_s = {"sweep": sweep, "deletes": deletes}[kind](source, asked, folder)
    print(json.dumps({"work_s": took_s}))


main()
