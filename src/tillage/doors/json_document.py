"""A JSON document as records, in bounded memory: each element of one list is a record, or the whole document is.

Where elements begin and end is found in vectors: quotes are paired, brackets outside strings counted, and commas at the
list's own depth are cuts. What lies between two cuts is delivered as it is, and the check reads it strictly. All
that is not an element is judged here, with the same strictness: what stands around the list, the commas, what follows
the end, UTF-8 everywhere. If every element and all of the rest is valid by itself, so is the document, whatever the
scan believed about a broken one. A broken document ends with a part whose code is `unreadable`.

Depth: in a record it counts from the record, as in every other format; around the list it counts from the document.
A record that is too large is not judged inside, only its end is found, as a line that is too large is not.
Beside the list, one name, string or number (or run of blanks) longer than a record may be makes the document
unreadable, and so do more than 2**20 names in objects that are too long to be read at once.

Source: RFC 8259; RFC 7493 (I-JSON) for duplicate names and lone surrogates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts import json_path
from tillage.contracts.contract import MAX_DEPTH
from tillage.doors.batch import build
from tillage.doors.json_scan import (
    BLANKS,
    COMMA,
    LIST,
    LIST_END,
    OBJECT,
    OBJECT_END,
    BrokenError,
    Level,
    Stream,
    leading_blanks,
    strict,
)
from tillage.doors.passing import Passing, limited, unreadable_part, whole_document
from tillage.doors.refused import MisdescribedError
from tillage.errors import ProjectFileError
from tillage.ports.door import RecordBatch

_STEP_BYTES = 1024 * 1024  # scanned at once: the scan's arrays stay small, and its fixed cost is paid rarely
_PIECE_BYTES = 1024 * 1024  # beside the list: a longer container is read by its members
_BATCH_ROWS = 1 << 18  # a list of tiny elements would otherwise make batches many times their bytes
_NAMES = 1 << 20  # of objects read by pieces, which have to be remembered to find one twice
_BLANK_RUN = re.compile(rb"[ \t\n\r]*")
_MEMBER = re.compile(rb'[ \t\n\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+(?=[^ \t\n\r])', re.DOTALL)
_CLOSING = {LIST: LIST_END, OBJECT: OBJECT_END}
__all__ = ["read_documents", "whole_document"]
_IS_BLANK = np.zeros(256, dtype=np.bool_)
_IS_BLANK[list(BLANKS)] = True


def read_documents(
    blocks: Iterable[bytes], source: int, *, records: str | None, max_record_bytes: int, chunk_bytes: int
) -> Iterator[RecordBatch]:
    """The records of one document, each once and in order, or at last a part with the code `unreadable`.

    A document of blanks has no records. With a path, a list that is null has none, nor one that is absent from an empty
    object; if something else stands there, or on the way there, that value is the one record: its `text` is `null`, so
    that the check says `type`. The blocks are always read to their end, unless the document is refused.

    Args:
        blocks: the decoded stream, in pieces of any size.
        source: number of the file in the load.
        records: None: the elements of a top-level list, else the document; `$`: the document; `$.a.b[*]`: the
            elements of that list; `$[*]`: those of the top-level list.
        max_record_bytes: a longer record has code `too_large`.
        chunk_bytes: of records in one batch, about.

    Raises:
        ProjectFileError: `records` is none of these.
        MisdescribedError: the path begins otherwise than the document, or leads to a member that is not there.
    """
    rest = iter(blocks)
    path = _path(records)
    stream = Stream(rest, min(_STEP_BYTES, chunk_bytes))
    walk = _Walk(stream, source, max_record_bytes=max_record_bytes, chunk_bytes=chunk_bytes)
    try:
        if records == "$":
            yield from walk.whole()
        else:
            yield from walk.document(path)
    except BrokenError:
        for _ in rest:  # who hashes the file while it is read needs all of it
            pass
        yield unreadable_part(source, ordinal=walk.delivered + 1, offset=stream.offset)


def _path(records: str | None) -> list[str] | None:
    if records is None or records == "$":
        return None
    found = json_path.elements(records)
    if found is None:
        raise ProjectFileError(
            f"records: {records!r} is no path to a list; write `$` for the whole document or, for a list in it, a path "
            "like `$.customers[*]`; correct tillage.yaml, then: tillage run"
        )
    return list(found)


class _Walk:
    """Goes through one document from its first byte to its last."""

    def __init__(self, stream: Stream, source: int, *, max_record_bytes: int, chunk_bytes: int) -> None:
        self.delivered = 0
        self._stream = stream
        self._source = source
        self._max_record_bytes = max_record_bytes
        self._chunk_bytes = chunk_bytes
        self._piece_bytes = min(_PIECE_BYTES, chunk_bytes)
        self._names = 0
        self._is_absent: bool | None = None
        """Whether the object in which the path ended has members, but none of the path's; None before its end."""

    def document(self, path: list[str] | None) -> Iterator[RecordBatch]:
        first = self._stream.next_byte()
        if first is None:
            return
        if path is None and first != LIST:
            yield from self.whole()
            return
        if path and first == LIST:
            raise MisdescribedError("is a list, where `records` in tillage.yaml begins with a member; set `$[*]`")
        if path == [] and first == OBJECT:
            raise MisdescribedError("is an object, where `records` in tillage.yaml is a list")
        yield from self._target(path or [], depth=0)
        if self._stream.next_byte() is not None:
            raise BrokenError
        if self._is_absent:
            raise MisdescribedError("has no member where `records` in tillage.yaml leads")

    def whole(self) -> Iterator[RecordBatch]:
        if self._stream.next_byte() is not None:
            offset = self._stream.offset
            yield self._one(self._pass(None), offset)

    def _one(self, passing: Passing, offset: int, *, text: str | None = None) -> RecordBatch:
        self.delivered += 1
        return passing.batch(self._source, ordinal=self.delivered, offset=offset, text=text)

    def _target(self, path: list[str], *, depth: int) -> Iterator[RecordBatch]:
        """The records in the value that begins here; `depth` brackets are open."""
        first = self._stream.hold[0]
        if first == (OBJECT if path else LIST):
            self._stream.drop(1)
            if path:
                yield from self._container(OBJECT_END, path, depth + 1)
            else:
                self._is_absent = False
                yield from self._elements()
            return
        self._is_absent = False
        offset = self._stream.offset
        passing = self._pass(Level() if depth else None)
        if passing.raw() == b"null":
            return
        if passing.is_whole():
            strict(passing.raw(), MAX_DEPTH - depth)
        yield self._one(passing, offset, text="null")

    def _pass(self, level: Level | None) -> Passing:
        """The item that begins here, up to what ends it, which is still held; without `level` the document's rest."""
        stream, passing = self._stream, Passing(self._max_record_bytes)
        while True:
            if level is not None:
                level.scan(stream.hold)
                ends = [int(level.cuts[0][0])] if level.cuts else [level.end] if level.end is not None else []
                if ends:
                    passing.add(stream.hold[: ends[0]])
                    stream.drop(ends[0])
                    return passing
                level.drop(len(stream.hold))
            passing.add(stream.hold)
            stream.drop(len(stream.hold))
            if not stream.more():
                if level is None:
                    return passing
                raise BrokenError

    def _is_closed(self, closing: int) -> bool:
        """Takes the comma after an item (False) or the container's closing bracket (True)."""
        found = self._stream.next_byte()
        if found not in {COMMA, closing}:
            raise BrokenError
        self._stream.drop(1)
        return found == closing

    def _elements(self) -> Iterator[RecordBatch]:
        """The elements of the list whose opening bracket was just taken."""
        stream, level, is_first = self._stream, Level(), True
        while True:
            level.scan(stream.hold)
            if level.end is not None:
                if stream.hold[level.end] != LIST_END:
                    raise BrokenError
                if not (is_first and not level.cuts and _BLANK_RUN.fullmatch(stream.hold, 0, level.end)):
                    yield self._batch(level, level.end)
                stream.drop(level.end + 1)
                return
            last = level.last()
            if last is not None and (len(stream.hold) >= self._chunk_bytes or level.items >= _BATCH_ROWS):
                yield self._batch(level, None)
                stream.drop(last + 1)
                level.drop(last + 1)
                is_first = False
            elif last is None and len(stream.hold) > self._max_record_bytes:
                if blank := leading_blanks(stream.hold):
                    stream.drop(blank)
                    level.drop(blank)
                    continue
                offset = stream.offset
                yield self._one(self._pass(Level()), offset)
                if self._is_closed(LIST_END):
                    return
                level, is_first = Level(), False
                continue
            if not stream.more():
                raise BrokenError

    def _batch(self, level: Level, end: int | None) -> RecordBatch:
        """One row for each item that is whole, and for the one that ends at `end`."""
        ends = [] if end is None else [np.array([end], dtype=np.int64)]
        cuts = np.concatenate([np.zeros(1, dtype=np.int64), *(part + 1 for part in level.cuts), *ends])
        data = bytes(memoryview(self._stream.hold)[: int(cuts[-1])])
        if not np.all(np.diff(cuts)):
            raise BrokenError
        items = pa.LargeStringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(data))
        if _IS_BLANK[np.frombuffer(data, dtype=np.uint8)[cuts[:-1]]].any():
            items = pc.ascii_ltrim(items, characters=BLANKS.decode())
        starts = cuts[1:] - pc.binary_length(items).to_numpy()
        # The comma that ends an item goes with the blanks: no item that is JSON ends in one.
        items = pc.ascii_rtrim(items, characters="," + BLANKS.decode())
        sizes = pc.binary_length(items).to_numpy()
        if not sizes.all():
            raise BrokenError
        first = self.delivered + 1
        self.delivered += len(sizes)
        raw, digest, code = limited(items.cast(pa.large_binary()), sizes, self._max_record_bytes)
        return build(
            self._source,
            ordinal=np.arange(first, first + len(sizes)),
            offset=starts + self._stream.offset,
            raw=raw,
            size_bytes=sizes,
            digest=digest,
            code=code,
            is_part=True,
        )

    def _container(self, closing: int, path: list[str], depth: int) -> Iterator[RecordBatch]:
        """Judges the items of the container just opened; its member at the path, if it has one, gives the records."""
        if depth > MAX_DEPTH:
            raise BrokenError
        stream, level, names, is_first = self._stream, Level(), set[str](), True
        while True:
            if not level.cuts and (blank := leading_blanks(stream.hold)):
                stream.drop(blank)
                level = Level()
            level.scan(stream.hold)
            last = level.last()
            start = self._find(level, path)
            if start is not None:
                if start:
                    self._check(bytes(stream.hold[: start - 1]), closing, names, depth)
                    stream.drop(start)
                yield from self._inside(closing, path, names, depth)
            elif last is not None:
                self._check(bytes(stream.hold[:last]), closing, names, depth, is_blank_allowed=is_first)
                stream.drop(last)
            elif len(stream.hold) > self._piece_bytes and self._is_container(closing):
                yield from self._inside(closing, [], names, depth)
            elif len(stream.hold) > self._max_record_bytes or not stream.more():
                raise BrokenError
            else:
                continue
            if self._is_closed(closing):
                self._end_object(path, names)
                return
            level, is_first = Level(), False

    def _end_object(self, path: list[str], names: set[str]) -> None:
        """The innermost object on the path ends first: if the path goes on, its member was not there."""
        if path and self._is_absent is None:
            self._is_absent = bool(names)

    def _find(self, level: Level, path: list[str]) -> int | None:
        """Where the member that leads to the records begins, among the items that were seen to begin."""
        held = self._stream.hold
        if not path or not (b'"' + path[0].encode() + b'"' in held or b"\\" in held):
            return None
        end = len(held) if level.end is None else level.end
        for start in [0, *(int(cut) + 1 for part in level.cuts for cut in part)]:
            found = _MEMBER.match(held, start, end)
            if found and strict(b"[%b]" % found[1], 1) == path[:1]:
                return start
        return None

    def _is_container(self, closing: int) -> bool:
        """True where the item that begins here is a list or an object, as far as can be seen."""
        held = self._stream.hold
        found = _MEMBER.match(held) if closing == OBJECT_END else _BLANK_RUN.match(held)
        return found is not None and held[found.end()] in _CLOSING

    def _inside(self, closing: int, path: list[str], names: set[str], depth: int) -> Iterator[RecordBatch]:
        """Goes into the item that begins here: to the records, or to judge a long container by its items."""
        stream = self._stream
        if closing == OBJECT_END:
            found = _MEMBER.match(stream.hold)
            if found is None:
                raise BrokenError
            self._add_names(names, strict(b"[%b]" % found[1], 1))
            stream.drop(found.end())
        if path:
            yield from self._target(path[1:], depth=depth)
            return
        opening = stream.hold[0]
        stream.drop(1)
        yield from self._container(_CLOSING[opening], [], depth + 1)

    def _check(
        self, items: bytes, closing: int, names: set[str], depth: int, *, is_blank_allowed: bool = False
    ) -> None:
        """Whole items of a container, with the commas between them, are strict JSON."""
        if not items.strip(BLANKS):
            if is_blank_allowed and self._stream.hold[len(items)] == closing:
                return
            raise BrokenError
        found = strict((b"{%b}" if closing == OBJECT_END else b"[%b]") % items, MAX_DEPTH - depth + 1)
        if closing == OBJECT_END:
            self._add_names(names, found)

    def _add_names(self, names: set[str], more: Iterable[str]) -> None:
        before = len(names)
        added = list(more)
        names.update(added)
        self._names += len(added)
        if len(names) - before != len(added) or self._names > _NAMES:
            raise BrokenError
