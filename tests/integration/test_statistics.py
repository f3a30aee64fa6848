"""Each file of a load says what it brought, and the files add up to the load, whatever stopped it in between."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from pyarrow.dataset import dataset
from typer.testing import CliRunner

from tests.integration.page_reading import check_figures, loose_figures, read_page
from tests.integration.paged import HTML, client_of, page, said
from tests.integration.shops import CONTRACT, Shop, customer, make_database, make_shop, order
from tests.integration.small import make_small, put
from tillage.cli.app import app as commands
from tillage.errors import LawBrokenError
from tillage.pipelines.audit import audit
from tillage.pipelines.failing import show
from tillage.pipelines.outcome import FileOutcome, Outcome, outcome
from tillage.pipelines.quarantine import discard, replay
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.status import status
from tillage.ports.store import Brought, Waiting
from tillage.stores.postgres.ledger import Ledger

_NUMBERS = count(1)
MARKED = "customProperties: [{property: tillage.eventTime, value: true}]"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PARTS = ("rows", "accepted", "quarantined", "duplicate", "suppressed")
SUMS = f"""
    select "load", dataset, {", ".join(f'sum("{part}")::bigint as "{part}"' for part in PARTS)}
    from ops.statistics group by all order by all
"""


def sold_at(shop: Shop, kind: str = "timestamp") -> Shop:
    """Orders say when they were sold."""
    column = f"      - name: sold\n        logicalType: {kind}\n        {MARKED}\n"
    shop.edit(CONTRACT, "      - name: order_id\n", f"{column}      - name: order_id\n")
    return shop


def sold(number: str, at: datetime | date | str, price: object = 1.15, kind: str = "hot food") -> dict[str, Any]:
    made = order(number, price) | {"sold": at if isinstance(at, str) else at.isoformat()}
    made["basket"][0]["productType"] = kind  # type: ignore[index]
    return made


def asked(shop: Shop, sql: str) -> list[dict[str, Any]]:
    with shop.open() as house:
        rows: list[dict[str, Any]] = query(house, sql).to_pylist()
        return rows


def brought(shop: Shop, load: int) -> dict[tuple[str, str], tuple[Any, ...]]:
    """By name of the file and dataset: rows by part, reasons, first and last event."""
    rows = asked(shop, f'from ops.statistics where "load" = {load}')
    return {
        (row["file"].rsplit("/", 1)[-1], row["dataset"]): (
            *(row[part] for part in PARTS),
            {one["code"]: one["rows"] for one in row["reasons"]},
            row["first_event_time"],
            row["last_event_time"],
        )
        for row in rows
    }


def known(shop: Shop, load: int) -> Outcome:
    with shop.open() as house:
        return outcome(house, show(house, load)[0])


def forget(shop: Shop, load: int = 0) -> None:
    """As if an older version had published the load, or all of them."""
    with psycopg.connect(shop.dsn) as store:
        store.execute("delete from tillage.statistics where %(load)s in (0, load_seq)", {"load": load})
        store.execute("update tillage.loads set sealed_epoch = null where %(load)s in (0, load_seq)", {"load": load})


def killed(shop: Shop, crash: str) -> None:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_THREADS": "1"}
    line = [sys.executable, "-m", "tillage", "run"]
    ended = subprocess.run(line, cwd=shop.root, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def is_sound(shop: Shop) -> bool:
    with shop.open() as house:
        assert audit(house).findings == ()
        counts = house.ledger.counts_by_load()
    rows = {(row["load"], row["dataset"]): tuple(row[part] for part in PARTS) for row in asked(shop, SUMS)}
    for load, datasets in counts.items():
        for name, one in datasets.items():
            found = rows.get((load, name), (0, 0, 0, 0, 0))
            assert found == tuple(one.rows().values()), (load, name)
    return True


def land_all(shop: Shop) -> None:
    """Three files of two datasets: units that pass, repeat, break rules; lines that are none; one empty."""
    sold_at(shop)
    shop.land(
        "1.jsonl",
        customer("c1", sold("o1", NOON), sold("o2", NOON - timedelta(days=2)), sold("o3", "2031-01-01T00:00:00Z", "x")),
        customer("c2", sold("o4", NOON, 1.155, "dessert")),
        {"orders": []},
    )
    torn = json.dumps(customer("c1", sold("o1", NOON), sold("o5", NOON + timedelta(microseconds=1)))) + "\n{torn\n[1]\n"
    (shop.root / "landing/orders/2.jsonl.gz").write_bytes(gzip.compress(torn.encode()))
    (shop.root / "landing/orders/3.jsonl").write_bytes(b"\n")


ALL = {
    ("1.jsonl", "customers"): (3, 2, 1, 0, 0, {"missing": 1}, None, None),
    ("1.jsonl", "orders"): (4, 2, 2, 0, 0, {"enum": 1, "money_scale": 1, "type": 1}, NOON - timedelta(days=2), NOON),
    ("2.jsonl.gz", "customers"): (3, 0, 2, 1, 0, {"type": 1, "unreadable": 1}, None, None),
    ("2.jsonl.gz", "orders"): (2, 1, 0, 1, 0, {}, NOON + timedelta(microseconds=1), NOON + timedelta(microseconds=1)),
    ("3.jsonl", "customers"): (0, 0, 0, 0, 0, {}, None, None),
    ("3.jsonl", "orders"): (0, 0, 0, 0, 0, {}, None, None),
}


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    land_all(shop)
    shop.run()
    return shop


@pytest.fixture(scope="module")
def kept(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """As `loaded`, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("statistics") / "shop", server, "statistics")
    land_all(shop)
    shop.run()
    return shop


def test_each_file_says_what_it_brought_to_each_dataset(kept: Shop) -> None:
    assert brought(kept, 1) == ALL
    assert is_sound(kept)


def test_a_unit_counts_once_under_each_of_its_codes(kept: Shop) -> None:
    waiting = asked(kept, "select file, codes from quarantine.orders")
    by_file = Counter((row["file"].rsplit("/", 1)[-1], code) for row in waiting for code in row["codes"])
    found = {name: row[5] for (name, dataset), row in brought(kept, 1).items() if dataset == "orders"}
    assert by_file == {(name, code): units for name, codes in found.items() for code, units in codes.items()}
    assert sum(by_file.values()) > len(waiting)


def test_bytes_records_and_time_are_those_of_the_file_and_the_load(kept: Shop) -> None:
    rows = asked(kept, "from ops.statistics")
    landing = kept.root / "landing/orders"
    for row in rows:
        assert row["bytes"] == (landing / row["file"].rsplit("/", 1)[-1]).stat().st_size
        assert (row["feed"], row["kind"], row["file_load"]) == ("orders", "read", 1)
        assert row["sealed_at"] > row["planned_at"]
        assert row["seconds"] == pytest.approx((row["sealed_at"] - row["planned_at"]).total_seconds(), abs=0.001)
        assert row["is_resumed"] is False
    assert {row["file"].rsplit("/", 1)[-1]: row["records"] for row in rows} == {
        "1.jsonl": 3,
        "2.jsonl.gz": 3,
        "3.jsonl": 0,
    }


def test_schema_is_listed_and_reasons_can_be_unnested(kept: Shop) -> None:
    assert ("ops", "statistics") in {(row["schema"], row["name"]) for row in asked(kept, "show all tables")}
    sql = """select one.code, sum(one."rows")::bigint as n
        from (select unnest(reasons) as one from ops.statistics where dataset = 'customers') group by 1 order by 1"""
    assert asked(kept, sql) == [{"code": code, "n": 1} for code in ("missing", "type", "unreadable")]


@pytest.mark.parametrize("crash", ["before:bronze", "after:bronze", "before:publish", "after:publish"])
def test_a_load_that_is_finished_after_a_crash_gives_the_same(shop: Shop, crash: str) -> None:
    land_all(shop)
    killed(shop, crash)
    if crash != "before:bronze":
        for file in (shop.root / "landing/orders").iterdir():
            file.unlink()  # it is a function of bronze
    shop.run()
    rows = asked(shop, "from ops.statistics")
    (load,) = {row["load"] for row in rows}
    assert brought(shop, load) == ALL
    assert {row["is_resumed"] for row in rows} == {crash != "before:bronze"}
    assert is_sound(shop)


def test_what_is_counted_from_bronze_is_what_was_kept(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")
    loaded.land("4.jsonl", customer("c9", sold("o8", NOON, 1.15), sold("o9", NOON, "y")))
    loaded.run()
    with loaded.open() as house:
        replay(house, Waiting(), wait_s=1)
    before = {load: known(loaded, load) for load in (1, 2, 3)}
    assert all(one.has_event_times and one.events for one in before.values() if one.events)
    forget(loaded)
    for load, one in before.items():
        found = known(loaded, load)
        assert not found.has_event_times
        assert (found.reasons, found.file_rows) == (one.reasons, one.file_rows)
        assert [without_events(file) for file in one.files] == list(found.files)


def without_events(file: FileOutcome) -> FileOutcome:
    return replace(file, first_event_time=None, last_event_time=None)


# --- loads of other kinds


def test_a_replay_counts_under_the_files_that_brought_what_it_took_up(shop: Shop) -> None:
    sold_at(shop)
    later = NOON + timedelta(days=1)
    shop.land("1.jsonl", customer("c1", sold("o1", NOON), sold("o2", later, kind="dessert")))
    shop.run()
    shop.land("2.jsonl", customer("c2", sold("o3", NOON, kind="dessert"), sold("o4", NOON, "x")))
    shop.run()
    shop.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")
    with shop.open() as house:
        (number,) = replay(house, Waiting(), wait_s=1).counts
    assert brought(shop, number) == {
        ("1.jsonl", "orders"): (1, 1, 0, 0, 0, {}, later, later),
        ("2.jsonl", "orders"): (2, 1, 1, 0, 0, {"type": 1}, NOON, NOON),
    }
    rows = asked(
        shop, f'select kind, file_load, bytes, records from ops.statistics where "load" = {number} order by all'
    )
    assert [tuple(row.values()) for row in rows] == [("replay", 1, None, 1), ("replay", 2, None, 1)]
    assert is_sound(shop)


@pytest.mark.parametrize("crash", ["before:publish", "after:publish"])
def test_a_replay_that_is_finished_after_a_crash_gives_the_same(shop: Shop, crash: str) -> None:
    sold_at(shop)
    shop.land("1.jsonl", customer("c1", sold("o1", NOON), sold("o2", NOON, kind="dessert"), sold("o3", NOON, "x")))
    shop.run()
    shop.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_THREADS": "1"}
    line = [sys.executable, "-m", "tillage", "quarantine", "replay"]
    assert subprocess.run(line, cwd=shop.root, env=environment, capture_output=True, check=False).returncode < 0
    shop.run()
    with shop.open() as house:
        number = house.ledger.summaries()[-1].load_seq
    assert brought(shop, number) == {("1.jsonl", "orders"): (2, 1, 1, 0, 0, {"type": 1}, NOON, NOON)}
    assert is_sound(shop)


def test_a_rebuild_counts_what_came_out_otherwise(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 16")
    with loaded.open() as house:
        (number,) = rebuild_from_bronze(house, wait_s=1).loads
    found = {place: row[:2] for place, row in brought(loaded, number).items()}
    assert found == {("1.jsonl", "orders"): (2, 2), ("2.jsonl.gz", "orders"): (1, 1)}
    assert {row["kind"] for row in asked(loaded, f'from ops.statistics where "load" = {number}')} == {"rebuild"}
    assert is_sound(loaded)


def test_what_brings_nothing_has_no_rows(loaded: Shop) -> None:
    with loaded.open() as house:
        discard(house, Waiting(code="type"), reason="not ours", wait_s=1)
    (loaded.root / "landing/orders/torn.jsonl.gz").write_bytes(b"\x1f\x8b\x08torn")
    loaded.land("5.jsonl", customer("c7", sold("o7", NOON)))
    loaded.run()
    rows = asked(loaded, 'select distinct "load", file from ops.statistics where "load" > 1')
    assert [row["file"] for row in rows] == ["landing/orders/5.jsonl"]
    assert "voided" in loaded.states()
    assert is_sound(loaded)


def test_a_load_that_failed_has_no_rows(loaded: Shop) -> None:
    loaded.edit("tillage.yaml", "format: jsonl}", "format: jsonl, maxQuarantine: 1}")
    loaded.land("6.jsonl", customer("c8", sold("o8", NOON, "x"), sold("o9", NOON, "x")))
    loaded.run()
    assert loaded.states() == ["sealed", "failed"]
    assert {row["load"] for row in asked(loaded, "from ops.statistics")} == {1}
    assert known(loaded, 2).has_event_times


def test_files_of_the_same_content_have_no_rows(server: str, tmp_path: Path) -> None:
    dsn = make_database(server, f"statistics_{next(_NUMBERS)}")
    till = make_small(tmp_path / "till", dsn, feeds={"till": {"sameContent": "skip"}})
    day = b'{"id": "1", "name": "a"}\n'
    put(till, "till/a.jsonl", day)
    put(till, "till/b.jsonl.gz", gzip.compress(day))
    till.run()
    assert [(row["file"], row["rows"]) for row in asked(till, "from ops.statistics")] == [("landing/till/a.jsonl", 1)]


# --- when it happened


def test_event_that_is_a_date_is_shown_as_one(shop: Shop) -> None:
    sold_at(shop, "date")
    shop.land("1.jsonl", customer("c1", sold("o1", date(2026, 3, 29)), sold("o2", date(1, 1, 1))))
    shop.land("2.jsonl", customer("c1", sold("o3", date(9999, 12, 31)), sold("o4", "2026-03-30", "x")))
    shop.run()
    files = {(one.file[-7:], one.dataset): one for one in known(shop, 1).files}
    orders = files["1.jsonl", "orders"]
    assert (orders.first_event_time, orders.last_event_time) == (date(1, 1, 1), date(2026, 3, 29))
    assert files["1.jsonl", "customers"].first_event_time is None
    with shop.open() as house:
        found = status(house).statistics
    assert (found["orders"].first_event_time, found["orders"].last_event_time) == (date(1, 1, 1), date(9999, 12, 31))
    assert found["customers"].first_event_time is None
    with client_of(shop) as client:
        assert "9999-12-31" in page(client, "/loads/1").words


def test_event_may_lie_in_an_object_and_at_the_edge_of_time(server: str, tmp_path: Path) -> None:
    term = {"property": "tillage.eventTime", "value": True}
    marked = {"name": "at", "logicalType": "timestamp", "customProperties": [term]}
    columns: list[str | dict[str, Any]] = ["id", {"name": "when", "logicalType": "object", "properties": [marked]}]
    dsn = make_database(server, f"statistics_{next(_NUMBERS)}")
    till = make_small(tmp_path / "till", dsn, feeds={"till": {}}, columns=columns)
    times = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"]
    lines = [json.dumps({"id": str(number), "when": {"at": time}}) for number, time in enumerate(times)]
    put(till, "till/a.jsonl", "\n".join([*lines, '{"id": "n"}']).encode())
    till.run()
    (file,) = known(till, 1).files
    assert (file.accepted_rows, file.quarantined_rows) == (3, 1)
    assert file.first_event_time == datetime(1, 1, 1, tzinfo=UTC)
    assert file.last_event_time == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


# --- whatever comes


def lines_of(random: Random, numbers: Iterator[int], used: list[dict[str, Any]]) -> list[object]:
    """Records of some customers, each order new, seen before, in conflict or broken; or no record."""
    lines: list[object] = []
    for _ in range(random.randrange(6)):
        orders: list[object] = []
        for _ in range(random.randrange(3)):
            at = NOON + timedelta(minutes=random.randrange(10**6))
            made = sold(f"o{next(numbers)}", at, random.choice([1.15, 2.30, "x", 1.155]), random.choice(KINDS))
            if used and random.random() < 0.3:
                made = random.choice(used)
                made = made | {"sold": NOON.isoformat()} if random.random() < 0.3 else made
            used.append(made)
            orders.append(made)
        lines.append(customer(f"c{random.randrange(9)}", *orders) if random.random() < 0.9 else [random.random()])
    return lines


KINDS = ("hot food", "beverage", "dessert")


@pytest.mark.parametrize("seed", range(3))
def test_files_add_up_to_the_counts_of_every_load(shop: Shop, seed: int) -> None:
    print(f"seed {seed}")
    random, numbers, used = Random(seed), count(1), list[dict[str, Any]]()
    sold_at(shop)
    for load in range(3):
        for file in range(random.randrange(1, 5)):
            shop.land(f"{load}-{file}.jsonl", *lines_of(random, numbers, used))
        shop.run()
    shop.edit(CONTRACT, "beverage: 9", "beverage: 10, dessert: 7")
    with shop.open() as house:
        replay(house, Waiting(), wait_s=1)
        rebuild_from_bronze(house, wait_s=1)
    assert is_sound(shop)
    for load in {row["load"] for row in asked(shop, "from ops.statistics")}:
        kept = known(shop, load)
        assert event_bounds(shop, load) == {
            (one.file, one.first_event_time, one.last_event_time) for one in kept.files if one.first_event_time
        }
        forget(shop, load)
        assert [without_events(one) for one in kept.files] == list(known(shop, load).files)


def event_bounds(shop: Shop, load: int) -> set[tuple[str, datetime, datetime]]:
    """By file, of the rows of silver that the load opened, as they lie in its files."""
    with shop.open() as house:
        files = sorted(str(file) for file in (shop.root / "data/lake/silver/orders").rglob("*.parquet"))
        table = dataset(files).to_table()
        paths = {one: house.ledger.paths(one) for one in {row["load"] for row in table.column("_record").to_pylist()}}
    found: dict[str, list[datetime]] = {}
    for row in table.to_pylist():
        if row["_load"] == load and row["_sign"] == 1:
            file = paths[row["_record"]["load"]][row["_record"]["source"]]
            found.setdefault(file, []).append(row["sold"])
    return {(file, min(times), max(times)) for file, times in found.items()}


# --- held together


def test_figures_that_do_not_add_up_leave_the_load_open(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    land_all(shop)
    publish = Ledger.publish

    def publish_less(self: Ledger, *given: Any, brought: Brought, **others: Any) -> None:
        publish(self, *given, brought=replace(brought, statistics=brought.statistics.slice(1)), **others)

    monkeypatch.setattr(Ledger, "publish", publish_less)
    with pytest.raises(LawBrokenError, match=r"the statistics of its files add up to .*; the load stays open"):
        shop.run()
    assert shop.states() == ["open"]


def test_audit_finds_figures_that_were_changed(loaded: Shop) -> None:
    with psycopg.connect(loaded.dsn) as store:
        store.execute("update tillage.statistics set duplicate_rows = 7 where dataset = 'orders' and source = 0")
    with loaded.open() as house:
        (found,) = audit(house).findings
    assert (found.what, found.where) == (
        "the statistics of the files do not add up to the ledger's counts",
        "load 1, dataset orders",
    )


# --- loads of older versions


def test_load_of_an_older_version_is_said_to_be_uncounted(loaded: Shop) -> None:
    forget(loaded)
    loaded.land("4.jsonl", customer("c9", sold("o9", NOON - timedelta(days=9))))
    loaded.run()
    rows = asked(loaded, 'from ops.statistics where "load" = 1')
    assert len(rows) == 6
    assert {(row["bytes"] is None, row["rows"], row["reasons"], row["is_resumed"]) for row in rows} == {
        (False, None, None, None)
    }
    assert all(row["seconds"] > 0 for row in rows)
    with loaded.open() as house:
        found = status(house).statistics["orders"]
        assert audit(house).findings == ()
    assert (found.files, found.uncounted_loads) == (4, 1)
    assert found.first_event_time == found.last_event_time == NOON - timedelta(days=9)
    assert "orders: events of 1 load of an older version is not among these" in printed(loaded, "status")
    assert "an older version loaded it" in printed(loaded, "load", "show", "1")
    assert "an older version loaded it" not in printed(loaded, "load", "show", "2")
    with client_of(loaded) as client:
        assert "An older version loaded it" in page(client, "/loads/1").words
        assert "An older version loaded it" not in page(client, "/loads/2").words


def test_load_that_an_older_version_published_is_sealed(shop: Shop) -> None:
    land_all(shop)
    killed(shop, "after:publish")
    forget(shop)
    shop.run()
    assert shop.states() == ["sealed"]
    assert not known(shop, 1).has_event_times


# --- shown


def printed(shop: Shop, *words: str) -> str:
    done = CliRunner().invoke(commands, [*words, "-C", str(shop.root)], env={"TILLAGE_STORE_DSN": shop.dsn})
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_status_says_how_much_came_and_when_it_happened(loaded: Shop) -> None:
    loaded.land("4.jsonl", customer("c9", sold("o9", NOON + timedelta(days=9))))
    loaded.run()
    found = said(loaded, "status")["datasets"]["orders"]["statistics"]
    files = list((loaded.root / "landing/orders").iterdir())
    assert found.pop("last_load_seconds") > 0
    assert found == {
        "files": 4,
        "size_bytes": sum(file.stat().st_size for file in files),
        "last_load": 2,
        "last_load_is_resumed": False,
        "first_event_time": "2026-02-27T12:00:00Z",
        "last_event_time": "2026-03-10T12:00:00Z",
        "uncounted_loads": 0,
    }
    assert "2026-02-27 12:00Z 2026-03-10 12:00Z" in printed(loaded, "status")


def test_load_shows_its_files(kept: Shop) -> None:
    words = printed(kept, "load", "show", "1")
    assert "landing/orders/2.jsonl.gz" in words
    assert "type 1, unreadable 1" in words
    assert "2026-02-27 12:00Z 2026-03-01 12:00Z" in words
    assert " s landing" not in words
    (document,) = said(kept, "load", "show", "1")
    assert document["outcome"]["events"] == [
        {
            "dataset": "orders",
            "first_event_time": "2026-02-27T12:00:00Z",
            "last_event_time": "2026-03-01T12:00:00.000001Z",
        }
    ]
    assert document["is_resumed"] is False
    assert "landing" not in printed(kept, "load", "show")


def test_page_of_a_load_shows_what_each_file_brought(kept: Shop) -> None:
    documents = {"load show 1": said(kept, "load", "show", "1")}
    with client_of(kept) as client:
        found = page(client, "/loads/1")
        loose = loose_figures(read_page(client.get("/loads/1", headers=HTML).text), [documents])
    check_figures(found.figures, documents)
    assert loose == []
    places = found.places("load show 1")
    assert "/0/seconds" in places
    for place, one in enumerate(documents["load show 1"][0]["outcome"]["files"]):
        at = f"/0/outcome/files/{place}"
        wanted = {f"{at}/records"}
        if one["dataset"]:
            wanted |= {f"{at}/{part}_rows" for part in ("read", "accepted", "quarantined", "duplicate", "suppressed")}
        assert wanted | {f"{at}/reasons/{code}" for code in one["reasons"]} <= places
    assert "2026-02-27 12:00Z" in found.words


def test_page_of_a_load_of_many_files_shows_the_first_and_says_how_many_there_are(shop: Shop) -> None:
    for number in range(201):
        shop.land(f"{number:03}.jsonl", customer(f"c{number}", order(f"o{number}")))
    shop.run()
    documents = {"load show 1": said(shop, "load", "show", "1")}
    with client_of(shop) as client:
        found = page(client, "/loads/1")
    check_figures(found.figures, documents)
    assert documents["load show 1"][0]["outcome"]["file_rows"] == 402
    assert "which has all 402 rows; these are the first" in found.words
    assert sum(one.at.endswith("/records") for one in found.figures) == 200
    words = printed(shop, "load", "show", "1")
    assert "... 352 more rows; all are in: --json, or the table ops.statistics" in words
