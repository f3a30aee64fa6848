"""JSON Lines: a record is a physical line.

Its number counts from 1, blank lines included. Nothing is judged here but a line's length, and nothing is dropped but
one byte order mark at the stream's start: a blank line too is delivered, and found blank by the check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tillage.contracts.project import Feed
from tillage.doors.batch import TOO_LARGE, Cut, build, build_cut, gathered, spans
from tillage.doors.start import start
from tillage.ports.door import RecordBatch

_LINE_FEED = ord("\n")
_BLANKS = b" \t\r"


def read_lines(
    blocks: Iterator[bytes], source: int, *, feed: Feed, max_record_bytes: int, chunk_bytes: int
) -> Iterator[RecordBatch]:
    """One row for each line, blank ones too unless they are over the limit; a line over it is never held whole."""
    _ = feed
    begun = start(blocks)
    blocks, ordinal, offset = begun.blocks, begun.ordinal, begun.offset
    rest = bytearray()
    for block in blocks:
        rest += block
        if len(rest) < chunk_bytes:
            continue
        end = rest.rfind(b"\n") + 1
        if end:
            with memoryview(rest) as seen:  # a slice of the array itself would be one copy more
                lines = bytes(seen[:end])
            yield _batch(source, lines, ordinal, offset, max_record_bytes=max_record_bytes)
            ordinal, offset = ordinal + lines.count(b"\n"), offset + end
            del rest[:end]
        if len(rest) > max_record_bytes:
            cut, is_blank = pass_line(rest, blocks)
            if not is_blank:
                yield build_cut(source, cut, ordinal=ordinal, offset=offset, code=TOO_LARGE)
            ordinal, offset = ordinal + 1, offset + cut.size_bytes + 1
    if rest:
        yield _batch(source, bytes(rest), ordinal, offset, max_record_bytes=max_record_bytes)


def pass_line(rest: bytearray, blocks: Iterator[bytes]) -> tuple[Cut, bool]:
    """Consumes one line that `rest` begins, however long it is, and leaves in `rest` what was read behind it.

    Returns:
        The line without its line feed, and whether it is blank.
    """
    cut, is_blank = Cut(), True
    while True:
        end = rest.find(b"\n")
        part = bytes(rest if end < 0 else rest[:end])
        cut.add(part)
        is_blank = is_blank and not part.strip(_BLANKS)
        del rest[: len(part) + (end >= 0)]
        block = b"" if end >= 0 else next(blocks, b"")
        if not block:
            return cut, is_blank
        rest += block


def _batch(source: int, lines: bytes, ordinal: int, offset: int, *, max_record_bytes: int) -> RecordBatch:
    """One row for each line of `lines`, without its line feed."""
    data = np.frombuffer(lines, dtype=np.uint8)
    is_feed = data == _LINE_FEED
    ends = np.flatnonzero(is_feed)
    if not lines.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])
    numbers = np.arange(ordinal, ordinal + len(ends))
    if (ends - starts).max() > max_record_bytes:
        return _batch_with_large(source, lines, starts, ends, numbers=numbers, offset=offset, limit=max_record_bytes)
    return build(source, ordinal=numbers, offset=starts + offset, raw=gathered(lines, starts, ends))


def _batch_with_large(
    source: int, lines: bytes, starts: Any, ends: Any, *, numbers: Any, offset: int, limit: int
) -> RecordBatch:
    """As `_batch`, where at least one line is over the limit."""
    is_large = ends - starts > limit
    blank = [row for row in np.flatnonzero(is_large).tolist() if not lines[starts[row] : ends[row]].strip(_BLANKS)]
    starts, ends, numbers = (np.delete(part, blank) for part in (starts, ends, numbers))
    return spans(source, lines, starts, ends, ordinal=numbers, offset=offset, limit_bytes=limit)
