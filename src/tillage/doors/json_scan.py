"""Where JSON's items begin and end, in vectors, and the strict look at the small rest of a document."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from tillage.doors.start import steps

BLANKS = b" \t\n\r"
QUOTE, COMMA, BACKSLASH, LIST, LIST_END, OBJECT, OBJECT_END = b'",\\[]{}'
_BOM = b"\xef\xbb\xbf"
_BLANK_RUN = re.compile(rb"[ \t\n\r]*")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEP = np.zeros(256, dtype=np.int8)
_STEP[[LIST, OBJECT]] = 1
_STEP[[LIST_END, OBJECT_END]] = -1
Positions = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]


class BrokenError(Exception):
    """The document is no strict JSON."""


class Stream:
    """The document's bytes, taken from the front; invalid UTF-8 is found wherever it stands."""

    def __init__(self, blocks: Iterator[bytes], step_bytes: int) -> None:
        self.hold = bytearray()
        self.offset = 0  # of the first byte held
        self._steps = steps(blocks, step_bytes)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_wrong = False  # said by `more`, so that what was held before it is never lost
        while len(self.hold) < len(_BOM) and (step := next(self._steps, b"")):
            self._take(step)
        if self.hold.startswith(_BOM):
            self.drop(len(_BOM))

    def _take(self, step: bytes) -> None:
        try:
            self._decoder.decode(step, final=not step)
        except UnicodeDecodeError:
            self._is_wrong = True
        self.hold += step

    def more(self) -> bool:
        """Holds at least one byte more, or the stream has ended."""
        step = next(self._steps, b"")
        self._take(step)
        if self._is_wrong:
            raise BrokenError
        return bool(step)

    def drop(self, count_bytes: int) -> None:
        del self.hold[:count_bytes]
        self.offset += count_bytes

    def next_byte(self) -> int | None:
        """The next byte that is not blank, still held; None at the end. What is wrong behind it is said by `more`."""
        while True:
            if blank := leading_blanks(self.hold):
                self.drop(blank)
            if self.hold:
                return self.hold[0]
            step = b"" if self._is_wrong else next(self._steps, b"")
            self._take(step)
            if not step:
                if self._is_wrong:
                    raise BrokenError
                return None


def leading_blanks(held: bytearray) -> int:
    found = _BLANK_RUN.match(held)
    return found.end() if found else 0


class Level:
    """Where the items of one container end, found step by step from the byte after its opening bracket."""

    def __init__(self) -> None:
        self.end: int | None = None  # of the container: its closing bracket
        self.cuts: list[Positions] = []  # the commas between its items
        self.items = 0
        self._seen = 0
        self._depth = 0
        self._parity = 0  # 1 inside a string
        self._is_escaped = False  # the next byte

    def scan(self, held: bytearray) -> None:
        """Looks at what was not seen yet; positions are those in `held`."""
        if self.end is not None or self._seen == len(held):
            return
        data = np.frombuffer(bytes(memoryview(held)[self._seen :]), dtype=np.uint8)
        places, kinds = self.outside_strings(data)
        depth = np.cumsum(_STEP[kinds], dtype=np.int64) + self._depth
        cuts = places[(kinds == COMMA) & (depth == 0)]
        if len(depth) and depth.min() < 0:
            end = places[np.argmax(depth < 0)]
            cuts = cuts[: np.searchsorted(cuts, end)]
            self.end = int(end) + self._seen
        if len(depth):
            self._depth = int(depth[-1])
        if len(cuts):
            self.cuts.append(cuts + self._seen)
            self.items += len(cuts)
        self._seen = len(held)

    def outside_strings(self, data: _Bytes) -> tuple[Positions, _Bytes]:
        """Brackets and commas outside strings (closing quotes too, which count for nothing), and what they are."""
        lower = data | 0x20  # [ and ] become { and }
        is_mark = (data == QUOTE) | (data == COMMA) | (lower == OBJECT) | (lower == OBJECT_END)
        places = np.flatnonzero(is_mark)
        kinds = data[places]
        is_quote = kinds == QUOTE
        is_escaped = self._escaped(data)
        if is_escaped is not None:
            is_quote &= ~is_escaped[places]
        parity = (np.cumsum(is_quote, dtype=np.uint8) & 1) ^ self._parity
        if len(parity):
            self._parity = int(parity[-1])
        is_outside = parity == 0
        return places[is_outside], kinds[is_outside]

    def _escaped(self, data: _Bytes) -> npt.NDArray[np.bool_] | None:
        """Which bytes follow an odd run of backslashes; None if there is no backslash."""
        slashes = np.flatnonzero(data == BACKSLASH)
        if not len(slashes) and not self._is_escaped:
            return None
        is_break = np.diff(slashes) != 1
        firsts = slashes[np.concatenate([[True], is_break])] if len(slashes) else slashes
        lasts = slashes[np.concatenate([is_break, [True]])] if len(slashes) else slashes
        lengths = lasts - firsts + 1
        found = np.zeros(len(data) + 1, dtype=np.bool_)
        if self._is_escaped and len(firsts) and firsts[0] == 0:
            lengths[0] += 1  # the run began in the step before
        elif self._is_escaped:
            found[0] = True
        found[lasts[lengths % 2 == 1] + 1] = True
        self._is_escaped = bool(found[-1])
        return found

    def last(self) -> int | None:
        """Where the last whole item ends: the container's end, else its last comma so far, else None."""
        if self.end is not None:
            return self.end
        return int(self.cuts[-1][-1]) if self.cuts else None

    def drop(self, count_bytes: int) -> None:
        """Follows `Stream.drop`; cuts are forgotten."""
        self._seen -= count_bytes
        self.cuts, self.items = [], 0


def strict(document: bytes, max_depth: int) -> Any:
    """The value of strict JSON, numbers left out."""
    if document.count(b"[") + document.count(b"{") > max_depth and _depth(document) > max_depth:
        raise BrokenError
    try:
        value = json.loads(
            document.decode(), parse_float=_leave, parse_int=_leave, parse_constant=_refuse, object_pairs_hook=_object
        )
        if _SURROGATE.search(document):
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except ValueError:
        raise BrokenError from None
    return value


def _depth(document: bytes) -> int:
    _, kinds = Level().outside_strings(np.frombuffer(document, dtype=np.uint8))
    return int(np.cumsum(_STEP[kinds], dtype=np.int64).max(initial=0))


def _leave(_: str) -> None:
    return None


def _refuse(_: str) -> NoReturn:
    raise BrokenError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BrokenError
    return found
