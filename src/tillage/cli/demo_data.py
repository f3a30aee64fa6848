"""Writes the landing files of the demo: three months of a food shop's orders, about 1 % of them broken on purpose.

One file a day, every third one gzipped. A line is what one customer ordered that day; customers who only looked have
`orders: []`, and one in twenty never orders. Few customers order much, most little. About 2 % of the orders are
refunds, whole or one line. Prices come as numbers, integers and strings, product ids in several scripts.

Broken for each 60,000 orders (fewer orders: in proportion, but each kind once as long as the orders reach):

* 240 orders with a product type that the contract has no VAT rate for;
* 6 of each kind of `_IN_ORDER`: a member missing, null, blank or of a wrong type, a price that is no amount of cents;
* 6 of each kind of `_IN_RECORD`, alone on their line so that nothing valid is lost with them: no customer, or a line
  that no strict JSON reader accepts;
* of `_AGAIN`, 100 orders that come again (duplicates, 40 of them spelt differently) and 60 that come again with other
  content (key conflicts), in the same record or up to a week later;
* 12 lines that are JSON but no object.

And what looks broken but is not: 6 of each kind of `_HARMLESS`, blank lines, customers without `orders`; from five days
on a byte order mark in the second file, CRLF line ends in the fourth, no line end after the last line of the fifth.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TypeAlias

_FIRST_DAY = date(2025, 1, 1)
_BOM_DAY, _CRLF_DAY, _UNENDED_DAY = 1, 3, 4
_PER_ORDERS = 60_000
_FEW = 6
_PRICE = "grossMerchandiseValueEur"
_TYPES = (("hot food", 450, 1500), ("cold food", 150, 900), ("beverage", 120, 450))  # with cents: lowest, range
_NAMES = ("café crème", "Grüne Soße", "寿司 12", "smørrebrød", "çiğ köfte", "борщ", "🍕 margherita", "jalapeño")

_Product: TypeAlias = tuple[tuple[str, str], str, int]
"""Its id as JSON text, raw and escaped; its type; its price in cents."""
_Write: TypeAlias = Callable[[str], str]
"""From the JSON text of an order, or of a record with one order, to what is written."""


class _Place(Enum):
    """Where a change goes: instead of the order, in a record of its own (which it changes), or some days later too."""

    INSTEAD = 1
    ALONE = 2
    LATER = 3


@dataclass(frozen=True, slots=True)
class _Change:
    count: int
    place: _Place
    write: _Write


def write_orders(folder: Path, *, seed: int = 7, customers: int = 2_000, orders: int = 60_000, days: int = 90) -> None:
    """Write `2025-01-01.jsonl` and on, one file a day; the same arguments give the same text on every machine.

    What is gzipped also has the same bytes wherever zlib is the same; its header holds no time and no name.

    Args:
        folder: made if missing; files of the same names are replaced.
        seed: of everything that is drawn.
        customers: how many there are, from 1; each is in at least one readable line.
        orders: how many are placed; copies and conflicts come on top.
        days: how many files, from 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(seed)  # noqa: S311 nothing here is secret, and the demo must be the same everywhere
    for day, lines in enumerate(_days(rng, customers=customers, orders=orders, days=days)):
        end = "\r\n" if day == _CRLF_DAY else "\n"
        text = end.join(lines) + ("" if day == _UNENDED_DAY else end)
        # Lone low surrogates stand for bytes that are no UTF-8.
        stored = ("\ufeff" * (day == _BOM_DAY) + text).encode(errors="surrogateescape")
        name = f"{_FIRST_DAY + timedelta(days=day)}.jsonl"
        if day % 3 == 2:
            name, stored = f"{name}.gz", _gzipped(stored)
        (folder / name).write_bytes(stored)


def _gzipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    # Not gzip.compress: what that puts into the header differs between Python versions.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()


def _days(rng: Random, *, customers: int, orders: int, days: int) -> Iterator[list[str]]:
    """The lines of each day, without line ends."""
    catalogue = _catalogue(rng)
    # Zipf with an offset; without it the first customer alone would place one order in eight.
    shares = list(accumulate(0 if rank % 20 == 19 else 10**9 // (rank + 40) for rank in range(customers)))
    changes = _changes(rng, orders)
    strays = _strays(rng, orders, days)
    arrivals = _arrivals(rng, customers, days)
    later: list[list[str]] = [[] for _ in range(days)]
    until = _orders_until(orders, days)
    for day in range(days):
        visits: dict[int, list[str]] = {}
        lines: list[str] = []
        for number in range(until[day], until[day + 1]):
            rank = bisect_right(shares, int(rng.random() * shares[-1]))
            order = _order(rng, 10_001 + number, catalogue)
            change = changes.get(number)
            if change and change.place is _Place.ALONE:
                lines.append(change.write(_record(rank, [order])))
                continue
            if change and change.place is _Place.LATER:
                when = min(days - 1, day + int(rng.random() * 8))
                later[when].append(_record(rank, [change.write(order)]))
            elif change:
                order = change.write(order)
            visits.setdefault(rank, []).append(order)
        for rank in arrivals[day]:
            visits.setdefault(rank, [])
        lines += [_record(rank, visit) for rank, visit in visits.items()]
        lines.sort(key=lambda _: rng.random())
        for stray in strays[day]:
            lines.insert(1 + int(rng.random() * (len(lines) - 1)), stray)  # neither first nor last
        yield lines + later[day]  # after the orders that they repeat


def _orders_until(orders: int, days: int) -> list[int]:
    """How many orders there were before each day, and in the end: more on Fridays and at weekends."""
    weights = [(4, 4, 4, 4, 5, 6, 5)[(_FIRST_DAY + timedelta(days=day)).weekday()] for day in range(days)]
    before = list(accumulate(weights, initial=0))
    return [orders * weight // max(before[-1], 1) for weight in before]


def _arrivals(rng: Random, customers: int, days: int) -> list[list[int]]:
    """Who looks in on each day, order or not: everyone on some day, and a few more."""
    arrivals: list[list[int]] = [[] for _ in range(days)]
    for rank in range(customers):
        arrivals[int(rng.random() * days)].append(rank)
    for day in arrivals:
        day.extend(int(rng.random() * customers) for _ in range(customers // 25))
    return arrivals


def _scaled(count: int, orders: int) -> int:
    return max(1, count * orders // _PER_ORDERS)


def _strays(rng: Random, orders: int, days: int) -> list[list[str]]:
    """Lines of each day that hold no order: blank, no object, or a customer without `orders`."""
    strays: list[list[str]] = [[] for _ in range(days)]
    bare = ('{"customerId": "c0001"}', '{"customerId": "c0001", "orders": null}')
    for count, text in ((40, ""), (12, " \t "), *((_FEW, text) for text in ("null", "42", *bare))):
        for _ in range(_scaled(count, orders)):
            strays[int(rng.random() * days)].append(text)
    return strays


def _changes(rng: Random, orders: int) -> dict[int, _Change]:
    """Which orders are written otherwise than they should be; at most one change each."""
    drawn: dict[int, _Change] = {}
    for change in (*_IN_ORDER, *_IN_RECORD, *_AGAIN, *_HARMLESS):
        for _ in range(_scaled(change.count, orders)):
            if len(drawn) == orders:
                return drawn
            number = int(rng.random() * orders)
            while number in drawn:
                number = int(rng.random() * orders)
            drawn[number] = change
    return drawn


def _catalogue(rng: Random) -> list[_Product]:
    products = []
    for index in range(240):
        kind, lowest, spread = _TYPES[index % 3]
        name = _NAMES[index // 3] if index % 3 == 0 and index // 3 < len(_NAMES) else f"p{index:03d}"
        cents = lowest + int(rng.random() * spread)
        cents -= cents % 100 if index % 10 == 0 else 0
        products.append(((json.dumps(name, ensure_ascii=False), json.dumps(name)), kind, cents))
    return products


def _order(rng: Random, number: int, catalogue: list[_Product]) -> str:
    size = (1, 1, 1, 2, 2, 2, 2, 3, 3, 4)[int(rng.random() * 10)]
    refund = rng.random()
    lines = []
    for position in range(size):
        ids, kind, cents = catalogue[int(rng.random() * len(catalogue))]
        cents *= (1, 1, 1, 2, 2, 3)[int(rng.random() * 6)]
        # 1 % of the orders go back whole, and 1 % with their last line.
        if refund < 0.01 or (refund < 0.02 and position == size - 1):
            cents = -cents
        style = rng.random()
        product, price = ids[int(style * 50) % 2], _price(cents, style)
        lines.append(f'{{"productId": {product}, "productType": "{kind}", "{_PRICE}": {price}}}')
    return f'{{"orderId": "{number}", "basket": [{", ".join(lines)}]}}'


def _record(rank: int, orders: list[str]) -> str:
    return f'{{"customerId": "c{rank + 1:04d}", "orders": [{", ".join(orders)}]}}'


def _price(cents: int, style: float) -> str:
    """`cents` as JSON text in one of the spellings that tills use."""
    sign, (whole, rest) = "-" * (cents < 0), divmod(abs(cents), 100)
    if style < 0.02:
        return f'"{sign}{whole}.{rest:02d}"' if style < 0.015 else f'" {sign}{whole}.{rest:02d} "'
    if style < 0.6 and rest % 10 == 0:
        return f"{sign}{whole}.{rest // 10}" if rest else f"{sign}{whole}"
    return f"{sign}{whole}.{rest:02d}"


def _instead(pattern: str, text: str) -> _Write:
    """Puts `text` in the place of the first match."""
    return lambda json_text: re.sub(pattern, lambda _: text, json_text, count=1)


def _with(member: str, *values: str) -> list[_Write]:
    """For each of the JSON texts `values`: gives it to the first member of that name."""
    return [_instead(rf'"{member}": {_VALUE}', f'"{member}": {value}') for value in values]


def _without(member: str) -> _Write:
    return _instead(rf'"{member}": {_VALUE}, |, "{member}": {_VALUE}', "")


def _and(member: str) -> _Write:
    """Adds a member at the end of the outermost object."""
    return _instead(r"\}$", f", {member}}}")


def _respelt(order: str) -> str:
    """The same order for a reader of values: prices as strings, members the other way round."""
    quoted = re.sub(rf'"{_PRICE}": (-?[\d.]+)', rf'"{_PRICE}":"\1"', order)
    return re.sub(r'\{("orderId": "\d+"), (.*)\}', r"{\2,\1}", quoted)


def _few(place: _Place, *writes: _Write) -> tuple[_Change, ...]:
    return tuple(_Change(_FEW, place, write) for write in writes)


_VALUE = r'(?:"[^"]*"|-?[\d.]+|\[.*\])'
_NO_TEXTS = ("null", '"  "', "4711")
_NO_PRICES = ("null", '""', "true", '{"amount": 5}', '"abc"', '"1,50"', "1e3", "1e400", "12.345", '"12.345"')
_ABOVE_INT64 = ("92233720368547758.08", '"100000000000000000"')
_LINE = f'{{"productId": "p999", "productType": "beverage", "{_PRICE}": 1.95}}'

_IN_ORDER = (
    *(_Change(240, _Place.INSTEAD, write) for write in _with("productType", '"dessert"')),
    *_few(
        _Place.INSTEAD,
        *map(_without, ("orderId", "productId", "productType", _PRICE, "basket")),
        *_with("orderId", *_NO_TEXTS),
        *_with("productId", r'"p\u0000"'),
        *_with("productType", *_NO_TEXTS),
        *_with(_PRICE, *_NO_PRICES, *_ABOVE_INT64),
        *_with("basket", "null", _LINE, '"p001"', f"[{_LINE}, 7]", f"[{_LINE}, null]"),
        lambda _: "null",
        lambda _: "4711",
    ),
)
_IN_RECORD = _few(
    _Place.ALONE,
    _without("customerId"),
    *_with("customerId", *_NO_TEXTS),
    *_with("orders", "{}", '"none"'),
    *_with(_PRICE, "NaN", "-Infinity"),
    *_with("productId", r'"p\ud800"', '"p\udcff"'),  # half a surrogate pair; the byte FF
    lambda record: record[: len(record) * 2 // 3],
    lambda record: record.replace('"', "'"),
    _instead(r"\]\}$", ",]}"),
    _and('"customerId": "c0001"'),
    _and(r'"customer\u0049d": "c0001"'),
    _and('"note": {"to": "door", "to": "desk"}'),
    _and(f'"note": {"[" * 64}{"]" * 64}'),  # with the record itself one level too deep
)
_AGAIN = (
    _Change(40, _Place.LATER, str),
    _Change(20, _Place.LATER, _respelt),
    _Change(20, _Place.INSTEAD, lambda order: f"{order}, {order}"),
    _Change(20, _Place.INSTEAD, lambda order: f"{order}, {_respelt(order)}"),
    _Change(40, _Place.LATER, _instead(r'"basket": \[', f'"basket": [{_LINE}, ')),
    _Change(20, _Place.INSTEAD, lambda order: f"{order}, {_with(_PRICE, '0.01')[0](order)}"),
)
_HARMLESS = (
    *_few(
        _Place.INSTEAD, _and(r'"note": "no onions\u0000"'), *_with(_PRICE, "12.300", '12.3, "extras": [2.5e3, null]')
    ),
    *_few(_Place.ALONE, _and('"channel": "app"'), _and(f'"note": {"[" * 63}{"]" * 63}')),
)
