"""Project folders, each with a database of its own in one PostgreSQL that all of a test module share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

import tillage
from tillage.cli.demo_data import write_orders
from tillage.stores.embedded import EmbeddedPostgres

TEMPLATE = Path(tillage.__file__).parent / "templates/food-orders"
LANDING = "landing/orders"
CONTRACT = "contracts/orders.odcs.yaml"
MODEL = "models/customer_spend.sql"
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Place:
    """A project and its store."""

    root: Path
    dsn: str
    nursery: Path
    """Where its runs are started."""

    def deliver(self, files: Mapping[str, bytes]) -> None:
        """Files arrive, by path in the project."""
        for path, data in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)

    def clear_landing(self) -> None:
        """All files are taken away."""
        for path in (self.root / LANDING).iterdir():
            path.unlink()


class Places:
    """Makes places below `folder`; may be used by several threads."""

    def __init__(self, folder: Path, server_dsn: str, nursery: Path) -> None:
        self._folder = folder
        self._dsn = server_dsn
        self._nursery = nursery
        self._numbers = count(1)

    def fresh(self) -> Place:
        """The example project before its first run, without files."""
        return self._make(TEMPLATE, "template1")

    def copy(self, place: Place) -> Place:
        """The same files and the same database, in which nobody may be at work."""
        return self._make(place.root, str(psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]))

    def drop(self, place: Place) -> None:
        """Frees its disk."""
        shutil.rmtree(place.root)
        self._execute("drop database {} with (force)", place.root.name)

    def _make(self, source: Path, template: str) -> Place:
        name = f"place{next(self._numbers)}"
        shutil.copytree(source, self._folder / name)
        self._execute("create database {} template {}", name, template)
        return Place(self._folder / name, make_conninfo(self._dsn, dbname=name), self._nursery)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def open_places() -> Iterator[Places]:
    """All of it is gone at the end; the path is short, as a socket's must be."""
    with tempfile.TemporaryDirectory(prefix="tl-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "store") as dsn, open_nursery(folder / "nursery") as nursery:
            yield Places(folder, dsn, nursery)


@contextmanager
def open_nursery(address: Path, module: str = "tests.acceptance.crash.child") -> Iterator[Path]:
    """Where processes that run a module's `main` are started."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.crash.nursery", str(address), module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # with threads of a pool, a fork would have half of it
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield address


def orders(*, seed: int, customers: int, count: int, days: int) -> dict[str, bytes]:
    """Generated landing files by path in the project."""
    with tempfile.TemporaryDirectory() as folder:
        write_orders(Path(folder), seed=seed, customers=customers, orders=count, days=days)
        return {f"{LANDING}/{path.name}": path.read_bytes() for path in sorted(Path(folder).iterdir())}
