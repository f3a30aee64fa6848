"""JSON documents against Python's own reader, made strict. It judges the elements' own grammar in the check's place."""

from __future__ import annotations

import hashlib
import json
import resource
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tillage.doors.batch import SCHEMA
from tillage.doors.json_document import read_documents, whole_document
from tillage.doors.refused import MisdescribedError
from tillage.errors import ProjectFileError

MAX_DEPTH = 64
LIMIT = 16 * 1024 * 1024
MISDESCRIBED = "the document is not as `records` says"
BROKEN = "the document is broken"


def refuse(_: Any) -> Any:
    raise ValueError


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def strict(document: bytes) -> Any:
    """The value, numbers as their text; ValueError if it is no strict JSON."""
    value = json.loads(
        document.decode(), object_pairs_hook=unique, parse_constant=refuse, parse_int=number, parse_float=number
    )
    json.dumps(value, ensure_ascii=False).encode()
    return value


def number(text: str) -> Any:
    return ("number", text)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(member) for member in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(element) for element in value), default=0)
    return 0


def expected(document: bytes, records: str | None) -> Any:
    """What the records are, by reading the whole document at once: (the value, its `text`) of each."""
    body = document.removeprefix(b"\xef\xbb\xbf")
    if not body.strip(b" \t\n\r"):
        return []
    names = (records or "$[*]")[:-3].split(".")[1:]
    if records not in {None, "$"} and body.strip(b" \t\n\r").startswith(b"[" if names else b"{"):
        return MISDESCRIBED  # whatever follows
    try:
        value = strict(body)
    except (ValueError, RecursionError):
        return BROKEN
    if records == "$" or (records is None and not isinstance(value, list)):
        return [(value, None)]
    return _inside(value, names)


def _inside(value: Any, names: list[str]) -> Any:
    for name in names:
        if value is None:
            return []
        if not isinstance(value, dict):
            return [(value, "null")]
        if value and name not in value:
            return MISDESCRIBED
        value = value.get(name)
    if value is None:
        return []
    return [(element, None) for element in value] if isinstance(value, list) else [(value, "null")]


def pieces(document: bytes, size: int) -> Iterator[bytes]:
    return (document[start : start + size] for start in range(0, len(document), size))


def rows(
    document: bytes, records: str | None = None, *, block: int = 1 << 20, chunk: int = 1 << 20, limit: int = LIMIT
) -> list[dict[str, Any]]:
    batches = list(
        read_documents(pieces(document, block), 3, records=records, max_record_bytes=limit, chunk_bytes=chunk)
    )
    assert all(batch.schema == SCHEMA for batch in batches)
    found = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    assert [row["ordinal"] for row in found] == list(range(1, len(found) + 1))
    assert all(row["is_part"] and row["source"] == 3 for row in found)
    return found


def judged(document: bytes, records: str | None, **sizes: int) -> Any:
    """The records as the check would see them; broken if the door or the check says so."""
    found = []
    try:
        delivered = rows(document, records, **sizes)
    except MisdescribedError:
        return MISDESCRIBED
    for row in delivered:
        if row["code"] == "unreadable":
            return BROKEN
        assert row["raw"] == document[row["offset"] : row["offset"] + row["size_bytes"]]
        assert row["code"] is None
        try:
            found.append((strict(row["raw"]), row["text"]))
        except (ValueError, RecursionError):
            return BROKEN
    return found


NAMES = st.sampled_from(["a", "b", "list", "é", 'q"', "\\", "x[]", ""]) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
PATHS = st.sampled_from([None, "$", "$[*]", "$.a[*]", "$.a.b[*]", "$.list[*]", "$.é[*]"])
SPACES = st.sampled_from(["", " ", "\n", "\t \r\n", " " * 70])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Valid documents, spelled in different ways, with and without a list where the paths look for one."""
    value = draw(VALUES)
    shape = draw(st.integers(0, 3))
    if shape:
        around = draw(st.dictionaries(NAMES, VALUES, max_size=3))
        inner = draw(st.lists(VALUES, max_size=6))
        value = [inner, {**around, "a": inner}, {**around, "a": {"b": inner, **around}}][shape - 1]
    space = draw(SPACES)
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 2])),
        separators=(f"{draw(SPACES)},{space}", f"{space}:{draw(SPACES)}"),
    )
    if draw(st.booleans()):
        text = text.replace('"a"', '"\\u0061"', 1)
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + f"{space}{text}{draw(SPACES)}".encode(errors="replace")


SPARE = [b",", b"[", b"]", b"{", b"}", b'"', b"\\", b":", b" ", b"0", b"1", b"-", b".", b"e", b"NaN", b"\x00", b"\xff"]
SPARE += [
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b'"\\ud800"',
    b'"a":',
    b'"a":[],',
    b"null",
    b"[1]",
    b",,",
    b"//",
    b"'",
    b"\x0b",
]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    document = draw(documents())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(document)))
        gone = draw(st.integers(0, 3))
        document = document[:place] + draw(st.sampled_from([b"", *SPARE])) + document[place + gone :]
    return document


SIZES = st.sampled_from([1, 2, 3, 7, 16, 64, 1000])


@settings(max_examples=300, deadline=None)
@given(documents(), PATHS, SIZES, SIZES)
def test_elements_are_those_of_a_whole_read_at_every_block_and_chunk_size(
    document: bytes, records: str | None, block: int, chunk: int
) -> None:
    assert judged(document, records, block=block, chunk=chunk) == expected(document, records)


@settings(max_examples=600, deadline=None)
@given(mutations(), PATHS, SIZES, SIZES)
@example(b'{"a":[1],"a":[2]}', "$.a[*]", 1, 1)
@example(b'{"a":[1],"\\u0061":[2]}', "$.a[*]", 1, 1)
@example(b"[1,2,]", None, 1, 1)
@example(b"[1,,2]", None, 7, 7)
@example(b"[,1]", None, 1, 1)
@example(b"[1][2]", None, 1, 1)
@example(b"[1}", None, 1, 1)
@example(b'{"b":{"x":1,"x":2},"a":[]}', "$.a[*]", 1, 1)
@example(b'{"b":"\\ud800","a":[]}', "$.a[*]", 1, 1)
@example(b'{"a":[1],"b":NaN}', "$.a[*]", 1, 1)
@example(b'["\\\\",1,"\\""]', None, 1, 1)
@example(b"  [\xff]", "$.a[*]", 1, 2)
@example(b"  \xff", "$.a[*]", 1, 2)
def test_document_is_broken_exactly_when_a_strict_reader_says_so(
    document: bytes, records: str | None, block: int, chunk: int
) -> None:
    assert judged(document, records, block=block, chunk=chunk) == expected(document, records)


@settings(max_examples=200, deadline=None)
@given(documents(), PATHS, SIZES, st.integers(1, 40))
def test_record_over_the_limit_is_cut_and_no_other_changes(
    document: bytes, records: str | None, chunk: int, limit: int
) -> None:
    assume(expected(document, records) != MISDESCRIBED)
    whole = rows(document, records)
    found = rows(document, records, chunk=chunk, limit=limit)
    if any(row["code"] == "unreadable" for row in found):
        # Beside the list one scalar longer than a record may be cannot be judged.
        assert records not in {None, "$", "$[*]"}
        return
    assert [row["offset"] for row in found] == [row["offset"] for row in whole]
    for row, full in zip(found, whole, strict=True):
        assert (row["raw"], row["size_bytes"], row["digest"]) == (full["raw"], full["size_bytes"], None)
        assert row["code"] == ("too_large" if len(full["raw"]) > limit else None)


@pytest.mark.parametrize("chunk", [1 << 16, 1 << 20, 1 << 25])
def test_large_element_keeps_its_head_size_and_digest(chunk: int) -> None:
    large = b'{"text": "' + b"\\u0041,]" * 300_000 + b'"}'
    document = b"[1, " + large + b" " * 2_000_000 + b", 2]"
    first, cut, last = rows(document, chunk=chunk, limit=1_000_000)
    assert (first["raw"], last["raw"], last["code"]) == (b"1", b"2", None)
    assert (cut["code"], cut["raw"], cut["size_bytes"]) == ("too_large", large[: 64 * 1024], len(large))
    assert cut["digest"] == hashlib.sha256(large).hexdigest()


@pytest.mark.parametrize("end", [b",]", b",,1]", b"}", b"", b",", b"] 1"])
def test_document_is_broken_by_what_follows_a_large_element(end: bytes) -> None:
    document = b'["' + b"x" * 5_000 + b'"' + end
    assert rows(document, limit=1000, chunk=512)[-1]["code"] == "unreadable"


def test_blanks_around_an_element_do_not_make_it_too_large() -> None:
    document = b"[" + b" " * 3_000_000 + b"1" + b"\n" * 3_000_000 + b",2" + b" " * 3_000_000 + b"]"
    assert [(row["raw"], row["code"]) for row in rows(document, limit=1000, chunk=4096)] == [(b"1", None), (b"2", None)]


@pytest.mark.parametrize("document", [b"", b" \n\t\r", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("records", [None, "$", "$.a[*]"])
def test_document_of_blanks_has_no_record(document: bytes, records: str | None) -> None:
    assert rows(document, records, block=1) == []


@pytest.mark.parametrize("document", [b'{"a": [], "b": %b}', b'{"b": %b, "a": []}'])
@pytest.mark.parametrize("chunk", [8, 1 << 20])
@pytest.mark.parametrize("inside", [b"", b" " * 20])
def test_depth_beside_the_list_counts_from_the_document(document: bytes, chunk: int, inside: bytes) -> None:
    fits, too_deep = (b"[" * levels + inside + b"]" * levels for levels in (MAX_DEPTH - 1, MAX_DEPTH))
    assert rows(document % fits, "$.a[*]", chunk=chunk) == []
    assert [row["code"] for row in rows(document % too_deep, "$.a[*]", chunk=chunk)] == ["unreadable"]


def test_element_at_the_depth_limit_is_left_to_the_check() -> None:
    element = b"[" * 100_000 + b"]" * 100_000
    (row,) = rows(b"[" + element + b"]")
    assert (row["raw"], row["code"]) == (element, None)


@pytest.mark.parametrize(
    ("opening", "records"),
    [
        *((opening, records) for opening in (b"[", b'["') for records in (None, "$[*]", "$")),
        *((opening, records) for opening in (b'{"a":', b'{"b":', b'{"b":["') for records in (None, "$.a[*]", "$")),
    ],
)
def test_unclosed_nesting_ends_in_bounded_time(opening: bytes, records: str | None) -> None:
    document = opening * 100_000
    found = rows(document, records)
    assert all(row["code"] == "unreadable" or row["raw"] == document for row in found[-1:])
    assert len(found) == 1


def test_million_members_beside_the_list_are_read_and_one_repeated_is_found() -> None:
    members = b",".join(b'"k%d":{"x":1}' % key for key in range(1_000_000))
    good = b'{%b,"a":[1]}' % members
    repeated = b'{%b,"a":[1],"k7":0}' % members
    assert [row["raw"] for row in rows(good, "$.a[*]", chunk=1 << 16)] == [b"1"]
    assert rows(repeated, "$.a[*]", chunk=1 << 16)[-1]["code"] == "unreadable"


def test_invalid_utf8_inside_a_large_element_breaks_the_document() -> None:
    document = b'["' + b"x" * 5_000 + b"\xff" + b'"]'
    assert rows(document, limit=1000)[-1]["code"] == "unreadable"


def test_broken_document_is_still_read_to_its_end() -> None:
    blocks = pieces(b"[1,,2]" + b" " * 100_000, 10)
    list(read_documents(blocks, 0, records=None, max_record_bytes=LIMIT, chunk_bytes=16))
    assert next(blocks, None) is None


@pytest.mark.parametrize(
    ("document", "records", "says"),
    [
        (b'{"orders": [{"a": 1}]}', "$.order[*]", "has no member where `records`"),
        (b'{"data": {"orders": [{"a": 1}]}}', "$.data.order[*]", "has no member where `records`"),
        (b'{"data": {"orders": [{"a": 1}]}}', "$.datum.orders[*]", "has no member where `records`"),
        (b'[{"a": 1}]', "$.orders[*]", r"is a list, .*; set `\$\[\*\]`"),
        (b'{"orders": [{"a": 1}]}', "$[*]", "is an object, where `records`"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_and_not_taken_for_no_records(
    document: bytes, records: str, says: str
) -> None:
    with pytest.raises(MisdescribedError, match=says):
        rows(document, records)


@pytest.mark.parametrize(
    "document", [b"{}", b"null", b'{"a": {}}', b'{"a": null}', b'{"x": 1, "a": {"b": []}}', b'{"a": {"b": null}}']
)
def test_a_path_to_something_empty_gives_no_records(document: bytes) -> None:
    assert rows(document, "$.a.b[*]") == []


def test_object_where_the_list_should_be_is_one_record_that_is_no_object() -> None:
    (row,) = rows(b'{"a": {"x": 1}}', "$.a[*]")
    assert (row["raw"], row["text"], row["offset"]) == (b'{"x": 1}', "null", 6)


@pytest.mark.parametrize("records", ["", "a", "$.a", "$.a[0]", "$..a[*]", "$.a[*].b", "$.a[*]\n"])
def test_path_that_names_no_list_is_refused(records: str) -> None:
    with pytest.raises(ProjectFileError, match=r"is no path to a list; write `\$`"):
        rows(b"[]", records)


def test_list_of_a_quarter_gigabyte_takes_little_memory() -> None:
    element = json.dumps({"id": 7, "lines": [{"text": 'abc, [def] \\ "x"', "price": "9.99"}] * 4}).encode()

    def blocks() -> Iterator[bytes]:
        yield b"[" + element
        for _ in range(256):
            yield (b",\n" + element) * (1_000_000 // len(element))
        yield b"]"

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    read = sum(
        batch.num_rows
        for batch in read_documents(blocks(), 0, records=None, max_record_bytes=LIMIT, chunk_bytes=1 << 25)
    )
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == 1 + 256 * (1_000_000 // len(element))
    assert peak_bytes < 200 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 400 << 10


def test_whole_document_over_the_limit_keeps_its_head_size_and_digest() -> None:
    small, large = b" [1,] \n", b"x" * (LIMIT + 1)
    (row,) = whole_document(pieces(small, 2), 5).to_pylist()
    assert (row["raw"], row["code"], row["size_bytes"], row["digest"]) == (small, "unreadable", len(small), None)
    assert (row["source"], row["ordinal"], row["offset"], row["is_part"]) == (5, 1, 0, True)
    (row,) = whole_document(pieces(large, 1 << 20), 5).to_pylist()
    assert (row["raw"], row["size_bytes"]) == (large[: 64 * 1024], len(large))
    assert (row["code"], row["digest"]) == ("unreadable", hashlib.sha256(large).hexdigest())
