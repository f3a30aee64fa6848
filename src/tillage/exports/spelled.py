"""A table's rows as the bytes of one file: the same rows always give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from tillage.domain.export import Form, Format
from tillage.exports.sink import Sink, bytes_of, packed
from tillage.ports.export import Streamed

# A row group is whole in memory before it is packed.
_GROUP_ROWS = 32_768
_GROUP_BYTES = 64 * 1024 * 1024


def write_rows(streamed: Streamed, form: Form, sink: Sink, about: Mapping[str, str]) -> int:
    """Writes them all; how many there were."""
    if form.format is Format.PARQUET:
        return _write_parquet(streamed, sink, about)
    with packed(sink, form.packing) as out:
        return _write_lines(streamed, out)


def _write_lines(streamed: Streamed, out: Sink | pa.CompressedOutputStream) -> int:
    rows = 0
    if streamed.header:
        out.write(streamed.header.encode())
    for batch in streamed.rows:
        if batch.num_rows:
            out.write(bytes_of(batch.column(0)))
            rows += batch.num_rows
    return rows


def _write_parquet(streamed: Streamed, sink: Sink, about: Mapping[str, str]) -> int:
    schema = streamed.rows.schema.with_metadata({f"tillage.{name}": value for name, value in about.items()})
    rows = 0
    with pq.ParquetWriter(sink, schema, compression="zstd", compression_level=1) as writer:
        for group in _groups(streamed.rows):
            writer.write_table(group.cast(schema), row_group_size=group.num_rows)
            rows += group.num_rows
    return rows


def _groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Cut by rows and bytes alone, and of one piece, so that it is nothing how the engine cut them."""
    held: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size_bytes += batch.nbytes
        if rows >= _GROUP_ROWS or size_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(held).combine_chunks()
            held, rows, size_bytes = [], 0, 0
    if held:
        yield pa.Table.from_batches(held).combine_chunks()
