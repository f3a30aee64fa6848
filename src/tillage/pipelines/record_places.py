"""Where records stand, by the load that brought each, the number of the file in it, and the ordinal there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from tillage.ports.lake import Rows

RecordPlace = tuple[int, int, int]
_SCHEMA = pa.schema([("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64())])


def rows_of(places: Collection[RecordPlace]) -> Rows:
    """`load_seq, source, ordinal`, sorted."""
    columns = list(zip(*sorted(places), strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)


def places_in(rows: Rows, *more: str) -> set[Any]:
    """The places in some rows, each with what stands in these columns besides."""
    columns = (rows.column(name).to_pylist() for name in (*_SCHEMA.names, *more))
    return {*zip(*columns, strict=True)}
