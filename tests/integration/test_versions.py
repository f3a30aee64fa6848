"""A house of an older version is taken up by the first command; a newer one is refused, and nothing of it is changed.

`house_2` was written by the program as it was before store version 3: two sealed loads, and a third whose process was
killed once bronze had it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deltalake import DeltaTable

from tests.integration.shops import Shop, customer, make_database, order
from tillage.domain.load import LoadKind
from tillage.errors import LakeError, StoreError
from tillage.pipelines.audit import audit
from tillage.pipelines.dump import dump
from tillage.pipelines.maintain import maintain
from tillage.pipelines.reconcile import reconcile
from tillage.ports.lake import LAKE_FORMAT
from tillage.stores.postgres.database import SCHEMA_VERSION

HOUSE_2 = Path(__file__).parent / "house_2"
_NUMBERS = count(1)
CATALOGUE = """
select 'column', table_schema, table_name, column_name, ordinal_position::text, data_type, column_default, is_nullable,
    collation_name, udt_name
from information_schema.columns where table_schema = 'tillage'
union all select 'constraint', n.nspname, c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid),
    c.convalidated::text, null, null, null, null
from pg_constraint c join pg_namespace n on n.oid = c.connamespace where n.nspname = 'tillage' and c.contype <> 'n'
union all select 'index', schemaname, tablename, indexname, indexdef, null, null, null, null, null
from pg_indexes where schemaname = 'tillage'
union all select 'sequence', sequence_schema, sequence_name, data_type, start_value, increment, null, null, null, null
from information_schema.sequences where sequence_schema = 'tillage'
order by 1, 2, 3, 4
"""


@pytest.fixture
def old(server: str, tmp_path: Path) -> Shop:
    """A copy of the old house in a database of its own."""
    root = tmp_path / "old"
    shutil.copytree(HOUSE_2, root, ignore=shutil.ignore_patterns("lake", "store.sql"))
    shutil.copytree(HOUSE_2 / "lake", root / "data/lake")
    shop = Shop(root, make_database(server, f"old_{next(_NUMBERS)}"))
    with psycopg.connect(shop.dsn) as store:
        store.execute((HOUSE_2 / "store.sql").read_bytes())
    return shop


def read(shop: Shop, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(shop.dsn) as store:
        return store.execute(query.encode()).fetchall()


def version(shop: Shop) -> int:
    return int(read(shop, "select schema_version from tillage.meta")[0][0])


def command(shop: Shop, *words: str, crash: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_THREADS": "1"}
    line = [sys.executable, "-m", "tillage", *words]
    return subprocess.run(line, cwd=shop.root, env=environment, capture_output=True, text=True, check=False)


def rows(lines: list[str]) -> list[str]:
    """What silver, quarantine and gold hold; counts have other figures since."""
    return [line for line in lines if '"kind":"counts"' not in line]


def is_sound(shop: Shop) -> bool:
    with shop.open() as house:
        assert audit(house).findings == ()
        return all(one.comparison.differ == 0 for one in reconcile(house))


def test_the_first_command_takes_an_old_house_up_and_finds_in_it_what_was_there(old: Shop) -> None:
    with old.open() as house:
        found = list(dump(house, is_canonical=False))
    assert rows(found) == rows((HOUSE_2 / "dump.jsonl").read_text().splitlines())
    assert version(old) == SCHEMA_VERSION
    assert is_sound(old)


def test_a_taken_up_house_finishes_what_was_open_and_goes_on(old: Shop) -> None:
    (old.root / "landing/orders/c.jsonl").unlink()  # what is decided needs its files no more
    report = old.run()
    assert report.resumed == [3]
    assert old.spend() == {"c1": (2, 300), "c2": (1, 100), "c3": (1, 100)}
    old.land("d.jsonl", customer("c4", order("o8")), customer("c1", order("o2", 2.30)))
    (number,) = old.run().loads
    assert number > 3
    assert old.spend()["c4"] == (1, 100)
    assert old.run().loads == {}
    assert old.states() == ["sealed"] * 4
    assert is_sound(old)


def test_loads_of_an_old_house_are_of_the_kind_that_there_was(old: Shop) -> None:
    with old.open() as house:
        assert {load.kind for load in house.ledger.loads()} == {LoadKind.READ}
    assert read(old, "select count(*) from tillage.quarantine where judged_load = load_seq") == [(4,)]


def test_loads_of_an_old_house_are_not_counted_by_file_and_what_was_open_is(old: Shop) -> None:
    old.run()
    found = command(old, "query", "--json", 'select "load", dataset, bytes, "rows" from ops.statistics order by all')
    rows = json.loads(found.stdout)
    assert [(row["load"], row["rows"] is None, row["bytes"] > 0) for row in rows] == [
        (load, load < 3, True) for load in (1, 2, 3) for _ in ("customers", "orders")
    ]
    datasets = json.loads(command(old, "status", "--json").stdout)["datasets"]
    assert {name: one["statistics"]["uncounted_loads"] for name, one in datasets.items()} == {
        "customers": 2,
        "orders": 2,
    }
    (shown,) = json.loads(command(old, "load", "show", "1", "--json").stdout)
    assert (shown["outcome"]["has_event_times"], shown["is_resumed"], shown["seconds"] > 0) == (False, None, True)


def test_what_waits_in_an_old_house_is_replayed(old: Shop) -> None:
    old.run()
    old.edit("contracts/orders.odcs.yaml", "beverage: 9", "beverage: 9, dessert: 7")
    ended = command(old, "quarantine", "replay", "--json")
    assert ended.returncode == 0, ended.stderr
    assert old.spend()["c2"] == (2, 100 + 654)
    assert is_sound(old)


def test_old_and_new_files_of_bronze_are_read_together(old: Shop) -> None:
    def columns() -> list[str]:
        return [field.name for field in DeltaTable(old.root / "data/lake/bronze/orders").schema().fields]

    before = columns()
    with old.open():
        assert columns() == before  # reading changes nothing
    old.land("d.jsonl", customer("c4", order("o8")))
    old.run()
    assert columns() == [*before, "record_load", "closes", "forgotten_by"]
    found = command(old, "query", "--json", "select load_seq, count(*) as n from bronze.orders group by 1 order by 1")
    assert [row["n"] for row in json.loads(found.stdout)] == [2, 2, 1, 1]
    protocol = DeltaTable(old.root / "data/lake/bronze/orders").protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_a_taken_up_house_is_maintained_with_old_files_alone_and_with_new_ones(old: Shop) -> None:
    old.run()
    spend = old.spend()
    for number in range(2):
        with old.open() as house:
            maintain(house, wait_s=0, keep_h=0)
        assert old.spend() == spend
        assert is_sound(old)
        old.land(f"d{number}.jsonl", customer("c1", order("o1")))  # seen before
        old.run()
    assert is_sound(old)


def test_a_migrated_store_is_made_of_what_a_fresh_one_is(old: Shop, shop: Shop) -> None:
    for one in (old, shop):
        with one.open():
            pass
    assert read(old, CATALOGUE) == read(shop, CATALOGUE)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_migration_that_was_killed_is_done_by_the_next_command(old: Shop, side: str) -> None:
    assert command(old, "status", crash=f"{side}:setup").returncode == -signal.SIGKILL
    assert version(old) == (2 if side == "before" else SCHEMA_VERSION)
    assert old.run().resumed == [3]
    assert is_sound(old)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_lake_whose_taking_up_was_killed_is_taken_up_by_the_next_command(old: Shop, side: str) -> None:
    assert command(old, "status", crash=f"{side}:house").returncode == -signal.SIGKILL
    assert ("format" in json.loads((old.root / "data/lake/house.json").read_text())) == (side == "after")
    assert old.run().resumed == [3]
    assert json.loads((old.root / "data/lake/house.json").read_text())["format"] == LAKE_FORMAT


def test_two_commands_that_migrate_at_once_do_it_once(old: Shop) -> None:
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: command(old, "status", "--json"), range(2)))
    assert [one.returncode for one in ended] == [0, 0], [one.stderr for one in ended]
    assert version(old) == SCHEMA_VERSION
    assert old.run().resumed == [3]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (SCHEMA_VERSION + 1, r"schema version \d+; \d+ is needed. It is newer than this version of Tillage: install"),
        (1, "schema version 1; 9 is needed. It is too old for this version of Tillage. Begin anew"),
    ],
)
def test_a_store_of_a_version_without_a_way_is_refused_and_left_as_it_is(old: Shop, found: int, message: str) -> None:
    with psycopg.connect(old.dsn) as store:
        store.execute("update tillage.meta set schema_version = %s", [found])
    before = read(old, CATALOGUE)
    with pytest.raises(StoreError, match=message):
        old.run()
    assert (version(old), read(old, CATALOGUE)) == (found, before)


def test_a_lake_of_a_newer_format_is_refused_and_left_as_it_is(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    path = shop.root / "data/lake/house.json"
    mark = json.loads(path.read_text())
    path.write_text(json.dumps(mark | {"format": mark["format"] + 1}))
    with pytest.raises(LakeError, match=r"data/lake has format \d+, and this version of Tillage knows up to \d+"):
        shop.run()
    path.write_text(json.dumps(mark))
    assert shop.spend() == {"c1": (1, 100)}


def test_columns_that_no_older_version_wrote_are_still_refused(old: Shop) -> None:
    table = old.root / "data/lake/bronze/orders"
    log = table / "_delta_log/00000000000000000000.json"
    log.write_text(log.read_text().replace("size_bytes", "size_octets"))
    with pytest.raises(LakeError, match=r"table orders/bronze: column size_bytes is not there; it has .*size_octets"):
        old.run()
