"""The food-orders project on the original data, as a user runs it."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.commands import get, new_project, served, tillage, tillage_json

_CUSTOMER = "5b6950c008c899c1a4caf2a1"
_WITHOUT_ORDERS = "5b6950c0624a4baa1b83baad"


def _expected(original: Path, column: str) -> dict[str, tuple[int, Decimal]]:
    with (original / "food_orders" / "expected_spend.csv").open(newline="") as file:
        return {row["customerId"]: (int(row["orders"]), Decimal(row[column])) for row in csv.DictReader(file)}


def _served_spend(project: Path) -> dict[str, tuple[int, Decimal]]:
    rows = tillage_json(project, "query", "select * from gold.customer_spend")
    return {row["customer_id"]: (row["orders"], Decimal(row["net_minor"]).scaleb(-2)) for row in rows}


@pytest.mark.accept("2.1")
def test_all_customers_of_the_original_file_are_served_to_the_cent(original: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "shop", original / "food_orders" / "data.json")
    tillage(project, "run")
    expected = _expected(original, "net_inclusive_rate_group")
    with served(project) as base:
        for customer, (orders, net) in expected.items():
            status, body = get(f"{base}/spend/{customer}")
            assert (status, body.decode()) == (
                200,
                f'{{"customerId":"{customer}","orders":{orders},"totalNetMerchandiseValueEur":{net:.2f}}}',
            )
        assert get(f"{base}/spend/nobody")[0] == 404
        assert get(f"{base}/spend")[0] == 400
        assert get(f"{base}/spend/")[0] == 400
    assert expected[_CUSTOMER] == (5, Decimal("89.77"))
    assert expected[_WITHOUT_ORDERS] == (0, Decimal("0.00"))
    assert sum(net for _, net in _served_spend(project).values()) == Decimal("4693.46")


@pytest.mark.accept("2.1")
def test_ten_runs_change_nothing(original: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "shop", original / "food_orders" / "data.json")
    tillage(project, "run")
    before = tillage(project, "dump", "--canonical")
    for _ in range(9):
        assert tillage_json(project, "run")["loads"] == []
    assert tillage(project, "dump", "--canonical") == before
    # The same bytes under another name are other records with keys that stand already.
    landing = project / "landing" / "orders"
    (landing / "again.jsonl").write_bytes((landing / "data.json").read_bytes())
    tillage(project, "run")
    assert _served_spend(project) == _expected(original, "net_inclusive_rate_group")
    assert tillage_json(project, "status")["datasets"]["orders"]["duplicate_rows"] == 265


@pytest.mark.accept("2.1")
@pytest.mark.parametrize(
    ("setting", "column", "net"),
    [
        ("basis: deduct", "net_deduct_rate_group", "88.65"),
        ("level: line", "net_inclusive_line", "89.75"),
        ("basis: deduct, level: line", "net_deduct_line", "88.65"),
    ],
)
def test_basis_and_level_change_the_net_as_declared(
    original: Path, tmp_path: Path, setting: str, column: str, net: str
) -> None:
    project = new_project(tmp_path / "shop", original / "food_orders" / "data.json")
    contract = project / "contracts" / "orders.odcs.yaml"
    text = contract.read_text()
    assert text.count("rateBy: product_type") == 1
    contract.write_text(text.replace("rateBy: product_type", f"rateBy: product_type, {setting}"))
    tillage(project, "run")
    spend = _served_spend(project)
    assert spend == _expected(original, column)
    assert spend[_CUSTOMER] == (5, Decimal(net))


@pytest.mark.accept("2.2")
def test_explain_names_every_line_and_adds_up(original: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "shop", original / "food_orders" / "data.json")
    tillage(project, "run")
    found = tillage_json(project, "explain", f"/spend/{_CUSTOMER}")
    lines = [part for part in found["parts"] if part["element"]]
    assert found["served"]["orders"] == sum(part["adds"]["orders"] for part in found["parts"]) == 5
    assert len({(part["file"], part["line"], part["unit"]) for part in lines}) == 5
    assert len(lines) == 11
    assert sum(part["element"]["net_minor"] for part in lines) == found["served"]["net_minor"] == 8977
    assert sum(part["element"]["gross_minor"] for part in lines) == 9917
    assert found["adds_up"] is True
    # File, line and offset lead to the very bytes: the record there holds the product with that price and class.
    rates = {"hot food": 1500, "cold food": 700, "beverage": 900}
    for part in lines:
        raw = (project / part["file"]).read_bytes()[part["offset"] :].split(b"\n")[0]
        assert raw == (project / part["file"]).read_bytes().split(b"\n")[part["line"] - 1]
        item = json.loads(raw)["orders"][part["unit"]]["basket"][part["element_no"] - 1]
        element = part["element"]
        assert (item["productId"], item["productType"]) == (element["product_id"], element["product_type"])
        assert Decimal(str(item["grossMerchandiseValueEur"])) * 100 == element["gross_minor"]
        assert element["vat_bp"] == rates[item["productType"]]
    shown = tillage(project, "explain", f"/spend/{_CUSTOMER}", "--all")
    assert "5 units, 11 lines" in shown
    assert "landing/orders/data.json:1 " in shown
    assert "sum of the lines 89.77 EUR = served 89.77 EUR" in shown


@pytest.mark.accept("2.3")
def test_invalid_json_waits_in_quarantine_with_its_bytes(original: Path, tmp_path: Path) -> None:
    bad = original / "food_orders" / "joppevos_test_data.json"
    project = new_project(tmp_path / "shop", bad, original / "food_orders" / "prasad_test_data.json")
    assert tillage_json(project, "run")["loads"]
    waiting = tillage_json(project, "query", "select codes, raw from quarantine.customers")
    lines = [line for line in bad.read_text().split("\n") if line.strip()]
    assert [row["codes"] for row in waiting] == [["unreadable"]] * len(lines)
    assert [row["raw"] for row in waiting] == lines
    status = tillage_json(project, "status")
    assert status["balances"] is True
    customers = status["datasets"]["customers"]
    assert customers["read_rows"] == customers["accepted_rows"] + customers["waiting_rows"] == 2 + len(lines)
    strict = new_project(tmp_path / "strict", bad)
    tillage(strict, "run", "--strict", expect=11)
    assert tillage_json(strict, "status")["sealed_loads"] == 1
