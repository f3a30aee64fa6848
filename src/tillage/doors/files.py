"""The files door: JSON Lines in a folder, plain or gzip.

A record is a physical line: its number counts from 1, blank lines included, its offset is in bytes of the unpacked
stream. Nothing is judged here, and nothing is dropped but one byte order mark at a file's start: a blank line too is
delivered, and found blank by the check.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.errors import FileRejectedError, OperatorError, SourceChangedError
from tillage.ports.door import RecordBatch

_CHUNK_BYTES = 32 * 1024 * 1024  # of unpacked lines in one batch: large enough for vectors, small against memory
_READ_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_SCHEMA = pa.schema(
    [("source", pa.int32()), ("ordinal", pa.int64()), ("offset", pa.int64()), ("raw", pa.large_binary())]
)


class FilesDoor:
    """Reads the landing folders of the project in `root`."""

    def __init__(
        self,
        root: Path,
        *,
        chunk_bytes: int = _CHUNK_BYTES,
        on_bytes: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._root = root
        self._chunk_bytes = chunk_bytes
        self._on_bytes = on_bytes

    def arrivals(self, feed: Feed, known: Mapping[str, str]) -> list[SourceFile]:
        folder = self._root / feed.path
        if not folder.is_dir():
            raise OperatorError(f"feed {feed.name}: folder {feed.path} does not exist; make it: mkdir -p {feed.path}")
        found = []
        for path in sorted(_candidates(folder), key=lambda path: path.relative_to(self._root).as_posix()):
            name = path.relative_to(self._root).as_posix()
            signature = _signature(path.stat())
            if known.get(name) != signature:
                found.append((name, path, signature))
        return [self._source(number, *item) for number, item in enumerate(found)]

    def _source(self, number: int, name: str, path: Path, signature: str) -> SourceFile:
        digest = hashlib.sha256()
        size = 0
        try:
            with path.open("rb") as file:
                while block := file.read(_READ_BYTES):
                    digest.update(block)
                    size += len(block)
        except OSError as wrong:
            raise OperatorError(
                f"file {name} cannot be read ({wrong.strerror}); make it readable, or move it out of the folder"
            ) from None
        return SourceFile(number, name, size, digest.hexdigest(), signature)

    def read(self, sources: Iterable[SourceFile]) -> Iterator[RecordBatch]:
        # Small files share a batch: what a batch costs at least is paid once for many of them.
        sources = list(sources)
        total_bytes = sum(source.size_bytes for source in sources)
        waiting: list[pa.RecordBatch] = []
        size = done_bytes = 0
        for source in sources:
            self._on_bytes(done_bytes, total_bytes)
            done_bytes += source.size_bytes
            for batch in self._lines(source):
                waiting.append(batch)
                size += batch.nbytes
                if size >= self._chunk_bytes:
                    yield pa.concat_batches(waiting)
                    waiting, size = [], 0
        if waiting:
            yield pa.concat_batches(waiting)

    def _lines(self, source: SourceFile) -> Iterator[pa.RecordBatch]:
        digest = hashlib.sha256()
        ordinal, offset, rest = 1, 0, bytearray()
        is_start = True
        for block in self._unpacked(source, digest):
            rest += block
            if is_start and len(rest) >= len(_BOM):
                offset, is_start = (len(_BOM), False) if rest.startswith(_BOM) else (0, False)
                del rest[:offset]
            if len(rest) < self._chunk_bytes:
                continue
            end = rest.rfind(b"\n") + 1
            if end:
                batch = _batch(source.source, ordinal, offset, bytes(rest[:end]))
                ordinal, offset = ordinal + batch.num_rows, offset + end
                del rest[:end]
                yield batch
        if rest:
            yield _batch(source.source, ordinal, offset, bytes(rest))
        if digest.hexdigest() != source.digest:
            raise SourceChangedError(
                source.path, f"file {source.path} changed while it was read; run again when it is still"
            )

    def _unpacked(self, source: SourceFile, digest: Any) -> Iterator[bytes]:
        is_packed = source.path.endswith(".gz")
        unpack = zlib.decompressobj(wbits=31) if is_packed else None
        try:
            with (self._root / source.path).open("rb") as file:
                while block := file.read(_READ_BYTES):
                    digest.update(block)
                    if unpack is None:
                        yield block
                        continue
                    while block:
                        if unpack.eof:
                            unpack = zlib.decompressobj(wbits=31)
                        yield unpack.decompress(block, self._chunk_bytes)
                        block = unpack.unconsumed_tail or unpack.unused_data
        except FileNotFoundError:
            raise SourceChangedError(source.path, f"file {source.path} is gone; nothing of it is loaded") from None
        except zlib.error:
            raise _torn(source) from None
        if unpack is not None and not unpack.eof and source.size_bytes:
            raise _torn(source)


def _torn(source: SourceFile) -> FileRejectedError:
    return FileRejectedError(
        source.path,
        f"file {source.path} is no whole gzip file; nothing of it is loaded. Replace it, or move it out of the folder, "
        "then: tillage run",
    )


def _candidates(folder: Path) -> Iterator[Path]:
    """Regular files with a known suffix; what is hidden, or a link that leads out of the folder, is left alone."""
    inside = folder.resolve()
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in files:
            path = Path(directory, name)
            if name.startswith((".", "_")) or not name.endswith(_SUFFIXES):
                continue
            if path.is_file() and path.resolve().is_relative_to(inside):
                _refuse_odd_name(path)
                yield path


def _refuse_odd_name(path: Path) -> None:
    """The ledger keeps names as text."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        shown = path.name.encode(errors="backslashreplace").decode()
        raise OperatorError(f"a file's name in {path.parent.name} is not UTF-8: {shown}; rename it") from None


def _signature(found: os.stat_result) -> str:
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def _batch(source: int, ordinal: int, offset: int, lines: bytes) -> RecordBatch:
    """One row for each line of `lines`, without its line feed."""
    data = np.frombuffer(lines, dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    if not lines.endswith(b"\n"):
        ends = np.append(ends, len(data))
    count = len(ends)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])
    packed = data[data != ord("\n")]
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), ends - np.arange(count)])
    raw = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(packed)]
    )
    columns = [
        pa.array(np.full(count, source, dtype=np.int32)),
        pa.array(np.arange(ordinal, ordinal + count)),
        pa.array(starts + offset),
        raw,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
