"""Pages of a house whose records name their currency: money by day and by reason, each currency by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.page_reading import check_figures, loose_figures
from tests.integration.paged import client_of, page, said
from tests.integration.shops import Shop, make_database
from tests.integration.small import make_small, put

MONEY = [{"property": "tillage.money", "value": {"currencyBy": "currency"}}]
COLUMNS = [
    {"name": "sale_id", "logicalType": "string", "primaryKey": True},
    "currency",
    {"name": "shop", "logicalType": "string", "required": True},
    {"name": "price", "logicalType": "number", "customProperties": MONEY},
]
FEW = {
    "type": "sql",
    "name": "few",
    "query": "select count(*) from sales_seen",
    "mustBeLessThan": 4,
    "severity": "error",
}
COMMANDS = ("status", "quarantine list", "load show 1", "load show 2")
PATHS = {"/": "status", "/quarantine": "quarantine list", "/loads/1": "load show 1", "/loads/2": "load show 2"}


def sales(*every: dict[str, object]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in every).encode()


def sale(number: str, currency: str, price: object, shop: object = "north") -> dict[str, object]:
    return {"sale_id": number, "currency": currency, "price": price, "shop": shop}


@pytest.fixture(scope="module")
def tills(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Sales in three currencies, some of which wait; and a load that failed, since a rule of the dataset is broken."""
    dsn = make_database(server, "pages_in_currencies")
    shop = make_small(tmp_path_factory.mktemp("tills") / "shop", dsn, feeds={"sales": {}}, columns=COLUMNS)
    stuck = [sale("5", "EUR", 0.75, None), sale("6", "JPY", 900, 1), sale("7", "USD", 3, None)]
    right = [sale("1", "EUR", 11.5), sale("2", "EUR", 1), sale("3", "JPY", 1200)]
    put(shop, "sales/1.jsonl", sales(*right, *stuck))
    shop.run()
    shop.edit("contracts/sales.odcs.yaml", '"properties"', f'"quality": {json.dumps([FEW])}, "properties"')
    put(shop, "sales/2.jsonl", sales(sale("8", "EUR", 2.5), sale("9", "USD", 4, None)))
    assert shop.run().problems
    return shop


@pytest.fixture(scope="module")
def documents(tills: Shop) -> dict[str, Any]:
    return {command: said(tills, *command.split()) for command in COMMANDS}


@pytest.mark.parametrize("path", PATHS)
def test_figures_of_every_currency_are_those_of_the_command(tills: Shop, documents: dict[str, Any], path: str) -> None:
    with client_of(tills) as client:
        found = page(client, path)
    assert PATHS[path] in {one.of for one in found.figures}
    check_figures(found.figures, documents)
    assert loose_figures(found, documents.values()) == []


def test_days_have_a_chart_for_each_currency(tills: Shop, documents: dict[str, Any]) -> None:
    with client_of(tills) as client:
        found = page(client, "/")
    (day,) = documents["status"]["days"]
    assert day["read_minor"] == {"EUR": 1325, "JPY": 2100, "USD": 300}
    for code in day["read_minor"]:
        assert f"sales_seen by day in {code} as a table" in found.words
        assert f"/days/0/read_minor/{code}" in found.places("status")


@pytest.mark.parametrize("path", ["/quarantine", "/loads/1"])
def test_reasons_have_a_chart_for_each_currency(tills: Shop, path: str) -> None:
    with client_of(tills) as client:
        found = page(client, path)
    for unit in ("rows", "EUR", "JPY", "USD"):
        assert f"Each reason in {unit} reason share {unit}" in found.words
    for amount in ("0.75 EUR", "900 JPY", "3.00 USD"):
        assert [one.text for one in found.figures].count(amount) >= 2  # in the chart and in the table


def test_load_that_failed_says_what_was_found(tills: Shop, documents: dict[str, Any]) -> None:
    with client_of(tills) as client:
        found = page(client, "/loads/2")
    assert documents["load show 2"][0]["state"] == "failed"
    (broken,) = (one for one in found.figures if one.at == "/0/broken_rules/0/found")
    assert broken.text == documents["load show 2"][0]["broken_rules"][0]["found"]
