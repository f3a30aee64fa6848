"""What the food-orders house must come to: every verdict, count and spend, worked out one record after the other."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from tests.oracle.vat import line_nets

RATES_BP: Rates = MappingProxyType({"hot food": 1500, "cold food": 700, "beverage": 900})
KEYS: Mapping[str, str] = MappingProxyType({"customers": "customer_id", "orders": "order_id"})
NOT_READ = frozenset({"unreadable", "too_deep", "too_large"})

MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_MINOR = 2**63 - 1
BOM = b"\xef\xbb\xbf"
# The code points with the Unicode property White_Space.
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

BRACKETS_AND_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]}]', re.DOTALL)
STEPS = MappingProxyType({b"[": 1, b"{": 1, b"]": -1, b"}": -1})
AMOUNT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


@dataclass(frozen=True)
class Number:
    """A JSON number by its text, so that no digit is lost."""

    text: str


Json: TypeAlias = "dict[str, Json] | list[Json] | str | Number | bool | None"
Rates: TypeAlias = Mapping[str, int]
Values: TypeAlias = dict[str, Any]
Nets: TypeAlias = Callable[[Sequence[tuple[int, int]]], list[int]]


@dataclass(frozen=True)
class Unit:
    """One document of a dataset with its one verdict.

    `offset` is where its line starts in the decoded file. `control_minor` is None where the law cannot count it in
    money. `values` holds the typed columns, and is empty for what is unreadable or in violation.
    """

    file: str
    line: int
    offset: int
    unit_no: int
    verdict: str
    codes: tuple[str, ...]
    control_minor: int | None
    values: Values


@dataclass(frozen=True)
class Counts:
    """The conservation law by `read` and each verdict; `minor` is None for a dataset without money."""

    rows: Mapping[str, int]
    minor: Mapping[str, int] | None
    not_countable_rows: int


@dataclass(frozen=True)
class House:
    """All units by dataset, in the order of files, lines and units; a file that cannot be decoded gives none."""

    units: Mapping[str, tuple[Unit, ...]]
    rejected_files: tuple[str, ...]

    def counts(self) -> dict[str, Counts]:
        rows = {name: _tally([(unit.verdict, 1) for unit in units]) for name, units in self.units.items()}
        unread = sum(1 for unit in self.units["customers"] if NOT_READ.intersection(unit.codes))
        uncounted = sum(1 for unit in self.units["orders"] if unit.control_minor is None)
        minor = _tally([(unit.verdict, unit.control_minor or 0) for unit in self.units["orders"]])
        customers, orders = Counts(rows["customers"], None, unread), Counts(rows["orders"], minor, uncounted)
        return {"customers": customers, "orders": orders}

    def spend(self) -> dict[str, tuple[int, int]]:
        """(orders, net_minor) by customer id; an accepted customer without an accepted order has (0, 0)."""
        spend = {unit.values["customer_id"]: (0, 0) for unit in self.accepted("customers")}
        for unit in self.accepted("orders"):
            orders, net = spend.get(unit.values["customer_id"], (0, 0))
            net += sum(line["net_minor"] for line in unit.values["lines"])
            spend[unit.values["customer_id"]] = (orders + 1, net)
        return spend

    def accepted(self, dataset: str) -> list[Unit]:
        return [unit for unit in self.units[dataset] if unit.verdict == "accepted"]


def judge(
    files: Mapping[str, bytes], *, rates: Rates = RATES_BP, basis: str = "inclusive", level: str = "rate_group"
) -> House:
    """Judge all files (stored bytes by path) as one load; `rates` are basis points by product type."""
    nets = partial(line_nets, basis=basis, level=level)
    units: dict[str, list[Unit]] = {dataset: [] for dataset in KEYS}
    standing: dict[str, dict[str, Values]] = {dataset: {} for dataset in KEYS}
    rejected = []
    for file in sorted(files):
        try:
            stream = gzip.decompress(files[file]) if file.endswith(".gz") else files[file]
        except (OSError, EOFError, zlib.error):
            rejected.append(file)
            continue
        for line, offset, raw in _records(stream):
            for found in _check(raw, rates, nets):
                verdict, codes = _verdict(found, standing[found.dataset])
                values = {} if found.codes else found.values
                unit = Unit(file, line, offset, found.unit_no, verdict, codes, found.control_minor, values)
                units[found.dataset].append(unit)
    return House({dataset: tuple(found) for dataset, found in units.items()}, tuple(rejected))


@dataclass(frozen=True)
class _Found:
    """A unit with what its own content says, before other units are looked at."""

    dataset: str
    unit_no: int = 0
    codes: set[str] = field(default_factory=set)
    control_minor: int | None = None
    values: Values = field(default_factory=dict)


def _verdict(found: _Found, standing: dict[str, Values]) -> tuple[str, tuple[str, ...]]:
    if found.codes:
        return "quarantined", tuple(sorted(found.codes))
    first = standing.setdefault(found.values[KEYS[found.dataset]], found.values)
    if first is found.values:
        return "accepted", ()
    return ("duplicate", ("duplicate",)) if first == found.values else ("quarantined", ("key_conflict",))


def _tally(amounts: list[tuple[str, int]]) -> dict[str, int]:
    tally = dict.fromkeys(("read", "accepted", "quarantined", "duplicate", "suppressed"), 0)
    for verdict, amount in amounts:
        tally["read"] += amount
        tally[verdict] += amount
    return tally


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(line number from 1, offset, bytes) of each line that is not blank."""
    start = len(BOM) if stream.startswith(BOM) else 0
    for line, raw in enumerate(stream[start:].split(b"\n"), 1):
        if raw.strip(b" \t\r"):
            yield line, start, raw
        start += len(raw) + 1


def _check(raw: bytes, rates: Rates, nets: Nets) -> Iterator[_Found]:
    """The customer of a record, then its orders."""
    record, failure = _parse(raw)
    if failure:
        yield _Found("customers", codes={failure})
        return
    if not isinstance(record, dict):
        yield _Found("customers", codes={"type"})
        return
    orders = record.get("orders")
    codes: set[str] = set()
    customer_id = _text(record.get("customerId"), codes)
    if orders is not None and not isinstance(orders, list):
        codes.add("type")
    yield _Found("customers", codes=codes, values={"customer_id": customer_id})
    for unit_no, order in enumerate(orders if isinstance(orders, list) else []):
        if isinstance(order, dict):
            yield _order(unit_no, order, record.get("customerId"), rates, nets)
        else:
            yield _Found("orders", unit_no, {"type"})


def _order(unit_no: int, order: dict[str, Json], customer: Json, rates: Rates, nets: Nets) -> _Found:
    codes: set[str] = set()
    values: Values = {"order_id": _text(order.get("orderId"), codes), "customer_id": _text(customer, codes)}
    basket = order.get("basket")
    if not isinstance(basket, list):
        return _Found("orders", unit_no, codes | {"missing" if basket is None else "type"})
    lines = [_line(item, codes, rates) for item in basket]
    control = _total([line["gross_minor"] for line in lines], codes)
    if not codes:
        taxed = nets([(line["gross_minor"], rates[line["product_type"]]) for line in lines])
        values["lines"] = [{**line, "net_minor": net} for line, net in zip(lines, taxed, strict=True)]
    return _Found("orders", unit_no, codes, control, values)


def _line(item: Json, codes: set[str], rates: Rates) -> Values:
    """The typed columns of a basket line, with None and a code for what is wrong."""
    if not isinstance(item, dict):
        codes.add("type")
        return {"gross_minor": None}
    product_id = _text(item.get("productId"), codes)
    product_type = _text(item.get("productType"), codes)
    if product_type is not None and product_type not in rates:
        codes.add("enum")
    gross = _minor(item.get("grossMerchandiseValueEur"), codes)
    return {"product_id": product_id, "product_type": product_type, "gross_minor": gross}


def _total(amounts: list[int | None], codes: set[str]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    if abs(sum(known)) > MAX_MINOR:
        codes.add("money_overflow")
        return None
    return sum(known)


def _is_missing(value: Json) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(BLANKS))


def _text(value: Json, codes: set[str]) -> str | None:
    """A required string column, untrimmed."""
    if isinstance(value, str) and not _is_missing(value) and "\0" not in value:
        return value
    codes.add("missing" if _is_missing(value) else "type")
    return None


def _minor(value: Json, codes: set[str]) -> int | None:
    """A required amount in major units with at most two decimals that count."""
    text = value.text if isinstance(value, Number) else value
    found = AMOUNT.fullmatch(text.strip(BLANKS)) if isinstance(text, str) else None
    if found is None:
        codes.add("missing" if _is_missing(text) else "type")
        return None
    sign, whole, decimals = found[1], found[2], (found[3] or "").rstrip("0")
    if len(decimals) > 2:
        codes.add("money_scale")
        return None
    digits = (whole + decimals.ljust(2, "0")).lstrip("0") or "0"
    # The length first: Python refuses to read numbers of thousands of digits.
    if len(digits) > len(str(MAX_MINOR)) or int(digits) > MAX_MINOR:
        codes.add("money_overflow")
        return None
    return int(sign + digits)


def _parse(raw: bytes) -> tuple[Json, str]:
    """The record and "", or None and why it cannot be read; the limits come before the grammar.

    Source: RFC 8259, with names unique within an object and text that is valid Unicode.
    """
    if len(raw) > MAX_RECORD_BYTES:
        return None, "too_large"
    if _depth(raw) > MAX_DEPTH:
        return None, "too_deep"
    try:
        value: Json = READER.decode(raw.decode("utf-8"))
        _require_unicode(value)
        return value, ""
    except ValueError:  # also what a failed decode, encode or JSON parse raises
        return None, "unreadable"


def _depth(raw: bytes) -> int:
    """How deep arrays and objects nest; the record's own brackets are level 1."""
    steps = (STEPS.get(token[0], 0) for token in BRACKETS_AND_STRINGS.finditer(raw))
    return max(accumulate(steps), default=0)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("duplicate name")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


READER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=Number, parse_float=Number, parse_constant=_refuse)


def _require_unicode(value: Json) -> None:
    """Lone surrogates, which Python's reader lets through, cannot be encoded."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        _require_unicode([*value, *value.values()])
    elif isinstance(value, list):
        for element in value:
            _require_unicode(element)
