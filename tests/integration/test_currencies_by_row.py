"""A shop that sells in several currencies, and by day: from files to what is served, explained and reconciled."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path

import pytest

from tests.acceptance.commands import get, served, tillage, tillage_json

_PROJECT = """
project: tills
feeds:
  sales: {path: landing/sales, format: jsonl}
serve:
  /totals/{currency}: {from: totals, fields: {currency: currency, sold: total, sales: sales}}
  /days/{day}: {from: days, fields: {day: day, sales: sales}}
  /moments/{at}: {from: moments, fields: {at: sold_at, sales: sales}}
"""
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
status: active
schema:
  - name: sales
    properties:
      - {name: sale_id, physicalName: id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: day, logicalType: date}
      - {name: sold_at, physicalName: at, logicalType: timestamp}
      - {name: currency, logicalType: string}
      - name: price
        logicalType: number
        customProperties: [{property: tillage.money, value: {currencyBy: currency}}]
      - name: buyer
        logicalType: object
        properties:
          - {name: country, logicalType: string}
          - {name: since, logicalType: date}
"""
_MODELS = {
    "totals": "select currency, sum(price_minor) as total, count(*) as sales from sales group by currency",
    "days": "select day, count(*) as sales from sales group by day",
    "moments": "select sold_at, count(*) as sales from sales group by sold_at",
}
_AT = "2025-01-24T10:00:00.500000Z"
_BUYER = {"country": "DE", "since": "2020-02-29"}
_SALES = [
    {"id": "1", "day": "2025-01-24", "at": _AT, "currency": "EUR", "price": 11.5, "buyer": _BUYER},
    {"id": "2", "day": "2025-01-24", "at": _AT, "currency": "EUR", "price": -1.05, "buyer": _BUYER},
    {
        "id": "3",
        "day": "2025-01-25",
        "at": "2025-01-24T11:00:00+01:00",
        "currency": "JPY",
        "price": 1200,
        "buyer": None,
    },
    {"id": "4", "day": "2025-01-25", "at": "2025-01-24T11:00:00Z", "currency": "KWD", "price": 1.234, "buyer": None},
]


@pytest.fixture(scope="module")
def tills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("currencies") / "tills"
    files = {
        "tillage.yaml": _PROJECT,
        "contracts/sales.odcs.yaml": _CONTRACT,
        "landing/sales/a.jsonl": "".join(json.dumps(sale) + "\n" for sale in _SALES),
        **{f"models/{name}.sql": sql for name, sql in _MODELS.items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert tillage_json(root, "run")["loads"][0]["datasets"]["sales"]["accepted_rows"] == len(_SALES)
    return root


def test_amounts_are_served_in_the_currency_of_their_row(tills: Path) -> None:
    with served(tills) as base:
        assert [get(f"{base}/totals/{code}")[1] for code in ("EUR", "JPY", "KWD")] == [
            b'{"currency":"EUR","sold":10.45,"sales":2}',
            b'{"currency":"JPY","sold":1200,"sales":1}',
            b'{"currency":"KWD","sold":1.234,"sales":1}',
        ]
        assert get(f"{base}/days/2025-01-24")[1] == b'{"day":"2025-01-24","sales":2}'
        status, body = get(f"{base}/moments/{urllib.parse.quote(_AT)}")
        assert (status, body) == (200, f'{{"at":"{_AT}","sales":2}}'.encode())


def test_amounts_are_explained_in_the_currency_of_their_row(tills: Path) -> None:
    assert "served 10.45 EUR" in tillage(tills, "explain", "/totals/EUR")
    assert "served 1,200 JPY" in tillage(tills, "explain", "/totals/JPY")
    found = tillage_json(tills, "explain", "/totals/KWD")
    assert (found["currencies"], found["adds_up"]) == ({"total": "KWD", "sales": None}, True)


@pytest.mark.parametrize(("path", "key"), [("/days/2025-01-25", "2025-01-25"), (f"/moments/{_AT}", _AT)])
def test_days_and_moments_are_explained_by_the_key_that_is_served(tills: Path, path: str, key: str) -> None:
    found = tillage_json(tills, "explain", path)
    assert found["adds_up"]
    assert found["served"][{"/days": "day", "/moments": "sold_at"}[path[: path.rindex("/")]]] == key
    assert len(found["parts"]) == 2


def test_every_command_writes_times_in_iso_8601(tills: Path) -> None:
    rows = tillage_json(tills, "query", "select day, sold_at, buyer from silver.sales order by sale_id limit 1")
    assert rows == [{"day": "2025-01-24", "sold_at": _AT, "buyer": _BUYER}]
    dumped = [json.loads(line) for line in tillage(tills, "dump", "--canonical").splitlines()]
    silver = [line["row"] for line in dumped if line["kind"] == "silver"]
    assert {"2025-01-24", "2025-01-25"} == {row["day"] for row in silver}
    assert _AT in {row["sold_at"] for row in silver}


def test_recomputation_agrees_and_the_law_is_shown_by_currency(tills: Path) -> None:
    assert {one["model"]: one["comparison"]["differ"] for one in tillage_json(tills, "reconcile")} == {
        "days": 0,
        "moments": 0,
        "totals": 0,
    }
    said = tillage(tills, "status")
    for row in ("sales EUR", "sales JPY", "sales KWD", "the law balances"):
        assert row in said
