"""Which module reads which format: all from the decoded stream, but for Parquet, which needs the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tillage.contracts.project import Feed
from tillage.doors.csv_rows import read_csv
from tillage.doors.json_document import read_documents
from tillage.doors.lines import read_lines
from tillage.doors.xml_rows import read_xml
from tillage.ports.door import RecordBatch

_CSV_CHUNK_BYTES = 1024 * 1024  # stays in the cache; places of marks take up to 30 times a chunk of nothing but commas


def read(
    blocks: Iterator[bytes],
    source: int,
    *,
    feed: Feed,
    max_record_bytes: int,
    chunk_bytes: int,
    members: Collection[str] = (),
) -> Iterator[RecordBatch]:
    """The records of a decoded stream, in batches of about `chunk_bytes`; a table has a column of these `members`.

    Raises:
        RefusedStreamError: no record of it could be right.
    """
    if feed.format == "csv":
        chunk_bytes = min(chunk_bytes, _CSV_CHUNK_BYTES)
        return read_csv(
            blocks, source, feed=feed, max_record_bytes=max_record_bytes, chunk_bytes=chunk_bytes, members=members
        )
    if feed.format == "json":
        return read_documents(
            blocks, source, records=feed.records, max_record_bytes=max_record_bytes, chunk_bytes=chunk_bytes
        )
    if feed.format == "xml":
        return read_xml(
            blocks,
            source,
            records=feed.records or "",
            max_record_bytes=max_record_bytes,
            chunk_bytes=chunk_bytes,
        )
    return read_lines(blocks, source, feed=feed, max_record_bytes=max_record_bytes, chunk_bytes=chunk_bytes)
