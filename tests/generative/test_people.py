"""Digests of ids and texts of personal columns, over random values."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.sql_text import text
from tillage.domain.people import BLANKS, IndexKey
from tillage.engines.people import PERSONAL, pseudonymise
from tillage.engines.reader import checked
from tillage.ports.lake import Rows

KEY = IndexKey(bytes(range(32)))
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
IDS = st.one_of(TEXTS, st.text(BLANKS + "aÄ0'", max_size=6))


class Known:
    """People who are all met for the first time; what they are asked by is kept."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def index_key(self) -> IndexKey:
        return KEY

    def subject_keys(self, ids: Rows) -> Rows:
        self.asked = ids.to_pylist()
        keys = [f"key {number}" for number in range(ids.num_rows)]
        return ids.select(["subject", "natural_id"]).append_column("subject_key", pa.array(keys, pa.string()))

    def personal(self, dataset: str, places: Rows) -> Rows:
        raise AssertionError(dataset, places)


def dataset_of(columns: list[dict[str, Any]]) -> Dataset:
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "d", "version": "1.0.0", "status": "active"}
    contract = read_contract("d", "d.yaml", json.dumps(head | {"schema": [{"name": "d", "properties": columns}]}))
    return contract.datasets[0]


def subject(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "logicalType": "string", "customProperties": [{"property": "tillage.subject", "value": kind}]}


def without_people(dataset: Dataset, select: str) -> tuple[list[dict[str, Any]], Known, list[dict[str, Any]]]:
    """The units without people, who was asked for, and the aliases."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table {checked(dataset)} as {select}")
        people = Known()
        pseudonymise(connection, [dataset], people)
        units = connection.sql(f"from {checked(dataset)} order by n").to_arrow_table().to_pylist()
        return units, people, connection.sql('from "#aliases"').to_arrow_table().to_pylist()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.none() | IDS, st.none() | IDS), min_size=1, max_size=8))
def test_each_id_has_one_key_and_the_digest_that_python_makes_of_it(rows: list[tuple[str | None, str | None]]) -> None:
    dataset = dataset_of([subject("buyer", "customer"), subject("seller", "shop")])
    values = ", ".join(f"({n}, {literal(buyer)}, {literal(seller)})" for n, (buyer, seller) in enumerate(rows))
    units, people, _ = without_people(dataset, f"select * from (values {values}) as t(n, buyer, seller)")
    expected = {
        (kind, one.strip(BLANKS))
        for row in rows
        for kind, one in zip(("customer", "shop"), row, strict=True)
        if one is not None and one.strip(BLANKS)
    }
    found = {(one["subject"], one["natural_id"]): one["digest"] for one in people.asked}
    assert found == {(kind, one): KEY.id_digest(kind, one).hex() for kind, one in expected}
    assert len(people.asked) == len(expected)
    keys = {(one["subject"], one["natural_id"]): f"key {n}" for n, one in enumerate(people.asked)}
    for unit, (buyer, seller) in zip(units, rows, strict=True):
        assert unit["buyer"] == keys.get(("customer", (buyer or "").strip(BLANKS)))
        assert unit["seller"] == keys.get(("shop", (seller or "").strip(BLANKS)))


def literal(value: str | None) -> str:
    return "null::varchar" if value is None else text(value)


PERSONS: list[tuple[dict[str, Any], st.SearchStrategy[Any], str]] = [
    ({"logicalType": "string"}, TEXTS, "varchar"),
    ({"logicalType": "integer"}, st.integers(-(2**63), 2**63 - 1), "bigint"),
    ({"logicalType": "number"}, st.decimals(-(10**20), 10**20, places=6, allow_nan=False), "decimal(38,6)"),
    ({"logicalType": "boolean"}, st.booleans(), "boolean"),
    ({"logicalType": "date"}, st.dates(), "date"),
    ({"logicalType": "timestamp"}, st.datetimes(), "timestamp"),
    (
        {
            "logicalType": "object",
            "properties": [{"name": "b", "logicalType": "string"}, {"name": "a", "logicalType": "integer"}],
        },
        st.fixed_dictionaries({"b": st.none() | TEXTS, "a": st.none() | st.integers(0, 3)}),
        "struct(b varchar, a bigint)",
    ),
    (
        {"logicalType": "array", "items": {"logicalType": "string"}},
        st.lists(st.none() | TEXTS, max_size=3),
        "varchar[]",
    ),
    (
        {
            "logicalType": "array",
            "items": {"logicalType": "object", "properties": [{"name": "c", "logicalType": "number"}]},
        },
        st.lists(st.fixed_dictionaries({"c": st.none() | st.decimals(-9, 9, places=6)}), max_size=3),
        "struct(c decimal(38,6))[]",
    ),
]


@st.composite
def peopled(draw: st.DrawFn) -> tuple[Dataset, str, list[tuple[Any, ...]]]:
    kinds = draw(st.lists(st.sampled_from(PERSONS), min_size=1, max_size=4))
    columns = [{"name": f"p{n}", "classification": "personal", **kind[0]} for n, kind in enumerate(kinds)]
    one = subject("id", "customer") | {"primaryKey": True}
    pool = [tuple(draw(st.none() | kind[1]) for kind in kinds) for _ in range(draw(st.integers(1, 3)))]
    rows = draw(st.lists(st.sampled_from(pool), min_size=2, max_size=5))
    typed = ", ".join(f"p{n} {kind[2]}" for n, kind in enumerate(kinds))
    return dataset_of([one, *columns]), typed, rows


@settings(max_examples=200, deadline=None)
@given(peopled())
def test_texts_are_equal_exactly_where_the_columns_are(made: tuple[Dataset, str, list[tuple[Any, ...]]]) -> None:
    dataset, typed, rows = made
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table {checked(dataset)} (n integer, id varchar, {typed})")
        for n, row in enumerate(rows):
            marks = ", ".join("?" for _ in row)
            connection.execute(f"insert into {checked(dataset)} values ({n}, '1', {marks})", [*row])
        # DuckDB's own comparison is the oracle.
        fields = ", ".join(part.split(" ")[0] for part in typed.split(", ") if part.startswith("p"))
        same = {
            (one, other)
            for one, other in connection.execute(f"""
                select a.n, b.n from {checked(dataset)} a join {checked(dataset)} b
                on row({", ".join(f"a.{f}" for f in fields.split(", "))})
                    is not distinct from row({", ".join(f"b.{f}" for f in fields.split(", "))})
            """).fetchall()
        }
        pseudonymise(connection, [dataset], Known())
        found = dict(connection.execute(f"select n, {PERSONAL} from {checked(dataset)}").fetchall())
    assert {(one, other) for one in found for other in found if found[one] == found[other]} == same
    for kept in found.values():
        assert [*json.loads(kept)] == sorted(json.loads(kept))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(BLANKS + "aAbBäÄ@.İß", max_size=8), min_size=1, max_size=6))
def test_an_alias_is_compared_without_case_and_blanks(mails: list[str]) -> None:
    one = subject("id", "customer") | {"primaryKey": True}
    mail = {
        "name": "mail",
        "logicalType": "string",
        "customProperties": [{"property": "tillage.aliasOf", "value": "customer"}],
    }
    values = ", ".join(f"({n}, 'p{n}', {text(mail)})" for n, mail in enumerate(mails))
    _, _, aliases = without_people(dataset_of([one, mail]), f"select * from (values {values}) as t(n, id, mail)")
    with duckdb.connect() as connection:
        spelt = {
            one: connection.execute("select lower(nfc_normalize(?))", [one.strip(BLANKS)]).fetchall()[0][0]
            for one in mails
        }
    assert sorted(one["alias"] for one in aliases) == sorted(spelt[one] for one in mails if spelt[one])
    assert all(one["digest"] == KEY.digest(f"alias:customer:{one['alias']}").hex() for one in aliases)
