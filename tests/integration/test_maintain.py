"""`tillage maintain`: fewer files, the same rows, and nothing deleted that anybody may still need."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from tests.acceptance.commands import tillage
from tests.integration.ruled import broken_rule, ruled
from tests.integration.shops import Shop, customer, order
from tillage.domain.load import CommitPoint, LoadKind, LoadState
from tillage.errors import LeaseLostError, OperatorError
from tillage.pipelines import maintain as maintaining
from tillage.pipelines.backup import UPKEEP
from tillage.pipelines.dump import dump
from tillage.pipelines.maintain import Maintained, maintain
from tillage.pipelines.query import query
from tillage.pipelines.run import run

TABLES = ["bronze/orders", "silver/customers", "silver/orders"]


def fill(shop: Shop, loads: int, *, first: int = 1) -> None:
    """So many loads of one file, with one customer and order each."""
    for number in range(first, first + loads):
        shop.land(f"{number:03}.jsonl", customer(f"c{number % 3}", order(f"o{number}")))
        shop.run()


def kept_up(shop: Shop, *, keep_h: int = 0) -> Maintained:
    with shop.open() as house:
        (done,) = maintain(house, wait_s=1, keep_h=keep_h)
    return done


def canonical(shop: Shop) -> list[str]:
    with shop.open() as house:
        return list(dump(house, is_canonical=True))


def on_disk(shop: Shop, table: str = "bronze/orders") -> set[str]:
    return {path.name for path in (shop.root / "data/lake" / table).glob("*.parquet")}


def test_maintain_puts_files_together_and_changes_no_row(shop: Shop) -> None:
    fill(shop, 4)
    before = canonical(shop)
    done = kept_up(shop)
    assert {name: (was.files, now.files) for name, (was, now) in done.tables.items()} == dict.fromkeys(
        ["bronze/orders", "silver/orders"], (4, 1)
    ) | {"silver/customers": (3, 1)}
    assert canonical(shop) == before
    with shop.open() as house:
        assert query(house, "select count(*) as n from bronze.orders").to_pylist() == [{"n": 4}]


def test_files_of_an_older_version_stay_for_readers_and_go_with_the_next_maintain(shop: Shop) -> None:
    fill(shop, 3)
    with shop.open() as house:
        reading = house.lake.bronze("orders").snapshot()
        assert maintain(house, wait_s=1, keep_h=0)[0].deleted_files == 0
        assert maintain(house, wait_s=1)[0].deleted_files == 0
        assert house.engine.bronze_view(reading, 9).sql
        assert all(Path(file).is_file() for file in reading.files)
        assert maintain(house, wait_s=1, keep_h=0)[0].deleted_files == 9
    assert not any(Path(file).exists() for file in reading.files)
    assert shop.spend() == {f"c{number}": (1, 100) for number in range(3)}


def test_orphan_of_a_writer_that_died_is_deleted_and_other_files_are_left_alone(shop: Shop) -> None:
    fill(shop, 2)
    folder = shop.root / "data/lake/bronze/orders"
    (folder / "part-00000-orphan-c000.zstd.parquet").write_bytes(b"half a file")
    (folder / "notes.txt").write_text("of a person")
    assert kept_up(shop).deleted_files == 1
    assert not list(folder.glob("*orphan*"))
    assert (folder / "notes.txt").is_file()


def test_young_orphan_is_kept_as_long_as_files_that_readers_hold(shop: Shop) -> None:
    fill(shop, 2)
    orphan = shop.root / "data/lake/bronze/orders/part-00000-orphan-c000.zstd.parquet"
    orphan.write_bytes(b"half a file")
    assert kept_up(shop, keep_h=1).deleted_files == 0
    assert orphan.is_file()


def test_file_that_was_written_before_the_fence_can_be_committed_by_nobody_after_it(shop: Shop) -> None:
    """By a writer that opened the table before, whether it appends or compacts, and by one that comes late."""
    fill(shop, 3)
    folder = shop.root / "data/lake/bronze/orders"
    writing, compacting = DeltaTable(folder), DeltaTable(folder)
    with shop.open() as house:
        table = house.lake.bronze("orders")
        table.upkeep().fence(house.ledger.next_fence(), keep_h=0)
        with pytest.raises(LeaseLostError, match="number 4 or a later one"):
            table.append(None, 4, CommitPoint.BRONZE)
        with pytest.raises(LeaseLostError, match="before fence 4"):
            table.upkeep().fence(4, keep_h=0)
        before = house.lake.bronze("orders").snapshot()
        rows = pa.table({"load_seq": [4]}, schema=pa.schema([("load_seq", pa.int64())]))
        properties = CommitProperties(app_transactions=[Transaction("orders/bronze", 4)], max_commit_retries=0)
        with pytest.raises(Exception, match="Failed to commit"):
            write_deltalake(writing, rows, mode="append", schema_mode="merge", commit_properties=properties)
        with pytest.raises(Exception, match="Metadata changed"):
            compacting.optimize.compact()
        assert house.lake.bronze("orders").snapshot() == before


def test_file_that_comes_after_the_fence_is_in_no_list(shop: Shop) -> None:
    fill(shop, 2)
    with shop.open() as house:
        upkeep = house.lake.bronze("orders").upkeep()
        unused = upkeep.fence(house.ledger.next_fence(), keep_h=0)
        later = shop.root / "data/lake/bronze/orders/part-00000-later-c000.zstd.parquet"
        later.write_bytes(b"of the next load, which has not committed yet")
        upkeep.compact()
        upkeep.delete(unused)
    assert later.is_file()
    assert unused == ()


def test_feed_that_stands_still_is_left_as_it_is(shop: Shop) -> None:
    fill(shop, 2)
    shop.land("new.jsonl", customer("c9", order("o9")))
    with shop.open() as house:
        run(ruled(house, [broken_rule()]), wait_s=1)
        assert maintain(house, wait_s=1) == []
    assert any("feed orders is not maintained: load 3 failed" in line for line in shop.said)
    assert len(on_disk(shop)) == 2


def test_project_without_loads_has_nothing_to_maintain(shop: Shop) -> None:
    with shop.open() as house:
        assert maintain(house, wait_s=1) == []
    assert shop.states() == []


def test_unknown_feed_is_refused_with_those_there_are(shop: Shop) -> None:
    with shop.open() as house, pytest.raises(OperatorError, match="no feed is called that; there are: orders"):
        maintain(house, wait_s=1, feed="order")


def test_maintain_that_was_left_open_is_voided_and_the_feed_goes_on(shop: Shop) -> None:
    fill(shop, 2)
    with shop.open() as house, house.leases.hold("feed/orders", wait_s=1, on_wait=shop.said.append) as lease:
        contract = house.feeds["orders"].check.contract
        house.ledger.begin(
            LoadKind.MAINTAIN, "orders", contract_digest=contract.digest, texts={}, manifest={}, lease=lease
        )
    fill(shop, 1, first=3)
    assert shop.states() == [LoadState.SEALED, LoadState.SEALED, LoadState.VOIDED, LoadState.SEALED]
    assert any("stopped while it kept up the tables" in line for line in shop.said)


def test_run_maintains_by_itself_when_enough_was_loaded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintaining, "DUE_LOADS", 3)
    fill(shop, 7)
    with shop.open() as house:
        kinds = [load.kind for load in house.ledger.loads()]
        assert len(house.lake.bronze("orders").snapshot().files) == 2
    assert [number for number, kind in enumerate(kinds) if kind is LoadKind.MAINTAIN] == [3, 7]
    assert shop.spend() == {"c0": (2, 200), "c1": (3, 300), "c2": (2, 200)}


def test_log_that_a_checkpoint_covers_is_deleted_when_it_is_old(shop: Shop) -> None:
    fill(shop, 3)
    kept_up(shop)
    log = shop.root / "data/lake/bronze/orders/_delta_log"
    for path in log.iterdir():
        os.utime(path, (0, 0))
    before = len(list(log.iterdir()))
    assert before > 5
    done = kept_up(shop)
    assert len(list(log.iterdir())) < before
    with shop.open() as house:
        assert house.lake.bronze("orders").snapshot().receipt == done.load_seq
    fill(shop, 1, first=4)
    assert shop.spend() == {"c0": (1, 100), "c1": (2, 200), "c2": (1, 100)}


def test_states_are_vacuumed_and_counted(shop: Shop) -> None:
    fill(shop, 3)
    kept_up(shop)
    query_text = "select relname::text, reltuples::int from pg_class where relname in ('customer_spend', 'loads')"
    with psycopg.connect(shop.dsn) as store:
        found = dict(store.execute(query_text + " and relkind = 'r'").fetchall())
    assert found == {"customer_spend": 3, "loads": 4}


def test_command_shows_each_table_before_and_after(shop: Shop) -> None:
    fill(shop, 3)
    (done,) = json.loads(tillage(shop.root, "maintain", "--json", TILLAGE_STORE_DSN=shop.dsn))
    assert done["load"] == 4
    assert list(done["tables"]) == TABLES
    bronze = done["tables"]["bronze/orders"]
    assert (bronze["before"]["files"], bronze["after"]["files"]) == (3, 1)
    assert bronze["after"]["size_bytes"] < bronze["before"]["size_bytes"]
    said = tillage(shop.root, "maintain", "--feed", "orders", "--keep", "0", TILLAGE_STORE_DSN=shop.dsn)
    assert "load 5: feed orders maintained, 9 unused files deleted" in said
    assert "silver/orders" in said


def test_nothing_is_deleted_while_a_backup_is_being_made(shop: Shop) -> None:
    fill(shop, 3)
    kept_up(shop)
    there = on_disk(shop)
    with shop.open() as house, house.leases.hold(UPKEEP, wait_s=1, on_wait=shop.said.append):
        assert kept_up(shop).deleted_files == 0
    assert on_disk(shop) == there
    assert any("a backup is being made" in line for line in shop.said)
    assert kept_up(shop).deleted_files == 9
