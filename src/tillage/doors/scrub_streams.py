"""Files of one stream, as they are or packed by gzip or zstd, written anew with records scrubbed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

import pyarrow as pa

from tillage.contracts.project import WHITESPACE, Feed
from tillage.doors.csv_dialect import pinned
from tillage.doors.packing import packing
from tillage.doors.refused import RefusedStreamError
from tillage.doors.scrub_spans import Scrub, scrub_of
from tillage.doors.stored import file_blocks, hashed, hashing
from tillage.ports.scrubbing import Rewrite


@dataclass(frozen=True)
class Meant:
    """A source that lies in a file with the bytes that were meant."""

    path: str
    member: str
    before: str
    ordinals: frozenset[int]
    form: str
    spans: Mapping[int, tuple[int, int]]


class Rewriting(Protocol):
    """A stored file as it is to be."""

    def write(self, file: IO[bytes], *, is_shape_kept: bool) -> None:
        """The stored bytes; `is_shape_kept` as of `Scrub.stream`.

        Raises:
            RefusedStreamError: the old ones cannot be read any more.
            OSError: the new ones cannot be written.
        """
        ...

    def is_right(self, descriptor: int) -> bool:
        """Whether all other records of the new file are as they were in the old one."""
        ...

    def rewrites(self, descriptor: int) -> list[Rewrite]:
        """What changes with the new file, by source."""
        ...


def can_keep_shape(feed: Feed) -> bool:
    """Whether quotes may join rows, so that it may be needed to leave them."""
    return feed.format == "csv" and bool(feed.csv.quote) and feed.csv.delimiter != WHITESPACE


def scrub_all(feed: Feed, meant: Sequence[Meant], blocks: Iterator[bytes], again: Iterator[bytes]) -> Scrub | None:
    """What becomes of one stream that all of `meant` name; it is read twice.

    Where they were loaded by several dialects the first is taken: a row is found by its line, which is the same in all.
    """
    streams = iter((blocks, again))
    ordinals = frozenset[int]().union(*(one.ordinals for one in meant))
    spans = {ordinal: span for one in meant for ordinal, span in one.spans.items()}
    return scrub_of(pinned(feed, meant[0].form), ordinals, lambda: next(streams), spans=spans)


class StreamRewriting:
    """The rewriting of a file that is one stream."""

    def __init__(self, descriptor: int, name: str, meant: Sequence[Meant], scrub: Scrub, *, key: bytes | None) -> None:
        self._descriptor, self._name, self._meant, self._scrub, self._key = descriptor, name, meant, scrub, key

    def write(self, file: IO[bytes], *, is_shape_kept: bool) -> None:
        old = file_blocks(self._descriptor, self._name, hashing())
        pack(packing(start_of(self._descriptor)), self._scrub.stream(old, is_shape_kept=is_shape_kept), file)

    def is_right(self, descriptor: int) -> bool:
        return self._scrub.is_right(file_blocks(descriptor, self._name, hashing()))

    def rewrites(self, descriptor: int) -> list[Rewrite]:
        after = hashed(descriptor).hexdigest(self._key)
        return rewrites_of(self._meant, lambda _: after)


def stream_rewriting(
    descriptor: int, name: str, feed: Feed, meant: Sequence[Meant], *, key: bytes | None
) -> StreamRewriting | None:
    """The rewriting of an open file; None where nothing of it is to change.

    Raises:
        RefusedStreamError: it cannot be read as the feed says.
    """
    old = (file_blocks(descriptor, name, hashing()) for _ in range(2))
    scrub = scrub_all(feed, meant, next(old), next(old))
    return StreamRewriting(descriptor, name, meant, scrub, key=key) if scrub else None


def rewrites_of(meant: Iterable[Meant], after: Callable[[str], str]) -> list[Rewrite]:
    """Each change once, where the same bytes were meant several times; `after` is the new digest of a member."""
    return list(dict.fromkeys(Rewrite(one.path, one.before, after(one.member)) for one in meant))


def start_of(descriptor: int) -> bytes:
    """The first bytes of an open file, which say how it is packed."""
    return os.pread(descriptor, 4, 0)


def pack(kind: str, blocks: Iterator[bytes], file: IO[bytes]) -> None:
    """The same bytes always for the same stream: gzip without a name or a time."""
    if kind == "gzip":
        gzip = zlib.compressobj(wbits=31)
        for block in blocks:
            file.write(gzip.compress(block))
        file.write(gzip.flush())
    elif kind == "zstd":
        with pa.CompressedOutputStream(pa.PythonFile(_Kept(file), mode="w"), "zstd") as zstd:
            for block in blocks:
                zstd.write(block)
    elif kind:
        raise RefusedStreamError(f"is packed as {kind}, which is not written")
    else:
        for block in blocks:
            file.write(block)


class _Kept:
    """A file that Arrow writes to, and does not close."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, block: bytes) -> int:
        return self._file.write(block)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True
