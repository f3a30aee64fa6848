"""The start of a stream of lines: UTF-16 made UTF-8, one byte order mark, and the lines that are to be skipped."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Start:
    """Where the first line that counts begins, and the stream from there on."""

    blocks: Iterator[bytes]
    ordinal: int
    offset: int


def start(blocks: Iterator[bytes], *, encoding: str = "utf-8", skip_rows: int = 0) -> Start:
    """The stream after one byte order mark (of UTF-8 and UTF-16 alone) and `skip_rows` physical lines.

    A stream in UTF-16 becomes UTF-8: offsets and raw bytes of its records are those of that form.
    """
    if encoding.startswith("utf-16"):
        blocks = _as_utf8(blocks, encoding)
    offset, head = 0, b""
    if encoding.startswith("utf-"):
        while len(head) < len(_BOM) and (block := next(blocks, b"")):
            head += block
        if head.startswith(_BOM):
            offset, head = len(_BOM), head[len(_BOM) :]
    ordinal = 1
    while skip_rows and (head := head or next(blocks, b"")):
        end = head.find(b"\n") + 1
        passed = end or len(head)
        offset, head = offset + passed, head[passed:]
        if end:
            ordinal, skip_rows = ordinal + 1, skip_rows - 1
    return Start(_from(head, blocks), ordinal, offset)


def _from(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from blocks


def _as_utf8(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """What is no UTF-16 becomes bytes that are no UTF-8, so that only its record is unreadable."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", errors="surrogatepass")
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", errors="surrogatepass")
    except UnicodeDecodeError:
        yield b"\xff"


def steps(blocks: Iterator[bytes], step_bytes: int) -> Iterator[bytes]:
    """The same stream in pieces of exactly `step_bytes`, but for the last."""
    waiting = bytearray()
    for block in blocks:
        waiting += block
        while len(waiting) >= step_bytes:
            yield bytes(waiting[:step_bytes])
            del waiting[:step_bytes]
    if waiting:
        yield bytes(waiting)


def beginning(blocks: Iterator[bytes], most_bytes: int) -> tuple[bytearray, bool]:
    """The stream's first `most_bytes` and up to a block more, and whether they are all there is."""
    found = bytearray()
    while len(found) < most_bytes:
        block = next(blocks, b"")
        if not block:
            return found, True
        found += block
    return found, False
