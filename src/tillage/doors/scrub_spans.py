"""Where the records of a decoded stream lie that are to go, and what tells that all others are as they were.

A document with a broken part is one record; it becomes blanks from its first byte to its last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.contracts.project import Feed
from tillage.doors import formats
from tillage.doors.batch import UNREADABLE
from tillage.doors.refused import RefusedStreamError
from tillage.doors.scrub_bytes import LINE_ENDS, Span, Utf16, is_changed, masked
from tillage.doors.start import steps
from tillage.ports.door import RecordBatch

CHUNK_BYTES = 16 * 1024 * 1024  # of records in one batch, as the door has it
_STEP_BYTES = 1024 * 1024  # even, so that no unit of UTF-16 is cut
_XML_SIGNS = (b" ", b"\t", b"\r", b"\n", b"/", b">")


@dataclass(frozen=True)
class Scrub:
    """What becomes of one decoded stream."""

    feed: Feed
    spans: tuple[Span, ...]
    others: str
    """Digest of all records that stay."""

    def stream(self, blocks: Iterator[bytes], *, is_shape_kept: bool) -> Iterator[bytes]:
        """The new stream.

        Args:
            blocks: the old one.
            is_shape_kept: of CSV, quotes and delimiters stay. They have to where an earlier row has a quote that
                nothing closes: it could be closed behind the blanks, and then be one row with what it closes.
        """
        spans = self.spans
        if is_shape_kept:
            kept = LINE_ENDS + f"{self.feed.csv.quote}{self.feed.csv.delimiter or ','}".encode()
            spans = tuple(replace(span, kept=kept) for span in spans)
        if _is_utf16_rows(self.feed):
            text = Utf16(blocks, self.feed.csv.encoding)
            return text.encoded(masked(text.decoded(), spans))
        return masked(steps(blocks, _STEP_BYTES), spans)

    def is_right(self, blocks: Iterator[bytes]) -> bool:
        """Whether all records that should stay are in this stream as they were, and no other beside the spans."""
        others = Others()
        starts = np.array([span.start for span in self.spans], dtype=np.int64)
        ends = np.array([max(span.end, span.start + 1) for span in self.spans], dtype=np.int64)  # an empty line too
        try:
            for batch in _read(blocks, self.feed):
                offsets = batch.column("offset").to_numpy()
                span = np.searchsorted(starts, offsets, side="right") - 1
                others.add(batch, (span < 0) | (offsets >= ends[span]))
        except RefusedStreamError:
            return False
        return others.hexdigest() == self.others


def scrub_of(
    feed: Feed,
    ordinals: Collection[int],
    blocks: Callable[[], Iterator[bytes]],
    *,
    spans: Mapping[int, tuple[int, int]] | None = None,
) -> Scrub | None:
    """What is to be done to a stream; None where none of the records is there with bytes of its own.

    Args:
        feed: how the stream is written, with what was found out about it.
        ordinals: of the records that are to go.
        blocks: the decoded stream from its start.
        spans: by ordinal offset and length of the record when it was loaded, where that is known.

    Raises:
        RefusedStreamError: it cannot be read as such a stream.
    """
    scrub = _found(feed, np.array(sorted(ordinals)), blocks(), spans or {})
    if not scrub.spans:
        return None
    stream = Utf16(blocks(), feed.csv.encoding).decoded() if _is_utf16_rows(feed) else steps(blocks(), _STEP_BYTES)
    return scrub if is_changed(stream, scrub.spans) else None


class Others:
    """Digest of records, however they are parted into batches."""

    def __init__(self) -> None:
        self._parts = [hashlib.sha256() for _ in range(4)]

    def add(self, batch: RecordBatch, is_other: Any) -> None:
        """Takes the records of the batch for which that is so."""
        if not is_other.all():
            batch = batch.filter(pa.array(is_other))
        if not len(batch):
            return
        raw = batch.column("raw")
        bounds = np.frombuffer(raw.buffers()[1], dtype=np.int64)[raw.offset : raw.offset + len(raw) + 1]
        # Of what is too large to be written out at all there is only an estimate.
        sizes = np.where(np.diff(bounds) == 0, 0, batch.column("size_bytes").to_numpy())
        codes = zip(batch.column("code").to_pylist(), batch.column("digest").to_pylist(), strict=True)
        places = np.stack([batch.column("ordinal").to_numpy(), batch.column("offset").to_numpy()], axis=1)
        self._parts[0].update(places.tobytes())
        self._parts[1].update(sizes.tobytes())
        self._parts[2].update(memoryview(raw.buffers()[2] or b"")[int(bounds[0]) : int(bounds[-1])])
        self._parts[3].update("".join(f"{code} {digest}\n" for code, digest in codes).encode())

    def hexdigest(self) -> str:
        return " ".join(part.hexdigest() for part in self._parts)


def _read(blocks: Iterator[bytes], feed: Feed) -> Iterator[RecordBatch]:
    return formats.read(blocks, 0, feed=feed, max_record_bytes=MAX_RECORD_BYTES, chunk_bytes=CHUNK_BYTES)


def _found(feed: Feed, ordinals: Any, blocks: Iterator[bytes], known: Mapping[int, tuple[int, int]]) -> Scrub:
    spans: list[Span] = []
    others = Others()
    passed = _Passed(blocks)
    for batch in _read(passed, feed):
        if feed.format in {"json", "xml"} and batch.column("code")[-1].as_py() == UNREADABLE:
            return _document(feed, passed) if 1 in ordinals else Scrub(feed, (), "")
        is_meant = np.isin(batch.column("ordinal").to_numpy(), ordinals)
        meant = batch.filter(pa.array(is_meant)).to_pylist()
        if any(known.get(row["ordinal"], (row["offset"], 0))[0] != row["offset"] for row in meant):
            return _read_otherwise(feed, passed, known)
        if feed.format in {"json", "xml"} and any(_is_larger(known, row) for row in meant):
            return _read_otherwise(feed, passed, known)
        spans += [_span(feed, row) for row in meant]
        others.add(batch, ~is_meant)
    return Scrub(feed, tuple(spans), others.hexdigest())


def _is_larger(known: Mapping[int, tuple[int, int]], row: dict[str, Any]) -> bool:
    """Whether the record was more than is read now, and is not what a scrubbed one is read as."""
    was = known.get(row["ordinal"], (0, 0))[1]
    return bool(was > row["size_bytes"]) and row["raw"] not in {b"null", b"0"} and not row["raw"].endswith(b"/>")


def _read_otherwise(feed: Feed, passed: _Passed, known: Mapping[int, tuple[int, int]]) -> Scrub:
    """A document with a part that only the check found broken was one record, whatever the door makes of it.

    Raises:
        RefusedStreamError: what is said of reading the file has changed, so that numbers mean other records.
    """
    scrub = _document(feed, passed)
    if feed.format in {"json", "xml"} and known.get(1) == (0, passed.size_bytes):
        return scrub
    raise RefusedStreamError("is read otherwise than when it was loaded; put back what tillage.yaml said of it then")


class _Passed:
    """Counts the bytes of a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self.size_bytes += len(block)
        return block


def _document(feed: Feed, blocks: Iterator[bytes]) -> Scrub:
    passed = blocks if isinstance(blocks, _Passed) else _Passed(blocks)
    for _ in passed:
        pass
    size = passed.size_bytes
    return Scrub(feed, (Span(0, size, kept=b""),) if size else (), Others().hexdigest())


def _span(feed: Feed, row: dict[str, Any]) -> Span:
    start, size = row["offset"], row["size_bytes"]
    if feed.format == "json":  # what is shorter than `null` becomes the shortest number
        return Span(start, start + size, b"null" if size >= 4 else b"0")
    if feed.format == "xml":
        head, blank = _emptied(row["raw"])
        return Span(start, start + size, head, blank)
    # Where a blank separates fields, a row of blanks would be one of empty fields.
    is_apart = feed.format == "csv" and feed.csv.delimiter == " "
    return Span(start, start + size, blank=b"\t" if is_apart else b" ")


def _emptied(raw: bytes) -> tuple[bytes, bytes]:
    """The element with nothing in it, so that those behind it keep their numbers; and a blank, as it is encoded."""
    blank = b"\0 " if raw[:1] == b"\0" else b" \0" if raw[1:2] == b"\0" else b" "
    width = len(blank)
    signs = {blank.replace(b" ", sign) for sign in _XML_SIGNS}
    end = next(place for place in range(width, len(raw), width) if raw[place : place + width] in signs)
    return raw[:end] + blank.replace(b" ", b"/") + blank.replace(b" ", b">"), blank


def _is_utf16_rows(feed: Feed) -> bool:
    return feed.format == "csv" and feed.csv.encoding.startswith("utf-16")
