"""Searches a stream of any length in blocks, so that nothing at their edges is lost or found twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tillage.ports.scanning import Hit, Search
from tillage.scans.unpacking import TornError

BLOCK_BYTES = 16 * 1024 * 1024
"""Long enough that the parts searched twice are nothing, short enough for a dozen copies of it in memory."""


class Stream:
    """Counts the bytes while they pass."""

    def __init__(self, pieces: Iterable[bytes], *, block_bytes: int = BLOCK_BYTES) -> None:
        self._pieces = pieces
        self._block_bytes = block_bytes
        self.size_bytes = 0

    def hits(self, search: Search, place: str) -> Iterator[Hit]:
        """All hits, `at` from the start of the stream; what the pieces raise comes after the hits in those before it.

        A block counts the hits that begin in it, and sees of its neighbours as far as they have a say.
        """
        reach = search.reach_bytes
        window = bytearray()
        begins, counted = 0, 0  # both in the stream: the window, and the first byte in which no hit was counted
        stopped: TornError | OSError | None = None
        pieces = iter(self._pieces)
        while True:
            piece: bytes | None = None
            try:
                piece = next(pieces, None)
            except (TornError, OSError) as error:
                stopped = error
            if piece is not None:
                window += piece
                self.size_bytes += len(piece)
                if self.size_bytes - counted < self._block_bytes + reach:
                    continue
            to = self.size_bytes - reach if piece is not None else self.size_bytes
            for hit in search.found(bytes(window), place=place):
                at = begins + hit.at
                if counted <= at < to:
                    yield replace(hit, at=at)
            if piece is None:
                break
            counted = to
            begin = max(begins, counted - reach)
            del window[: begin - begins]
            begins = begin
        if stopped is not None:
            raise stopped
