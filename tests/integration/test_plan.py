"""`tillage plan` says what a run would change for readers, and a run then does that."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.integration.shops import CONTRACT, Shop, customer, order
from tests.integration.test_renamed import describe, described
from tillage.contracts.tools.compare import Breaks
from tillage.pipelines.planning import Plan, make_plan
from tillage.pipelines.reconcile import reconcile

MODEL = "models/customer_spend.sql"


def planned(shop: Shop) -> Plan:
    with shop.open() as house:
        return make_plan(house)


def changes(plan: Plan) -> dict[str, str]:
    return {one.name: one.change for one in plan.models}


def test_everything_is_new_before_the_first_run_and_nothing_changes_after_it(shop: Shop) -> None:
    first = planned(shop)
    assert [(one.name, one.kind, one.change) for one in first.models] == [("customer_spend", "fold", "new")]
    assert [one.change for one in first.routes] == ["new"]
    assert not first.breaks_readers
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    assert planned(shop).is_empty


def test_column_that_is_gone_breaks_readers_and_one_that_is_new_does_not(shop: Shop) -> None:
    shop.run()
    shop.edit(MODEL, "sum(net_minor) as net_minor\n", "sum(net_minor) as net_minor, count(*) as movements\n")
    plan = planned(shop)
    assert changes(plan) == {"customer_spend": "changed"}
    assert plan.models[0].effects == (
        "computed from all rows of silver; readers keep the old one until the new one is complete",
        "column movements is new",
    )
    assert not plan.breaks_readers
    shop.run()
    assert planned(shop).is_empty
    shop.edit(MODEL, ", count(*) as movements", "")
    plan = planned(shop)
    assert plan.breaks_readers
    assert "column movements is gone" in plan.models[0].effects


def test_other_type_or_currency_of_a_column_breaks_readers(shop: Shop) -> None:
    shop.run()
    shop.edit(MODEL, "sum(orders) as orders", "sum(cast(orders as decimal(9, 2))) as orders")
    plan = planned(shop)
    assert any(effect.startswith("column orders: numeric(38,0) -> numeric(38,2)") for effect in plan.models[0].effects)
    assert plan.breaks_readers


def test_served_path_that_is_gone_breaks_callers(shop: Shop) -> None:
    shop.run()
    shop.edit("tillage.yaml", "orders: orders, total", "total")
    plan = planned(shop)
    assert [(one.change, one.effects) for one in plan.routes] == [("changed", ("answers without orders",))]
    assert plan.breaks_readers
    shop.run()
    text = (shop.root / "tillage.yaml").read_text()
    (shop.root / "tillage.yaml").write_text(text.partition("serve:")[0])
    assert [(one.change, one.breaks_readers) for one in planned(shop).routes] == [("gone", True)]


def test_changed_contract_is_compared_with_that_of_the_last_load(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit(CONTRACT, "hot food: 15", "hot food: 19")
    plan = planned(shop)
    assert [one.where for one in plan.contracts["orders"]] == ["orders.lines.gross"]
    assert plan.breaks_readers == any(one.breaks is Breaks.READERS for one in plan.contracts["orders"])


def test_what_a_run_would_refuse_is_said(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit("tillage.yaml", "from: customer_spend", "from: nothing")
    assert "serves /spend/{customerId} from model 'nothing'" in planned(shop).refused[0]


def test_command_exits_with_11_if_it_breaks_readers_and_shows_why_each_model_is_of_its_kind(shop: Shop) -> None:
    shop.run()
    (shop.root / "models/most.sql").write_text("select max(net_minor) as most from customer_spend")
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn}

    def plan(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "tillage", "plan", *words]
        return subprocess.run(line, cwd=shop.root, env=environment, capture_output=True, text=True, check=False)

    done = plan()
    assert (done.returncode, "it has no GROUP BY" in done.stdout) == (0, True)
    assert done.stdout.endswith("apply it: tillage run\n")
    shop.edit(MODEL, "sum(orders) as orders, ", "")
    shop.edit("tillage.yaml", "orders: orders, ", "")
    done = plan("--json")
    assert done.returncode == 11
    assert json.loads(done.stdout)["breaks_readers"] is True


def kept_currencies(shop: Shop) -> dict[str, list[str | None]]:
    with shop.open() as house:
        return {name: [output.currency for output in outputs] for name, outputs in house.folds.outputs().items()}


def test_view_may_spell_a_column_otherwise_than_what_it_shows(shop: Shop) -> None:
    (shop.root / "models/seen.sql").write_text(
        "select customer_id as Customer_Id, Orders as ORDERS from customer_spend"
    )
    assert changes(planned(shop)) == {"customer_spend": "new", "seen": "new"}
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    assert planned(shop).is_empty
    with shop.open() as house:
        assert house.folds.state("seen").to_pylist() == [{"Customer_Id": "c1", "ORDERS": 1}]


def test_table_follows_the_currency_of_what_it_reads_and_is_told_to_be_built_with_it(shop: Shop) -> None:
    (shop.root / "models/most.sql").write_text("select max(net_minor) as most from customer_spend")
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit(MODEL, "sum(orders) as orders", "sum(2 * orders) as orders")
    plan = planned(shop)
    assert changes(plan) == {"customer_spend": "changed", "most": "unchanged"}
    assert plan.models[1].effects == (
        "built whole, since it reads customer_spend; readers keep the old one until the new one is complete",
    )
    shop.run()
    assert planned(shop).models[1].effects == ()
    shop.edit(MODEL, "sum(net_minor) as net_minor", "sum(orders) as net_minor")
    plan = planned(shop)
    assert changes(plan) == {"customer_spend": "changed", "most": "changed"}
    assert plan.models[1].effects[1:] == ("column most: in EUR -> none",)
    assert plan.breaks_readers
    shop.run()
    assert kept_currencies(shop) == {"customer_spend": [None, None, None], "most": [None]}
    assert planned(shop).is_empty


def test_contract_without_loads_changes_types_and_currencies_of_models_with_the_same_text(shop: Shop) -> None:
    (shop.root / "models/most.sql").write_text("select max(net_minor) as most from customer_spend")
    shop.run()
    shop.edit(CONTRACT, "value: EUR", "value: JPY")
    whole = described(shop)
    for dataset in whole["schema"]:
        (number,) = (one for one in dataset["properties"] if one["name"] == "customer_id")
        number["logicalType"] = "integer"
    describe(shop, whole)
    plan = planned(shop)
    assert changes(plan) == {"customer_spend": "changed", "most": "changed"}
    assert plan.models[0].effects[1:] == ("column customer_id: text -> bigint", "column net_minor: in EUR -> JPY")
    shop.run()
    assert kept_currencies(shop) == {"customer_spend": [None, None, "JPY"], "most": ["JPY"]}
    assert planned(shop).is_empty
    shop.land("a.jsonl", customer("7", order("o1", 115)) | {"customerId": 7})
    shop.run()
    with shop.open() as house:
        assert house.folds.row("most", "most", "100") == {"most": 100}
        assert all(one.agrees() for one in reconcile(house))
