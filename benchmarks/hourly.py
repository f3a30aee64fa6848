"""`make hourly`: a house that is loaded each hour, one small file each time, and what that costs after years of it.

    python -m benchmarks.hourly [--loads N] [--history N] [--no-maintain]

Lands and loads one file after the other in this process, as `tillage run` does, and prints for each mark the time of a
load and what the tables have come to. An hour passes with each load: log files are dated back, and what compaction left
is deleted at the next one. With a history, so many hours are there before: their files are loaded at once, and the
ledger gets a row of each kind for every one of them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

import tillage
from tillage.pipelines.house import House
from tillage.settings import read_settings
from tillage.stores.embedded import EmbeddedPostgres
from tillage.wiring import open_house

running = importlib.import_module("tillage.pipelines.run")  # the package has a function of the same name
maintaining = importlib.import_module("tillage.pipelines.maintain")
TEMPLATE = Path(tillage.__file__).parent / "templates/food-orders"
ORDERS = 5
CUSTOMERS = 200
_HOUR_S = 3600
_AROUND = 21
_MARKS = (1, 50, 100, 150, 500, 1_000, 2_000, 5_000, 10_000)
_HISTORY = """
insert into tillage.loads (load_seq, feed, state, contract_digest, epoch, sealed_at)
select n, feed, state, contract_digest, epoch, now() from tillage.loads, generate_series(1, %(loads)s) n
where load_seq = %(first)s;
insert into tillage.receipts select 'publish', n from generate_series(1, %(loads)s) n;
insert into tillage.counts (load_seq, dataset, read_rows, accepted_rows, quarantined_rows, duplicate_rows,
    suppressed_rows, not_countable_rows, warning_rows)
select n, dataset, 0, 0, 0, 0, 0, 0, '{}' from tillage.counts, generate_series(1, %(loads)s) n
where load_seq = %(first)s;
analyze
"""


@dataclass(frozen=True)
class Mark:
    """The state after so many loads."""

    loads: int
    load_s: float
    """Median of the last ones, without those that also maintained."""
    maintaining_s: float
    """Of the last run that loaded and maintained."""
    live_files: int
    """Of the table that has most."""
    disk_files: int
    log_files: int

    def __str__(self) -> str:
        return (
            f"{self.loads:>7,} loads: {self.load_s:.3f} s CPU each, with maintain {self.maintaining_s:.3f} s; of the "
            f"largest table {self.live_files:,} files live, {self.disk_files:,} on disk, {self.log_files:,} in the log"
        )


class Shop:
    """The example project, with a file each hour."""

    def __init__(self, root: Path, dsn: str) -> None:
        shutil.copytree(TEMPLATE, root)
        self._root = root
        self._settings = read_settings({"TILLAGE_STORE_DSN": dsn, "TILLAGE_THREADS": "2"})
        self._dsn = dsn
        self.hours = 0

    def land(self, hours: int = 1) -> None:
        """The files of the next hours arrive."""
        for hour in range(self.hours + 1, self.hours + hours + 1):
            basket = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": 1.15}]
            records = [
                {
                    "customerId": f"c{(hour * ORDERS + number) % CUSTOMERS}",
                    "orders": [{"orderId": f"o{hour}-{number}", "basket": basket}],
                }
                for number in range(ORDERS)
            ]
            path = self._root / "landing" / "orders" / f"{hour:06}.jsonl"
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
        self.hours += hours

    def run(self) -> tuple[float, bool]:
        """The CPU time of one run, in all threads of this process, and whether it also maintained.

        Elapsed time says more of what else the machine does.
        """
        start = time.process_time()
        with self._house() as house:
            report = running.run(house, wait_s=1)
        return time.process_time() - start, bool(report.maintained)

    def orders(self) -> int:
        """That are counted in the served table."""
        with self._house() as house:
            return sum(int(row["orders"]) for row in house.folds.state("customer_spend").to_pylist())

    @contextmanager
    def _house(self) -> Iterator[House]:
        with open_house(self._root, self._settings, say=lambda _: None) as house:
            yield house

    def pass_history(self, hours: int) -> None:
        """So many hours of files are loaded, and the ledger has as many loads."""
        with self._house(), psycopg.connect(self._dsn) as store:
            store.execute("select setval('tillage.load_seq', %s)", [hours])
        self.land(hours)
        self.run()
        with psycopg.connect(self._dsn) as store:
            (first,) = store.execute("select max(load_seq) from tillage.loads").fetchone() or (0,)
            psycopg.ClientCursor(store).execute(_HISTORY, {"loads": hours - 1, "first": first})

    def grow_older(self) -> None:
        """Each log file by an hour for each load that came since."""
        now_s = time.time()
        for table in self._tables():
            log = sorted((table / "_delta_log").iterdir(), key=lambda path: path.stat().st_mtime)
            for hours, path in enumerate(reversed(log), 1):
                age_s = hours * _HOUR_S
                os.utime(path, (now_s - age_s, now_s - age_s))

    def mark(self, seconds: list[float], maintaining_s: float) -> Mark:
        """What it has come to."""
        with self._house() as house:
            live = [len(house.lake.bronze("orders").snapshot().files)]
            live += [len(house.visible(name, {}).snapshot.files) for name in house.datasets()]
        tables = self._tables()
        return Mark(
            self.hours,
            median(seconds[-_AROUND:] or [0.0]),
            maintaining_s,
            max(live),
            max(len(list(table.glob("*.parquet"))) for table in tables),
            max(len(list((table / "_delta_log").iterdir())) for table in tables),
        )

    def _tables(self) -> list[Path]:
        return [log.parent for log in (self._root / "data" / "lake").glob("*/*/_delta_log")]


def measure(shop: Shop, loads: int) -> Iterator[Mark]:
    """A mark after the first loads, at round numbers of them, and after the last."""
    seconds: list[float] = []
    maintaining_s = 0.0
    for number in range(1, loads + 1):
        shop.land()
        took_s, is_maintained = shop.run()
        if is_maintained:
            maintaining_s = took_s
        else:
            seconds.append(took_s)
        if number % 50 == 0:
            shop.grow_older()
        if number in _MARKS or number == loads:
            yield shop.mark(seconds, maintaining_s)


@contextmanager
def maintained_at_once(*, is_maintained: bool = True) -> Iterator[None]:
    """Nothing is kept for readers, of which there are none; or nothing is maintained at all."""
    was = maintaining.KEEP_H, maintaining.DUE_LOADS
    maintaining.KEEP_H = 0
    if not is_maintained:
        maintaining.DUE_LOADS = 1_000_000
    try:
        yield
    finally:
        maintaining.KEEP_H, maintaining.DUE_LOADS = was


def main() -> None:
    parser = argparse.ArgumentParser(prog="make hourly", description=__doc__)
    parser.add_argument("--loads", type=int, default=150)
    parser.add_argument("--history", type=int, default=0)
    parser.add_argument("--no-maintain", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tl-") as name,
        EmbeddedPostgres(Path(name) / "store") as dsn,
        maintained_at_once(is_maintained=not arguments.no_maintain),
    ):
        shop = Shop(Path(name) / "shop", dsn)
        if arguments.history:
            shop.pass_history(arguments.history)
        for mark in measure(shop, arguments.loads):
            print(mark, flush=True)
        expected = shop.hours * ORDERS
        print(f"{shop.orders():,} orders served, {expected:,} landed")


if __name__ == "__main__":
    main()
