"""Overwrites spans of a decoded stream as it passes: as many bytes as before, so that all others stay where they are.

CSV in UTF-16 is the exception, since its offsets are those of its form in UTF-8: there a record keeps its length in
that form, and has more code units where it had letters of two or three bytes.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

LINE_ENDS = b"\r\n"


@dataclass(frozen=True)
class Span:
    """Bytes from `start` to before `end`, and what they become."""

    start: int
    end: int
    head: bytes = b""
    """What stands there then, blanks behind it."""
    blank: bytes = b" "
    """One blank; two bytes where the document is in UTF-16."""
    kept: bytes = LINE_ENDS
    """Which signs stay."""

    def over(self, part: bytes, place: int) -> bytes:
        """What stands there instead of `part`, whose first byte is the one at `place` of the stream."""
        head = self.head[place - self.start :][: len(part)]
        return head + self._blanked(part)[len(head) :]

    def _blanked(self, part: bytes) -> bytes:
        if len(self.blank) == 1:
            return part.translate(_table(self.blank, self.kept))
        units = np.frombuffer(part, dtype="<u2" if self.blank[0] else ">u2")
        return np.where(np.isin(units, list(self.kept)), units, ord(" ")).astype(units.dtype).tobytes()


@cache
def _table(blank: bytes, kept: bytes) -> bytes:
    return bytes(sign if sign in kept else blank[0] for sign in range(256))


def masked(blocks: Iterator[bytes], spans: Sequence[Span]) -> Iterator[bytes]:
    """The stream with other bytes in the spans, which rise; each block stays as long as it is."""
    return (new for _, new in _pairs(blocks, spans))


def is_changed(blocks: Iterator[bytes], spans: Sequence[Span]) -> bool:
    """Whether `masked` would be another stream."""
    return any(old != new for old, new in _pairs(blocks, spans))


def _pairs(blocks: Iterator[bytes], spans: Sequence[Span]) -> Iterator[tuple[bytes, bytes]]:
    start = number = 0
    for block in blocks:
        end = start + len(block)
        new = bytearray()
        while number < len(spans) and spans[number].start < end:
            span = spans[number]
            first, last = max(span.start, start), min(span.end, end)
            new += block[len(new) : first - start]
            new += span.over(block[first - start : last - start], first)
            if span.end > end:
                break
            number += 1
        yield block, bytes(new) + block[len(new) :] if new else block
        start = end


class Utf16:
    """A stream in UTF-16 as the UTF-8 that offsets count in, and that back as what it was.

    Args:
        blocks: the decoded stream.
        encoding: as Python's codecs call it.
    """

    def __init__(self, blocks: Iterator[bytes], encoding: str) -> None:
        self._blocks = blocks
        self._first = b""
        while len(self._first) < 2 and (block := next(blocks, b"")):
            self._first += block
        self._mark, self._order = b"", encoding
        if encoding == "utf-16":
            is_marked = self._first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            self._mark = self._first[:2] if is_marked else b""
            is_big = self._mark == codecs.BOM_UTF16_BE if is_marked else sys.byteorder == "big"
            self._order = "utf-16-be" if is_big else "utf-16-le"
        self._torn = b""

    def decoded(self) -> Iterator[bytes]:
        """Blocks of whole letters; what is no letter at the end is one byte that is no UTF-8, as for the reader."""
        decoder = codecs.getincrementaldecoder(self._order)(errors="surrogatepass")
        yield decoder.decode(self._first[len(self._mark) :]).encode("utf-8", errors="surrogatepass")
        for block in self._blocks:
            yield decoder.decode(block).encode("utf-8", errors="surrogatepass")
        self._torn = bytes(decoder.getstate()[0])
        try:
            yield decoder.decode(b"", final=True).encode("utf-8", errors="surrogatepass")
        except UnicodeDecodeError:
            yield b"\xff"

    def encoded(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """`blocks` are those of `decoded`, with others of the same length among them."""
        yield self._mark
        for block in blocks:
            if block == b"\xff":
                yield self._torn
            else:
                yield block.decode("utf-8", errors="surrogatepass").encode(self._order, errors="surrogatepass")
