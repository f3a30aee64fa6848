"""What has loads keeps its name, its feed and what silver keeps of it; a run under anything else plans nothing."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.integration.shops import CONTRACT, Shop, customer, order
from tillage.errors import ContractError, OperatorError, TillageError
from tillage.pipelines.dump import dump
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.ports.store import Brought


def described(shop: Shop, name: str = CONTRACT) -> dict[str, Any]:
    return dict(yaml.safe_load((shop.root / name).read_text()))


def describe(shop: Shop, contract: dict[str, Any], name: str = CONTRACT) -> None:
    (shop.root / name).write_text(yaml.safe_dump(contract, sort_keys=False))


def dumped(shop: Shop) -> list[str]:
    with shop.open() as house:
        return list(dump(house, is_canonical=False))


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    shop.land("a.jsonl", customer("c1", order("o1")))
    assert len(shop.run().loads) == 1
    return shop


def refused(shop: Shop, error: type[TillageError], match: str) -> None:
    """A run is, with a new file at the door, and plans nothing."""
    shop.land("b.jsonl", customer("c2", order("o2")))
    before = shop.states()
    with pytest.raises(error, match=match):
        shop.run()
    assert shop.states() == before


def test_a_renamed_feed_is_refused_and_goes_on_under_its_old_name(loaded: Shop) -> None:
    before = dumped(loaded)
    loaded.edit("tillage.yaml", "  orders: {path", "  sales: {path")
    (loaded.root / CONTRACT).rename(loaded.root / "contracts/sales.odcs.yaml")
    refused(loaded, OperatorError, r"tillage\.yaml has no feed 'orders', and load \d+ is of it: put the feed and")
    loaded.edit("tillage.yaml", "  sales: {path", "  orders: {path")
    (loaded.root / "contracts/sales.odcs.yaml").rename(loaded.root / CONTRACT)
    assert dumped(loaded) == before
    assert len(loaded.run().loads) == 1
    assert loaded.spend() == {"c1": (1, 100), "c2": (1, 100)}


def test_a_dataset_that_moves_to_another_feed_is_refused(loaded: Shop) -> None:
    whole = described(loaded)
    customers, orders = whole["schema"]
    describe(loaded, whole | {"schema": [customers]})
    describe(loaded, whole | {"id": "sales", "schema": [orders]}, "contracts/sales.odcs.yaml")
    (loaded.root / "landing/sales").mkdir()
    loaded.edit("tillage.yaml", "serve:", "  sales: {path: landing/sales, format: jsonl}\nserve:")
    refused(loaded, ContractError, r"dataset 'orders' has loads of feed 'orders' .*describe it in contracts/orders")


def test_a_renamed_dataset_is_refused(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "  - name: orders\n", "  - name: purchases\n")
    loaded.edit("models/customer_spend.sql", "from orders", "from purchases")
    refused(loaded, ContractError, r"dataset 'orders' has loads \(the last is \d+\) and is described no more")
    assert not (loaded.root / "data/lake/silver/purchases").exists()


def test_a_dataset_that_was_away_cannot_come_back_in_another_currency(loaded: Shop) -> None:
    loaded.edit(CONTRACT, "value: EUR", "value: USD")
    refused(loaded, ContractError, r"dataset 'orders' has loads with .*gross_minor BIGINT in EUR")


def test_a_later_contract_without_the_dataset_does_not_hide_what_its_loads_were(shop: Shop) -> None:
    """Also in a house from before datasets could not be taken away: the last load that had it is looked for."""
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    with shop.open() as house:
        last = house.ledger.loads()[-1]
        with house.leases.hold("feed/orders", wait_s=1, on_wait=print) as lease:
            whole = described(shop)
            text = yaml.safe_dump(whole | {"schema": whole["schema"][:1]})
            load = house.ledger.plan("orders", "0" * 64, text, last.sources, lease)
            house.ledger.publish(
                load,
                lease,
                brought=Brought(
                    counts={},
                    taken=house.ledger.quarantine_rows("none").drop(["file"]),
                    quarantine=house.ledger.quarantine_rows("none").drop(["file"]),
                    awaited=house.awaiting.rows([]).select(
                        ["dataset", "load_seq", "source", "ordinal", "unit", "parent", "key"]
                    ),
                    people=None,
                    statistics=house.statistics.rows(0),
                ),
                folds=(),
                digests=house.folds.digests(),
                mirrors={},
            )
            house.ledger.seal(load, lease)
            house.lake.bronze("orders").fence(house.ledger.next_fence(), load.load_seq)
    shop.edit(CONTRACT, "value: EUR", "value: USD")
    refused(shop, ContractError, r"dataset 'orders' has loads with .*gross_minor BIGINT in EUR")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: product_id", "name: article_id"),
        (
            "        logicalType: string\n        primaryKey: true\n      - name: customer_id",
            "        logicalType: string\n        required: true\n      - name: customer_id",
        ),
    ],
    ids=["column", "key"],
)
def test_what_is_kept_of_a_dataset_cannot_change(loaded: Shop, old: str, new: str) -> None:
    loaded.edit(CONTRACT, old, new)
    refused(loaded, ContractError, r"dataset 'orders' has loads with ")


def test_a_dataset_that_is_new_beside_loads_says_that_it_has_no_history(loaded: Shop) -> None:
    whole = described(loaded)
    visitors = dict(whole["schema"][0]) | {"name": "visitors"}
    describe(loaded, whole | {"schema": [*whole["schema"], visitors]})
    loaded.said.clear()
    loaded.land("b.jsonl", customer("c2", order("o2")))
    loaded.run()
    assert "feed orders: dataset 'visitors' has no history: only new files fill it" in loaded.said
    with loaded.open() as house:
        assert status(house).datasets["visitors"].accepted_rows == 1
        assert all(one.comparison.differ == 0 for one in reconcile(house))
    loaded.said.clear()
    loaded.land("c.jsonl", customer("c3"))
    loaded.run()
    assert not [line for line in loaded.said if "no history" in line]


def test_a_feed_without_loads_may_go(shop: Shop) -> None:
    (shop.root / "landing/sales").mkdir()
    customers = dict(described(shop)["schema"][0]) | {"name": "visitors"}
    describe(shop, described(shop) | {"schema": [customers]}, "contracts/sales.odcs.yaml")
    shop.edit("tillage.yaml", "serve:", "  sales: {path: landing/sales, format: jsonl}\nserve:")
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit("tillage.yaml", "  sales: {path: landing/sales, format: jsonl}\n", "")
    shop.land("b.jsonl", customer("c2", order("o2")))
    assert len(shop.run().loads) == 1
