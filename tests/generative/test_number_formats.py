"""Numbers as text in any stated format: the product, the pattern that it exports, and an oracle that reads by sign."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative import random_contracts, random_records
from tests.generative.bounded import bounded
from tests.generative.in_memory import compiled, connected
from tests.generative.test_contracts import differences, expected, yaml_text
from tests.oracle import number_formats
from tests.oracle.short_contracts import custom, one
from tillage.contracts.compiler.spelt_number import plain
from tillage.contracts.tools.export import json_schema

pytestmark = pytest.mark.accept("3.1")

CONTINENTAL = {"decimal": ",", "group": ".", "symbols": ["€", "EUR"]}
CASES = [
    # format                                              text                what is read
    (CONTINENTAL, "1.234,56", "1234.56"),
    (CONTINENTAL, "1234,56", "1234.56"),
    (CONTINENTAL, "1.234", "1234"),
    (CONTINENTAL, "1.234.567", "1234567"),
    (CONTINENTAL, "€ 12,50", "12.50"),
    (CONTINENTAL, "12,50\u00a0€", "12.50"),
    (CONTINENTAL, "€12,50 EUR", "12.50"),
    (CONTINENTAL, "-3,00 €", "-3"),
    (CONTINENTAL, "€ -3,00", "-3"),
    (CONTINENTAL, "-€ 3,00", "-3"),
    (CONTINENTAL, "\u22123", "-3"),
    (CONTINENTAL, "1.23", None),
    (CONTINENTAL, "12.34,5", None),
    (CONTINENTAL, "1234.567", None),
    (CONTINENTAL, "0.123", None),
    (CONTINENTAL, "1,234.56", None),
    (CONTINENTAL, "12,", None),
    (CONTINENTAL, ",5", None),
    (CONTINENTAL, "- 3", None),
    (CONTINENTAL, "--3", None),
    (CONTINENTAL, "-€-3", None),
    (CONTINENTAL, "3-", None),
    (CONTINENTAL, "(3)", None),
    (CONTINENTAL, "+3", None),
    (CONTINENTAL, "$3", None),
    (CONTINENTAL, "€", None),
    (CONTINENTAL, "1e3", None),
    (CONTINENTAL, "\u0663", None),
    ({"group": ","}, "1,234.50", "1234.50"),
    ({"group": ","}, "1,23", None),
    ({"group": ","}, "1,234,5", None),
    ({"group": "'"}, "1\u2019234'567.5", "1234567.5"),
    ({"decimal": ",", "group": " "}, "1\u202f234 567,5", "1234567.5"),
    ({"decimal": ",", "group": " "}, "1  234", None),
    ({"negative": "trailing"}, "12.50-", "-12.50"),
    ({"negative": "trailing"}, "-12.50", "-12.50"),
    ({"negative": "trailing"}, "-12.50-", None),
    ({"negative": "trailing", "symbols": ["EUR"]}, "12.50- EUR", "-12.50"),
    ({"negative": "trailing", "symbols": ["EUR"]}, "12.50 EUR-", "-12.50"),
    ({"negative": "parentheses", "symbols": ["$"], "group": ","}, "($1,005.00)", "-1005"),
    ({"negative": "parentheses", "symbols": ["$"]}, "$(5.00)", "-5"),
    ({"negative": "parentheses"}, "(-5.00)", None),
    ({"negative": "parentheses"}, "(5.00", None),
    ({"symbols": ["%"]}, "19 %", "19"),
    ({"symbols": ["Rs", "Rs."]}, "Rs. 5.5", "5.5"),
    ({"symbols": [".", "'", '"']}, ".5", "5"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as found:
        yield found


@pytest.mark.parametrize(("form", "text", "wanted"), CASES)
def test_the_oracle_reads_what_was_worked_out_by_hand(form: dict[str, Any], text: str, wanted: str | None) -> None:
    found = number_formats.plain(text, form)
    assert (None if found is None else Decimal(found)) == (None if wanted is None else Decimal(wanted))


def test_the_product_reads_the_same_from_json_text_and_leaves_json_numbers_alone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    columns, record = [], {}
    for number, (form, text, _) in enumerate(CASES):
        columns.append(f"{{name: c{number}, logicalType: number, {custom(numberFormat=form)}}}")
        record[f"c{number}"] = text
    document = one(", ".join(columns))
    right = {f"c{number}": text for number, (_, text, wanted) in enumerate(CASES) if wanted is not None}
    plain_numbers = dict.fromkeys(record, 1234.5)
    wrong = [{name: text} for name, text in record.items() if name not in right]
    files = {"a.jsonl": b"\n".join(json.dumps(one).encode() for one in (right, plain_numbers, *wrong))}
    assert not differences(connection, document, files)
    units = sorted(expected(document, files).items())
    assert [unit.codes for _, unit in units] == [(), (), *[("type",)] * len(wrong)]
    assert units[0][1].values["c0"] == Decimal("1234.56")


@bounded(12, is_shrunk=False)
@given(seed=st.integers(0, 2**64))
def test_any_text_is_read_alike_by_the_check_by_what_guesses_and_by_the_exported_pattern(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    rng = Random(seed)
    column: dict[str, Any] = {"name": "v", "logicalType": rng.choice(("number", "integer"))}
    while not random_contracts.customs(column):
        random_contracts._spell(rng, column)
    form = random_contracts.customs(column)["tillage.numberFormat"]
    texts = [
        random_records._in_format(rng, form, rng.choice(("", "-")) + rng.choice(("0", "5", "12", "1234567.25", "0.5")))
        for _ in range(300)
    ]
    document = {**one("[]"), "schema": [{"name": "d", "properties": [column]}]}
    files = {"a.jsonl": b"\n".join(json.dumps({"v": text}).encode() for text in texts)}
    assert not differences(connection, document, files), yaml_text(document)
    contract = compiled(yaml_text(document)).contract
    number_format = contract.datasets[0].columns[0].number_format
    assert number_format is not None
    pattern = json_schema(contract)["properties"]["v"]["anyOf"][1]["pattern"]
    for text in texts:
        wanted = number_formats.plain(text, form)
        assert plain(text, number_format) == wanted
        assert (re.search(pattern, text) is not None) == (wanted is not None)
