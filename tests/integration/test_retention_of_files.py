"""Where units close others, or are told by whole files, bytes are forgotten so that all goes on to be recomputed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.retained import (
    bytes_by_load,
    change,
    kept_up,
    sound,
)
from tests.integration.shops import Shop, make_database
from tests.integration.small import make_small, put
from tillage.pipelines.quarantine import replay
from tillage.pipelines.status import status

GROUPED = [
    {"name": "invoice", "logicalType": "string", "primaryKey": True},
    {"name": "shop", "logicalType": "string", "required": True},
    {
        "name": "lines",
        "logicalType": "array",
        "items": {
            "logicalType": "object",
            "properties": [
                {"name": "class", "logicalType": "string", "enum": [{"value": "tea"}]},
                {
                    "name": "price",
                    "logicalType": "number",
                    "required": True,
                    "customProperties": [{"property": "tillage.money", "value": "EUR"}],
                },
            ],
        },
    },
]
GROUP_MODEL = """select shop, sum(price) as price from (
select s.shop as shop, l.price_minor as price from bills_seen as s cross join unnest(s.lines) as t(l)) as r
group by shop
"""


def versioned(server: str, tmp_path: Path) -> Shop:
    small = make_small(
        tmp_path / "small",
        make_database(server, f"retention_{tmp_path.name}".replace("-", "_")[:60]),
        feeds={"stock": {"format": "csv", "csv": {"delimiter": ","}}},
        columns=[
            {"name": "id", "logicalType": "string", "primaryKey": True},
            {"name": "n", "logicalType": "integer", "required": True},
            {
                "name": "price",
                "logicalType": "number",
                "customProperties": [{"property": "tillage.money", "value": "EUR"}],
            },
        ],
        models={"worth": "select id, sum(price_minor) as price from stock_seen group by id"},
    )
    change(
        small,
        "stock",
        lambda document: document["schema"][0].update(
            customProperties=[
                {"property": "tillage.merge", "value": "upsert"},
                {"property": "tillage.version", "value": "n"},
            ]
        ),
    )
    return small


def test_closed_versions_stay_closed_without_their_bytes(shop: Shop, server: str, tmp_path: Path) -> None:
    small = versioned(server, tmp_path)
    put(small, "stock/a.csv", b"id,n,price\nx,1,1.00\ny,1,2.00\n")
    small.run()
    put(small, "stock/b.csv", b"id,n,price\nx,2,5.00\n")
    small.run()
    kept_up(small)
    put(small, "stock/c.csv", b"id,n,price\ny,2,7.00\n")
    small.run()
    assert bytes_by_load(small, "stock") == {1: 0, 2: 0, 4: 1}
    (found,) = sound(small)
    assert [(one.rows, one.minor, one.silver_rows, one.silver_minor) for one in found.shares] == [(1, 700, 1, 500)]
    assert found.comparison.totals["price"] == (1200, 1200)


@pytest.fixture
def grouped(server: str, tmp_path: Path) -> Shop:
    """Two files of invoices; in the first one invoice waits."""
    small = make_small(
        tmp_path / "small",
        make_database(server, f"grouped_{tmp_path.name}".replace("-", "_")[:60]),
        feeds={"bills": {"format": "csv", "csv": {"delimiter": ","}}},
        columns=GROUPED,
        models={"sold": GROUP_MODEL},
    )
    unit = [{"property": "tillage.unit", "value": {"groupBy": ["invoice"]}}]
    change(small, "bills", lambda document: document["schema"][0].update(customProperties=unit))
    put(small, "bills/a.csv", b"invoice,shop,class,price\n1,s,tea,1.00\n2,s,wine,2.00\n1,s,tea,3.00\n2,s,tea,4.00\n")
    put(small, "bills/b.csv", b"invoice,shop,class,price\n3,t,tea,5.00\n3,t,tea,6.00\n")
    small.run()
    return small


def allow(document: dict[str, Any]) -> None:
    document["schema"][0]["properties"][2]["items"]["properties"][0]["enum"].append({"value": "wine"})


def test_file_whose_rows_are_told_together_keeps_all_bytes_while_one_unit_waits(grouped: Shop) -> None:
    assert kept_up(grouped).forgotten_records == 2
    assert bytes_by_load(grouped, "bills") == {1: 4}
    change(grouped, "bills", allow)
    with grouped.open() as house:
        assert replay(house, wait_s=1).counts[3]["bills_seen"].accepted_rows == 1
    (found,) = sound(grouped)
    assert [(one.rows, one.minor, one.silver_rows, one.silver_minor) for one in found.shares] == [(2, 1000, 1, 1100)]
    assert kept_up(grouped).forgotten_records == 4
    (found,) = sound(grouped)
    assert [(one.rows, one.silver_rows, one.silver_minor) for one in found.shares] == [(0, 3, 2100)]
    assert found.comparison.totals["price"] == (2100, 2100)


def test_file_that_was_told_by_whole_files_when_it_came_keeps_them_too(grouped: Shop) -> None:
    def ungrouped(document: dict[str, Any]) -> None:
        document["schema"][0]["customProperties"] = []

    change(grouped, "bills", ungrouped)
    assert kept_up(grouped).forgotten_records == 2
    assert bytes_by_load(grouped, "bills") == {1: 4}


def test_unit_that_would_need_bytes_that_are_gone_goes_on_waiting(server: str, tmp_path: Path) -> None:
    """Rows that were told one by one when they came, and by whole files only after some were forgotten."""
    small = make_small(
        tmp_path / "small",
        make_database(server, f"late_{tmp_path.name}".replace("-", "_")[:60]),
        feeds={"seen": {"format": "csv", "csv": {"delimiter": ","}}},
        columns=["id", {"name": "n", "logicalType": "integer", "required": True}],
    )
    change(small, "seen", lambda _: None)
    put(small, "seen/a.csv", b"id,n\na,1\na,\nb,3\n")
    small.run()
    assert kept_up(small).forgotten_records == 2
    distinct = [{"property": "tillage.distinct", "value": True}]

    def later(document: dict[str, Any]) -> None:
        document["schema"][0]["customProperties"] = distinct
        document["schema"][0]["properties"][1]["required"] = False

    change(small, "seen", later)
    with small.open() as house:
        counts = replay(house, wait_s=1).counts[3]["seen_seen"]
        assert (counts.read_rows, counts.taken_rows) == (0, 0)
        assert status(house).datasets["seen_seen"].waiting_rows == 1
    sound(small)
