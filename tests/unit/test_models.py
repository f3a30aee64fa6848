"""What a model may be, which currency its columns have, and what is refused."""

from __future__ import annotations

from importlib import resources

import duckdb
import pytest

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ModelError
from tillage.models.allowed import FUNCTIONS
from tillage.models.fold import read_fold

_TEMPLATE = resources.files("tillage").joinpath("templates/food-orders")
_CONTRACT = _TEMPLATE.joinpath("contracts/orders.odcs.yaml").read_text()
_UNION = "select c, sum(n) as n from (select customer_id as c, 1 as n from orders {how} {other}) as u group by 1"
_EXISTS = "exists (select 1 from orders as p where p.customer_id = o.customer_id and p.order_id <> o.order_id)"
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
        ("sum(round(l.net_minor * 0.5))", "EUR"),
        ("sum(len(o.lines))", None),
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
        ("select o.customer_id, sum(1) as n from orders as o where {exists} group by 1", "query inside an expression"),
        ("select customer_id, sum(1) as n from orders where order_id in (select 'a') group by 1", "query inside"),
        ("select customer_id, sum(1) as n from orders where order_id = (select 'a') group by 1", "query inside"),
        ("select customer_id, sum((select 1)) as n from orders group by 1", "query inside an expression"),
        ("select customer_id, sum(1) as n from orders where random() < 0.5 group by 1", "'random' cannot be used"),
        ('select customer_id, sum(1) as n from orders where "random" () < 0.5 group by 1', "'random' cannot be used"),
        (
            "select customer_id, sum(1) as n from orders where customer_id.hash() > 5 group by 1",
            "'hash' cannot be used",
        ),
        ("select customer_id, sum(1) as n from orders tablesample 10% group by 1", "cannot be used in a model"),
        ("select customer_id, sum(1) as n from orders group by 1 using sample 10%", "sample cannot be used"),
        ("select current_date as day, sum(1) as n from orders group by 1", "cannot be used in a model"),
        (
            "select customer_id, sum(1) as n from orders where today() > '2025-01-01' group by 1",
            "'today' cannot be used",
        ),
        ("select customer_id, sum(1) as n from orders where row_number() over () = 1 group by 1", "cannot be used"),
        ("select customer_id, sum(1) as n from orders where order_id = $1 group by 1", "cannot be used in a model"),
        ("select customer_id, sum(1) as n from orders group by rollup(customer_id)", "several sets of keys"),
        ("select customer_id, sum(1) as n from orders group by all", "name the keys instead of `group by all`"),
        ("select a as c, sum(1) as n from orders as o(a, b) group by 1", "unknown column|renames columns"),
        ("select c, sum(n) as n from (select customer_id as c, 1 as n from orders) as u(n, c) group by 1", "renames"),
        ("select customer_id, sum(1) as n from orders where _load = 1 group by 1", "unknown column '_load'"),
        ("select customer_id, sum(1) as n from orders where nope = 1 group by 1", "unknown column 'nope'"),
        ("select customer_id, sum(1) filter (where _sign > 0) as n from orders group by 1", "unknown column '_sign'"),
        ("select c, sum(1) as n from (select customer_id as c from orders where _load > 1) as u group by 1", "_load'"),
        (_UNION.format(how="union all", other="select customer_id, 1 from customers limit 3"), "limit cannot be used"),
        (_UNION.format(how="union all", other="select customer_id, 1 from customers order by 1"), "order cannot be"),
        ("select customer_id, sum(1 order by order_id) as n from orders group by 1", "neither sum nor count"),
        ("select customer_id, count() as n from orders group by 1", "neither sum nor count"),
        ("select customer_id, sum(1) as _rows from orders group by 1", "names that begin with _ are taken"),
        ("select customer_id, sum(1) as n, sum(2) as _n_n from orders group by 1", "names that begin with _ are taken"),
        (
            "select c, sum(_load) as n from (select customer_id as c, 1 as _load from orders) as u group by 1",
            "begin with",
        ),
        ("select customer_id, sum(1) as n, sum(2) as N from orders group by 1", "two columns have one name"),
        ("select customer_id, sum(1) as {long} from orders group by 1", "at most 60 bytes"),
        ("select customer_id, sum(list_sum(o.lines)) as n from orders as o group by 1", "cannot be followed"),
        ("select customer_id, sum(o.lines[1].net_minor) as n from orders as o group by 1", "followed|unknown column"),
    ],
)
def test_what_is_no_fold_is_refused_with_the_reason(sql: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        read_fold(
            "m", sql.replace("{lines}", _LINES).replace("{exists}", _EXISTS).replace("{long}", "n" * 61), _datasets()
        )


def test_only_functions_that_the_engine_itself_calls_consistent_are_allowed() -> None:
    with duckdb.connect() as connection:
        found = connection.execute(
            "select function_name, bool_and(stability is null or stability = 'CONSISTENT') from duckdb_functions() "
            "group by 1"
        ).fetchall()
    is_consistent = dict(found)
    words_of_the_grammar = {"cast", "try_cast", "case", "extract", "position", "coalesce", "if", "ifnull", "unnest"}
    assert sorted(FUNCTIONS - words_of_the_grammar - is_consistent.keys()) == []
    assert [name for name in FUNCTIONS if not is_consistent.get(name, True)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "select customer_id, sum(1) as n from orders group by customer_id -- by customer",
        "select customer_id, sum(1) as n from orders /* all */ group by /* the */ customer_id",
        "select CUSTOMER_ID, sum(1) as n from Orders group by customer_id",
        "select O.customer_id, sum(1) as n from orders as o group by o.Customer_Id",
        'select "CUSTOMER_ID" as customer_id, sum(1) as n from orders group by "customer_id"',
        "select customer_id as Customer_Id, sum(1) as n from orders group by CUSTOMER_ID",
    ],
)
def test_comments_and_case_mean_nothing(sql: str) -> None:
    fold = read_fold("m", sql, _datasets())
    assert [output.name.lower() for output in fold.outputs] == ["customer_id", "n"]
    assert "--" not in fold.delta_sql


def test_output_keeps_the_case_that_the_model_gives_it() -> None:
    fold = read_fold("m", "select customer_id as customerId, count(*) as Orders from orders group by 1", _datasets())
    assert [output.name for output in fold.outputs] == ["customerId", "Orders"]
