"""What a model may be, which currency its columns have, and what is refused."""

from __future__ import annotations

from importlib import resources

import pytest

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs import read_contract
from tillage.errors import ModelError
from tillage.models.fold import read_fold

_TEMPLATE = resources.files("tillage").joinpath("templates/food-orders")
_CONTRACT = _TEMPLATE.joinpath("contracts/orders.odcs.yaml").read_text()
_UNION = "select c, sum(n) as n from (select customer_id as c, 1 as n from orders {how} {other}) as u group by 1"
_LINES = "orders as o cross join unnest(o.lines) as t(l)"


def _datasets() -> dict[str, Dataset]:
    return {dataset.name: dataset for dataset in read_contract("orders", "orders.odcs.yaml", _CONTRACT).datasets}


def test_the_template_is_a_fold_of_two_datasets_in_euro() -> None:
    text = _TEMPLATE.joinpath("models/customer_spend.sql").read_text()
    fold = read_fold("customer_spend", text, _datasets())
    assert fold.datasets == ("customers", "orders")
    assert [(output.name, output.is_key, output.currency) for output in fold.outputs] == [
        ("customer_id", True, None),
        ("orders", False, None),
        ("net_minor", False, "EUR"),
    ]
    assert fold.description.startswith("what each customer ordered") or "customer" in fold.description


@pytest.mark.parametrize(
    ("expression", "currency"),
    [
        ("sum(l.net_minor)", "EUR"),
        ("sum(l.gross_minor - l.net_minor)", "EUR"),
        ("sum(2 * l.net_minor)", "EUR"),
        ("sum(case when l.vat_bp > 700 then l.net_minor else 0 end)", "EUR"),
        ("sum(coalesce(l.net_minor, 0))", "EUR"),
        ("sum(l.net_minor) filter (where l.product_type = 'beverage')", "EUR"),
        ("count(*)", None),
        ("count(l.net_minor)", None),
        ("sum(1)", None),
        ("sum(l.vat_bp)", None),
    ],
)
def test_currency_follows_the_expression(expression: str, currency: str | None) -> None:
    fold = read_fold("m", f"select l.product_id, {expression} as x from {_LINES} group by l.product_id", _datasets())
    assert fold.sums[0].currency == currency


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select customer_id, sum(l.net_minor * l.net_minor) as x from {lines} group by 1", "money by money"),
        ("select customer_id, sum(l.net_minor + 1) as x from {lines} group by 1", "EUR and a number without currency"),
        ("select customer_id, sum(sqrt(l.net_minor)) as x from {lines} group by 1", "cannot be followed"),
        ("select customer_id, sum(nope) as x from orders group by 1", "unknown column 'nope'; known here"),
        ("select customer_id, sum(o.x) as x from nope as o group by 1", "the datasets are: customers, orders"),
        ("select customer_id from orders group by 1", "sums and counts nothing"),
        ("select customer_id, sum(1) as n from orders", "no group by"),
        ("select order_id, customer_id, sum(1) as n from orders group by customer_id", "neither summed nor"),
        ("select customer_id, sum(1) as n from orders group by customer_id, order_id", "which it does not select"),
        ("select customer_id, max(1) as n from orders group by 1", "neither sum nor count"),
        ("select customer_id, count(distinct order_id) as n from orders group by 1", "neither sum nor count"),
        ("select customer_id, sum(1) as n from orders group by 1 order by 1", "order"),
        ("select customer_id, sum(1) as n from orders group by 1 having sum(1) > 2", "having"),
        (
            "select customer_id, sum(1) as n from orders join customers using (customer_id) group by 1",
            "joins something",
        ),
        (_UNION.format(how="union", other="select customer_id, 1 from customers"), "not union all"),
        (_UNION.format(how="union all", other="select customer_id from customers"), "2 and 1 columns"),
        (_UNION.format(how="union all", other="select o.customer_id, l.net_minor from {lines}"), "meet in column 'n'"),
        ("select customer_id, sum(1) as n from orders group by 1; select 1", "one SELECT"),
        ("drop table orders", "one SELECT"),
        ("selekt 1", "models/m.sql"),
        ("select customer_id, sum(1) from orders group by 1", "needs a name"),
        ("select * from orders group by 1", "models/m.sql|model m"),
    ],
)
def test_what_is_no_fold_is_refused_with_the_reason(sql: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        read_fold("m", sql.replace("{lines}", _LINES), _datasets())
