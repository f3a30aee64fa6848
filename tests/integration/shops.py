"""Food-orders projects, each with a database of its own, for tests on a real PostgreSQL."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.conftest import REPOSITORY
from tillage.pipelines.house import House
from tillage.pipelines.run import RunReport, run
from tillage.settings import read_settings
from tillage.wiring import open_house

TEMPLATE = REPOSITORY / "src" / "tillage" / "templates" / "food-orders"
CONTRACT = "contracts/orders.odcs.yaml"


@dataclass
class Shop:
    """A project and the DSN of its store."""

    root: Path
    dsn: str
    said: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[House]:
        settings = read_settings({"TILLAGE_STORE_DSN": self.dsn, "TILLAGE_THREADS": "2"})
        with open_house(self.root, settings, say=self.said.append) as house:
            yield house

    def run(self) -> RunReport:
        with self.open() as house:
            return run(house, wait_s=1)

    def land(self, name: str, *records: object) -> Path:
        path = self.root / "landing" / "orders" / name
        text = "".join(json.dumps(record) + "\n" for record in records).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def spend(self) -> dict[str, tuple[int, int]]:
        with self.open() as house:
            rows = house.folds.state("customer_spend").to_pylist()
        return {row["customer_id"]: (int(row["orders"]), int(row["net_minor"])) for row in rows}

    def states(self) -> list[str]:
        """Of all loads, in order."""
        with self.open() as house:
            return [load.state for load in house.ledger.loads()]


def make_shop(root: Path, server: str, database: str) -> Shop:
    """The example project in `root`, with a new database."""
    shutil.copytree(TEMPLATE, root)
    return Shop(root, make_database(server, database))


def make_database(server: str, name: str, options: str = "") -> str:
    """The DSN of a new database."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} " + options).format(sql.Identifier(name)))
    return psycopg.conninfo.make_conninfo(server, dbname=name)


def order(number: str, price: object = 1.15) -> dict[str, object]:
    basket = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": price}]
    return {"orderId": number, "basket": basket}


def customer(name: str, *orders: object) -> dict[str, object]:
    return {"customerId": name, "orders": list(orders)}
