"""The compiled check against the oracle, on files that are broken everywhere."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative import records
from tests.generative.bounded import bounded
from tests.generative.in_memory import Found, Place, check_files, compiled, connected, food_orders
from tests.oracle.food_orders import BOM, MAX_RECORD_BYTES, NOT_READ, RATES_BP, Unit, judge

pytestmark = pytest.mark.accept("2.5")

CHECK = compiled(food_orders())
CHUNK_BYTES = (1024, 64 * 1024, 32 * 1024 * 1024)
THREADS = (1, 2)
Connections = Mapping[int, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    """By number of threads."""
    with ExitStack() as stack:
        yield {threads: stack.enter_context(connected(threads)) for threads in THREADS}


def expected(files: Mapping[str, bytes]) -> dict[Place, Found]:
    units = judge(files).units
    return {
        (dataset, unit.file, unit.line, unit.unit_no): _as_found(unit) for dataset in units for unit in units[dataset]
    }


def _as_found(unit: Unit) -> Found:
    verdict = unit.verdict
    if verdict == "quarantined":
        verdict = "violation"
        if NOT_READ.intersection(unit.codes):
            verdict = "unreadable"
        elif "key_conflict" in unit.codes:
            verdict = "conflict"
    values = dict(unit.values)
    if "lines" in values:
        values["lines"] = [line | {"vat_bp": RATES_BP[line["product_type"]]} for line in values["lines"]]
    return Found(unit.offset, verdict, unit.codes, unit.control_minor, values)


def differences(
    connections: Connections,
    root: Path,
    files: Mapping[str, bytes],
    *,
    chunk_bytes: int = CHUNK_BYTES[-1],
    threads: int = 2,
) -> str:
    """Place, line, what the oracle says and what the product says, where they differ."""
    wanted = expected(files)
    found = check_files(connections[threads], CHECK, files, chunk_bytes=chunk_bytes)
    for place, unit in wanted.items():
        if not unit.values and place in found:  # the columns of what is not read or in violation are never kept
            found[place] = replace(found[place], values={})
    shown = []
    for place in sorted(wanted.keys() | found.keys()):
        if wanted.get(place) != found.get(place):
            _, file, line, _ = place
            raw = lines_of(files, file)[line - 1]
            shown.append(f"{place}\n{raw!r}\noracle:  {wanted.get(place)}\nproduct: {found.get(place)}")
    return "\n\n".join(shown)


def lines_of(files: Mapping[str, bytes], file: str) -> list[bytes]:
    stream = gzip.decompress(files[file]) if file.endswith(".gz") else files[file]
    return stream.split(b"\n")


def landing(rng: Random, count: int) -> dict[str, bytes]:
    """One to three files of `count` lines, between which keys meet again."""
    lines = [records.line(rng, orders=40) for _ in range(count)]
    cuts = sorted(rng.randrange(len(lines) + 1) for _ in range(rng.randrange(3)))
    files = {}
    for name, start, end in zip("abc", [0, *cuts], [*cuts, len(lines)], strict=False):
        stream = rng.choice((b"", b"", BOM)) + rng.choice((b"\n", b"\n", b"\r\n")).join(lines[start:end])
        stream += rng.choice((b"", b"\n"))
        # What is packed is read in small blocks, so that it also comes in small batches.
        is_packed = rng.randrange(2)
        files[f"{name}.jsonl.gz" if is_packed else f"{name}.jsonl"] = gzip.compress(stream) if is_packed else stream
    return files


# Not shrunk: what differs is shown by line, and a seed has no smaller one.
@bounded(50, is_shrunk=False)
@given(seed=st.integers(0, 2**64), chunk_bytes=st.sampled_from(CHUNK_BYTES), threads=st.sampled_from(THREADS))
def test_any_file_gets_the_verdicts_of_the_oracle(
    connections: Connections, tmp_path_factory: pytest.TempPathFactory, seed: int, chunk_bytes: int, threads: int
) -> None:
    root, rng = tmp_path_factory.mktemp("landing"), Random(seed)
    files = landing(rng, rng.randrange(1, 30 if chunk_bytes == min(CHUNK_BYTES) else 300))
    try:
        found = differences(connections, root, files, chunk_bytes=chunk_bytes, threads=threads)
    except duckdb.Error:
        found = failing_alone(connections, root, files)
        if not found:
            raise
    assert not found, found


def failing_alone(connections: Connections, root: Path, files: Mapping[str, bytes]) -> str:
    """The first line that the engine cannot read even when there is no other."""
    for raw in {raw for file in files for raw in lines_of(files, file)}:
        try:
            differences(connections, root, {"alone.jsonl": raw})
        except duckdb.Error as wrong:
            return f"{raw!r}\n{wrong}"
    return ""


PLACES = ("customerId", "orders", "orderId", "basket", "productId", "productType", records.GROSS, "x")


def with_value(place: str, value: str, number: int) -> str:
    """A valid record but for `value` under the name `place`; read as UTF-8 it has a key of its own."""
    item = {"productId": '"p"', "productType": '"beverage"', records.GROSS: "1.10"}
    order = {"orderId": f'"{number}"', "basket": ""}
    record = {"customerId": f'"{number}"', "orders": ""}
    for members in (item, order, record):
        if place in members or (place == "x" and members is order):
            members[place] = value
    order["basket"] = order["basket"] or f"[{_object(item)}]"
    record["orders"] = record["orders"] or f"[{_object(order)}]"
    return _object(record)


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


@pytest.mark.parametrize("place", PLACES)
def test_every_odd_value_gets_the_verdict_of_the_oracle_under_every_name(
    connections: Connections, tmp_path: Path, place: str
) -> None:
    lines = [with_value(place, value, number) for number, value in enumerate(records.ODD_VALUES)]
    stream = "\n".join(lines).encode("utf-8", "surrogatepass")
    found = differences(connections, tmp_path, {"a.jsonl": stream})
    assert not found, found


NULLS = [b"null", b" null", b"\tnull"]
AGAIN = [
    *(b'{"customerId":"a","customerId":' + null + b"}" for null in NULLS),
    b'{"customerId":null,"customerId":"a"}',
    b'{"customerId":"a","x":null,"x":null}',
    b'{"customerId":"a","customer\\u0049d":null}',
    b'{"customerId":"a","x":{"y":null,"y":null}}',
    b'{"customerId":"a","orders":[],"orders":null}',
    b'{"customerId":"a","orders":[{"orderId":"1","orderId":null,"basket":[]}]}',
    b'{"customerId":"a","orders":[{"orderId":"1","basket":[],"basket":null}]}',
    b'{"customerId":"a","orders":[{"orderId":"1","basket":[],"x":null,"x":null}]}',
]


@pytest.mark.parametrize("line", AGAIN)
def test_a_name_that_comes_again_with_null_is_unreadable(connections: Connections, tmp_path: Path, line: bytes) -> None:
    found = differences(connections, tmp_path, {"a.jsonl": line})
    assert not found, found


ITEM = b'{"productId":%b,"productType":%b,"grossMerchandiseValueEur":%b}'
TOGETHER = [
    ITEM % (b"[]", b"[]", b"[]"),
    ITEM % (b"{}", b"{}", b"{}"),
    b",".join([ITEM % (b"[]", b'"beverage"', b"{}")] * 3),
    ITEM % (b"null", b'""', b"[]"),
]


@pytest.mark.parametrize("items", TOGETHER)
def test_many_wrong_things_in_one_record_are_one_violation(
    connections: Connections, tmp_path: Path, items: bytes
) -> None:
    line = b'{"customerId":"a","orders":[{"orderId":"1","basket":[' + items + b"]}]}"
    found = differences(connections, tmp_path, {"a.jsonl": line})
    assert not found, found


def test_a_record_without_id_and_with_orders_that_are_no_list_has_both_codes(
    connections: Connections, tmp_path: Path
) -> None:
    found = differences(connections, tmp_path, {"a.jsonl": b'{"orders":5}\n{"customerId":5,"orders":{}}'})
    assert not found, found


def test_a_letter_split_between_two_lines_costs_two_records(connections: Connections, tmp_path: Path) -> None:
    stream = '{"customerId":"é"}\n{"customerId":"a"}'.encode()
    at = stream.index(b"\xa9")
    found = differences(connections, tmp_path, {"a.jsonl": stream[:at] + b"\n" + stream[at:]})
    assert not found, found


DEPTHS = [
    b'{"x":' + b"[" * 70 + b'"',  # a string that never ends
    b'{"x":"' + b"[" * 70,
    b'{"x":"\xff",' + b"[" * 70,
    b'{"x":"\\' + b"[" * 70 + b'"}',
]


@pytest.mark.parametrize("line", DEPTHS)
def test_depth_comes_before_grammar_and_counts_no_brackets_in_strings(
    connections: Connections, tmp_path: Path, line: bytes
) -> None:
    found = differences(connections, tmp_path, {"a.jsonl": line})
    assert not found, found


def test_depth_is_found_in_time_that_grows_with_the_record(connections: Connections, tmp_path: Path) -> None:
    line = b'{"x":' + b"[" * 70 + b'"' + b'\\"' * 20_000
    start_s = time.process_time()
    found = differences(connections, tmp_path, {"a.jsonl": line})
    assert not found, found
    assert time.process_time() - start_s < 2


def test_a_record_of_16_mib_is_read_and_one_byte_more_is_too_large(connections: Connections, tmp_path: Path) -> None:
    line = b'{"customerId":"%b"}'
    fits = line % (b"a" * (MAX_RECORD_BYTES - len(line) + 2))
    found = differences(connections, tmp_path, {"a.jsonl": fits + b"\n" + fits.replace(b"a", b"aa", 1)})
    assert not found, found[:1000]
