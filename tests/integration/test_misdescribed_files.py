"""A file that is something else than `tillage.yaml` says is refused, and read once that is corrected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.shops import Shop, make_database
from tests.integration.small import codes, describe, make_small, put
from tillage.errors import FileRejectedError

_NUMBERS = count(1)
LIST = b'[{"id":"1"},{"id":"2"}]'
LINES = b"[\n" + b",\n".join(b'{"id":"%d"}' % number for number in range(10_000)) + b"\n]\n"
ORDERS = b'{"orders": [{"id": "1"}, {"id": "2"}]}'
XML = b"<orders><order><id>1</id></order><order><id>2</id></order></orders>"
CSV = b"id;name\n1;\xfc\n2;\xfc\n"


@pytest.fixture
def small(server: str, tmp_path: Path) -> Shop:
    return make_small(tmp_path / "small", make_database(server, f"misdescribed_{next(_NUMBERS)}"), feeds={"a": {}})


def accepted(shop: Shop) -> int:
    with shop.open() as house:
        return sum(one["a_seen"].accepted_rows for one in house.ledger.counts_by_load().values())


@pytest.mark.parametrize(
    ("name", "data", "wrong", "right", "says"),
    [
        ("a.json", ORDERS, {"format": "json", "records": "$.o[*]"}, {"records": "$.orders[*]"}, "may be at `$.orders"),
        ("a.json", LIST, {"format": "json", "records": "$.a[*]"}, {"records": "$[*]"}, "set `$[*]`"),
        ("a.xml", XML, {"format": "xml", "records": "/orders/o"}, {"records": "/orders/order"}, "at `/orders/order`"),
        ("a.json", LIST, {}, {"format": "json"}, "set `format: json`"),
        ("a.jsonl", b"id,name\n1,a\n2,b\n", {}, {"format": "csv"}, "set `format: csv`"),
        ("a.json", b'[\n {"id":"1"},\n {"id":"2"}\n]\n', {}, {"format": "json"}, "set `format: json`"),
        ("a.jsonl", LINES, {}, {"format": "json"}, "set `format: json`"),
        ("a.json", b'{"id":"1"}\n{"id":"2"}\n', {"format": "json"}, {"format": "jsonl"}, "set `format: jsonl`"),
        (
            "a.csv",
            CSV,
            {"format": "csv", "csv": {"delimiter": ",", "encoding": "latin-1"}},
            {"csv": {"delimiter": ";", "encoding": "latin-1"}},
            'set `csv: {delimiter: ";"}`',
        ),
        (
            "a.csv",
            CSV,
            {"format": "csv", "csv": {"delimiter": ";"}},
            {"csv": {"delimiter": ";", "encoding": "latin-1"}},
            "set `csv: {encoding: latin-1}`",
        ),
        ("a.csv", b"x,x\n1,a\n2,b\n", {"format": "csv"}, {"csv": {"columns": ["id", "name"]}}, "has one name for"),
        ("a.csv", b"made today\nid,name\n1,a\n2,b\n", {"format": "csv", "csv": {"delimiter": ","}},
         {"csv": {"skip": 1}}, "set `csv: {skip: 1}`"),
    ],
)  # fmt: skip
def test_the_file_is_read_when_the_project_file_is_corrected_and_not_before(
    small: Shop, name: str, data: bytes, wrong: Mapping[str, Any], right: Mapping[str, Any], says: str
) -> None:
    describe(small.root, {"a": wrong})
    put(small, f"a/{name}", data)
    first = small.run()
    assert says in str(first.left_out[f"landing/a/{name}"])
    assert isinstance(first.problems()[0], FileRejectedError)
    assert small.states() == ["voided"]
    again = small.run()
    assert (str(again.problems()[0]), small.states()) == (str(first.problems()[0]), ["voided"])
    describe(small.root, {"a": {**wrong, **right}})
    assert small.run().problems() == []
    assert accepted(small) == (10_000 if data == LINES else 2)
    assert small.run().loads == {}


def test_other_files_are_loaded_and_all_that_are_refused_cost_one_load(small: Shop) -> None:
    for number in range(5):
        put(small, f"a/{number}.jsonl", b'[{"id":"x"}]\n')
        put(small, f"a/{number}.jsonl.gz", b"torn")
    put(small, "a/good.jsonl", b'{"id":"1"}\n')
    report = small.run()
    assert len(report.left_out) == 10
    assert (report.voided, list(report.loads), accepted(small)) == ([1, 3], [5], 1)
    assert small.run().voided == []


def test_a_contract_that_reads_other_columns_is_a_reason_to_try_again(small: Shop) -> None:
    describe(small.root, {"a": {"format": "csv"}})
    put(small, "a/a.csv", b"number,title\n1,a\n")
    assert "has no column that the contract reads" in str(small.run().problems()[0])
    small.edit("contracts/a.odcs.yaml", '"name": "id"', '"name": "id", "physicalName": "number"')
    assert small.run().problems() == []
    assert accepted(small) == 1


def test_a_column_that_only_a_folder_gives_is_none_of_the_header(small: Shop) -> None:
    describe(small.root, {"a": {"format": "csv"}})
    put(small, "a/id=7/a.csv", b"x,y\n1,a\n")
    assert "has no column that the contract reads" in str(small.run().problems()[0])
    put(small, "a/id=7/name=n/a.csv", b"x,y\n1,a\n")
    assert accepted(small) == 0
    small.run()
    assert accepted(small) == 1


def test_a_line_that_is_no_json_waits_in_quarantine_where_the_file_looks_like_nothing_else(small: Shop) -> None:
    put(small, "a/a.jsonl", b'{"id": "1", "name": \'x\'}\n')
    assert small.run().problems() == []
    assert codes(small, "a_seen") == [["unreadable"]]


def test_records_that_all_break_the_contract_wait_in_quarantine(small: Shop) -> None:
    describe(small.root, {"a": {"format": "csv", "csv": {"delimiter": ","}}})
    text = json.loads((small.root / "contracts/a.odcs.yaml").read_text())
    text["schema"][0]["properties"][1]["required"] = True
    (small.root / "contracts/a.odcs.yaml").write_text(json.dumps(text))
    put(small, "a/a.csv", b"id,NAME\n1,a\n2,b\n")
    assert small.run().problems() == []
    assert codes(small, "a_seen") == [["missing"], ["missing"]]
    (said,) = [line for line in small.said if "physicalName" in line]
    assert said.startswith("landing/a/a.csv: no record is right; but for case and blanks, column 2 is 'name' of the")


@pytest.mark.parametrize(
    ("feed", "data"),
    [
        ({"format": "json", "records": "$.orders[*]"}, b'{"orders": []}'),
        ({"format": "json", "records": "$.orders[*]"}, b'{"orders": null, "next": 2}'),
        ({"format": "json", "records": "$.orders[*]"}, b"{}"),
        ({"format": "json"}, b"[]"),
        ({"format": "xml", "records": "/orders/order"}, b"<orders/>"),
        ({"format": "csv", "csv": {"delimiter": ","}}, b"id,name\n"),
        ({"format": "csv", "csv": {"delimiter": ",", "skip": 2}}, b""),
        ({}, b"\n \n"),
    ],
)
def test_an_empty_export_is_no_records_and_no_fault(small: Shop, feed: Mapping[str, Any], data: bytes) -> None:
    describe(small.root, {"a": feed})
    put(small, f"a/a.{feed.get('format', 'jsonl')}", data)
    report = small.run()
    assert (report.problems(), small.states(), accepted(small)) == ([], ["sealed"], 0)
