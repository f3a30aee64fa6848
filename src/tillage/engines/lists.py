"""Checked elements, one row each, back into the lists of their units: arrays laid end to end need only offsets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.contract import Column, Kind, Vat
from tillage.engines.nets import line_nets


def with_lists(units: pa.Table, leaf: Leaf, elements: pa.Table, control: Column | None) -> pa.Table:
    """`units` with the list `leaf` as the compiled check wants it: `list:x`, `bits:x`, and of the column `control`
    `uncounted:x` and `amounts:x`.

    Args:
        units: opened units; row n is the one that elements call `_row` n.
        leaf: the list.
        elements: what the SELECT of its elements gave, in any order.
        control: the column of the list whose amounts the law counts, if it has it.
    """
    key = leaf.key
    flat = _in_order(elements)
    rows = flat.column("_row").to_numpy()
    lengths = np.bincount(rows, minlength=len(units))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    found = units.column(f"found:{key}")
    missing = pc.is_null(found.combine_chunks()) if found.null_count else None

    def gathered(values: pa.Array) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, values, mask=missing)

    made = {f"list:{key}": gathered(_stored(leaf.column, flat, rows))}
    made[f"bits:{key}"] = pa.array(_together(flat.column("bits"), rows, len(units)))
    if control is not None:
        made[f"uncounted:{key}"] = pa.array(_together(flat.column("uncounted"), rows, len(units)))
        made[f"amounts:{key}"] = gathered(flat.column(f"final:{control.name}"))
    units = units.drop([f"found:{key}"])
    for column, values in made.items():
        units = units.append_column(column, values)
    return units


def _in_order(elements: pa.Table) -> pa.RecordBatch:
    """By unit and place in its list; the engine gives them so unless several threads took part."""
    rows, places = elements.column("_row").to_numpy(), elements.column("_nth").to_numpy()
    rising = (rows[1:] > rows[:-1]) | ((rows[1:] == rows[:-1]) & (places[1:] > places[:-1]))
    if not rising.all():
        elements = elements.take(pa.array(np.lexsort((places, rows))))
    # One array of each column; of a column without chunks too.
    arrays = [pa.concat_arrays(column.chunks or [pa.array([], column.type)]) for column in elements.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=elements.schema)


def _together(bits: pa.Array, rows: Any, units: int) -> Any:
    """For each unit the bits of all of its elements."""
    every = np.zeros(units, dtype=np.int32)
    if len(rows):
        starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
        every[rows[starts]] = np.bitwise_or.reduceat(bits.to_numpy(zero_copy_only=False), starts)
    return every


def _stored(column: Column, flat: pa.RecordBatch, rows: Any, key: str = "") -> pa.Array:
    """The elements, or an object in them, as silver keeps them."""
    if column.is_scalar_list and not key:
        return flat.column(f"final:{column.items[0].name}")
    fields: dict[str, pa.Array] = {}
    for item in column.items:
        own = f"{key}{item.name}"
        if item.kind is Kind.OBJECT:
            fields[item.name] = _stored(item, flat, rows, f"{own}.")
            continue
        fields[item.stored_name] = flat.column(f"final:{own}")
        if item.vat:
            fields[item.net_name] = _nets(item.vat, own, flat, rows)
            fields[item.rate_name] = flat.column(f"rate:{own}")
    return pa.StructArray.from_arrays(list(fields.values()), list(fields))


def _nets(vat: Vat, key: str, flat: pa.RecordBatch, rows: Any) -> pa.Array:
    """Null where there is no amount, or no rate is known."""
    gross, rate = flat.column(f"final:{key}"), flat.column(f"rate:{key}")
    is_known = pc.and_(pc.is_valid(gross), pc.is_valid(rate))
    amounts = pc.if_else(is_known, gross, 0).to_numpy()
    made = line_nets(amounts, pc.fill_null(rate, 0).to_numpy().astype(np.int64), rows, vat)
    return pc.if_else(is_known, pa.array(made), pa.scalar(None, pa.int64()))
