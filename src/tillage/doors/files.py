"""The files door: files in a folder, of every format and packing, as batches of records.

Nothing is judged here but what makes no record at all. What cannot be read whole is refused whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.doors import formats, hints
from tillage.doors.arriving import arrivals, rejected, unknown
from tillage.doors.csv_dialect import pinned
from tillage.doors.parquet_rows import read_parquet
from tillage.doors.passing import whole_document
from tillage.doors.refused import MisdescribedError, RefusedStreamError
from tillage.doors.start import beginning
from tillage.doors.stored import DigestKey, Shelf, hashed, hashing, keyed
from tillage.errors import FileRejectedError, SourceChangedError
from tillage.ports.door import Arrivals, Hint, RecordBatch
from tillage.ports.store import Known

_CHUNK_BYTES = 16 * 1024 * 1024  # of unpacked records in one batch: large enough for vectors, small against memory


class FilesDoor:
    """Reads the landing folders of the project in `root`.

    Args:
        digest_key: What digests are made with, if with anything.
    """

    def __init__(
        self,
        root: Path,
        *,
        chunk_bytes: int = _CHUNK_BYTES,
        on_bytes: Callable[[int, int], None] = lambda *_: None,
        digest_key: DigestKey = lambda _: None,
    ) -> None:
        self._root = root
        self._chunk_bytes = chunk_bytes
        self._on_bytes = on_bytes
        self._digest_key = digest_key

    def arrivals(self, feed: Feed, known: Known) -> Arrivals:
        return arrivals(self._root, feed, known, self._digest_key(feed))

    def unknown(self, feed: Feed, known: Known) -> list[str]:
        return unknown(self._root, feed, known)

    def read(
        self,
        feed: Feed,
        sources: Iterable[SourceFile],
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
        members: Collection[str] = (),
    ) -> Iterator[RecordBatch]:
        # Small files share a batch: what a batch costs at least is paid once for many of them.
        sources = list(sources)
        total_bytes = sum(source.size_bytes for source in sources)
        waiting: list[pa.RecordBatch] = []
        refused: list[FileRejectedError] = []
        size = done_bytes = 0
        with Shelf(self._root, feed.folder) as shelf:
            for source in sources:
                self._on_bytes(done_bytes, total_bytes)
                done_bytes += source.size_bytes
                try:
                    for batch in self._records(shelf, feed, source, max_record_bytes, members):
                        if refused:
                            continue  # it is only read to find all that are refused at once
                        waiting.append(batch)
                        size += batch.nbytes
                        if size >= self._chunk_bytes:
                            yield _one(waiting)
                            waiting, size = [], 0
                except FileRejectedError as wrong:
                    refused.append(wrong)
                    waiting = []
        if refused:
            raise FileRejectedError(refused[0].path, str(refused[0]), others=tuple(refused[1:]))
        if waiting:
            yield _one(waiting)

    def document(self, feed: Feed, source: SourceFile) -> RecordBatch:
        key = self._digest_key(feed)
        with Shelf(self._root, feed.folder) as shelf, _stream(shelf, source, key) as blocks:
            return _with_keyed(whole_document(blocks, source.source), key)

    def hint(self, feed: Feed, source: SourceFile, *, is_unread: bool, members: Collection[str]) -> Hint | None:
        start, is_whole = self._start(feed, source)
        feed = pinned(feed, source.form)
        return hints.hint(feed, start, is_whole=is_whole, is_unread=is_unread, members=_read(source, members))

    def _start(self, feed: Feed, source: SourceFile) -> tuple[bytes, bool]:
        """The beginning of the decoded stream, and whether that is all of it."""
        with Shelf(self._root, feed.folder) as shelf, _stream(shelf, source, None, is_whole=False) as blocks:
            start, is_whole = beginning(blocks, hints.HINT_BYTES + 1)
        return bytes(start), is_whole

    def _records(
        self, shelf: Shelf, feed: Feed, source: SourceFile, max_record_bytes: int, members: Collection[str]
    ) -> Iterator[RecordBatch]:
        key = self._digest_key(feed)
        for batch in self._plain_records(shelf, feed, source, max_record_bytes, members):
            yield _with_keyed(batch, key)

    def _plain_records(
        self, shelf: Shelf, feed: Feed, source: SourceFile, max_record_bytes: int, members: Collection[str]
    ) -> Iterator[RecordBatch]:
        key = self._digest_key(feed)
        if feed.format == "parquet":
            yield from self._parquet_rows(shelf, source, key, max_record_bytes)
            return
        feed, members = pinned(feed, source.form), _read(source, members)
        with _stream(shelf, source, key) as blocks:
            try:
                yield from formats.read(
                    blocks,
                    source.source,
                    feed=feed,
                    max_record_bytes=max_record_bytes,
                    chunk_bytes=self._chunk_bytes,
                    members=members,
                )
            except MisdescribedError as wrong:
                start, is_whole = self._start(feed, source)
                more = hints.more(feed, start, is_whole=is_whole, members=members)
                raise MisdescribedError(f"{wrong}{more}") from None

    def _parquet_rows(
        self, shelf: Shelf, source: SourceFile, key: bytes | None, max_record_bytes: int
    ) -> Iterator[RecordBatch]:
        """Parquet is read back and forth, so the file is hashed before, and must not have changed after."""
        with _named(source), shelf.file(source.path) as (descriptor, path):
            passed = hashed(descriptor)
            before = os.fstat(descriptor)
            if passed.hexdigest(key) != source.digest:
                raise _changed(source)
            if passed.size_bytes:
                yield from read_parquet(
                    path,
                    source.source,
                    chunk_bytes=self._chunk_bytes,
                    max_record_bytes=max_record_bytes,
                    name=source.path,
                )
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise _changed(source)


def _read(source: SourceFile, members: Collection[str]) -> Collection[str]:
    """Of the members that a contract reads, those that no folder of the source says."""
    return set(members) - json.loads(source.members).keys() if source.members else members


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _with_keyed(batch: RecordBatch, key: bytes | None) -> RecordBatch:
    """The digests of records that were cut are keyed like those of files; there are few."""
    digests = batch.column("digest")
    if key is None or digests.null_count == len(digests):
        return batch
    made = [None if one is None else keyed(key, bytes.fromhex(one)) for one in digests.to_pylist()]
    return batch.set_column(batch.schema.get_field_index("digest"), "digest", pa.array(made, digests.type))


@contextmanager
def _stream(shelf: Shelf, source: SourceFile, key: bytes | None, *, is_whole: bool = True) -> Iterator[Iterator[bytes]]:
    """The source's decoded stream; when the block has ended, the bytes are those that were planned.

    Raises:
        SourceChangedError: they are not, or the file is gone.
        FileRejectedError: it cannot be read whole.
    """
    passed = hashing()
    with _named(source), shelf.blocks(source.path, passed) as blocks:
        yield blocks
        if is_whole:
            for _ in blocks:  # what a reader left is hashed too
                pass
    if is_whole and passed.hexdigest(key) != source.digest:
        raise _changed(source)


@contextmanager
def _named(source: SourceFile) -> Iterator[None]:
    """Errors about a stream as errors about the source."""
    try:
        yield
    except FileNotFoundError:
        raise SourceChangedError(source.path, f"file {source.path} is gone; nothing of it is loaded") from None
    except RefusedStreamError as wrong:
        raise rejected(source.path, wrong) from None


def _changed(source: SourceFile) -> SourceChangedError:
    return SourceChangedError(source.path, f"file {source.path} changed while it was read; run again when it is still")
