"""A wrong `format` is told from a file's first bytes, and a delimiter from its first rows; doubt is said."""

from __future__ import annotations

import json

import pytest

from tillage.contracts.project import Csv, Feed
from tillage.doors.csv_dialect import DoubtfulDialectError, pinned, sniffed
from tillage.doors.hints import hint

_DOCUMENT = b"[\n" + b' {\n "a": 1\n },\n' * 202 + b" {\n}\n]\n"
_SAYS_LINES = "no record is json; the file looks like JSON Lines, one record in each line: set `format: jsonl`"
_SAYS_XML = (
    "no record is csv; the file looks like XML: set `format: xml`, and `records` to the path of a record's element"
)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("jsonl", _DOCUMENT, "0 of 610 lines are JSON; the file looks like one document: set `format: json`"),
        ("jsonl", b"\xef\xbb\xbf{", "0 of 1 lines are JSON; the file looks like one document: set `format: json`"),
        ("jsonl", b"id;name\n1;x\n", "0 of 2 lines are JSON; the file looks like CSV: set `format: csv`"),
        ("json", b'{"a":1}\n{"a":2}\n', _SAYS_LINES),
        ("jsonl", b"PAR1\x15\x04\x15\n", "0 of 1 lines are JSON; the file looks like Parquet: set `format: parquet`"),
        ("csv", b'<?xml version="1.0"?>\n<a><b/></a>', _SAYS_XML),
        ("csv", b"\xff\xfea\x00", "no record is csv; the file looks like UTF-16: set `csv: {encoding: utf-16}`"),
        ("xml", b'{"a":[1,2]}', "no record is xml; the file looks like one document: set `format: json`"),
    ],
)
def test_what_the_bytes_look_like_is_said_with_the_line_to_write(kind: str, data: bytes, says: str) -> None:
    assert hint(Feed("shop", "landing/shop", kind), data, is_whole=True) == says


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("jsonl", b""),
        ("jsonl", b"hello\nworld\n"),
        ("csv", b"a,b\n1,2\n"),
        ("json", b'{"a":'),
        ("jsonl", b'{"a":1}\n{}\n'),
    ],
)
def test_what_looks_like_nothing_else_gets_no_hint(kind: str, data: bytes) -> None:
    assert hint(Feed("shop", "landing/shop", kind), data, is_whole=True) is None


def test_a_hint_bounds_its_work() -> None:
    feed = Feed("shop", "landing/shop", "xml")
    assert hint(feed, b"[" * 10_000_000) == "no record is xml; the file looks like one document: set `format: json`"


def _sniff(data: bytes, csv: Csv | None = None) -> str | None:
    form = sniffed(iter([data]), csv or Csv())
    return str(json.loads(form)["delimiter"]) if form else None


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        (b"a,b\n1,2\n", ","),
        (b"name;price\nx;1,5\ny;2,5\n", ";"),
        (b'a\tb\n"x\ty"\t2\n', "\t"),
        (b"a|b|c\r\n1|2|3\r\n", "|"),
        (b'id,text\n1,"a;b"\n2,"c;d;e"\n', ","),
        (b"a;b\n1;2\n1;2;3\n1;2\n", ";"),
        (b"a,b\n" + b"1,2\n" * 100_000, ","),
        (b"a,b", ","),
        (b"name\nx\ny\n", None),
        (b"a;b\r1,5;2\r", None),
        (b"a;b\r\n1,5;2\r\n", ";"),
        (b"", None),
        (b"\n\n", None),
    ],
)
def test_the_delimiter_is_the_one_that_parts_all_rows_alike(data: bytes, delimiter: str | None) -> None:
    assert _sniff(data) == delimiter


def test_lines_to_skip_and_the_encoding_are_heeded() -> None:
    assert _sniff("made, by; x\na;ü\n1;é\n".encode("utf-16"), Csv(encoding="utf-16", skip_rows=1)) == ";"


@pytest.mark.parametrize("data", [b"a,b;c\n1,2;3\n", b"a,b\n1\n2\n3\n", b"hello, world\n1\n2\n"])
def test_doubt_is_said(data: bytes) -> None:
    with pytest.raises(DoubtfulDialectError):
        _sniff(data)


def test_what_is_stated_holds_against_what_is_pinned() -> None:
    form = json.dumps({"delimiter": ";", "quote": '"'})
    feed = Feed("shop", "landing/shop", "csv")
    assert pinned(feed, form).csv.delimiter == ";"
    assert pinned(feed, "") == feed
    stated = Feed("shop", "landing/shop", "csv", csv=Csv(delimiter="|"))
    assert pinned(stated, form) == stated
