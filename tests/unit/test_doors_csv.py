"""CSV rows become JSON objects, whatever the chunks; one wrong line costs one record."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tillage.contracts.project import WHITESPACE, Csv, Feed
from tillage.doors.csv_rows import read_csv
from tillage.doors.refused import RefusedStreamError

_LIMIT = 16 * 1024 * 1024
_ANY = bounded(250)


def _read(
    data: bytes, dialect: Csv, *, block: int = 1 << 20, chunk: int = 1 << 20, limit: int = _LIMIT
) -> list[dict[str, Any]]:
    feed = Feed("shop", "landing/shop", "csv", csv=dialect)
    blocks = (data[place : place + block] for place in range(0, len(data), block))
    batches = read_csv(blocks, 3, feed=feed, max_record_bytes=limit, chunk_bytes=chunk)
    return [row for batch in batches for row in batch.to_pylist()]


@dataclass(frozen=True)
class _Row:
    """What the machine below says of one record; `fields` is None where it is unreadable."""

    ordinal: int
    start: int
    end: int
    fields: list[str | None] | None
    is_large: bool = False


def _row_at(  # noqa: C901, PLR0912 - one loop shows the grammar whole
    data: bytes, start: int, delimiter: int, quote: int
) -> tuple[int, list[str | None]] | None:
    """One row, byte by byte: where it ends and its fields; None where a quote stands wrong or none closes. No fields
    where a carriage return stands alone in one that is not quoted.
    """
    found: list[str | None] = []
    place, has_return = start, False
    while True:
        text = bytearray()
        is_quoted = place < len(data) and data[place] == quote
        if is_quoted:
            place += 1
            while True:
                if place >= len(data):
                    return None
                if data[place] == quote:
                    if data[place + 1 : place + 2] != bytes([quote]):
                        break
                    place += 1
                text.append(data[place])
                place += 1
            place += 1
        else:
            while place < len(data) and data[place] not in {delimiter, 10}:
                if data[place] == quote:
                    return None
                text.append(data[place])
                place += 1
        at_end = place >= len(data) or data[place] == 10
        if is_quoted and data[place : place + 1] == b"\r" and data[place + 1 : place + 2] in {b"\n", b""}:
            place, at_end = place + 1, True
        elif not is_quoted and at_end and text.endswith(b"\r"):
            del text[-1]
        has_return |= not is_quoted and b"\r" in text
        found.append(None if not text and not is_quoted else text.decode("latin-1"))
        if at_end:
            return place, [] if has_return else found
        if data[place] != delimiter:
            return None
        place += 1


def _machine(data: bytes, *, delimiter: int = ord(","), quote: int = ord('"'), limit: int = _LIMIT) -> list[_Row]:
    """All records, the header among them."""
    rows: list[_Row] = []
    place, ordinal = 0, 1
    while place < len(data):
        feed = data.find(b"\n", place)
        line_end = len(data) if feed < 0 else feed
        found = _row_at(data, place, delimiter, quote)
        end = line_end
        if found is None or (found[0] > line_end and found[0] - place > limit):
            rows.append(_Row(ordinal, place, line_end, None, line_end - place > limit))
        else:
            end, fields = found
            if fields != [None]:
                rows.append(_Row(ordinal, place, end, fields, end - place > limit))
        ordinal += data.count(b"\n", place, end + 1)
        place = end + 1
    return rows


_PIECES = st.lists(
    st.sampled_from([b"a", b"b", b",", b",", b'"', b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b"\\", b"\t", b"\0", b" ",
                     b"\xe9", b',"x",', b'"a\nb"', b"c,d\n"]),
    max_size=40,
).map(b"".join)  # fmt: skip


@_ANY
@example(data=b'a,"b\n1,2\n3,"x"\n', width=2, block=3, chunk=1, limit=1000)
@example(data=b'x,"\nx,"\n', width=2, block=1, chunk=1, limit=1000)
@example(data=b'"a"\r', width=1, block=1, chunk=1, limit=1000)
@example(data=b'a"\n"x\ny"\n', width=1, block=6, chunk=6, limit=1000)
@example(data=b'"a\rb"\n"c\nd",e\rf\n\r\r\n', width=1, block=40, chunk=4, limit=1000)
@example(data=b'a"\n"xxxx\nyyyy"\nb\n', width=1, block=40, chunk=40, limit=8)
@given(
    data=_PIECES,
    width=st.integers(1, 3),
    block=st.integers(1, 50),
    chunk=st.sampled_from([1, 2, 7, 20, 1000]),
    limit=st.sampled_from([3, 8, 20, 1000]),
)
def test_every_chunk_gives_the_rows_of_a_machine_that_reads_byte_by_byte(
    data: bytes, width: int, block: int, chunk: int, limit: int
) -> None:
    names = ("a", "b", "c")[:width]
    dialect = Csv(delimiter=",", has_header=False, columns=names, encoding="iso8859-1")
    found = _read(data, dialect, block=block, chunk=chunk, limit=limit)
    expected = _machine(data, limit=limit)
    assert [(row["ordinal"], row["offset"], row["raw"]) for row in found] == [
        (row.ordinal, row.start, data[row.start : row.end]) for row in expected
    ]
    for row, wanted in zip(found, expected, strict=True):
        is_right = bool(wanted.fields) and len(wanted.fields or ()) == width and not wanted.is_large
        assert row["code"] == ("too_large" if wanted.is_large else None if is_right else "unreadable")
        assert row["size_bytes"] == wanted.end - wanted.start
        if is_right:
            assert list(json.loads(row["text"]).items()) == list(zip(names, wanted.fields or (), strict=True))
        else:
            assert row["text"] is None
        assert (row["source"], row["digest"], row["is_part"]) == (3, None, False)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@_ANY
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(_TEXT, min_size=width, max_size=width), min_size=1)
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|", "\x01"]),
    quote=st.sampled_from(['"', "'"]),
    end=st.sampled_from(["\n", "\r\n"]),
    chunk=st.sampled_from([1, 16, 1000]),
)
def test_what_pythons_csv_writes_is_read_as_it_was(
    table: list[list[str]], delimiter: str, quote: str, end: str, chunk: int
) -> None:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    names = tuple(f"n{number}" for number in range(len(table[0])))
    dialect = Csv(delimiter=delimiter, quote=quote, has_header=False, columns=names)
    found = _read(target.getvalue().encode(), dialect, block=5, chunk=chunk)
    assert [row["code"] for row in found] == [None] * len(table)
    assert [list(json.loads(row["text"]).values()) for row in found] == table


@_ANY
@given(
    data=st.lists(st.sampled_from(["a", "ü", ",", '"', '""', "\n", '"x"', "'", " "]), max_size=30).map("".join),
    chunk=st.sampled_from([1, 16, 1000]),
)
def test_what_pythons_strict_reader_takes_is_read_alike(data: str, chunk: int) -> None:
    stored = data.encode()
    if any(row.fields is None for row in _machine(stored)):
        return  # Python takes a quote inside of an unquoted field, which is ruled unreadable
    expected = [row for row in csv.reader(io.StringIO(data, newline=""), strict=True) if row]
    dialect = Csv(delimiter=",", has_header=False, columns=("a", "b"))
    found = _read(stored, dialect, block=4, chunk=chunk)
    assert [row["code"] for row in found] == [None if len(row) == 2 else "unreadable" for row in expected]
    texts = [json.loads(row["text"]) for row in found if row["text"]]
    assert [[value or "" for value in text.values()] for text in texts] == [row for row in expected if len(row) == 2]


def test_an_empty_field_is_null_and_a_quoted_one_is_empty_text() -> None:
    (row,) = _read(b'a,b,c\n,"", \n', Csv(delimiter=","))
    assert json.loads(row["text"]) == {"a": None, "b": "", "c": " "}


def test_a_file_with_crlf_bom_blank_lines_and_no_last_line_end() -> None:
    found = _read("\ufeffid,größe\r\n\r\n1,é\r\n\n2,\r".encode(), Csv(delimiter=","))
    assert [(row["ordinal"], row["offset"], row["raw"]) for row in found] == [
        (3, 17, "1,é\r".encode()),
        (5, 24, b"2,\r"),
    ]
    assert [json.loads(row["text"]) for row in found] == [{"id": "1", "größe": "é"}, {"id": "2", "größe": None}]


def test_a_wrong_quote_costs_its_line_only() -> None:
    good = [f'{number},"x ""{number}"", y"' for number in range(1000)]
    lines = list(good)
    wrong = [5, 6, 100, 999]
    for number in wrong:
        lines[number] = f'{number},19" monitor'
    found = _read(("id,text\n" + "\n".join(lines) + "\n").encode(), Csv(delimiter=","))
    assert [row["ordinal"] - 2 for row in found if row["code"] == "unreadable"] == wrong
    assert [json.loads(row["text"])["id"] for row in found if row["text"]] == [
        str(number) for number in range(1000) if number not in wrong
    ]


@pytest.mark.parametrize("chunk", [1, 64, 1 << 20])
def test_a_quote_that_never_closes_costs_its_line_only(chunk: int) -> None:
    data = b'id,text\n1,"open\n' + b"".join(b"%d,x\n" % number for number in range(2, 2000))
    found = _read(data, Csv(delimiter=","), block=256, chunk=chunk, limit=300)
    assert [row["ordinal"] for row in found if row["code"]] == [2]
    assert len(found) == 1999


def test_many_wrong_lines_are_no_burden() -> None:
    lines = b"".join(b'%d,a"b\n%d,"c"\n' % (number, number) for number in range(20_000))
    found = _read(b"id,text\n" + lines, Csv(delimiter=","))
    assert [row["code"] for row in found] == ["unreadable", None] * 20_000


def test_a_field_with_a_nul_or_a_control_keeps_it() -> None:
    (row,) = _read(b'a,b\n\x00\x01,"\x1f\\\t\n/"\n', Csv(delimiter=","))
    assert json.loads(row["text"]) == {"a": "\x00\x01", "b": "\x1f\\\t\n/"}
    assert "\\u0000" in row["text"]


@pytest.mark.parametrize("encoding", ["iso8859-1", "cp1252", "koi8-r", "euc_jp", "utf-8"])
def test_raw_keeps_the_files_bytes_and_text_is_decoded(encoding: str) -> None:
    value = {"koi8-r": "цена", "euc_jp": "値段"}.get(encoding, "größe")
    data = f'id,{value}\n1,"{value}, ""x"""\n2,{value}\n'.encode(encoding)
    found = _read(data, Csv(delimiter=",", encoding=encoding), block=3, chunk=1)
    assert [json.loads(row["text"]) for row in found] == [
        {"id": "1", value: f'{value}, "x"'},
        {"id": "2", value: value},
    ]
    assert found[1]["raw"] == f"2,{value}".encode(encoding)


def test_a_name_that_the_encoding_lacks_is_a_member_all_the_same() -> None:
    (row,) = _read(b"1,\xe9\n", Csv(delimiter=",", has_header=False, columns=("id", "値"), encoding="iso8859-1"))
    assert json.loads(row["text"]) == {"id": "1", "値": "é"}


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xff"), ("utf-8", b"\xed\xa0\x80"), ("cp1252", b"\x81")])
def test_what_cannot_be_decoded_is_one_unreadable_record(encoding: str, bad: bytes) -> None:
    found = _read(b"a\n1\n" + bad + b"\n3\n", Csv(delimiter=",", encoding=encoding))
    assert [(row["raw"], row["code"]) for row in found] == [(b"1", None), (bad, "unreadable"), (b"3", None)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_becomes_utf_8(encoding: str) -> None:
    mark = b"" if encoding == "utf-16" else codecs.BOM_UTF16_LE if encoding.endswith("le") else codecs.BOM_UTF16_BE
    data = mark + "a;b\r\n1;é\r\n2;😀\r\n".encode(encoding)
    found = _read(data, Csv(delimiter=";", encoding=encoding), block=3, chunk=1)
    assert [json.loads(row["text"]) for row in found] == [{"a": "1", "b": "é"}, {"a": "2", "b": "😀"}]
    first = 5 if encoding == "utf-16" else 8  # that codec takes the mark itself
    assert [(row["offset"], row["raw"]) for row in found] == [
        (first, "1;é\r".encode()),
        (first + 6, "2;😀\r".encode()),
    ]


def test_broken_utf_16_costs_its_record() -> None:
    data = "a\n1\n".encode("utf-16") + b"\x00\xd8" + "\n3\n".encode("utf-16-le") + b"\x41"
    found = _read(data, Csv(delimiter=",", encoding="utf-16"))
    assert [row["code"] for row in found] == [None, "unreadable", None, "unreadable"]


def test_runs_of_blanks_separate_and_quotes_mean_nothing() -> None:
    found = _read(b'  id\t  say \r\n\n \t \n 1   "a\r\n2 b"  c\n3 \\"\n', Csv(delimiter=WHITESPACE), block=3, chunk=1)
    assert [(row["ordinal"], row["code"]) for row in found] == [(4, None), (5, "unreadable"), (6, None)]
    assert [json.loads(row["text"]) for row in found if row["text"]] == [
        {"id": "1", "say": '"a'},
        {"id": "3", "say": '\\"'},
    ]


def test_without_a_quote_every_quote_is_text() -> None:
    (row,) = _read(b'a\tb\n"x\ty"\n', Csv(delimiter="\t", quote=""))
    assert json.loads(row["text"]) == {"a": '"x', "b": 'y"'}


def test_skipped_lines_count_for_place() -> None:
    (row,) = _read(b'made by "x\n\na,b\n1,2\n', Csv(delimiter=",", skip_rows=2), block=2, chunk=1)
    assert (row["ordinal"], row["offset"], row["text"]) == (4, 16, '{"a":"1","b":"2"}')


@pytest.mark.parametrize(
    ("header", "dialect", "says"),
    [
        ("a,b,c,b", Csv(delimiter=","), "has one name for columns 2 and 4; name all columns by `csv: {columns"),
        ("a,b\r1,2\r", Csv(delimiter=","), "has a carriage return inside its header, .*; save it with line ends of LF"),
        ("a,b\r\r", Csv(delimiter=","), "has a carriage return inside its header"),
        ('"a","b"\r"1","2"', Csv(delimiter=","), "has a carriage return inside its header"),
        ("a b\rc d", Csv(delimiter=WHITESPACE), "has a carriage return inside its header"),
        ("a,,b", Csv(delimiter=","), "has no name for column 2"),
        ('a,"b', Csv(delimiter=","), "has a header with a quote in a wrong place"),
        ("a,b", Csv(delimiter=",", columns=("a",)), "has 2 columns, but .* names 1"),
        ("a,\udcff", Csv(delimiter=","), "has a header that is not utf-8"),
    ],
)
def test_a_header_that_names_no_columns_is_refused(header: str, dialect: Csv, says: str) -> None:
    with pytest.raises(RefusedStreamError, match=says):
        _read(header.encode(errors="surrogateescape") + b"\n1,2,3\n", dialect)


def test_a_lone_carriage_return_outside_of_quotes_costs_its_row_only() -> None:
    data = b'a,b\r\n1,"x\ry"\r\n2,x\ry\r\n3,z\r\r\n"p\nq",\rr\n4,w\r'
    found = _read(data, Csv(delimiter=","))
    assert [(row["ordinal"], row["code"]) for row in found] == [
        (2, None), (3, "unreadable"), (4, "unreadable"), (5, "unreadable"), (7, None)
    ]  # fmt: skip
    assert [json.loads(row["text"]) for row in found if row["text"]] == [
        {"a": "1", "b": "x\ry"},
        {"a": "4", "b": "w"},
    ]


def test_no_name_of_a_refused_header_is_said() -> None:
    with pytest.raises(RefusedStreamError) as refused:
        _read(b"max@secret.de,x,max@secret.de\n", Csv(delimiter=","))
    assert "secret" not in str(refused.value)


def test_columns_by_position_replace_a_header_with_equal_names() -> None:
    found = _read(b"a,a\n1,2\n", Csv(delimiter=",", columns=("first", "second")))
    assert [row["text"] for row in found] == ['{"first":"1","second":"2"}']


@pytest.mark.parametrize("data", [b"", b"a,b", b"a,b\n", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_has_no_records(data: bytes) -> None:
    assert _read(data, Csv(delimiter=",")) == []


def _long_line(size_bytes: int) -> Iterator[bytes]:
    yield b"a,b\n1,"
    for _ in range(size_bytes // 65_536):
        yield b"x" * 65_536
    yield b"\n2,y\n"


@pytest.mark.parametrize("chunk", [1000, 1 << 20])
def test_a_line_over_the_limit_is_cut_and_hashed(chunk: int) -> None:
    feed = Feed("shop", "landing/shop", "csv", csv=Csv(delimiter=","))
    batches = read_csv(_long_line(1 << 22), 0, feed=feed, max_record_bytes=100_000, chunk_bytes=chunk)
    large, small = [row for batch in batches for row in batch.to_pylist()]
    whole = b"1," + b"x" * (1 << 22)
    assert (large["ordinal"], large["offset"], large["code"], large["text"]) == (2, 4, "too_large", None)
    assert (large["raw"], large["size_bytes"]) == (whole[:65_536], len(whole))
    assert large["digest"] == hashlib.sha256(whole).hexdigest()
    assert (small["ordinal"], small["offset"], small["text"]) == (3, 5 + len(whole), '{"a":"2","b":"y"}')
