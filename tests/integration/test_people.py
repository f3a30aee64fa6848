"""People leave the data at the check: what is where afterwards, and that nothing else about it is otherwise."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from tests.integration.peopled import (
    CUSTOMERS,
    HASHED,
    ORDERS,
    codes,
    contract,
    counts,
    land,
    make_peopled,
    person,
    sale,
    silver,
    subjects,
    vault,
)
from tests.integration.shops import Shop, make_database
from tests.integration.small import put
from tillage.domain.people import IndexKey
from tillage.errors import ContractError, KeysError, KeysRotatedError, ModelError, StoreError, UnknownKeyError
from tillage.pipelines.audit import audit
from tillage.pipelines.explain import explain
from tillage.pipelines.keys import rotate_keys
from tillage.pipelines.quarantine import replay
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.waiting import shown
from tillage.ports.store import Waiting
from tillage.safe import Safe

_NUMBERS = count(1)
KEYS = {"index", "files", "suppression", "signing"}
ZOE = person(
    "0012",
    "Zenobia Quagge",
    born="1990-02-03",
    height=1.715,
    email="Zenobia@Quagge.example",
    home={"street": "Quaggestraat 7", "floor": 3},
    phones=[{"number": "020-7313311"}],
)
ANN = person("ann-1", "Ann Onymous", email="ann@quagge.example")
WORDS = ("Zenobia", "zenobia", "Quagge", "quagge", "1990-02-03", "1.715", "7313311", "Onymous", "achterdeur")


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    return make_peopled(tmp_path / "shop", make_database(server, f"people_{next(_NUMBERS)}"))


def filled(shop: Shop) -> Shop:
    land(shop, "customers/a.jsonl", ZOE, ANN, person("b-2", None, email="nobody@quagge.example"))
    land(shop, "orders/a.jsonl", sale("1", "0012", door="achterdeur"), sale("2", "ann-1", "2.20"), sale("3", "0012"))
    shop.run()
    return shop


def is_sound(shop: Shop) -> bool:
    with shop.open() as house:
        return not audit(house).findings and all(one.agrees() for one in reconcile(house))


def tables(shop: Shop, schema: str) -> str:
    """All rows of a schema, as text."""
    with psycopg.connect(shop.dsn) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = %s", [schema]).fetchall()
        found = [
            str(row)
            for (name,) in names
            for row in connection.execute(f'select t::text from "{schema}"."{name}" t').fetchall()  # type: ignore[arg-type]
        ]
    return "\n".join(found)


def test_tables_hold_subject_keys_and_the_vault_alone_holds_people(shop: Shop) -> None:
    filled(shop)
    keys = subjects(shop)
    assert set(keys) == {"0012", "ann-1", "b-2"}  # also of whom a unit is quarantined
    assert len(set(keys.values())) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in keys.values())
    assert silver(shop, "customers") == [
        {"customer_id": keys["0012"], "country": "NL"},
        {"customer_id": keys["ann-1"], "country": "NL"},
    ]
    assert {row["order_id"]: row["customer_id"] for row in silver(shop, "orders")} == {
        "1": keys["0012"],
        "2": keys["ann-1"],
        "3": keys["0012"],
    }
    kept = vault(shop, "select dataset, subject_key, personal from vault.units order by dataset, ordinal")
    assert [(dataset, key, json.loads(personal)) for dataset, key, personal in kept] == [
        (
            "customers",
            keys["0012"],
            {
                "born": "1990-02-03",
                "email": "Zenobia@Quagge.example",
                "height": "1.715000",
                "home": {"floor": 3, "street": "Quaggestraat 7"},
                "name": "Zenobia Quagge",
                "phones": [{"number": "020-7313311"}],
            },
        ),
        ("customers", keys["ann-1"], {"email": "ann@quagge.example", "name": "Ann Onymous"}),
        ("orders", keys["0012"], {"door": "achterdeur"}),
        ("orders", keys["ann-1"], {}),
        ("orders", keys["0012"], {}),
    ]
    assert is_sound(shop)


def test_nothing_of_a_person_is_anywhere_but_in_raw_bytes_and_the_vault(shop: Shop) -> None:
    filled(shop)
    held = {schema: tables(shop, schema) for schema in ("tillage", "folds", "vault")}
    places = {word: [schema for schema, text in held.items() if word in text] for word in (*WORDS, "ann-1")}
    found = {word: where for word, where in places.items() if where != ["vault"]}
    assert found == {}
    assert "0012" in held["vault"]
    lake = shop.root / "data/lake"
    other = [path for path in lake.rglob("*") if path.is_file() and "bronze" not in path.parts]
    assert other
    assert [(path, word) for path in other for word in WORDS if word.encode() in path.read_bytes()] == []
    with shop.open() as house:
        rows = shown(house, Waiting(), most=10)["customers"]
    assert rows.num_rows == 1
    assert "raw" not in rows.column_names
    assert not any(word in str(rows.to_pylist()) for word in (*WORDS, "b-2"))
    assert not any(word in "\n".join(shop.said) for word in WORDS)


def test_of_units_about_people_what_is_not_personal_is_shown(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", ZOE, person("b-2", None, country="BE"), person("c-3", 7, country=5), "x")
    land(shop, "orders/a.jsonl", sale("1", "0012", "1.005"), sale("2", "b-2", "much", door="achterdeur"), sale("3", ""))
    shop.run()
    keys = subjects(shop)
    with shop.open() as house:
        found = {name: rows.to_pylist() for name, rows in shown(house, Waiting(), most=10).items()}
        (only,) = shown(house, Waiting(dataset="orders", code="missing"), most=1)["orders"].to_pylist()
        assert house.ledger.last_number() == 2  # nothing was planned
    assert [(row["line"], row["customer_id"], row["country"]) for row in found["customers"]] == [
        (2, keys["b-2"], "BE"),
        (3, keys["c-3"], None),
        (4, None, None),
    ]
    assert [(row["line"], row["codes"], row["order_id"], row["customer_id"]) for row in found["orders"]] == [
        (1, ["money_scale"], "1", keys["0012"]),
        (2, ["type"], "2", keys["b-2"]),
        (3, ["missing"], "3", None),
    ]
    assert (only["line"], only["order_id"]) == (3, "3")
    assert set(found["orders"][0]) == {
        *("load_seq", "file", "line", "offset", "unit", "codes", "control_minor"),
        *("order_id", "customer_id", "total_minor"),
    }
    assert not any(word in str(found) for word in (*WORDS, "b-2", "c-3", "achterdeur"))
    printed = tillage(shop, "quarantine", "show", "--dataset", "customers", "--json").stdout
    assert [row["country"] for row in json.loads(printed)["customers"]] == ["BE", None, None]


def test_columns_that_are_called_like_places_are_shown_beside_them(shop: Shop) -> None:
    text = {"logicalType": "string"}
    columns = [*CUSTOMERS, *({"name": name, **text} for name in ("line", "file", "row"))]
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    land(shop, "customers/a.jsonl", person("1", None, line="L", file="F", row="R"), person("2", row="R"))
    shop.run()
    with shop.open() as house:
        (row,) = shown(house, Waiting(dataset="customers"), most=10)["customers"].to_pylist()
    assert (row["line"], row["customers.line"], row["customers.file"], row["row"]) == (1, "L", "F", "R")
    assert silver(shop, "customers")[0]["row"] == "R"


def test_digests_of_files_are_made_with_a_key(shop: Shop) -> None:
    filled(shop)
    put(shop, "customers/large.jsonl", json.dumps(person("x", "y" * 20_000_000)).encode())
    shop.run()
    stored = dict(vault(shop, "select path, digest from tillage.sources"))
    files = bytes.fromhex(json.loads((shop.root / "safe/keys.json").read_text())["files"])
    landed = list((shop.root / "landing").rglob("*.jsonl"))
    assert len(landed) == len(stored) == 3
    for path in landed:
        plain = hashlib.sha256(path.read_bytes())
        assert stored[path.relative_to(shop.root).as_posix()] == hmac.digest(files, plain.digest(), "sha256").hex()
        assert plain.hexdigest() not in tables(shop, "tillage")
    with shop.open() as house:
        bronze = house.lake.bronze("customers").snapshot()
    (digest,) = duckdb.sql(f"select digest from read_parquet({list(bronze.files)}) where digest is not null").fetchall()
    plain = hashlib.sha256(landed[[path.name for path in landed].index("large.jsonl")].read_bytes())
    assert digest[0] == hmac.digest(files, plain.digest(), "sha256").hex()
    assert shop.run().loads == {}


def test_a_key_of_the_index_is_what_python_makes_of_the_same_id(shop: Shop) -> None:
    ids = ["0012", " 0012\t", "Ünïcode", "\u0130", "a'b\\c\"d", "日本", "0" * 3000, "\u00a0nb\u00a0", "\u2003em"]
    land(shop, "orders/a.jsonl", *[sale(str(number), one) for number, one in enumerate(ids)])
    shop.run()
    key = IndexKey(bytes.fromhex(json.loads((shop.root / "safe/keys.json").read_text())["index"]))
    found = dict(vault(shop, "select digest, natural_id from vault.identities"))
    assert found == {key.id_digest("customer", one): one.strip(" \t\n\r\f\v\u00a0") for one in ids}
    assert len(found) == len(ids) - 1
    with shop.open() as house:
        assert house.vault is not None
        known = subjects(shop)
        assert {one: house.vault.subject_key("customer", one) for one in ids} == {
            one: known[one.strip(" \t\n\r\f\v\u00a0")] for one in ids
        }
        assert house.vault.subject_key("customer", "nobody") is None
        assert house.vault.subject_key("supplier", "0012") is None


def test_aliases_lead_to_people_without_case_and_never_merge_them(shop: Shop) -> None:
    land(
        shop,
        "customers/a.jsonl",
        person("1", email="Post@Haus.example "),
        person("2", email="post@haus.EXAMPLE"),
        person("3", None, email="waits@haus.example"),
        person("4", email=" "),
        person("5"),
    )
    shop.run()
    keys = subjects(shop)
    found = vault(shop, "select alias, subject_key, digest from vault.aliases order by alias, subject_key")
    assert sorted((alias, key) for alias, key, _ in found) == sorted(
        [("post@haus.example", keys["1"]), ("post@haus.example", keys["2"]), ("waits@haus.example", keys["3"])]
    )
    key = IndexKey(bytes.fromhex(json.loads((shop.root / "safe/keys.json").read_text())["index"]))
    assert {digest for _, _, digest in found} == {
        key.digest(f"alias:customer:{alias}") for alias in ("post@haus.example", "waits@haus.example")
    }


@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        ({}, {"duplicate": 1}),
        ({"name": "Zenobia Q."}, {"quarantined": 1}),
        ({"born": None}, {"quarantined": 1}),
        ({"height": 1.716}, {"quarantined": 1}),
        ({"height": "1.7150"}, {"duplicate": 1}),
        ({"home": {"street": "Quaggestraat 7", "floor": 4}}, {"quarantined": 1}),
        ({"home": {"floor": 3, "street": "Quaggestraat 7"}}, {"duplicate": 1}),
        ({"home": None}, {"quarantined": 1}),
        ({"phones": [{"number": "020-7313311"}, {}]}, {"quarantined": 1}),
        ({"phones": [{"number": "020-7313311", "kind": "ignored"}]}, {"duplicate": 1}),
        ({"email": "zenobia@quagge.example"}, {"quarantined": 1}),
        ({"customer_id": " 0012 "}, {"duplicate": 1}),
        ({"customer_id": "12"}, {"accepted": 1}),
        ({"country": "BE"}, {"quarantined": 1}),
    ],
)
def test_units_are_equal_if_what_is_personal_is(shop: Shop, change: dict[str, Any], becomes: dict[str, int]) -> None:
    """Held against the vault, and inside one load."""
    land(shop, "customers/a.jsonl", ZOE)
    shop.run()
    land(shop, "customers/b.jsonl", ZOE | change)
    shop.run()
    assert counts(shop, 2, "customers") == becomes
    first, second = ({**ZOE, "customer_id": "7"}, {**ZOE, "customer_id": "7"} | change)
    if "customer_id" in change:
        second["customer_id"] = change["customer_id"].replace("0012", "7").replace("12", "8")
    land(shop, "customers/c.jsonl", first, second)
    shop.run()
    assert counts(shop, 3, "customers") == {"accepted": 1 + becomes.get("accepted", 0)} | {
        name: rows for name, rows in becomes.items() if name != "accepted"
    }
    assert is_sound(shop)


def test_a_personal_column_that_comes_later_is_null_in_what_is_there(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", ZOE)
    shop.run()
    more = {"name": "nick", "logicalType": "string", "classification": "personal"}
    house = [dict(one) for one in CUSTOMERS]
    house[5]["properties"] = [*house[5]["properties"], {"name": "flat", "logicalType": "string"}]
    house[6]["items"] = {
        "logicalType": "object",
        "properties": [{"name": "kind", "logicalType": "string"}, {"name": "number", "logicalType": "string"}],
    }
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", [more, *house]))
    land(shop, "customers/b.jsonl", ZOE, ZOE | {"nick": "Zo"})
    shop.run()
    assert counts(shop, 2, "customers") == {"duplicate": 1, "quarantined": 1}
    assert is_sound(shop)


def test_versions_are_told_apart_by_what_is_personal(tmp_path: Path, server: str) -> None:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"people_{next(_NUMBERS)}"), merge="upsert")
    land(shop, "customers/a.jsonl", ZOE, ANN)
    shop.run()
    land(shop, "customers/b.jsonl", ZOE | {"name": "Zenobia Q."}, ANN)
    shop.run()
    assert counts(shop, 2, "customers") == {"accepted": 1, "duplicate": 1}
    assert len(silver(shop, "customers")) == 2
    names = [json.loads(one)["name"] for (one,) in vault(shop, "select personal from vault.units order by load_seq")]
    assert sorted(names) == ["Ann Onymous", "Zenobia Q.", "Zenobia Quagge"]
    land(shop, "customers/c.jsonl", ZOE | {"name": "Zenobia Q."}, ZOE, ZOE)
    shop.run()
    assert counts(shop, 3, "customers") == {"accepted": 1, "duplicate": 2}
    assert is_sound(shop)


def test_what_waits_comes_in_with_its_people_by_a_replay(shop: Shop) -> None:
    filled(shop)
    keys = subjects(shop)
    loose = [one | ({"required": False} if one["name"] == "name" else {}) for one in CUSTOMERS]
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", loose))
    shop.run()
    with shop.open() as house:
        trial = replay(house, is_trial=True, wait_s=1)
        before = vault(shop, "select count(*) from vault.units")
        done = replay(house, wait_s=1)
    assert (
        trial.counts[0]["customers"].accepted_rows == next(iter(done.counts.values()))["customers"].accepted_rows == 1
    )
    assert vault(shop, "select count(*) from vault.units") == [(before[0][0] + 1,)]
    assert subjects(shop) == keys
    assert {"customer_id": keys["b-2"], "country": "NL"} in silver(shop, "customers")
    assert is_sound(shop)


def test_a_rebuild_judges_people_anew_and_takes_out_whom_it_quarantines(shop: Shop) -> None:
    filled(shop)
    keys = subjects(shop)
    with shop.open() as house:
        assert {name: one.same_rows for name, one in rebuild_from_bronze(house, wait_s=1).looked_at.items()} == {
            "customers": 2,
            "orders": 3,
        }
    strict = [one | ({"required": True} if one["name"] == "born" else {}) for one in CUSTOMERS]
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", strict))
    with shop.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    assert silver(shop, "customers") == [{"customer_id": keys["0012"], "country": "NL"}]
    units = vault(shop, "select subject_key from vault.units where dataset = 'customers'")
    assert units == [(keys["0012"],)]
    renamed = [one | ({"physicalName": "fullName"} if one["name"] == "name" else {}) for one in strict]
    renamed[1] = renamed[1] | {"customProperties": [{"property": "tillage.aliases", "value": ["email"]}]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", renamed))
    with shop.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    (row,) = vault(shop, "select personal from vault.units where dataset = 'customers'")
    assert json.loads(row[0])["name"] == "Zenobia@Quagge.example"
    assert subjects(shop) == keys
    assert is_sound(shop)


POINTS = [f"{when}:{point}" for point in ("setup", "people", "bronze", "silver", "publish", "seal") for when in
          ("before", "after")]  # fmt: skip


@pytest.mark.parametrize("crash", POINTS)
def test_a_kill_at_any_point_leaves_nobody_twice_and_nobody_out(shop: Shop, crash: str) -> None:
    land(shop, "customers/a.jsonl", ZOE, ANN)
    land(shop, "orders/a.jsonl", sale("1", "0012"), sale("2", "new-1"))
    times = (":1", ":2") if "setup" in crash else ("",)
    for time in times:
        ended = tillage(shop, "run", TILLAGE_CRASH=crash + time)
        assert ended.returncode in ({-signal.SIGKILL, 0} if "setup" in crash else {-signal.SIGKILL})
    before = subjects(shop) if "people" in crash and "after" in crash else {}
    assert tillage(shop, "run").returncode == 0
    keys = subjects(shop)
    assert before.items() <= keys.items()
    assert set(keys) == {"0012", "ann-1", "new-1"}
    assert vault(shop, "select count(*) from vault.units") == [(4,)]
    assert len(silver(shop, "customers")) == len(silver(shop, "orders")) == 2
    assert is_sound(shop)


def tillage(shop: Shop, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn} | variables
    return subprocess.run(
        [sys.executable, "-m", "tillage", *command],
        cwd=shop.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_row_is_found_and_explained_by_the_id_of_the_person(shop: Shop) -> None:
    filled(shop)
    with shop.open() as house:
        found = explain(house, "/spend/0012")
        assert found.key == "0012"
        assert (found.served["customer_id"], found.served["orders"], found.served["total_minor"]) == ("0012", 2, 220)
        assert found.adds_up()
        assert [(part.file, part.line) for part in found.parts] == [
            ("landing/orders/a.jsonl", 1),
            ("landing/orders/a.jsonl", 3),
        ]
        by_key = explain(house, f"/spend/{subjects(shop)['0012']}")
        assert by_key.parts == found.parts
        with pytest.raises(UnknownKeyError):
            explain(house, "/spend/12")


def test_a_model_cannot_see_what_is_personal(shop: Shop) -> None:
    (shop.root / "models/spend.sql").write_text(
        "select name as customer_id, count(*) as orders from customers group by 1"
    )
    with pytest.raises(ModelError, match="unknown column 'name'"):
        shop.run()


def test_a_route_by_what_may_be_an_id_or_not_is_refused(shop: Shop) -> None:
    (shop.root / "models/spend.sql").write_text(
        "select coalesce(customer_id, 'nobody') as customer_id, count(*) as orders, sum(total_minor) as total_minor "
        "from orders group by 1"
    )
    with pytest.raises(ModelError, match="ids of people"):
        shop.run()


@pytest.mark.parametrize(
    ("column", "change"),
    [
        (1, {"classification": "internal"}),
        (7, {"classification": "personal"}),
        (0, {"customProperties": []}),
        (0, {"customProperties": [SUBJECT := {"property": "tillage.subject", "value": "client"}]}),
        (4, {"customProperties": [], "classification": "personal"}),
        (2, {"logicalType": "string"}),
        (2, None),
    ],
)
def test_who_a_column_is_about_stays_while_there_are_loads(
    shop: Shop, column: int, change: dict[str, Any] | None
) -> None:
    filled(shop)
    columns = [dict(one) for one in CUSTOMERS]
    if change is None:
        del columns[column]
    else:
        columns[column] |= change
    if column == 0 and not change["customProperties"]:  # type: ignore[index]
        columns = [{k: v for k, v in one.items() if k not in {"classification", "customProperties"}} for one in columns]
    elif change and change.get("customProperties") == [SUBJECT]:
        columns[4] |= {"customProperties": [{"property": "tillage.aliasOf", "value": "client"}]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    with pytest.raises(ContractError, match="has loads with"):
        shop.run()
    assert len(vault(shop, "select from tillage.loads")) == 2


def test_a_missing_open_or_other_key_stops_everything(shop: Shop) -> None:
    filled(shop)
    safe, file = shop.root / "safe", shop.root / "safe/keys.json"
    assert (stat.S_IMODE(safe.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    secret = file.read_text()
    land(shop, "customers/b.jsonl", person("9"))

    def refused(match: str) -> None:
        with pytest.raises(KeysError, match=match) as wrong:
            shop.run()
        assert not any(key in str(wrong.value) for key in json.loads(secret).values())
        assert subjects(shop).keys() == {"0012", "ann-1", "b-2"}
        assert len(vault(shop, "select from tillage.loads")) == 2

    file.chmod(0o640)
    refused("chmod 600")
    file.unlink()
    refused("is not there")
    assert not file.exists()
    assert tillage(shop, "run").returncode == 14
    Safe(safe).keys(None)
    refused("another key")
    file.write_text("{}")
    refused("holds no keys")
    file.unlink()
    file.symlink_to(shop.root / "elsewhere.json")
    refused("cannot be read")
    file.unlink()
    file.write_text(secret)
    file.chmod(0o600)
    shop.run()
    assert "9" in subjects(shop)


def test_the_key_is_changed_and_everything_stays(shop: Shop) -> None:
    filled(shop)
    keys, before = subjects(shop), tables(shop, "folds")
    old = json.loads((shop.root / "safe/keys.json").read_text())
    digests = set(vault(shop, "select digest from vault.identities union select digest from vault.aliases"))
    with shop.open() as house:
        assert rotate_keys(house, Safe(shop.root / "safe")) == 3
    new = json.loads((shop.root / "safe/keys.json").read_text())
    assert (new.keys(), new["files"]) == (old.keys(), old["files"])
    assert new["index"] != old["index"]
    assert not digests & set(vault(shop, "select digest from vault.identities union select digest from vault.aliases"))
    land(shop, "customers/b.jsonl", ZOE, ANN, person("9"))
    assert shop.run().loads.keys() == {3}
    assert counts(shop, 3, "customers") == {"accepted": 1, "duplicate": 2}
    assert subjects(shop).items() >= keys.items()
    assert tables(shop, "folds") == before
    with shop.open() as house:
        assert explain(house, "/spend/0012").adds_up()
    assert len(vault(shop, "select from vault.aliases")) == 3
    assert is_sound(shop)


@pytest.mark.parametrize("crash", ["before:keys", "after:keys"])
def test_a_key_that_is_half_changed_is_the_one_that_the_store_has(shop: Shop, crash: str) -> None:
    filled(shop)
    keys = subjects(shop)
    assert tillage(shop, "keys", "rotate", TILLAGE_CRASH=crash).returncode == -signal.SIGKILL
    assert json.loads((shop.root / "safe/keys.json").read_text()).keys() == {*KEYS, "next"}
    (shop.root / "safe/.keys.json.part").write_text('{"index": "')  # as who dies while writing leaves it
    land(shop, "orders/b.jsonl", sale("9", "0012"))
    shop.run()
    assert subjects(shop) == keys
    ended = tillage(shop, "keys", "rotate", "--json")
    assert json.loads(ended.stdout) == {"people": 3}
    assert json.loads((shop.root / "safe/keys.json").read_text()).keys() == KEYS
    assert sorted(file.name for file in (shop.root / "safe").iterdir()) == ["keys.json", "keys.lock"]
    with shop.open() as house:
        assert explain(house, "/spend/0012").served["orders"] == 3


def test_whoever_works_with_an_old_key_adds_nobody(shop: Shop) -> None:
    filled(shop)
    land(shop, "customers/b.jsonl", person("9"))
    with shop.open() as slow:
        assert slow.vault is not None
        slow.vault.index_key()
        with shop.open() as house:
            rotate_keys(house, Safe(shop.root / "safe"))
        with pytest.raises(KeysRotatedError):
            run(slow, wait_s=1)
    assert set(subjects(shop)) == {"0012", "ann-1", "b-2"}
    shop.run()
    assert set(subjects(shop)) == {"0012", "ann-1", "b-2", "9"}
    assert is_sound(shop)


def roles(shop: Shop) -> tuple[str, str, str]:
    return vault(shop, "select writer, reader, eraser from vault.roles")[0]  # type: ignore[return-value]


def allowed(shop: Shop, role: str, statement: str) -> bool:
    """Whether a role may; nothing stays of it."""
    with psycopg.connect(shop.dsn) as connection:
        connection.execute(f'set role "{role}"')  # type: ignore[arg-type]
        try:
            connection.execute(statement)  # type: ignore[arg-type]
        except psycopg.errors.InsufficientPrivilege:
            return False
        finally:
            connection.rollback()
    return True


def test_each_role_may_what_it_is_for_and_no_more(shop: Shop) -> None:
    filled(shop)
    writer, reader, eraser = roles(shop)
    kept = ("vault.identities", "vault.aliases", "vault.units")
    reads = [f"select from {table}" for table in kept]
    removes = [f"delete from {table}" for table in kept]
    adds = "insert into vault.identities values ('c', 'x', 'y', 'z')"
    asks = "select vault.subject_key('customer', (select ''::bytea), 'x')"
    assert [allowed(shop, writer, one) for one in (*reads, adds)] == [True] * 4
    assert [allowed(shop, writer, one) for one in removes] == [False, False, True]
    assert [allowed(shop, eraser, one) for one in (*reads, *removes)] == [True] * 6
    assert not allowed(shop, eraser, adds)
    assert [allowed(shop, reader, one) for one in (*reads, *removes, adds, "select from vault.meta")] == [False] * 8
    assert allowed(shop, reader, "select * from gold.spend")
    assert [
        allowed(shop, reader, f"select {what}") for what in ("from folds.spend", "secret from tillage.clients")
    ] == [
        False,
        False,
    ]
    with pytest.raises(psycopg.Error) as wrong:
        allowed(shop, reader, asks)
    assert wrong.value.sqlstate == "TL001"


def test_an_account_that_may_make_no_roles_is_told(shop: Shop, server: str) -> None:
    account = f"poor_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create role {account} login")  # type: ignore[arg-type]
        name = psycopg.conninfo.conninfo_to_dict(shop.dsn)["dbname"]
        connection.execute(f'alter database "{name}" owner to {account}')  # type: ignore[arg-type]
    poor = Shop(shop.root, psycopg.conninfo.make_conninfo(shop.dsn, user=account))
    land(shop, "customers/a.jsonl", ZOE)
    with pytest.raises(StoreError, match="createrole"):
        poor.run()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"alter role {account} createrole")  # type: ignore[arg-type]
    poor.run()
    assert set(subjects(poor)) == {"0012"}
    assert is_sound(poor)


def test_a_backup_has_the_people_and_not_their_keys(shop: Shop, server: str, tmp_path: Path) -> None:
    filled(shop)
    keys = subjects(shop)
    assert tillage(shop, "backup", str(tmp_path / "backup")).returncode == 0
    secrets = json.loads((shop.root / "safe/keys.json").read_text())
    held = b"".join(path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file())
    assert not any(form in held for key in secrets.values() for form in (key.encode(), bytes.fromhex(key)))
    other = Shop(tmp_path / "other", make_database(server, f"people_{next(_NUMBERS)}"))
    shutil.copytree(shop.root, other.root, ignore=shutil.ignore_patterns("data", "safe"))
    ended = tillage(other, "restore", str(tmp_path / "backup"))
    assert (ended.returncode, "safe/keys.json is not there" in ended.stderr) == (14, True)
    shutil.copytree(shop.root / "safe", other.root / "safe")
    assert tillage(other, "run").returncode == 0
    assert subjects(other) == keys
    assert is_sound(other)
    land(other, "customers/b.jsonl", ZOE, person("9"))
    other.run()
    assert counts(other, 3, "customers") == {"accepted": 1, "duplicate": 1}
    assert roles(other) != roles(shop)


def test_test_files_name_people_by_their_ids(shop: Shop) -> None:
    (shop.root / "tests").mkdir()
    (shop.root / "tests/people.yaml").write_text(
        json.dumps(
            [
                {
                    "name": "one",
                    "given": {"customers": [ZOE, person("2", None)], "orders": [sale("1", "0012")]},
                    "expect": {
                        "customers": [{"customer_id": "0012", "country": "NL"}, {"codes": ["missing"]}],
                        "spend": [{"customer_id": "0012", "orders": 1, "total": 1.10}],
                    },
                }
            ]
        )
    )
    ended = tillage(shop, "test")
    assert ended.returncode == 0, ended.stdout + ended.stderr


_LINT: list[tuple[Callable[[list[dict[str, Any]]], object], str]] = [
    (lambda c: c[1].update(classification="PII"), "unknown name 'PII'"),
    (lambda c: c[0].pop("customProperties"), "0 columns with tillage.subject"),
    (lambda c: c[0].update(primaryKey=False), "must be `required: true`"),
    (lambda c: c[4]["customProperties"][0].update(value="client"), "is of 'customer'"),
    (lambda c: c[4].update(logicalType="integer"), "aliasOf is for a string"),
    (lambda c: c[0].update(logicalType="boolean"), "subject is for a string or integer"),
    (lambda c: c[0]["customProperties"][0].update(value="The Customer"), "names a kind of people"),
    (lambda c: c[1].update(primaryKey=True), "personal and part of the key"),
    (lambda c: c[1].update(customProperties=[HASHED | {"value": "mask"}]), "tillage.erase is one of: remove, hash"),
    (lambda c: c[1].update(customProperties=[HASHED | {"value": ["hash"]}]), "tillage.erase is one of: remove, hash"),
    (lambda c: c[7].update(customProperties=[HASHED]), "this one is neither"),
    (lambda c: c[5]["properties"][0].update(classification="personal"), "inside a list or object"),
    (lambda c: c[6]["items"]["properties"][0].update(classification="personal"), "inside a list or object"),
    (lambda c: c[2].update(customProperties=[{"property": "tillage.eventTime", "value": True}]), "leaves them"),
    (
        lambda c: c.append(
            {
                "name": "wage",
                "logicalType": "number",
                "classification": "personal",
                "customProperties": [{"property": "tillage.money", "value": "EUR"}],
            }
        ),
        "leaves them",
    ),
    (lambda c: c[1].update(quality=[{"metric": "duplicateValues", "mustBe": 0}]), "asks tables for 'name'"),
    (
        lambda c: c[0].update(
            quality=[{"metric": "invalidValues", "arguments": {"pattern": "x"}, "mustBeLessThan": 3}]
        ),
        "subject keys in the place",
    ),
    (
        lambda c: c[0]["customProperties"].append({"property": "tillage.aliasOf", "value": "customer"}),
        "further identif",
    ),
    (
        lambda c: c.append(
            {
                "name": "price",
                "logicalType": "number",
                "customProperties": [{"property": "tillage.money", "value": {"currencyBy": "name"}}],
            }
        ),
        "about people",
    ),
]


@pytest.mark.parametrize(("change", "match"), _LINT, ids=[str(number) for number in range(len(_LINT))])
def test_what_cannot_be_kept_apart_is_refused_by_its_line(
    shop: Shop, change: Callable[[list[dict[str, Any]]], object], match: str
) -> None:
    columns = json.loads(json.dumps(CUSTOMERS))
    change(columns)
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns))
    with pytest.raises(ContractError, match=rf"line \d+: .*{re.escape(match)}"):
        shop.run()


def test_rules_of_units_see_people_before_they_leave(shop: Shop) -> None:
    rule = {
        "type": "custom",
        "engine": "tillage",
        "id": "long",
        "implementation": "length(name) > 3 and customer_id <> '7'",
    }
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", CUSTOMERS, quality=[rule]))
    land(shop, "customers/a.jsonl", person("1", "Bo"), person("2", "Anna"), person("7", "Anna"))
    shop.run()
    assert counts(shop, 1, "customers") == {"accepted": 1, "quarantined": 2}
    assert codes(shop, "customers") == [["rule:long"]] * 2


def test_an_id_that_may_be_missing_is_nobody(shop: Shop) -> None:
    columns = [
        one | ({"required": False} if one["name"] == "customer_id" else {}) for one in ORDERS if one["name"] != "door"
    ]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", columns))
    guest = {"order_id": "2", "total": "1.00"}
    land(shop, "orders/a.jsonl", sale("1", "0012"), guest, guest | {"order_id": "3", "customer_id": " "})
    shop.run()
    assert set(subjects(shop)) == {"0012"}
    assert [row["customer_id"] for row in silver(shop, "orders")] == [subjects(shop)["0012"], None, None]
    assert is_sound(shop)


def test_ids_that_are_numbers_are_people_too(shop: Shop) -> None:
    for name, columns in (("customers", CUSTOMERS), ("orders", ORDERS)):
        typed = [one | ({"logicalType": "integer"} if one["name"] == "customer_id" else {}) for one in columns]
        (shop.root / f"contracts/{name}.odcs.yaml").write_text(contract(name, typed))
    land(shop, "customers/a.jsonl", person("7"))
    land(shop, "orders/a.jsonl", sale("1", "7"), {**sale("2", "8"), "customer_id": 7})
    shop.run()
    assert set(subjects(shop)) == {"7"}
    with shop.open() as house:
        assert explain(house, "/spend/7").served["orders"] == 2


def test_values_may_be_as_long_as_records(shop: Shop) -> None:
    long = "x" * 5_000_000
    land(shop, "customers/a.jsonl", person("1"), person(long), person("3", long), person("4", long))
    for name in ("a", "b"):
        shop.run()
        land(shop, f"customers/{name}2.jsonl", person("1"), person(long), person("3", long), person("4", long))
    assert counts(shop, 2, "customers") == {"duplicate": 4}
    assert is_sound(shop)


def test_a_dataset_whose_people_come_later_goes_on_as_it_was(shop: Shop) -> None:
    """What stands from before has nothing personal; files that are loaded are known, though digests are keyed now."""
    plain = [{"name": "order_id", "logicalType": "string", "primaryKey": True}, {"name": "n", "logicalType": "integer"}]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", plain))
    model = "select customer_id, count(*) as orders, count(*) as total_minor from customers group by 1"
    (shop.root / "models/spend.sql").write_text(model)
    path = land(shop, "orders/a.jsonl", {"order_id": "1", "n": 1}, {"order_id": "2", "n": 2})
    shop.run()
    subject = {"name": "customer_id", "logicalType": "string", "required": True, "customProperties": [
        {"property": "tillage.subject", "value": "customer"}]}  # fmt: skip
    more = [*plain, subject, {"name": "door", "logicalType": "string", "classification": "personal"}]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", more))
    os.utime(path, (1, 1))
    assert shop.run().loads == {}
    loose = [*plain, subject | {"required": False}]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", loose))
    land(shop, "orders/b.jsonl", {"order_id": "1", "n": 1}, {"order_id": "3", "n": 1, "customer_id": "7"})
    shop.run()
    assert counts(shop, 2, "orders") == {"accepted": 1, "duplicate": 1}
    assert is_sound(shop)


def test_what_is_made_of_a_personal_column_is_personal_too(shop: Shop) -> None:
    pay = {"name": "pay", "logicalType": "number", "classification": "personal"}
    money = {"property": "tillage.money", "value": "EUR"}
    bonus = {"name": "bonus", "logicalType": "number", "customProperties": [
        money, {"property": "tillage.amount", "value": "pay * 2"}]}  # fmt: skip
    group = {"name": "group", "logicalType": "string", "customProperties": [
        {"property": "tillage.map", "value": {"column": "name", "values": {"a": "b"}, "default": "c"}}]}  # fmt: skip
    for column in (bonus, group):
        (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", [*CUSTOMERS, pay, column]))
        with pytest.raises(ContractError, match="is about people, and tables would keep it"):
            shop.run()
    personal = group | {"classification": "personal"}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", [*CUSTOMERS, personal]))
    land(shop, "customers/a.jsonl", ZOE)
    shop.run()
    assert '"group":"c"' in vault(shop, "select personal from vault.units")[0][0]


def test_no_statistic_says_who_people_are(shop: Shop) -> None:
    filled(shop)
    with psycopg.connect(shop.dsn) as connection:
        found = str(connection.execute("select s::text from pg_catalog.pg_statistic as s").fetchall())
    assert not any(word in found for word in (*WORDS, "ann-1", "ann@quagge"))


def test_two_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    safe = Safe(tmp_path / "safe" / "prod")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Safe(safe.folder).keys(None).index.secret, range(8)))
    assert len(set(found)) == 1
    assert stat.S_IMODE((tmp_path / "safe").stat().st_mode) == 0o700


def test_the_key_is_changed_by_one_process_at_a_time(shop: Shop) -> None:
    filled(shop)
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(lambda _: tillage(shop, "keys", "rotate").returncode, range(3)))
    assert set(ended) <= {0, 12}
    assert json.loads((shop.root / "safe/keys.json").read_text()).keys() == KEYS
    with shop.open() as house:
        assert explain(house, "/spend/0012").adds_up()
