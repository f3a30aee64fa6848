"""What a user's query sees, sums that keep decimals, and projects in folders with odd names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tillage.cli.init import make_project
from tillage.errors import LakeError, ModelError, QueryError
from tillage.pipelines.dump import dump
from tillage.pipelines.explain import explain
from tillage.pipelines.house import House
from tillage.pipelines.planning import make_plan
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_model
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run
from tillage.pipelines.status import status
from tillage.settings import read_settings
from tillage.wiring import open_house

_BASKET = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": 11.5}]
_LINES = [
    {"customerId": "a", "orders": [{"orderId": "1", "basket": _BASKET}]},
    {"customerId": "b", "orders": [{"orderId": "2", "basket": _BASKET * 3}, {"orderId": "3", "basket": []}]},
    {"customerId": "c", "orders": [{"orderId": "4", "basket": []}]},
]


def _project(folder: Path) -> Path:
    make_project("food-orders", folder)
    landing = folder / "landing" / "orders"
    landing.mkdir(parents=True, exist_ok=True)
    (landing / "a.jsonl").write_text("\n".join(json.dumps(line) for line in _LINES))
    return folder


@contextmanager
def _opened(folder: Path, **settings: str) -> Iterator[House]:
    with open_house(folder, read_settings(settings), say=lambda _: None) as house:
        yield house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with _opened(_project(tmp_path_factory.mktemp("query") / "shop")) as house:
        run(house, wait_s=10)
        yield house


def _rows(house: House, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query(house, sql).to_pylist()
    return rows


def test_tables_of_the_store_may_be_given_other_names(house: House) -> None:
    sql = """select s.customer_id, count(q.unit) as units from gold.customer_spend as s
        left join quarantine.orders "a AS b" on false left join quarantine.customers q on false group by all"""
    assert sorted(row["customer_id"] for row in _rows(house, sql)) == ["a", "b", "c"]


def test_columns_of_one_name_are_all_there_with_their_own_values(house: House) -> None:
    assert _rows(house, "select 1 as a, 2 as a, 3 as b, 4 as c") == [{"a": 1, "a_1": 2, "b": 3, "c": 4}]
    assert _rows(house, "select 1 as a, 2 as a, 3 as a_1") == [{"a": 1, "a_2": 2, "a_1": 3}]
    assert list(_rows(house, "select * from gold.customer_spend as x join gold.customer_spend as y using (orders)")[0])


def test_schemas_are_there_before_anything_is_in_them(tmp_path: Path) -> None:
    wrong = pytest.raises(QueryError, match="Table with name nix does not exist")
    with _opened(_project(tmp_path / "shop")) as empty, wrong:
        query(empty, "select count(*) from gold.nix")


def test_tables_are_listed_by_the_names_that_can_be_read(house: House) -> None:
    listed = {(row["schema"], row["name"]) for row in _rows(house, "show all tables")}
    assert {("bronze", "orders"), ("silver", "orders"), ("gold", "customer_spend"), ("quarantine", "orders")} <= listed
    assert {schema for schema, _ in listed} == {"bronze", "silver", "gold", "quarantine", "warnings", "ops", "kept"}
    assert _rows(house, "show tables") == []


@pytest.mark.parametrize(
    "name",
    ["two words", "Übergröße 😀", "a#b", "{a,b}", "50%", "s*r?", 'O\'Brien "x"', "day=1", "$HOME;x&y~", "-n", "+ü%zz"],
)
def test_project_works_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name.replace("*", "X").replace("?", "Y")).mkdir(exist_ok=True)  # what a pattern would match too
    with _opened(_project(tmp_path / name / "shop")) as house:
        assert len(run(house, wait_s=10).loads) == 1
        assert run(house, wait_s=10).loads == {}
        served = _rows(house, "select customer_id, orders, net_minor from gold.customer_spend order by all")
        assert [row["orders"] for row in served] == [1, 2, 1]
        assert _rows(house, "select count(*) as n from silver.orders") == [{"n": 4}]
        assert _rows(house, "select count(*) as n from bronze.orders") == [{"n": 3}]
        assert [one.comparison.differ for one in reconcile(house)] == [0]
        assert explain(house, "/spend/b").adds_up()
        assert len(list(dump(house, is_canonical=True))) > 8


@pytest.mark.parametrize("name", ["a[b", "a]b", "a^b", "a|b", "pct%20", "back\\slash", "new\nline"])
def test_folder_in_which_no_table_can_lie_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(LakeError, match="move the project to a path without"):
        make_project("food-orders", tmp_path / name / "shop")
    folder = _project(tmp_path / "shop").rename(tmp_path / name)
    with pytest.raises(LakeError, match="move the project to a path without"), _opened(folder) as house:
        run(house, wait_s=10)
    assert not (folder / "data" / "lake").exists()


@pytest.fixture
def with_model(tmp_path: Path) -> Path:
    return _project(tmp_path / "shop")


@pytest.mark.parametrize(
    ("expression", "totals"),
    [
        ("sum(0.1)", {"a": "0.1", "b": "0.2", "c": "0.1"}),
        ("sum(0.25 * array_length(o.lines))", {"a": "0.25", "b": "0.75", "c": "0.00"}),
        ("sum(case when o.order_id = '2' then 0.125 end)", {"a": "None", "b": "0.125", "c": "None"}),
    ],
)
def test_sums_keep_their_decimals_in_every_command(with_model: Path, expression: str, totals: dict[str, str]) -> None:
    model = f"select o.customer_id, {expression} as x from orders as o group by 1"
    (with_model / "models" / "fractions.sql").write_text(model)
    with _opened(with_model) as house:
        run(house, wait_s=10)
        found = {row["customer_id"]: str(row["x"]) for row in _rows(house, "from gold.fractions")}
        assert found == totals
        assert [one.comparison.differ for one in reconcile(house)] == [0, 0]
        assert any('"fractions"' in line for line in dump(house, is_canonical=True))


def test_fractions_of_a_minor_unit_are_refused_and_rounded_ones_are_not(with_model: Path) -> None:
    model = "select o.customer_id, {} as x from orders as o cross join unnest(o.lines) as t(l) group by 1"
    (with_model / "models" / "halves.sql").write_text(model.format("sum(l.net_minor * 0.5)"))
    with _opened(with_model) as house, pytest.raises(ModelError, match=r"whole number of minor units.*round"):
        run(house, wait_s=10)
    (with_model / "models" / "halves.sql").write_text(model.format("sum(cast(round(l.net_minor * 0.5) as bigint))"))
    with _opened(with_model) as house:
        run(house, wait_s=10)
        assert [row["x"] for row in _rows(house, "from gold.halves order by 1")] == [500, 1500]


def test_a_text_that_is_not_portable_is_not_taken_up_and_one_that_was_stops_nobody(
    with_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = r"models/loud.sql, line 1: 'upper' silently differs on Spark: .*translate\(x"
    (with_model / "models" / "loud.sql").write_text(
        "select upper(customer_id) as who, count(*) as n from orders group by 1"
    )
    with _opened(with_model) as house, pytest.raises(ModelError, match=said):
        run(house, wait_s=10)
    with monkeypatch.context() as older, _opened(with_model) as house:  # as a version did that did not look
        older.setattr("tillage.pipelines.models.refuse_unportable", lambda *_: None)
        run(house, wait_s=10)
    with _opened(with_model) as house:
        assert _rows(house, "select sum(n) as n from gold.loud") == [{"n": 4}]
        assert status(house).balances()
        assert [one.comparison.differ for one in reconcile(house)] == [0, 0]
        assert explain(house, "/spend/a").adds_up()
        assert make_plan(house).refused == ()
        run(house, wait_s=10)
    (with_model / "models" / "loud.sql").write_text(
        "select upper(customer_id) as who, count(*) as orders from orders group by 1"
    )
    with _opened(with_model) as house:
        (refused,) = make_plan(house).refused
        for taking_up in (run, partial(rebuild_model, model="loud")):
            with pytest.raises(ModelError, match=said) as wrong:
                taking_up(house, wait_s=10)
            assert str(wrong.value) == refused
