"""The rows of bronze: raw records, each with the verdicts of its units and what they put an end to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa

from tillage.contracts.contract import Dataset, Merge
from tillage.contracts.sql_text import text
from tillage.contracts.types import CLOSE_TYPE, RECORD_TYPE
from tillage.engines.judged import RECORD, decided
from tillage.engines.reader import RECORDS
from tillage.engines.slices import slices
from tillage.engines.suppressing import EMPTIED
from tillage.engines.taking import WRITTEN

_WRITTEN_ROWS = 8_192  # more would only be held at once
_PLACES = "_load_seq, _source, _ordinal"


def bronze_rows(
    connection: duckdb.DuckDBPyConnection,
    datasets: Sequence[Dataset],
    load_seq: int,
    *,
    is_replay: bool,
    is_rebuild: bool = False,
) -> pa.RecordBatchReader:
    """All records of a load, a slice at a time; of a replay without the bytes that are in bronze already.

    In a rebuild, which is like a replay, each unit puts an end to what it was.
    """
    records = f"select rowid as _row, *, true as is_kept from {RECORDS}"
    if is_replay:
        records = f"""
            select r.rowid as _row, r.*, w.is_patched as is_kept
            from {RECORDS} as r join {WRITTEN} as w using ({_PLACES})
        """
    select = f"""
        select _row, {int(load_seq)}::bigint as load_seq, _source as source, _ordinal as ordinal, _offset as "offset",
            if(is_kept, raw, null) as raw, if(is_kept, text, null) as text, size_bytes, digest, is_part,
            _load_seq as record_load,
            if(({_PLACES}) in (select ({_PLACES}) from {EMPTIED}), {int(load_seq)}::bigint, null) as forgotten_by
        from ({records})
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for condition in list(slices(connection, RECORDS)):
            yield from cut(condition).to_batches(_WRITTEN_ROWS)

    cut = partial(_slice, connection, datasets, select, is_rebuild=is_rebuild)
    return pa.RecordBatchReader.from_batches(cut("false").schema, batches())


def _slice(
    connection: duckdb.DuckDBPyConnection,
    datasets: Sequence[Dataset],
    select: str,
    condition: str,
    *,
    is_rebuild: bool,
) -> pa.Table:
    """The records that fulfil a condition.

    Units are put beside their records by number: gathered by SQL, as sorted lists of structs, they took three quarters
    of the time of all of bronze.
    """
    records = connection.sql(f"{select} where {condition} order by _row").to_arrow_table()
    units = connection.sql(f"""
        with mine as (select rowid as _row, {_PLACES} from {RECORDS} where {condition})
        {" union all ".join(_units(place, dataset, condition) for place, dataset in enumerate(datasets))}
    """).to_arrow_table()
    every, rows = records.column("_row").to_numpy(), units.column("_row").to_numpy()
    order = np.lexsort((units.column("unit").to_numpy(), units.column("place").to_numpy(), rows))
    units, rows = units.take(pa.array(order)), rows[order]
    forgotten_by = records.column("forgotten_by")
    records = records.drop(["_row", "forgotten_by"])
    records = records.append_column("units", _beside(every, rows, units.drop(["_row", "place", "own", "closes"])))
    closes = connection.sql(f"select null::{CLOSE_TYPE}[] as closes limit 0").to_arrow_table().schema.field("closes")
    if not is_rebuild and all(dataset.merge is Merge.REJECT for dataset in datasets):
        records = records.append_column(closes, pa.nulls(len(records), closes.type))
    else:
        ended, ending = _ended(units, rows, "closes")
        if is_rebuild:
            own, owning = _ended(units, rows, "own")
            ended, ending = pa.concat_tables([own, ended]), np.concatenate([owning, ending])
            order = np.argsort(ending, kind="stable")
            ended, ending = ended.take(pa.array(order)), ending[order]
        records = records.append_column(closes, _beside(every, ending, ended).cast(closes.type))
    return records.append_column("forgotten_by", forgotten_by)


def _ended(units: pa.Table, rows: np.ndarray, which: str) -> tuple[pa.Table, np.ndarray]:
    """The units with something in the column `which`, a record, and the rows whose units they are."""
    is_ending = units.column(which).is_valid()
    ended = units.filter(is_ending).select(["dataset", "unit", which]).rename_columns(["dataset", "unit", "record"])
    return ended, rows[is_ending.to_numpy()]


def _beside(every: np.ndarray, rows: np.ndarray, values: pa.Table) -> pa.ListArray:
    """For each of `every`, the values whose row it is; both are sorted, and each row of a value is one of them."""
    ends = np.searchsorted(rows, every, side="right")
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values.combine_chunks().to_struct_array().combine_chunks())


def _units(place: int, dataset: Dataset, condition: str) -> str:
    return f"""
        select _row, {place} as place, {text(dataset.name)} as dataset, _unit as unit, _verdict as verdict,
            _codes as codes, _warnings as warnings, _control_minor::decimal(38,0) as control_minor,
            _control_currency as control_currency, {RECORD}::{RECORD_TYPE} as own, _closes::{RECORD_TYPE} as closes
        from (from {decided(dataset)} where {condition}) join mine using ({_PLACES})
    """
