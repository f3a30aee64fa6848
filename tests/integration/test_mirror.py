"""Files and tables outside of the lake are what stands, after each load, whatever stops one."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import random
import shutil
import signal
import zipfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.mirrored import check_files, check_flat_table, processed, rows_of, standing
from tests.integration.peopled import contract
from tests.integration.shops import Shop, make_database
from tests.integration.small import put
from tests.integration.test_people import tillage
from tillage.errors import LeaseLostError, MirrorError, OperatorError, TransientError
from tillage.pipelines.audit import audit
from tillage.pipelines.backup import backup
from tillage.pipelines.maintain import maintain
from tillage.pipelines.mirror import rebuild_mirrors
from tillage.pipelines.quarantine import discard, patch_file, replay
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.ports.store import Waiting
from tillage.settings import read_settings
from tillage.stores.postgres.ledger import Ledger
from tillage.wiring import backup_folder, load_project, restore_house

_NUMBERS = count(1)
BOTH = ["files", "tables"]
CITY = {"name": "city", "logicalType": "string"}
PEOPLE: list[dict[str, Any]] = [
    {"name": "id", "logicalType": "string", "primaryKey": True},
    {"name": "rank", "logicalType": "integer", "required": True},
    CITY,
]
SALES: list[dict[str, Any]] = [
    {"name": "sale_id", "logicalType": "string", "primaryKey": True},
    {"name": "buyer", "logicalType": "string", "relationships": [{"to": "people.id"}]},
    {
        "name": "paid",
        "logicalType": "number",
        "customProperties": [{"property": "tillage.money", "value": "EUR"}],
    },
]


OBJECT = {"name": "a", "logicalType": "object", "properties": [{"name": "b", "logicalType": "string"}]}


def upserted(merge: str = "upsert") -> dict[str, Any]:
    return {"customProperties": [{"property": "tillage.merge", "value": merge}]}


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    """People, of whom later versions replace earlier ones, and what they bought, which waits for them."""
    root = tmp_path / "shop"
    for folder in ("contracts", "models", "landing/people", "landing/sales"):
        (root / folder).mkdir(parents=True)
    describe(root, people=BOTH, sales=BOTH)
    (root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE, **upserted()))
    (root / "contracts/sales.odcs.yaml").write_text(contract("sales", SALES))
    return Shop(root, make_database(server, f"mirror_{next(_NUMBERS)}"))


def make_alone(tmp_path: Path, server: str, feed: str, text: str, **door: Any) -> Shop:
    """A project with one feed."""
    root = tmp_path / "shop"
    for folder in ("contracts", "models", f"landing/{feed}"):
        (root / folder).mkdir(parents=True)
    feeds = {feed: {"path": f"landing/{feed}", "format": "jsonl"} | door}
    (root / "tillage.yaml").write_text(json.dumps({"project": "mirrored", "feeds": feeds}))
    (root / f"contracts/{feed}.odcs.yaml").write_text(text)
    return Shop(root, make_database(server, f"mirror_{next(_NUMBERS)}"))


def describe(root: Path, **mirrors: list[str]) -> None:
    feeds = {
        name: {"path": f"landing/{name}", "format": "jsonl", **({"mirror": asked} if asked else {})}
        for name, asked in mirrors.items()
    }
    (root / "tillage.yaml").write_text(json.dumps({"project": "mirrored", "feeds": feeds}))


def land(shop: Shop, name: str, *records: object) -> None:
    """Lines that are no JSON are given as bytes."""
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
    data = b"".join(line + b"\n" for line in lines)
    put(shop, name, gzip.compress(data) if name.endswith(".gz") else data)


def someone(number: str, rank: object = 1, city: str | None = None) -> dict[str, object]:
    return {"id": number, "rank": rank, "city": city, "ignored": "as it came"}


def sold(number: str, buyer: str | None, paid: object = "1.10") -> dict[str, object]:
    return {"sale_id": number, "buyer": buyer, "paid": paid}


def landed_lines(shop: Shop) -> dict[str, dict[tuple[int, int], list[bytes]]]:
    """By feed, load and number of a file in it its lines. Files of these tests keep their names."""
    found: dict[str, dict[tuple[int, int], list[bytes]]] = {"people": {}, "sales": {}}
    with shop.open() as house:
        for load in house.ledger.loads():
            for source in load.sources:
                data = (shop.root / source.path).read_bytes()
                lines = (gzip.decompress(data) if source.path.endswith(".gz") else data).split(b"\n")
                found[load.feed][load.load_seq, source.source] = lines
    return found


def check(shop: Shop) -> None:
    """Both mirrors of both feeds are what stands, by plain Python and by the product's own audit."""
    lines = landed_lines(shop)
    for name in ("people", "sales"):
        check_files(shop, name, name, lines[name])
        check_flat_table(shop, name)
    assert findings(shop) == []


def findings(shop: Shop) -> list[str]:
    with shop.open() as house:
        return [one.where for one in audit(house).findings]


def texts(shop: Shop, feed: str) -> dict[str, list[str]]:
    """By file the keys of its records, in order."""
    key = {"people": "id", "sales": "sale_id"}[feed]
    return {name: [json.loads(line)[key] for line in data.splitlines()] for name, data in processed(shop, feed).items()}


def kept(shop: Shop, feed: str) -> set[str]:
    """What the store says that it keeps equal of a feed."""
    with shop.open() as house:
        return {str(kind) for one, kind in house.mirrors.kept() if one == feed}


def foreign_keys(shop: Shop) -> int:
    with psycopg.connect(shop.dsn) as store:
        return len(
            store.execute(
                "select 1 from pg_constraint where contype = 'f' and connamespace = 'mirror'::regnamespace"
            ).fetchall()
        )


def test_files_have_the_lines_that_stand_and_tables_their_rows(shop: Shop) -> None:
    land(shop, "people/date=2026-01-01/hour=7/a.jsonl.gz", someone("1"), b"broken", someone("2", "x"), someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", "1"), sold("s2", "9"), sold("s3", None))
    shop.run()
    check(shop)
    assert texts(shop, "people") == {"date=2026-01-01/hour=7/a.jsonl.gz": ["1"]}
    assert texts(shop, "sales") == {"a.jsonl": ["s1", "s3"]}
    as_it_came = json.dumps(someone("1")).encode() + b"\n"
    assert processed(shop, "people")["date=2026-01-01/hour=7/a.jsonl.gz"] == as_it_came
    assert (shop.root / "processed/people/date=2026-01-01/hour=7/a.jsonl.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_a_newer_version_takes_the_older_one_out_of_its_file(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"), someone("2"))
    shop.run()
    land(shop, "people/b.jsonl", someone("2", 7), someone("3"), someone("3", 2))
    shop.run()
    check(shop)
    assert texts(shop, "people") == {"a.jsonl": ["1"], "b.jsonl": ["2", "3"]}
    assert {row["id"]: row["rank"] for row in rows_of(shop, "people")} == {"1": 1, "2": 7, "3": 2}


def test_who_refers_to_a_row_sees_its_next_version(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    shop.run()
    land(shop, "people/b.jsonl", someone("1", 2))
    shop.run()
    check(shop)


def test_other_bytes_under_the_same_name_share_a_file(shop: Shop) -> None:
    land(shop, "sales/a.jsonl", sold("s1", None))
    shop.run()
    first = landed_lines(shop)["sales"]
    land(shop, "sales/a.jsonl", sold("s2", None))
    shop.run()
    lines = landed_lines(shop)["sales"]
    check_files(shop, "sales", "sales", lines | first)
    assert texts(shop, "sales") == {"a.jsonl": ["s1", "s2"]}
    assert findings(shop) == []


def test_a_released_unit_comes_into_the_file_that_it_came_in(shop: Shop) -> None:
    land(shop, "sales/a.jsonl", sold("s1", None), sold("s2", "1"), sold("s3", None))
    shop.run()
    assert texts(shop, "sales") == {"a.jsonl": ["s1", "s3"]}
    check(shop)
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    assert texts(shop, "sales") == {"a.jsonl": ["s1", "s2", "s3"]}
    check(shop)


def test_a_replay_brings_the_bytes_that_were_patched(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"), someone("2", "many"), someone("3", "none"))
    shop.run()
    patch = json.dumps([{"replace": "$.rank", "to": 5}])
    with shop.open() as house:
        replay(house, Waiting(dataset="people"), patch=patch_file("patch.yaml", patch), wait_s=1)
    lines = processed(shop, "people")["a.jsonl"].splitlines()
    assert [(json.loads(line)["id"], json.loads(line)["rank"]) for line in lines] == [("1", 1), ("2", 5), ("3", 5)]
    check_flat_table(shop, "people")
    assert findings(shop) == []


def test_a_discard_and_upkeep_change_nothing(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"), someone("2", "many"))
    shop.run()
    before = processed(shop, "people"), rows_of(shop, "people")
    with shop.open() as house:
        discard(house, Waiting(), reason="old", wait_s=1)
        maintain(house, wait_s=1)
    assert (processed(shop, "people"), rows_of(shop, "people")) == before
    check(shop)


def test_a_rebuild_changes_both(shop: Shop) -> None:
    land(shop, "sales/a.jsonl", sold("s1", None, "1.10"), sold("s2", None, "0.05"))
    shop.run()
    sales = [*SALES[:2], {**SALES[2], "logicalTypeOptions": {"minimum": 1}}]
    (shop.root / "contracts/sales.odcs.yaml").write_text(contract("sales", sales))
    with shop.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    check(shop)
    assert texts(shop, "sales") == {"a.jsonl": ["s1"]}


def test_a_rebuild_that_leaves_rows_without_what_they_refer_to_leaves_the_foreign_key_out(shop: Shop) -> None:
    """What stands goes before what a table would like to hold."""
    land(shop, "people/a.jsonl", someone("1", 1), someone("2", 5))
    land(shop, "sales/a.jsonl", sold("s1", "1"), sold("s2", "2"))
    shop.run()
    assert foreign_keys(shop) == 1
    people = [PEOPLE[0], {**PEOPLE[1], "logicalTypeOptions": {"minimum": 2}}, CITY]
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", people, **upserted()))
    with shop.open() as house:
        rebuild_from_bronze(house, feed="people", wait_s=1)
    assert any("a foreign key of sales is left out" in line for line in shop.said)
    assert [row["id"] for row in rows_of(shop, "people")] == ["2"]
    assert foreign_keys(shop) == 0
    check(shop)
    land(shop, "people/b.jsonl", someone("1", 2))
    shop.run()
    assert tillage(shop, "rebuild", "--mirror").returncode == 0
    assert foreign_keys(shop) == 1
    check(shop)


def test_a_foreign_key_is_left_out_only_when_no_reader_holds_its_table(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1", 1))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    shop.run()
    people = [PEOPLE[0], {**PEOPLE[1], "logicalTypeOptions": {"minimum": 2}}, CITY]
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", people, **upserted()))
    with psycopg.connect(shop.dsn) as store:
        store.execute("lock table mirror.sales in access share mode")
        with shop.open() as house, pytest.raises(TransientError, match="a reader holds a table in schema mirror"):
            rebuild_from_bronze(house, feed="people", wait_s=1)
    assert shop.states()[-1] == "open"
    shop.run()
    assert (rows_of(shop, "people"), foreign_keys(shop)) == ([], 0)
    check(shop)


def test_a_key_that_a_rebuild_moves_is_moved_in_the_table(shop: Shop) -> None:
    """Under the new contract the key is what another field says."""
    sales = [{**SALES[0], "customProperties": [{"property": "tillage.nullValues", "value": ["-"]}]}, *SALES[1:]]
    (shop.root / "contracts/sales.odcs.yaml").write_text(contract("sales", sales))
    land(shop, "sales/a.jsonl", sold("s1", None), sold("-", None))
    shop.run()
    (shop.root / "contracts/sales.odcs.yaml").write_text(
        contract("sales", [{**SALES[0], "physicalName": "paid"}, *SALES[1:]])
    )
    with shop.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    assert [row["sale_id"] for row in rows_of(shop, "sales")] == ["1.10"]
    check_flat_table(shop, "sales")
    assert findings(shop) == []


def test_what_is_asked_for_later_is_made_of_what_stands(shop: Shop) -> None:
    describe(shop.root, people=[], sales=[])
    land(shop, "people/a.jsonl", someone("1"), someone("1", 2))
    land(shop, "people/b.jsonl", someone("1", 3), someone("4"))
    land(shop, "sales/a.jsonl", sold("s1", "1"), sold("s2", "9"))
    shop.run()
    assert not (shop.root / "processed").exists()
    assert kept(shop, "people") == set()
    describe(shop.root, people=BOTH, sales=BOTH)
    shop.run()
    check(shop)
    assert kept(shop, "people") == {"files", "tables"}
    before = (shop.root / "processed/people/a.jsonl").stat().st_ino
    shop.run()
    assert (shop.root / "processed/people/a.jsonl").stat().st_ino == before  # nothing to do, nothing is written


def test_what_is_asked_for_no_longer_is_gone(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    shop.run()
    describe(shop.root, people=["tables"], sales=["files"])
    shop.run()
    assert processed(shop, "people") == {}
    assert texts(shop, "sales") == {"a.jsonl": ["s1"]}
    assert [row["id"] for row in rows_of(shop, "people")] == ["1"]
    with pytest.raises(psycopg.errors.UndefinedTable):
        rows_of(shop, "sales")
    describe(shop.root, people=[], sales=[])
    shop.run()
    assert processed(shop, "sales") == {}
    assert kept(shop, "people") == kept(shop, "sales") == set()
    with pytest.raises(psycopg.errors.UndefinedTable):
        rows_of(shop, "people")


def test_a_new_column_makes_the_tables_anew(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1", city="Delft"))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE[:2], **upserted()))
    shop.run()
    assert "city" not in rows_of(shop, "people")[0]
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE, **upserted()))
    land(shop, "people/b.jsonl", someone("2", city="Gouda"))
    shop.run()
    assert {row["id"]: row["city"] for row in rows_of(shop, "people")} == {"1": None, "2": "Gouda"}
    check(shop)
    with shop.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    assert {row["id"]: row["city"] for row in rows_of(shop, "people")} == {"1": "Delft", "2": "Gouda"}
    check(shop)
    assert foreign_keys(shop) == 1  # that of the other feed was put back


def test_json_documents_are_lists_and_documents_again(tmp_path: Path, server: str) -> None:
    shop = make_alone(tmp_path, server, "people", contract("people", PEOPLE), format="json", mirror=["files"])
    put(shop, "people/list.json", b'[{"id": "1", "rank": 1.0},\n {"id": "2"}, {"rank": 3, "id":\n"3"}]\n')
    put(shop, "people/one.json", b'{"id": "4",\n "rank": 4}\n')
    put(shop, "people/none.json.gz", gzip.compress(b'[{"id": "5"}]'))
    shop.run()
    found = processed(shop, "people")
    assert found["list.json"] == b'[\n{"id": "1", "rank": 1.0},\n{"rank": 3, "id":\n"3"}\n]\n'
    assert json.loads(found["one.json"]) == {"id": "4", "rank": 4}
    assert json.loads(found["none.json.gz"]) == []
    assert findings(shop) == []


NESTED: list[dict[str, Any]] = [
    {"name": "at", "logicalType": "timestamp"},
    {"name": "price", "logicalType": "number"},
    {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
    {
        "name": "home",
        "logicalType": "object",
        "properties": [
            CITY,
            {
                "name": "rooms",
                "logicalType": "array",
                "items": {
                    "logicalType": "object",
                    "properties": [{"name": "name", "logicalType": "string"}, OBJECT],
                },
            },
        ],
    },
]


def test_lists_are_tables_of_their_own_and_objects_are_columns(tmp_path: Path, server: str) -> None:
    """Of units without a key the place is the key."""
    shop = make_alone(tmp_path, server, "houses", contract("houses", NESTED), mirror=["tables"])
    rooms = [{"name": 'a "b", c', "a": {"b": "x"}}, {"name": None}, {"name": "", "a": None}]
    records: list[Mapping[str, Any]] = [
        {
            "at": "2026-01-01T01:02:03.5+02:00",
            "price": 0.1,
            "tags": ["x", None, ""],
            "home": {"city": "Delft", "rooms": rooms},
        },
        {"at": None, "price": None, "tags": [], "home": None},
    ]
    land(shop, "houses/a.jsonl", *records)
    shop.run()
    first, second = sorted(rows_of(shop, "houses"), key=lambda row: row["_record_ordinal"])
    assert (str(first["at"]), str(first["price"]), first["home_city"]) == (
        "2025-12-31 23:02:03.500000+00:00",
        "0.100000",
        "Delft",
    )
    assert (second["at"], second["price"], second["home_city"]) == (None, None, None)
    place = {"_record_load": 1, "_record_source": 0, "_record_ordinal": 1, "_record_unit": 0}
    tags = sorted(rows_of(shop, "houses_tags"), key=lambda row: row["_line"])
    assert tags == [place | {"_line": line, "value": value} for line, value in ((1, "x"), (2, None), (3, ""))]
    found = sorted(rows_of(shop, "houses_home_rooms"), key=lambda row: row["_line"])
    assert [(row["name"], row["a_b"]) for row in found] == [('a "b", c', "x"), (None, None), ("", None)]
    assert [{name: row[name] for name in (*place, "_line")} for row in found] == [
        place | {"_line": line} for line in (1, 2, 3)
    ]
    assert findings(shop) == []
    with psycopg.connect(shop.dsn, autocommit=True) as store, pytest.raises(psycopg.errors.ForeignKeyViolation):
        store.execute("delete from mirror.houses")


def test_tables_refuse_what_does_not_fit_them(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    shop.run()
    for statement in (
        "insert into mirror.sales values ('s9', 'nobody', 1, 1, 0, 9, 0)",
        "insert into mirror.people select * from mirror.people",
        "delete from mirror.people",
    ):
        with psycopg.connect(shop.dsn, autocommit=True) as store, pytest.raises(psycopg.errors.IntegrityError):
            store.execute(statement.encode())


def test_a_key_too_long_for_a_table_stops_its_feed_until_it_is_asked_for_no_longer(shop: Shop) -> None:
    letters = random.Random(1)
    key = "".join(letters.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(6_000))
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold(key, "1"))
    report = shop.run()
    assert isinstance(report.stopped["sales"], MirrorError)
    assert key[:20] not in str(report.stopped["sales"])
    assert [row["id"] for row in rows_of(shop, "people")] == ["1"]
    describe(shop.root, people=BOTH, sales=["files"])
    assert not shop.run().stopped
    assert texts(shop, "sales") == {"a.jsonl": [key]}


# --- stopped


HISTORY: tuple[dict[str, tuple[object, ...]], ...] = (
    {"people/a.jsonl": (someone("1"), someone("2"), b"{"), "sales/a.jsonl": (sold("s1", "1"), sold("s2", "3"))},
    {"people/d/b.jsonl.gz": (someone("2", 2), someone("3")), "sales/b.jsonl": (sold("s3", "2"), sold("s1", "1"))},
)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", ["silver", "publish", "mirror", "seal"])
@pytest.mark.accept("7.3")
def test_killed_at_each_step_both_are_what_stands_after_the_next_run(shop: Shop, point: str, side: str) -> None:
    """Every step of the kind in turn; between a kill and the next run, files are whole ones of before or after."""
    kills = 0
    for step in HISTORY:
        for name, records in step.items():
            land(shop, name, *records)
        for passed in count(1):
            ended = tillage(shop, "run", TILLAGE_CRASH=f"{side}:{point}:{passed}")
            if ended.returncode == 0:
                break
            assert ended.returncode == -signal.SIGKILL, ended.stderr
            kills += 1
            for feed in ("people", "sales"):
                assert all(data.endswith(b"\n") or not data for data in processed(shop, feed).values())
        check(shop)
    assert kills >= 3
    assert texts(shop, "people") == {"a.jsonl": ["1"], "d/b.jsonl.gz": ["2", "3"]}
    assert texts(shop, "sales") == {"a.jsonl": ["s1", "s2"], "b.jsonl": ["s3"]}


def test_killed_while_they_are_made_anew(shop: Shop) -> None:
    describe(shop.root, people=[], sales=[])
    for step in HISTORY:
        for name, records in step.items():
            land(shop, name, *records)
    shop.run()
    describe(shop.root, people=BOTH, sales=BOTH)
    for side in ("before", "after"):
        for passed in (1, 2, 4, 7):
            with shop.open() as house:
                house.mirrors.forget()
            ended = tillage(shop, "run", TILLAGE_CRASH=f"{side}:mirror:{passed}")
            assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr
            shop.run()
            check(shop)


@pytest.mark.accept("7.3")
def test_histories_by_chance(shop: Shop) -> None:
    """Versions, repeats, late parents, wrong lines and names that come again, in any order."""
    chance = random.Random(20_261_129)
    lines: dict[str, dict[tuple[int, int], list[bytes]]] = {"people": {}, "sales": {}}
    for step in range(12):
        for _ in range(chance.randint(1, 3)):
            feed = chance.choice(["people", "sales"])
            number = chance.randint(1, 4)
            records = [
                someone(str(chance.randint(1, 6)), chance.choice([1, 2, 3, "x"]))
                if feed == "people"
                else sold(f"s{chance.randint(1, 12)}", chance.choice([None, *"1234567"]))
                for _ in range(chance.randint(0, 4))
            ]
            land(shop, f"{feed}/f{number}.jsonl", *records)
        shop.run()
        for feed, found in landed_lines(shop).items():
            lines[feed] = found | lines[feed]  # of a name that came again, what it held when it was loaded
        for feed in ("people", "sales"):
            check_files(shop, feed, feed, lines[feed])
            check_flat_table(shop, feed)
        if step % 4 == 3:
            assert findings(shop) == []
    assert len(standing(shop, "sales")) > 3


# --- held together


@pytest.mark.parametrize("how", ["changed", "missing", "more", "torn"])
def test_audit_finds_files_that_are_others_and_a_rebuild_mends_them(shop: Shop, how: str) -> None:
    land(shop, "people/a.jsonl.gz", someone("1"))
    shop.run()
    file = shop.root / "processed/people/a.jsonl.gz"
    if how == "changed":
        file.write_bytes(gzip.compress(b'{"id": "7", "rank": 1}\n'))
    elif how == "missing":
        file.unlink()
    elif how == "torn":
        file.write_bytes(file.read_bytes()[:-9])
    else:
        (file.parent / "b.jsonl").write_text("{}\n")
    name = "b.jsonl" if how == "more" else "a.jsonl.gz"
    assert findings(shop) == [f"feed people: {name}"]
    assert tillage(shop, "audit").returncode != 0
    assert "feed people: files and tables made anew" in tillage(shop, "rebuild", "--mirror").stdout
    check(shop)


@pytest.mark.parametrize(
    "change",
    [
        "update mirror.people set rank = 9",
        "delete from mirror.people where id = '2'",
        "insert into mirror.people select 'x', rank, city, 1, 1, 1, 1 from mirror.people limit 1",
    ],
)
def test_audit_finds_rows_that_are_others_and_a_rebuild_mends_them(shop: Shop, change: str) -> None:
    land(shop, "people/a.jsonl", someone("1"), someone("2"))
    shop.run()
    with psycopg.connect(shop.dsn) as store:
        store.execute(change.encode())
    (found,) = findings(shop)
    assert found.startswith("table mirror.people: ")
    with shop.open() as house:
        rebuild_mirrors(house, wait_s=1)
    check(shop)


def test_a_process_that_was_told_otherwise_publishes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    land(shop, "people/b.jsonl", someone("2"))
    publish = Ledger.publish

    def publish_late(self: Ledger, *given: Any, **others: Any) -> None:
        with psycopg.connect(shop.dsn) as store:
            store.execute("update tillage.mirrors set digest = 'another' where feed = 'people' and kind = 'files'")
        publish(self, *given, **others)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "publish", publish_late)
        with pytest.raises(TransientError, match="what is mirrored was changed"):
            shop.run()
    assert shop.states()[-1] == "open"
    shop.run()
    check(shop)


def test_who_lost_its_lease_writes_no_file_and_two_never_write_at_once(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    before = processed(shop, "people")
    with shop.open() as house:
        feed = house.feeds["people"].feed
        nothing = house.engine.query("select 0 as file, ''::blob as raw, false as is_whole", {}, "")

        def lost() -> None:
            raise LeaseLostError("gone")

        with pytest.raises(LeaseLostError):
            house.processed.put(feed, ["a.jsonl"], nothing, is_ours=lost)
        handle = os.open(shop.root / "processed/people/.tillage-lock", os.O_WRONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with pytest.raises(TransientError, match="processed/people is being written by another process"):
                house.processed.put(feed, ["a.jsonl"], nothing, is_ours=lambda: None)
        finally:
            os.close(handle)
    assert processed(shop, "people") == before


def test_files_are_for_their_owner_alone(shop: Shop) -> None:
    land(shop, "people/d/a.jsonl", someone("1"))
    shop.run()
    for path in (shop.root / "processed").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_cannot_be_written_leaves_the_load_open(shop: Shop) -> None:
    (shop.root / "processed").mkdir()
    (shop.root / "processed/people").write_text("in the way")
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", None))
    report = shop.run()
    assert "processed/people cannot be written" in str(report.stopped["people"])
    assert texts(shop, "sales") == {"a.jsonl": ["s1"]}  # one feed stops no other
    (shop.root / "processed/people").unlink()
    shop.run()
    check(shop)


def test_a_restored_house_makes_them_anew(shop: Shop, tmp_path: Path) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/a.jsonl", sold("s1", "1"))
    shop.run()
    wanted = processed(shop, "people"), sorted(map(str, rows_of(shop, "sales")))
    settings = read_settings({"TILLAGE_STORE_DSN": shop.dsn})
    with shop.open() as house:
        backup(house, backup_folder(shop.root, tmp_path / "copy", settings), wait_s=1, version="0")
    with psycopg.connect(shop.dsn, autocommit=True) as store:
        store.execute("create database restored_mirror")
    (shop.root / "data").rename(tmp_path / "old")
    (shop.root / "processed").rename(tmp_path / "old-processed")
    again = Shop(shop.root, psycopg.conninfo.make_conninfo(shop.dsn, dbname="restored_mirror"))
    restore_house(again.root, tmp_path / "copy", read_settings({"TILLAGE_STORE_DSN": again.dsn}), say=lambda _: None)
    again.run()
    assert (processed(again, "people"), sorted(map(str, rows_of(again, "sales")))) == wanted
    check(again)


def test_each_environment_has_files_of_its_own(shop: Shop) -> None:
    said = json.loads((shop.root / "tillage.yaml").read_text())
    said["environments"] = {"dev": {"feeds": {"people": {"path": "samples/people"}}}}
    (shop.root / "tillage.yaml").write_text(json.dumps(said))
    put(shop, "../samples/people/a.jsonl", json.dumps(someone("1")).encode() + b"\n")
    assert tillage(shop, "run", "--env", "dev", "--feed", "people").returncode == 0
    assert (shop.root / "processed/dev/people/a.jsonl").exists()
    assert not (shop.root / "processed/people").exists()


def test_tables_that_others_rest_on_or_read_are_not_taken_away(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1", city="Delft"))
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE[:2], **upserted()))
    shop.run()
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE, **upserted()))
    with psycopg.connect(shop.dsn, autocommit=True) as store:
        store.execute("create view public.seen as select id from mirror.people")
        assert "something that Tillage did not make, such as a view, rests on" in str(shop.run().stopped["people"])
        store.execute("drop view public.seen")
        with store.transaction():
            store.execute("lock table mirror.people in access share mode")
            with pytest.raises(TransientError, match="a reader holds a table in schema mirror"):
                shop.run()
            assert store.execute("select count(*) from mirror.people").fetchone() == (1,)
    shop.run()
    check(shop)


# --- found by readers


def pair(hall: str, seat: int, note: str) -> dict[str, object]:
    return {"hall": hall, "seat": seat, "note": note}


@pytest.mark.parametrize("kind", ["string", "integer"])
def test_a_key_of_two_columns_in_another_order_than_they_stand(shop: Shop, kind: str) -> None:
    columns = [
        {"name": "hall", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2},
        {"name": "seat", "logicalType": kind, "primaryKey": True, "primaryKeyPosition": 1},
        {"name": "note", "logicalType": "string"},
    ]
    describe(shop.root, people=BOTH, sales=[])
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", columns, **upserted()))
    (shop.root / "contracts/sales.odcs.yaml").write_text(contract("sales", [SALES[0]]))
    seats = [1, 2] if kind == "integer" else ["1", "2"]
    land(shop, "people/a.jsonl", *(pair("a", seat, "x") for seat in seats))  # type: ignore[arg-type]
    shop.run()
    land(shop, "people/b.jsonl", pair("a", seats[0], "y"))  # type: ignore[arg-type]
    shop.run()
    assert {row["seat"]: row["note"] for row in rows_of(shop, "people")} == {seats[0]: "y", seats[1]: "x"}
    assert findings(shop) == []


def test_bytes_are_those_by_which_a_unit_stands(shop: Shop) -> None:
    """A patch that did not help is in bronze, and nowhere else."""

    def in_towns(pattern: str) -> None:
        columns = [*PEOPLE[:2], {**CITY, "logicalTypeOptions": {"pattern": pattern}}]
        (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", columns, **upserted()))

    in_towns("^G")
    land(shop, "people/a.jsonl", someone("1", city="Delft"))
    shop.run()
    with shop.open() as house:
        patch = patch_file("patch.yaml", json.dumps([{"replace": "$.city", "to": "Deventer"}]))
        replay(house, Waiting(), patch=patch, wait_s=1)
    in_towns("^[DG]")
    with shop.open() as house:
        replay(house, Waiting(), wait_s=1)
    assert json.loads(processed(shop, "people")["a.jsonl"])["city"] == "Delft"
    assert [row["city"] for row in rows_of(shop, "people")] == ["Delft"]
    assert findings(shop) == []


def test_a_document_that_comes_again_as_a_list_keeps_to_its_file(tmp_path: Path, server: str) -> None:
    shop = make_alone(tmp_path, server, "people", contract("people", PEOPLE), format="json", mirror=["files"])
    for number in (1, 2):
        put(shop, "people/one.json", json.dumps(someone(f"one-{number}")).encode())
        put(shop, "people/b.json", json.dumps(someone(f"first-{number}")).encode())
        put(shop, "people/c.json", json.dumps([someone(f"c-{number}")]).encode())
        shop.run()
    put(shop, "people/b.json", json.dumps([someone(str(number)) for number in range(20_000)]).encode())
    shop.run()
    found = {name: [one["id"] for one in json.loads(data)] for name, data in processed(shop, "people").items()}
    assert found["one.json"] == ["one-1", "one-2"]
    assert found["c.json"] == ["c-1", "c-2"]
    assert found["b.json"] == ["first-1", "first-2", *map(str, range(20_000))]


def test_a_foreign_key_that_does_not_hold_is_left_out_and_said(shop: Shop) -> None:
    """A reference that the contract got later: what stands goes on standing."""
    (shop.root / "contracts/sales.odcs.yaml").write_text(
        contract("sales", [SALES[0], {"name": "buyer", "logicalType": "string"}, SALES[2]])
    )
    land(shop, "sales/a.jsonl", sold("s1", "9"), sold("s2", None))
    shop.run()
    (shop.root / "contracts/sales.odcs.yaml").write_text(contract("sales", SALES))
    land(shop, "people/a.jsonl", someone("1"))
    land(shop, "sales/b.jsonl", sold("s3", "1"))
    report = shop.run()
    assert not report.problems()
    assert any("foreign key of sales to people is left out, since 1 rows refer" in line for line in shop.said)
    assert foreign_keys(shop) == 0
    check(shop)
    land(shop, "people/b.jsonl", someone("9"))
    shop.run()
    assert tillage(shop, "rebuild", "--mirror").returncode == 0
    assert foreign_keys(shop) == 1
    check(shop)


def test_files_that_are_asked_for_no_longer_go_whatever_stops_it(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    describe(shop.root, people=["tables"], sales=BOTH)
    assert tillage(shop, "run", TILLAGE_CRASH="after:mirror:1").returncode == -signal.SIGKILL
    shop.run()
    assert processed(shop, "people") == {}
    assert kept(shop, "people") == {"tables"}


def test_what_others_put_into_the_folder_before_is_not_taken_away(shop: Shop) -> None:
    mine = put(shop, "../processed/people/old/mine.jsonl", b"{}\n")
    land(shop, "people/a.jsonl", someone("1"))
    assert "holds something that Tillage did not put there" in str(shop.run().stopped["people"])
    assert mine.exists()
    mine.unlink()
    mine.parent.rmdir()
    shop.run()
    check(shop)


def test_a_folder_that_was_removed_is_made_anew(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    shutil.rmtree(shop.root / "processed")
    land(shop, "people/b.jsonl", someone("2"))
    shop.run()
    check(shop)


def test_a_link_in_the_folder_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    land(shop, "people/d/a.jsonl", someone("1"))
    shop.run()
    elsewhere = tmp_path / "elsewhere"
    (shop.root / "processed/people/d").rename(elsewhere)
    (shop.root / "processed/people/d").symlink_to(elsewhere)
    land(shop, "people/d/b.jsonl", someone("2"))
    assert "cannot be written" in str(shop.run().stopped["people"])
    assert [path.name for path in elsewhere.iterdir()] == ["a.jsonl"]


def test_bytes_that_are_forgotten_are_missed(shop: Shop) -> None:
    describe(shop.root, people=[], sales=[])
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    with shop.open() as house:
        bronze = house.lake.bronze("people")
        path = Path(bronze.snapshot().files[0])
    rows = pq.read_table(path)
    for name in ("raw", "text"):
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, pa.nulls(rows.num_rows, rows.schema.field(name).type))
    place = rows.column_names.index("forgotten_by")
    gone = rows.set_column(place, "forgotten_by", pa.array([7] * rows.num_rows, pa.int64()))
    pq.write_table(gone, path)
    describe(shop.root, people=["files"], sales=[])
    assert "the bytes of 1 records that stand were kept long enough" in str(shop.run().stopped["people"])


def test_members_of_zip_files_have_names_that_files_can_have(shop: Shop) -> None:
    members = {"a.jsonl": "1", "a.jsonl/b.jsonl": "2", "a.jsonl%2Fb.jsonl": "3", f"{'n' * 300}.jsonl": "4"}
    with zipfile.ZipFile(shop.root / "landing/people/z.zip", "w") as packed:
        for name, number in members.items():
            packed.writestr(name, json.dumps(someone(number)) + "\n")
    assert not shop.run().problems()
    found = processed(shop, "people")
    assert sorted(json.loads(data)["id"] for data in found.values()) == ["1", "2", "3", "4"]
    assert {"z.zip~/a.jsonl", "z.zip~/a.jsonl%2Fb.jsonl", "z.zip~/a.jsonl%252Fb.jsonl"} < set(found)
    (shop.root / "landing/people/z.zip").unlink()
    land(shop, "people/z.zip~/a.jsonl", someone("5"))
    assert not shop.run().problems()
    assert findings(shop) == []


def test_tables_that_somebody_dropped_are_said_and_made_again(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    shop.run()
    for statement in ("drop table mirror.people cascade", "drop schema mirror cascade"):
        with psycopg.connect(shop.dsn) as store:
            store.execute(statement.encode())
        assert "table mirror.people" in findings(shop)
        land(shop, "people/b.jsonl", someone("2"))
        land(shop, "sales/a.jsonl", sold("s1", None))
        said = shop.run().stopped.get("people")
        assert said is None or "make all of them anew: tillage rebuild --mirror" in str(said)
        assert tillage(shop, "rebuild", "--mirror").returncode == 0
        shop.run()
        check(shop)


def test_two_datasets_with_long_names_alike(tmp_path: Path, server: str) -> None:
    names = [f"{'n' * 57}_{end}" for end in "ab"]
    text = json.loads(contract(names[0], PEOPLE))
    text["schema"].append({**text["schema"][0], "name": names[1]})
    shop = make_alone(tmp_path, server, "both", json.dumps(text), mirror=["tables"])
    land(shop, "both/a.jsonl", someone("1"))
    shop.run()
    assert [len(rows_of(shop, name)) for name in names] == [1, 1]


def test_audit_does_not_look_at_files_that_a_load_has_still_to_write(shop: Shop) -> None:
    land(shop, "people/a.jsonl", someone("1"))
    assert tillage(shop, "run", TILLAGE_CRASH="after:publish:1").returncode == -signal.SIGKILL
    assert findings(shop) == []


# --- what may be asked for


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({"mirror": "files"}, r"line 1: `mirror` is a list of files, tables"),
        ({"mirror": ["file"]}, r"file.*files"),
        ({"mirror": ["files"], "format": "csv"}, r"`mirror: \[files\]` is for jsonl"),
        ({"mirror": ["files"], "format": "json", "records": "$.a[*]"}, r"`mirror: \[files\]` is for jsonl"),
        ({"path": "processed/people"}, r"processed/ is where Tillage writes files"),
    ],
)
def test_what_cannot_be_mirrored_is_said(shop: Shop, feed: dict[str, Any], message: str) -> None:
    said = {"project": "mirrored", "feeds": {"people": {"path": "landing/people", "format": "jsonl"} | feed}}
    (shop.root / "tillage.yaml").write_text(json.dumps(said))
    with pytest.raises(OperatorError, match=message):
        load_project(shop.root)


@pytest.mark.parametrize(
    ("more", "columns", "message"),
    [
        ({"slaProperties": [{"property": "retention", "value": 3, "unit": "d"}]}, PEOPLE, "kept for 3 d only"),
        ({}, [*PEOPLE, {**OBJECT, "name": "x" * 63}], "more bytes than a name in PostgreSQL may, 63"),
        (
            {},
            [*PEOPLE, {"name": "a_b", "logicalType": "string"}, OBJECT],
            "table 'people' would have several columns 'a_b'",
        ),
    ],
)
def test_contracts_that_cannot_be_mirrored_are_said(
    shop: Shop, more: dict[str, Any], columns: list[dict[str, Any]], message: str
) -> None:
    text = json.loads(contract("people", columns)) | more
    (shop.root / "contracts/people.odcs.yaml").write_text(json.dumps(text))
    with pytest.raises(OperatorError, match=message):
        load_project(shop.root)


def test_a_feed_with_files_is_not_called_like_an_environment(shop: Shop) -> None:
    said = json.loads((shop.root / "tillage.yaml").read_text()) | {"environments": {"people": {}}}
    (shop.root / "tillage.yaml").write_text(json.dumps(said))
    with pytest.raises(OperatorError, match="the files of environment people are kept in processed/people too"):
        load_project(shop.root)


def test_units_inside_of_records_are_mirrored_in_tables_alone(shop: Shop) -> None:
    inside = {"customProperties": [{"property": "tillage.unit", "value": "$.list[*]"}]}
    (shop.root / "contracts/people.odcs.yaml").write_text(contract("people", PEOPLE, **inside))
    with pytest.raises(OperatorError, match="a unit of dataset 'people' is not one record"):
        load_project(shop.root)
    describe(shop.root, people=["tables"], sales=["tables"])
    load_project(shop.root)
