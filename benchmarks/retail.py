"""A month of three retail feeds in hourly folders, shaped like those of the second example, and who loads it.

744 files of transactions, 186 of customers and 31 of products, as many as a month has; how much is in each grows with
the scale. Nobody asks to be erased, which no loop could do. About 1 customer and 1 product in 60 breaks a rule, 1
transaction in 25 refers to one of these or to nobody, and 1 in 400 comes twice.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import tillage
from benchmarks import canonical
from benchmarks.jobs import HERE, OURS, Bench, environment
from benchmarks.measure import Cost, JobFailedError, cost_of
from benchmarks.rounds import Job
from tillage.stores.embedded import EmbeddedPostgres

PANDAS = "pandas loop"
TEMPLATE = Path(tillage.__file__).parent / "templates" / "health-retail"
_SEED = 7
_DAYS = 31
_FIRST = date(2026, 1, 1)
_SMALL = 0.05  # the scale at which a file has as many rows as in the example's own data
_ROWS = {"customers": 4, "products": 80, "transactions": 13}
_CENTS = (99, 250, 1_000, 1_999, 4_500, 12_345)


@dataclass(frozen=True)
class Month:
    """What was written, below a folder."""

    folder: Path
    files: int
    rows: int
    size_bytes: int
    sha256: str

    def __str__(self) -> str:
        return (
            f"{self.files:,} files, {self.rows:,} records, {self.size_bytes / 1e6:.1f} MB packed, SHA-256 {self.sha256}"
        )


def month(folder: Path, scale: float) -> Month:
    """The month of that scale in `folder`, made anew; the same scale gives the same bytes."""
    shutil.rmtree(folder, ignore_errors=True)
    rng, times = Random(_SEED), max(1, round(scale / _SMALL))
    digest, files, rows, size_bytes = hashlib.sha256(), 0, 0, 0
    for name, hour, records in _files(rng, times):
        day = _FIRST + timedelta(days=hour // 24)
        path = folder / f"date={day}" / f"hour={hour % 24:02}" / f"{name}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode(), 6, mtime=0)
        path.write_bytes(data)
        digest.update(data)
        files, rows, size_bytes = files + 1, rows + len(records), size_bytes + len(data)
    return Month(folder, files, rows, size_bytes, digest.hexdigest())


def _files(rng: Random, times: int) -> Iterator[tuple[str, int, list[dict[str, object]]]]:
    people: list[str] = []
    prices: dict[int, str] = {}
    sent = 0
    for hour in range(_DAYS * 24):
        if hour % 24 == 0:
            found = [_product(rng, len(prices) + number + 10_000) for number in range(_ROWS["products"] * times)]
            prices |= {int(str(one["sku"])): str(one["price"]) for one in found}
            yield "products", hour, found
        if hour % 4 == 0:
            customers = [_customer(rng, len(people) + number) for number in range(_ROWS["customers"] * times)]
            people += [str(one["id"]) for one in customers]
            yield "customers", hour, customers
        bought = [
            _transaction(rng, sent + number, people, prices, hour) for number in range(_ROWS["transactions"] * times)
        ]
        sent += len(bought)
        again = [one for one in bought if rng.random() < 1 / 400]
        yield "transactions", hour, [*bought, *again]


def _customer(rng: Random, number: int) -> dict[str, object]:
    is_broken = rng.random() < 1 / 60
    return {
        "id": f"{number:06}",
        "first_name": "" if is_broken else f"First{number % 97}",
        "last_name": f"Last{number % 89}",
        "date_of_birth": f"{1950 + number % 50}-0{1 + number % 9}-11",
        "email": f"c{number}@shop.example",
        "phone_number": f"+44 {number:09}",
        "address": f"{number} High Street\nFlat 2",
        "city": "Leeds",
        "country": "United Kingdom",
        "postcode": f"LS{number % 30} 1AA",
        "last_change": "2026-01-01",
        "segment": ("sports", "beauty", "food")[number % 3],
    }


def _product(rng: Random, sku: int) -> dict[str, object]:
    is_broken = rng.random() < 1 / 60
    cents = 0 if is_broken else rng.choice(_CENTS)
    price = f"{cents // 100}.{cents % 100:02}"
    return {
        "sku": sku,
        "name": f"Product {sku}",
        "price": price,
        "category": "beauty",
        "popularity": round(rng.random() + 0.01, 4),
    }


def _transaction(rng: Random, number: int, people: list[str], prices: dict[int, str], hour: int) -> dict[str, object]:
    skus = [rng.randrange(10_000, 10_000 + len(prices)) for _ in range(rng.randint(1, 5))]
    lines: list[dict[str, object]] = []
    total = 0
    for sku in skus:
        quantity, price = rng.randint(1, 4), prices[sku]
        cents = int(price.replace(".", "")) * quantity
        total += cents
        lines.append({"sku": sku, "quanitity": quantity, "price": price, "total": f"{cents // 100}.{cents % 100:02}"})
    return {
        "transaction_id": f"{number:08x}-0000-4000-8000-{number:012}",
        "transaction_time": f"{_FIRST + timedelta(days=hour // 24)}T{hour % 24:02}:{rng.randrange(60):02}:00Z",
        "customer_id": rng.choice(people) if rng.random() > 1 / 100 else "999999",
        "delivery_address": {"address": "1 High Street", "postcode": "LS1 1AA", "city": "Leeds", "country": "UK"},
        "purchases": {"products": lines, "total_cost": f"{total // 100}.{total % 100:02}"},
    }


def compared(bench: Bench, landed: Month) -> list[Job]:
    """Ours, with both mirrors, and a loop over the files that does the same checks and writes the same files."""
    return [
        Job(OURS, lambda folder: _ours(bench, folder, landed), canonical.of_processed),
        Job(PANDAS, lambda folder: _pandas(bench, folder, landed), canonical.of_processed),
    ]


def _ours(bench: Bench, folder: Path, landed: Month) -> Cost:
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    shutil.copytree(landed.folder, folder / "landing", dirs_exist_ok=True)
    command = [sys.executable, "-m", "tillage", "run"]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())


def _pandas(bench: Bench, folder: Path, landed: Month) -> Cost:
    """Its PostgreSQL, the same as ours, is up before the clock starts."""
    if not bench.peers.exists():
        raise JobFailedError("the peers are not installed; run: make bench")
    with EmbeddedPostgres(folder / "store") as dsn:
        command = [str(bench.peers), str(HERE / "peers" / "pandas_retail.py"), str(landed.folder), str(folder)]
        variables = environment() | {"BENCH_DSN": dsn}
        return cost_of(command, folder, timeout_s=bench.timeout_s, environment=variables)
