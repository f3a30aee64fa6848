"""Net and line nets as the compiled check computes them, against exact fractions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tests.generative.in_memory import Found, check_files, connected
from tests.oracle.vat import line_nets, net_minor
from tillage.contracts.compiler.check import Check, compile_check
from tillage.contracts.contract import Basis, Column, Contract, Dataset, FieldPath, Kind, Level, Money, Vat

pytestmark = pytest.mark.accept("2.5")

DECIMALS = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}  # ISO 4217, list one
MAX_MINOR = 2**63 - 1
WORD = MAX_MINOR // 40_000  # from here on the formula leaves a machine word
Line: TypeAlias = tuple[int, int]
"""Gross in minor units, and which of the rates it has."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(threads=2) as connection:
        yield connection


def amount(name: str, path: str, currency: str, vat: Vat) -> Column:
    return Column(name, (FieldPath((path,)),), Kind.NUMBER, is_required=True, money=Money(currency), vat=vat)


def contract(currency: str, rates_bp: Sequence[int], basis: str, level: str) -> Check:
    """A dataset of single amounts and one of lists; the class of a rate is its place in `rates_bp`."""
    rates = tuple((str(place), rate) for place, rate in enumerate(rates_bp))
    vat = Vat("class", rates, Basis(basis), Level(level))
    kind = Column("class", (FieldPath(("class",)),), Kind.STRING, is_required=True)
    gross = amount("gross", "gross", currency, vat)
    single = Dataset("single", (), (kind, gross), key=())
    lines = Column("lines", (FieldPath(("lines",)),), Kind.LIST, is_required=True, items=(kind, gross))
    return compile_check(Contract("shop", "", (single, Dataset("listed", (), (lines,), key=()))))


def major(minor: int, currency: str) -> str:
    return format(Decimal(minor).scaleb(-DECIMALS[currency]), "f")


def record(lines: Sequence[Line], currency: str, *, is_text: bool) -> str:
    """A record that is a single amount (its first line) and a list."""
    quote = '"' if is_text else ""
    items = [f'{{"class":"{rate}","gross":{quote}{major(gross, currency)}{quote}}}' for gross, rate in lines]
    first = items[0][1:-1] if items else '"class":"0","gross":0'
    return f'{{{first},"lines":[{",".join(items)}]}}'


def edges() -> st.SearchStrategy[int]:
    near = st.sampled_from((0, WORD // 64, WORD, MAX_MINOR // 20_000, MAX_MINOR // 2, 2**31, 2**53, 10**15, 10**18))
    return st.builds(int.__add__, near, st.integers(-3, 3))


def amounts() -> st.SearchStrategy[int]:
    size = st.one_of(st.integers(0, 10**4), st.integers(0, 10**18), edges()).filter(lambda minor: minor <= 10**18)
    return st.builds(int.__mul__, size, st.sampled_from((1, -1)))


@st.composite
def line_lists(draw: st.DrawFn, rates: int) -> list[Line]:
    """Up to 200 lines whose sum fits; on the way there it may be far outside."""
    line = st.tuples(draw(st.sampled_from((amounts(), st.integers(-3000, 3000)))), st.integers(0, rates - 1))
    lines = draw(st.lists(line, max_size=draw(st.sampled_from((3, 3, 10, 100)))))
    if draw(st.booleans()):
        other = draw(st.permutations(lines))
        lines += [(-gross, draw(st.integers(0, rates - 1))) for gross, _ in other]
    else:
        lines = lines * draw(st.sampled_from((1, 1, 1, 2, 50)))
    return lines[:200]


@st.composite
def shops(draw: st.DrawFn) -> tuple[str, list[int], str, str, list[list[Line]]]:
    currency = draw(st.sampled_from(sorted(DECIMALS)))
    rate = st.one_of(st.sampled_from((0, 1, 700, 900, 1500, 2000, 2800, 6000, 9999)), st.integers(0, 9999))
    rates = draw(st.lists(rate, min_size=1, max_size=4))
    rates += rates[: draw(st.integers(0, 2))]  # several classes of one rate are one group
    basis, level = draw(st.sampled_from(("inclusive", "deduct"))), draw(st.sampled_from(("rate_group", "line")))
    lists = draw(st.lists(line_lists(len(rates)), min_size=3, max_size=12))
    return currency, rates, basis, level, lists


# 3 at 20 % is 2.5 without it, and 5 at 50 % off is 2.5.
HALVES = [(3, 0), (-3, 0), (9, 0), (5, 1), (-5, 1), (15, 1)]
LONG = [(10**18, 0), *[(-(10**16), 1)] * 99, (7, 0)]


@bounded(40)
@given(shop=shops(), is_text=st.booleans())
@example(shop=("EUR", [1500, 700], "inclusive", "rate_group", [LONG, [(10**18, 0)] * 10, []]), is_text=False)
@example(shop=("JPY", [9999, 9999], "deduct", "rate_group", [LONG, [(WORD // 64 - 1, 0)] * 64]), is_text=True)
@example(shop=("EUR", [2000, 5000], "inclusive", "line", [HALVES, HALVES * 30]), is_text=False)
@example(shop=("KWD", [2000, 5000], "deduct", "rate_group", [HALVES, HALVES * 30]), is_text=False)
@example(shop=("CLF", [1], "inclusive", "rate_group", [[(WORD // 64 - 1, 0)] * 65]), is_text=False)
def test_nets_are_those_of_the_oracle_to_the_minor_unit(
    connection: duckdb.DuckDBPyConnection,
    shop: tuple[str, list[int], str, str, list[list[Line]]],
    is_text: bool,
) -> None:
    currency, rates, basis, level, lists = shop
    stream = "\n".join(record(lines, currency, is_text=is_text) for lines in lists).encode()
    assert all(json.loads(line) for line in stream.splitlines())
    found = check_files(
        connection,
        contract(currency, rates, basis, level),
        {"a.jsonl": stream},
        chunk_bytes=2**20,
    )
    assert len(found) == 2 * len(lists)
    for line_no, lines in enumerate(lists, 1):
        check_single(found["single", "a.jsonl", line_no, 0], lines[0] if lines else (0, 0), rates, basis)
        check_list(found["listed", "a.jsonl", line_no, 0], lines, rates, basis, level)


def check_single(unit: Found, line: Line, rates: Sequence[int], basis: str) -> None:
    gross, rate_bp = line[0], rates[line[1]]
    assert (unit.verdict, unit.control_minor) == ("accepted", gross)
    assert (unit.values["gross_minor"], unit.values["vat_bp"]) == (gross, rate_bp)
    assert unit.values["net_minor"] == net_minor(gross, rate_bp, basis)


def check_list(unit: Found, lines: Sequence[Line], rates: Sequence[int], basis: str, level: str) -> None:
    total = sum(gross for gross, _ in lines)
    if abs(total) > MAX_MINOR:
        assert (unit.verdict, unit.codes, unit.control_minor) == ("violation", ("money_overflow",), None)
        assert {line["net_minor"] for line in unit.values["lines"]} == {None}
        return
    assert (unit.verdict, unit.control_minor) == ("accepted", total)
    stored = unit.values["lines"]
    taxed = [(gross, rates[place]) for gross, place in lines]
    assert [(line["gross_minor"], line["vat_bp"]) for line in stored] == taxed
    nets = [line["net_minor"] for line in stored]
    assert nets == line_nets(taxed, basis=basis, level=level)
    if level == "line":
        return
    for rate in set(rates):
        group = sum(gross for gross, line_rate in taxed if line_rate == rate)
        shared = sum(net for net, (_, line_rate) in zip(nets, taxed, strict=True) if line_rate == rate)
        assert shared == net_minor(group, rate, basis)
    alone = [net_minor(gross, rate, basis) for gross, rate in taxed]
    assert all(abs(one - other) <= 1 for one, other in zip(nets, alone, strict=True))
