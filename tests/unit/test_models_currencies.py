"""Amounts whose currency a column of the same row names, and the members of structs, in models."""

from __future__ import annotations

import pytest

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ModelError
from tillage.models.fold import Fold, read_fold
from tillage.models.output import Output, currency_in

_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
status: active
schema:
  - name: sales
    properties:
      - {name: sale_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: shop, logicalType: string}
      - {name: currency, logicalType: string}
      - {name: other, logicalType: string}
      - {name: day, logicalType: date}
      - name: price
        logicalType: number
        customProperties: [{property: tillage.money, value: {currencyBy: currency}}]
      - name: fee
        logicalType: number
        customProperties: [{property: tillage.money, value: EUR}]
      - name: buyer
        logicalType: object
        properties:
          - {name: country, logicalType: string}
          - name: credit
            logicalType: number
            customProperties: [{property: tillage.money, value: {currencyBy: currency}}]
      - name: tags
        logicalType: array
        items: {logicalType: string}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: product, logicalType: string}
            - {name: coin, logicalType: string}
            - name: amount
              logicalType: number
              customProperties: [{property: tillage.money, value: {currencyBy: coin}}]
            - name: tip
              logicalType: number
              customProperties: [{property: tillage.money, value: {currencyBy: currency}}]
"""


def _datasets() -> dict[str, Dataset]:
    return {dataset.name: dataset for dataset in read_contract("sales", "sales.odcs.yaml", _CONTRACT).datasets}


def _read(sql: str) -> Fold:
    return read_fold("m", sql.replace("{lines}", "sales as s cross join unnest(s.lines) as t(l)"), _datasets())


@pytest.mark.parametrize(
    ("sql", "currency"),
    [
        ("select shop, currency, sum(price_minor) as x from sales group by 1, 2", "@currency"),
        ("select shop, s.currency as code, sum(2 * s.price_minor) as x from sales as s group by shop, code", "@code"),
        ("select l.coin, sum(l.amount_minor) as x from {lines} group by 1", "@coin"),
        ("select s.currency as c, sum(l.tip_minor + s.price_minor) as x from {lines} group by 1", "@c"),
        ("select currency, sum(buyer.credit_minor) as x from sales group by 1", "@currency"),
        ("select currency, sum(s.buyer.credit_minor) as x from sales as s group by 1", "@currency"),
        ("select s.buyer.country, sum(s.fee_minor) as x from sales as s group by 1", "EUR"),
        ("select day, count(price_minor) as x from sales group by 1", None),
        ("select t.tag, sum(s.fee_minor) as x from sales as s cross join unnest(s.tags) as t(tag) group by 1", "EUR"),
        ("select tag, count(*) as x from sales as s cross join unnest(s.tags) as t(tag) group by 1", None),
        (
            (
                "select c, sum(n) as x from (select currency as c, price_minor as n from sales union all "
                "select s.currency, l.tip_minor from {lines} union all select null, 0 from sales) as u group by c"
            ),
            "@c",
        ),
        (
            (
                "select u.k as code, sum(u.n) as x from (select v.c as k, v.n from "
                "(select currency as c, price_minor as n from sales) as v) as u group by u.k"
            ),
            "@code",
        ),
    ],
)
def test_currency_that_a_column_names_is_followed_to_the_key_that_holds_it(sql: str, currency: str | None) -> None:
    assert _read(sql).sums[0].currency == currency


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select shop, sum(price_minor) as x from sales group by 1", "select sales.currency too and group by it"),
        ("select other as currency, sum(price_minor) as x from sales group by 1", "select sales.currency too"),
        ("select upper(currency) as currency, sum(price_minor) as x from sales group by 1", "sales.currency too"),
        ("select currency, sum(price_minor + fee_minor) as x from sales group by 1", "EUR and the currency in"),
        ("select s.currency, sum(l.amount_minor) as x from {lines} group by 1", "select l.coin too and group by it"),
        ("select l.coin, s.currency, sum(l.amount_minor + l.tip_minor) as x from {lines} group by 1, 2", "meet in"),
        (
            (
                "select c, sum(n) as x from (select currency as c, price_minor as n from sales union all "
                "select s.other, l.tip_minor from {lines}) as u group by c"
            ),
            "an amount is in the currency in s.currency, which is not selected beside it; select s.currency too",
        ),
        (
            (
                "select c, d, sum(n) as x from (select currency as c, other as d, price_minor as n from sales "
                "union all select s.other, s.currency, l.tip_minor from {lines}) as u group by c, d"
            ),
            "the currency in c and the currency in d meet in column 'n' of the union",
        ),
        (
            (
                "select c, sum(n) as x from (select currency as c, price_minor as n from sales union all "
                "select s.currency, s.fee_minor from {lines}) as u group by c"
            ),
            "EUR and the currency in c meet",
        ),
        ("select shop, sum(n) as x from (select shop, price_minor as n from sales) as u group by 1", "group by it"),
        ("select currency, sum(buyer['credit_minor']) as x from sales group by 1", "cannot be followed"),
        ("select shop, sum(buyer.nope) as x from sales group by 1", "unknown column 'buyer.nope'"),
    ],
)
def test_amounts_of_several_currencies_are_never_added_up(sql: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        _read(sql)


def test_amount_is_in_the_currency_that_its_row_names() -> None:
    output = Output("x", is_key=False, currency="@code")
    assert output.currency_by == "code"
    assert currency_in(output.currency, {"code": "JPY", "x": 120}) == "JPY"
    assert currency_in(output.currency, {"code": None, "x": 120}) is None
    assert currency_in("EUR", {"code": "JPY"}) == "EUR"
    assert Output("x", is_key=False, currency="EUR").currency_by is None
