"""Amounts whose currency a column of the same row names, and the members of structs, in models."""

from __future__ import annotations

import pytest

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ModelError
from tillage.models.fold import Fold, read_fold
from tillage.models.output import Output, currency_in
from tillage.models.project import read_models

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


_ORDERS = """
      - name: cost
        logicalType: number
        customProperties: [{property: tillage.money, value: USD}]
      - {name: sold, logicalType: object, properties: [PAID, DUE]}
      - {name: back, logicalType: object, properties: [DUE, PAID]}
      - {name: in_euro, logicalType: array, items: {logicalType: object, properties: [DUE]}}
      - {name: in_dollar, logicalType: array, items: {logicalType: object, properties: [OWED]}}
"""
_PARTS = {
    "PAID": "{name: paid, logicalType: number, customProperties: [{property: tillage.money, value: USD}]}",
    "DUE": "{name: due, logicalType: number, customProperties: [{property: tillage.money, value: EUR}]}",
    "OWED": "{name: due, logicalType: number, customProperties: [{property: tillage.money, value: USD}]}",
}


def _table(sql: str) -> list[tuple[str, str | None]]:
    """Columns and currencies of a model that is no fold."""
    contract = _CONTRACT + _ORDERS.strip("\n") + "\n"
    for part, text in _PARTS.items():
        contract = contract.replace(part, text)
    datasets = {dataset.name: dataset for dataset in read_contract("sales", "sales.odcs.yaml", contract).datasets}
    found = read_models({"m": sql}, datasets).derived["m"]
    return [(output.name, output.currency) for output in found.outputs]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            (
                "select fee_minor as a, cost_minor as b from sales union all by name "
                "select fee_minor as b, cost_minor as a from sales"
            ),
            "its union is by name; write the columns out",
        ),
        ("select s.a as x from (select fee_minor as a, cost_minor as b from sales) as s(b, a)", "renames columns"),
        ("select o.fee_minor as x from sales as o(a, b, c, d, e, fee_minor)", "renames columns"),
        ("select lag(fee_minor, 1, cost_minor) over (order by day) as x from sales", "EUR and USD meet"),
        ("select lead(fee_minor, 1, 5) over (order by day) as x from sales", "EUR and a number without currency meet"),
        ("select list_sum(array(select cost_minor from sales)) as x", "where a value stands; join it instead"),
        ("select coalesce(*columns('(fee|cost)_minor')) as x from sales", "picks columns by a pattern; name each"),
        ("select sum(columns('.*_minor')) as x from sales", "picks columns by a pattern; name each"),
        ("select x.fee_minor as x from (select * from sales) as x limit 1", r"name each column instead of \*"),
        ("select fee_minor from sales unpivot (fee_minor for k in (fee_minor, cost_minor))", "PIVOT and UNPIVOT"),
        ("select x.fee_minor from (sales as s unpivot (fee_minor for k in (fee_minor, cost_minor))) as x", "UNPIVOT"),
        ("select currency, sum(price_minor) as x from sales group by rollup (currency)", "'x' would add up amounts"),
        ("select currency, sum(price_minor) as x from sales group by cube (currency)", "several sets of keys"),
        ("select currency, max(price_minor) as x from sales group by grouping sets ((currency), ())", "several sets"),
        (
            "select u.s.due_minor as x from (select sold as s from sales union all select back from sales) as u",
            "structs or lists with other members meet in column 's' of the union",
        ),
        (
            (
                "select l.due_minor as x from (select in_euro as e from sales union all select in_dollar from sales) "
                "as u cross join unnest(u.e) as t(l)"
            ),
            "structs or lists with other members meet in column 'e' of the union",
        ),
        (
            (
                "select s.currency, l.tip_minor as x from (select lines from sales) as u cross join sales as s "
                "cross join unnest(u.lines) as t(l)"
            ),
            "which is not selected beside it",
        ),
        (
            "select currency, sum(price_minor) over (w) as x from sales window w as (partition by shop)",
            "add sales.curr",
        ),
        ("with sales as (select fee_minor from sales) select sum(fee_minor) as x from sales", "WITH sales hides what"),
    ],
)
def test_amounts_of_a_table_never_change_their_names_unseen(sql: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        _table(sql)


@pytest.mark.parametrize(
    ("sql", "currencies"),
    [
        ("select currency, max(price_minor) as x from sales group by 1", [None, "@currency"]),
        ("select s.currency as c, l.tip_minor as x from sales as s cross join unnest(s.lines) as t(l)", [None, "@c"]),
        ("select l.coin, max(l.amount_minor) as x from sales as s, unnest(s.lines) as t(l) group by 1",
         [None, "@coin"]),
        ("select currency, max(buyer.credit_minor) as x from sales group by 1", [None, "@currency"]),
        ("select c, x from (select currency as c, sum(price_minor) over (partition by currency) as x from sales) as s",
         [None, "@c"]),
        ("with a as (select shop, sum(fee_minor) over (partition by shop) as x from sales) select shop, x from a",
         [None, "EUR"]),
        ("select currency, sum(price_minor) over w as x from sales window w as (partition by currency)",
         [None, "@currency"]),
        ("select lag(fee_minor, 1, 0) over (order by day) as x from sales", ["EUR"]),
        ("select shop, sum(fee_minor) as x from sales group by rollup (shop)", [None, "EUR"]),
        ("select fee_minor > 5 and not cost_minor > 5 as x from sales", [None]),
        ("select shop, count_if(fee_minor > 5) as x from sales group by 1", [None, None]),
        ("select fee_minor as x from sales as s where exists (select * from sales as o where o.shop = s.shop)",
         ["EUR"]),
    ],
)  # fmt: skip
def test_amounts_of_a_table_are_followed(sql: str, currencies: list[str | None]) -> None:
    assert [currency for _, currency in _table(sql)] == currencies
