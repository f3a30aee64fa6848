"""A wrong `format` is told from a file's first bytes, and a delimiter from its first rows; doubt is said."""

from __future__ import annotations

import json

import pytest

from tillage.contracts.project import Csv, Feed
from tillage.doors.csv_dialect import DoubtfulDialectError, pinned, sniffed
from tillage.doors.hints import hint, more
from tillage.ports.door import Hint

_DOCUMENT = b"[\n" + b' {\n "a": 1\n },\n' * 202 + b" {\n}\n]\n"
_SAYS_LINES = "no record is json; the file looks like JSON Lines, one record in each line: set `format: jsonl`"
_SAYS_XML = (
    "no record is csv; the file looks like XML: set `format: xml`, and `records` to the path of a record's element"
)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("jsonl", _DOCUMENT, "0 of 610 lines are JSON; the file looks like one document: set `format: json`"),
        (
            "jsonl",
            b'\xef\xbb\xbf{\n "a": 1\n}',
            "0 of 3 lines are JSON; the file looks like one document: set `format: json`",
        ),
        ("jsonl", b'[{"a":1},{"a":2}]', "0 of 1 lines are JSON; the file looks like one document: set `format: json`"),
        ("jsonl", b"id;name\n1;x\n", "0 of 2 lines are JSON; the file looks like CSV: set `format: csv`"),
        ("json", b'{"a":1}\n{"a":2}\n', _SAYS_LINES),
        ("jsonl", b"PAR1\x15\x04\x15\n", "0 of 1 lines are JSON; the file looks like Parquet: set `format: parquet`"),
        ("csv", b'<?xml version="1.0"?>\n<a><b/></a>', _SAYS_XML),
        ("csv", b"\xff\xfea\x00", "no record is csv; the file looks like UTF-16: set `csv: {encoding: utf-16}`"),
        ("xml", b'{"a":[1,2]}', "no record is xml; the file looks like one document: set `format: json`"),
    ],
)
def test_what_the_bytes_look_like_is_said_with_the_line_to_write(kind: str, data: bytes, says: str) -> None:
    assert hint(Feed("shop", "landing/shop", kind), data, is_whole=True) == Hint(says, is_refused=True)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("jsonl", b""),
        ("jsonl", b"hello\nworld\n"),
        ("csv", b"a,b\n1,2\n"),
        ("json", b'{"a":'),
        ("json", b'{"a":1,"b":2'),
        ("jsonl", b'{"a": \'1\', "b": 2}'),
        ("jsonl", b"{'a': 1, 'b': 2}\n{'a': 1, 'b': 2}\n"),
        ("jsonl", b'{"a":1},\n{"a":2},\n'),
        ("jsonl", b"[1,2]\n[3,4]\n"),
        ("jsonl", b"what, nonsense"),
        ("jsonl", b'{"a":1}\n{}\n'),
        ("jsonl", b'["a"]\n'),
        ("jsonl", b"[NaN]"),
        ("jsonl", b'["new\nline"]'),
        ("json", b"<.>"),
        ("jsonl", b"<.>"),
        ("json", b"< a>"),
        ("xml", "<?xml version='1.0' encoding='utf-16'?><a><b>x</b></a>".encode("utf-16")),
    ],
)
def test_what_looks_like_nothing_else_gets_no_hint(kind: str, data: bytes) -> None:
    assert hint(Feed("shop", "landing/shop", kind), data, is_whole=True) is None


@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_json_in_utf_16_is_told_and_not_refused_since_no_setting_reads_it(kind: str) -> None:
    found = hint(Feed("shop", "landing/shop", kind), '["a"]'.encode("utf-16"), is_whole=True)
    assert found is not None
    assert (found.is_refused, "looks like UTF-16: JSON is UTF-8" in found.text) == (False, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_table_in_utf_16_that_is_said_to_be_is_no_other_file(encoding: str) -> None:
    feed = Feed("shop", "landing/shop", "csv", csv=Csv(encoding=encoding))
    assert hint(feed, b"\xff\xfe" + "a,b\n1,x\n".encode("utf-16-le"), is_whole=True, is_unread=False) is None


def test_a_hint_bounds_its_work() -> None:
    feed = Feed("shop", "landing/shop", "xml")
    found = hint(feed, b"[" * 10_000_000)
    assert found == Hint("no record is xml; the file looks like one document: set `format: json`", is_refused=True)


MEMBERS = ("Order ID", "price")
_SPELT = (
    "; but for case and blanks, column 1 is 'Order ID' of the contract, column 2 is 'price' of the contract: set its "
    "`physicalName` as the file has it"
)


@pytest.mark.parametrize(
    ("csv", "data", "says"),
    [
        (Csv(delimiter=","), b"Order ID;price\n1;2\n", '; a header is found otherwise: set `csv: {delimiter: ";"}`'),
        (Csv(), b"made today\n\nOrder ID,price\n1,2\n", "; a header is found otherwise: set `csv: {skip: 2}`"),
        (
            Csv(delimiter="|"),
            b'\xef\xbb\xbfmade today\n"Order ID"\tprice\r\n1\t2\r\n',
            '; a header is found otherwise: set `csv: {delimiter: "\\t", skip: 1}`',
        ),
        (
            Csv(delimiter=","),
            "Order ID;price\n1;2\n".encode("utf-16-le"),
            '; a header is found otherwise: set `csv: {delimiter: ";", encoding: utf-16}`',
        ),
        (
            Csv(encoding="utf-16"),
            b"Order ID,price\n1,2\n",
            "; a header is found otherwise: set `csv: {encoding: utf-8}`",
        ),
        (
            Csv(),
            b"order id , Price\n1,2\n",
            _SPELT,
        ),
        (Csv(), b"max@secret.de,7\n", ""),
    ],
)
def test_a_header_without_a_column_of_the_contract_is_told_by_what_would_make_it_fit(
    csv: Csv, data: bytes, says: str
) -> None:
    assert more(Feed("shop", "landing/shop", "csv", csv=csv), data, is_whole=True, members=MEMBERS) == says


@pytest.mark.parametrize(
    ("csv", "data", "says"),
    [
        (Csv(), "Order ID\ngröße\n".encode("latin-1"), "set `csv: {encoding: latin-1}`"),
        (Csv(), "Order ID\n5 €\n".encode("cp1252"), "set `csv: {encoding: cp1252}`"),
        (Csv(",", has_header=False, columns=("a", "b")), b"1;2\n3;4\n", 'set `csv: {delimiter: ";"}`'),
        (Csv(",", has_header=False, columns=("a", "b")), b"1,2\r3,4\r", "its lines end by CR alone"),
    ],
)
def test_rows_of_which_none_is_readable_are_told_by_what_would_make_them_so(csv: Csv, data: bytes, says: str) -> None:
    found = hint(Feed("shop", "landing/shop", "csv", csv=csv), data, is_whole=True, members=MEMBERS)
    assert found is not None
    assert found.is_refused
    assert says in found.text


def test_rows_that_break_the_contract_are_not_refused_for_their_encoding() -> None:
    feed = Feed("shop", "landing/shop", "csv")
    data = "Order ID,price\n1,x\n2,größe\n".encode("latin-1")
    assert hint(feed, data, is_whole=True, is_unread=False, members=MEMBERS) is None


def test_a_column_that_is_spelt_otherwise_is_said_and_refuses_nothing() -> None:
    feed = Feed("shop", "landing/shop", "csv")
    found = hint(feed, b"Order ID,PRICE\n1,2\n", is_whole=True, is_unread=False, members=MEMBERS)
    assert found is not None
    assert (found.is_refused, "column 2 is 'price' of the contract" in found.text) == (False, True)


def test_names_that_may_be_values_are_not_said() -> None:
    feed = Feed("shop", "landing/shop", "json", records="$.order[*]")
    data = b'{"orders": [{"a": 1}], "max@secret.de": [{"a": 1}]}'
    assert more(feed, data, is_whole=True, members=()) == "; its records may be at `$.orders[*]`"


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
