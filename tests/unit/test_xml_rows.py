"""XML records against ElementTree, which reads the document at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tillage.doors.batch import SCHEMA
from tillage.doors.refused import MisdescribedError
from tillage.doors.xml_rows import read_xml, whole_document
from tillage.errors import ProjectFileError

BROKEN = "the document is broken"
MISDESCRIBED = "the document is not as `records` says"
LIMIT = 16 * 1024 * 1024


def pieces(document: bytes, size: int) -> Iterator[bytes]:
    return (document[start : start + size] for start in range(0, len(document), size))


def rows(
    document: bytes, records: str = "/r/p", *, block: int = 1 << 20, chunk: int = 1 << 20, limit: int = LIMIT
) -> list[dict[str, Any]]:
    batches = list(read_xml(pieces(document, block), 3, records=records, max_record_bytes=limit, chunk_bytes=chunk))
    assert all(batch.schema == SCHEMA for batch in batches)
    found = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    assert [row["ordinal"] for row in found] == list(range(1, len(found) + 1))
    assert all(row["is_part"] and row["source"] == 3 for row in found)
    return found


def is_one_element(raw: bytes) -> bool:
    """Well-formed by itself in one of the encodings used here; only the document's declaration says which."""
    for codec in ["utf-16-le"] if b"\0" in raw else ["utf-8", "windows-1252"]:
        with contextlib.suppress(expat.ExpatError, UnicodeDecodeError):
            expat.ParserCreate("utf-8").Parse(raw.decode(codec).encode(), True)
            return True
    return False


def judged(document: bytes, **sizes: int) -> Any:
    try:
        found = rows(document, **sizes)
    except MisdescribedError:
        return MISDESCRIBED
    if any(row["code"] == "unreadable" for row in found):
        return BROKEN
    for row in found:
        assert row["raw"] == document[row["offset"] : row["offset"] + row["size_bytes"]]
        assert is_one_element(row["raw"])
    return [json.loads(row["text"]) for row in found]


def value(element: ET.Element, *, is_record: bool = False) -> Any:
    members: dict[str, Any] = {f"@{name}": text for name, text in element.attrib.items()}
    children: dict[str, list[Any]] = {}
    for child in element:
        children.setdefault(child.tag, []).append(value(child))
    members |= {name: found[0] if len(found) == 1 else found for name, found in children.items()}
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if not members and not is_record:
        return text
    if text and not (children and not text.strip(" \t\r\n")):
        members["#text"] = text
    return members


def expected(document: bytes) -> Any:
    if not document.removeprefix(b"\xef\xbb\xbf").strip():
        return []
    try:
        root = ET.fromstring(document)
    except (ET.ParseError, LookupError, ValueError):
        return BROKEN
    if root.tag != "r" or (len(root) and root.find("p") is None):
        return MISDESCRIBED
    return [value(element, is_record=True) for element in root.findall("p")]


NAMES = st.sampled_from(["p", "r", "a", "b", "ľ", "x.1"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8) | st.sampled_from(
    ["", " ", "\n  ", "/>", ">", "1.50", "]]", "\u3e00\u013e", "\r\n", "\t"]
)
NOISE = st.sampled_from(["", "", "<!-- /> </p> -->", "<?do /?>", "<![CDATA[]]>", "<![CDATA[<p/>]]>", "&#62;", "&lt;"])


@st.composite
def elements(draw: st.DrawFn, name: str, levels: int) -> str:
    attributes = draw(st.dictionaries(NAMES, TEXTS, max_size=2))
    tag = name + "".join(f" {key}={quoteattr(text)}" for key, text in attributes.items())
    if draw(st.integers(0, 3)) == 0:
        return f"<{tag}{draw(st.sampled_from(['', ' ']))}/>"
    inner = [escape(draw(TEXTS)), draw(NOISE)]
    if levels:
        inner += [draw(elements(draw(NAMES), levels - 1)) for _ in range(draw(st.integers(0, 3)))]
        inner += [escape(draw(TEXTS)), draw(NOISE)]
    return f"<{tag}>{''.join(inner)}</{name}{draw(st.sampled_from(['', '  ']))}>"


@st.composite
def texts(draw: st.DrawFn) -> str:
    inside = "".join(
        draw(elements(draw(st.sampled_from(["p", "p", "p", "q"])), 2)) + draw(NOISE)
        for _ in range(draw(st.integers(0, 4)))
    )
    root = draw(st.sampled_from(["r", "r", "r", "s"]))
    return f"<{root}>{inside}</{root}>" + draw(st.sampled_from(["", "\n", "<!-- end -->"]))


DOCUMENTS = st.builds(
    lambda text, codec: f"<?xml version='1.0' encoding='{codec}'?>{text}".encode(codec, errors="xmlcharrefreplace"),
    texts(),
    st.sampled_from(["utf-8", "utf-16", "iso-8859-1", "windows-1252", "us-ascii"]),
) | st.builds(lambda text, mark: mark + text.encode(), texts(), st.sampled_from([b"", b"\xef\xbb\xbf"]))
SPARE = [
    b"<",
    b">",
    b"/",
    b"&",
    b"&x;",
    b"<p>",
    b"</p>",
    b"<p/>",
    b"\x00",
    b"\xff",
    b"<!--",
    b"]]>",
    b"'",
    b'"',
    b"&#0;",
]
SIZES = st.sampled_from([1, 2, 3, 7, 16, 64, 1000])


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    document = draw(DOCUMENTS)
    place = draw(st.integers(0, len(document)))
    return document[:place] + draw(st.sampled_from([b"", *SPARE])) + document[place + draw(st.integers(0, 3)) :]


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, SIZES, SIZES)
@example(b"<r><p/></r>", 1, 1)
@example(b"<r><p><b/></p><p/></r>", 1000, 1000)
@example(b"<r><p></p><p>/></p><p>\n</p></r>", 1, 1)
@example("<?xml version='1.0' encoding='utf-16'?><r><p ľ='1'>ľ</p  ><p\u013e/><p/></r>".encode("utf-16"), 3, 3)
def test_records_are_those_of_a_whole_read_at_every_block_and_chunk_size(
    document: bytes, block: int, chunk: int
) -> None:
    assert judged(document, block=block, chunk=chunk) == expected(document)


@settings(max_examples=500, deadline=None)
@given(mutations(), SIZES, SIZES)
def test_document_is_broken_exactly_when_it_is_malformed(document: bytes, block: int, chunk: int) -> None:
    assert judged(document, block=block, chunk=chunk) == expected(document)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, SIZES, st.integers(1, 60))
def test_record_over_the_limit_is_cut_and_no_other_changes(document: bytes, chunk: int, limit: int) -> None:
    assume(expected(document) != MISDESCRIBED)
    whole, found = rows(document), rows(document, chunk=chunk, limit=limit)
    if whole and whole[-1]["code"] == "unreadable":
        assert found[-1]["code"] == "unreadable"
        return
    for row, full in zip(found, whole, strict=True):
        is_large = len(full["raw"]) > limit
        assert (row["raw"], row["offset"], row["size_bytes"]) == (full["raw"], full["offset"], full["size_bytes"])
        assert (row["code"], row["text"]) == (("too_large", None) if is_large else (None, full["text"]))


@pytest.mark.parametrize("chunk", [1 << 16, 1 << 25])
def test_large_record_keeps_its_head_size_and_digest(chunk: int) -> None:
    large = b"<p><!-- /> -->" + b"<a b='1'>&lt;text</a>" * 200_000 + b"</p>"
    first, cut, last = rows(b"<r><p/>" + large + b"<p>2</p></r>", limit=1_000_000, chunk=chunk)
    assert (first["raw"], last["raw"], last["text"]) == (b"<p/>", b"<p>2</p>", '{"#text":"2"}')
    assert (cut["code"], cut["raw"], cut["size_bytes"]) == ("too_large", large[: 64 * 1024], len(large))
    assert (cut["digest"], cut["text"]) == (hashlib.sha256(large).hexdigest(), None)


@pytest.mark.parametrize("document", [b"<r><q><id>1</id></q></r>", b"<s><p/></s>", b"<r><q/></r>"])
def test_elements_none_of_which_is_a_record_are_refused_and_not_taken_for_no_records(document: bytes) -> None:
    with pytest.raises(MisdescribedError, match="has elements, but none where `records`"):
        rows(document)


@pytest.mark.parametrize("document", [b"<r/>", b"<r> </r>", b"<r>text</r>"])
def test_a_root_without_elements_gives_no_records(document: bytes) -> None:
    assert rows(document) == []


def test_prefixes_stay_and_declarations_of_namespaces_go() -> None:
    document = b"<r xmlns:g='u'><p xmlns='v' xmlns:h='w' g:id='1'><g:price>9.50</g:price><h:price/></p></r>"
    assert judged(document) == [{"@g:id": "1", "g:price": "9.50", "h:price": ""}]


@pytest.mark.parametrize(("flag", "found"), [("true", None), ("1", None), ("false", "9")])
def test_nil_is_null(flag: str, found: str | None) -> None:
    assert judged(f"<r><p><a xsi:nil='{flag}'>9</a></p></r>".encode()) == [{"a": found}]


def test_repeated_child_is_a_list_in_order() -> None:
    assert judged(b"<r><p><a>1</a><b/><a x='2'/><a>3</a></p></r>") == [{"a": ["1", {"@x": "2"}, "3"], "b": ""}]


@pytest.mark.parametrize(
    "prolog",
    [
        b"<!DOCTYPE r>",
        b"<!DOCTYPE r SYSTEM 'file:///etc/passwd'>",
        b"<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>",
        b"<?xml version='1.0' encoding='shift_jis'?>",
        b"<?xml version='1.0' encoding='no-such-encoding'?>",
        b"<?xml version='1.0' encoding='idna'?>",
    ],
)
def test_document_type_or_unknown_encoding_is_refused(prolog: bytes) -> None:
    assert [row["code"] for row in rows(prolog + b"<r><p>1</p></r>")] == ["unreadable"]


@pytest.mark.parametrize("document", [b"", b" \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_document_of_blanks_has_no_record(document: bytes) -> None:
    assert rows(document) == []


def nesting(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign in "{[") - (sign in "}]")
        deepest = max(deepest, depth)
    return deepest


def test_record_deeper_than_64_stays_too_deep_and_its_text_bounded() -> None:
    (fits,) = rows(b"<r><p>" + b"<a>" * 64 + b"</a>" * 64 + b"</p></r>")
    (deep,) = rows(b"<r><p>" + b"<a>" * 65 + b"</a>" * 65 + b"</p></r>")
    (very,) = rows(b"<r><p>" + b"<a>" * 50_000 + b"x</a>" + b"</a>" * 49_999 + b"</p></r>")
    assert [nesting(row["text"]) for row in (fits, deep, very)] == [64, 65, 65]


@pytest.mark.parametrize("head", [b"", b"<r><q>"])
def test_nesting_around_the_records_is_bounded(head: bytes) -> None:
    assert [row["code"] for row in rows(head + b"<q>" * 1_000_000)] == ["unreadable"]


@pytest.mark.parametrize("opening", [b"<p>", b"<r><p x='", b"<r><!-- ", b"<r><p>", b"<r><p><![CDATA["])
def test_unclosed_document_ends_in_bounded_memory(opening: bytes) -> None:
    def blocks() -> Iterator[bytes]:
        yield opening
        yield from (b"x " * 500_000 for _ in range(100))

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batches = list(read_xml(blocks(), 0, records="/r/p", max_record_bytes=LIMIT, chunk_bytes=1 << 25))
    assert batches[-1].column("code").to_pylist() == ["unreadable"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 150 << 10


def test_endless_new_names_are_refused() -> None:
    document = b"<r>" + b"".join(b"<n%d/>" % number for number in range(300_000)) + b"</r>"
    assert [row["code"] for row in rows(document)] == ["unreadable"]


def test_broken_document_is_still_read_to_its_end() -> None:
    blocks = pieces(b"<r></s>" + b" " * 100_000, 10)
    list(read_xml(blocks, 0, records="/r/p", max_record_bytes=LIMIT, chunk_bytes=16))
    assert next(blocks, None) is None


@pytest.mark.parametrize("records", ["", "r", "/", "r/p", "//p", "/r/", "/r//p"])
def test_path_that_names_no_element_is_refused(records: str) -> None:
    with pytest.raises(ProjectFileError, match="is no path to elements; write the names"):
        rows(b"<r/>", records)


def test_whole_document_is_one_unreadable_record() -> None:
    (row,) = whole_document(pieces(b"<r></s>", 2), 5).to_pylist()
    assert (row["raw"], row["code"], row["ordinal"], row["offset"]) == (b"<r></s>", "unreadable", 1, 0)
