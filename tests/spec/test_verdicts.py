"""What every rule of JSON gets, kept and broken, by every format and batch size; writes the page that publishes it.

`TILLAGE_WRITE_PAGES=1 pytest tests/spec` writes `docs/reference/verdicts.md`; otherwise the page must be as it would be
written.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from tests.generative.in_memory import Found, connected, judged
from tests.spec.json_cases import Case, cases
from tillage.contracts.compiler.check import Check
from tillage.contracts.project import Feed
from tillage.doors import formats
from tillage.doors.passing import whole_document
from tillage.engines.reader import Reader
from tillage.wiring import compile_text

pytestmark = pytest.mark.accept("3.2")

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.md"
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: cases
version: 1.0.0
status: active
schema:
  - {name: cases, properties: [{name: v, logicalType: string}]}
"""
ALL = cases()
FIELDS = {"in a field that no column reads": b'{"ignored":%b}', "in a string column": b'{"v":%b}'}
CHUNKS = (4096, 2**20)


@pytest.fixture(scope="module")
def check() -> Check:
    return compile_text("cases", CONTRACT)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(threads=2) as connection:
        yield connection


def expected(case: Case, field: str) -> str:
    """The verdict and its code, from the table of cases alone."""
    if case.is_too_deep:
        return "unreadable: too_deep"
    if not case.is_kept:
        return "unreadable: unreadable"
    return "accepted" if "no column" in field or case.is_plain_string else "violation: type"


def shown(found: Found) -> str:
    return ": ".join([found.verdict, *found.codes])


def verdicts(
    connection: duckdb.DuckDBPyConnection, check: Check, feed: Feed, files: Iterable[bytes], *, chunk_bytes: int
) -> list[list[str]]:
    """What became of the records of each file, in order of place."""
    files = list(files)
    reader = Reader(connection, check, {})
    reader.start()
    for number, stored in enumerate(files):
        blocks = (stored[start : start + chunk_bytes] for start in range(0, len(stored), chunk_bytes))
        for batch in formats.read(blocks, number, feed=feed, max_record_bytes=2**24, chunk_bytes=chunk_bytes):
            reader.read([batch], 1)
    for source in reader.broken_documents():
        reader.replace(source, whole_document(iter([files[source]]), source), 1)
    reader.finish()
    found = judged(connection, check, [str(number) for number in range(len(files))])
    by_file: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for (_, path, place, _), unit in found.items():
        by_file[path].append((place, shown(unit)))
    return [[verdict for _, verdict in sorted(by_file[str(number)])] for number in range(len(files))]


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
@pytest.mark.parametrize("field", FIELDS)
def test_each_line_gets_the_published_verdict_however_the_file_is_cut(
    connection: duckdb.DuckDBPyConnection, check: Check, field: str, chunk_bytes: int
) -> None:
    feed = Feed("cases", "landing/cases", "jsonl")
    stream = b"\n".join(FIELDS[field] % case.text for case in ALL)
    (found,) = verdicts(connection, check, feed, [stream], chunk_bytes=chunk_bytes)
    assert differing(field, found) == []


def test_a_line_alone_in_its_batch_gets_the_same_verdict(connection: duckdb.DuckDBPyConnection, check: Check) -> None:
    feed, field = Feed("cases", "landing/cases", "jsonl"), "in a string column"
    some = ALL[::13]
    (found,) = verdicts(
        connection, check, feed, [b"\n".join(FIELDS[field] % case.text for case in some)], chunk_bytes=1
    )
    assert found == [expected(case, field) for case in some]


WRAPS = (b"%b", b"[%b]", b"\xef\xbb\xbf[%b]\n")


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("field", FIELDS)
def test_each_document_gets_the_published_verdict(
    connection: duckdb.DuckDBPyConnection, check: Check, field: str, wrap: bytes
) -> None:
    assert wrong_documents(connection, check, field, wrap, ALL, chunk_bytes=CHUNKS[0]) == []


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_long_document_gets_the_same_verdict_from_one_chunk(
    connection: duckdb.DuckDBPyConnection, check: Check, field: str, wrap: bytes
) -> None:
    # Any other fits in the smaller chunk too, so that to read it once more would be to do the same.
    long = [case for case in ALL if len(case.text) + 2 * len(wrap) + len(FIELDS[field]) > CHUNKS[0]]
    assert long
    assert wrong_documents(connection, check, field, wrap, long, chunk_bytes=CHUNKS[1]) == []


def wrong_documents(
    connection: duckdb.DuckDBPyConnection,
    check: Check,
    field: str,
    wrap: bytes,
    some: Sequence[Case],
    *,
    chunk_bytes: int,
) -> list[tuple[str, bytes, str, str]]:
    feed = Feed("cases", "landing/cases", "json")
    files = [wrap % (FIELDS[field] % case.text) for case in some]
    found = verdicts(connection, check, feed, files, chunk_bytes=chunk_bytes)
    return differing(field, [": ".join(one) for one in found], some)


def differing(field: str, found: list[str], some: Sequence[Case] = ALL) -> list[tuple[str, bytes, str, str]]:
    assert len(found) == len(some)
    return [
        (case.rule, case.text[:80], expected(case, field), verdict)
        for case, verdict in zip(some, found, strict=True)
        if expected(case, field) != verdict
    ]


def test_the_page_says_what_these_tests_have_seen() -> None:
    page = written()
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/spec"


def written() -> str:
    counts = Counter(case.rule for case in ALL)
    lines = [
        "# Verdicts on JSON",
        "",
        "One row for each rule of RFC 8259 (and of RFC 7493, where it is named), kept or broken. The same text gets",
        "the same verdict as a line, as a document, and as an element of a document's list, whatever stands around",
        "it and however the file is cut into batches; a document of which one part breaks the grammar is one",
        "unreadable record. A verdict without a code has that of its own name. This page is written by",
        "`tests/spec/test_verdicts.py`, which proves it.",
        "",
        "| rule | cases | example | where no column reads it | in a string column |",
        "|---|---|---|---|---|",
    ]
    seen: set[str] = set()
    for case in ALL:
        if case.rule in seen:
            continue
        seen.add(case.rule)
        column = {expected(other, "in a string column") for other in ALL if other.rule == case.rule}
        field = {expected(other, "in a field that no column reads") for other in ALL if other.rule == case.rule}
        example = case.text[:24].decode("utf-8", "backslashreplace").encode("unicode_escape").decode()
        example = example.replace("|", "\\|")
        row = f"| {case.rule} | {counts[case.rule]} | `{example}` | {', '.join(sorted(field))} |"
        row += f" {', '.join(sorted(column))} |"
        lines.append(row.replace("unreadable: unreadable", "unreadable"))
    return "\n".join(lines) + "\n"
