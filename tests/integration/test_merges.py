"""Newer versions close older ones: what stands, what silver keeps, and what the sums say, in any order of arrival."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.acceptance.commands import tillage
from tests.integration.shops import CONTRACT, Shop, customer, make_database, order
from tests.integration.small import make_small, put
from tillage.errors import OperatorError
from tillage.pipelines.changes import changes
from tillage.pipelines.explain import explain
from tillage.pipelines.query import query
from tillage.pipelines.reconcile import reconcile

MODEL = """
select shop, sum(1) as stock_items, sum(price_minor) as price_minor, count(note) as notes from stock group by shop
"""


def contract(merge: str, version: str | None) -> str:
    terms = [{"property": "tillage.merge", "value": merge}]
    terms += [{"property": "tillage.version", "value": version}] if version else []
    columns = [
        {"name": "sku", "logicalType": "string", "primaryKey": True},
        {"name": "shop", "logicalType": "string", "required": True},
        {
            "name": "price",
            "logicalType": "number",
            "required": True,
            "customProperties": [{"property": "tillage.money", "value": "EUR"}],
        },
        {"name": "revision", "logicalType": "integer"},
        {"name": "note", "logicalType": "string"},
        {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
    ]
    return yaml.safe_dump(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": "stock",
            "version": "1.0.0",
            "status": "active",
            "schema": [{"name": "stock", "customProperties": terms, "properties": columns}],
        },
        sort_keys=False,
    )


def make_stock(root: Path, dsn: str, *, merge: str = "upsert", version: str | None = "revision") -> Shop:
    for folder in ("contracts", "models", "landing/orders"):
        (root / folder).mkdir(parents=True)
    serve = {"/stock/{shop}": {"from": "by_shop", "fields": {"shop": "shop", "price": "price_minor"}}}
    feeds = {"stock": {"path": "landing/orders", "format": "jsonl"}}
    (root / "tillage.yaml").write_text(yaml.safe_dump({"project": "stock", "feeds": feeds, "serve": serve}))
    (root / "contracts/stock.odcs.yaml").write_text(contract(merge, version))
    (root / "models/by_shop.sql").write_text(MODEL)
    return Shop(root, dsn)


@pytest.fixture
def stock(server: str, tmp_path: Path) -> Shop:
    return make_stock(tmp_path / "stock", make_database(server, f"stock_{tmp_path.name}"))


def row(sku: str, revision: int, price: float, **others: object) -> dict[str, object]:
    return {"sku": sku, "shop": "north", "price": price, "revision": revision, **others}


def standing(shop: Shop) -> dict[str, tuple[int, int]]:
    with shop.open() as house:
        rows = query(house, "select sku, revision, price_minor from silver.stock").to_pylist()
    assert len({one["sku"] for one in rows}) == len(rows)
    return {one["sku"]: (one["revision"], one["price_minor"]) for one in rows}


def total(shop: Shop) -> dict[str, int]:
    with shop.open() as house:
        rows = house.folds.state("by_shop").to_pylist()
        assert all(one.comparison.differ == 0 for one in reconcile(house))
    return {one["shop"]: int(one["price_minor"]) for one in rows}


def test_newer_version_closes_the_older_one_and_the_sums_follow(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00), row("b", 1, 2.00))
    stock.run()
    stock.land("b.jsonl", row("a", 2, 1.50, shop="south"), row("c", 1, 4.00))
    counts = stock.run().loads[2]["stock"]
    assert (counts.accepted_rows, counts.closed_rows, counts.closed_minor) == (2, 1, 100)
    assert standing(stock) == {"a": (2, 150), "b": (1, 200), "c": (1, 400)}
    assert total(stock) == {"north": 600, "south": 150}


def test_versions_of_one_load_each_open_and_close_in_order_of_place(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00), row("a", 3, 3.00), row("a", 2, 2.00), row("a", 4, 4.00))
    counts = stock.run().loads[1]["stock"]
    assert (counts.accepted_rows, counts.duplicate_rows, counts.closed_rows) == (3, 1, 2)
    assert standing(stock) == {"a": (4, 400)}
    assert total(stock) == {"north": 400}


@pytest.mark.parametrize("crash", ["before:publish:1", "after:publish:1", "before:seal:1"])
def test_versions_of_one_load_are_counted_once_when_it_is_finished_by_another_process(stock: Shop, crash: str) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00), row("b", 1, 7.00))
    stock.run()
    stock.land("b.jsonl", row("a", 3, 3.00), row("a", 2, 2.00), row("a", 4, 4.00))
    environment = os.environ | {"TILLAGE_STORE_DSN": stock.dsn, "TILLAGE_CRASH": crash}
    killed = subprocess.run([sys.executable, "-m", "tillage", "run"], cwd=stock.root, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    report = stock.run()
    assert report.resumed == [2]
    counts = report.loads[2]["stock"]
    assert (counts.accepted_rows, counts.duplicate_rows, counts.closed_rows, counts.closed_minor) == (2, 1, 2, 400)
    assert standing(stock) == {"a": (4, 400), "b": (1, 700)}
    assert total(stock) == {"north": 1100}


def test_older_version_is_stale_and_same_version_with_other_content_is_a_conflict(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 5, 5.00))
    stock.run()
    stock.land("b.jsonl", row("a", 4, 4.00), row("a", 5, 9.00), row("a", 5, 5.00))
    counts = stock.run().loads[2]["stock"]
    assert (counts.accepted_rows, counts.duplicate_rows, counts.quarantined_rows) == (0, 2, 1)
    with stock.open() as house:
        assert house.ledger.quarantine_reasons()[0].code == "key_conflict"
        units = query(house, "select u.codes[1] as code from (select unnest(units) as u from bronze.stock)")
    assert sorted(units.column("code").drop_null().to_pylist()) == ["duplicate", "key_conflict", "stale"]
    assert standing(stock) == {"a": (5, 500)}


def test_without_a_version_the_later_record_stands_and_repeats_change_nothing(server: str, tmp_path: Path) -> None:
    stock = make_stock(tmp_path / "stock", make_database(server, "stock_later"), version=None)
    stock.land("a.jsonl", row("a", 1, 1.00), row("a", 1, 1.00), row("a", 1, 2.00), row("a", 1, 1.00))
    counts = stock.run().loads[1]["stock"]
    assert (counts.accepted_rows, counts.duplicate_rows, counts.closed_rows) == (3, 1, 2)
    assert standing(stock) == {"a": (1, 100)}
    stock.land("b.jsonl", row("a", 1, 1.00), row("a", 0, 7.00))
    stock.run()
    assert standing(stock) == {"a": (0, 700)}
    assert total(stock) == {"north": 700}


def test_explain_adds_up_what_stands_only(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00), row("b", 1, 2.00))
    stock.run()
    stock.land("b.jsonl", row("a", 2, 1.50))
    stock.run()
    with stock.open() as house:
        explained = explain(house, "/stock/north")
    assert sorted((part.file, part.line, part.adds["price_minor"]) for part in explained.parts) == [
        ("landing/orders/a.jsonl", 2, 200),
        ("landing/orders/b.jsonl", 1, 150),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_every_order_of_arrival_comes_to_the_same_house(server: str, tmp_path: Path, seed: int) -> None:
    """Versions of some things, each with its own content, shuffled over records, files and loads."""
    rolled = random.Random(seed)
    versions = [row(sku, number, number + ord(sku) / 100) for sku in "abcdef" for number in range(1, 6)]
    newest = {one["sku"]: (5, 500 + ord(str(one["sku"]))) for one in versions}
    for turn in range(2):
        stock = make_stock(tmp_path / f"stock{turn}", make_database(server, f"stock_order_{seed}_{turn}"))
        rolled.shuffle(versions)
        for part in range(3):
            for half in range(2):
                stock.land(f"{part}{half}.jsonl", *versions[(2 * part + half) * 5 : (2 * part + half + 1) * 5])
            stock.run()
        assert standing(stock) == newest
        assert total(stock) == {"north": sum(minor for _, minor in newest.values())}
        with stock.open() as house:
            rows = query(house, "from silver.stock").num_rows
        assert rows == len(newest)


def test_two_feeds_cannot_be_told_apart_by_text_versions(stock: Shop) -> None:
    (stock.root / "contracts/stock.odcs.yaml").write_text(contract("upsert", "note"))
    with pytest.raises(Exception, match="must be an integer, number, date or timestamp column"):
        stock.run()


def test_records_of_lists_are_compared_whole(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00, tags=["x", "y"]))
    stock.land("b.jsonl", row("a", 1, 1.00, tags=["x", "y"]), row("a", 1, 1.00, tags=["y", "x"]))
    counts = stock.run().loads[1]["stock"]
    assert (counts.accepted_rows, counts.duplicate_rows, counts.quarantined_rows) == (1, 1, 1)
    assert json.dumps(standing(stock)) == json.dumps({"a": (1, 100)})


def test_changes_since_a_load_are_what_stands_otherwise_now(stock: Shop) -> None:
    stock.land("a.jsonl", row("a", 1, 1.00), row("b", 1, 2.00), row("c", 1, 3.00))
    stock.run()
    stock.land("b.jsonl", row("a", 2, 1.50), row("d", 1, 4.00), row("b", 1, 2.00))
    stock.run()
    stock.land("c.jsonl", row("a", 3, 1.75), row("d", 2, 4.50))
    stock.run()

    def since(load: int) -> list[tuple[str, str, int]]:
        with stock.open() as house:
            rows = changes(house, load)["stock"].rows.to_pylist()
        return [(one["_change"], one["sku"], one["price_minor"]) for one in rows]

    assert since(1) == [("updated", "a", 175), ("inserted", "d", 450)]
    assert since(2) == [("updated", "a", 175), ("updated", "d", 450)]
    assert since(3) == []
    assert [what for what, *_ in since(0)] == ["inserted"] * 4
    with stock.open() as house, pytest.raises(OperatorError, match="tillage load show"):
        changes(house, 99)


def test_changes_of_a_load_that_becomes_visible_after_a_later_one_of_another_feed_are_not_missed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = make_database(server, "followed")
    small = make_small(tmp_path / "small", dsn, feeds={"a": {"format": "jsonl"}, "b": {"format": "jsonl"}})
    monkeypatch.setenv("TILLAGE_STORE_DSN", dsn)
    put(small, "a/1.jsonl", b'{"id": "a1", "name": "x"}\n')
    tillage(small.root, "run", "--feed", "a", expect=-9, TILLAGE_CRASH="before:publish")
    put(small, "b/1.jsonl", b'{"id": "b1", "name": "y"}\n')
    tillage(small.root, "run", "--feed", "b")
    (first,) = (json.loads(line) for line in tillage(small.root, "changes", "--since", "0", "--json").splitlines())
    assert (first["dataset"], first["id"], first["as_of"]) == ("b_seen", "b1", 2)
    shown = tillage(small.root, "changes", "--since", "0")
    assert "later ones: tillage changes --dataset b_seen --since 2" in shown
    small.run()
    with small.open() as house:
        assert changes(house, first["as_of"], "b_seen")["b_seen"].rows.num_rows == 0
        assert [one["id"] for one in changes(house, 0, "a_seen")["a_seen"].rows.to_pylist()] == ["a1"]


def test_changes_of_a_dataset_without_a_key_are_what_was_added(shop: Shop) -> None:
    shop.edit(CONTRACT, "primaryKey: true", "required: true")
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.land("b.jsonl", customer("c1", order("o1")))
    shop.run()
    with shop.open() as house:
        rows = changes(house, 1, "orders")["orders"].rows.to_pylist()
    assert [(one["_change"], one["_load"]) for one in rows] == [("inserted", 2)]


def test_history_says_when_each_version_held(server: str, tmp_path: Path) -> None:
    stock = make_stock(tmp_path / "stock", make_database(server, "stock_history"), merge="scd2")
    stock.land("a.jsonl", row("a", 1, 1.00), row("b", 7, 2.00))
    stock.run()
    stock.land("b.jsonl", row("a", 5, 1.50), row("a", 9, 1.60), row("a", 4, 9.99))
    stock.run()
    sql = "select sku, price_minor, _valid_from, _valid_to from history.stock order by sku, _valid_from"
    with stock.open() as house:
        rows = [tuple(one.values()) for one in query(house, sql).to_pylist()]
    assert rows == [("a", 100, 1, 5), ("a", 150, 5, 9), ("a", 160, 9, None), ("b", 200, 7, None)]


def test_history_without_a_version_column_is_told_by_loads(server: str, tmp_path: Path) -> None:
    stock = make_stock(tmp_path / "stock", make_database(server, "stock_times"), merge="scd2", version=None)
    for price in (1.00, 2.00):
        stock.land(f"{price}.jsonl", row("a", 1, price))
        stock.run()
    with stock.open() as house:
        planned = [one.planned_at for one in house.ledger.summaries()]
        rows = query(house, "select _valid_from, _valid_to from history.stock order by 1").to_pylist()
    assert [tuple(one.values()) for one in rows] == [(planned[0], planned[1]), (planned[1], None)]
