"""The compiled check against the oracle, on files that are broken everywhere."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative import records
from tests.generative.bounded import bounded
from tests.generative.in_memory import Found, Place, check_files, compiled, connected, food_orders
from tests.oracle.food_orders import NOT_READ, RATES_BP, Unit, judge

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
    connections: Connections, root: Path, files: Mapping[str, bytes], *, chunk_bytes: int, threads: int
) -> list[tuple[Place, bytes, Found | None, Found | None]]:
    """Place, line, what the oracle says and what the product says, where they differ."""
    wanted = expected(files)
    found = check_files(connections[threads], CHECK, root, files, chunk_bytes=chunk_bytes)
    for place, unit in wanted.items():
        if not unit.values and place in found:  # the columns of what is not read or in violation are never kept
            found[place] = Found(**vars(found[place]) | {"values": {}})
    return [
        (place, _line(files, place), wanted.get(place), found.get(place))
        for place in sorted(wanted.keys() | found.keys())
        if wanted.get(place) != found.get(place)
    ]


def _line(files: Mapping[str, bytes], place: Place) -> bytes:
    _, file, line, _ = place
    stream = gzip.decompress(files[file]) if file.endswith(".gz") else files[file]
    return stream.split(b"\n")[line - 1]


@st.composite
def landings(draw: st.DrawFn) -> dict[str, bytes]:
    """One to three files with up to 120 lines together, between which keys meet again."""
    # A seed for each line: what fails shrinks to one line, and lines are made fast enough to try many.
    lines = draw(st.lists(st.integers(0, 2**32).map(_any_line), min_size=1, max_size=120))
    cuts = sorted(draw(st.lists(st.integers(0, len(lines)), max_size=2)))
    files = {}
    for name, start, end in zip("abc", [0, *cuts], [*cuts, len(lines)], strict=False):
        stream = draw(st.sampled_from((b"", b"", b"\xef\xbb\xbf"))) + draw(st.sampled_from((b"\n", b"\r\n"))).join(
            lines[start:end]
        )
        stream += draw(st.sampled_from((b"", b"\n")))
        # What is packed is read in small blocks, so that it also comes in small batches.
        is_packed = draw(st.booleans())
        files[f"{name}.jsonl.gz" if is_packed else f"{name}.jsonl"] = gzip.compress(stream) if is_packed else stream
    return files


def _any_line(seed: int) -> bytes:
    return records.line(Random(seed), 40)


@bounded(100)
@given(files=landings(), chunk_bytes=st.sampled_from(CHUNK_BYTES), threads=st.sampled_from(THREADS))
def test_any_file_gets_the_verdicts_of_the_oracle(
    connections: Connections,
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, bytes],
    chunk_bytes: int,
    threads: int,
) -> None:
    root = tmp_path_factory.mktemp("landing")
    assert differences(connections, root, files, chunk_bytes=chunk_bytes, threads=threads) == []
