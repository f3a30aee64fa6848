"""The oracle itself, by examples worked by hand and by the table that was computed for the public data."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.food_orders import House, Unit, judge
from tests.oracle.vat import line_nets, net_minor

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "food_orders"  # beside the repository
MAX_MINOR = 2**63 - 1


def item(gross: Any = 1, product_type: Any = "beverage", product_id: Any = "p") -> dict[str, Any]:
    return {"productId": product_id, "productType": product_type, "grossMerchandiseValueEur": gross}


def order(*basket: Any, order_id: Any = "o") -> dict[str, Any]:
    return {"orderId": order_id, "basket": list(basket)}


def record(*orders: Any, customer_id: Any = "c") -> bytes:
    return json.dumps({"customerId": customer_id, "orders": list(orders)}).encode()


def house(*lines: bytes) -> House:
    return judge({"a": b"\n".join(lines)})


def customer_of(line: bytes) -> Unit:
    [unit] = house(line).units["customers"]
    return unit


def order_of(line: bytes) -> Unit:
    [unit] = house(line).units["orders"]
    return unit


def law(read: int, accepted: int, quarantined: int, duplicate: int) -> dict[str, int]:
    return {"read": read, "accepted": accepted, "quarantined": quarantined, "duplicate": duplicate, "suppressed": 0}


@pytest.mark.parametrize(
    ("gross", "rate", "inclusive", "deduct"),
    [
        (1024, 1500, 890, 870),  # 890.43; 870.4
        (1021, 700, 954, 950),  # 954.2; 949.53
        (10, 1500, 9, 9),  # 8.69; 8.5, and half goes up
        (-10, 1500, -9, -9),  # the same size for a refund
        (1, 10_000, 1, 0),  # 0.5; 0
        (-1, 10_000, -1, 0),
        (123, 0, 123, 123),
        (MAX_MINOR, 10_000, 2**62, 0),  # (2^63 - 1) / 2 = 2^62 - 0.5
    ],
)
def test_net_is_exact_and_its_half_rounds_away_from_zero(gross: int, rate: int, inclusive: int, deduct: int) -> None:
    assert net_minor(gross, rate, "inclusive") == inclusive
    assert net_minor(gross, rate, "deduct") == deduct


def test_rate_group_gives_the_rounded_group_to_its_lines() -> None:
    # 10.24 + 5.41 at 15 %: 15.65 / 1.15 = 13.608 -> 13.61; the first alone 8.904 -> 8.90, so the second gets 4.71.
    # 10.21 at 7 % lies between them and is a group of its own: 9.542 -> 9.54.
    lines = [(1024, 1500), (1021, 700), (541, 1500)]
    assert line_nets(lines, basis="inclusive", level="rate_group") == [890, 954, 471]
    assert line_nets(lines, basis="inclusive", level="line") == [890, 954, 470]


def test_lines_of_one_rate_sum_to_their_group_and_stay_within_a_unit_of_their_own_rounding() -> None:
    for gross in itertools.product((-7, -1, 0, 5, 9, 541), repeat=3):
        lines = [(one, 1500) for one in gross]
        shared = line_nets(lines, basis="inclusive", level="rate_group")
        alone = line_nets(lines, basis="inclusive", level="line")
        assert abs(sum(shared) - Fraction(sum(gross) * 100, 115)) <= Fraction(1, 2)
        assert all(abs(one - other) <= 1 for one, other in zip(shared, alone, strict=True))


BROKEN_VALUES = rb"""{"a":1,"\u0061":2} "\ud800" "\udc00\ud800" {"\udc00":1} NaN -Infinity [1,] 01 +1 1. .5 'c' tru"""
BROKEN_LINES = [b'{"x": "\xff"}', b'{"x": "\xed\xa0\x80"}', b'{"x": "a\tb"}', b'{"x": 1', b"\x0c{}", b"\x0b"]
BROKEN_LINES += [b'{"customerId": "c", "customerId": "c"}', b'{"customerId": "c",}', b"\xef\xbb\xbf\xef\xbb\xbf{}"]


@pytest.mark.parametrize("line", [*(b'{"x": ' + value + b"}" for value in BROKEN_VALUES.split()), *BROKEN_LINES])
def test_outside_strict_json_is_one_unreadable_uncounted_customer(line: bytes) -> None:
    result, found = house(line), customer_of(line)
    assert (found.verdict, found.codes, found.control_minor, found.values) == ("quarantined", ("unreadable",), None, {})
    assert result.units["orders"] == ()
    assert result.counts()["customers"].not_countable_rows == 1


ODD_VALUES = rb'1e400 -0.0E-9 "\u0000\ud83d\ude00" [{"a":1},{"a":2}]'.split()
ODD_VALUES += [b"9" * 5000, b'"\x7f\xe2\x80\xa8"']


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: value[:30])
def test_all_of_strict_json_is_read_in_ignored_fields(value: bytes) -> None:
    assert customer_of(b' \t{"customerId": "c", "x": ' + value + b"}\t\r").verdict == "accepted"


def test_depth_counts_ignored_fields_but_no_brackets_in_strings() -> None:
    def nested(depth: int) -> bytes:
        return b'{"customerId": "c", "x": ' + b"[" * (depth - 1) + b'"]\\"[{"' + b"]" * (depth - 1) + b"}"

    assert customer_of(nested(64)).verdict == "accepted"
    assert customer_of(nested(65)).codes == ("too_deep",)
    assert customer_of(nested(100_000)).codes == ("too_deep",)


def test_one_byte_over_16_mib_is_too_large() -> None:
    line = b'{"customerId": "c"}'
    full = line + b" " * (16 * 1024 * 1024 - len(line))
    assert customer_of(full).verdict == "accepted"
    assert customer_of(full + b" ").codes == ("too_large",)
    assert house(full + b" ").counts()["customers"].not_countable_rows == 1


@pytest.mark.parametrize("line", [b"null", b"1", b'"c"', b"true", b"[]", b'[{"customerId": "c"}]'])
def test_record_that_is_no_object_is_a_type_violation(line: bytes) -> None:
    assert customer_of(line).codes == ("type",)
    assert house(line).units["orders"] == ()
    assert house(line).counts()["customers"].not_countable_rows == 0


def test_blank_lines_are_counted_and_the_mark_at_the_start_moves_the_offset() -> None:
    one, two = record(customer_id="c1"), record(order(item()), order(item(), order_id="o2"), customer_id="c2")
    stream = b"\xef\xbb\xbf" + one + b"\r\n \t\r\n\n" + two + b"\n"
    offset = 3 + len(one) + 2 + 4 + 1
    for file, stored in {"a.jsonl": stream, "a.jsonl.gz": gzip.compress(stream)}.items():
        units = judge({file: stored}).units
        assert [(unit.file, unit.line, unit.offset) for unit in units["customers"]] == [(file, 1, 3), (file, 4, offset)]
        assert [(unit.line, unit.offset, unit.unit_no) for unit in units["orders"]] == [(4, offset, 0), (4, offset, 1)]


@pytest.mark.parametrize("stream", [b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n\t\n"])
def test_file_of_blanks_has_no_record(stream: bytes) -> None:
    assert judge({"a": stream}).units == {"customers": (), "orders": ()}


def test_torn_gzip_is_rejected_as_a_file_and_the_others_stand() -> None:
    whole = gzip.compress(record(order(item())))
    result = judge({"a.gz": whole[:-1], "b.gz": b"{}", "c.gz": whole, "d": b"{}"})
    assert result.rejected_files == ("a.gz", "b.gz")
    found = [(unit.file, unit.verdict) for unit in result.units["customers"]]
    assert found == [("c.gz", "accepted"), ("d", "quarantined")]


BAD_IDS: dict[str, list[Any]] = {"missing": [None, "", " \t\u00a0"], "type": [7, True, {}, "a\0b"]}


@pytest.mark.parametrize(("customer_id", "code"), [(bad, code) for code, all_bad in BAD_IDS.items() for bad in all_bad])
def test_bad_customer_id_counts_on_the_customer_and_on_each_order(customer_id: Any, code: str) -> None:
    result = house(record(order(item()), order(item(), order_id="o2"), customer_id=customer_id))
    assert [unit.codes for unit in result.units["customers"]] == [(code,)]
    assert [unit.codes for unit in result.units["orders"]] == [(code,), (code,)]
    assert result.counts()["orders"].minor == law(200, 0, 200, 0)


WRONG_ORDERS = [b'""', b'" "', b"0", b"false", b"{}", b'{"a": {}}']


@pytest.mark.parametrize("orders", [b"null", b"[]", *WRONG_ORDERS])
def test_orders_that_are_no_list_are_the_fault_of_the_customer_unless_null(orders: bytes) -> None:
    line = b'{"customerId": "c", "orders": ' + orders + b"}"
    assert customer_of(line).codes == (("type",) if orders in WRONG_ORDERS else ())
    assert house(line).units["orders"] == ()


@pytest.mark.parametrize("element", [None, 1, "o", [], True])
def test_order_that_is_no_object_is_one_type_violation_and_the_others_stand(element: Any) -> None:
    result = house(record(order(item(), order_id="o0"), element, order(item(), order_id="o2")))
    assert [unit.verdict for unit in result.units["customers"]] == ["accepted"]
    found = [(unit.unit_no, unit.codes, unit.control_minor) for unit in result.units["orders"]]
    assert found == [(0, (), 100), (1, ("type",), None), (2, (), 100)]


@pytest.mark.parametrize(
    ("basket", "codes", "control"),
    [
        (None, ("missing",), None),
        ("", ("type",), None),
        ({}, ("type",), None),
        ([], (), 0),
        ([item(), None], ("type",), None),
        ([item(), [item()]], ("type",), None),
        ([item(), {}], ("missing",), None),
        ([item(product_id="")], ("missing",), 100),
        ([item(product_type=5)], ("type",), 100),
        ([item(product_type="beverage ")], ("enum",), 100),
        ([item(product_type="beverage\0")], ("type",), 100),
        ([item(product_type=None), item(product_type="x"), item("1.001")], ("enum", "missing", "money_scale"), None),
        ([item(2), item("-3.50")], (), -150),
    ],
)
def test_order_has_all_its_codes_and_counts_where_every_amount_is_known(
    basket: Any, codes: tuple[str, ...], control: int | None
) -> None:
    line = record({"orderId": "o", "basket": basket})
    found = order_of(line)
    assert (found.codes, found.control_minor) == (codes, control)
    assert found.verdict == ("quarantined" if codes else "accepted")
    assert house(line).counts()["orders"].not_countable_rows == (control is None)


AMOUNTS: dict[str, int | str] = {"6": 600, "6.0": 600, "6.000": 600, "-0.0": 0, "-1.05": -105, '" 007.50\\n"': 750}
AMOUNTS |= {"92233720368547758.07": MAX_MINOR, '"-92233720368547758.07"': -MAX_MINOR}
AMOUNTS |= dict.fromkeys(["92233720368547758.08", "-92233720368547758.08", "9" * 5000], "money_overflow")
AMOUNTS |= dict.fromkeys(["null", '""', '" "'], "missing") | dict.fromkeys(["6.001", '"8.9800000001"'], "money_scale")
AMOUNTS |= dict.fromkeys(["1e3", "1.0E0", "true", "{}", "[1]", '"1e3"', '"0x10"', '"\u0663"', r'"1\u0000"'], "type")
AMOUNTS |= dict.fromkeys(['"+2"', '"1,000"', '"1_000"', '"- 1"', '".5"', '"5."', '"1.0 EUR"'], "type")


@pytest.mark.parametrize(("text", "expected"), AMOUNTS.items(), ids=lambda value: str(value)[:30])
def test_amount_is_read_from_its_digits_or_has_one_stated_code(text: str, expected: int | str) -> None:
    found = order_of(record(order(item("GROSS"))).replace(b'"GROSS"', text.encode()))
    assert found.control_minor == (expected if isinstance(expected, int) else None)
    assert found.codes == ((expected,) if isinstance(expected, str) else ())


def test_total_beyond_int64_is_an_overflow_and_so_is_a_line_that_others_would_bring_back() -> None:
    largest = "92233720368547758.07"
    assert order_of(record(order(item(largest), item("0.01")))).codes == ("money_overflow",)
    assert order_of(record(order(item(largest), item("0.01"), item("-0.01")))).control_minor == MAX_MINOR
    assert order_of(record(order(item("-" + largest), item("-0.01")))).codes == ("money_overflow",)
    assert order_of(record(order(item("92233720368547758.08"), item("-0.01")))).codes == ("money_overflow",)


def test_same_columns_are_a_duplicate_and_other_content_or_line_order_a_conflict() -> None:
    a = record(order(item(6), item(0)), order(item("x"), order_id="late"))
    b = record(order(item("6.0"), item("0")), order(item(7)), order(item(0), item(6)))
    c = record(order(item(6), item(0)), customer_id="other") + b"\n" + record(order(item(1), order_id="late"))
    result = judge({"b": b, "a": a, "c": c})
    assert [(unit.file, unit.line, unit.verdict, unit.codes) for unit in result.units["orders"]] == [
        ("a", 1, "accepted", ()),
        ("a", 1, "quarantined", ("type",)),
        ("b", 1, "duplicate", ("duplicate",)),
        ("b", 1, "quarantined", ("key_conflict",)),
        ("b", 1, "quarantined", ("key_conflict",)),
        ("c", 1, "quarantined", ("key_conflict",)),
        ("c", 2, "accepted", ()),
    ]
    assert [unit.verdict for unit in result.units["customers"]] == ["accepted", "duplicate", "accepted", "duplicate"]
    orders = result.counts()["orders"]
    assert (orders.rows, orders.minor) == (law(7, 2, 4, 1), law(3200, 700, 1900, 600))
    assert orders.not_countable_rows == 1


def test_values_hold_the_typed_columns_and_strings_keep_their_blanks() -> None:
    found = order_of(record(order(item("10.24", "hot food"), item(5.41, "hot food")), customer_id=" c "))
    one = {"product_id": "p", "product_type": "hot food", "gross_minor": 1024, "net_minor": 890}
    two = {"product_id": "p", "product_type": "hot food", "gross_minor": 541, "net_minor": 471}
    assert found.values == {"order_id": "o", "customer_id": " c ", "lines": [one, two]}


def test_spend_has_customers_without_orders_and_those_known_only_by_an_order() -> None:
    orders = record(order(item("1.09")), order(item("2.18"), order_id="o2"), order(item("x"), order_id="o3"))
    result = house(record(customer_id="none"), orders, b'{"customerId": "rejected", "orders": {}}', b"{")
    assert result.spend() == {"none": (0, 0), "c": (2, 300)}
    assert result.counts()["customers"].rows == law(4, 2, 2, 0)
    assert House({"customers": (), "orders": result.units["orders"]}, ()).spend() == {"c": (2, 300)}


def public(name: str) -> bytes:
    if not DATA.is_dir():
        pytest.skip("the folder shared/data/food_orders is not beside the repository")
    return (DATA / name).read_bytes()


@pytest.mark.parametrize("basis", ["inclusive", "deduct"])
@pytest.mark.parametrize("level", ["rate_group", "line"])
def test_all_customers_of_the_public_data_have_their_expected_spend(basis: str, level: str) -> None:
    rows = list(csv.DictReader(public("expected_spend.csv").decode().splitlines()))
    expected = {row["customerId"]: (int(row["orders"]), Fraction(row[f"net_{basis}_{level}"]) * 100) for row in rows}
    spend = judge({"data.json": public("data.json")}, basis=basis, level=level).spend()
    assert len(expected) == 100
    assert {customer: (orders, Fraction(net)) for customer, (orders, net) in spend.items()} == expected


def test_public_data_has_its_known_totals_however_often_it_comes() -> None:
    data = public("data.json")
    result = judge({"1.json": data, "2.json.gz": gzip.compress(data)})
    customers, orders = result.counts()["customers"], result.counts()["orders"]
    assert customers.rows == law(200, 100, 0, 100)
    assert orders.rows == law(530, 265, 0, 265)
    assert orders.minor == law(1_035_682, 517_841, 0, 517_841)
    assert sum(len(unit.values["lines"]) for unit in result.accepted("orders")) == 534
    assert result.spend()["5b6950c008c899c1a4caf2a1"] == (5, 8977)
    assert sum(net for _, net in result.spend().values()) == 469_346
