"""A table's rows as the bytes of one file: the same rows always give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from tillage.domain.export import Form, Format
from tillage.exports.sink import Sink
from tillage.ports.export import Streamed

_PACKED = {"gz": "gzip", "zst": "zstd"}
# A row group is whole in memory before it is packed.
_GROUP_ROWS = 32_768
_GROUP_BYTES = 64 * 1024 * 1024


def write_rows(streamed: Streamed, form: Form, sink: Sink, about: Mapping[str, str]) -> int:
    """Writes them all; how many there were."""
    if form.format is Format.PARQUET:
        return _write_parquet(streamed, sink, about)
    if form.packing:
        with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), _PACKED[form.packing]) as packed:
            return _write_lines(streamed, packed)
    return _write_lines(streamed, sink)


def _write_lines(streamed: Streamed, out: Sink | pa.CompressedOutputStream) -> int:
    rows = 0
    if streamed.header:
        out.write(streamed.header.encode())
    for batch in streamed.rows:
        if batch.num_rows:
            out.write(_bytes_of(batch.column(0)))
            rows += batch.num_rows
    return rows


def _bytes_of(lines: pa.Array) -> pa.Buffer:
    """The texts of an array one after the other, which is how Arrow keeps them."""
    width = 8 if pa.types.is_large_string(lines.type) else 4
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("q" if width == 8 else "i")
    start, end = ends[lines.offset], ends[lines.offset + len(lines)]
    return data.slice(start, end - start)


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
