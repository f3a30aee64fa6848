"""Lines are records at their place, whatever the chunks; a line of any length takes no more memory than the limit."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tillage.contracts.project import Csv, Feed
from tillage.doors.batch import SCHEMA
from tillage.doors.csv_rows import read_csv
from tillage.doors.lines import read_lines

_FEED = Feed("shop", "landing/shop", "jsonl")
_MIB = 1024 * 1024


def _read(data: bytes, *, block: int, chunk: int, limit: int) -> list[dict[str, Any]]:
    blocks = (data[place : place + block] for place in range(0, len(data), block))
    batches = list(read_lines(blocks, 2, feed=_FEED, max_record_bytes=limit, chunk_bytes=chunk))
    assert all(batch.schema == SCHEMA for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


@bounded(200)
@given(
    data=st.lists(
        st.sampled_from([b"{}", b"\n", b"\n", b"\r\n", b" ", b"xx", b"\xef\xbb\xbf", b"\xff"]), max_size=30
    ).map(b"".join),
    block=st.integers(1, 30),
    chunk=st.sampled_from([1, 5, 1000]),
    limit=st.sampled_from([1, 4, 1000]),
)
def test_each_line_is_a_record_at_its_place_in_every_chunk(data: bytes, block: int, chunk: int, limit: int) -> None:
    expected = []
    offset = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    lines = data[offset:].split(b"\n")
    for number, line in enumerate(lines, start=1):
        is_last_nothing = number == len(lines) and not line
        is_large = len(line) > limit
        if not is_last_nothing and not (is_large and not line.strip(b" \t\r")):
            expected.append((number, offset, line, len(line), "too_large" if is_large else None))
        offset += len(line) + 1
    found = _read(data, block=block, chunk=chunk, limit=limit)
    places = [(row["ordinal"], row["offset"], row["raw"], row["size_bytes"], row["code"]) for row in found]
    assert places == expected
    assert {(row["source"], row["text"], row["digest"], row["is_part"]) for row in found} <= {(2, None, None, False)}


@pytest.mark.parametrize("chunk", [1000, _MIB])
def test_a_long_line_is_cut_to_64_kib_and_hashed_whole(chunk: int) -> None:
    line = bytes(range(256)).replace(b"\n", b"\r") * 2000
    short, large, last = _read(b"{}\n" + line + b"\n[]", block=4096, chunk=chunk, limit=200_000)
    assert (short["raw"], last["raw"], last["ordinal"], last["offset"]) == (b"{}", b"[]", 3, 4 + len(line))
    assert (large["raw"], large["size_bytes"], large["code"]) == (line[:65_536], len(line), "too_large")
    assert large["digest"] == hashlib.sha256(line).hexdigest()


def _one_line(size_bytes: int, *, head: bytes = b"") -> Iterator[bytes]:
    block = b"x" * _MIB
    yield head
    for _ in range(size_bytes // _MIB):
        yield block
    yield b"\n{}\n"


@pytest.mark.parametrize("form", ["jsonl", "csv", "open quote"])
def test_a_line_of_half_a_gigabyte_takes_memory_for_the_limit_only(form: str) -> None:
    size = 512 * _MIB
    limit = 4 * _MIB
    tracemalloc.start()
    try:
        if form == "jsonl":
            batches = read_lines(_one_line(size), 0, feed=_FEED, max_record_bytes=limit, chunk_bytes=2 * _MIB)
        else:
            head = b"a\n" + (b'"' if form == "open quote" else b"")
            feed = Feed("shop", "landing/shop", "csv", csv=Csv(delimiter=","))
            batches = read_csv(_one_line(size, head=head), 0, feed=feed, max_record_bytes=limit, chunk_bytes=_MIB)
        sizes = [(row["size_bytes"], row["code"]) for batch in batches for row in batch.to_pylist()]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [(size + (form == "open quote"), "too_large"), (2, None)]
    assert peak < 20 * limit
