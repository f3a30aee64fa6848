"""A rule that the engine cannot ask is said with its line before anything is planned; answers show numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import duckdb
import pytest

from tillage.contracts.contract import DatasetRule
from tillage.contracts.odcs.contract_file import read_contract
from tillage.engines.broken import broken_rules
from tillage.wiring import unasked_rules

_TEXT = """apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
- name: o
  customProperties:
  - {property: tillage.where, value: "%s"}
  properties:
  - {name: n, logicalType: integer}
  - {name: s, logicalType: string}
  - name: l
    logicalType: array
    items: {logicalType: object, properties: [{name: a, logicalType: string}]}
  quality:
  - {id: row, type: custom, engine: tillage, implementation: "%s"}
  - id: whole
    type: sql
    mustBe: 0
    query: "%s"
"""
FINE = ("n > 0", "len(l) > 0", "select count(*) from o where n < 0")


def _said(where: str, row: str, query: str) -> list[tuple[int, str]]:
    return unasked_rules(read_contract("f", "f.odcs.yaml", _TEXT % (where, row, query)))


def test_rules_that_can_be_asked_are_fine() -> None:
    assert _said(*FINE) == []


@pytest.mark.parametrize("where", ["upper(n) = 'A'", "len(s) > date '2024-01-01'", "regexp_matches(s, '(?=x)')"])
def test_a_where_that_cannot_be_asked_is_named(where: str) -> None:
    ((line, what),) = _said(where, *FINE[1:])
    assert line == 9
    assert what.startswith("tillage.where: ")


@pytest.mark.parametrize(
    "row",
    [
        "upper(n) = 'A'",
        "list_sum(s) > 1",
        "l.a = 1",
        "list_transform(l, e -> e.x) is null",
        "len(s) > date '2024-01-01'",
        "regexp_matches(s, '(?=x)')",
        "s",
    ],
)
def test_a_row_rule_that_cannot_be_asked_is_named(row: str) -> None:
    found = _said(FINE[0], row, FINE[2])
    if row == "s":  # a text as boolean fails on units, not on the contract
        assert found == []
        return
    ((line, what),) = found
    assert line == 17
    assert what.startswith("rule 'row': ")


@pytest.mark.parametrize(
    "query",
    [
        "select count(nix) from o",
        "select count(*) from o where regexp_matches(s, '(?!x)')",
        "select sum(s) from o",
        "select max(l.nix) from o",
    ],
)
def test_a_query_that_cannot_be_asked_is_named(query: str) -> None:
    ((line, what),) = _said(*FINE[:2], query)
    assert line == 21
    assert what.startswith("rule 'whole': ")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as found:
        yield found


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select max(s) from o", "no number"),
        ("select 'x@secret.de'", "no number"),
        ("select true", "no number"),
        ("select date '2024-01-01'", "no number"),
        ("select ['x@secret.de']", "no number"),
        ("select 3", "3"),
        ("select 1.50", "1.50"),
        ("select 2.5::double", "2.5"),
        ("select null", "no answer (not one value)"),
    ],
)
def test_an_answer_is_shown_only_if_it_is_a_number(
    connection: duckdb.DuckDBPyConnection, query: str, shown: str
) -> None:
    dataset = read_contract("f", "f.odcs.yaml", _TEXT % FINE).datasets[0]
    rule = DatasetRule("r", query, "mustBe", (Decimal(7),))
    added = """select 1 as n, 'x@secret.de' as s, null as l, 1 as _sign, 1 as _load, {'load': 1} as _record"""
    dataset = replace(dataset, dataset_rules=(rule,))
    ((found,),) = [[one.found for one in broken_rules(connection, dataset, added, None)]]
    assert found == shown
