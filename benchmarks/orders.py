"""Writes the benchmarks' input: food orders as NDJSON, shaped like the shipped example, about 1 % of the orders broken.

A line is one customer with what that customer ordered: none (one line in four), or 1 to 6 orders of 1 to 4 basket
lines. One line in ten is a customer who came before. Broken, one order in 125: a member missing, null or blank, a
product type without a VAT rate, a price that is no amount of cents. One order in 500 comes twice: in half of these
cases the same, which is a duplicate, else with another price, which is a conflict. Every line is JSON and every member
has a type that a lenient reader takes too, so that the peers can read the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

SEED = 7
GENERATOR = 1  # raise it when the text that is written changes: files are cached under it
BYTES_AT_SCALE_1 = 1_000_000_000
_CHUNK_LINES = 20_000
_POOL = 4096  # basket lines to draw from
_PRICE = "grossMerchandiseValueEur"
_TYPES = (("hot food", 450, 1500), ("cold food", 150, 900), ("beverage", 120, 450))  # with cents: lowest, range
_ORDERS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6)
_LINES = (1, 1, 2, 2, 2, 2, 3, 4)
_ODD = 0x9E3779B97F4A7C15  # times any odd number is a bijection of 64-bit words: ids that look drawn and are unique
_BROKEN_OF = 125
_AGAIN_OF = 500
_KINDS = 12


@dataclass(frozen=True)
class Input:
    """A generated file: what it holds, and its digest."""

    path: str
    """Name in the cache folder."""
    size_bytes: int
    sha256: str
    lines: int
    orders: int


def orders_file(folder: Path, scale: float) -> Input:
    """The NDJSON of `scale` GB in `folder`, made unless it is there; the same scale gives the same bytes."""
    return _cached(folder, f"orders-{scale:g}-v{GENERATOR}.jsonl", _Lines(int(scale * BYTES_AT_SCALE_1)))


def array_file(folder: Path, scale: float) -> Input:
    """As `orders_file`, the same records as the elements of one JSON array."""
    lines = _Lines(int(scale * BYTES_AT_SCALE_1))
    return _cached(folder, f"orders-{scale:g}-v{GENERATOR}.json", lines, is_array=True)


class _Lines:
    """Chunks of lines up to a size; counts what it has given."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self.lines = 0
        self.orders = 0
        self._ids = 0

    def chunks(self) -> Iterator[list[str]]:
        rng = Random(SEED)
        pool = _pool(rng)
        written = 0
        while written < self._size_bytes:
            chunk: list[str] = []
            # Chunks start at a multiple of _CHUNK_LINES, so that every scale begins with the same lines.
            for number, orders in enumerate(self._orders(rng, pool), self.lines):
                record = f'{{"customerId": "{_id(_customer(number))}", "orders": [{", ".join(orders)}]}}'
                written += len(record) + 1
                chunk.append(record)
                if written >= self._size_bytes:
                    break
            self.lines += len(chunk)
            yield chunk

    def _orders(self, rng: Random, pool: list[str]) -> Iterator[list[str]]:
        """The orders of each of the next lines."""
        counts = [_ORDERS[draw % len(_ORDERS)] for draw in _draws(rng, _CHUNK_LINES).tolist()]
        total = sum(counts)
        sizes = [_LINES[draw % len(_LINES)] for draw in _draws(rng, total).tolist()]
        drawn = (_draws(rng, sum(sizes)) % _POOL).tolist()
        at = order = 0
        for count in counts:
            found = []
            for _ in range(count):
                size = sizes[order]
                order += 1
                number = self._ids
                self._ids += 1
                text = _order(number, [pool[index] for index in drawn[at : at + size]])
                at += size
                if number % _BROKEN_OF == _BROKEN_OF - 1:
                    text = _broken(text, number // _BROKEN_OF % _KINDS)
                elif number % _AGAIN_OF == 0:
                    found.append(text if number % (2 * _AGAIN_OF) else _repriced(text))
                found.append(text)
            self.orders += len(found)
            yield found


def _pool(rng: Random) -> list[str]:
    lines = []
    for draw in range(_POOL):
        kind, lowest, spread = _TYPES[draw % 3]
        cents = lowest + int(rng.random() * spread)
        cents = -cents if draw % 50 == 0 else cents
        product = _id(1_000_000 + draw % 480)
        lines.append(f'{{"productId": "{product}", "{_PRICE}": {_price(cents)}, "productType": "{kind}"}}')
    return lines


def _price(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    text = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"-{text}" if cents < 0 else text


def _draws(rng: Random, count: int) -> npt.NDArray[np.uint32]:
    """Drawn by `random`, whose stream is the same in every version, and not by NumPy, whose streams may change."""
    return np.frombuffer(rng.randbytes(4 * count), dtype="<u4") >> np.uint32(8)


def _id(number: int) -> str:
    return f"{SEED:08x}{number * _ODD & 0xFFFFFFFFFFFFFFFF:016x}"


def _customer(number: int) -> int:
    return number - number % 7 * 10 - 9 if number % 10 == 9 and number > 100 else number


def _order(number: int, lines: list[str]) -> str:
    return f'{{"orderId": "{_id(number)}", "basket": [{", ".join(lines)}]}}'


def _repriced(order: str) -> str:
    head, _, tail = order.partition(f'"{_PRICE}": ')
    return f'{head}"{_PRICE}": 0.01{tail[min(tail.index(","), len(tail)) :]}'


def _broken(order: str, kind: int) -> str:
    """The order with one thing wrong; `kind` from 0 to _KINDS - 1."""
    head, _, basket = order.partition(', "basket": ')
    first, _, rest = basket.partition(f'"{_PRICE}": ')
    after = rest[rest.index(",") :]
    kinds = (
        f'{{"basket": {basket}',
        f'{{"orderId": null, "basket": {basket}',
        f'{{"orderId": "  ", "basket": {basket}',
        f"{head}}}",
        f'{head}, "basket": null}}',
        order.replace('"productType": "', '"productType": "frozen ', 1),
        re.sub('"productId": "[^"]*"', '"productId": null', order, count=1),
        re.sub('"productType": "[^"]*"', '"productType": null', order, count=1),
        f'{head}, "basket": {first}"{_PRICE}": null{after}',
        f'{head}, "basket": {first}"{_PRICE}": 12.345{after}',
        f'{head}, "basket": {first}"{_PRICE}": "abc"{after}',
        f'{head}, "basket": {first}"{_PRICE}": "1,50"{after}',
    )
    return kinds[kind]


def _cached(folder: Path, name: str, lines: _Lines, *, is_array: bool = False) -> Input:
    described = folder / f"{name}.about"
    if described.is_file() and (folder / name).is_file():
        known = Input(**json.loads(described.read_text()))
        if (folder / name).stat().st_size == known.size_bytes:
            return known
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with (folder / f"{name}.part").open("wb") as file:
        for text in _texts(lines.chunks(), is_array=is_array):
            file.write(text)
            digest.update(text)
            size += len(text)
    (folder / f"{name}.part").rename(folder / name)
    made = Input(name, size, digest.hexdigest(), lines.lines, lines.orders)
    described.write_text(json.dumps(asdict(made)))
    return made


def _texts(chunks: Iterator[list[str]], *, is_array: bool) -> Iterator[bytes]:
    start, between, end = ("[", ",\n", "]\n") if is_array else ("", "\n", "\n")
    yield start.encode()
    is_first = True
    for chunk in chunks:
        yield (("" if is_first else between) + between.join(chunk)).encode()
        is_first = False
    yield end.encode()
