"""What kind a model is, why, and what its columns are in: found from its text alone."""

from __future__ import annotations

import pytest

from tests.generative.models import DATASETS
from tillage.errors import ModelError
from tillage.models.project import Models, read_each, read_models

FOLD = "select shop, sum(paid_minor) as paid from sales group by shop"
_LINES = "sales as s cross join unnest(s.lines) as t(l)"


def models(sql: str, **others: str) -> Models:
    return read_models({"paid": FOLD, "m": sql, **others}, DATASETS)


@pytest.mark.parametrize(
    ("sql", "kind", "reason"),
    [
        ("select shop, paid as p from paid where paid > 3", "view", "shows rows of paid as they are"),
        ("select shop, sum(paid) as p from paid group by 1", "table", "reads the model paid"),
        ("select shop, paid + 1 - 1 as n from paid as p", None, "a number without currency"),
        ("select shop, place from sales", "table", "has no GROUP BY"),
        ("select shop, max(place) as m from sales group by 1", "table", "has max, which cannot be added up"),
        ("select shop, count(distinct place) as n from sales group by 1", "table", "sums or counts distinct values"),
        ("select shop, count(*) as n from sales group by 1 having count(*) > 1", "table", "has a HAVING"),
        ("with a as (select shop from sales) select shop, count(*) as n from a group by 1", "table", "has a WITH"),
        (
            "select s.shop, count(*) as n from sales as s join debts as d using (shop) group by 1",
            "table",
            "joins",
        ),
        ("select shop, count(*) as n from sales group by 1 order by 2", "table", "has an ORDER BY"),
        ("select shop, count(*) as n from sales group by 1 limit 3", "table", "has a LIMIT"),
        ("select shop, count(*) as n from sales group by rollup (shop)", "table", "groups by several sets of keys"),
        (
            "select shop, count(*) as n from sales where shop in (select shop from debts) group by 1",
            "table",
            "has a query inside an expression",
        ),
        ("select shop, 1 as n from sales union select shop, 2 from debts", "table", "is no single SELECT"),
    ],
)
def test_a_kind_is_found_and_its_reason_is_told(sql: str, kind: str | None, reason: str) -> None:
    if kind is None:
        with pytest.raises(ModelError, match=reason):
            models(sql)
        return
    found = models(sql).derived["m"]
    assert (found.kind, found.reason[: len(reason)]) == (kind, reason)


@pytest.mark.parametrize(
    ("sql", "currencies"),
    [
        ("select s.shop, max(d.owed_minor) as p from sales as s join debts as d using (shop) group by 1",
         [None, "EUR"]),
        ("with a as (select shop, paid_minor as p from sales) select shop, min(p) as q from a group by 1",
         [None, "EUR"]),
        ("select shop, paid // 3 as third, paid // 7 // paid as share from paid", [None, "EUR", None]),
        (f"select s.shop, l.price_minor as price, l.name as what from {_LINES}", [None, "EUR", None]),
        ("select shop, u.l.price_minor as p from sales as s, lateral (select unnest(s.lines) as l) as u",
         [None, "EUR"]),
        ("select x.l.price_minor as p from (select unnest(lines) as l from sales) as x", ["EUR"]),
        ("select y.price_minor as p from (select lines as many from sales) as x, unnest(x.many) as t(y)", ["EUR"]),
        ("select shop, sum(paid_minor) over (partition by shop order by place) as p from sales", [None, "EUR"]),
        ("select shop, lag(paid_minor) over (order by place) as p, rank() over (order by place) as r from sales",
         [None, "EUR", None]),
        ("select greatest(paid_minor, 0) as p, arg_max(paid_minor, place) over () as q from sales", ["EUR", "EUR"]),
        ("select shop, paid as P from paid union all select shop, owed_minor from debts", [None, "EUR"]),
        ("select shop, paid_minor as p from sales as s where exists (select 1 from debts as d where d.shop = s.shop)",
         [None, "EUR"]),
        ("select s.shop, s.paid_minor as p from sales as s anti join debts as d using (shop)", [None, "EUR"]),
    ],
)  # fmt: skip
def test_currencies_are_followed_through_any_select(sql: str, currencies: list[str | None]) -> None:
    assert [output.currency for output in models(sql).derived["m"].outputs] == currencies


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select shop, paid_minor + place as x from sales", "EUR and a number without currency meet"),
        ("select shop, paid_minor * paid_minor as x from sales", "multiplies money by money"),
        ("select shop, ln(paid_minor) as x from sales", "does something to money that cannot be followed"),
        (
            "select shop, (select max(owed_minor) from debts) as x from sales",
            "where a value stands; join it instead",
        ),
        ("select shop, paid_minor as x from sales union all select shop, place from debts", "meet in column 'x'"),
        ("select nope from paid", "unknown column 'nope'; known here: paid, shop"),
        ("select shop from nowhere", "reads 'nowhere'; there are: debts, sales"),
        ("select shop from main.sales order by 1", "reads 'main.sales'"),
        ("select s.shop from sales as s join debts as s on true", "two tables have the name 's'"),
        ("select shop from sales as s join debts as d on d.place = s.place", "ambiguous column 'shop'"),
        ("select shop, 1 from sales", "column 2 needs a name"),
        ("select shop as a, place as A from sales", "two columns have one name"),
        ("select shop as _x from sales", "names that begin with _ are taken"),
        ("with recursive a as (select 1 as x union all select x from a) select x from a", "WITH RECURSIVE"),
        ("with a(y) as (select 1 as x) select y from a", "renames columns"),
        ("select m from m", "read each other in a circle"),
        ("select x from other", "read each other in a circle: m reads other reads m|circle"),
        ("select 1 as x; select 2 as y", "must hold one SELECT"),
        ("delete from sales", "must hold one SELECT"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_what_to_do(sql: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        models(sql, other="select x from m")


def test_models_come_after_those_that_they_read() -> None:
    found = read_models({"a": "select n from b", "b": "select max(x) as n from c", "c": "select 1 as x"}, DATASETS)
    assert list(found.derived) == ["c", "b", "a"]
    assert found.datasets_of("a") == set()


def test_a_wrong_model_is_told_with_those_that_read_it_and_the_others_are_read() -> None:
    found, wrong = read_each({"good": FOLD, "bad": "select nope from sales", "worse": "select x from bad"}, DATASETS)
    assert set(found.outputs()) == {"good"}
    assert [str(wrong[name]) for name in ("bad", "worse")] == [
        "model bad: unknown column 'nope'; known here: guests, is_paid, lines, paid_minor, place, shop, weight",
        "models/worse.sql reads a model that is wrong",
    ]


def test_a_row_of_a_view_is_found_by_the_key_of_its_fold() -> None:
    found = models("select shop as name, paid from paid", deeper="select name as n from m")
    assert found.row_by("deeper", "n") == ("paid", "shop")
    assert found.row_by("m", "paid") is None
    assert found.row_by("paid", "shop") == ("paid", "shop")


def test_a_view_in_the_store_names_columns_as_they_are_spelled() -> None:
    found = read_models(
        {"f": FOLD.replace("as paid", "as Paid"), "v": "select PAID as p from F where paid > 1"}, DATASETS
    )
    assert found.derived["v"].store_sql == 'SELECT "Paid" AS "p" FROM "gold"."f" WHERE "Paid" > 1'
