"""`tillage test` on projects of every format: what it takes, what it compares, and what it says when that fails."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tillage.cli.app import app
from tillage.contracts.cases.file import COUNTS, read_cases
from tillage.contracts.cases.rows import UNIT_NAMES
from tillage.doors.laid import laid
from tillage.errors import OperatorError
from tillage.pipelines.cases import Bench, Outcome, case_feeds, run_case
from tillage.settings import read_settings
from tillage.wiring import load_project, make_engine

_TEMPLATE = REPOSITORY / "src" / "tillage" / "templates" / "food-orders"
_CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: sales
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: day, logicalType: date}
      - {name: at, logicalType: timestamp}
      - {name: qty, logicalType: integer}
      - {name: weight, logicalType: number}
      - {name: price, logicalType: number, customProperties: [{property: tillage.money, value: {currency: EUR,
         excessDecimals: warn}}]}
    quality:
      - {id: sold, type: custom, engine: tillage, implementation: "qty > 0", severity: warning}
      - {id: few, type: library, metric: rowCount, mustBeGreaterOrEqualTo: 2, unit: rows}
"""
_MODEL = "select day, count(qty) as sold, sum(qty) as qty, sum(price_minor) as price_minor from sales group by day\n"


def _project(root: Path, feed: str = "path: landing/shop", contract: str = _CONTRACT, model: str = _MODEL) -> Path:
    for folder in ("contracts", "models"):
        (root / folder).mkdir(parents=True)
    (root / "tillage.yaml").write_text(f"project: shop\nfeeds:\n  shop: {{{feed}}}\n")
    (root / "contracts" / "shop.odcs.yaml").write_text(contract)
    (root / "models" / "by_day.sql").write_text(model)
    return root


def _outcomes(root: Path, text: str) -> list[Outcome]:
    _, feeds, models = load_project(root)
    datasets = {dataset.name: dataset for feed in feeds.values() for dataset in feed.check.contract.datasets}
    settings = read_settings({"TILLAGE_THREADS": "1", "TILLAGE_MEMORY_MB": "512"})
    bench = Bench(feeds, models, make_engine(root / "spill", settings, datasets), laid)
    return [run_case(bench, case) for case in read_cases("tests/t.yaml", text, case_feeds(bench))]


def _wrong(root: Path, given: str, expect: str) -> list[tuple[Any, ...]]:
    """What is not as expected: table, what, columns."""
    (outcome,) = _outcomes(root, f"- name: n\n  feed: shop\n  given: {given}\n  expect: {expect}\n")
    assert outcome.problem is None
    return [(one.table, one.what, *one.columns) for one in outcome.differences]


def _problem(root: Path, given: str) -> str:
    (outcome,) = _outcomes(root, f"- {{name: n, feed: shop, given: {given}, expect: {{sales: []}}}}\n")
    assert outcome.problem is not None
    assert not outcome.holds
    return outcome.problem


@pytest.mark.parametrize(
    ("feed", "given"),
    [
        ("format: jsonl", '[{id: "1", qty: 2, weight: 0.5}, {id: é, qty: null}]'),
        ("format: jsonl", '\'{"id": "1", "qty": 2, "weight": 0.5}\n\n    {"id": "é"}\''),
        ("format: json", '[{id: "1", qty: 2, weight: 0.5}, {id: é}]'),
        ('format: json, records: "$.a.b[*]"', '[{id: "1", qty: 2, weight: 0.5}, {id: é}]'),
        ("format: csv, csv: {delimiter: ;}", '[{id: "1", qty: 2, weight: 0.5}, {id: é, qty: null}]'),
        ("format: csv, csv: {delimiter: ;, encoding: latin-1}", '"id;qty;weight\\n1;2;0.5\\né;;\\n"'),
        ("format: csv, csv: {encoding: utf-16, skip: 2}", '[{id: "1", qty: 2, weight: 0.5}, {id: é}]'),
        ("format: csv, csv: {header: false, columns: [qty, id, weight], delimiter: '|'}",
         '[{id: "1", qty: 2, weight: 0.5}, {id: é}]'),
        ("format: parquet", '[{id: "1", qty: 2, weight: 0.5}, {id: é}]'),
        ("format: xml, records: /r/s", "<r><s><id>1</id><qty>2</qty><weight>0.5</weight></s><s><id>é</id></s></r>"),
    ],
)  # fmt: skip
def test_what_is_given_is_a_file_of_the_feeds_format(tmp_path: Path, feed: str, given: str) -> None:
    root = _project(tmp_path / "shop", f"path: landing/shop, {feed}")
    expect = '{sales: [{id: "1", qty: 2, weight: 0.50}, {id: é, qty: null, weight: null}]}'
    assert _wrong(root, given, expect) == []
    assert len(_wrong(root, given, expect.replace("0.50", "0.51").replace("qty: null", "qty: 0"))) == 2


def test_a_csv_field_that_needs_quotes_has_them(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop", "path: landing/shop, format: csv, csv: {delimiter: ','}")
    odd = r'["a,b", "say \"x\"", "two\nlines", " c "]'
    given = "[" + ", ".join(f"{{id: {json.dumps(one)}, qty: 1}}" for one in json.loads(odd)) + "]"
    assert (
        _wrong(root, given, "{sales: [" + ", ".join(f"{{id: {json.dumps(one)}}}" for one in json.loads(odd)) + "]}")
        == []
    )


def test_folders_and_packing_count_by_their_names(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop", "path: landing/shop/day=*/*.jsonl*")
    packed = base64.b64encode(gzip.compress(b'{"id": "4"}\n')).decode()
    given = f"""
    day=2024-01-31/a.jsonl: [{{id: "1"}}]
    day=2024-02-01/b.jsonl.gz: [{{id: "2"}}]
    day=2024-02-02/c.jsonl.zst: '{{"id": "3", "day": "2024-03-03"}}'
    day=2024-02-02/d.jsonl.gz: !!binary {packed}
    """
    expect = """
    sales:
      - {id: "1", day: 2024-01-31, file: day=2024-01-31/a.jsonl, line: 1}
      - {id: "2", day: 2024-02-01, file: day=2024-02-01/b.jsonl.gz}
      - {id: "3", day: 2024-03-03}
      - {id: "4", day: 2024-02-02}
    """
    assert _wrong(root, given, expect) == []


def test_members_of_a_zip_file_are_files(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = '{week.zip/x/b.jsonl: [{id: "2"}], week.zip/a.jsonl: [{id: "1"}], z.jsonl: [{id: "3"}]}'
    files = ["week.zip/a.jsonl", "week.zip/x/b.jsonl", "z.jsonl"]
    rows = ", ".join(f'{{id: "{number}", file: {file}}}' for number, file in enumerate(files, 1))
    assert _wrong(root, given, f"{{sales: [{rows}]}}") == []


@pytest.mark.parametrize(
    ("feed", "given", "says"),
    [
        ("path: landing/shop", "{a.txt: x}", "file landing/shop/a.txt is not read: its suffix is none of jsonl"),
        (
            "path: landing/shop",
            "{.a.jsonl: x}",
            "file .a.jsonl is not read: its name does not fit landing/shop, or hides",
        ),
        (
            "path: landing/day=*/*.jsonl",
            "[{a: 1}]",
            "the feed reads files like .*: name the given file so, below landing",
        ),
        (
            "path: landing/shop",
            "{a.jsonl.gz: !!binary H4sIAAAA}",
            "file landing/shop/a.jsonl.gz .*nothing of it is loaded",
        ),
        ("path: landing/shop", "{a.zip: x}", "is no zip file, though its name says so"),
        ("path: landing/shop, format: csv", "[{a: [1]}]", "a field of a CSV file is text, a number"),
        ("path: landing/shop, format: csv", "[{a: null}]", "would be a blank line"),
        ("path: landing/shop, format: csv, csv: {columns: [a]}", "[{b: 1}]", "no column 'b'; its columns: a"),
        ("path: landing/shop, format: csv, csv: {quote: ''}", '[{a: "x,y", b: 1}]', "needs quotes, and the files"),
        ("path: landing/shop, format: csv, csv: {delimiter: whitespace}", "[{a: x y, b: 1}]", "needs quotes"),
        (
            "path: landing/shop, format: csv, csv: {encoding: latin-1}",
            "[{a: €, b: 1}]",
            "encoding, iso8859-1, does not",
        ),
        ("path: landing/shop, format: csv, csv: {encoding: latin-1}", "€", "a letter that iso8859-1 does not have"),
        ("path: landing/shop, format: parquet", "[{a: x}, {a: 1}]", "the values of a Parquet column are of one type"),
    ],
)
def test_what_cannot_be_read_is_the_problem_of_its_test_alone(tmp_path: Path, feed: str, given: str, says: str) -> None:
    root = _project(tmp_path / "shop", feed)
    assert re.search(says, _problem(root, given))
    wrong = f"- {{name: a, feed: shop, given: {given}, expect: {{sales: []}}}}\n"
    first, second = _outcomes(root, wrong + "- {name: b, feed: shop, given: [], expect: {sales: []}}\n")
    assert (first.holds, second.case.name) == (False, "b")


def test_warnings_control_amounts_counts_and_rules_are_compared(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = '[{id: "1", qty: 0, price: 1.005}]'
    good = """
    sales:
      rows: [{id: "1", warnings: ["rule:sold", money_scale], control_minor: 101, price: 1.01}]
      read: 1
      accepted: 1
      quarantined: 0
      duplicate: 0
      broken_rules: [few]
    """
    assert _wrong(root, given, good) == []
    bad = good.replace("money_scale]", "]").replace("101", "100").replace("d: 1\n", "d: 2\n").replace("[few]", "[]")
    differs, counts, rules = _wrong(root, given, bad)
    assert differs[2:] == (
        ("warnings", ["rule:sold"], ["money_scale", "rule:sold"]),
        ("control_minor", differs[3][1], 100 + 1),
    )
    assert counts[2:] == (("read", 2, 1), ("accepted", 2, 1))
    assert rules[2:] == (("broken_rules", [], ["few"]),)


def test_amounts_in_a_currency_that_a_column_names_are_in_minor_units(tmp_path: Path) -> None:
    contract = _CONTRACT.replace("currency: EUR", "currencyBy: code").replace(
        "- {name: qty", "- {name: code, logicalType: string}\n      - {name: qty"
    )
    model = "select code, sum(price_minor) as price_minor from sales group by code\n"
    root = _project(tmp_path / "shop", contract=contract, model=model)
    given = '[{id: "1", price: 5, code: JPY}, {id: "2", price: 5, code: KWD}]'
    expect = """
    sales:
      - {id: "1", price_minor: 5, control_minor: 5, control_currency: JPY}
      - {id: "2", price_minor: 5000, control_minor: 5000, control_currency: KWD}
    by_day: [{code: KWD, price_minor: 5000}, {code: JPY, price_minor: 5}]
    """
    assert _wrong(root, given, expect) == []
    with pytest.raises(OperatorError, match="unknown name 'price'; did you mean 'price_minor'"):
        _wrong(root, given, '{sales: [{id: "1", price: 5}]}')


def test_a_sum_of_nothing_is_null_and_a_count_of_nothing_is_0(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = '[{id: "1", day: 2024-01-31}, {id: "2", price: 2.5, qty: 3}, {id: "3", price: 0.5}]'
    expect = "{by_day: [{day: null, sold: 1, qty: 3, price: 3.00}, {day: 2024-01-31, sold: 0, qty: null, price: null}]}"
    assert _wrong(root, given, expect) == []
    assert _wrong(root, given, expect.replace("sold: 0", "sold: null")) != []
    assert _wrong(root, given, expect.replace("qty: null", "qty: 0")) != []
    assert _wrong(root, "[]", "{by_day: []}") == []


_PRICES = """apiVersion: v3.1.0
kind: DataContract
id: lists
version: 1.0.0
status: active
schema:
  - name: prices
    customProperties: [{property: tillage.merge, value: upsert}]
    properties:
      - {name: sku, logicalType: string, primaryKey: true}
      - {name: price, logicalType: number, customProperties: [{property: tillage.money, value: EUR}]}
"""
_DERIVED = {
    "best": "select day, qty, price_minor, rank() over (order by qty desc) as place from by_day order by place, day",
    "shown": "select day as on_day, place from best where place < 3",
    "worth": "select s.id, s.day, s.qty * p.price_minor as worth_minor, avg(s.qty) over () as mean, "
    "cast(s.at as timestamp)::time as clock from sales as s join prices as p on p.sku = s.id",
    "total": "select count(*) as n, max(worth_minor) as most_minor from worth",
}
_GIVEN_TO_BOTH = """
    shop: [{id: a, day: 2024-01-01, qty: 2, at: "2024-01-01T10:30:00Z", price: 1}, {id: b, day: 2024-01-02, qty: 3},
           {id: c, day: 2024-01-03, qty: 3, price: 2.50}, {id: d, qty: x}]
    lists: {1.jsonl: [{sku: a, price: 9.99}, {sku: b, price: 1}], 2.jsonl: [{sku: a, price: 0.25}]}
"""
_EXPECT_OF_ALL = """
    prices: {rows: [{sku: a, price: 0.25}], only: some}
    by_day: {rows: [{day: 2024-01-03, qty: 3, price: 2.50}], only: some}
    best:
      - {place: 1, day: 2024-01-02, qty: 3, price: null}
      - {place: 1, day: 2024-01-03, qty: 3, price: 2.50}
      - {place: 3, day: 2024-01-01, price_minor: 100}
    shown: [{on_day: 2024-01-03, place: 1}, {on_day: 2024-01-02, place: 1}]
    worth: [{id: b, worth: 3.00, mean: 2.5, clock: null}, {id: a, day: 2024-01-01, worth: 0.50, clock: "10:30"}]
    total: [{n: 2, most: 3.00}]
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two feeds, and tables and views over them, over a fold, and over each other."""
    root = _project(tmp_path_factory.mktemp("both") / "shop")
    with (root / "tillage.yaml").open("a") as file:
        file.write("  lists: {path: landing/lists}\n")
    (root / "contracts" / "lists.odcs.yaml").write_text(_PRICES)
    for name, sql in _DERIVED.items():
        (root / "models" / f"{name}.sql").write_text(f"{sql}\n")
    return root


def _differences(root: Path, expect: str, given: str = _GIVEN_TO_BOTH, feed: str = "") -> list[tuple[Any, ...]]:
    (outcome,) = _outcomes(root, f"- name: n\n{feed}  given: {given}\n  expect: {expect}\n")
    assert outcome.problem is None
    return [(one.table, one.what, *one.columns) for one in outcome.differences]


def test_tables_and_views_over_models_and_feeds_have_the_rows_that_a_build_would_give_them(both: Path) -> None:
    assert _differences(both, _EXPECT_OF_ALL) == []
    wrong = _EXPECT_OF_ALL.replace("worth: 3.00, mean: 2.5", "worth: 3.01, mean: 2.25").replace("{n: 2", "{n: 3")
    worth, total = _differences(both, wrong)
    assert (worth[:2], [column[0] for column in worth[2:]]) == (("worth", "differs"), ["worth_minor", "mean"])
    assert [found for *_, found in worth[2:]] == [300, 2.5]
    assert (total[:2], total[2][0], total[2][2]) == (("total", "differs"), "n", 2)
    assert _differences(both, "{shown: [{on_day: 2024-01-02}]}") == [
        ("shown", "unexpected", ("on_day", None, date(2024, 1, 3)), ("place", None, 1))
    ]


def test_at_the_doors_of_feeds_that_are_given_nothing_lies_nothing(both: Path) -> None:
    given = "[{id: a, day: 2024-01-01, qty: 2}]"
    assert _differences(both, "{worth: [], total: [{n: 0, most: null}]}", given, "  feed: shop\n") == []


def test_rows_come_in_the_order_of_a_model_that_says_one_and_in_any_of_others(both: Path) -> None:
    turned = "{best: [{place: 1, day: 2024-01-03}, {place: 1, day: 2024-01-02}, {place: 3}]}"
    assert _differences(both, turned) == [("best", "order", ("row", 2, 1))]
    some = "{best: {rows: [{day: 2024-01-02}, {place: 3}], only: some}}"
    assert _differences(both, some) == []
    assert _differences(both, some.replace("{day: 2024-01-02}, {place: 3}", "{place: 3}, {day: 2024-01-02}")) == [
        ("best", "order", ("row", 2, 1))
    ]
    assert _differences(both, "{shown: [{on_day: 2024-01-02}, {on_day: 2024-01-03}]}") == []


def test_a_table_that_fails_on_a_row_is_the_problem_of_the_tests_that_read_it(both: Path, tmp_path: Path) -> None:
    root = shutil.copytree(both, tmp_path / "shop")
    (root / "models" / "whole.sql").write_text("select id::integer as number, at from sales order by number\n")
    (root / "models" / "over.sql").write_text("select max(number) as number from whole\n")
    tests = "".join(
        f"- {{name: {name}, feed: shop, given: [{{id: '{sku}'}}], expect: {{{table}: [{{number: 1}}]}}}}\n"
        for name, sku, table in (("a", "1", "whole"), ("b", "x", "over"), ("c", "1", "over"))
    )
    holds, fails, over = _outcomes(root, tests)
    assert (holds.holds, over.holds) == (True, True)
    assert fails.problem == (
        "models/whole.sql fails on a row that is given (ConversionException). Guard the expression (try_cast, nullif, "
        "case), or give what it is made for"
    )
    other = "- {name: d, feed: shop, given: [{id: x, day: 2024-01-01, qty: 1}], expect: {best: [{place: 1}]}}\n"
    assert _outcomes(root, other)[0].holds


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("given: {shop: [], list: []}, expect: {worth: []}", "unknown name 'list'; did you mean 'lists'"),
        ("given: {lists: []}, expect: {best: []}", "unknown name 'best'. Allowed: prices, total, worth"),
        ("given: [], expect: {worth: []}", "a test names its `feed`: lists, shop; or `given` names several"),
        ("given: {shop: []}, expect: {worth: [{worth_mino: 1}]}", "'worth_mino'; did you mean 'worth_minor'"),
        ("given: {shop: []}, expect: {worth: {accepted: 1}}", "unknown name 'accepted'"),
    ],
)
def test_what_no_model_of_the_given_feeds_has_is_refused(both: Path, test: str, says: str) -> None:
    with pytest.raises(OperatorError, match=re.escape(says)):
        _outcomes(both, f"- {{name: n, {test}}}\n")


def test_times_are_compared_as_moments_and_those_beyond_the_calendar_are_refused(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = '[{id: a, at: "9999-12-31T23:30Z"}, {id: b, at: "2024-01-31 10:00:00+01:00"}]'
    assert _wrong(root, given, "{sales: [{at: 9999-12-31T23:30Z}, {at: 2024-01-31T09:00}]}") == []
    assert _wrong(root, given, "{sales: [{at: 9999-12-31T23:30Z}, {at: 2024-01-31T10:00}]}") != []
    carried = '[{id: a, at: "9999-12-31T23:30-02:00"}]'
    assert _wrong(root, carried, "{sales: [{verdict: violation, codes: [type]}]}") == []


def test_the_number_of_units_is_exact_unless_only_some_are_named(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = '[{id: "1"}, {id: "2"}]'
    assert _wrong(root, given, '{sales: {rows: [{id: "2"}], only: some}}') == []
    unexpected, *more = _wrong(root, given, '{sales: [{id: "2"}]}')
    assert unexpected == ("sales", "unexpected", ("id", None, "1"), ("verdict", None, "accepted"))
    assert more == []
    missing, *more = _wrong(root, given, '{sales: {rows: [{id: "2"}, {id: "3"}], only: some}}')
    assert missing[1] == "missing"
    assert more == []


def test_a_unit_that_waits_says_why_where_an_accepted_one_was_expected(tmp_path: Path) -> None:
    (found,) = _wrong(_project(tmp_path / "shop"), "[{id: a, qty: x}]", "{sales: [{id: a}]}")
    assert found[2:] == (("verdict", "accepted", "violation"), ("codes", [], ["type"]))


def test_few_of_many_differences_are_told(tmp_path: Path) -> None:
    given = "[" + ", ".join(f"{{id: a{number}}}" for number in range(200)) + "]"
    found = _wrong(_project(tmp_path / "shop"), given, "{sales: []}")
    assert [one[1] for one in found] == ["unexpected"] * 20 + ["180 more"]


def test_more_rows_than_can_be_compared_are_refused_but_counted(tmp_path: Path) -> None:
    root = _project(tmp_path / "shop")
    given = f"{{a.jsonl.gz: !!binary {_packed(10_001)}}}"
    assert "sales has 10,001 rows; at most 10,000 are compared" in _problem(root, given)
    assert _wrong(root, given, "{sales: {accepted: 10001}}") == []
    rows = ", ".join(f"{{id: a{number}}}" for number in range(100))
    given = f"{{a.jsonl.gz: !!binary {_packed(9_999)}}}"
    (outcome,) = _outcomes(root, f"- {{name: n, feed: shop, given: {given}, expect: {{sales: [{rows}]}}}}\n")
    assert outcome.problem is None
    rows += "".join(f", {{id: b{number}}}" for number in range(100))
    (outcome,) = _outcomes(root, f"- {{name: n, feed: shop, given: {given}, expect: {{sales: [{rows}]}}}}\n")
    assert "200 rows against 9,999 of sales are too many" in str(outcome.problem)


def _packed(units: int) -> str:
    return base64.b64encode(gzip.compress(b"".join(b'{"id": "%d"}\n' % number for number in range(units)))).decode()


def _run(folder: Path, *words: str, expect: int) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tillage", "test", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stderr
    return done.stdout, done.stderr


def _tests(food: Path) -> str:
    return (food / "tests" / "orders.yaml").read_text()


@pytest.fixture
def food(tmp_path: Path) -> Path:
    shutil.copytree(_TEMPLATE, tmp_path / "food")
    return tmp_path / "food"


def test_the_tests_of_food_orders_hold_and_touch_nothing(food: Path) -> None:
    before = sorted(food.rglob("*"))
    said, _ = _run(food, expect=0)
    assert said.endswith("4 of 4 tests hold\n")
    assert sorted(food.rglob("*")) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "failing"),
    [
        ("contracts/orders.odcs.yaml", "hot food: 15", "hot food: 14", "VAT is rounded"),
        ("contracts/orders.odcs.yaml", "beverage: 9}}", "beverage: 9}, level: line}", "VAT is rounded"),
        ("contracts/orders.odcs.yaml", "beverage: 9}}", "beverage: 9, dessert: 7}}", "A broken line"),
        ("contracts/orders.odcs.yaml", "value: EUR}", "value: {currency: EUR, excessDecimals: round}}",
         "A broken line"),
        ("models/customer_spend.sql", "l.net_minor", "l.gross_minor", "VAT is rounded"),
        ("models/customer_spend.sql", "net_minor from customers", "net_minor from customers where false",
         "A line that is no JSON"),
    ],
)  # fmt: skip
def test_a_changed_contract_or_model_breaks_the_test_that_says_so(
    food: Path, file: str, old: str, new: str, failing: str
) -> None:
    text = (food / file).read_text()
    assert old in text
    changed = text.replace(old, new)
    if "union" in old:
        changed = changed.replace(
            "select customer_id, 1, 0 from", "select customer_id, 1 as orders, 0 as net_minor from"
        )
    (food / file).write_text(changed)
    wrong = [one.case.name for one in _outcomes(food, _tests(food)) if not one.holds]
    assert [name for name in wrong if name.startswith(failing)], wrong


def test_a_wrong_expectation_prints_expected_and_found_and_ends_with_11(food: Path) -> None:
    path = food / "tests" / "orders.yaml"
    path.write_text(path.read_text().replace("net_minor: 4, vat", "net_minor: 3, vat"))
    said, _ = _run(food, expect=11)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text.strip().startswith("- order_id"))
    assert f"  line {line}: orders: differs (given.jsonl:1)\n    lines[1].net_minor: expected 3, found 4\n" in said
    assert said.endswith("3 of 4 tests hold\n")
    found = json.loads(_run(food, "--json", "tests/orders.yaml", expect=11)[0])
    (failed,) = [one for one in found["tests"] if not one["passed"]]
    assert failed["differences"] == [
        {
            "table": "orders",
            "line": line,
            "what": "differs",
            "place": "given.jsonl:1",
            "columns": [{"column": "lines[1].net_minor", "expected": 3, "found": 4}],
        }
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: a, feed: orders, given: []}\n", "error: tests/t.yaml, line 1: a test must expect something"),
        (None, "error: .*t.yaml is no file"),
        ("\udcff", "error: .*t.yaml is not UTF-8"),
    ],
)
def test_a_wrong_or_missing_file_ends_with_10(food: Path, text: str | None, says: str) -> None:
    if text is not None:
        (food / "tests" / "t.yaml").write_bytes(text.encode(errors="surrogateescape"))
    _, said = _run(food, "tests/t.yaml", expect=10)
    assert re.search(says, said)


def test_a_project_without_tests_is_told_so(food: Path) -> None:
    shutil.rmtree(food / "tests")
    assert "no tests/*.yaml in" in _run(food, expect=10)[1]


def test_a_model_that_does_not_run_ends_with_10(food: Path) -> None:
    (food / "models" / "customer_spend.sql").write_text(
        "select customer_id, sum(nothing_like_it(order_id)) as n from orders group by customer_id\n"
    )
    assert "models/customer_spend.sql" in _run(food, expect=10)[1]


def test_the_command_is_called_test() -> None:
    assert [one.name for one in app.registered_commands if one.name == "test"] == ["test"]


@pytest.mark.parametrize("page", ["how-to/test-a-contract.md", "reference/test-files.md"])
def test_the_examples_of_the_documents_hold(food: Path, page: str) -> None:
    text = (REPOSITORY / "docs" / page).read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (outcome,) = _outcomes(food, example)
    assert outcome.holds, outcome


def test_the_failure_that_the_manual_shows_is_what_is_printed(food: Path) -> None:
    text = (REPOSITORY / "docs" / "how-to" / "test-a-contract.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (food / "tests" / "own.yaml").write_text(example.replace("net_minor: 1000", "net_minor: 1001"))
    said, _ = _run(food, "tests/own.yaml", expect=11)
    failure = said.removesuffix("0 of 1 tests hold\n")
    assert failure.startswith("FAILED")
    assert failure in text


def test_the_manual_names_every_name_of_a_test_file() -> None:
    text = (REPOSITORY / "docs" / "reference" / "test-files.md").read_text()
    named = set(re.findall(r"`(\w+)(?:: some)?`", text))
    assert named >= {"name", "feed", "given", "expect", "rows", "only", "broken_rules", *COUNTS, *UNIT_NAMES}
