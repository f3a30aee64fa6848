"""Documents rather than lines: JSON with its records inside, XML, Parquet, zip files."""

from __future__ import annotations

import io
import json
import random
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq

from tests.acceptance.feeds.case import Case, Law, amount, column, contract, dataset, flat, key, lines, minor, summed


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return file.getvalue()


def members() -> Case:
    """A zip of JSON documents whose records lie two members deep, and orders in a list of each."""
    chance = random.Random(51)
    people = [
        {
            "id": f"{number:04}",
            "name": chance.choice(["Ana", "Ærø", "李", None]),
            "orders": chance.choice([None, [], [_order(chance, number, 0)], [_order(chance, number, n) for n in "12"]]),
        }
        for number in range(150)
    ]
    people.append({"id": "bad", "name": "Bo", "orders": [{"no": "b1", "gross": "2.999"}, {"no": "b2", "gross": 1}]})
    halves = {
        f"{number}.json": json.dumps({"made": "today", "data": {"people": some}}, indent=2, ensure_ascii=False).encode()
        for number, some in enumerate((people[:70], people[70:]))
    }
    read = [one for half in halves.values() for one in json.loads(half)["data"]["people"]]
    orders = [(one["id"], minor(str(order["gross"]))) for one in read for order in one["orders"] or ()]
    kept = [(who, gross) for who, gross in orders if (who, gross) != ("bad", 300)]
    whole = sum(gross for _, gross in kept)
    return Case(
        "members",
        {"format": "json", "records": "$.data.people[*]"},
        contract(
            "members",
            dataset("people", key("person_id", "id"), column("name")),
            dataset(
                "member_orders",
                key("order_no", "no"),
                column("person_id", physical="$.id", required=True),
                amount("gross"),
                unit="$.orders[*]",
            ),
        ),
        {"members.zip": _zipped(halves)},
        {
            "spent_by_person": "select person_id, sum(gross_minor) as gross_minor, sum(orders) as orders from (select "
            "person_id, gross_minor, 1 as orders from member_orders union all select person_id, 0, 0 from people) as m "
            "group by person_id"
        },
        {
            "people": Law((len(read), len(read), 0, 0)),
            "member_orders": Law((len(orders), len(kept), 1, 0), (whole, whole, 0, 0), 1, {"money_scale": 1}),
        },
        {
            "spent_by_person": (
                "person_id gross_minor orders",
                [
                    (one["id"], sum(g for who, g in kept if who == one["id"]), sum(who == one["id"] for who, _ in kept))
                    for one in read
                ],
            )
        },
    )


def _order(chance: random.Random, person: int, number: object) -> dict[str, object]:
    gross = chance.randint(-999, 9999)
    return {"no": f"{person}-{number}", "gross": chance.choice([gross / 100, f"{Decimal(gross) / 100}"])}


def books() -> Case:
    """XML: attributes, a list that has one element in some records, entities, and an element with nil."""
    chance = random.Random(52)
    text = ['<?xml version="1.0" encoding="ISO-8859-1"?><shop><books>']
    for number in range(120):
        shelves = "".join(
            f"<copy><shelf>{chance.randint(1, 3):02}</shelf><price>{chance.randint(-500, 5000) / 100}</price></copy>"
            for _ in range(chance.randint(1, 3))
        )
        title = chance.choice(["Tom &amp; Jérôme", "<![CDATA[a < b]]>", "Ü C:\\x41", "", "&#8364; 5"])
        text.append(f'<book isbn="{number:010}"><title>{title}</title>{shelves}</book>\n')
    data = ("".join(text) + "</books></shop>").encode("latin-1")
    read = list(ET.fromstring(data).iter("book"))
    copies = [
        (copy.findtext("shelf"), minor(copy.findtext("price") or "")) for book in read for copy in book.iter("copy")
    ]
    whole = sum(price for _, price in copies)
    return Case(
        "books",
        {"format": "xml", "records": "/shop/books/book"},
        contract(
            "books",
            dataset(
                "books",
                key("isbn", "@isbn"),
                column("title"),
                lines("copies", column("shelf"), amount("price", "CHF"), physical="copy", required=True),
            ),
        ),
        {"books.xml": data},
        {
            "copies_by_shelf": "select c.shelf, sum(c.price_minor) as price_minor, count(*) as copies from books as b "
            "cross join unnest(b.copies) as t(c) group by c.shelf",
            "books_by_title": "select title, count(*) as books from books group by title",
        },
        {"books": Law((120, 120, 0, 0), (whole, whole, 0, 0))},
        {
            "copies_by_shelf": ("shelf price_minor copies", flat(summed((shelf, (price,)) for shelf, price in copies))),
            "books_by_title": ("title books", flat(summed((book.findtext("title"), ()) for book in read))),
        },
    )


def stock() -> Case:
    """Parquet: decimals, doubles as money, days, moments, nulls, lists, and text of a dictionary."""
    chance = random.Random(53)
    start = datetime(2025, 3, 30, 0, 30, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "sku": f"{number:08}",
            "counted_on": None if number % 7 == 0 else date(2024, 2, 28) + timedelta(days=number % 3),
            "at": start + timedelta(minutes=number),
            "cost": Decimal(chance.randint(-99999, 99999)) / 1000 if number % 50 == 0 else Decimal(number) / 4,
            "list_price": chance.randint(0, 99999) / 100,
            "count": chance.choice([None, 0, -3, 2**40]),
            "shelf": chance.choice(["Ä", "B", None]),
            "is_sold": number % 2 == 0,
        }
        for number in range(400)
    ]
    table = pa.Table.from_pylist(rows).set_column(
        3, "cost", pa.array([row["cost"] for row in rows], pa.decimal128(12, 3))
    )
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=150, use_dictionary=["shelf"])
    kept = [row for row in rows if row["cost"] * 100 % 1 == 0]
    costs, bad = sum(minor(row["cost"]) for row in kept), len(rows) - len(kept)
    return Case(
        "stock",
        {"format": "parquet"},
        contract(
            "stock",
            dataset(
                "stock",
                key("sku"),
                column("counted_on", "date"),
                column("at", "timestamp", required=True),
                amount("cost"),
                amount("list_price"),
                column("count", "integer"),
                column("shelf"),
                column("is_sold", "boolean", required=True),
            ),
        ),
        {"stock.parquet": file.getvalue()},
        {
            "stock_by_shelf": "select shelf, is_sold, sum(cost_minor) as cost_minor, sum(list_price_minor) as "
            "list_minor, sum(count) as pieces, count(*) as rows from stock group by shelf, is_sold",
            "stock_by_day": "select counted_on, count(*) as rows from stock group by counted_on",
        },
        {"stock": Law((len(rows), len(kept), bad, 0), (costs, costs, 0, 0), bad, {"money_scale": bad})},
        {
            "stock_by_shelf": (
                "shelf is_sold cost_minor list_minor pieces rows",
                flat(
                    summed(
                        (
                            (row["shelf"], row["is_sold"]),
                            (minor(row["cost"]), minor(str(row["list_price"])), row["count"] or 0),
                        )
                        for row in kept
                    )
                ),
            ),
            "stock_by_day": (
                "counted_on rows",
                flat(summed((row["counted_on"] and row["counted_on"].isoformat(), ()) for row in kept)),
            ),
        },
    )


CASES = (members, books, stock)
