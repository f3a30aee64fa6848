"""The step of a load in which people leave the data, alone: from a file of ids to one of keys.

    pseudonyms_alone.py digests|vault FILE FOLDER

With `digests` the digest of a person is the key, so that the same work is done as by peers. With `vault` everybody is
added to a new vault in PostgreSQL and gets a random key, as in a first load; the start of PostgreSQL is not on the
clock.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sales_project import make_sales_project

from tillage.contracts.contract import Column, Dataset, FieldPath, Kind
from tillage.contracts.sql_text import text
from tillage.domain.people import IndexKey
from tillage.engines.people import pseudonymise
from tillage.engines.reader import checked
from tillage.settings import read_settings
from tillage.wiring import open_house

_ID = Column("id", (FieldPath(("id",)),), Kind.STRING, subject="customer")
_AMOUNT = Column("amount", (FieldPath(("amount",)),), Kind.INTEGER)
_SALES = Dataset("sales", (), (_ID, _AMOUNT), key=())


class Digests:
    """People whose digests are their keys."""

    def __init__(self) -> None:
        self._key = IndexKey(secrets.token_bytes(32))

    def index_key(self) -> IndexKey:
        return self._key

    def subject_keys(self, ids: pa.Table) -> pa.Table:
        return ids.select(["subject", "natural_id", "digest"]).rename_columns(["subject", "natural_id", "subject_key"])

    def personal(self, dataset: str, places: pa.Table) -> pa.Table:
        raise NotImplementedError


@contextmanager
def people(kind: str, folder: Path) -> Iterator[Any]:
    """Those of that kind."""
    if kind == "digests":
        yield Digests()
        return
    make_sales_project(folder)
    with open_house(folder, read_settings(), say=lambda _: None) as house:
        if house.vault is None:
            raise ValueError("a project about people has a vault")
        house.vault.index_key()
        yield house.vault


def main() -> None:
    kind, source, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with people(kind, folder) as known, duckdb.connect() as connection:
        connection.execute(f"create table {checked(_SALES)} as from read_parquet({text(source)})")
        started = time.perf_counter()
        pseudonymise(connection, [_SALES], known)
        took_s = time.perf_counter() - started
        connection.execute(f"copy {checked(_SALES)} to {text(str(folder / 'people.parquet'))}")
        print(json.dumps({"work_s": took_s}))


main()
