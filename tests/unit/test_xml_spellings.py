"""XML spells an empty list, a list of one and a text with attributes in its own way; each is read as what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import yaml

from tests.generative.in_memory import compiled, connected, judged
from tillage.contracts.compiler.shape import Shape
from tillage.contracts.compiler.text_members import read_as
from tillage.contracts.tools.infer import infer_contract
from tillage.doors.xml_rows import read_xml
from tillage.engines.reader import Reader

LEAF, TAGS = Shape(), Shape(is_list=True)
ITEM = {"sku": Shape()}
PRICE = Shape({"#text": Shape(), "@cur": Shape()})


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as opened:
        yield opened


def orders(connection: duckdb.DuckDBPyConnection, document: str, *columns: Any, unit: str = "") -> list[Any]:
    """Codes and values of the units in `<r><o>..</o></r>`."""
    schema: dict[str, Any] = {"name": "seen", "properties": list(columns)}
    if unit:
        schema["customProperties"] = [{"property": "tillage.unit", "value": unit}]
    contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    check = compiled(yaml.safe_dump(contract | {"schema": [schema]}))
    reader = Reader(connection, check, {})
    reader.start()
    blocks = iter([f"<r><o><id>1</id>{document}</o></r>".encode()])
    reader.read(read_xml(blocks, 0, records="/r/o", max_record_bytes=2**24, chunk_bytes=2**20), 1)
    reader.finish()
    return [(list(one.codes), one.values) for _, one in sorted(judged(connection, check, ["a.xml"]).items())]


SKU = {"name": "sku", "logicalType": "string", "required": True}
ITEMS = {
    "name": "items",
    "physicalName": "$.items.item",
    "logicalType": "array",
    "items": {"logicalType": "object", "properties": [SKU]},
}
ADDRESS = {"name": "adr", "logicalType": "object", "properties": [{"name": "city", "logicalType": "string"}]}
NUMBER = {"name": "price", "logicalType": "number"}


@pytest.mark.parametrize(
    ("inside", "skus"),
    [
        ("", []),
        ("<items/>", []),
        ("<items> \n </items>", []),
        ("<items><item/></items>", []),
        ("<items><item><sku>a</sku></item></items>", ["a"]),
        ("<items><item><sku>a</sku></item><item/><item><sku>b</sku></item></items>", ["a", "b"]),
    ],
)
def test_a_blank_wrapper_or_element_is_an_empty_list(
    connection: duckdb.DuckDBPyConnection, inside: str, skus: list[str]
) -> None:
    units = orders(connection, inside, SKU, unit="$.items.item[*]")
    assert units == [([], {"sku": sku}) for sku in skus]
    ((codes, values),) = orders(connection, inside, ITEMS)
    assert (codes, [one["sku"] for one in values["items"] or ()]) == ([], skus)


def test_text_where_an_object_or_a_list_is_read_is_still_a_type_violation(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert orders(connection, "<adr>x</adr>", ADDRESS)[0][0] == ["type"]
    assert orders(connection, "<items>x</items>", ITEMS)[0][0] == ["type"]
    assert orders(connection, "<price><amount>1</amount></price>", NUMBER)[0][0] == ["type"]


def test_a_blank_element_is_an_object_without_anything(connection: duckdb.DuckDBPyConnection) -> None:
    ((codes, _),) = orders(connection, "<adr/>", ADDRESS)
    assert codes == []
    ((codes, _),) = orders(connection, "<adr/>", ADDRESS | {"required": True})
    assert codes == ["missing"]


def test_a_scalar_is_the_text_of_an_element_with_attributes_too(connection: duckdb.DuckDBPyConnection) -> None:
    for spelling in ("<price>1.5</price>", '<price cur="EUR">1.5</price>'):
        ((codes, values),) = orders(connection, spelling, NUMBER)
        assert (codes, str(values["price"])) == ([], "1.500000")
    parts = [
        {"name": name, "physicalName": path, "logicalType": "string"} for name, path in (("v", "#text"), ("c", "@cur"))
    ]
    both = {"name": "price", "logicalType": "object", "properties": parts}
    assert orders(connection, '<price cur="EUR">1.5</price>', both) == [([], {"price": {"v": "1.5", "c": "EUR"}})]
    assert orders(connection, "<price>1.5</price>", both) == [([], {"price": {"v": "1.5", "c": None}})]


@pytest.mark.parametrize(
    ("value", "shape", "read"),
    [
        (None, TAGS, None),
        ("x", LEAF, "x"),
        (" ", LEAF, " "),
        ({"@a": "1"}, LEAF, ""),
        ({"#text": "x"}, LEAF, "x"),
        ({"#text": "x", "b": ""}, LEAF, {"#text": "x", "b": ""}),
        (["x"], LEAF, ["x"]),
        ("x", TAGS, ["x"]),
        (["x", "", {"@a": "1", "#text": "y"}], TAGS, ["x", "", "y"]),
        ({"sku": "a"}, Shape(ITEM, is_list=True), [{"sku": "a"}]),
        ("x", Shape(ITEM), "x"),
        ("x", PRICE, {"#text": "x"}),
    ],
)
def test_a_spelling_is_read_by_what_is_asked_for(value: Any, shape: Shape, read: Any) -> None:
    assert read_as(value, shape) == read


def test_a_contract_is_guessed_from_all_spellings() -> None:
    records = [
        {"img": ["a", "b"], "price": {"@cur": "EUR", "#text": "1.50"}, "adr": {"city": "x"}, "item": [{"n": "1"}]},
        {"img": "c", "price": "2.50", "adr": "", "item": {"n": "2"}},
        {"img": "", "price": "3.50", "adr": {"city": "y"}, "item": ""},
    ]
    schema = yaml.safe_load(infer_contract("shop", records, is_text=True))["schema"][0]
    kinds = {one["name"]: one["logicalType"] for one in schema["properties"]}
    assert kinds == {"img": "array", "price": "number", "adr": "object", "item": "array"}
    assert json.loads(json.dumps(schema))["properties"][2]["properties"][0]["name"] == "city"
