"""The demo's landing files: the same everywhere, mostly valid, and broken in each way that they promise."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tillage.cli.demo_data import write_orders

SHA256_OF_SEED_7 = "6b32cf7ac1f6f626a7121fc86f9f59d23850ceb056875ae723d493ebc195e005"
SEVERAL = 6
PRICE = "grossMerchandiseValueEur"
RATED = {"hot food", "cold food", "beverage"}
MAX_CENTS = 2**63 - 1


@dataclass(frozen=True)
class Landing:
    """The demo's files by name, decoded from gzip but not from UTF-8, and what a strict reader makes of their lines."""

    files: dict[str, bytes]
    lines: list[bytes]
    records: list[Any]
    unreadable: list[bytes]

    def orders(self) -> list[Any]:
        return [
            order
            for record in self.records
            if isinstance(record, dict) and isinstance(record.get("orders"), list)
            for order in record["orders"]
        ]

    def basket_lines(self) -> list[Any]:
        return [
            line
            for order in self.orders()
            if isinstance(order, dict) and isinstance(order.get("basket"), list)
            for line in order["basket"]
        ]


def texts_in(folder: Path) -> dict[str, bytes]:
    stored = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {name: gzip.decompress(content) if name.endswith(".gz") else content for name, content in stored.items()}


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("duplicate name")
    return dict(pairs)


def read_strictly(raw: bytes) -> Any:
    record = json.loads(raw.decode(), parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    json.dumps(record, ensure_ascii=False, default=str).encode()  # refuses lone surrogates
    if re.search(rb"\[{64}", raw):
        raise ValueError("too deep")
    return record


def landing_of(files: dict[str, bytes]) -> Landing:
    lines = [
        line.removesuffix(b"\r")
        for content in files.values()
        for line in content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    ]
    records, unreadable = [], []
    for line in lines:
        if line.strip():
            try:
                records.append(read_strictly(line))
            except ValueError:
                unreadable.append(line)
    return Landing(files, lines, records, unreadable)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    folder = tmp_path_factory.mktemp("landing") / "orders"
    write_orders(folder)
    return landing_of(texts_in(folder))


def cents(price: Any) -> int | None:
    """The amount if it is one, by the contract's rules."""
    if isinstance(price, bool) or not isinstance(price, int | Decimal | str):
        return None
    text = str(price).strip()
    if not re.fullmatch(r"-?\d+(\.\d{1,2}0*)?", text):
        return None
    amount = int(Decimal(text).scaleb(2))
    return amount if abs(amount) <= MAX_CENTS else None


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def is_valid_line(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and is_text(line.get("productId"))
        and line.get("productType") in RATED
        and cents(line.get(PRICE)) is not None
    )


def is_valid_order(order: Any) -> bool:
    return (
        isinstance(order, dict)
        and is_text(order.get("orderId"))
        and isinstance(order.get("basket"), list)
        and all(map(is_valid_line, order["basket"]))
    )


def content(order: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    return [(line["productId"], line["productType"], cents(line[PRICE])) for line in order["basket"]]


def test_seed_7_gives_the_text_that_the_demo_is_documented_with(landing: Landing) -> None:
    # The text inside the gzip files, since another zlib may pack the same text into other bytes.
    assert hashlib.sha256(b"".join(landing.files.values())).hexdigest() == SHA256_OF_SEED_7


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for folder, seed in (("first", 7), ("again", 7), ("other", 8)):
        write_orders(tmp_path / folder, seed=seed, customers=40, orders=600, days=6)
    first, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("first", "again", "other")
    )
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


@pytest.mark.parametrize(("customers", "orders", "days"), [(1, 0, 1), (1, 30, 1), (3, 10, 5), (50, 500, 9)])
def test_any_size_holds_every_customer_and_one_file_a_day(
    tmp_path: Path, customers: int, orders: int, days: int
) -> None:
    write_orders(tmp_path, customers=customers, orders=orders, days=days)
    small = landing_of(texts_in(tmp_path))
    seen = {record["customerId"] for record in small.records if isinstance(record, dict) and "customerId" in record}
    assert len(small.files) == days
    assert {f"c{number:04d}" for number in range(1, customers + 1)} <= seen


def test_there_are_90_files_and_every_third_is_gzipped_without_time_or_name(tmp_path: Path) -> None:
    write_orders(tmp_path, orders=900)
    names = sorted(path.name for path in tmp_path.iterdir())
    packed = [path.read_bytes() for path in tmp_path.glob("*.jsonl.gz")]
    assert (names[0], names[2], names[-1]) == ("2025-01-01.jsonl", "2025-01-03.jsonl.gz", "2025-03-31.jsonl.gz")
    assert (len(names), len(packed)) == (90, 30)
    assert {content[:10] for content in packed} == {b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"}


def test_about_60_000_orders_on_tens_of_thousands_of_lines_of_which_about_1_percent_are_broken(
    landing: Landing,
) -> None:
    orders = landing.orders()
    assert 59_000 < len(orders) < 61_000
    assert 40_000 < len(landing.lines) < 60_000
    broken = sum(not is_valid_order(order) for order in orders) + len(landing.unreadable)
    assert 0.007 < broken / len(orders) < 0.013


def test_every_customer_comes_and_one_in_twenty_never_orders(landing: Landing) -> None:
    orders: Counter[str] = Counter()
    for record in landing.records:
        if isinstance(record, dict) and re.fullmatch(r"c\d{4}", str(record.get("customerId"))):
            orders[record["customerId"]] += len(record.get("orders") or [])
    assert len(orders) == 2_000
    assert sum(count == 0 for count in orders.values()) == 100
    by_count = sorted(orders.values(), reverse=True)
    assert sum(by_count[:200]) > 0.4 * sum(by_count)


def test_baskets_have_1_to_4_lines_with_rates_in_common_and_about_2_percent_are_refunds(landing: Landing) -> None:
    baskets = [content(order) for order in landing.orders() if is_valid_order(order)]
    sizes = Counter(map(len, baskets))
    shared = sum(len({kind for _, kind, _ in basket}) < len(basket) for basket in baskets)
    refunds = sum(any(gross is not None and gross < 0 for _, _, gross in basket) for basket in baskets)
    partial = sum(
        min(gross or 0 for *_, gross in basket) < 0 < max(gross or 0 for *_, gross in basket) for basket in baskets
    )
    assert sum(sizes[size] for size in (1, 2, 3, 4)) > 0.999 * len(baskets)
    assert shared > 0.3 * len(baskets)
    assert 0.015 < refunds / len(baskets) < 0.025
    assert 0.004 < partial / len(baskets) < 0.01


UNREADABLE = {
    "torn": rb'^\{"customerId": "c\d+", "orders": \[\{"orderId": "\d+", "basket": \[\{[^\]]*$',
    "single quotes": rb"^\{'customerId'",
    "NaN": rb'Eur": NaN\b',
    "Infinity": rb'Eur": -Infinity\b',
    "trailing comma": rb",\]\}$",
    "duplicate name": rb'^\{"customerId": .*"customerId": "c0001"\}$',
    "duplicate name, once escaped": rb'^\{"customerId": .*"customer\\u0049d": "c0001"\}$',
    "duplicate name in an ignored field": rb'"note": \{"to": "door", "to": "desk"\}',
    "lone surrogate": rb'"p\\ud800"',
    "invalid UTF-8": rb'"p\xff"',
    "too deep": rb"\[{64}",
}


@pytest.mark.parametrize("pattern", UNREADABLE.values(), ids=UNREADABLE)
def test_lines_that_no_strict_reader_accepts(landing: Landing, pattern: bytes) -> None:
    assert sum(bool(re.search(pattern, line)) for line in landing.unreadable) == SEVERAL


def test_no_line_is_unreadable_in_a_way_that_is_not_listed(landing: Landing) -> None:
    assert [line for line in landing.unreadable if not any(re.search(p, line) for p in UNREADABLE.values())] == []


RECORDS: dict[str, Callable[[Any], bool]] = {
    "null": lambda r: r is None,
    "a number": lambda r: r == 42,
    "customerId missing": lambda r: isinstance(r, dict) and "customerId" not in r,
    "customerId null": lambda r: isinstance(r, dict) and r.get("customerId", "") is None,
    "customerId blank": lambda r: isinstance(r, dict) and r.get("customerId") == "  ",
    "customerId a number": lambda r: isinstance(r, dict) and isinstance(r.get("customerId"), int),
    "orders an object": lambda r: isinstance(r, dict) and isinstance(r.get("orders"), dict),
    "orders a string": lambda r: isinstance(r, dict) and isinstance(r.get("orders"), str),
    "harmless: orders null": lambda r: isinstance(r, dict) and r.get("orders", []) is None,
    "harmless: orders missing": lambda r: isinstance(r, dict) and "orders" not in r,
    "harmless: another field": lambda r: isinstance(r, dict) and r.get("channel") == "app",
    "harmless: as deep as allowed": lambda r: isinstance(r, dict) and isinstance(r.get("note"), list),
}


@pytest.mark.parametrize("is_so", RECORDS.values(), ids=RECORDS)
def test_readable_records_out_of_the_ordinary(landing: Landing, is_so: Callable[[Any], bool]) -> None:
    assert sum(map(is_so, landing.records)) == SEVERAL


ORDERS: dict[str, Callable[[Any], bool]] = {
    "null": lambda o: o is None,
    "a number": lambda o: isinstance(o, int),
    "orderId missing": lambda o: isinstance(o, dict) and "orderId" not in o,
    "orderId null": lambda o: isinstance(o, dict) and o.get("orderId", "") is None,
    "orderId blank": lambda o: isinstance(o, dict) and o.get("orderId") == "  ",
    "orderId a number": lambda o: isinstance(o, dict) and isinstance(o.get("orderId"), int),
    "basket missing": lambda o: isinstance(o, dict) and "basket" not in o,
    "basket null": lambda o: isinstance(o, dict) and o.get("basket", "") is None,
    "basket an object": lambda o: isinstance(o, dict) and isinstance(o.get("basket"), dict),
    "basket a string": lambda o: isinstance(o, dict) and isinstance(o.get("basket"), str),
    "a line is a number": lambda o: isinstance(o, dict) and isinstance(o.get("basket"), list) and 7 in o["basket"],
    "a line is null": lambda o: isinstance(o, dict) and isinstance(o.get("basket"), list) and None in o["basket"],
    "harmless: another field": lambda o: isinstance(o, dict) and o.get("note") == "no onions\0",
}


@pytest.mark.parametrize("is_so", ORDERS.values(), ids=ORDERS)
def test_orders_out_of_the_ordinary(landing: Landing, is_so: Callable[[Any], bool]) -> None:
    assert sum(map(is_so, landing.orders())) == SEVERAL


LINES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "productId missing": lambda line: "productId" not in line,
    "productId with NUL": lambda line: line.get("productId") == "p\0",
    "productType missing": lambda line: "productType" not in line,
    "productType null": lambda line: line.get("productType", "") is None,
    "productType blank": lambda line: line.get("productType") == "  ",
    "productType a number": lambda line: isinstance(line.get("productType"), int),
    "price missing": lambda line: PRICE not in line,
    "price null": lambda line: line.get(PRICE, "") is None,
    "price empty": lambda line: line.get(PRICE) == "",
    "price true": lambda line: line.get(PRICE) is True,
    "price an object": lambda line: isinstance(line.get(PRICE), dict),
    "price letters": lambda line: line.get(PRICE) == "abc",
    "price with a comma": lambda line: line.get(PRICE) == "1,50",
    "price with an exponent": lambda line: str(line.get(PRICE)) == "1E+3",
    "price beyond a double": lambda line: str(line.get(PRICE)) == "1E+400",
    "price with three decimals": lambda line: line.get(PRICE) == Decimal("12.345"),
    "price with three decimals, as text": lambda line: line.get(PRICE) == "12.345",
    "price one cent above int64": lambda line: line.get(PRICE) == Decimal("92233720368547758.08"),
    "price above int64, as text": lambda line: line.get(PRICE) == "100000000000000000",
    "harmless: a third decimal that is 0": lambda line: str(line.get(PRICE)) == "12.300",
    "harmless: another field": lambda line: "extras" in line,
}


@pytest.mark.parametrize("is_so", LINES.values(), ids=LINES)
def test_basket_lines_out_of_the_ordinary(landing: Landing, is_so: Callable[[dict[str, Any]], bool]) -> None:
    assert sum(is_so(line) for line in landing.basket_lines() if isinstance(line, dict)) == SEVERAL


def test_a_few_hundred_orders_hold_a_product_type_without_a_rate(landing: Landing) -> None:
    kinds = Counter(str(line.get("productType")) for line in landing.basket_lines() if isinstance(line, dict))
    assert kinds["dessert"] == 240


def test_prices_come_in_every_valid_spelling_and_product_ids_in_several_scripts(landing: Landing) -> None:
    prices = [line.get(PRICE) for line in landing.basket_lines() if is_valid_line(line)]
    assert sum(isinstance(price, int) for price in prices) > 1_000
    assert sum(isinstance(price, str) for price in prices) > 1_000
    assert sum(isinstance(price, str) and price != price.strip() for price in prices) > 100
    assert sum(isinstance(price, Decimal) and price.as_tuple().exponent == -1 for price in prices) > 1_000
    raw = b"\n".join(landing.lines)
    for spelling in ("寿司".encode(), rb"\u5bff\u53f8", "🍕".encode(), rb"\ud83c\udf55"):
        assert raw.count(spelling) > 100


def test_orders_come_again_as_duplicates_and_as_key_conflicts_and_all_others_are_valid(landing: Landing) -> None:
    first: dict[str, tuple[Any, Any]] = {}
    counts: Counter[str] = Counter()
    for record in landing.records:
        for order in record.get("orders") or [] if isinstance(record, dict) else []:
            if is_valid_order(order) and is_text(record.get("customerId")):
                found = (record["customerId"], content(order))
                same = first.setdefault(order["orderId"], found)
                counts["new" if same is found else "duplicate" if same == found else "key_conflict"] += 1
    assert counts == {"new": 59_472, "duplicate": 100, "key_conflict": 60}


def test_blank_lines_occur_empty_and_with_spaces(landing: Landing) -> None:
    assert sum(not line for line in landing.lines) == 40
    assert sum(bool(line) and not line.strip() for line in landing.lines) == 12


def test_one_file_has_a_byte_order_mark_one_crlf_and_one_no_last_line_end(landing: Landing) -> None:
    files = landing.files
    assert [name for name in files if files[name].startswith(b"\xef\xbb\xbf{")] == ["2025-01-02.jsonl"]
    assert [name for name in files if b"\r\n" in files[name]] == ["2025-01-04.jsonl"]
    assert files["2025-01-04.jsonl"].count(b"\n") == files["2025-01-04.jsonl"].count(b"\r\n")
    assert [name for name in files if not files[name].endswith(b"\n")] == ["2025-01-05.jsonl"]
