"""The first records of one file, wherever it lies, and how a feed has to describe such files; all by content.

At most 10,000 records of at most 64 MiB are looked at, with the readers that the door uses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tillage.contracts.contract import MAX_DEPTH, MAX_RECORD_BYTES
from tillage.contracts.project import Feed
from tillage.doors import formats, recognise
from tillage.doors.archive import member_blocks
from tillage.doors.csv_guess import guess_dialect
from tillage.doors.folders import PACKED, SUFFIXES, is_hidden
from tillage.doors.opening import opened, stable_path
from tillage.doors.packing import packing
from tillage.doors.parquet_rows import read_parquet
from tillage.doors.refused import RefusedStreamError
from tillage.doors.stored import archive_at, file_blocks, hashing
from tillage.errors import FileRejectedError, OperatorError
from tillage.ports.door import RecordBatch

MOST_RECORDS = 10_000
MOST_BYTES = 64 * 1024 * 1024
_MOST_VALUES = 2_000_000  # of all records: a table of thousands of columns is told by fewer rows
_START_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


class Number(str):
    """A JSON number, as its digits stand in the file."""

    __slots__ = ()


@dataclass(frozen=True)
class Sample:
    """What was found."""

    feed: Feed
    """As `tillage.yaml` should describe it."""
    records: tuple[dict[str, Any], ...]
    skipped_records: int
    """What the door could make no record of."""
    suffix: str
    """What a file of this kind has to end with at the door: `.csv`, `.jsonl.gz`."""
    doubts: tuple[str, ...] = ()
    """About the description of the feed."""

    @property
    def is_text(self) -> bool:
        return self.feed.format in {"csv", "xml"}


@dataclass(frozen=True)
class Stated:
    """What a person says of a CSV file."""

    delimiter: str | None = None
    skip_rows: int | None = None


def read_sample(path: Path, feed_name: str, stated: Stated = Stated()) -> Sample:
    """A sample of the file at `path`, for a feed of that name.

    Raises:
        OperatorError: it cannot be read, is of no known format, or no record of it is readable.
    """
    _refuse_no_file(path)
    try:
        real = path.resolve(strict=True)
        with opened(real, real.parent) as descriptor:
            return _read_open(descriptor, real, Feed(feed_name, f"landing/{feed_name}", "csv"), stated)
    except (RefusedStreamError, FileRejectedError) as wrong:
        said = str(wrong) if isinstance(wrong, RefusedStreamError) else "is no Parquet file that can be read"
        raise OperatorError(f"{path.name} {said}; mend it, or take another file") from None
    except OSError as wrong:
        raise OperatorError(f"{path.name} cannot be read: {wrong.strerror}; give the path of a file") from None
    except RuntimeError:
        raise OperatorError(f"{path.name} is a link that leads nowhere; give the path of a file") from None


def _refuse_no_file(path: Path) -> None:
    """Raises as `read_sample`, of what a person gives in place of a file."""
    if path.is_dir():
        raise OperatorError(
            f"{path} is a folder; give the path of one file in it. Others of its kind go into landing/<feed> afterwards"
        )
    if path.exists() and not path.is_file():
        raise OperatorError(f"{path} is no regular file, and can be read only once; save what it gives as a file")


def _read_open(descriptor: int, path: Path, feed: Feed, stated: Stated) -> Sample:
    stored = os.read(descriptor, 4)
    if stored == b"PAR1":
        place = stable_path(descriptor, path)
        batches = read_parquet(place, 0, chunk_bytes=_CHUNK_BYTES, max_record_bytes=MAX_RECORD_BYTES, name=path.name)
        return _made(replace(feed, format="parquet"), batches, ".parquet", ())
    with _streams(descriptor, path, packing(stored)) as (name, blocks, doubts):
        begin = _start(blocks())
        kind = recognise.recognised(begin[:_START_BYTES], name, is_whole=len(begin) <= _START_BYTES)
        if kind is None and stated.delimiter is not None and begin.strip() and b"\0" not in begin:
            kind = "csv"
        if kind is None:
            raise OperatorError(
                f"{path.name}: nobody can tell what it is; give a file of CSV (of a table, --delimiter says how), JSON "
                "Lines, JSON, XML or Parquet, packed by gzip, zstd or zip or not at all"
            )
        packed = {"gzip": ".gz", "zstd": ".zst", "zip": ".zip"}.get(packing(stored), "")
        suffix = ".zip" if packed == ".zip" else _suffix(kind, name) + packed
        described, more = _described(replace(feed, format=kind), begin, blocks, path.name, stated)
        return _read_stream(described, blocks, suffix, (*doubts, *more), path.name)


@contextmanager
def _streams(
    descriptor: int, path: Path, packed: str
) -> Iterator[tuple[str, Callable[[], Iterator[bytes]], tuple[str, ...]]]:
    """The name without its packing, what begins the decoded stream anew, and a doubt where it is one of several."""
    if packed != "zip":
        name = path.stem if path.suffix.lower() in PACKED else path.name
        yield name, lambda: file_blocks(descriptor, path.name, hashing()), ()
        return
    with ExitStack() as stack:
        zipped = stack.enter_context(archive_at(descriptor))
        names = sorted(info.filename for info in zipped.infolist() if not info.is_dir())
        if "[Content_Types].xml" in names:
            raise OperatorError(f"{path.name} is an office document; save its table as CSV, then again")
        names = [name for name in names if not any(is_hidden(part) for part in name.split("/"))]
        if not names:
            raise OperatorError(f"{path.name} holds no file; take another one")
        doubts = (f"the zip file holds {len(names)} files; only the first was looked at",) if len(names) > 1 else ()
        yield names[0].rpartition("/")[2], lambda: member_blocks(zipped, names[0]), doubts


def _described(
    feed: Feed, begin: bytes, blocks: Callable[[], Iterator[bytes]], name: str, stated: Stated
) -> tuple[Feed, tuple[str, ...]]:
    """The feed with what its format needs to be told."""
    if feed.format == "csv":
        dialect = guess_dialect(
            lambda: _Limited(blocks()), name, delimiter=stated.delimiter, skip_rows=stated.skip_rows
        )
        return replace(feed, csv=dialect.csv), dialect.doubts
    if feed.format == "json":
        lists = (
            recognise.json_lists(begin[:_START_BYTES])
            if not begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
            else []
        )
        if not lists:
            return feed, ()
        others = f"; other lists: {', '.join(lists[1:4])}" if lists[1:] else ""
        return replace(feed, records=lists[0]), (f"records: `$` would take the whole document as one{others}",)
    if feed.format == "xml":
        found = recognise.xml_record(begin[:_START_BYTES])
        if found is None:
            raise OperatorError(f"{name} is no XML that can be read; mend it, or take another file")
        return replace(feed, records=found), ("records: the first element that is repeated",)
    return feed, ()


class _Limited:
    """The first 64 MiB of a stream; `is_cut`: there was more."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = MOST_BYTES
        self.is_cut = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.is_cut:
            raise StopIteration
        block = next(self._blocks)
        self.is_cut = len(block) > self._left
        block = block[: self._left]
        self._left -= len(block)
        if not block:
            raise StopIteration
        return block


def _read_stream(
    feed: Feed, blocks: Callable[[], Iterator[bytes]], suffix: str, doubts: tuple[str, ...], name: str
) -> Sample:
    sample = _once(feed, blocks, suffix, doubts)
    if feed.format == "csv" and sample.skipped_records:
        # Marks of inches and the like are no quotes: then the rows are whole only if nothing is quoted.
        plain = _once(replace(feed, csv=replace(feed.csv, quote="")), blocks, suffix, doubts)
        if not plain.skipped_records:
            return replace(plain, doubts=(*doubts, "quote: nothing is quoted, since the quotes do not pair"))
    if sample.records:
        return sample
    if not sample.skipped_records:
        behind = " behind its header" if feed.format == "csv" else ""
        raise OperatorError(f"{name} holds no record{behind}, so nothing can be told from it; take a file with some")
    none = ", or none is an object" if feed.format in {"json", "jsonl"} else ""
    raise OperatorError(
        f"{name}: no record of it can be read as {feed.format}, which it looks like{none}; mend it, or take another "
        f"file. A record is at most {MAX_RECORD_BYTES:,} bytes, nested at most {MAX_DEPTH} deep"
    )


def _once(feed: Feed, blocks: Callable[[], Iterator[bytes]], suffix: str, doubts: tuple[str, ...]) -> Sample:
    limited = _Limited(blocks())
    batches = formats.read(limited, 0, feed=feed, max_record_bytes=MAX_RECORD_BYTES, chunk_bytes=_CHUNK_BYTES)
    sample = _made(feed, batches, suffix, doubts)
    if limited.is_cut and feed.format in {"csv", "jsonl"} and len(sample.records) < MOST_RECORDS:
        return replace(sample, records=sample.records[:-1])  # the last one may have been cut in two
    return sample


def _made(feed: Feed, batches: Iterable[RecordBatch], suffix: str, doubts: tuple[str, ...]) -> Sample:
    records: list[dict[str, Any]] = []
    skipped = values = 0
    for text in _texts(batches):
        if len(records) == MOST_RECORDS or values > _MOST_VALUES:
            break
        if text is not None and not text.strip():
            continue
        record = _record(text) if text is not None else None
        if record is None:
            skipped += 1
        else:
            records.append(record)
            values += len(record)
    return Sample(feed, tuple(records), skipped, suffix, doubts)


def _texts(batches: Iterable[RecordBatch]) -> Iterator[str | None]:
    """The JSON of each record; None where there is none."""
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("raw", "text", "code"))
        for raw, text, code in zip(*columns, strict=True):
            if code is not None:
                yield None
            elif text is not None:
                yield text
            else:
                try:
                    yield raw.decode()
                except UnicodeDecodeError:
                    yield None


def _record(text: str) -> dict[str, Any] | None:
    """The object, with numbers as their digits; None where the check would find it unreadable, or no object."""
    try:
        found = json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refused,
            object_pairs_hook=_once_each,
        )
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(constant: str) -> object:
    raise ValueError(constant)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _start(blocks: Iterator[bytes]) -> bytes:
    """A little more than is looked at, where there is more."""
    begin = bytearray()
    for block in blocks:
        begin += block
        if len(begin) > _START_BYTES:
            break
    return bytes(begin)


def _suffix(kind: str, name: str) -> str:
    """That of the name, if the door takes it."""
    own = Path(name).suffix
    return own if own.lower() in SUFFIXES[kind] else SUFFIXES[kind][0]
