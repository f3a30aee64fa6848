"""Cuts the records of a load into slices of bounded size, so that no query has to hold all of them at once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

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
