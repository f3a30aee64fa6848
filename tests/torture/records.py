"""Random files for the feeds: few keys, so that much repeats, contradicts, comes late, or breaks a rule."""

from __future__ import annotations

import gzip
import json
from random import Random
from typing import Any

from tests.torture.contracts import CLASSES, FeedSpec

_KEYS = 14
_BROKEN = (
    b'{"sku": "k1", "shop": ',
    b"no json at all",
    b'{"sku": "\xff"}',
    b'{"sku": "k1", "sku": "k2"}',
    b"[1, 2",
    b'{"price": NaN}',
    b"17",
    b"",
)
_DEEP = [[[[[[1]]]]]]


def make_file(rolled: Random, feed: FeedSpec) -> tuple[str, bytes]:
    """Its suffix and its stored bytes."""
    count = rolled.choice((0, 1, 2, 4, 8, 8, 20))
    if feed.kind == "grouped":
        content = _invoices(rolled, count)
        suffix = ".csv"
    else:
        content = b"\n".join(_lines(rolled, feed, count)) + b"\n" * rolled.randint(0, 1)
        suffix = ".jsonl"
    if rolled.random() < 0.4:
        return f"{suffix}.gz", gzip.compress(content, mtime=0)
    return suffix, content


def unpacked(stored: bytes) -> bytes:
    return gzip.decompress(stored) if stored.startswith(b"\x1f\x8b") else stored


def torn(stored: bytes) -> bytes | None:
    """Of a packed file, one that was cut off in transit."""
    return stored[:-9] if stored.startswith(b"\x1f\x8b") and len(stored) > 40 else None


def _lines(rolled: Random, feed: FeedSpec, count: int) -> list[bytes]:
    """Most of them are records: else the file looks like another format, and would be refused whole."""
    make = _person if feed.kind == "nested" else _item
    lines = [_line(rolled, make(rolled, feed)) for _ in range(count)]
    if sum(line in _BROKEN for line in lines) * 2 >= len(lines) > 0:
        lines[0] = json.dumps(make(rolled, feed)).encode()
    return lines


def _line(rolled: Random, record: dict[str, Any]) -> bytes:
    if rolled.random() < 0.05:
        return rolled.choice(_BROKEN)
    if rolled.random() < 0.05:
        record = record | {"extra": _DEEP}
    return json.dumps(record).encode()


def _item(rolled: Random, feed: FeedSpec) -> dict[str, Any]:
    number, revision = rolled.randrange(_KEYS), rolled.randint(1, 6)
    # The content follows from key and revision, so that much repeats; now and then it does not.
    chance = Random(f"{feed.name}/{number}/{revision}/{rolled.choice((0, 0, 0, 0, 1))}")
    record: dict[str, Any] = {
        "sku": f"k{number}",
        "ean": f"e{number - number % 2}",
        "shop": chance.choice(("north", "south")),
        "branch": chance.choice(("north", "south", "west")),
        "price": _price(chance),
        "class": chance.choice((*CLASSES[:3], *CLASSES, None)),
        "note": chance.choice(("a", "b", None)),
    }
    if feed.is_versioned or chance.random() < 0.7:
        record["revision"] = revision
    if rolled.random() < 0.08:
        record[rolled.choice(tuple(record))] = rolled.choice((None, "", "odd", 1.005, True, [1], {}))
    return record


def _price(chance: Random) -> Any:
    price = chance.randint(-500, 9999) / 100
    return chance.choice((price, price, price, f"{price:.2f}", int(price)))


def _person(rolled: Random, feed: FeedSpec) -> dict[str, Any]:
    orders: Any = [_order(rolled, feed) for _ in range(rolled.choice((0, 1, 1, 2, 3)))]
    if rolled.random() < 0.04:
        orders = rolled.choice((None, "odd", {}, [3]))
    return {"customerId": rolled.choice(("c1", "c2", "c3", "c4", "c5", "c5", "")), "orders": orders}


def _order(rolled: Random, feed: FeedSpec) -> dict[str, Any]:
    number = rolled.randrange(_KEYS)
    chance = Random(f"{feed.name}/{number}/{rolled.choice((0, 0, 0, 1))}")
    basket: Any = [
        {
            "product_id": f"p{chance.randint(1, 3)}",
            "product_type": chance.choice((*CLASSES[:3], *CLASSES)),
            "gross": _price(chance),
        }
        for _ in range(chance.choice((0, 1, 2, 4)))
    ]
    if rolled.random() < 0.08:
        basket = rolled.choice((None, "odd", [{}], [7]))
    return {"orderId": f"o{number}", "basket": basket}


def _invoices(rolled: Random, count: int) -> bytes:
    lines = ["invoice,shop,class,price"]
    for _ in range(count):
        number = rolled.randrange(_KEYS)
        chance = Random(f"{number}/{rolled.choice((0, 0, 0, 1))}")
        shop = chance.choice(("north", "south"))
        for _ in range(chance.choice((1, 1, 2, 3))):
            price = chance.choice(("", "odd", *[f"{chance.randint(-500, 9999) / 100:.2f}"] * 12))
            lines.append(f"i{number},{shop},{chance.choice((*CLASSES[:3], *CLASSES))},{price}")
    return "\n".join([*lines, ""]).encode()


def csv_rows(content: bytes) -> list[tuple[int, int, dict[str, str | None]]]:
    """Line, offset and members of each row of a file as `make_file` writes it; nothing in it is quoted."""
    rows = []
    start = 0
    lines = content.split(b"\n")
    names = lines[0].decode().split(",")
    for number, line in enumerate(lines, 1):
        if number > 1 and line:
            values = [value or None for value in line.decode().split(",")]
            rows.append((number, start, dict(zip(names, values, strict=True))))
        start += len(line) + 1
    return rows
