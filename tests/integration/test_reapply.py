"""A copy of the data from before an erasure: refused until the same people have left it again, and nobody else."""

from __future__ import annotations

import json
import shutil
import signal
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.integration.peopled import ORDERS, contract, land, person, sale, silver, subjects, vault
from tests.integration.searching import searched
from tests.integration.shops import Shop, make_database
from tests.integration.test_erasure import ANN, AT, BROKEN, TEXTS, ZOE, asked, erased, families, filled, shop
from tests.integration.test_people import tillage
from tillage.errors import JournalAheadError
from tillage.pipelines.audit import audit
from tillage.pipelines.erase import all_erasures
from tillage.pipelines.lift import lift
from tillage.pipelines.requests import Request

__all__ = ["families", "shop"]
_NUMBERS = count(1)


def kept_copy(shop: Shop, name: str = "kept") -> Path:
    folder = shop.root.parent / name
    ended = tillage(shop, "backup", str(folder))
    assert ended.returncode == 0, ended.stderr
    return folder


def restored(shop: Shop, copy: Path, server: str) -> Shop:
    """The project with the data of the copy, and the safe of today."""
    with psycopg.connect(server, autocommit=True) as connection:
        name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(shop.dsn)["dbname"]))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))
    shutil.rmtree(shop.root / "data")
    again = Shop(shop.root, make_database(server, f"reapplied_{next(_NUMBERS)}"))
    ended = tillage(again, "restore", str(copy))
    assert ended.returncode == 0, ended.stderr
    shutil.rmtree(copy)
    return again


def check_refused(shop: Shop) -> None:
    for command in (["run"], ["status"], ["erase", "list"]):
        refused = tillage(shop, *command, "--json")
        assert (refused.returncode, json.loads(refused.stderr.splitlines()[-1])["error"]) == (14, "journal-ahead")
    with pytest.raises(JournalAheadError, match="tillage erase reapply"), shop.open():
        pass


def check_reapplied(shop: Shop, texts: set[str] = TEXTS) -> None:
    ended = tillage(shop, "erase", "reapply")
    assert ended.returncode == 0, ended.stderr
    assert searched(shop, texts) == {}
    ended = tillage(shop, "run")
    assert ended.returncode == 0, ended.stderr
    with shop.open() as house:
        assert not audit(house).findings
        assert {one.state for one in all_erasures(house)} == {"proved"}


@pytest.mark.accept("8.3")
@pytest.mark.parametrize(
    "crash", ["", "after:erasure:1", "after:erasure:2", "before:forget", "before:prove:1", "before:prove:2"]
)
def test_a_copy_of_before_is_refused_until_people_have_left_it_again(shop: Shop, server: str, crash: str) -> None:
    copy = kept_copy(filled(shop))
    erased(shop)
    again = restored(shop, copy, server)
    check_refused(again)
    if crash:
        assert tillage(again, "erase", "reapply", TILLAGE_CRASH=crash).returncode == -signal.SIGKILL
        check_refused(again)
    check_reapplied(again)


def test_a_copy_that_was_made_while_an_erasure_was_open_is_refused_too(shop: Shop, server: str) -> None:
    filled(shop)
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), TILLAGE_CRASH="after:erasure")
    assert ended.returncode == -signal.SIGKILL
    copy = kept_copy(shop)
    assert tillage(shop, "run").returncode == 0
    again = restored(shop, copy, server)
    check_refused(again)
    check_reapplied(again)


def test_who_was_lifted_and_erased_again_leaves_a_copy_again(shop: Shop, server: str) -> None:
    filled(shop)
    erased(shop)
    with shop.open() as house:
        lift(house, [Request("customer", "700123", "Zenobia@Quagge.example")], wait_s=1)
    land(shop, "orders/again.jsonl", sale("60", "700123", "5.00"))
    shop.run()
    copy = kept_copy(shop)
    erased(shop)
    again = restored(shop, copy, server)
    check_refused(again)
    check_reapplied(again, {"700123"})


def test_who_is_in_no_index_leaves_a_copy_again(shop: Shop, server: str) -> None:
    (shop.root / "landing/customers/a.jsonl").write_bytes(BROKEN + b"\n" + json.dumps(ANN).encode() + b"\n")
    shop.run()
    assert "700123" not in subjects(shop)
    copy = kept_copy(shop)
    erased(shop)
    again = restored(shop, copy, server)
    check_reapplied(again)


# --- who stays


def dated(shop: Shop) -> None:
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", [*ORDERS, AT]))


def test_who_came_back_before_the_copy_was_made_stays(shop: Shop, server: str) -> None:
    """Only who left after it leaves again: nobody who came back, nor who has an address that was somebody's."""
    dated(shop)
    filled(shop)
    erased(shop)
    land(shop, "orders/back.jsonl", sale("70", "700123", "7.00", at="2999-01-01T00:00:00Z"))
    land(shop, "customers/other.jsonl", person("900111", "Somebody Else", email="Zenobia@Quagge.example"))
    shop.run()
    known = subjects(shop)
    copy = kept_copy(shop)
    erased(shop, Request("customer", "800456"))
    again = restored(shop, copy, server)
    check_refused(again)
    check_reapplied(again, {"800456", "Ann Onymous"})
    assert subjects(again) == {number: key for number, key in known.items() if number != "800456"}
    assert b'"70"' in (again.root / "archive/landing/orders/back.jsonl").read_bytes()
    assert b"900111" in (again.root / "landing/customers/other.jsonl").read_bytes()


def test_what_came_back_after_the_copy_was_made_is_loaded_again(shop: Shop, server: str) -> None:
    """It lies at a door and is in no load yet: the search names it, and the next run takes it in."""
    dated(shop)
    copy = kept_copy(filled(shop))
    erased(shop)
    untils = "select digest, until from vault.suppressed order by digest"
    before = vault(shop, untils)
    path = land(shop, "customers/back.jsonl", person("700123", "New Name"))
    late = land(shop, "orders/back.jsonl", sale("70", "700123", "7.00", at="2999-01-01T00:00:00Z"))
    again = restored(shop, copy, server)
    check_refused(again)
    ended = tillage(again, "erase", "reapply")
    assert (ended.returncode, "is still in landing/" in ended.stderr) == (14, True)
    ended = tillage(again, "run")
    assert ended.returncode == 0, ended.stderr
    assert vault(again, untils) == before
    assert "700123" in subjects(again)
    assert 700 in {row["total_minor"] for row in silver(again, "orders")}
    assert not path.read_bytes().strip()  # without a time, so it may be of then
    assert not late.exists()
    with again.open() as house:
        assert not audit(house).findings
        assert {one.state for one in all_erasures(house)} == {"proved"}


def test_who_was_let_back_in_after_the_copy_was_made_is_so_again(shop: Shop, server: str) -> None:
    filled(shop)
    erased(shop)
    copy = kept_copy(shop)
    with shop.open() as house:
        lift(house, [Request("customer", "700123", "Zenobia@Quagge.example")], wait_s=1)
    land(shop, "orders/back.jsonl", sale("70", "700123", "7.00"))
    again = restored(shop, copy, server)
    check_refused(again)
    ended = tillage(again, "erase", "reapply")
    assert ended.returncode == 0, ended.stderr
    ended = tillage(again, "run")
    assert ended.returncode == 0, ended.stderr
    assert "700123" in subjects(again)
    assert 700 in {row["total_minor"] for row in silver(again, "orders")}


def test_data_that_is_behind_nothing_is_left_alone(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    land(shop, "customers/other.jsonl", person("900111", "Somebody Else", email="Zenobia@Quagge.example"))
    shop.run()
    known, loads = subjects(shop), vault(shop, "select count(*) from tillage.loads")
    ended = tillage(shop, "erase", "reapply", "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, [])
    assert (subjects(shop), vault(shop, "select count(*) from tillage.loads")) == (known, loads)


def test_what_waits_of_others_in_the_same_record_can_be_given_up_after_it(families: Shop, server: str) -> None:
    """The record keeps its bytes until then, so the people cannot leave before; but the house can be worked with."""
    (families.root / "landing/people/a.jsonl").write_text(json.dumps({"members": [ZOE, person("800456", None)]}) + "\n")
    families.run()
    copy = kept_copy(families)
    assert tillage(families, "erase", "run", "--from", asked(families, {"id": "700123"})).returncode == 14
    assert tillage(families, "quarantine", "discard", "--reason", "torn").returncode == 0
    assert tillage(families, "run").returncode == 0
    again = restored(families, copy, server)
    check_refused(again)
    ended = tillage(again, "erase", "reapply")
    assert (ended.returncode, "which wait in quarantine" in ended.stderr) == (14, True)
    assert tillage(again, "quarantine", "discard", "--reason", "torn").returncode == 0
    assert tillage(again, "run").returncode == 0
    assert searched(again, TEXTS) == {}


def test_an_address_alone_keeps_nobody_else_out(shop: Shop, server: str) -> None:
    """In the copy the address stands in a record that nobody can read, and of its owner nothing else is there yet."""
    (shop.root / "landing/customers/a.jsonl").write_bytes(
        b'{"customer_id": , "email": "zenobia@quagge.example"}\n' + json.dumps(ANN).encode() + b"\n"
    )
    shop.run()
    copy = kept_copy(shop)
    land(shop, "customers/b.jsonl", ZOE)
    shop.run()
    erased(shop)
    (shop.root / "landing/customers/b.jsonl").unlink()
    again = restored(shop, copy, server)
    check_reapplied(again, {"zenobia@quagge.example"})
    land(again, "customers/c.jsonl", person("900111", "Somebody Else", email="Zenobia@Quagge.example"))
    again.run()
    assert "900111" in subjects(again)
