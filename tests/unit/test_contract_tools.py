"""Guessed contracts keep the records that they were guessed from; lint, diff and export say what a contract says."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import sqlglot
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tests.generative.in_memory import Found, Place, connected, food_orders, judged
from tillage.contracts.compiler.check import Check
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.project import Feed
from tillage.contracts.tools.compare import Breaks, changes
from tillage.contracts.tools.ddl import DIALECTS, ddl
from tillage.contracts.tools.export import json_schema
from tillage.contracts.tools.guess import Seen, guess
from tillage.contracts.tools.infer import doubts, infer_contract
from tillage.contracts.tools.lint import lint
from tillage.contracts.yaml_text import number_format, quoted
from tillage.doors import formats
from tillage.doors.sample import Sample, Stated, read_sample
from tillage.engines.reader import Reader
from tillage.errors import ContractError, OperatorError
from tillage.wiring import compile_text

LIMIT_BYTES = 2**24


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as opened:
        yield opened


def verdicts(
    connection: duckdb.DuckDBPyConnection, check: Check, feed: Feed, stored: bytes
) -> dict[Place, tuple[str, tuple[str, ...]]]:
    """Verdict and codes of every unit of a file that is not packed."""
    return {place: (unit.verdict, unit.codes) for place, unit in units(connection, check, feed, stored).items()}


def units(connection: duckdb.DuckDBPyConnection, check: Check, feed: Feed, stored: bytes) -> dict[Place, Found]:
    reader = Reader(connection, check, {})
    reader.start()
    reader.read(formats.read(iter([stored]), 0, feed=feed, max_record_bytes=LIMIT_BYTES, chunk_bytes=LIMIT_BYTES), 1)
    reader.finish()
    return judged(connection, check, ["file"])


def guessed(path: Path) -> tuple[Sample, str, Check]:
    sample = read_sample(path, "orders")
    text = infer_contract("orders", sample.records, is_text=sample.is_text)
    return sample, text, compile_text("orders", text)


def columns(text: str, dataset: int = 0) -> dict[str, Any]:
    return {column["name"]: column for column in yaml.safe_load(text)["schema"][dataset]["properties"]}


def not_accepted(found: Mapping[Place, tuple[str, tuple[str, ...]]]) -> dict[Place, tuple[str, tuple[str, ...]]]:
    return {place: verdict for place, verdict in found.items() if verdict[0] != "accepted"}


_NAMES = st.sampled_from(
    [
        "id",
        "Id",
        "orderId",
        "price",
        "total",
        "date",
        "qty",
        "$x",
        "",
        "a b",
        "Größe",
        "select",
        "#tillage",
        "x\u2028y",
        "n.o",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "1",
            "01",
            "-1",
            "-0",
            "2.50",
            "1,5",
            "1e3",
            "N/A",
            "ERROR",
            "unknown",
            "true",
            "yes",
            "\x1c7",
            "\xa07",
        ),
        *("2024-02-29", "2023-02-29", "31/12/2024", "12/31/2024", "1/2/2024 8:05", "0000-01-01", "20240101", "10:00"),
        *("2024-01-01T10:00Z", "2024-01-01 10:00:00.5+01:00", "9999-12-31T23:59-12:00", "24:00", "Mar 3, 2024", "a\0b"),
        *("12345678901234567890", "1" * 40, "3.1234567", "٣", "1.10000000", "5 Jan 2024", "\u2003x\u2003"),
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_NUMBERS = st.sampled_from(
    ["0", "-0", "-1", "1.0", "1e3", "2.505", "1.10000000", "3.1234567", "123456789012345678901", "1" * 40]
)
_SCALARS = _TEXTS.map(json.dumps) | _NUMBERS | st.sampled_from(["true", "false", "null"])


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.dictionaries(_NAMES, values, max_size=4)
    return pairs.map(lambda found: "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in found.items()) + "}")


def _lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda found: f"[{','.join(found)}]")


_VALUES = st.recursive(_SCALARS, lambda inner: _objects(inner) | _lists(inner) | _lists(_objects(inner)), max_leaves=8)


@st.composite
def json_lines(draw: st.DrawFn) -> list[str]:
    """Records that share names and, mostly, the kind of value under each."""
    names = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
    kinds = {name: draw(st.sampled_from([_TEXTS.map(json.dumps), _NUMBERS, _SCALARS, _VALUES])) for name in names}
    records = []
    for _ in range(draw(st.integers(1, 5))):
        members = [f"{json.dumps(name)}:{draw(kinds[name])}" for name in names if draw(st.integers(0, 5))]
        records.append("{" + ",".join(members) + "}")
    return records


@bounded(40)
@given(lines=json_lines())
def test_records_are_accepted_by_the_contract_guessed_from_them(
    connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory, lines: Sequence[str]
) -> None:
    stored = "\n".join(lines).encode()
    path = tmp_path_factory.mktemp("guess") / "orders.jsonl"
    path.write_bytes(stored)
    try:
        sample, text, check = guessed(path)
    except OperatorError as wrong:
        if "no column can be told" not in str(wrong):
            raise
        return
    found = verdicts(connection, check, sample.feed, stored)
    assert not not_accepted(found), text
    schema = json_schema(check.contract)
    jsonschema.Draft202012Validator.check_schema(schema)
    for line in lines:
        jsonschema.validate(json.loads(line), schema)
    if check.contract.datasets[0].name == "orders" and not check.contract.datasets[0].unit_path:
        assert sum(place[0] == "orders" for place in found) == len(lines)


@bounded(30)
@given(
    names=st.lists(_NAMES.filter(lambda name: name.strip()), min_size=2, max_size=4),
    rows=st.lists(st.lists(_TEXTS, min_size=4, max_size=4), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
)
def test_rows_of_text_are_accepted_by_the_contract_guessed_from_them(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    delimiter: str,
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
        [["first", *names], *(["1", *row[: len(names)]] for row in rows)]
    )
    stored = written.getvalue().encode()
    path = tmp_path_factory.mktemp("guess") / "orders.csv"
    path.write_bytes(stored)
    try:
        sample = read_sample(path, "orders", Stated(delimiter))
    except OperatorError as wrong:
        if "nobody can tell" not in str(wrong):
            raise
        return
    text = infer_contract("orders", sample.records, is_text=True)
    found = verdicts(connection, compile_text("orders", text), sample.feed, stored)
    assert not not_accepted(found), text


@bounded(100)
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
@example('\x85\u2028\ufeff\U0001f600 # doubtful: \\ "')
def test_any_text_survives_yaml_on_one_line(value: str) -> None:
    assert yaml.safe_load(f"x: {quoted(value)}  # {quoted(value)}") == {"x": value}


@pytest.mark.parametrize(
    ("member", "values", "kind", "date_format", "doubt"),
    [
        ("id", ["00012", "00013"], "string", None, "no digit may be lost"),
        ("phone", ["491701", "491702"], "string", None, "no digit may be lost"),
        ("paid", ["491701", "491702"], "integer", None, "if it is money"),
        ("qty", ["1", "-1", "3"], "integer", None, "if -1 stands for"),
        ("price", ["1.999", "2.50"], "number", None, "excessDecimals: round"),
        ("price", ["1.99", "-2.50"], "number", None, "value: EUR"),
        ("price", ["1,999", "2,501"], "string", None, 'is {decimal: ","} or {group: ","}'),
        ("price", ["€ 3.501", "€ 2.500"], "string", None, "nobody can tell"),
        ("name", ["#1001", "#1002"], "string", None, None),
        ("customer", ["c1", "c2"], "string", None, None),
        ("phone", ["030 123 456", "1 234 567"], "string", None, None),
        ("fax", ["49 123 456", "1 234 567"], "string", None, None),
        ("weight", ["5 kg", "7 kg"], "string", None, None),
        ("x", ["1,5", "1.5"], "string", None, None),
        ("x", ["1e5", "2"], "string", None, "an exponent"),
        ("x", ["1.23456789"], "string", None, "more digits"),
        ("day", ["01/02/2024", "02/01/2024"], "date", "dd/MM/yyyy", "could be MM/dd/yyyy as well"),
        ("day", ["01/02/2024", "13/01/2024"], "date", "dd/MM/yyyy", None),
        ("day", ["01/02/2024", "01/13/2024"], "date", "MM/dd/yyyy", None),
        ("day", ["12/1/2010 8:26", "12/13/2010 18:26"], "timestamp", "M/d/yyyy H:mm", None),
        ("day", ["1/8/11 8:26", "12/31/11 18:26"], "timestamp", "M/d/yy H:mm", "2000 to 2099"),
        ("day", ["31.12.2024"], "date", "dd.MM.yyyy", None),
        ("at", ["2024-01-31 10:00:00 +0100", "2024-07-31 09:00:00 -0330"], "timestamp", "yyyy-MM-dd HH:mm:ss Z", None),
        ("at", ["2024-01-31 10:00:00 +01:00"], "string", None, None),
        ("day", ["20240131"], "date", "yyyyMMdd", "whole number"),
        ("day", ["2024-01-31"], "date", None, None),
        ("day", ["2023-02-29"], "string", None, None),
        ("at", ["2024-01-31T10:00:00Z"], "timestamp", None, None),
        ("at", ["2024-02-30T10:00:00Z"], "string", None, None),
        ("at", ["10:00", "23:59:59.5"], "time", None, None),
        ("at", ["24:00"], "string", None, None),
        ("flag", ["yes", "No"], "boolean", None, None),
        ("name", ["", " "], "string", None, "no value"),
        ("name", ["Anna", "UNKNOWN"], "string", None, "texts like UNKNOWN are kept"),
        ("name", ["a\0"], "", None, "NUL"),
    ],
)
def test_texts_get_the_type_that_keeps_all_of_them(
    member: str, values: list[str], kind: str, date_format: str | None, doubt: str | None
) -> None:
    found = guess(member, Seen(values), is_text=True)
    assert (found.logical_type, found.date_format) == (kind, date_format)
    said = "; ".join(found.doubts)
    assert doubt in said if doubt else not said


@pytest.mark.parametrize(
    ("values", "kind", "form", "money"),
    [
        (["1,99", "2,50"], "number", '{decimal: ","}', "EUR"),
        (["1.234,50", "-2,50"], "number", '{decimal: ",", group: "."}', "EUR"),
        (["1,234.50", "6.00"], "number", '{group: ","}', "EUR"),
        (["1,234", "1,234,567"], "integer", '{group: ","}', "EUR"),
        (["0,125", "1,250"], "number", '{decimal: ","}', "{currency: EUR, excessDecimals: round}"),
        (["€ 12,50", "1.234,56 €", "€ -3,00"], "number", '{decimal: ",", group: ".", symbols: ["€"]}', "EUR"),
        (["$1.00", "($1,005.00)"], "number", '{group: ",", symbols: ["$"], negative: parentheses}', "USD"),
        (["£5", "£6"], "integer", '{symbols: ["£"]}', "GBP"),
        (["5 JPY", "6 JPY"], "integer", '{symbols: ["JPY"]}', "JPY"),
        (["12.50-", "3.00"], "number", "{negative: trailing}", "EUR"),
        (["1 234,50", "1\u202f234,00"], "number", '{decimal: ",", group: " "}', "EUR"),
        (["CHF 1'234.50", "CHF 5.05"], "number", """{group: "'", symbols: ["CHF"]}""", "CHF"),
    ],
)
def test_numbers_that_are_spelt_otherwise_get_the_one_format_that_reads_them(
    values: list[str], kind: str, form: str, money: str
) -> None:
    found = guess("price", Seen(values), is_text=True)
    assert found.number_format is not None
    assert (found.logical_type, number_format(found.number_format)) == (kind, form)
    assert found.doubts[0] == "numberFormat: told from these values"
    assert found.doubts[1] == f"if it is money, add {{property: tillage.money, value: {money}}} to its customProperties"


def test_the_guessed_format_is_read_by_the_contract(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    stored = "id;preis;rabatt\n1;€ 1.234,50;19 %\n2;;7%\n3;-5 €;n/a\n".encode()
    path = tmp_path / "orders.csv"
    path.write_bytes(stored)
    sample, text, check = guessed(path)
    assert not not_accepted(verdicts(connection, check, sample.feed, stored)), text
    assert [column.kind for column in check.contract.datasets[0].columns] == ["integer", "number", "integer"]


@pytest.mark.parametrize("sentinel", ["", "ERROR", "UNKNOWN", "N/A", "null", "-"])
def test_what_stands_for_nothing_beside_numbers_is_a_null_value(sentinel: str) -> None:
    found = guess("price", Seen(["1.5", f" {sentinel}"]), is_text=True)
    assert (found.logical_type, found.null_values, found.is_full) == ("number", (sentinel,), False)


def test_words_that_are_booleans_in_a_table_are_texts_in_json() -> None:
    assert guess("flag", Seen(["yes", "no"]), is_text=False).logical_type == "string"
    assert guess("flag", Seen(["yes"], booleans=1), is_text=False).logical_type == ""


def test_the_key_is_the_unique_member_that_is_named_after_the_feed() -> None:
    text = infer_contract(
        "orders", [{"customer_id": "a", "orderId": "1"}, {"customer_id": "b", "orderId": "2"}], is_text=True
    )
    assert {name: column.get("primaryKey") for name, column in columns(text).items()} == {
        "customer_id": None,
        "order_id": True,
    }


def test_without_a_unique_member_the_missing_key_is_a_doubt() -> None:
    text = infer_contract("orders", [{"id": "a", "x": "1"}, {"id": "a", "x": "1"}], is_text=True)
    assert not any(column.get("primaryKey") for column in columns(text).values())
    assert any("no key" in doubt for doubt in doubts(text).values())


def test_lists_of_documents_become_datasets_that_know_their_record() -> None:
    records = [
        {"customerId": "7", "orders": [{"orderId": "1", "lines": [{"sku": "a"}]}, {"orderId": "2", "lines": []}]}
    ]
    text = infer_contract("customers", records, is_text=False)
    customers, orders = read_contract("customers", "x", text).datasets
    assert (customers.name, customers.key) == ("customers", ("customer_id",))
    assert (orders.name, orders.unit_path, orders.key) == ("orders", ("orders",), ("order_id",))
    assert orders.column("parent_customer_id").paths[0].steps == ("customerId",)


def test_thousands_of_different_members_are_refused_with_what_to_do() -> None:
    with pytest.raises(OperatorError, match=r"more than 2,000 different members.*by hand"):
        infer_contract("orders", [{f"m{number}": "1" for number in range(2_001)}], is_text=True)


WRONG = """\
apiVersion: v3.2.0
kind: DataContract
id: x
version: 1.0.0
status: draft
schema:
  - name: a
    properties:
      - {name: x, logicalType: strin}
      - {name: Y, logicalType: string}
      - {name: z, logicalType: number, customProperties: [{property: tillage.money, value: EUD}]}
  - name: b
    customProperties: [{property: tillage.unit, value: "$..x"}]
    properties:
      - {name: x, logicalType: string}
  - name: c
    properties:
      - {name: x, logicalType: string, requird: true}
"""


def test_lint_says_every_wrong_column_and_dataset_with_its_line() -> None:
    problems = lint("x", "x.yaml", WRONG).problems
    assert [int(re.match(r"x\.yaml, line (\d+):", problem)[1]) for problem in problems] == [9, 10, 11, 13, 18]  # type: ignore[index]


def test_lint_says_of_a_right_contract_only_what_is_seldom_meant() -> None:
    assert lint("orders", "x.yaml", food_orders()).problems == ()
    guessed = lint("orders", "x.yaml", infer_contract("orders", [{"x": "a"}], is_text=True))
    assert guessed.problems == ()
    assert any("no primaryKey" in note for note in guessed.notes)
    assert any("marked `doubtful`" in note for note in guessed.notes)


BEFORE = """\
apiVersion: v3.2.0
kind: DataContract
id: x
version: 1.0.0
status: draft
schema:
  - name: sales
    quality: [{id: r, type: custom, engine: tillage, implementation: "qty > 0"}]
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: qty, logicalType: integer, logicalTypeOptions: {minimum: 1}}
      - {name: kind, logicalType: string, required: true, enum: [{value: a}, {value: b}]}
      - {name: price, logicalType: number, customProperties: [{property: tillage.money, value: EUR}]}
      - {name: day, logicalType: date}
      - {name: at, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}}
      - {name: seen, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: UTC}}
      - {name: note, logicalType: string, customProperties: [{property: tillage.aliases, value: [a, b]}]}
"""
SPELLED = "{property: tillage.aliases, value: [a, b]}"
AMOUNT = "{property: tillage.money, value: EUR}"
SPELT = "{property: tillage.numberFormat, value: "


@pytest.mark.parametrize(
    ("old", "new", "where", "breaks"),
    [
        ("name: day", "name: days", "sales.day", {"readers"}),
        ("      - {name: day, logicalType: date}\n", "", "sales.day", {"readers"}),
        ("logicalType: date}", "logicalType: string}", "sales.day", {"readers", "senders"}),
        ("value: EUR", "value: USD", "sales.price", {"readers"}),
        ("value: EUR", "value: {currency: EUR, input: minor}", "sales.price", {"readers", "senders"}),
        ("value: EUR", "value: {currency: EUR, excessDecimals: round}", "sales.price", {"readers", "senders"}),
        ("price, logicalType: number", "price, logicalType: integer", "sales.price", set()),
        (AMOUNT, f'{AMOUNT}, {SPELT}{{decimal: ","}}}}', "sales.price", {"senders"}),
        (AMOUNT, f'{AMOUNT}, {SPELT}{{group: ","}}}}', "sales.price", {"senders"}),
        (AMOUNT, f'{AMOUNT}, {SPELT}{{decimal: ",", group: "."}}}}', "sales.price", {"readers", "senders"}),
        (SPELLED, SPELLED.replace("[a, b]", "[b, a]"), "sales.note", {"readers", "senders"}),
        (SPELLED, SPELLED.replace("[a, b]", "[c, a, b]"), "sales.note", {"readers", "senders"}),
        (SPELLED, SPELLED.replace("[a, b]", "[a, b, c]"), "sales.note", {"nobody"}),
        (SPELLED, SPELLED.replace("[a, b]", "[a]"), "sales.note", {"senders"}),
        ("format: dd/MM/yyyy", "format: MM/dd/yyyy", "sales.at", {"readers", "senders"}),
        ("format: dd/MM/yyyy", "format: d/M/yyyy", "sales.at", {"senders"}),
        ("format: dd/MM/yyyy", "format: dd.MM.yyyy", "sales.at", {"senders"}),
        ("defaultTimezone: UTC", "defaultTimezone: Europe/Berlin", "sales.seen", {"readers", "senders"}),
        ("defaultTimezone: UTC", "defaultTimezone: UTC, timezone: true", "sales.seen", {"senders"}),
        (", customProperties: [{property: tillage.money, value: EUR}]", "", "sales.price", {"readers"}),
        ("required: true, ", "", "sales.kind", {"readers"}),
        ("logicalType: date}", "logicalType: date, required: true}", "sales.day", {"senders"}),
        ("{value: b}]", "{value: b}, {value: c}]", "sales.kind", {"readers"}),
        (", {value: b}]", "]", "sales.kind", {"senders"}),
        ("minimum: 1", "minimum: 0", "sales.qty", {"readers"}),
        ("minimum: 1", "minimum: 10", "sales.qty", {"senders"}),
        ("minimum: 1", "exclusiveMinimum: 1", "sales.qty", {"senders"}),
        (", primaryKey: true", "", "sales", {"readers"}),
        ("qty > 0", "qty > 1", "sales", {"readers", "senders"}),
        ('"qty > 0"', '"qty > 0", severity: warning', "sales", {"readers"}),
        ("logicalType: date}", "logicalType: date, physicalName: tag}", "sales.day", {"senders"}),
        ("id: x", "id: y", None, set()),
        (
            "  - name: sales",
            "  - name: more\n    properties: [{name: a, logicalType: string}]\n  - name: sales",
            "more",
            {"nobody"},
        ),
        (
            "      - {name: day",
            "      - {name: more, logicalType: string}\n      - {name: day",
            "sales.more",
            {"nobody"},
        ),
        (
            "version: 1.0.0",
            "version: 1.0.0\ncustomProperties: [{property: tillage.unknownFields, value: reject}]",
            "contract",
            {"senders"},
        ),
    ],
)
def test_a_change_breaks_whom_it_breaks(old: str, new: str, where: str | None, breaks: set[str]) -> None:
    assert old in BEFORE
    before, after = (read_contract("x", "x", text) for text in (BEFORE, BEFORE.replace(old, new, 1)))
    found = changes(before, after)
    assert {change.breaks.value for change in found if change.where == where} == breaks
    assert (Breaks.READERS in {change.breaks for change in found}) == ("readers" in breaks)
    assert changes(before, before) == changes(after, after) == []


NESTED = """\
apiVersion: v3.2.0
kind: DataContract
id: x
version: 1.0.0
status: draft
schema:
  - name: select
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: price, logicalType: number, required: true, customProperties: [{property: tillage.money, value: EUR}]}
      - {name: rate, logicalType: number}
      - {name: at, logicalType: timestamp}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - name: place
        logicalType: object
        properties:
          - {name: zip, logicalType: string}
          - {name: codes, logicalType: array, items: {logicalType: integer}}
"""


def test_ddl_makes_the_tables_that_silver_keeps(connection: duckdb.DuckDBPyConnection) -> None:
    made = ddl(read_contract("x", "x", NESTED), "duckdb")
    connection.execute(made)
    found = connection.execute('describe "select"').fetchall()
    connection.execute('drop table "select"')
    assert [(name, kind, null) for name, kind, null, *_ in found] == [
        ("id", "VARCHAR", "NO"),
        ("price_minor", "BIGINT", "NO"),
        ("rate", "DECIMAL(38,6)", "YES"),
        ("at", "TIMESTAMP WITH TIME ZONE", "YES"),
        ("tags", "VARCHAR[]", "YES"),
        ("place", "STRUCT(zip VARCHAR, codes BIGINT[])", "YES"),
    ]


def test_ddl_says_nested_columns_as_each_engine_can() -> None:
    contract = read_contract("x", "x", NESTED)
    assert '"place" jsonb' in ddl(contract, "postgres")
    assert '"tags" jsonb' in ddl(contract, "postgres")
    assert "`place` struct<`zip`: string, `codes`: array<bigint>>" in ddl(contract, "spark")
    assert "-- primary key (`id`)" in ddl(contract, "spark")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ddl_is_sql_of_its_dialect(dialect: str) -> None:
    for text in (NESTED, BEFORE, food_orders()):
        found = sqlglot.parse(ddl(read_contract("x", "x", text), dialect), read=dialect)
        assert {type(statement).__name__ for statement in found if statement} == {"Create"}


def test_json_schema_refuses_what_the_contract_refuses_by_type() -> None:
    schema = json_schema(read_contract("x", "x", BEFORE))
    right = {"id": "1", "qty": 1, "kind": "a", "price": "1.50", "day": "2024-01-01"}
    jsonschema.validate(right, schema)
    for wrong in ({"qty": 0}, {"qty": True}, {"kind": "c"}, {"kind": None}, {"price": "1,50"}, {"id": 1}):
        with pytest.raises(jsonschema.ValidationError, match=r"is not|is less|does not match"):
            jsonschema.validate(right | wrong, schema)


def test_json_schema_lets_pass_what_an_earlier_spelling_makes_irrelevant() -> None:
    text = BEFORE.replace("name: note, logicalType: string", "name: note, logicalType: string, required: true")
    schema = jsonschema.Draft202012Validator(json_schema(read_contract("x", "x", text)))
    record = {"id": "1", "kind": "a", "note": "x", "qty": 1}
    assert schema.is_valid(record | {"a": 2, "b": []})
    assert schema.is_valid(record | {"note": None, "a": "x"})
    assert not schema.is_valid(record | {"note": 5})


def test_bounds_between_which_nothing_lies_are_refused() -> None:
    for options in ("minimum: 5, maximum: 1", "minimum: 5, exclusiveMaximum: 5"):
        with pytest.raises(ContractError, match=r"line 11: the lower bound is above the upper one"):
            read_contract("x", "x", BEFORE.replace("{minimum: 1}", f"{{{options}}}"))
    options = "string, logicalTypeOptions: {minLength: 2, maxLength: 1}, primary"
    with pytest.raises(ContractError, match=r"line 10: the least length is above the greatest"):
        read_contract("x", "x", BEFORE.replace("string, primary", options))


def test_a_key_that_is_a_number_is_seldom_meant() -> None:
    found = lint("x", "x", BEFORE.replace("{name: id, logicalType: string", "{name: id, logicalType: number"))
    assert any("1 and 1.0000001 are one key" in note for note in found.notes)
