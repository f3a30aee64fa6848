"""A house that forgets: the retention in its contract, a clock that is set forward, and what its files hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.integration.shops import CONTRACT, Shop, customer, order
from tests.integration.test_replay import with_type
from tillage.pipelines.audit import audit
from tillage.pipelines.dump import dump
from tillage.pipelines.house import House
from tillage.pipelines.maintain import Maintained, maintain
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import Reconciled, reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status

KEPT_DAYS = 30
CANARY = "canary7f3a"


def keep(shop: Shop, days: int = KEPT_DAYS, contract: str = CONTRACT) -> None:
    level = [{"property": "retention", "value": days, "unit": "d"}]
    with (shop.root / contract).open("a") as file:
        file.write(f"\nslaProperties: {json.dumps(level)}\n")


def at(house: House, days: float) -> House:
    """The same house, where it is so many days later."""
    return replace(house, now=lambda: house.now() + timedelta(days=days))


def limit_at(house: House, moment: datetime) -> House:
    """The same house, where what was sealed before that moment is over the limit."""
    return replace(house, now=lambda: moment + timedelta(days=KEPT_DAYS))


def kept_up(shop: Shop, days: float = KEPT_DAYS + 1, *, keep_h: int = 0) -> Maintained:
    with shop.open() as house:
        (done,) = maintain(at(house, days), wait_s=1, keep_h=keep_h)
    return done


def run_at(shop: Shop, days: float) -> list[Maintained]:
    with shop.open() as house:
        return run(at(house, days), wait_s=1).maintained


def bytes_by_load(shop: Shop, feed: str = "orders") -> dict[int, int]:
    """By load, how many of its rows still hold anything of their records."""
    with shop.open() as house:
        rows = query(
            house,
            f"""select load_seq, count(*) filter (where coalesce(raw, text::blob, digest::blob) is not null) as n
            from bronze.{feed} group by 1""",
        ).to_pylist()
    return {row["load_seq"]: row["n"] for row in rows}


def canonical(shop: Shop) -> list[str]:
    with shop.open() as house:
        return list(dump(house, is_canonical=False))


def sound(shop: Shop) -> list[Reconciled]:
    """What the recomputation says, once audit and the law have found nothing."""
    with shop.open() as house:
        assert audit(house).findings == ()
        assert status(house).balances()
        found = reconcile(house)
    assert all(one.agrees() for one in found)
    return found


def shares(shop: Shop) -> dict[str, tuple[int, Any, int, Any]]:
    (found,) = sound(shop)
    return {one.dataset: (one.rows, one.minor, one.silver_rows, one.silver_minor) for one in found.shares}


def on_disk(folder: Path) -> Iterator[tuple[str, str]]:
    """All that the files of the lake say, unpacked: cells, statistics, logs."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield path.name, repr(table.to_pylist())
            yield path.name, path.read_bytes().decode("latin-1")
        elif path.is_file():
            yield path.name, path.read_text("latin-1")


def files_with(shop: Shop, text: str) -> set[str]:
    return {name for name, found in on_disk(shop.root / "data/lake/bronze") if text in found}


def make_kept(shop: Shop) -> Shop:
    """Two loads; of the second an order waits. Bytes are kept for 30 days."""
    keep(shop)
    shop.land("a.jsonl", customer("c1", order("o1")), customer("c2", order("o2", 2.30)) | {"note": CANARY})
    shop.run()
    shop.land("b.jsonl", customer("c1", order("o3")), customer("c3", with_type("o4", "dessert", 10.70)))
    shop.run()
    return shop


def change(shop: Shop, feed: str, by: Callable[[dict[str, Any]], object], days: int = KEPT_DAYS) -> None:
    path = shop.root / f"contracts/{feed}.odcs.yaml"
    document = json.loads(path.read_text())
    document["slaProperties"] = [{"property": "retention", "value": days, "unit": "d"}]
    by(document)
    path.write_text(json.dumps(document))
