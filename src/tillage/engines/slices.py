"""Cuts the records of a load into slices of bounded size, so that nothing has to hold all of them at once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

_SLICE_BYTES = 8 * 1024 * 1024
_SLICE_ROWS = 65_536


def slices(connection: duckdb.DuckDBPyConnection, records: str) -> Iterator[str]:
    """Conditions over `_source` and `_ordinal` that each hold for about `_SLICE_BYTES` of the table `records`, and
    together for all of it, once: many small files in one slice, or a part of a large one.
    """
    sources = connection.execute(f"""
        select _source, count(*), coalesce(sum(octet_length(raw) + coalesce(strlen(text), 0)), 0)::bigint,
            min(_ordinal), max(_ordinal)
        from {records} group by _source order by _source
    """).fetchall()
    first: int | None = None
    last = rows = size_bytes = 0
    for source, source_rows, source_bytes, lowest, highest in sources:
        if first is not None and (rows + source_rows > _SLICE_ROWS or size_bytes + source_bytes > _SLICE_BYTES):
            yield f"_source between {first} and {last}"
            first, rows, size_bytes = None, 0, 0
        parts = max(-(-source_rows // _SLICE_ROWS), -(-source_bytes // _SLICE_BYTES))
        if parts > 1:
            # Ordinals are dense but for blank lines, so equal steps hold about equal shares.
            step = -(-(highest - lowest + 1) // parts)
            for start in range(lowest, highest + 1, step):
                yield f"_source = {source} and _ordinal between {start} and {start + step - 1}"
            continue
        first, last = (source if first is None else first), source
        rows, size_bytes = rows + source_rows, size_bytes + source_bytes
    if first is not None:
        yield f"_source between {first} and {last}"


VECTOR_ROWS = 2_048
"""What DuckDB reads at once; asked for more, it gathers so many whatever they weigh."""
_BATCH_ROWS = 49_152
_BATCH_BYTES = 16 * 1024 * 1024


def gathered(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of up to `_BATCH_ROWS` and about `_BATCH_BYTES`, but for a row that is larger alone."""
    held: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in reader:
        for piece in _cut(batch):
            if held and (rows + piece.num_rows > _BATCH_ROWS or size_bytes + piece.nbytes > _BATCH_BYTES):
                yield _joined(held)
                held, rows, size_bytes = [], 0, 0
            held.append(piece)
            rows, size_bytes = rows + piece.num_rows, size_bytes + piece.nbytes
    if held:
        yield _joined(held)


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    step = max(1, min(batch.num_rows, batch.num_rows * _BATCH_BYTES // max(1, batch.nbytes)))
    yield from (batch.slice(start, step) for start in range(0, batch.num_rows, step))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
