"""Leaks are planted where people are known to stay behind, and the search at the end of an erasure names each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from tests.integration.peopled import land, make_peopled, person, sale
from tests.integration.shops import Shop
from tillage.errors import ErasureOpenError
from tillage.pipelines.erase import all_erasures, erase
from tillage.pipelines.house import House
from tillage.pipelines.requests import Request
from tillage.pipelines.run import run
from tillage.settings import read_settings
from tillage.stores.postgres.erasures import Erasures
from tillage.wiring import open_house, store_dsn

pytestmark = pytest.mark.accept("8.4")

MAIL = "zenobia@quagge.example"
ROWS = pa.table({"load_seq": pa.array([1], pa.int64()), "mail": [MAIL]})


@contextmanager
def opened(root: Path) -> Iterator[House]:
    """With the embedded store, whose files are searched too."""
    with open_house(root, read_settings({}), say=lambda _: None) as house:
        yield house


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a project in which somebody was to be erased, and everything but one thing is done."""
    root = make_peopled(tmp_path_factory.mktemp("leaks") / "shop", "").root
    shop = Shop(root, "")
    land(shop, "customers/a.jsonl", person("700123", email=MAIL), person("800456", "Ann Other"))
    land(shop, "orders/a.jsonl", sale("1", "700123"), sale("2", "800456"))
    with opened(root) as house:
        run(house, wait_s=1)
    (root / "notes.txt").write_text(MAIL)
    with opened(root) as house, pytest.raises(ErasureOpenError, match=r"notes\.txt"):
        erase(house, [Request("customer", "700123")], wait_s=1)
    (root / "notes.txt").unlink()
    return root


def searched_again(root: Path) -> None:
    with opened(root) as house:
        erase(house, [], wait_s=1)


def delta_statistics(lake: Path) -> None:
    """Smallest and largest values of each column, in the log."""
    write_deltalake(lake / "gold" / "leak", ROWS)
    for file in (lake / "gold" / "leak").glob("*.parquet"):
        file.unlink()


def delete_predicate(lake: Path) -> None:
    """Who deletes by a value writes it into the log."""
    folder = lake / "gold" / "leak"
    nobody = {"delta.dataSkippingStatsColumns": ""}
    write_deltalake(folder, pa.table({"mail": [MAIL, "somebody else"]}), configuration=nobody)
    (old,) = folder.glob("*.parquet")
    DeltaTable(folder).delete(f"mail = '{MAIL}'")
    old.unlink()


def commit_metadata(lake: Path) -> None:
    """What a writer says of a commit."""
    write_deltalake(
        lake / "gold" / "leak",
        pa.table({"n": [1]}),
        commit_properties=CommitProperties(custom_metadata={"asked by": MAIL}),
    )


def orphan(lake: Path) -> None:
    """A file that no version of a table holds, under a name that nobody would list."""
    pq.write_table(ROWS, lake / "bronze" / "customers" / "leftover.parquet", compression="zstd")


def change_data(lake: Path) -> None:
    """Change data feed: rows as they were, beside the table."""
    folder = lake / "silver" / "customers" / "_change_data"
    folder.mkdir()
    pq.write_table(ROWS, folder / "cdc-00000.parquet", compression="snappy")


def checkpoint(lake: Path) -> None:
    """Statistics once more, packed in Parquet; the log before it is gone."""
    delta_statistics(lake)
    folder = lake / "gold" / "leak"
    DeltaTable(folder).create_checkpoint()
    for file in (folder / "_delta_log").glob("*.json"):
        file.unlink()


LAKE: dict[Callable[[Path], None], str] = {
    delta_statistics: "lake/gold/leak/_delta_log",
    delete_predicate: "lake/gold/leak/_delta_log",
    commit_metadata: "lake/gold/leak/_delta_log",
    orphan: "lake/bronze/customers/leftover.parquet",
    change_data: "lake/silver/customers/_change_data",
    checkpoint: "lake/gold/leak/_delta_log",
}


@pytest.mark.parametrize("leak", LAKE, ids=lambda leak: leak.__name__)
def test_a_leak_in_the_lake_is_named(root: Path, leak: Callable[[Path], None]) -> None:
    lake = root / "data" / "lake"
    leak(lake)
    with pytest.raises(ErasureOpenError, match=LAKE[leak]):
        searched_again(root)
    shutil.rmtree(lake / "gold", ignore_errors=True)
    shutil.rmtree(lake / "silver/customers/_change_data", ignore_errors=True)
    (lake / "bronze/customers/leftover.parquet").unlink(missing_ok=True)


def test_a_statistic_of_postgresql_is_named(root: Path) -> None:
    """The rows are gone and vacuumed; what was counted of them stays."""
    with store_dsn(root, read_settings({})) as dsn, psycopg.connect(dsn, autocommit=True) as store:
        store.execute("create table public.leak (mail text)")
        store.execute("insert into public.leak select %s from generate_series(1, 100)", [MAIL])
        store.execute("analyze public.leak")
        store.execute("truncate public.leak")
    with pytest.raises(ErasureOpenError, match="pg_stats"):
        searched_again(root)
    with store_dsn(root, read_settings({})) as dsn, psycopg.connect(dsn, autocommit=True) as store:
        store.execute("drop table public.leak")
        store.execute("vacuum full pg_catalog.pg_statistic")


def test_a_log_of_the_server_is_named(root: Path) -> None:
    log = next(path for path in (root / "data" / "store").iterdir() if path.suffix == ".log")
    before = log.read_bytes()
    log.write_bytes(before + f"ERROR: duplicate key, DETAIL: Key (mail)=({MAIL})\n".encode())
    with pytest.raises(ErasureOpenError, match=r"data/store/.*\.log"):
        searched_again(root)
    log.write_bytes(before)


def test_spilled_rows_are_named(root: Path) -> None:
    """As an engine that was killed leaves them."""
    file = root / "data" / "tmp" / "spilled.tmp"
    file.write_bytes(b"\0" * 100 + MAIL.encode() + b"\0" * 100)
    with pytest.raises(ErasureOpenError, match=r"data/tmp/spilled\.tmp"):
        searched_again(root)
    file.unlink()


def test_the_write_ahead_log_and_old_pages_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that held somebody was emptied, and nobody rewrote its file or cut the log."""
    with store_dsn(root, read_settings({})) as dsn, psycopg.connect(dsn, autocommit=True) as store:
        store.execute("create table public.leak (mail text)")
        store.execute("insert into public.leak values (%s)", [MAIL])
        store.execute("checkpoint")
        store.execute("delete from public.leak")
    with monkeypatch.context() as patched:
        patched.setattr(Erasures, "compact", lambda _: ())
        with pytest.raises(ErasureOpenError, match=r"data/store/pg/(base|pg_wal)/"):
            searched_again(root)
    with pytest.raises(ErasureOpenError, match="data/store/pg/base/"):
        searched_again(root)  # the log is cut; a table that is none of Tillage's is its owner's to rewrite
    with store_dsn(root, read_settings({})) as dsn, psycopg.connect(dsn, autocommit=True) as store:
        store.execute("drop table public.leak")


def test_without_a_leak_the_erasure_ends(root: Path) -> None:
    """Last in this file: all that was planted before is gone again."""
    searched_again(root)
    with opened(root) as house:
        (one,) = all_erasures(house)
    assert one.state == "proved"
