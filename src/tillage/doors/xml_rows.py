"""XML elements as records, in bounded memory: each element at one path is a record, as JSON text and as its bytes.

The JSON object of a record has the attributes as `@name`, then the child elements by name. Names are kept as they are
written, prefix included, since two prefixes may share a local name; declarations of namespaces are left out. A
child that occurs again becomes a list; one with children or attributes is an object; a leaf is its text, an empty leaf
`""`, and `xsi:nil="true"` is null. Text beside children or attributes is `#text`, left out where it is only blanks
between children, or empty. Text is never trimmed, and nothing is written as a number.

Malformed XML makes the document broken: it ends with a part whose code is `unreadable`. So do a document type (and
with it every entity but the five of XML, so that none can grow), a single tag, comment or instruction longer than 16
MiB (or than a record may be, if that is more), elements nested deeper than 64 around the records or 100,000 in them,
and more than 2**17 different names. A record deeper than 64 is cut there and still too deep for the check. Encodings
are those of the XML declaration that expat can read.

Source: XML 1.0, fifth edition; expat's reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from xml.parsers import expat

import pyarrow as pa

from tillage.contracts.contract import MAX_DEPTH, MAX_RECORD_BYTES
from tillage.doors.batch import build
from tillage.doors.passing import Passing, unreadable_part, whole_document
from tillage.doors.refused import MisdescribedError
from tillage.doors.start import steps
from tillage.errors import ProjectFileError
from tillage.ports.door import RecordBatch

__all__ = ["read_xml", "whole_document"]
_STEP_BYTES = 256 * 1024  # smaller, and expat looks at a long tag too often; larger, and too many rows wait
_BATCH_ROWS = 1 << 16
_KEPT_DEPTH = MAX_DEPTH + 2  # elements: a chain of these is an object nested once more than the check takes
_OPEN_ELEMENTS = 100_000  # expat remembers each that is open
_NAMES = 1 << 17  # expat remembers each name for the whole document
_NAMES_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_BLANKS = " \t\r\n"
_NIL = "xsi:nil"


class _BrokenError(Exception):
    """The document is malformed, or has what is refused."""


def read_xml(
    blocks: Iterable[bytes], source: int, *, records: str, max_record_bytes: int, chunk_bytes: int
) -> Iterator[RecordBatch]:
    """The elements at the path `records`, each once and in order, or at last a part with the code `unreadable`.

    A document of blanks has no records, and neither has one of no other elements than those that the path names. The
    blocks are always read to their end.

    Args:
        blocks: the decoded stream, in pieces of any size.
        source: number of the file in the load.
        records: names from the root on, as they are written in the document: `/products/product`.
        max_record_bytes: a longer record has code `too_large`.
        chunk_bytes: of records in one batch, about.

    Raises:
        ProjectFileError: `records` is no such path.
        MisdescribedError: there are other elements, and none at the path.
    """
    rest = iter(blocks)
    reader = _Reader(_path(records), source, max_record_bytes)
    read_bytes, is_blank = 0, True
    try:
        for step in steps(rest, max(len(_BOM), min(_STEP_BYTES, chunk_bytes))):
            is_blank = is_blank and not step.removeprefix(_BOM).strip()
            read_bytes += len(step)
            reader.feed(step)
            if read_bytes >= chunk_bytes or reader.waiting_rows() >= _BATCH_ROWS:
                yield from reader.batches()
                read_bytes = 0
        if not is_blank:
            reader.feed(b"", is_last=True)
        yield from reader.batches()
        if reader.has_others and not reader.delivered:
            raise MisdescribedError("has elements, but none where `records` in tillage.yaml leads")
    except _BrokenError:
        for _ in rest:  # who hashes the file while it is read needs all of it
            pass
        yield from reader.batches()
        yield unreadable_part(source, ordinal=reader.delivered + 1, offset=reader.offset)


def _path(records: str) -> list[str]:
    names = records.split("/")[1:]
    if not records.startswith("/") or not all(names) or len(names) > MAX_DEPTH:
        raise ProjectFileError(
            f"records: {records!r} is no path to elements; write the names from the root on, like "
            "`/products/product`; correct tillage.yaml, then: tillage run"
        )
    return names


class _Element:
    """An open element of a record."""

    __slots__ = ("has_children", "is_nil", "members", "text")

    def __init__(self, attributes: dict[str, str]) -> None:
        self.is_nil = False
        self.members: dict[str, Any] = {}
        if attributes:  # most have none
            self.is_nil = attributes.get(_NIL) in {"true", "1"}
            self.members = {
                f"@{name}": value
                for name, value in attributes.items()
                if name not in {"xmlns", _NIL} and not name.startswith("xmlns:")
            }
        self.has_children = False
        self.text: list[str] = []

    def add(self, name: str, value: Any) -> None:
        self.has_children = True
        if name not in self.members:
            self.members[name] = value
        elif isinstance(self.members[name], list):
            self.members[name].append(value)
        else:
            self.members[name] = [self.members[name], value]

    def value(self, *, is_record: bool = False) -> Any:
        if self.is_nil:
            return None
        text = "".join(self.text)
        if not self.members and not is_record:
            return text
        if text.strip(_BLANKS) or (text and not self.has_children):
            self.members["#text"] = text
        return self.members


class _Reader:
    """Turns the document's events into rows; `hold` has the bytes from the open record on."""

    def __init__(self, path: list[str], source: int, max_record_bytes: int) -> None:
        self.delivered = 0
        self.has_others = False  # elements beside the path
        self.offset = 0  # of the first byte held
        self._path = path
        self._source = source
        self._max_record_bytes = max_record_bytes
        self._hold = bytearray()
        self._fed_bytes = 0
        self._depth = 0
        self._matched = 0  # names of the path that the open elements have
        self._open: list[_Element] = []  # of the record, the record first
        self._beyond = 0  # open elements of the record that are not kept
        self._start: int | None = None  # of the open record
        self._is_bare = False  # nothing has been seen in it
        self._passing: Passing | None = None  # the open record, once it is larger than what is held
        self._rows: list[tuple[int, bytes, str]] = []
        self._ready: list[RecordBatch] = []
        self._names: dict[str, str] = {}
        self._names_bytes = self._names_seen = 0
        self._parser = expat.ParserCreate(intern=self._names)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._on_start
        self._parser.EndElementHandler = self._on_end
        self._parser.CharacterDataHandler = self._on_text
        self._parser.StartDoctypeDeclHandler = self._on_doctype

    def feed(self, step: bytes, *, is_last: bool = False) -> None:
        self._hold += step
        self._fed_bytes += len(step)
        try:
            self._parser.Parse(step, is_last)
        except (expat.ExpatError, LookupError, ValueError):  # the last two: an encoding that is not known
            raise _BrokenError from None
        # An unfinished tag begins here: all before it has been seen.
        seen = max(self._parser.CurrentByteIndex, self.offset)
        if self._fed_bytes - seen > max(self._max_record_bytes, MAX_RECORD_BYTES):
            raise _BrokenError
        self._count_names()
        if self._start is None:
            self._drop(seen)
        elif self._passing is not None or seen - self._start > self._max_record_bytes:
            self._pass(seen)

    def batches(self) -> Iterator[RecordBatch]:
        """What has become ready since the last call."""
        self._flush()
        ready, self._ready = self._ready, []
        yield from ready

    def waiting_rows(self) -> int:
        return len(self._rows)

    def _count_names(self) -> None:
        if len(self._names) > self._names_seen:
            self._names_bytes += sum(map(len, islice(self._names, self._names_seen, None)))
            self._names_seen = len(self._names)
            if self._names_seen > _NAMES or self._names_bytes > _NAMES_BYTES:
                raise _BrokenError

    def _drop(self, until: int) -> None:
        del self._hold[: until - self.offset]
        self.offset = until

    def _pass(self, until: int) -> None:
        """The open record is too large to be held: from now on only its head, size and digest are."""
        if self._passing is None:
            self._passing = Passing(self._max_record_bytes, is_trimmed=False)
            self._is_bare = False
        self._passing.add(self._hold[: until - self.offset])
        self._drop(until)

    def _on_doctype(self, *_: object) -> None:
        raise _BrokenError

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self._is_bare = False
        self._depth += 1
        if self._start is not None:
            if self._depth > _OPEN_ELEMENTS:
                raise _BrokenError
            if self._beyond or len(self._open) == _KEPT_DEPTH:
                self._beyond += 1
            else:
                self._open.append(_Element(attributes))
            return
        if self._depth > MAX_DEPTH:
            raise _BrokenError
        if self._matched == self._depth - 1 and name == self._path[self._matched]:
            self._matched += 1
            if self._matched == len(self._path):
                self._start = self._parser.CurrentByteIndex
                self._open.append(_Element(attributes))
                self._is_bare = True
                self._drop(self._start)
        else:
            self.has_others = True

    def _on_text(self, text: str) -> None:
        if self._open and not self._beyond:
            self._is_bare = False
            if self._passing is None:
                self._open[-1].text.append(text)

    def _on_end(self, name: str) -> None:
        self._depth -= 1
        if self._start is not None:
            if self._beyond:
                self._beyond -= 1
            elif len(self._open) > 1:
                value = self._open.pop().value()
                if self._passing is None:
                    self._open[-1].add(name, value)
            else:
                self._end_record(self._open.pop())
        self._matched = min(self._matched, self._depth)

    def _end_record(self, record: _Element) -> None:
        end = self._end_of_tag()
        if self._passing is not None or end - self.offset > self._max_record_bytes:
            self._pass(end)
        if self._passing is not None:
            self._flush()
            offset = self._start or 0
            self.delivered += 1
            self._ready.append(self._passing.batch(self._source, ordinal=self.delivered, offset=offset))
        else:
            text = json.dumps(record.value(is_record=True), ensure_ascii=False, separators=(",", ":"))
            self._rows.append((self.offset, bytes(self._hold[: end - self.offset]), text))
            self._drop(end)
        self._start = self._passing = None

    def _end_of_tag(self) -> int:
        """Where the end tag that begins at the parser's place ends, in bytes of the stream."""
        index = self._parser.CurrentByteIndex
        place = index - self.offset
        if self._is_bare and self._hold[max(0, place - 4) : place].replace(b"\0", b"").endswith(b"/>"):
            return index  # of an empty element expat gives the place after it
        # UTF-16 has two bytes; no sign of a name has the byte of `>` where this could find it off by one.
        is_wide = b"\0" in self._hold[place : place + 2]
        sign = b">" if not is_wide else b">\0" if self._hold[place] else b"\0>"
        return self.offset + self._hold.index(sign, place) + len(sign)

    def _flush(self) -> None:
        if not self._rows:
            return
        offsets, raws, texts = zip(*self._rows, strict=True)
        self._rows = []
        first = self.delivered + 1
        self.delivered += len(offsets)
        self._ready.append(
            build(
                self._source,
                ordinal=range(first, first + len(offsets)),
                offset=offsets,
                raw=pa.array(raws, pa.large_binary()),
                text=pa.array(texts, pa.large_string()),
                is_part=True,
            )
        )
