"""A contract text that a load was decided under compiles whatever the reader learns to refuse, and means the same.

Each case is a text that is refused today, and one without what is refused: kept, the first judges as the second does.
"""

from __future__ import annotations

import ast
import json
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.generative import random_contracts
from tests.generative.in_memory import check_files, connected
from tillage.contracts.compiler.check import Check, compile_check
from tillage.contracts.contract import Contract
from tillage.contracts.odcs.contract_file import read_contract
from tillage.errors import ContractError
from tillage.wiring import compile_kept

HEAD = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "shop", "version": "1.0.0", "status": "active"}
Column = dict[str, Any]


def text_of(*columns: Column, **of_dataset: Any) -> str:
    return yaml.safe_dump(
        HEAD | {"schema": [{"name": "d", "properties": list(columns), **of_dataset}]}, sort_keys=False
    )


def column(name: str, kind: str = "string", **more: Any) -> Column:
    terms = [
        {"property": f"tillage.{key}", "value": more.pop(key)}
        for key in list(more)
        if key in {"money", "map", "amount"}
    ]
    terms += more.pop("terms", [])
    return {"name": name, "logicalType": kind, **more, **({"customProperties": terms} if terms else {})}


def term(name: str, value: Any = True) -> dict[str, Any]:
    return {"property": name, "value": value}


def objects(*columns: Column, **more: Any) -> Column:
    return {
        "name": "lines",
        "logicalType": "array",
        "items": {"logicalType": "object", **more, "properties": [*columns]},
    }


VALUED = {"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["zzz"]}}
ROWS = {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 0, "id": "some"}
ID = column("id", required=True)
MAP = {"column": "id", "values": {"a": "x"}, "default": "rest"}
MADE = {"money": "EUR", "amount": "n * 2"}
N = column("n", "integer")
WHERE = {"customProperties": [term("tillage.where", "id <> 'b'")]}


def clock(sql: str) -> dict[str, Any]:
    return {"quality": [{"id": "r", "type": "custom", "engine": "tillage", "implementation": sql}]}


CASES: dict[str, tuple[str, str, str]] = {
    "position without key": ("primaryKeyPosition", text_of(ID | {"primaryKeyPosition": 1}), text_of(ID)),
    "control without money": (
        "tillage.control needs",
        text_of(ID, column("n", "number", terms=[term("tillage.control")]), column("m", "number", money="EUR")),
        text_of(ID, column("n", "number"), column("m", "number", money="EUR")),
    ),
    "option of a map": (
        "has no effect here",
        text_of(ID, column("c", map=MAP, logicalTypeOptions={"maxLength": 0, "pattern": "^q"})),
        text_of(ID, column("c", map=MAP)),
    ),
    "enum of a map": (
        "`enum` has no effect",
        text_of(ID, column("c", map=MAP, enum=[{"value": "zzz"}])),
        text_of(ID, column("c", map=MAP)),
    ),
    "null values of a map": (
        "nullValues has no effect",
        text_of(ID, column("c", map=MAP, terms=[term("tillage.nullValues", ["x", "a"])])),
        text_of(ID, column("c", map=MAP)),
    ),
    "valid values of an amount": (
        "allowed values have no effect",
        text_of(ID, N, column("m", "number", **MADE, quality=[VALUED | {"arguments": {"validValues": [99]}}])),
        text_of(ID, N, column("m", "number", **MADE)),
    ),
    "input of an amount": (
        "`input` is for an amount that is read",
        text_of(ID, N, column("m", "number", **MADE | {"money": {"currency": "EUR", "input": "minor"}})),
        text_of(ID, N, column("m", "number", **MADE)),
    ),
    "excess decimals of an amount": (
        "an amount made of other columns is rounded",
        text_of(ID, N, column("m", "number", **MADE | {"money": {"currency": "EUR", "excessDecimals": "warn"}})),
        text_of(ID, N, column("m", "number", **MADE)),
    ),
    "key inside a list": (
        "cannot be a key",
        text_of(ID, objects(column("p", primaryKey=True))),
        text_of(ID, objects(column("p", required=True))),
    ),
    "term of items that are objects": (
        "is not for a list's items",
        text_of(ID, objects(column("p"), customProperties=[term("tillage.nullValues", ["x"])])),
        text_of(ID, objects(column("p"))),
    ),
    "enum of items that are objects": (
        "is not for objects",
        text_of(ID, objects(column("p"), enum=[{"value": "zzz"}])),
        text_of(ID, objects(column("p"))),
    ),
    "time zone against the format": (
        "but the format has an offset",
        text_of(
            ID, column("t", "timestamp", logicalTypeOptions={"format": "yyyy-MM-dd'T'HH:mmXXX", "timezone": False})
        ),
        text_of(ID, column("t", "timestamp", logicalTypeOptions={"format": "yyyy-MM-dd'T'HH:mmXXX"})),
    ),
    "event time of a text": (
        "tillage.eventTime",
        text_of(ID, column("t", terms=[term("tillage.eventTime")])),
        text_of(ID, column("t")),
    ),
    "two event times": (
        "a unit happens at one time",
        text_of(ID, *(column(one, "date", terms=[term("tillage.eventTime")]) for one in "tu")),
        text_of(ID, *(column(one, "date") for one in "tu")),
    ),
    "percent of rowCount": ("rowCount counts rows", text_of(ID, quality=[ROWS | {"unit": "percent"}]), text_of(ID)),
    "arguments of rowCount": ("have no effect on", text_of(ID, quality=[ROWS | {"arguments": {"a": 1}}]), text_of(ID)),
    "percent of a query": (
        "`unit` has no effect on a query",
        text_of(ID, quality=[{"id": "q", "type": "sql", "query": "select 1", "mustBe": 1, "unit": "percent"}]),
        text_of(ID),
    ),
    "empty bounds": (
        "the lower bound is above the upper one",
        text_of(ID, column("n", "integer", logicalTypeOptions={"minimum": 9, "maximum": 1})),
        text_of(ID, column("n", "integer", logicalTypeOptions={"minimum": 9000})),
    ),
    "empty lengths": (
        "the least length is above the greatest",
        text_of(column("id", required=True, logicalTypeOptions={"minLength": 9, "maxLength": 1})),
        text_of(column("id", required=True, logicalTypeOptions={"minLength": 900})),
    ),
    "pattern of a number": (
        "`pattern` is for string columns",
        text_of(ID, column("n", "integer", quality=[VALUED | {"arguments": {"pattern": "^q"}}])),
        text_of(ID, column("n", "integer")),
    ),
    "rule inside a list": (
        "inside a list only",
        text_of(ID, objects(column("p", quality=[VALUED | {"severity": "warning"}]))),
        text_of(ID, objects(column("p"))),
    ),
    "rule called where": (
        "'where' is the code of units",
        text_of(ID, **WHERE, quality=[ROWS | {"id": "where"}]),
        text_of(ID, **WHERE, quality=[ROWS]),
    ),
    "a name of another tool": (
        "unknown name 'Tillage.Money'",
        text_of(ID, column("n", "number", terms=[term("Tillage.Money", "EUR")])),
        text_of(ID, column("n", "number")),
    ),
    "a function that is no more allowed": (
        "cannot be used here",
        text_of(ID, **clock("length(reverse(id)) < 2")),
        text_of(ID, **clock("length(id) < 2")),
    ),
    "a rule of the dataset that is no more read": (
        "cannot be used here",
        text_of(ID, quality=[{"id": "q", "type": "sql", "query": "select hash(id) from d", "mustBe": 0}]),
        text_of(ID),
    ),
}

RECORDS = [
    *(
        {"id": one, "n": number, "c": "zzz", "m": 1.5, "t": "2024-05-05T10:00+02:00"}
        for one, number in [("a", 1), ("b", 9)]
    ),
    {"id": "a-long-name", "n": 10, "m": 99, "lines": [{"p": "x"}, {"p": "zzz"}]},
    {"id": "c", "lines": [{"p": None}]},
    {"id": "qqqqqqqqq", "n": 5, "m": 1.234, "t": "2024-05-05T10:00:00"},
    {},
]


def strict(text: str) -> Check:
    return compile_check(read_contract("orders", "orders.odcs.yaml", text))


def judged(check: Check) -> Mapping[Any, Any]:
    """By place, what becomes of each record."""
    with connected(1) as connection:
        lines = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()
        found = check_files(connection, check, {"a.jsonl": lines}, chunk_bytes=2**20)
    return {place: replace(unit, offset=0) for place, unit in found.items()}


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_today_and_was_accepted_once_judges_as_it_did(case: str) -> None:
    says, refused, mended = CASES[case]
    with pytest.raises(ContractError, match=says):
        strict(refused)
    kept = judged(compile_kept("orders", refused))
    assert kept == judged(strict(mended))
    assert {unit.verdict for unit in kept.values()} > {"violation"} or case.startswith("empty")


def sites() -> set[tuple[str, int]]:
    """File and line of each call of `Document.lint`."""
    found = set()
    for path in (REPOSITORY / "src/tillage/contracts").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "lint":
                found.add((path.name, node.lineno))
    return found


def lints_at(text: str) -> tuple[str, int] | None:
    """Where the reader refuses `text` by `Document.lint`; None: elsewhere, or not at all."""
    try:
        strict(text)
    except ContractError as wrong:
        frames = traceback.extract_tb(wrong.__traceback__)
        names = [frame.name for frame in frames]
        if names[-1] == "lint":
            return Path(frames[-2].filename).name, frames[-2].lineno or 0
    return None


def test_every_refusal_that_kept_texts_are_spared_has_a_case() -> None:
    hit = {lints_at(refused) for _, refused, _ in CASES.values()} - {None}
    assert sites() - hit == set()


def test_whatever_is_read_today_is_the_same_when_it_is_kept() -> None:
    read = 0
    for seed in range(60):
        text = yaml.safe_dump(random_contracts.contract(Random(seed)), allow_unicode=True, sort_keys=False)
        try:
            now = strict(text)
        except ContractError:
            continue
        read += 1
        assert compile_kept("orders", text).contract == now.contract, seed
    assert read > 40


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (text_of(ID, relationships=[{"to": "x.y"}]), "a reference is short, `dataset.column`"),
        (text_of(column("n", "number", terms=[term("tillage.monney", "EUR")])), "unknown name 'tillage.monney'"),
        (text_of(column("n", "number", money="EUD")), "tillage.money 'EUD'"),
        (text_of(ID, **clock("nobody = 1")), "unknown column 'nobody'"),
    ],
)
def test_a_name_that_may_have_meant_something_is_never_passed_over(text: str, says: str) -> None:
    with pytest.raises(ContractError, match=f"^the contract that a load of feed orders .*{says}"):
        compile_kept("orders", text)


def test_a_kept_text_says_the_same_of_its_datasets_whatever_rules_are_left_out() -> None:
    contract: Contract = compile_kept("orders", CASES["a rule of the dataset that is no more read"][1]).contract
    assert contract.dataset("d").dataset_rules == ()
