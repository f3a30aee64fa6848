"""Columns that are held against those of what a unit refers to: told of, never refused."""

from __future__ import annotations

import json
import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.peopled import contract, land
from tests.integration.shops import Shop, make_database
from tests.integration.test_people import tillage
from tillage.errors import ContractError
from tillage.pipelines.audit import audit
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.wiring import load_project

_NUMBERS = count(1)
EUR = [{"property": "tillage.money", "value": "EUR"}]
PRODUCTS: list[dict[str, Any]] = [
    {"name": "sku", "logicalType": "integer", "primaryKey": True},
    {"name": "price", "logicalType": "number", "customProperties": EUR},
    {"name": "unit", "logicalType": "string"},
]
UPSERT = {"customProperties": [{"property": "tillage.merge", "value": "upsert"}]}


def sales(compare: object = None, **more: Any) -> list[dict[str, Any]]:
    """Sales of one product, beside a list of others."""
    asked = [
        {"property": "tillage.compare", "value": {"price": "price", "per": "unit"} if compare is None else compare}
    ]
    of_one = {"to": "products.sku", "id": "one", "customProperties": asked} | more
    of_many = {"to": "products.sku", "id": "many", "customProperties": [{**asked[0], "value": {"price": "price"}}]}
    price = {"name": "price", "logicalType": "number", "customProperties": EUR}
    sku = {"name": "sku", "logicalType": "integer"}
    return [
        {"name": "sale_id", "logicalType": "string", "primaryKey": True},
        {**sku, "relationships": [of_one]},
        price,
        {"name": "per", "logicalType": "string"},
        {
            "name": "lines",
            "logicalType": "array",
            "items": {"logicalType": "object", "properties": [{**sku, "relationships": [of_many]}, price]},
        },
    ]


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    root = tmp_path / "shop"
    for folder in ("contracts", "models", "landing/products", "landing/sales"):
        (root / folder).mkdir(parents=True)
    feeds = {name: {"path": f"landing/{name}", "format": "jsonl"} for name in ("products", "sales")}
    (root / "tillage.yaml").write_text(json.dumps({"project": "compared", "feeds": feeds}))
    (root / "contracts/products.odcs.yaml").write_text(contract("products", PRODUCTS, **UPSERT))
    (root / "contracts/sales.odcs.yaml").write_text(contract("sales", sales()))
    return Shop(root, make_database(server, f"compared_{next(_NUMBERS)}"))


CURRENCY = {"customProperties": [{"property": "tillage.money", "value": {"currencyBy": "per"}}]}


def product(sku: int, price: object, unit: str | None = "kg") -> dict[str, object]:
    return {"sku": sku, "price": price, "unit": unit}


def sale(number: str, sku: int | None, price: object, per: str | None = "kg", *lines: tuple[int, object]) -> object:
    return {
        "sale_id": number,
        "sku": sku,
        "price": price,
        "per": per,
        "lines": [{"sku": one, "price": other} for one, other in lines],
    }


def listed(shop: Shop) -> list[tuple[str, int, str]]:
    """File, line and warning of each warning; as many as `status` counts, and audit and reconcile agree."""
    with shop.open() as house:
        found = query(house, "from warnings.sales order by file, line, warning").to_pylist()
        told: dict[str, int] = {}
        for row in found:
            told[row["warning"]] = told.get(row["warning"], 0) + 1
        assert status(house).datasets["sales"].warning_rows == told
        assert not audit(house).findings
        assert all(one.agrees() for one in reconcile(house))
    return [(Path(row["file"]).name, row["line"], row["warning"]) for row in found]


def test_a_unit_that_differs_is_accepted_and_told_of_once(shop: Shop) -> None:
    land(shop, "products/a.jsonl", product(1, "1.10"), product(2, "2.00"), product(3, None, None))
    land(
        shop,
        "sales/a.jsonl",
        sale("same", 1, 1.1),
        sale("price", 1, "1.11"),
        sale("unit", 1, "1.10", "lb"),
        sale("nulls", 3, "7", "lb"),
        sale("null", 1, None, None),
        sale("nothing", None, "5"),
        sale("lines", 1, "1.10", "kg", (1, "1.10"), (2, "2.01"), (2, "2.02"), (3, "9")),
        sale("both", 2, "2.01", "lb", (1, "1"), (1, "1.10")),
    )
    shop.run()
    assert listed(shop) == [
        ("a.jsonl", 2, "rule:one"),
        ("a.jsonl", 3, "rule:one"),
        ("a.jsonl", 7, "rule:many"),
        ("a.jsonl", 8, "rule:many"),
        ("a.jsonl", 8, "rule:one"),
    ]
    with shop.open() as house:
        assert status(house).datasets["sales"].accepted_rows == 8


def test_what_waits_is_compared_when_it_is_released(shop: Shop) -> None:
    land(shop, "sales/a.jsonl", sale("a", 1, "1.00"), sale("b", 1, "2.00"), sale("c", 1, "1.00", "kg", (2, "1.00")))
    shop.run()
    assert listed(shop) == []
    land(shop, "products/a.jsonl", product(1, "1.00"))
    shop.run()
    assert listed(shop) == [("a.jsonl", 2, "rule:one")]
    land(shop, "products/b.jsonl", product(2, "1.50"))
    shop.run()
    assert listed(shop) == [("a.jsonl", 2, "rule:one"), ("a.jsonl", 3, "rule:many")]


def test_it_is_held_against_what_stood_then_and_in_a_rebuild_against_what_stands(shop: Shop) -> None:
    def noted(*given: Any) -> dict[str, Any]:
        return {**sale(*given), "note": "new"}  # type: ignore[dict-item]

    land(shop, "products/a.jsonl", product(1, "1.00"))
    land(shop, "sales/a.jsonl", noted("a", 1, "1.00"), noted("b", 1, "2.00"), sale("kept", 1, "2.00"))
    shop.run()
    land(shop, "products/b.jsonl", product(1, "2.00"))
    land(shop, "sales/b.jsonl", noted("c", 1, "2.00"), noted("d", 1, "1.00"))
    shop.run()
    assert listed(shop) == [("a.jsonl", 2, "rule:one"), ("a.jsonl", 3, "rule:one"), ("b.jsonl", 2, "rule:one")]
    (shop.root / "contracts/sales.odcs.yaml").write_text(
        contract("sales", [*sales(), {"name": "note", "logicalType": "string"}])
    )
    with shop.open() as house:
        rebuild_from_bronze(house, feed="sales", wait_s=1)
    # A unit that comes out the same, since it has no note, is not judged anew.
    assert listed(shop) == [("a.jsonl", 1, "rule:one"), ("a.jsonl", 3, "rule:one"), ("b.jsonl", 2, "rule:one")]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_load_that_was_stopped_tells_the_same(shop: Shop, side: str) -> None:
    land(shop, "products/a.jsonl", product(1, "1.00"))
    shop.run()
    land(shop, "sales/a.jsonl", sale("a", 1, "1.50"))
    assert tillage(shop, "run", TILLAGE_CRASH=f"{side}:publish").returncode == -signal.SIGKILL
    # Another price by the time that the load is finished: what was decided stays.
    land(shop, "products/b.jsonl", product(1, "1.50"))
    shop.run()
    assert listed(shop) == [("a.jsonl", 1, "rule:one")]


def test_a_parent_of_the_same_feed_counts_too(tmp_path: Path, server: str) -> None:
    root = tmp_path / "shop"
    for folder in ("contracts", "models", "landing/both"):
        (root / folder).mkdir(parents=True)
    feeds = {"both": {"path": "landing/both", "format": "jsonl"}}
    (root / "tillage.yaml").write_text(json.dumps({"project": "compared", "feeds": feeds}))
    text = json.loads(contract("products", PRODUCTS, **UPSERT))
    text["schema"][0]["customProperties"].append({"property": "tillage.unit", "value": "$.products[*]"})
    unit = [{"property": "tillage.unit", "value": "$.sales[*]"}]
    text["schema"].append({"name": "sales", "properties": sales(), "customProperties": unit})
    (root / "contracts/both.odcs.yaml").write_text(json.dumps(text))
    shop = Shop(root, make_database(server, f"compared_{next(_NUMBERS)}"))
    record = {"products": [product(1, "1.00"), product(1, "1.10")], "sales": [sale("a", 1, "1.10"), sale("b", 1, "3")]}
    land(shop, "both/a.jsonl", record)
    shop.run()
    with shop.open() as house:
        assert status(house).datasets["sales"].warning_rows == {"rule:one": 1}
        (row,) = query(house, "from warnings.sales").to_pylist()
    assert (row["unit"], row["warning"]) == (1, "rule:one")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (sales({"prise": "price"}), "prise.*did you mean.*price|'prise'"),
        (sales(["price"]), r"line \d+: tillage.compare is like \{price: price\}"),
        (sales({"lines": "price"}), "'lines' cannot be compared: it is a list, an object or about people"),
        (sales({"price": "cost"}), "'products' has no column 'cost' to compare with"),
        (sales({"price": "unit"}), r"'price' cannot be compared with products\.unit: both must be of one type"),
        ([dict(one, **CURRENCY) if one["name"] == "price" else one for one in sales()], "cannot be compared"),
        (sales(id="many"), "'many' is the id of another rule too"),
        (sales(id="no name"), "tillage.compare needs the `id` of the relationship"),
    ],
)
def test_what_cannot_be_compared_is_said(shop: Shop, columns: list[dict[str, Any]], message: str) -> None:
    (shop.root / "contracts/sales.odcs.yaml").write_text(contract("sales", columns))
    with pytest.raises(ContractError, match=message):
        load_project(shop.root)
