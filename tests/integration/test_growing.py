"""A contract that grows columns: what is loaded has null there until a rebuild, and every keeper goes on agreeing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tests.integration.shops import CONTRACT, Shop, customer, make_shop, order
from tests.integration.test_backup import kill
from tests.integration.test_renamed import describe, described, refused
from tillage.errors import ContractError
from tillage.pipelines.audit import audit
from tillage.pipelines.dump import dump
from tillage.pipelines.explain import explain
from tillage.pipelines.maintain import maintain
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status

BY_TILL = """
select o.till.name as till, l.size as size, count(*) as lines, sum(l.net_minor) as net_minor, sum(l.tip_minor) as tip
from orders as o cross join unnest(o.lines) as t(l) group by o.till.name, l.size
"""


TIP = """\
            - name: tip
              logicalType: number
              customProperties: [{property: tillage.money, value: EUR}]
"""
TAXED_TIP = TIP.replace(
    "}]", "}, {property: tillage.vat, value: {rateBy: product_type, rates: {hot food: 15, cold food: 7, beverage: 9}}}]"
)


def sold(number: str, *, till: str, size: int | None, tip: float) -> dict[str, object]:
    """An order with members that the first contract does not name."""
    made = order(number)
    line = {"size": size, "tip": tip, **made["basket"][0]}  # type: ignore[index]
    return made | {"till": {"name": till, "floor": 2}, "basket": [line]}


def grow(shop: Shop) -> None:
    """One object beside the lines, and an integer and an amount in each line, before those that are there."""
    whole = described(shop)
    orders = whole["schema"][1]
    tip = {"name": "tip", "logicalType": "number", "customProperties": [{"property": "tillage.money", "value": "EUR"}]}
    lines = next(one for one in orders["properties"] if one["name"] == "lines")
    (gross,) = (one for one in lines["items"]["properties"] if one["name"] == "gross")
    gross["customProperties"].append({"property": "tillage.control", "value": True})
    lines["items"]["properties"][:0] = [{"name": "size", "logicalType": "integer"}, tip]
    name = {"name": "name", "logicalType": "string"}
    orders["properties"].insert(0, {"name": "till", "logicalType": "object", "properties": [name]})
    describe(shop, whole)


def proven(shop: Shop) -> None:
    with shop.open() as house:
        assert audit(house).findings == ()
        assert status(house).balances()
        assert all(one.agrees() for one in reconcile(house))


def by_till(shop: Shop) -> set[tuple[Any, ...]]:
    with shop.open() as house:
        rows = house.folds.state("by_till").to_pylist()
    return {tuple(None if one is None else str(one) for one in row.values()) for row in rows}


@pytest.fixture
def grown(shop: Shop) -> Shop:
    """One file loaded under the first contract, one under the grown one, with a model that reads what is new."""
    shop.land(
        "a.jsonl", customer("c1", sold("o1", till="A", size=1, tip=0.1), sold("o2", till="B", size=None, tip=0.2))
    )
    shop.run()
    grow(shop)
    (shop.root / "models/by_till.sql").write_text(BY_TILL)
    shop.land("b.jsonl", customer("c2", sold("o3", till="A", size=3, tip=0.3)))
    shop.run()
    return shop


def test_new_columns_are_null_in_what_is_loaded_until_a_rebuild_and_every_keeper_agrees(grown: Shop) -> None:
    assert by_till(grown) == {(None, None, "2", "200", None), ("A", "3", "1", "100", "30")}
    proven(grown)
    with grown.open() as house:
        rebuilt = rebuild_from_bronze(house, wait_s=1)
        assert rebuilt.looked_at["orders"].rows - rebuilt.looked_at["orders"].same_rows == 2
    whole = {("A", "1", "1", "100", "10"), ("B", None, "1", "100", "20"), ("A", "3", "1", "100", "30")}
    assert by_till(grown) == whole
    proven(grown)
    with grown.open() as house:
        assert query(
            house, "select order_id, till.name, lines[1].size as size from silver.orders order by 1"
        ).to_pylist() == [
            {"order_id": "o1", "name": "A", "size": 1},
            {"order_id": "o2", "name": "B", "size": None},
            {"order_id": "o3", "name": "A", "size": 3},
        ]
        assert explain(house, "/spend/c1").adds_up()
        assert maintain(house, wait_s=1)[0].tables
    assert by_till(grown) == whole
    proven(grown)


def test_house_that_grew_and_was_rebuilt_is_one_that_began_so(grown: Shop, server: str, tmp_path: Path) -> None:
    fresh = make_shop(tmp_path / "fresh", server, "grown_afresh")
    grow(fresh)
    (fresh.root / "models/by_till.sql").write_text(BY_TILL)
    for name in ("a.jsonl", "b.jsonl"):
        (fresh.root / "landing/orders" / name).write_bytes((grown.root / "landing/orders" / name).read_bytes())
    fresh.run()
    with grown.open() as house:
        rebuild_from_bronze(house, wait_s=1)
        found = list(dump(house, is_canonical=True))
    with fresh.open() as house:
        assert list(dump(house, is_canonical=True)) == found


def test_other_readers_find_the_grown_columns_in_delta(grown: Shop) -> None:
    table = DeltaTable(grown.root / "data/lake/silver/orders")
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    rows = {row["order_id"]: row for row in table.to_pyarrow_table().to_pylist()}
    assert (rows["o1"]["till"], rows["o3"]["till"]) == (None, {"name": "A"})
    assert [rows[one]["lines"][0]["tip_minor"] for one in ("o1", "o3")] == [None, 30]


@pytest.mark.parametrize("crash", ["after:bronze", "after:silver", "after:publish"])
def test_load_left_open_under_the_old_contract_is_finished_under_it(shop: Shop, crash: str) -> None:
    shop.land("a.jsonl", customer("c1", sold("o1", till="A", size=1, tip=0.1)))
    kill(shop, "run", crash=crash)
    grow(shop)
    (shop.root / "models/by_till.sql").write_text(BY_TILL)
    shop.land("b.jsonl", customer("c2", sold("o2", till="A", size=3, tip=0.3)))
    shop.run()
    assert by_till(shop) == {(None, None, "1", "100", None), ("A", "3", "1", "100", "30")}
    proven(shop)


def test_repeat_of_a_key_with_a_new_value_is_other_content_before_the_rebuild_and_none_after(grown: Shop) -> None:
    again = customer("c1", sold("o1", till="A", size=1, tip=0.1))
    grown.land("c.jsonl", again)
    (before,) = grown.run().loads.values()
    with grown.open() as house:
        rebuild_from_bronze(house, wait_s=1)
    grown.land("d.jsonl", again | {"seen": "again"})
    (after,) = grown.run().loads.values()
    assert (before["orders"].quarantined_rows, before["orders"].duplicate_rows) == (1, 0)
    assert (after["orders"].quarantined_rows, after["orders"].duplicate_rows) == (0, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: product_id", "name: article_id", r"column lines\.product_id VARCHAR, which is gone: put it back"),
        (
            "value: EUR",
            "value: USD",
            r"column lines\.gross_minor BIGINT in EUR, and now it is BIGINT in USD: undo",
        ),
        (
            "        logicalType: string\n        primaryKey: true\n      - name: customer_id",
            "        logicalType: string\n        required: true\n      - name: customer_id",
            "the key order_id, and now no key: undo that",
        ),
        (
            "            - name: gross\n",
            f"{TIP}            - name: gross\n",
            r"lines an.* counted, and now .*: mark the one that was with `tillage\.control: true`",
        ),
    ],
    ids=["gone", "currency", "key", "counted"],
)
def test_what_is_kept_stays_as_it_is(shop: Shop, old: str, new: str, message: str) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit(CONTRACT, old, new)
    refused(shop, ContractError, f"dataset 'orders' has loads with {message}")


def test_vat_on_a_second_amount_is_told_from_a_column_that_is_gone(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.edit(CONTRACT, "            - name: gross\n", f"{TAXED_TIP}            - name: gross\n")
    shop.edit("models/customer_spend.sql", "l.net_minor", "l.gross_net_minor")
    told = (
        r"which would be called after its amount \(as in lines\.gross_net_minor\), since another one beside it has VAT"
    )
    refused(
        shop, ContractError, rf"loads with column lines\.net_minor BIGINT in EUR, {told} now: take `tillage\.vat` off"
    )
