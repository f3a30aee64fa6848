"""What stands is judged anew from its bytes: changed rows are closed and opened, all else stays as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import psycopg
import pytest

from tests.integration.retained import keep, kept_up
from tests.integration.shops import CONTRACT, Shop, customer, make_database, order
from tests.integration.test_merges import make_stock, row
from tillage.domain.load import LoadKind
from tillage.errors import OperatorError, RebuildRefusedError
from tillage.pipelines.audit import audit
from tillage.pipelines.changes import changes
from tillage.pipelines.explain import explain
from tillage.pipelines.quarantine import patch_file, replay
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import Rebuilt, rebuild_from_bronze, rebuild_model
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status


def with_type(number: str, kind: str, price: float = 1.15) -> dict[str, object]:
    made = order(number, price)
    made["basket"][0]["productType"] = kind  # type: ignore[index]
    return made


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    shop.land("a.jsonl", customer("c1", order("o1"), with_type("o2", "cold food", 1.07)))
    shop.run()
    shop.land("b.jsonl", customer("c2", order("o3", 2.30), with_type("o4", "beverage", 1.09), with_type("o5", "tea")))
    shop.run()
    return shop


def rebuilt(shop: Shop, **wanted: object) -> Rebuilt:
    with shop.open() as house:
        return rebuild_from_bronze(house, wait_s=1, **wanted)  # type: ignore[arg-type]


def proven(shop: Shop) -> None:
    """All keepers agree, the law balances, and the sums are those of the bytes."""
    with shop.open() as house:
        assert audit(house).findings == ()
        assert status(house).balances()
        assert all(one.agrees() for one in reconcile(house))


def test_corrected_rate_closes_and_opens_the_units_that_have_it_and_no_other(loaded: Shop) -> None:
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    found = rebuilt(loaded)
    counts = found.loads[3]["orders"]
    assert (counts.read_rows, counts.accepted_rows, counts.taken_rows, counts.closed_rows) == (2, 2, 2, 2)
    assert (counts.taken_minor, counts.accepted_minor, counts.closed_minor) == (345, 345, 345)
    assert found.sums["orders"] == {"lines.gross_minor": {"EUR": (345, 345)}, "lines.net_minor": {"EUR": (300, 314)}}
    looked = found.looked_at["orders"]
    assert (looked.rows, looked.same_rows, looked.not_found_rows) == (4, 2, 0)
    assert loaded.spend() == {"c1": (2, 205), "c2": (2, 309)}
    proven(loaded)
    with loaded.open() as house:
        assert [load.kind for load in house.ledger.loads()] == [LoadKind.READ, LoadKind.READ, LoadKind.REBUILD]
        law = status(house).datasets["orders"]
        assert (law.read_rows, law.accepted_rows, law.waiting_rows, law.closed_rows) == (5, 4, 1, 0)
        assert (law.read_minor, law.accepted_minor) == (115 + 107 + 230 + 109 + 115, 115 + 107 + 230 + 109)
        kept = query(house, "select raw, record_load from bronze.orders where load_seq = 3").to_pylist()
        assert sorted((one["raw"], one["record_load"]) for one in kept) == [(None, 1), (None, 2)]


def test_second_rebuild_finds_nothing_and_makes_no_load(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    rebuilt(loaded)
    again = rebuilt(loaded)
    assert again.loads == {}
    assert again.looked_at["orders"].same_rows == again.looked_at["orders"].rows == 4
    loaded.edit(CONTRACT, "hot food: 10", "hot food: 15")
    assert rebuilt(loaded).loads[4]["orders"].taken_rows == 2
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    proven(loaded)


def test_contract_that_changes_no_unit_is_kept_with_a_load_of_nothing_once(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "beverage: 9", "beverage: 9, soup: 5")
    counts = rebuilt(loaded).loads[3]["orders"]
    assert (counts.read_rows, counts.taken_rows, counts.closed_rows) == (0, 0, 0)
    with loaded.open() as house:
        standing = house.ledger.last_standing()["orders"]
        assert standing.contract_digest == house.feeds["orders"].check.contract.digest
    assert rebuilt(loaded).loads == {}
    proven(loaded)


def test_unit_that_keeps_the_contract_no_longer_waits_and_a_replay_frees_it(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "beverage: 9", "juice: 9")
    trial = rebuilt(loaded, is_trial=True).loads[0]["orders"]
    counts = rebuilt(loaded).loads[3]["orders"]
    assert counts == trial
    assert (counts.read_rows, counts.accepted_rows, counts.quarantined_rows, counts.closed_rows) == (1, 0, 1, 1)
    assert loaded.spend() == {"c1": (2, 200), "c2": (1, 200)}
    proven(loaded)
    with loaded.open() as house:
        law = status(house).datasets["orders"]
        assert (law.read_rows, law.accepted_rows, law.waiting_rows, law.closed_rows) == (5, 3, 2, 0)
    loaded.edit(CONTRACT, "juice: 9", "beverage: 9")
    with loaded.open() as house:
        replay(house, wait_s=1)
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    proven(loaded)


def test_only_what_came_from_a_day_on_is_judged_anew(loaded: Shop) -> None:
    with psycopg.connect(loaded.dsn, autocommit=True) as store:
        store.execute("update tillage.loads set planned_at = '2025-01-31 22:59:59+00' where load_seq = 1")
        store.execute("update tillage.loads set planned_at = '2025-01-31 23:00:00+00' where load_seq = 2")
    loaded.edit("tillage.yaml", "project:", "timezone: Europe/Berlin\nproject:")
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    found = rebuilt(loaded, since=date(2025, 2, 1))
    assert found.looked_at["orders"].rows == 2
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 309)}
    proven(loaded)
    assert rebuilt(loaded, since=date(2025, 2, 2)).loads == {}
    assert rebuilt(loaded).loads[4]["orders"].taken_rows == 1
    assert loaded.spend() == {"c1": (2, 205), "c2": (2, 309)}


def test_trial_changes_nothing(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    found = rebuilt(loaded, is_trial=True)
    assert found.loads[0]["orders"].taken_rows == 2
    assert found.sums["orders"]["lines.net_minor"] == {"EUR": (300, 314)}
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    assert len(loaded.states()) == 2


def test_unit_that_was_patched_is_judged_from_its_patched_bytes(loaded: Shop) -> None:
    rule = '[{"replace": "$.orders[*].basket[*].productType", "from": "tea", "to": "hot food"}]'
    with loaded.open() as house:
        replay(house, patch=patch_file("patch.yaml", rule), wait_s=1)
    assert loaded.spend()["c2"] == (3, 400)
    for rate, net in ((10, 300 + 14), (20, 100 + 192 + 96)):
        loaded.edit(CONTRACT, "hot food: 15" if rate == 10 else "hot food: 10", f"hot food: {rate}")
        found = rebuilt(loaded)
        assert [counts["orders"].taken_rows for counts in found.loads.values()] == [2, 1]
        expected = {10: 209 + 100 + 105, 20: 192 + 100 + 96}[rate]
        assert loaded.spend()["c2"] == (3, expected), net
        proven(loaded)
    assert rebuilt(loaded).loads == {}


def test_rule_of_a_dataset_that_would_not_hold_stops_it_before_anything_is_planned(loaded: Shop) -> None:
    loaded.edit(
        CONTRACT,
        '      - {property: tillage.unit, value: "$.orders[*]"} # an absent, null or empty list is no order\n',
        '      - {property: tillage.unit, value: "$.orders[*]"}\n'
        "    quality:\n"
        "      - {name: enough, type: sql, query: select count(*) from orders, mustBeGreaterThan: 3}\n",
    )
    loaded.edit(CONTRACT, "beverage: 9", "juice: 9")
    with pytest.raises(RebuildRefusedError, match="rule 'enough' of orders would not hold: 3"):
        rebuilt(loaded)
    assert loaded.states() == ["sealed", "sealed"]
    proven(loaded)


def test_what_todays_contract_does_not_find_stays_as_it_is_and_is_counted(loaded: Shop) -> None:
    loaded.edit(CONTRACT, 'value: "$.orders[*]"', 'value: "$.purchases[*]"')
    looked = rebuilt(loaded).looked_at["orders"]
    assert (looked.rows, looked.same_rows, looked.not_found_rows) == (4, 0, 4)
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    proven(loaded)


def test_changes_since_a_load_are_the_units_that_a_rebuild_computed_anew(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    rebuilt(loaded)
    with loaded.open() as house:
        rows = changes(house, 2, "orders")["orders"].rows.to_pylist()
        assert [(one["_change"], one["order_id"], one["_load"]) for one in rows] == [
            ("updated", "o1", 3),
            ("updated", "o3", 3),
        ]
        assert changes(house, 3, "orders")["orders"].rows.num_rows == 0
        assert explain(house, "/spend/c2").adds_up()
        with pytest.raises(OperatorError, match="has no feed 'tills'; it has: orders"):
            rebuild_from_bronze(house, feed="tills", wait_s=1)


def test_model_is_computed_anew_and_an_unknown_one_is_refused_by_name(loaded: Shop) -> None:
    with psycopg.connect(loaded.dsn, autocommit=True) as store:
        store.execute("update folds.customer_spend set net_minor = 7")
    with loaded.open() as house:
        assert rebuild_model(house, "customer_spend", wait_s=1) is None
        with pytest.raises(OperatorError, match="the models are: customer_spend"):
            rebuild_model(house, "spend", wait_s=1)
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 300)}
    (loaded.root / "models/top.sql").write_text("select customer_id from customer_spend order by net_minor limit 1")
    loaded.run()
    with loaded.open() as house:
        report = rebuild_model(house, "top", wait_s=1)
        assert report is not None
        assert report.tables == ("top",)


@pytest.mark.parametrize("version", ["revision", None])
def test_of_versions_only_the_one_that_stands_is_judged_anew(server: str, tmp_path: Path, version: str | None) -> None:
    dsn = make_database(server, f"rebuilt_{version}".lower())
    stock = make_stock(tmp_path / "stock", dsn, merge="scd2", version=version)
    stock.land("a.jsonl", row("a", 1, 1.00, cost=0.50), row("b", 1, 2.00, cost=2.00))
    stock.run()
    stock.land("b.jsonl", row("a", 2, 1.50, cost=0.70))
    stock.run()
    history = "select sku, price_minor, _valid_from, _valid_to, _load from history.stock order by sku, revision"
    with stock.open() as house:
        before = [tuple(one.values()) for one in query(house, history).to_pylist()]
    stock.edit("contracts/stock.odcs.yaml", "  - name: price\n", "  - name: price\n    physicalName: cost\n")
    counts = rebuilt(stock).loads[3]["stock"]
    assert (counts.read_rows, counts.accepted_minor, counts.taken_minor) == (1, 70, 150)
    proven(stock)
    with stock.open() as house:
        after = [tuple(one.values()) for one in query(house, history).to_pylist()]
        assert [int(one["price_minor"]) for one in house.folds.state("by_shop").to_pylist()] == [270]
        law = status(house).datasets["stock"]
        assert (law.accepted_rows, law.closed_rows, law.accepted_minor, law.closed_minor) == (3, 1, 370, 100)
    assert after == [before[0], ("a", 70, *before[1][2:4], 3), before[2]]
    stock.land("c.jsonl", row("a", 3, 9.00, cost=0.90))
    stock.run()
    with stock.open() as house:
        last = [tuple(one.values())[:2] for one in query(house, history).to_pylist()]
        assert last == [("a", 100), ("a", 70), ("a", 90), ("b", 200)]
        assert [int(one["price_minor"]) for one in house.folds.state("by_shop").to_pylist()] == [290]
    proven(stock)


def test_units_whose_bytes_are_forgotten_stay_as_they_are_and_are_counted(loaded: Shop) -> None:
    keep(loaded)
    kept_up(loaded)
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 10")
    found = rebuilt(loaded)
    looked = found.looked_at["orders"]
    assert (looked.rows, looked.forgotten_rows, looked.same_rows) == (4, 2, 1)
    (counts,) = found.loads.values()
    assert (counts["orders"].taken_rows, counts["orders"].accepted_rows) == (1, 1)
    assert loaded.spend() == {"c1": (2, 200), "c2": (2, 309)}
    proven(loaded)
    with loaded.open() as house:
        replay(house, patch=patch_file("patch.yaml", '[{"remove": "$.extra"}]'), wait_s=1)
    loaded.edit(CONTRACT, "hot food: 10", "hot food: 15, tea: 15")
    with loaded.open() as house:
        replay(house, wait_s=1)
    kept_up(loaded)
    loaded.edit(CONTRACT, "hot food: 15", "hot food: 12")
    looked = rebuilt(loaded).looked_at["orders"]
    assert (looked.rows, looked.forgotten_rows) == (5, 5)
    proven(loaded)


@pytest.mark.parametrize("crash", ["", "after:bronze", "before:publish"])
def test_keys_that_are_others_now_are_judged_like_those_of_new_units(server: str, tmp_path: Path, crash: str) -> None:
    database = f"rebuilt_keys_{crash.replace(':', '_')}"
    stock = make_stock(tmp_path / "stock", make_database(server, database), merge="upsert")
    stock.land("a.jsonl", row("a", 1, 1.00, ean="x"), row("b", 2, 2.00, ean="x"), row("c", 1, 4.00, ean="c"))
    stock.run()
    stock.land("b.jsonl", row("d", 2, 8.00, ean="c"), row("e", 2, 16.00, ean="y"))
    stock.run()
    stock.edit("contracts/stock.odcs.yaml", "- name: sku\n", "- name: sku\n    physicalName: ean\n")
    if crash:
        environment = os.environ | {"TILLAGE_STORE_DSN": stock.dsn, "TILLAGE_CRASH": crash}
        words = [sys.executable, "-m", "tillage", "rebuild", "--from", "bronze"]
        killed = subprocess.run(words, cwd=stock.root, env=environment, check=False)
        assert killed.returncode == -signal.SIGKILL
        counts = stock.run().loads[3]["stock"]
    else:
        counts = rebuilt(stock).loads[3]["stock"]
    # c keeps its key and stands; of a and b the newer one, whose row is opened and closed in this very load, and d is
    # newer than c.
    assert (counts.read_rows, counts.accepted_rows, counts.closed_rows) == (4, 4, 4 + 2)
    proven(stock)
    with stock.open() as house:
        rows = query(house, "select sku, price_minor from silver.stock order by sku").to_pylist()
    assert [tuple(one.values()) for one in rows] == [("c", 800), ("x", 200), ("y", 1600)]
    assert rebuilt(stock).loads == {}
