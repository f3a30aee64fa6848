"""People leave everything, whatever is killed when, and nothing that is about others changes."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.integration.mirrored import processed
from tests.integration.peopled import (
    CUSTOMERS,
    ORDERS,
    SUBJECT,
    codes,
    contract,
    hashed_customers,
    land,
    make_peopled,
    person,
    sale,
    silver,
    subjects,
    vault,
)
from tests.integration.searching import searched
from tests.integration.shops import Shop, make_database
from tests.integration.test_people import tables, tillage
from tillage.domain.signature import is_signed
from tillage.errors import ErasureOpenError, OperatorError, UnknownLoadError
from tillage.pages.erasures import erasures
from tillage.pages.looking import Asked, look
from tillage.pages.rendering import render
from tillage.pipelines.audit import audit
from tillage.pipelines.erase import Erased, all_erasures, erase
from tillage.pipelines.explain import explain
from tillage.pipelines.house import erasing_of
from tillage.pipelines.keys import rotate_keys
from tillage.pipelines.lift import lift
from tillage.pipelines.quarantine import replay
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.requests import Request
from tillage.pipelines.run import run
from tillage.pipelines.status import status
from tillage.pipelines.subject import subject
from tillage.pipelines.verify import verify
from tillage.safe import Safe
from tillage.settings import read_settings

_NUMBERS = count(1)
ZOE = person(
    "700123",
    "Zenobia Quagge",
    email="Zenobia@Quagge.example",
    home={"street": "Quaggestraat 7", "floor": 3},
    phones=[{"number": "020-7313311"}],
)
ANN = person("800456", "Ann Onymous", email="ann@onymous.example")
BROKEN = b'{"customer_id": "700123", "name": "Zenobia Quagge", '
AT = {"name": "at", "logicalType": "timestamp", "customProperties": [{"property": "tillage.eventTime", "value": True}]}
TEXTS = {"700123", "Zenobia@Quagge.example", "zenobia@quagge.example", "Quaggestraat 7", "020-7313311"}


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    feeds = {
        "customers": {"path": "landing/customers", "format": "jsonl", "mirror": ["files", "tables"]},
        "orders": {"path": "landing/orders", "format": "jsonl", "after": "archive"},
    }
    shop = make_peopled(tmp_path / "shop", make_database(server, f"erased_{next(_NUMBERS)}"), project={"feeds": feeds})
    columns = hashed_customers("customer_id", "email", "home", "phones")
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    return shop


_FILLED: dict[str, tuple[Path, str]] = {}
"""By contracts, a folder and a database that are kept as they are once they are filled."""


def filled(shop: Shop) -> Shop:
    """Somebody in every state: accepted, doubled, waiting, unreadable; archived, packed, landed; and others.

    Done once, and copied from then on.
    """
    texts = "".join(path.read_text() for path in sorted((shop.root / "contracts").iterdir()))
    mine = str(psycopg.conninfo.conninfo_to_dict(shop.dsn)["dbname"])
    if texts not in _FILLED:
        _fill(shop)
        kept = shop.root.with_name("filled"), f"{mine}_filled"
        shutil.copytree(shop.root, kept[0])
        _copy_database(shop.dsn, mine, kept[1])
        _FILLED[texts] = kept
    else:
        folder, database = _FILLED[texts]
        shutil.copytree(folder, shop.root, dirs_exist_ok=True)
        _copy_database(shop.dsn, database, mine)
    return shop


def _copy_database(dsn: str, of: str, to: str) -> None:
    of_server = psycopg.conninfo.make_conninfo(dsn, dbname="tillage", user="tillage")
    with psycopg.connect(of_server, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(to)))
        connection.execute(sql.SQL("create database {} template {}").format(sql.Identifier(to), sql.Identifier(of)))


def _fill(shop: Shop) -> None:
    file = land(shop, "customers/a.jsonl", ZOE, ANN, person("700123", None), ZOE)
    file.write_bytes(file.read_bytes() + BROKEN + b"\n" + json.dumps(person("900789")).encode() + b"\n")
    packed = land(shop, "customers/b.jsonl", person("810000", "Bo Other"), ZOE)
    packed.with_name("b.jsonl.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    land(shop, "orders/a.jsonl", sale("1", "700123", door="Quaggestraat 7"), sale("2", "800456", "2.20"), sale("3", ""))
    land(shop, "orders/b.jsonl", sale("4", "700123", "0.30"), sale("5", "700123", "nonsense"))
    shop.run()
    assert set().union(*searched(shop, TEXTS).values()) >= TEXTS


def asked(shop: Shop, *requests: dict[str, str]) -> str:
    """A file outside of the project."""
    file = shop.root.parent / "asked.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in requests))
    return str(file)


def erased(shop: Shop, *requests: Request) -> list[Erased]:
    with shop.open() as house:
        return erase(house, requests or [Request("customer", "700123")], wait_s=1)


def others(shop: Shop) -> dict[str, Any]:
    """All that must stay: numbers, rows without their keys, and what waits of others."""
    with shop.open() as house:
        laws = {
            name: (law.read_rows, law.accepted_rows, law.accepted_minor, law.waiting_rows + law.discarded_rows)
            for name, law in status(house).datasets.items()
        }
        assert all(law.balances() for law in status(house).datasets.values())
        assert not audit(house).findings
        assert all(one.agrees() for one in reconcile(house))
    keys = {key: natural for natural, key in subjects(shop).items()}
    return {
        "laws": laws,
        "customers": sorted(
            json.dumps(row | {"customer_id": keys.get(row["customer_id"], "?")})
            for row in silver(shop, "customers")
            if keys.get(row["customer_id"], "?") not in {"?", "700123"}
        ),
        "totals": sorted(row["total_minor"] for row in silver(shop, "orders")),
        "mirrored": {name: len(lines) for name, lines in mirrored(shop).items()},
    }


def mirrored(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """By file the customers that are mirrored in it."""
    return {
        name: [json.loads(line) for line in data.splitlines()] for name, data in processed(shop, "customers").items()
    }


def check_gone(shop: Shop, before: dict[str, Any]) -> None:
    assert searched(shop, TEXTS) == {}
    assert others(shop) == before
    assert {one.name for one in (shop.root / "safe").iterdir()} == {"erasures.jsonl", "keys.json", "keys.lock"}
    with shop.open() as house:
        (one,) = all_erasures(house)
    receipt = dict(one.receipt or {})
    assert one.state == "proved"
    assert is_signed(receipt, receipt["public_key"])


def test_somebody_leaves_everything_and_the_others_stay(shop: Shop) -> None:
    before = others(filled(shop))
    key = subjects(shop)["700123"]
    (one,) = erased(shop)
    assert one.people == 1
    check_gone(shop, before)
    assert "700123" not in subjects(shop)
    assert key in tables(shop, "folds")  # the sum stays, of somebody whom nobody can find
    assert codes(shop, "customers") == []
    with shop.open() as house:
        assert explain(house, "/spend/800456").adds_up()
        found = explain(house, f"/spend/{key}")
        assert found.adds_up()
        assert all(part.is_erased and part.forgotten_at for part in found.parts)
    landed = (shop.root / "landing/customers/a.jsonl").read_bytes().split(b"\n")
    assert [bool(line.strip()) for line in landed] == [False, True, False, False, False, True, False]
    assert (shop.root / "archive/landing/orders/b.jsonl").read_bytes().strip() == b""


HEX = re.compile("[0-9a-f]{64}")


def test_of_columns_that_a_contract_calls_so_a_hash_is_left(shop: Shop) -> None:
    before = mirrored(filled(shop))
    erased(shop)
    after = mirrored(shop)
    zoe, *rest = after["a.jsonl"]
    assert (rest, after["b.jsonl.gz"]) == (before["a.jsonl"][1:], before["b.jsonl.gz"])
    (key,) = {row["customer_id"] for row in silver(shop, "customers")} - {*subjects(shop).values()}
    hashes = [zoe["email"], zoe["home"]["street"], zoe["home"]["floor"], zoe["phones"][0]["number"]]
    assert all(HEX.fullmatch(one) for one in hashes)
    assert len({*hashes}) == 4
    assert zoe == {
        "customer_id": key, "name": None, "born": None, "height": None, "email": hashes[0],
        "home": {"street": hashes[1], "floor": hashes[2]}, "phones": [{"number": hashes[3]}], "country": "NL",
    }  # fmt: skip
    assert len(vault(shop, "select from vault.units where subject_key = ''")) == 1
    assert tillage(shop, "rebuild", "--mirror").returncode == 0
    assert mirrored(shop) == after
    land(shop, "customers/c.jsonl", ZOE | {"email": None})  # suppressed: nothing is left of it
    shop.run()
    assert mirrored(shop) == after | {"c.jsonl": []}


def test_mirrored_files_are_made_anew_when_a_column_is_added(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    columns = [*CUSTOMERS, {"name": "points", "logicalType": "integer"}]
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    shop.run()
    assert mirrored(shop)["a.jsonl"][0]["points"] is None
    with shop.open() as house:
        assert not audit(house).findings


def test_what_no_contract_calls_personal_stays_whatever_stands_in_it(shop: Shop) -> None:
    """As in silver; an id in it would keep the erasure open."""
    columns = [*CUSTOMERS, {"name": "note", "logicalType": "string"}]
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    land(shop, "customers/a.jsonl", ZOE | {"note": "rings 020-7313311"})
    shop.run()
    (done,) = erased(shop)
    assert any("not personal by its contract" in one for layer in done.receipt["layers"] for one in layer["explained"])
    assert mirrored(shop)["a.jsonl"][0]["note"] == "rings 020-7313311"


def test_two_people_have_no_hash_in_common(shop: Shop) -> None:
    both = [person(number, home={"street": "Samenweg 12", "floor": None}) for number in ("700123", "700124")]
    land(shop, "customers/a.jsonl", *both, person("700125", phones=[]))
    shop.run()
    erased(shop, *(Request("customer", number) for number in ("700123", "700124", "700125")))
    one, other, third = mirrored(shop)["a.jsonl"]
    assert one["home"]["street"] != other["home"]["street"]
    assert one["customer_id"] != other["customer_id"]
    assert (one["home"].get("floor"), one["phones"], third["home"], third["phones"]) == (None, None, None, [])


def test_nothing_is_left_of_what_a_contract_calls_removed(shop: Shop) -> None:
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", CUSTOMERS))
    before = mirrored(filled(shop))
    erased(shop)
    assert vault(shop, "select from vault.units where subject_key = ''") == []
    zoe, *rest = mirrored(shop)["a.jsonl"]
    assert rest == before["a.jsonl"][1:]
    assert zoe == dict.fromkeys(one["name"] for one in CUSTOMERS) | {"country": "NL"}


def test_what_is_left_may_be_said_otherwise_at_any_time(shop: Shop) -> None:
    """Lines are made as the contract of today says, of what there is: a hash that was made may be shown again."""
    hashed = (shop.root / "contracts/customers.odcs.yaml").read_text()
    filled(shop)
    erased(shop)
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", CUSTOMERS))
    loads = len(vault(shop, "select from tillage.loads where kind <> 'erase'"))
    shop.run()
    assert len(vault(shop, "select from tillage.loads where kind <> 'erase'")) == loads  # nothing is judged again
    zoe = mirrored(shop)["a.jsonl"][0]
    assert zoe == dict.fromkeys(one["name"] for one in CUSTOMERS) | {"country": "NL"}
    (shop.root / "contracts/customers.odcs.yaml").write_text(hashed)
    shop.run()
    assert HEX.fullmatch(mirrored(shop)["a.jsonl"][0]["home"]["street"])
    with shop.open() as house:
        assert not audit(house).findings


def test_who_asks_twice_changes_nothing(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    before = tables(shop, "folds"), others(shop), sorted(path.name for path in shop.root.rglob("*.parquet"))
    (again,) = erased(shop)
    assert again.receipt["people"][0]["was_known"] is False
    assert (tables(shop, "folds"), others(shop)) == before[:2]
    assert vault(shop, "select count(*) from vault.suppressed where kind = 'id'") == [(1,)]


def test_old_data_of_who_was_erased_does_not_come_in_again(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    before = silver(shop, "customers"), silver(shop, "orders"), tables(shop, "folds")
    land(shop, "customers/c.jsonl", ZOE, person("700123", None), person("820000", "Cy Other"))
    (shop.root / "landing/customers/d.jsonl").write_bytes(BROKEN + b"\n")
    land(shop, "orders/c.jsonl", sale("1", "700123"), sale("9", "700123", door="Quaggestraat 7"))
    report = shop.run()
    suppressed = {
        name: sum(
            counts.suppressed_rows for load in report.loads.values() for one, counts in load.items() if one == name
        )
        for name in ("customers", "orders")
    }
    assert suppressed == {"customers": 3, "orders": 2}
    assert searched(shop, TEXTS) == {}
    assert len(silver(shop, "customers")) == len(before[0]) + 1
    assert (silver(shop, "orders"), tables(shop, "folds")) == before[1:]
    assert set(subjects(shop)) == {"800456", "810000", "820000", "900789"}
    with shop.open() as house:
        assert not audit(house).findings
        assert all(one.agrees() for one in reconcile(house))


def test_the_same_file_again_is_scrubbed_again(shop: Shop) -> None:
    filled(shop)
    landed = shop.root / "landing/customers/a.jsonl"
    before = landed.read_bytes()
    erased(shop)
    scrubbed = landed.read_bytes()
    landed.write_bytes(before)
    assert shop.run().loads == {}
    assert landed.read_bytes() == scrubbed
    assert searched(shop, TEXTS) == {}


@pytest.mark.accept("8.3")
def test_who_asks_before_the_data_comes_is_remembered(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", ANN)
    shop.run()
    (one,) = erased(shop)
    assert one.receipt["people"][0]["was_known"] is False
    land(shop, "customers/b.jsonl", ZOE, person("820000", "Cy Other"))
    land(shop, "orders/b.jsonl", sale("1", "700123"))
    shop.run()
    assert searched(shop, TEXTS) == {}
    assert len(silver(shop, "customers")) == 2
    assert silver(shop, "orders") == []


def test_who_is_lifted_comes_back_as_somebody_new(shop: Shop) -> None:
    filled(shop)
    key = subjects(shop)["700123"]
    erased(shop)
    with shop.open() as house:
        assert lift(house, [Request("customer", "700123")], wait_s=1) == 1
    land(shop, "orders/c.jsonl", sale("6", "700123", "5.00"))
    shop.run()
    assert subjects(shop)["700123"] != key
    with shop.open() as house:
        assert explain(house, "/spend/700123").served["total_minor"] == 500


def test_another_key_keeps_out_who_was_erased_before(shop: Shop) -> None:
    filled(shop)
    (before,) = erased(shop)
    with shop.open() as house:
        rotate_keys(house, Safe(shop.root / "safe"))
    erased(shop, Request("customer", "810000"))
    land(shop, "customers/c.jsonl", ZOE, person("810000", "Bo Other"), person("820000", "Cy Other"))
    (load,) = shop.run().loads.values()
    assert (load["customers"].suppressed_rows, load["customers"].accepted_rows) == (2, 1)
    assert searched(shop, TEXTS) == {}
    with shop.open() as house:
        assert verify(house, json.loads(json.dumps(before.receipt))).is_good


def test_safe_without_the_ring_lets_nobody_in(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    file = shop.root / "safe/keys.json"
    keys = json.loads(file.read_text())
    file.write_text(json.dumps({name: keys[name] for name in ("index", "files")}))
    file.chmod(0o600)
    land(shop, "customers/c.jsonl", ZOE)
    ended = tillage(shop, "run", "--json")
    assert (ended.returncode, json.loads(ended.stderr.splitlines()[-1])["error"]) == (14, "keys")


@pytest.mark.accept("8.3")
def test_what_happens_later_is_of_somebody_new(shop: Shop) -> None:
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", [*ORDERS, AT]))
    land(shop, "orders/a.jsonl", sale("1", "700123", at="2020-01-01T00:00:00Z"))
    shop.run()
    old = subjects(shop)["700123"]
    erased(shop)
    land(
        shop,
        "orders/b.jsonl",
        *(
            sale(str(n), "700123", at=at)
            for n, at in enumerate(("2021-01-01T00:00:00Z", "2999-01-01T00:00:00Z", None), 2)
        ),
    )
    (load,) = shop.run().loads.values()
    assert (load["orders"].accepted_rows, load["orders"].suppressed_rows) == (1, 2)
    assert subjects(shop)["700123"] != old
    assert len((shop.root / "archive/landing/orders/b.jsonl").read_bytes().split()) > 1


@pytest.mark.accept("8.3")
def test_who_waits_in_quarantine_is_not_taken_up_again(shop: Shop) -> None:
    filled(shop)
    erased(shop)
    text = (shop.root / "contracts/customers.odcs.yaml").read_text()
    (shop.root / "contracts/customers.odcs.yaml").write_text(text.replace('"required": true', '"required": false'))
    with shop.open() as house:
        done = replay(house, wait_s=1)
        assert all(counts.accepted_rows == 0 for load in done.counts.values() for counts in load.values())
    assert searched(shop, TEXTS) == {}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (Request("customer", "700123", "ann@onymous.example"), "somebody else"),
        (Request("customer", "700123", "nobody@nowhere.example"), "none of those"),
        (Request("customer", "999999", "ann@onymous.example"), "somebody else"),
    ],
)
def test_an_id_and_an_address_of_two_people_wait_for_a_person(shop: Shop, request_: Request, reason: str) -> None:
    filled(shop)
    before = subjects(shop)
    assert erased(shop, request_) == []
    assert subjects(shop) == before
    assert any(reason in line for line in shop.said)


def test_an_address_is_enough_where_it_is_of_one(shop: Shop) -> None:
    filled(shop)
    erased(shop, Request("customer", None, " ZENOBIA@quagge.example "))
    assert searched(shop, TEXTS) == {}
    land(shop, "customers/e.jsonl", person("830000", "Di Other", email="shared@home.example"))
    land(shop, "customers/f.jsonl", person("840000", "Ed Other", email="Shared@Home.example"))
    shop.run()
    assert erased(shop, Request("customer", None, "shared@home.example")) == []
    erased(shop, Request("customer", None, "later@later.example"))
    land(shop, "customers/g.jsonl", person("850000", "Fi Other", email="Later@later.example"))
    shop.run()
    assert "850000" not in subjects(shop)


def test_a_request_must_say_whom_it_means(shop: Shop) -> None:
    filled(shop)
    with pytest.raises(OperatorError, match="no contract is about 'dog'"):
        erased(shop, Request("dog", "1"))
    with pytest.raises(OperatorError, match="needs an id"):
        erased(shop, Request("customer", " "))


# --- kills


POINTS = [
    *(f"before:journal:{number}" for number in (1, 2, 3, 4, 5)),
    *(f"before:{point}:{number}" for point in ("fence", "vacuum", "checkpoint", "discard") for number in (1, 2)),
    *("before:scrub:2", "before:mirror:1", "after:fence:1", "after:vacuum:2"),
    *("before:forget-people:2", "after:forget-people:2"),
    *(
        f"{when}:{point}"
        for point in ("erasure", "forget", "scrub", "forget-people", "prove")
        for when in ("before", "after")
    ),
]


@pytest.mark.accept("8.3")
@pytest.mark.parametrize("crash", POINTS)
def test_a_kill_at_any_point_leaves_nobody_in_the_end(shop: Shop, crash: str) -> None:
    before = others(filled(shop))
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), TILLAGE_CRASH=crash)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = tillage(shop, "run")
    assert ended.returncode == 0, ended.stderr
    with shop.open() as house:
        is_begun = bool(all_erasures(house))
    assert is_begun is not (crash in {"before:journal:1", "after:journal:1", "before:erasure"})
    if not is_begun:  # nothing was said of anybody yet, so whoever asked asks again
        ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}))
        assert ended.returncode == 0, ended.stderr
    check_gone(shop, before)


@pytest.mark.accept("8.3")
def test_a_load_that_was_open_before_the_request_is_finished_and_erased_from(shop: Shop) -> None:
    filled(shop)
    land(shop, "orders/c.jsonl", sale("7", "700123", "0.70"), sale("8", "800456", "0.80"))
    assert tillage(shop, "run", TILLAGE_CRASH="after:bronze").returncode == -signal.SIGKILL
    erased(shop)
    assert searched(shop, TEXTS) == {}
    assert sorted(row["total_minor"] for row in silver(shop, "orders")) == [30, 70, 80, 110, 220]
    with shop.open() as house:
        assert not audit(house).findings


@pytest.mark.accept("8.3")
def test_an_erasure_while_loads_run_leaves_nobody(shop: Shop) -> None:
    """Old data of the person lands all the time; a sweep that sees it at the door stays open, until the next run."""
    filled(shop)
    rounds = 5

    def load(number: int) -> int:
        land(shop, f"customers/w{number}.jsonl", ZOE, person(f"86000{number}", "Gil Other"))
        land(shop, f"orders/w{number}.jsonl", sale(f"w{number}", "700123"), sale(f"v{number}", "800456"))
        return tillage(shop, "run", "--wait", "120").returncode

    with ThreadPoolExecutor(2) as pool:
        loads = pool.map(load, range(rounds))
        sweep = pool.submit(tillage, shop, "erase", "run", "--wait", "120", "--from", asked(shop, {"id": "700123"}))
        assert sweep.result().returncode in {0, 14}, sweep.result().stderr
        assert {*loads} <= {0, 14}
    ended = tillage(shop, "run")
    assert ended.returncode == 0, ended.stderr
    assert searched(shop, TEXTS) == {}
    assert len(silver(shop, "customers")) == 4 + rounds
    with shop.open() as house:
        law = status(house).datasets["orders"]
        assert law.balances()
        assert law.read_rows == 5 + 2 * rounds
        assert not audit(house).findings
        assert [one.state for one in all_erasures(house)] == ["proved"]


@pytest.mark.accept("8.3")
@pytest.mark.parametrize(
    "crash",
    [f"{when}:{point}" for point in ("bronze", "silver", "publish", "scrub", "seal") for when in ("before", "after")],
)
def test_a_load_of_somebody_who_was_erased_is_killed_and_leaves_nothing(shop: Shop, crash: str) -> None:
    filled(shop)
    erased(shop)
    total = len(silver(shop, "customers"))
    land(shop, "customers/c.jsonl", person("820000", "Cy Other"), ZOE)
    ended = tillage(shop, "run", TILLAGE_CRASH=crash)
    assert ended.returncode == -signal.SIGKILL
    assert tillage(shop, "run").returncode == 0
    assert searched(shop, TEXTS) == {}
    assert len(silver(shop, "customers")) == total + 1
    with shop.open() as house:
        assert not audit(house).findings
        assert status(house).datasets["customers"].suppressed_rows == 1


# --- others


def test_a_record_of_nobody_else_that_names_somebody_is_theirs(shop: Shop) -> None:
    """Without an id, with one under another name, or with one that is none. Others' stay, whatever they name."""
    filled(shop)
    odd = [
        {"customer_id": None, "name": "A", "email": "Zenobia@Quagge.example"},
        {"customer": "700123", "name": "B"},
        {"customer_id": ["700123"], "name": "C"},
    ]
    land(shop, "customers/odd.jsonl", *odd, person("870000", "Ian Other", friend="700123"))
    shop.run()
    with pytest.raises(ErasureOpenError, match=r"customers/odd\.jsonl"):
        erased(shop)
    landed = (shop.root / "landing/customers/odd.jsonl").read_bytes().split(b"\n")
    assert [bool(line.strip()) for line in landed] == [False, False, False, True, False]
    with shop.open() as house:
        places = {"landing/customers/odd.jsonl", "processed/customers/odd.jsonl"}
        bronze = {
            path.relative_to(shop.root).as_posix() for path in (shop.root / "data/lake/bronze").rglob("*.parquet")
        }
        (one,) = erase(house, [], wait_s=1, accepted=dict.fromkeys(_named(bronze) | places, "a friend says so"))
    assert {said["reason"] for said in one.receipt["accepted"]} == {"a friend says so"}
    land(shop, "customers/more.jsonl", *odd)
    (load,) = shop.run().loads.values()
    assert load["customers"].suppressed_rows == 3
    assert (shop.root / "landing/customers/more.jsonl").read_bytes().strip() == b""


def _named(files: set[str]) -> set[str]:
    return files | {f"{file}, rows" for file in files} | {f"{file}, columns" for file in files}


def test_short_ids_take_nobody_elses_record(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", person("5", "Short Id", email="short@id.example"), ANN)
    (shop.root / "landing/customers/b.jsonl").write_bytes(b'{"customer_id": "800456", "total": 5, \n')
    shop.run()
    (one,) = erased(shop, Request("customer", "5"))
    assert "near other texts" in one.receipt["people"][0]["searched"]
    assert (shop.root / "landing/customers/b.jsonl").read_bytes().strip()
    assert codes(shop, "customers") == [["unreadable"]]
    land(shop, "customers/c.jsonl", person("5", "Short Id"))
    (shop.root / "landing/customers/d.jsonl").write_bytes(b'{"customer_id": "800456", "total": 5, \n')
    (load,) = shop.run().loads.values()
    assert (load["customers"].suppressed_rows, load["customers"].quarantined_rows) == (1, 1)


def test_an_address_of_two_people_goes_with_neither(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", person("700123", "Jo", email="home@shared.example"))
    land(shop, "customers/b.jsonl", person("800456", "Al", email="home@shared.example"))
    shop.run()
    erased(shop)
    assert subjects(shop).keys() == {"800456"}
    assert b"home@shared.example" in (shop.root / "landing/customers/b.jsonl").read_bytes()
    assert searched(shop, {"700123"}) == {}


def test_what_others_say_of_somebody_hides_nothing(shop: Shop) -> None:
    """An id in somebody else's personal text is nobody else's id: where it stands besides is found all the same."""
    filled(shop)
    land(shop, "customers/friend.jsonl", person("880000", "Friend of 700123"))
    shop.run()
    (shop.root / "notes.txt").write_text("spoke to 700123 today")
    with pytest.raises(ErasureOpenError) as refused:
        erased(shop)
    assert "notes.txt" in str(refused.value)


def test_all_addresses_of_who_asks_twice_are_kept_out(shop: Shop) -> None:
    requests = [Request("customer", "700123", "zoe@one.example"), Request("customer", "700123", "zoe@two.example")]
    (one,) = erased(shop, *requests)
    assert len(one.receipt["people"]) == 1
    land(shop, "customers/a.jsonl", *({"name": "Z", "email": f"zoe@{site}.example"} for site in ("one", "two")))
    (load,) = shop.run().loads.values()
    assert load["customers"].suppressed_rows == 2


def test_who_cannot_be_erased_yet_holds_up_nobody_else(shop: Shop) -> None:
    filled(shop)
    (shop.root / "notes.txt").write_text("spoke to 700123 today")
    with pytest.raises(ErasureOpenError, match=r"notes\.txt"):
        erased(shop)
    with pytest.raises(ErasureOpenError, match=r"notes\.txt"):
        erased(shop, Request("customer", "810000"))
    assert set(subjects(shop)) == {"800456", "900789"}
    with shop.open() as house:
        assert [one.state for one in all_erasures(house)] == ["open", "proved"]
    (shop.root / "notes.txt").unlink()
    shop.run()
    with shop.open() as house:
        assert [one.state for one in all_erasures(house)] == ["proved", "proved"]


def test_a_rebuild_while_an_erasure_is_open_brings_nobody_back(shop: Shop) -> None:
    filled(shop)
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), TILLAGE_CRASH="after:erasure")
    assert ended.returncode == -signal.SIGKILL
    before = tables(shop, "folds")
    ended = tillage(shop, "rebuild", "--from", "bronze")
    assert ended.returncode == 0, ended.stderr
    assert "700123" not in subjects(shop)
    assert tables(shop, "folds") == before
    assert tillage(shop, "run").returncode == 0
    assert searched(shop, TEXTS) == {}


def test_half_a_letter_is_no_id(shop: Shop) -> None:
    filled(shop)
    with pytest.raises(OperatorError, match="half a character"):
        erased(shop, Request("customer", "\ud800secret"))
    (one,) = erased(shop)
    assert one.people == 1


def test_environments_that_share_a_folder_are_refused(shop: Shop) -> None:
    filled(shop)
    said = json.loads((shop.root / "tillage.yaml").read_text())
    (shop.root / "tillage.yaml").write_text(
        json.dumps(said | {"environments": {"dev": {"feeds": {"orders": {"path": "landing/dev"}}}}})
    )
    with pytest.raises(OperatorError, match="environment dev reads the files of feed customers"):
        erased(shop)


def test_a_landing_folder_behind_a_link_is_searched_too(shop: Shop, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    (shop.root / "landing/customers").rmdir()
    real.mkdir()
    (shop.root / "landing/customers").symlink_to(real)
    land(shop, "customers/a.jsonl", ZOE, ANN)
    shop.run()
    (real / "notes.txt").write_text("700123")
    with pytest.raises(ErasureOpenError, match=r"landing/customers/notes\.txt"):
        erased(shop)
    (real / "notes.txt").unlink()
    shop.run()
    assert b"700123" not in (real / "a.jsonl").read_bytes()


def test_a_key_that_is_changed_meanwhile_changes_no_receipt(shop: Shop) -> None:
    filled(shop)
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), TILLAGE_CRASH="after:erasure")
    assert ended.returncode == -signal.SIGKILL
    assert tillage(shop, "keys", "rotate").returncode == 0
    assert tillage(shop, "run").returncode == 0
    with shop.open() as house:
        (one,) = all_erasures(house)
        assert verify(house, json.loads(json.dumps(one.receipt)), [Request("customer", "700123")]).is_good


def test_a_file_that_came_back_is_scrubbed_by_whoever_comes_next(shop: Shop) -> None:
    filled(shop)
    landed = shop.root / "landing/customers/a.jsonl"
    before = landed.read_bytes()
    erased(shop)
    landed.write_bytes(before)
    assert tillage(shop, "run", TILLAGE_CRASH="before:scrub").returncode == -signal.SIGKILL
    assert tillage(shop, "run").returncode == 0
    assert searched(shop, TEXTS) == {}


def test_somebody_new_under_the_same_id_stays_and_the_receipt_says_so(shop: Shop) -> None:
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", [*ORDERS, AT]))
    land(shop, "orders/a.jsonl", sale("1", "700123", at="2020-01-01T00:00:00Z"))
    shop.run()
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), TILLAGE_CRASH="after:erasure")
    assert ended.returncode == -signal.SIGKILL
    land(shop, "orders/b.jsonl", sale("2", "700123", "3.00", at="2999-01-01T00:00:00Z"))
    assert tillage(shop, "run").returncode == 0
    with shop.open() as house:
        (one,) = all_erasures(house)
        assert explain(house, "/spend/700123").served["total_minor"] == 300
    assert one.receipt is not None
    assert "somebody of later" in one.receipt["people"][0]["searched"]
    assert (shop.root / "archive/landing/orders/a.jsonl").read_bytes().strip() == b""
    assert b"700123" in (shop.root / "archive/landing/orders/b.jsonl").read_bytes()


def test_requests_without_an_address_and_ids_that_are_numbers_erase_too(tmp_path: Path, server: str) -> None:
    root = tmp_path / "numbers"
    for folder in ("contracts", "models", "landing/sales", "landing/requests"):
        (root / folder).mkdir(parents=True)
    feeds = {name: {"path": f"landing/{name}", "format": "jsonl"} for name in ("sales", "requests")}
    (root / "tillage.yaml").write_text(json.dumps({"project": "numbers", "feeds": feeds}))
    who = {"name": "customer_id", "logicalType": "integer", "required": True, "customProperties": [SUBJECT]}
    asks = {"customProperties": [{"property": "tillage.erases", "value": "customer"}]}
    (root / "contracts/sales.odcs.yaml").write_text(contract("sales", [who]))
    (root / "contracts/requests.odcs.yaml").write_text(contract("requests", [who], **asks))
    shop = Shop(root, make_database(server, f"erased_{next(_NUMBERS)}"))
    land(shop, "sales/a.jsonl", *({"customer_id": number} for number in (700123, 800456, 900789)))
    land(shop, "requests/a.jsonl", {"customer_id": 700123})
    (one,) = shop.run().erased
    assert one.people == 1
    assert searched(shop, {"700123"}) == {}
    (other,) = erased(shop, Request("customer", "0800456"))
    assert other.receipt["people"][0]["was_known"]
    assert searched(shop, {"800456"}) == {}
    assert shop.run().erased == []


# --- several people in a record


@pytest.fixture
def families(tmp_path: Path, server: str) -> Shop:
    """Records with a list of people, of whom each stands or falls alone."""
    root = tmp_path / "families"
    for folder in ("contracts", "models", "landing/people"):
        (root / folder).mkdir(parents=True)
    (root / "tillage.yaml").write_text(
        json.dumps({"project": "families", "feeds": {"people": {"path": "landing/people", "format": "jsonl"}}})
    )
    unit = {"customProperties": [{"property": "tillage.unit", "value": "$.members[*]"}]}
    (root / "contracts/people.odcs.yaml").write_text(contract("people", CUSTOMERS, **unit))
    return Shop(root, make_database(server, f"erased_{next(_NUMBERS)}"))


@pytest.mark.parametrize("crash", ["", "after:bronze", "after:silver", "after:publish", "after:forget", "after:scrub"])
def test_somebody_erased_beside_others_leaves_no_bytes_once_these_are_in(families: Shop, crash: str) -> None:
    erased(families)
    land(families, "people/a.jsonl", {"members": [ZOE, ANN]}, {"members": [person("810000", "Bo Other")]})
    assert tillage(families, "run", TILLAGE_CRASH=crash).returncode == (-signal.SIGKILL if crash else 0)
    assert tillage(families, "run").returncode == 0
    assert set(subjects(families)) == {"800456", "810000"}
    assert vault(families, "select alias from vault.aliases") == [("ann@onymous.example",)]
    assert len(silver(families, "people")) == 2
    assert searched(families, TEXTS) == {}
    with families.open() as house:
        assert status(house).datasets["people"].suppressed_rows == 1
        assert not audit(house).findings


def test_a_record_in_which_somebody_else_waits_is_not_taken_away(families: Shop) -> None:
    land(families, "people/a.jsonl", {"members": [ZOE, person("800456", None)]})
    families.run()
    with pytest.raises(ErasureOpenError, match="1 records of feed people also hold units of others"):
        erased(families)
    assert codes(families, "people") == [["missing"]]
    ended = tillage(families, "quarantine", "discard", "--dataset", "people", "--reason", "never came")
    assert ended.returncode == 0, ended.stderr
    assert tillage(families, "run").returncode == 0
    assert searched(families, TEXTS) == {}


@pytest.fixture
def invoices(tmp_path: Path, server: str) -> Shop:
    """Rows of CSV that are one unit together."""
    root = tmp_path / "invoices"
    for folder in ("contracts", "models", "landing/sales"):
        (root / folder).mkdir(parents=True)
    feed = {"path": "landing/sales", "format": "csv"}
    (root / "tillage.yaml").write_text(json.dumps({"project": "invoices", "feeds": {"sales": feed}}))
    columns: list[dict[str, Any]] = [
        {"name": "invoice", "logicalType": "string", "primaryKey": True},
        {"name": "customer_id", "logicalType": "string", "required": True, "customProperties": [SUBJECT]},
        {
            "name": "lines",
            "logicalType": "array",
            "items": {"logicalType": "object", "properties": [{"name": "quantity", "logicalType": "integer"}]},
        },
    ]
    unit = {"customProperties": [{"property": "tillage.unit", "value": {"groupBy": ["invoice"]}}]}
    (root / "contracts/sales.odcs.yaml").write_text(contract("sales", columns, **unit))
    return Shop(root, make_database(server, f"erased_{next(_NUMBERS)}"))


ROWS = (
    "invoice,customer_id,quantity,note\n"
    "i1,700123,1,for Quaggestraat 7\ni1,700123,2,\ni2,800456,700123,\ni2,800456,4,\ni3,700123,5,\n"
)


def test_all_rows_of_a_unit_leave_and_no_others(invoices: Shop) -> None:
    file = invoices.root / "landing/sales/a.csv"
    file.write_text(ROWS)
    invoices.run()
    with pytest.raises(ErasureOpenError, match=r"a\.csv"):  # a quantity of somebody else is the number
        erased(invoices)
    lines = file.read_text().split("\n")
    assert [bool(line.strip()) for line in lines] == [True, False, False, True, True, False, False]
    assert lines[3] == "i2,800456,700123,"


def test_rows_of_who_was_erased_leave_with_the_load(invoices: Shop) -> None:
    erased(invoices)
    file = invoices.root / "landing/sales/a.csv"
    file.write_text(ROWS.replace("800456,700123", "800456,3"))
    invoices.run()
    assert searched(invoices, {"700123", "Quaggestraat 7"}) == {}
    assert len(silver(invoices, "sales")) == 1
    with invoices.open() as house:
        assert status(house).datasets["sales"].suppressed_rows == 2
        assert not audit(house).findings


# --- the places


def test_every_file_that_tillage_makes_lies_in_a_place_that_has_a_name(shop: Shop) -> None:
    """What is left are the files that a person writes."""
    filled(shop)
    erased(shop)
    with shop.open() as house:
        folders = {folder for _, folder in erasing_of(house).layers}
        run(house, wait_s=1)
    files = {path.relative_to(shop.root).as_posix() for path in shop.root.rglob("*") if path.is_file()}
    named = {file for file in files if any(file.startswith(f"{folder}/") for folder in folders)}
    assert {file.partition("/")[0] for file in files - named} == {"tillage.yaml", "contracts", "models", "data"}
    # Who this lake belongs to: a random name, the format, and an empty file that commands lock.
    assert {file for file in files - named if file.startswith("data/")} <= {"data/lake/house.json", "data/.gitignore"}
    assert {file.partition("/")[0] for file in named} == {"landing", "archive", "processed", "data", "safe"}


def test_a_store_of_others_says_what_only_its_operator_can_cut(shop: Shop, server: str) -> None:
    """An account that may make roles and its own database, and nothing else."""
    name = f"others_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create role {name} login createrole")
        connection.execute(f"create database {name} owner {name}")
    dsn = psycopg.conninfo.make_conninfo(server, dbname=name, user=name)
    shop = Shop(shop.root, dsn)
    _fill(shop)
    before = others(shop)
    erased(shop)
    check_gone(shop, before)
    with shop.open() as house:
        (one,) = all_erasures(house)
    (log,) = [left for left in dict(one.receipt or {})["remains"] if "write-ahead log" in left["what"]]
    assert log["until"] == "its operator has cut or deleted them"


def test_every_table_of_the_store_is_searched(shop: Shop) -> None:
    filled(shop)
    tables_there = {
        f"{schema}.{table}"
        for schema, table in vault(
            shop,
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
        )
    }
    with shop.open() as house:
        texts = {name: b"".join(rows()) for name, rows in erasing_of(house).erasures.texts()}
    assert texts.keys() == {*tables_there, "pg_catalog.pg_stats"}
    assert b"Quaggestraat 7" in texts["vault.units"]


# --- what a person asks for


def test_a_receipt_is_held_against_the_house_and_the_search_done_again(shop: Shop) -> None:
    filled(shop)
    (one,) = erased(shop)
    receipt = json.loads(json.dumps(one.receipt))
    with shop.open() as house:
        found = verify(house, receipt, [Request("customer", "700123", "zenobia@quagge.example")])
        assert found.is_good
        assert sum(layer.files for layer in found.searched) > 10
        assert not verify(house, receipt | {"erasure": 1}).is_good
        assert verify(house, receipt, [Request("customer", "800456")]).unmatched == 1
    (shop.root / "notes.txt").write_text("spoke to 700123 today")
    with shop.open() as house:
        found = verify(house, receipt, [Request("customer", "700123")])
    assert not found.is_good
    assert [hit.place for hit in found.hits] == ["notes.txt"]


def test_a_page_says_whether_they_are_gone_and_what_proves_it(shop: Shop) -> None:
    settings = read_settings({"TILLAGE_STORE_DSN": shop.dsn})
    filled(shop)
    page = look(shop.root, settings, erasures, Asked())
    assert "Nobody was erased yet" in render(page.template, page.values).decode()
    (one,) = erased(shop)
    page = look(shop.root, settings, erasures, Asked())
    assert f'href="/erasures/{one.erasure}"' in render(page.template, page.values).decode()
    page = look(shop.root, settings, erasures, Asked((str(one.erasure),)))
    shown = render(page.template, page.values).decode()
    assert "Nothing of them was found anywhere, and the receipt is as it was signed." in shown
    assert all(layer["layer"] in shown for layer in one.receipt["layers"])
    assert page.document == json.loads(json.dumps(one.receipt))
    with pytest.raises(UnknownLoadError, match="no erasure of that number"):
        look(shop.root, settings, erasures, Asked(("99",)))
    with psycopg.connect(shop.dsn) as store:
        store.execute("update tillage.erasures set receipt = jsonb_set(receipt, '{erasure}', '7')")
    page = look(shop.root, settings, erasures, Asked((str(one.erasure),)))
    assert "not as this project signed it" in render(page.template, page.values).decode()


def test_an_erasure_that_is_open_says_so_on_its_page(shop: Shop) -> None:
    filled(shop)
    (shop.root / "notes.txt").write_text("700123")
    with pytest.raises(ErasureOpenError):
        erased(shop)
    settings = read_settings({"TILLAGE_STORE_DSN": shop.dsn})
    with shop.open() as house:
        (one,) = all_erasures(house)
    for asked_for in (Asked(), Asked((str(one.erasure),))):
        page = look(shop.root, settings, erasures, asked_for)
        assert "under way" in render(page.template, page.values).decode()
        assert not page.values["is_well"]


def test_what_is_found_in_the_end_keeps_the_erasure_open_and_is_named(shop: Shop) -> None:
    filled(shop)
    (shop.root / "notes.txt").write_text("spoke to 700123 today")
    ended = tillage(shop, "erase", "run", "--from", asked(shop, {"id": "700123"}), "--json")
    assert ended.returncode == 14
    assert "notes.txt" in json.loads(ended.stderr.splitlines()[-1])["message"]
    assert "700123" not in ended.stderr + ended.stdout
    (shop.root / "notes.txt").unlink()
    ended = tillage(shop, "erase", "run")
    assert ended.returncode == 0, ended.stderr
    assert searched(shop, TEXTS) == {}


def test_what_is_kept_about_somebody_is_shown_with_its_places(shop: Shop) -> None:
    filled(shop)
    with shop.open() as house:
        shown = subject(house, Request("customer", "700123"))
        assert subject(house, Request("customer", None, "zenobia@quagge.example")) == shown
    assert [row["name"] for row in shown["units"]["customers"]] == ["Zenobia Quagge"]
    assert sorted(row["order_id"] for row in shown["units"]["orders"]) == ["1", "4"]
    places = {(one["file"], one["line"]) for one in shown["records"]}
    assert places == {
        *(("landing/customers/a.jsonl", line) for line in (1, 3, 4, 5)),
        ("landing/customers/b.jsonl.gz", 2),
        *(("landing/orders/a.jsonl", line) for line in (1,)),
        *(("landing/orders/b.jsonl", line) for line in (1, 2)),
    }


def test_no_command_says_who_it_was(shop: Shop) -> None:
    filled(shop)
    file = asked(shop, {"id": "700123", "alias": "Zenobia@Quagge.example"})
    said = []
    for command in (("plan", "--from", file), ("run", "--from", file), ("receipt",)):
        ended = tillage(shop, "erase", *command)
        assert ended.returncode == 0, ended.stderr
        said.append(ended.stdout + ended.stderr)
    ended = tillage(shop, "suppression", "list")
    said.append(ended.stdout + ended.stderr)
    assert not any(text.lower() in one.lower() for one in said for text in _words(TEXTS))


def _words(texts: Iterable[str]) -> set[str]:
    return {*texts, "Zenobia", "Quagge"}
