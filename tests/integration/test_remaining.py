"""What is left of a record once its person is erased reads as the record did: all that silver keeps of it."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.mirrored import processed
from tests.integration.peopled import contract, make_peopled, silver
from tests.integration.shops import Shop, make_database
from tillage.pipelines.audit import audit
from tillage.pipelines.erase import erase
from tillage.pipelines.requests import Request

_NUMBERS = count(1)
MONEY = {"property": "tillage.money"}
HASHED = {"property": "tillage.erase", "value": "hash"}
COLUMNS: list[dict[str, Any]] = [
    {"name": "number", "physicalName": "$.head.number", "logicalType": "string", "primaryKey": True},
    {
        "name": "who", "physicalName": "$.head.who", "logicalType": "string", "required": True,
        "customProperties": [{"property": "tillage.subject", "value": "customer"}, HASHED],
    },
    {"name": "country", "physicalName": "$.home.country", "logicalType": "string"},
    {"name": "town", "physicalName": "$.home.town", "logicalType": "string"},
    {"name": "of_price", "physicalName": "$.price.currency", "logicalType": "string"},
    {"name": "price", "logicalType": "object", "properties": [{"name": "amount", "logicalType": "integer"}]},
    {
        "name": "home", "logicalType": "object", "classification": "personal", "customProperties": [HASHED],
        "properties": [{"name": "street", "logicalType": "string"}, {"name": "country", "logicalType": "string"}],
    },
    {"name": "note", "physicalName": "$.head.note", "logicalType": "string", "classification": "personal"},
    {"name": "currency", "logicalType": "string", "required": True},
    {"name": "total", "logicalType": "number", "customProperties": [
        MONEY | {"value": {"currencyBy": "currency"}}, {"property": "tillage.control", "value": True}]},
    {"name": "cents", "logicalType": "integer", "customProperties": [
        MONEY | {"value": {"currency": "EUR", "input": "minor"}}]},
    {"name": "fee", "logicalType": "number", "customProperties": [MONEY | {"value": "KWD"}]},
    {"name": "offer", "logicalType": "number", "customProperties": [MONEY | {"value": {"currencyBy": "place.code"}}]},
    {"name": "share", "logicalType": "number"},
    {"name": "is_new", "logicalType": "boolean"},
    {"name": "day", "logicalType": "date"},
    {"name": "at", "logicalType": "timestamp"},
    {"name": "hour", "logicalType": "time"},
    {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
    {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": [
        {"name": "sku", "physicalName": "article", "logicalType": "string"},
        {"name": "price", "physicalName": "cost", "logicalType": "number", "customProperties": [
            MONEY | {"value": {"currencyBy": "currency"}}]},
        {"name": "currency", "logicalType": "string"},
    ]}},
    {"name": "place", "logicalType": "object", "properties": [
        {"name": "code", "logicalType": "string"},
        {"name": "town", "physicalName": "city", "logicalType": "string"}, {"name": "x", "logicalType": "number"},
        {"name": "count", "physicalName": "$.head.more.count", "logicalType": "integer"}]},
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def amount(decimals: int) -> st.SearchStrategy[str]:
    return st.decimals(-(10**12), 10**12, places=decimals).map(str)


def perhaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


COUNT = st.integers(0, 9)
LINE = st.fixed_dictionaries({"article": TEXTS, "cost": amount(2), "currency": st.sampled_from(["EUR", "USD"])})
RECORD = st.fixed_dictionaries(
    {
        "head": st.fixed_dictionaries({"note": perhaps(TEXTS), "more": st.fixed_dictionaries({"count": COUNT})}),
        "home": perhaps(st.fixed_dictionaries({"street": TEXTS, "country": st.sampled_from(["NL", "BE"])})),
        "currency": st.sampled_from(["EUR", "USD", "BHD"]),
        "offer": perhaps(amount(0)),
        "price": st.fixed_dictionaries({"currency": perhaps(TEXTS), "amount": perhaps(st.integers(0, 2**53 + 9))}),
        "total": perhaps(amount(2)),
        "cents": perhaps(st.integers(-(2**60), 2**60)),
        "fee": perhaps(amount(3)),
        "share": perhaps(st.decimals(-(10**9), 10**9, places=6).map(str)),
        "is_new": perhaps(st.booleans()),
        "day": perhaps(st.dates().map(str)),
        "at": perhaps(st.datetimes().map(lambda at: at.isoformat(timespec="microseconds") + "Z")),
        "hour": perhaps(st.times().map(lambda at: at.isoformat(timespec="microseconds"))),
        "tags": perhaps(st.lists(perhaps(TEXTS), max_size=3)),
        "lines": perhaps(st.lists(LINE, max_size=3)),
        "place": st.fixed_dictionaries(
            {"code": st.sampled_from(["EUR", "JPY"]), "city": perhaps(TEXTS), "x": perhaps(st.integers(-5, 5))}
        ),
    }
)  # fmt: skip


def made(root: Path, dsn: str) -> Shop:
    feeds = {"orders": {"path": "landing/orders", "format": "jsonl", "mirror": ["files"]}}
    shop = make_peopled(root, dsn, project={"feeds": feeds, "serve": {}})
    (shop.root / "contracts/customers.odcs.yaml").unlink()
    (shop.root / "models/spend.sql").unlink()
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", COLUMNS))
    return shop


def rows(shop: Shop) -> list[dict[str, Any]]:
    return sorted(silver(shop, "orders"), key=lambda row: int(row["number"]))


@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(records=st.lists(RECORD, min_size=40, max_size=60))
def test_it_is_read_as_the_record_was(
    records: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, server: str
) -> None:
    for number, record in enumerate(records):
        record["head"] |= {"number": str(number), "who": f"70012{number % 7}"}
    root = tmp_path_factory.mktemp("remaining")
    first = made(root / "first", make_database(server, f"remaining_{next(_NUMBERS)}"))
    (first.root / "landing/orders/a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    first.run()
    before = rows(first)
    assert len(before) == len(records)
    with first.open() as house:
        erase(house, [Request("customer", f"70012{number}") for number in range(7)], wait_s=1)
    assert rows(first) == before
    left = processed(first, "orders")["a.jsonl"]
    for record, line in zip(records, map(json.loads, left.splitlines()), strict=True):
        assert line["head"]["note"] is None
        assert (line["cents"], line["price"]["amount"]) == (record["cents"], record["price"]["amount"])
        assert record["home"] is None or re.fullmatch("[0-9a-f]{64}", line["home"]["street"])
    second = made(root / "second", make_database(server, f"remaining_{next(_NUMBERS)}"))
    (second.root / "landing/orders/a.jsonl").write_bytes(left)
    second.run()
    again = rows(second)
    assert len({one["who"] for one in before}) == len({one["who"] for one in again}) == 7
    keys = {one["who"]: other["who"] for one, other in zip(before, again, strict=True)}
    assert [one | {"who": keys[one["who"]]} for one in before] == again


def test_of_a_record_of_several_people_the_others_are_not_shown(tmp_path: Path, server: str) -> None:
    """Two datasets read it: what is left has what silver keeps of both, and nothing personal of who is still there."""
    subject = {"property": "tillage.subject", "value": "customer"}
    text = {"logicalType": "string"}
    feeds = {"orders": {"path": "landing/orders", "format": "jsonl", "mirror": ["files"]}}
    shop = make_peopled(tmp_path / "shop", make_database(server, f"remaining_{next(_NUMBERS)}"), project={
        "feeds": feeds, "serve": {}})  # fmt: skip
    (shop.root / "contracts/customers.odcs.yaml").unlink()
    (shop.root / "models/spend.sql").unlink()
    document = json.loads(contract("orders", [
        {"name": "order_id", "primaryKey": True, **text},
        {"name": "buyer", "required": True, "customProperties": [subject, HASHED], **text},
        {"name": "door", "classification": "personal", "customProperties": [HASHED], **text},
    ]))  # fmt: skip
    document["schema"] += json.loads(contract("ships", [
        {"name": "ship_id", "primaryKey": True, **text},
        {"name": "receiver", "required": True, "customProperties": [subject, HASHED], **text},
        {"name": "bell", "classification": "personal", "customProperties": [HASHED], **text},
        {"name": "weight", "logicalType": "integer"},
    ]))["schema"]  # fmt: skip
    (shop.root / "contracts/orders.odcs.yaml").write_text(json.dumps(document))
    records = [
        {"order_id": "1", "buyer": "700123", "door": "Groene deur", "ship_id": "s1", "receiver": "700123",
         "bell": "Bel twee", "weight": 3},
        {"order_id": "2", "buyer": "800456", "door": "Rode deur", "ship_id": "s2", "receiver": "700123",
         "bell": "Bel drie", "weight": 4},
    ]  # fmt: skip
    (shop.root / "landing/orders/a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    shop.run()
    with shop.open() as house:
        erase(house, [Request("customer", "700123")], wait_s=1)
    both, shared = map(json.loads, processed(shop, "orders")["a.jsonl"].splitlines())
    key = both["buyer"]
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert both == {"order_id": "1", "buyer": key, "door": both["door"], "ship_id": "s1", "receiver": key,
                    "bell": both["bell"], "weight": 3}  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", both["door"])
    assert shared == {"order_id": "2", "buyer": None, "door": None, "ship_id": "s2", "receiver": key,
                      "bell": shared["bell"], "weight": 4}  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", shared["bell"])
    with shop.open() as house:
        assert not audit(house).findings
