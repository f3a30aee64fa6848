"""A wrong contract is refused with its line, what is allowed, and the nearest name; a right one says what it says."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from tillage.contracts.compiler.shape import shape_of
from tillage.contracts.contract import Basis, Kind, Level
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ContractError

_TEXT = resources.files("tillage").joinpath("templates/food-orders/contracts/orders.odcs.yaml").read_text()


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_template_says_what_food_orders_needs() -> None:
    contract = read_contract("orders", "orders.odcs.yaml", _TEXT)
    customers, orders = contract.datasets
    assert (customers.name, customers.unit_path, customers.key) == ("customers", (), ("customer_id",))
    assert (orders.name, orders.unit_path, orders.key, orders.currency) == ("orders", ("orders",), ("order_id",), "EUR")
    order_id, customer_id, lines = orders.columns
    assert order_id.is_required
    assert customer_id.is_from_record
    assert lines.kind is Kind.LIST
    gross = lines.items[2]
    assert gross.stored_name == "gross_minor"
    assert gross.vat is not None
    assert dict(gross.vat.rates_bp) == {"hot food": 1500, "cold food": 700, "beverage": 900}
    assert (gross.vat.basis, gross.vat.level) == (Basis.INCLUSIVE, Level.RATE_GROUP)


def test_the_digest_is_of_the_text() -> None:
    first = read_contract("orders", "orders.odcs.yaml", _TEXT).digest
    assert read_contract("orders", "other name", _TEXT).digest == first
    assert read_contract("orders", "orders.odcs.yaml", _TEXT + "\n# note\n").digest != first


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tillage.money, value: EUR", "tillage.money, value: EUD", "EUD.*active ISO 4217.*did you mean"),
        ("tillage.money", "tillage.mony", "unknown name 'tillage.mony'; did you mean 'tillage.money'"),
        ("rateBy: product_type", "rateBy: product_typ", "unknown name 'product_typ'; did you mean 'product_type'"),
        ("rateBy: product_type", "rateby: product_type", "unknown name 'rateby'; did you mean 'rateBy'"),
        ("hot food: 15", "hot food: 15.005", "at most two decimals"),
        ("hot food: 15", "hot food: 100", "from 0 up to 99.99"),
        ("hot food: 15", "hot food: true", "a rate is a percentage"),
        ("hot food: 15", "hot food: 15, hot food: 16", "'hot food' is given twice"),
        ('value: "$.orders[*]"', 'value: "$.orders"', "tillage.unit must be"),
        ('value: "$.orders[*]"', 'value: "$..orders[*]"', "tillage.unit must be"),
        ("logicalType: number", "logicalType: decimal", "unknown name 'decimal'.*Allowed: .*number"),
        ("logicalType: number", "logicalType: timestamp", "tillage.money needs `logicalType: number`"),
        ("logicalType: number", "logicalType: vector", "'vector' is not checked yet"),
        ("physicalName: orderId", "physicalNam: orderId", "unknown name 'physicalNam'; did you mean 'physicalName'"),
        (
            "physicalName: orderId",
            "physicalName: orderId\n{indent}classification: PII",
            "unknown name 'PII'.*Allowed: .*personal",
        ),
        ("physicalName: orderId", "physicalName: orderId\n{indent}unique: true", "'unique'.*does not check"),
        ("physicalName: orderId", "physicalName: '#tillage'", "cannot be empty, '#tillage'"),
        ("physicalName: orderId", "physicalName: $.a[0]", "must be a member's name"),
        ("name: order_id", "name: Order Id", "a column's name is lower case"),
        ("name: order_id", "name: customer_id", "would be stored twice"),
        ("name: orders", "name: customers", "described twice"),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.0", "must be v3.0.x"),
        ("kind: DataContract", "kind: DataContrakt", "not valid ODCS"),
        ("kind: DataContract", "kind: [", "not YAML"),
    ],
)
def test_a_wrong_contract_names_line_and_mend(old: str, new: str, says: str) -> None:
    assert old in _TEXT
    before = _TEXT[: _TEXT.index(old)].rpartition("\n")[2]
    wrong = _TEXT.replace(old, new.replace("{indent}", before), 1)
    with pytest.raises(ContractError, match=f"(?s)orders.odcs.yaml, line \\d+: .*{says}") as raised:
        read_contract("orders", "orders.odcs.yaml", wrong)
    line = int(re.search(r"line (\d+)", str(raised.value))[1])  # type: ignore[index]
    assert 1 <= line <= wrong.count("\n") + 1


def test_the_line_is_the_one_that_is_wrong() -> None:
    wrong = _TEXT.replace("tillage.unit", "tillage.unitt", 1)
    with pytest.raises(ContractError, match=f"line {_line(wrong, 'tillage.unitt')}:"):
        read_contract("orders", "orders.odcs.yaml", wrong)


def test_members_that_differ_in_case_only_are_refused() -> None:
    wrong = _TEXT.replace("physicalName: productType", "physicalName: PRODUCTID", 1)
    with pytest.raises(ContractError, match="differ in case only"):
        shape_of(read_contract("orders", "orders.odcs.yaml", wrong))


def test_a_member_cannot_be_read_as_value_and_as_list() -> None:
    wrong = _TEXT.replace("physicalName: $.customerId", "physicalName: $.orders", 1)
    with pytest.raises(ContractError, match="single value where another column or a unit reads"):
        shape_of(read_contract("orders", "orders.odcs.yaml", wrong))


@pytest.mark.parametrize("condition", ["head.country = 'x'", "len(lines) > 0", "amount_minor > 1"])
def test_a_condition_on_rows_to_be_grouped_reads_only_what_each_row_holds(condition: str) -> None:
    text = f"""
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: invoices
    customProperties:
      - {{property: tillage.unit, value: {{groupBy: [invoice]}}}}
      - {{property: tillage.where, value: "{condition}"}}
    properties:
      - {{name: invoice, logicalType: string}}
      - {{name: quantity, logicalType: integer}}
      - {{name: head, logicalType: object, properties: [{{name: country, logicalType: string}}]}}
      - name: amount
        logicalType: number
        customProperties:
          - {{property: tillage.money, value: EUR}}
          - {{property: tillage.amount, value: "quantity * 2"}}
      - name: lines
        logicalType: array
        items: {{logicalType: object, properties: [{{name: product, logicalType: string}}]}}
"""
    with pytest.raises(ContractError, match=r"unknown column .*; the columns are: invoice, quantity"):
        read_contract("invoices", "invoices.odcs.yaml", text)
