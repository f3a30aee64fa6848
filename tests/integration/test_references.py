"""Units that refer to others wait for them, and come in when they are there, whatever comes when."""

from __future__ import annotations

import json
import random
import signal
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest

from tests.integration.peopled import (
    CUSTOMERS,
    ORDERS,
    codes,
    contract,
    counts,
    land,
    make_peopled,
    person,
    sale,
    silver,
    vault,
)
from tests.integration.shops import Shop, make_database
from tests.integration.test_people import tillage
from tillage.errors import ContractError
from tillage.pipelines.audit import audit
from tillage.pipelines.backup import backup
from tillage.pipelines.dump import dump
from tillage.pipelines.quarantine import discard, patch_file, replay
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status
from tillage.ports.store import Waiting
from tillage.settings import read_settings
from tillage.wiring import backup_folder, load_project

_NUMBERS = count(1)
PRODUCTS: list[dict[str, Any]] = [
    {"name": "sku", "logicalType": "integer", "primaryKey": True},
    {"name": "title", "logicalType": "string", "required": True},
]


def referring(to: str, **late: str) -> list[dict[str, Any]]:
    terms = [{"property": f"tillage.{name}", "value": value} for name, value in late.items()]
    return [{"to": to, **({"customProperties": terms} if terms else {})}]


def orders(**late: str) -> list[dict[str, Any]]:
    """Orders of customers, whose lines are of products."""
    columns = [dict(one) for one in ORDERS]
    columns[1]["relationships"] = referring("customers.customer_id", **late)
    sku = {"name": "sku", "logicalType": "integer", "relationships": referring("products.sku", **late)}
    lines = {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": [sku]}}
    return [*columns, lines]


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    # The children's feed stands first: it is their references that order them.
    feeds = {name: {"path": f"landing/{name}", "format": "jsonl"} for name in ("orders", "customers", "products")}
    database = make_database(server, f"references_{next(_NUMBERS)}")
    shop = make_peopled(tmp_path / "shop", database, project={"feeds": feeds})
    (shop.root / "landing/products").mkdir()
    (shop.root / "contracts/products.odcs.yaml").write_text(contract("products", PRODUCTS))
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", orders()))
    return shop


def describe_tills(shop: Shop, *, is_city_required: bool, has_note: bool = False) -> None:
    """Shops and the tills that stand in them, in one record; a till names its shop."""
    parent = [
        {"name": "shop_id", "logicalType": "string", "primaryKey": True},
        {"name": "city", "logicalType": "string", "required": is_city_required},
    ]
    child = [
        {"name": "till_id", "logicalType": "string", "primaryKey": True},
        {
            "name": "at",
            "logicalType": "string",
            "physicalName": "$.at",
            "relationships": referring("shops.shop_id"),
        },
        *([{"name": "note", "logicalType": "string"}] if has_note else []),
    ]
    unit = [{"property": "tillage.unit", "value": "$.tills[*]"}]
    head = json.loads(contract("tills", child, customProperties=unit))
    head["schema"].append({"name": "shops", "properties": parent})
    (shop.root / "contracts/customers.odcs.yaml").write_text(json.dumps(head))


def bought(number: str, customer: str, *skus: int | None, total: str = "1.10") -> dict[str, Any]:
    return sale(number, customer, total, lines=[{"sku": sku} for sku in skus])


def product(sku: int, title: str | None = "Soup") -> dict[str, Any]:
    return {"sku": sku, "title": title}


def is_sound(shop: Shop) -> bool:
    with shop.open() as house:
        return balances(shop) and not audit(house).findings and all(one.agrees() for one in reconcile(house))


def balances(shop: Shop) -> bool:
    with shop.open() as house:
        return all(one.balances() for one in status(house).datasets.values())


def standing(shop: Shop) -> list[str]:
    return sorted(row["order_id"] for row in silver(shop, "orders"))


def only(shop: Shop, *feeds: str) -> list[int]:
    """Runs some feeds; the numbers of the loads."""
    with shop.open() as house:
        return sorted(run(house, wait_s=1, feeds=feeds).loads)


def test_parents_are_loaded_first_and_children_wait_only_for_what_is_not_there(shop: Shop) -> None:
    land(
        shop,
        "orders/a.jsonl",
        bought("1", "ann", 7),
        bought("2", "bob", 7),
        bought("3", "ann", 7, 9),
        bought("4", "ann"),
    )
    land(shop, "customers/a.jsonl", person("ann"), person("bob", None))
    land(shop, "products/a.jsonl", product(7))
    shop.run()
    assert standing(shop) == ["1", "4"]
    assert codes(shop, "orders") == [["reference_missing"], ["reference_missing"]]  # a rejected parent is missing
    assert is_sound(shop)


@pytest.mark.accept("7.2")
def test_a_parent_that_comes_late_releases_what_waits_for_it_and_nothing_else(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", person("ann"))
    land(
        shop,
        "orders/a.jsonl",
        bought("1", "ann", 7),
        bought("2", "bob", 7),
        bought("3", "ann", 9),
        bought("1", "ann", 7),
    )
    shop.run()
    assert standing(shop) == []
    assert counts(shop, 2, "orders") == {"quarantined": 4}
    assert is_sound(shop)
    land(shop, "products/a.jsonl", product(7))
    loads = only(shop, "products")  # also if only the parent's feed is asked for
    assert loads == [3, 4]
    assert counts(shop, 4, "orders") == {"accepted": 1, "duplicate": 1}  # a repeat is one once the first is in
    assert standing(shop) == ["1"]
    assert is_sound(shop)
    assert shop.run().loads == {}  # nothing new for what waits
    land(shop, "customers/b.jsonl", person("bob"))
    shop.run()
    assert standing(shop) == ["1", "2"]
    land(shop, "products/b.jsonl", product(9))
    shop.run()
    assert standing(shop) == ["1", "2", "3"]
    assert vault(shop, "select count(*) from tillage.awaited") == [(0,)]
    assert vault(shop, "select count(*) from tillage.quarantine") == [(0,)]
    assert is_sound(shop)


def canonical(shop: Shop) -> list[str]:
    with shop.open() as house:
        lines = list(dump(house, is_canonical=True))
    keys = dict(vault(shop, "select subject_key, natural_id from vault.identities"))
    text = "\n".join(lines)
    for key, natural in keys.items():
        text = text.replace(key, f"<{natural}>")
    return sorted(text.split("\n"))


FILES = {
    "customers/a.jsonl": [person("ann"), person("bob"), person("eve", None)],
    "products/a.jsonl": [product(7), product(8)],
    "products/b.jsonl": [product(9), product(10, None)],
    "orders/a.jsonl": [bought("1", "ann", 7), bought("2", "bob", 9, 8), bought("3", "zoe", 7), bought("1", "ann", 7)],
    "orders/b.jsonl": [bought("4", "ann", 10), bought("5", "bob"), bought("2", "bob", 9, 8), bought("3", "zoe", 7)],
}


@pytest.mark.accept("7.2")
def test_every_order_of_arrival_comes_to_the_same(shop: Shop, tmp_path: Path, server: str) -> None:
    for name, records in FILES.items():
        land(shop, name, *records)
    shop.run()
    once = canonical(shop)
    assert standing(shop) == ["1", "2", "5"]
    orders_of_arrival = list(permutations(FILES))
    random.Random(11).shuffle(orders_of_arrival)
    for arrival in orders_of_arrival[:4]:
        number = next(_NUMBERS)
        other = Shop(tmp_path / f"other{number}", make_database(server, f"references_{number}"))
        other.root.mkdir()
        for part in ("tillage.yaml", "contracts", "models"):
            source = shop.root / part
            target = other.root / part
            target.write_bytes(source.read_bytes()) if source.is_file() else copy(source, target)
        for feed in ("customers", "products", "orders"):
            (other.root / "landing" / feed).mkdir(parents=True)
        for name in arrival:
            land(other, name, *FILES[name])
            other.run()
            assert balances(other), (arrival, name)
        assert standing(other) == ["1", "2", "5"], arrival
        assert canonical(other) == once, arrival
        for name in arrival:  # all of it again, under other names
            land(other, name.replace(".jsonl", "2.jsonl"), *FILES[name])
        other.run()
        assert standing(other) == ["1", "2", "5"], arrival
        assert is_sound(other), arrival


def copy(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


POINTS = [
    f"{when}:{point}"
    for point in ("plan", "bronze", "silver", "publish", "seal", "looked")
    for when in ("before", "after")
]


@pytest.mark.parametrize("crash", POINTS)
def test_a_release_that_is_killed_anywhere_is_finished_once(shop: Shop, crash: str) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann", 7), bought("2", "bob", 7), bought("1", "ann", 7))
    land(shop, "products/a.jsonl", product(7))
    shop.run()
    land(shop, "customers/a.jsonl", person("ann"))
    only(shop, "products")
    # Of a run with a parent's load and a release each point but the last is passed twice or more.
    times = {"silver": 2, "looked": 1}.get(crash.partition(":")[2], 2)
    assert tillage(shop, "run", TILLAGE_CRASH=f"{crash}:{times}").returncode == -signal.SIGKILL
    shop.run()
    shop.run()
    assert standing(shop) == ["1"]
    assert codes(shop, "orders") == [["reference_missing"]]
    assert vault(shop, "select count(*) from tillage.loads where state = 'open'") == [(0,)]
    assert is_sound(shop)


def test_late_parents_may_be_refused_for_good(shop: Shop) -> None:
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", orders(lateParent="reject")))
    land(shop, "orders/a.jsonl", bought("1", "ann", 7))
    shop.run()
    assert codes(shop, "orders") == [["reference_missing"]]
    land(shop, "customers/a.jsonl", person("ann"))
    land(shop, "products/a.jsonl", product(7))
    shop.run()
    assert standing(shop) == []
    with shop.open() as house:
        replay(house, Waiting(dataset="orders"), wait_s=1)
    assert standing(shop) == ["1"]
    assert is_sound(shop)


def test_what_was_given_up_is_not_released(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann"), bought("2", "bob"))
    shop.run()
    with shop.open() as house:
        discard(house, Waiting(dataset="orders"), reason="test", wait_s=1)
    land(shop, "customers/a.jsonl", person("ann"))
    shop.run()
    assert standing(shop) == []
    assert is_sound(shop)


def test_a_release_is_by_the_contract_of_the_load_and_a_replay_by_todays(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann", total="1.10"), bought("2", "bob", total="1.10"))
    shop.run()
    strict = orders()
    strict[3] = strict[3] | {"logicalTypeOptions": {"minimum": 5}}
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", strict))
    land(shop, "customers/a.jsonl", person("ann"))
    shop.run()
    assert standing(shop) == ["1"]
    with shop.open() as house:
        replay(house, Waiting(dataset="orders"), wait_s=1)
    assert codes(shop, "orders") == [["range"]]
    land(shop, "customers/b.jsonl", person("bob"))
    shop.run()
    assert standing(shop) == ["1"]  # it waits for other reasons now
    assert is_sound(shop)


def test_a_rule_that_a_release_would_break_keeps_it_waiting(shop: Shop) -> None:
    rule = {"id": "few", "metric": "rowCount", "mustBeLessThan": 2}
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", orders(), quality=[rule]))
    land(shop, "orders/a.jsonl", bought("1", "ann"), bought("2", "ann"))
    shop.run()
    land(shop, "customers/a.jsonl", person("ann"))
    report = shop.run()
    assert [str(one) for one in report.problems() if "rule 'few'" in str(one)]
    assert standing(shop) == []
    assert vault(shop, "select count(*) from tillage.quarantine") == [(2,)]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", orders()))
    with shop.open() as house:
        replay(house, wait_s=1)
    assert standing(shop) == ["1", "2"]
    assert is_sound(shop)


def test_a_parent_and_its_children_may_come_in_one_record(tmp_path: Path, server: str) -> None:
    database = make_database(server, f"references_{next(_NUMBERS)}")
    shop = make_peopled(tmp_path / "shop", database)
    describe_tills(shop, is_city_required=True)
    land(
        shop,
        "customers/a.jsonl",
        {"shop_id": "1", "city": "Utrecht", "at": "1", "tills": [{"till_id": "a"}]},
        {"shop_id": "2", "at": "2", "tills": [{"till_id": "b"}]},
        {"shop_id": "3", "city": "Gouda", "at": None, "tills": [{"till_id": "c"}]},
        {"shop_id": "4", "city": "Delft", "at": "5", "tills": [{"till_id": "d"}]},
    )
    shop.run()
    assert sorted(row["till_id"] for row in silver(shop, "tills")) == ["a", "c"]
    land(shop, "customers/b.jsonl", {"shop_id": "5", "city": "Assen"}, {"shop_id": "2", "city": "Breda"})
    shop.run()
    assert sorted(row["till_id"] for row in silver(shop, "tills")) == ["a", "b", "c", "d"]
    assert is_sound(shop)


def test_keys_of_several_columns_are_told_apart(tmp_path: Path, server: str) -> None:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"references_{next(_NUMBERS)}"))
    parent = [
        {"name": "land", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2},
        {"name": "number", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 1},
    ]
    child = [
        {"name": "id", "logicalType": "string", "primaryKey": True},
        {"name": "of_land", "logicalType": "string"},
        {"name": "of_number", "logicalType": "string"},
    ]
    to = {"from": ["ids.of_land", "ids.of_number"], "to": ["seats.land", "seats.number"]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("seats", parent))
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("ids", child, relationships=[to]))
    (shop.root / "models/spend.sql").write_text(
        "select id as customer_id, count(*) as orders, 1 as total_minor from ids group by id"
    )
    (shop.root / "models/spend.sql").write_text(
        "select id as customer_id, count(*) as orders, count(*) as total_minor from ids group by id"
    )
    land(
        shop,
        "customers/a.jsonl",
        {"land": "a", "number": 'b","c'},
        {"land": "a,b", "number": "c"},
        {"land": "x", "number": "y"},
    )
    rows = [
        ("1", "a", 'b","c'),
        ("2", 'a","b', "c"),
        ("3", "a,b", "c"),
        ("4", "y", "x"),
        ("5", "x", None),
        ("6", "x", "y"),
    ]
    land(shop, "orders/a.jsonl", *({"id": one, "of_land": two, "of_number": three} for one, two, three in rows))
    shop.run()
    assert sorted(row["id"] for row in silver(shop, "ids")) == ["1", "3", "5", "6"]
    assert is_sound(shop)


def test_versions_of_a_parent_are_one_parent(shop: Shop) -> None:
    merging = {"customProperties": [{"property": "tillage.merge", "value": "upsert"}]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", CUSTOMERS, **merging))
    land(shop, "customers/a.jsonl", person("ann"), person("ann", "Ann B."))
    land(shop, "orders/a.jsonl", bought("1", "ann"))
    shop.run()
    land(shop, "customers/b.jsonl", person("ann", "Ann C."))
    land(shop, "orders/b.jsonl", bought("2", "ann"))
    shop.run()
    assert standing(shop) == ["1", "2"]
    assert is_sound(shop)


def test_a_rebuild_leaves_what_stands_and_judges_what_changes_with_its_parents(shop: Shop) -> None:
    land(shop, "customers/a.jsonl", person("ann"))
    land(shop, "orders/a.jsonl", bought("1", "ann"), bought("2", "bob"))
    shop.run()
    with shop.open() as house:
        found = rebuild_from_bronze(house, wait_s=1)
        assert {name: (one.rows, one.same_rows) for name, one in found.looked_at.items()} == {
            "customers": (1, 1),
            "orders": (1, 1),
            "products": (0, 0),
        }
    more = [*orders(), {"name": "note", "logicalType": "string", "physicalName": "order_id"}]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", more))
    with shop.open() as house:
        rebuild_from_bronze(house, feed="orders", wait_s=1)
    assert [row["note"] for row in silver(shop, "orders")] == ["1"]
    land(shop, "customers/b.jsonl", person("bob"))
    shop.run()
    assert standing(shop) == ["1", "2"]
    assert is_sound(shop)


def test_a_backup_keeps_what_waits_for_others(shop: Shop, tmp_path: Path, server: str) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann"))
    shop.run()
    with shop.open() as house:
        backup(house, backup_folder(shop.root, tmp_path / "backup", read_settings({})), wait_s=1, version="0")
    other = Shop(tmp_path / "other", make_database(server, f"references_{next(_NUMBERS)}"))
    other.root.mkdir()
    for part in ("contracts", "models", "safe"):
        copy(shop.root / part, other.root / part)
    (other.root / "safe/keys.json").chmod(0o600)
    (other.root / "tillage.yaml").write_bytes((shop.root / "tillage.yaml").read_bytes())
    for feed in ("customers", "products", "orders"):
        (other.root / "landing" / feed).mkdir(parents=True)
    assert tillage(other, "restore", str(tmp_path / "backup")).returncode == 0
    land(other, "customers/a.jsonl", person("ann"))
    other.run()
    assert standing(other) == ["1"]


_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"to": "clients.customer_id"}, "no contract describes dataset 'clients'"),
    ({"to": "customers.country"}, "whole primary key of 'customers', which is: customer_id"),
    ({"to": "products.sku"}, "'customer_id' is string, and products.sku is integer"),
    ({"to": "orders.order_id"}, "cannot refer to itself"),
    ({"to": "schema/customers/properties/customer_id"}, "a reference is short"),
    ({"to": ["customers.customer_id", "customers.country"]}, "as many columns as refer"),
    (
        {"to": "customers.customer_id", "customProperties": [{"property": "tillage.lateParent", "value": "maybe"}]},
        "unknown name 'maybe'",
    ),
]


@pytest.mark.parametrize(("relationship", "match"), _WRONG, ids=[str(one) for one in range(len(_WRONG))])
def test_a_reference_that_could_not_be_kept_is_refused_by_its_line(
    shop: Shop, relationship: dict[str, Any], match: str
) -> None:
    columns = orders()
    columns[1]["relationships"] = [relationship]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", columns))
    with pytest.raises(ContractError, match=rf"line \d+: .*{match}"):
        load_project(shop.root)


def test_people_are_referred_to_as_people(shop: Shop) -> None:
    columns = orders()
    columns[1].pop("customProperties")
    columns = [one for one in columns if one["name"] != "door"]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", columns))
    with pytest.raises(ContractError, match="the same kind of people"):
        load_project(shop.root)


def test_datasets_of_a_feed_that_refer_in_a_circle_are_refused(shop: Shop) -> None:
    one = [{"name": "a", "logicalType": "string", "primaryKey": True, "relationships": referring("y.b")}]
    two = [{"name": "b", "logicalType": "string", "primaryKey": True, "relationships": referring("x.a")}]
    document = json.loads(contract("x", one))
    document["schema"].append({"name": "y", "properties": two})
    (shop.root / "contracts/products.odcs.yaml").write_text(json.dumps(document))
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", ORDERS))
    with pytest.raises(ContractError, match="in a circle"):
        load_project(shop.root)


def test_feeds_that_refer_to_each_other_come_as_the_project_file_has_them(shop: Shop) -> None:
    products = [
        *PRODUCTS,
        {"name": "first_order", "logicalType": "string", "relationships": referring("orders.order_id")},
    ]
    (shop.root / "contracts/products.odcs.yaml").write_text(contract("products", products))
    land(shop, "customers/a.jsonl", person("ann"))
    land(shop, "orders/a.jsonl", bought("1", "ann"), bought("2", "ann", 7))
    land(shop, "products/a.jsonl", product(7) | {"first_order": "1"}, product(8) | {"first_order": "2"})
    for _ in range(3):
        shop.run()
    assert standing(shop) == ["1", "2"]
    assert len(silver(shop, "products")) == 2
    assert is_sound(shop)


def test_what_a_person_has_patched_is_not_released_as_it_came(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann", total="9.00"))
    shop.run()
    patch = patch_file("p.yaml", json.dumps([{"replace": "$.total", "to": "1.00"}]))
    with shop.open() as house:
        replay(house, patch=patch, wait_s=1)
    assert codes(shop, "orders") == [["reference_missing"]]
    land(shop, "customers/a.jsonl", person("ann"))
    shop.run()
    assert standing(shop) == []
    with shop.open() as house:
        replay(house, patch=patch, wait_s=1)
    assert [row["total_minor"] for row in silver(shop, "orders")] == [100]
    assert is_sound(shop)


def test_a_release_under_an_older_contract_does_not_open_a_way_to_another_currency(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann"))
    shop.run()

    def fee(currency: str) -> None:
        money = {"property": "tillage.money", "value": currency}
        column = {"name": "fee", "logicalType": "number", "customProperties": [money]}
        (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", [*orders(), column]))

    fee("EUR")
    land(shop, "orders/b.jsonl", bought("2", "bob") | {"fee": "1.00"})
    shop.run()
    land(shop, "customers/a.jsonl", person("ann"), person("bob"))
    shop.run()
    assert standing(shop) == ["1", "2"]
    fee("USD")
    with pytest.raises(ContractError, match="has loads with column fee_minor BIGINT in EUR"):
        shop.run()


def test_a_chain_of_parents_comes_in_by_one_run(tmp_path: Path, server: str) -> None:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"references_{next(_NUMBERS)}"))
    datasets = []
    for level in range(5):
        columns: list[dict[str, Any]] = [{"name": "id", "logicalType": "string", "primaryKey": True}]
        if level:
            up = {"name": "up", "logicalType": "string", "relationships": referring(f"d{level - 1}.id")}
            columns.append(up)
        where = [{"property": "tillage.where", "value": f"kind = '{level}'"}]
        columns.append({"name": "kind", "logicalType": "string"})
        datasets.append({"name": f"d{level}", "properties": columns, "customProperties": where})
    document = json.loads(contract("x", [])) | {"schema": datasets[::-1]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(json.dumps(document))
    for level in range(4, -1, -1):
        land(shop, f"customers/{level}.jsonl", {"id": str(level), "up": str(level - 1), "kind": str(level)})
        shop.run()
    assert [len(silver(shop, f"d{level}")) for level in range(5)] == [1] * 5
    assert is_sound(shop)


def test_late_parents_break_no_bound(shop: Shop) -> None:
    said = json.loads((shop.root / "tillage.yaml").read_text())
    said["feeds"]["orders"]["maxQuarantine"] = 1
    (shop.root / "tillage.yaml").write_text(json.dumps(said))
    land(shop, "orders/a.jsonl", *(bought(str(number), "ann") for number in range(5)))
    assert not shop.run().failed
    land(shop, "orders/b.jsonl", *(bought(f"b{number}", "ann", total="x") for number in range(5)))
    assert len(shop.run().failed) == 1


def test_units_of_a_reference_that_is_gone_are_released_all_the_same(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann"))
    land(shop, "products/a.jsonl", product(7))
    shop.run()
    plain = orders()
    del plain[1]["relationships"]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", plain))
    land(shop, "customers/a.jsonl", person("ann"))
    shop.run()
    assert standing(shop) == ["1"]


def test_a_dataset_that_is_referred_to_and_described_no_more_stops_nothing(shop: Shop) -> None:
    land(shop, "orders/a.jsonl", bought("1", "ann", 7))
    shop.run()
    plain = orders()
    plain[-1] = {key: value for key, value in plain[-1].items() if key != "items"} | {
        "items": {"logicalType": "object", "properties": [{"name": "sku", "logicalType": "integer"}]}
    }
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", plain))
    said = json.loads((shop.root / "tillage.yaml").read_text())
    del said["feeds"]["products"]
    (shop.root / "tillage.yaml").write_text(json.dumps(said))
    land(shop, "customers/a.jsonl", person("ann"))
    shop.run()
    assert shop.run().loads == {}
    assert is_sound(shop)


def test_a_rebuild_that_takes_a_parent_away_does_not_let_its_changed_children_in(tmp_path: Path, server: str) -> None:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"references_{next(_NUMBERS)}"))
    describe_tills(shop, is_city_required=False)
    land(shop, "customers/a.jsonl", {"shop_id": "1", "at": "1", "tills": [{"till_id": "a", "note": "n"}]})
    shop.run()
    assert len(silver(shop, "tills")) == 1
    describe_tills(shop, is_city_required=True, has_note=True)
    with shop.open() as house:
        rebuild_from_bronze(house, feed="customers", wait_s=1)
    assert (silver(shop, "tills"), silver(shop, "shops")) == ([], [])
    assert codes(shop, "tills") == [["reference_missing"]]
    assert is_sound(shop)
