"""One batch of raw records to checked units: the compiled check, with an exact look at the few it is not sure about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from tillage.contracts.compiler.check import Check
from tillage.contracts.compiler.exact import Bounds, UnreadableError, look
from tillage.contracts.compiler.suspect import structure, suspect, with_observed, without_nulls
from tillage.contracts.sql_text import text
from tillage.ports.door import RecordBatch

_BLANK = r"E' \t\r\n'"  # what JSON calls white space
_OBSERVED_ROWS = 64
_OBSERVED_BYTES = 256 * 1024
_LOOKED = pa.schema(
    [
        ("_load_seq", pa.int64()),
        ("_source", pa.int32()),
        ("_ordinal", pa.int64()),
        ("json", pa.string()),
        ("code", pa.string()),
        ("is_broken", pa.bool_()),
    ]
)


class Batches:
    """Checks batches on a connection of its own, in temporary tables that no other connection sees.

    Afterwards `#parsing` holds the records of the last batch, `#looked` those that took the exact look, and `#parsed`
    what the check reads. `is_trusting`: text beside bytes is as a door made it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, check: Check, *, is_trusting: bool) -> None:
        self._connection = connection
        self._check = check
        contract = check.contract
        self._bounds = Bounds(contract.max_record_bytes, contract.max_depth, contract.is_unknown_rejected)
        # A rejected unknown member must be found, and rows to be grouped need one type: neither learns others.
        self._is_learning = not contract.is_unknown_rejected and not any(d.group_by for d in contract.datasets)
        self._shape = check.shape
        # Text that a door made of a row repeats no name; where all that is read is flat, only NUL in it can be wrong.
        is_flat = all(member.is_leaf for member in check.shape.members.values())
        self._is_trusting = is_trusting and is_flat and not contract.is_unknown_rejected
        self._structure = text(json.dumps(structure(check.shape)))

    def parse(self, batch: RecordBatch, load_seq: int | None) -> None:
        """Fills the tables; `load_seq` where the batch does not carry its own."""
        self._take(batch, load_seq)
        self._look()
        # A view: what most records were parsed to is not copied once more.
        self._connection.execute("""
            create or replace temp view "#parsed" as
            select _load_seq, _source, _ordinal, _offset, r, f, is_text
            from "#parsing" anti join "#looked" using (_load_seq, _source, _ordinal)
            left join "#folders" using (_load_seq, _source)
            where code is null
            union all
            select _load_seq, _source, _ordinal, _offset, l.r, f, is_text
            from "#looked" as l join "#parsing" using (_load_seq, _source, _ordinal)
            left join "#folders" using (_load_seq, _source)
            where l.code is null
        """)

    def _take(self, batch: RecordBatch, load_seq: int | None) -> None:
        """Fills `#parsing`: the records of a batch that are not blank, parsed where they are JSON at all."""
        incoming = pa.table({column: batch.column(column) for column in batch.schema.names})
        given = incoming.column("text")
        is_text = given.null_count < len(given)
        as_json = given if is_text else _as_text(batch.column("raw"))
        incoming = incoming.append_column("json", as_json)
        if load_seq is not None:
            incoming = incoming.append_column("load_seq", pa.repeat(pa.scalar(load_seq, pa.int64()), incoming.num_rows))
        if self._is_learning and not is_text:
            self._observe(as_json)
        self._connection.register("#incoming", incoming)
        doubt = suspect(self._shape, max_depth=self._bounds.depth)
        counted = f"json_transform({without_nulls('text')}, {self._structure})"
        self._connection.execute(f"""
            create or replace temp table "#parsing" as
            with reading as (
                select load_seq as _load_seq, source as _source, ordinal as _ordinal, "offset" as _offset,
                    raw::blob as raw, text as made, size_bytes, digest, code, is_part, json as text,
                    code is null and coalesce(json_valid(json) and strlen(json) <= {self._bounds.record_bytes}, false)
                        as is_json,
                    {self._is_trusting} and made is not null and not is_part and not contains(json, '\\u0000')
                        as is_trusted
                from "#incoming"
                where code is not null or json is null
                    or case when json > '!' then true else trim(json, {_BLANK}) <> '' end
            ),
            read as (
                select *, if(is_json, json_transform(text, {self._structure}), null) as r from reading
            ),
            counting as (
                select *, if(is_json and not is_trusted and contains(text, 'null'), {counted}, r) as counted from read
            )
            select * exclude (text, made, counted, is_json), made as text, made is not null as is_text,
                code is null and not is_trusted and coalesce(not is_json or {doubt}, true)
                    or code is null and is_trusted and not is_json as is_suspect
            from counting
        """)
        self._connection.unregister("#incoming")

    def _observe(self, texts: pa.Array) -> None:
        """Learns from some records which members there are that no column reads."""
        if not len(texts):
            return
        places = np.unique(np.linspace(0, len(texts) - 1, _OBSERVED_ROWS).astype(np.int64))
        seen = [one for place in places if (one := texts[int(place)].as_py()) and len(one) < _OBSERVED_BYTES]
        shape = with_observed(self._shape, seen)
        if shape != self._shape:
            self._shape = shape
            self._structure = text(json.dumps(structure(shape)))

    def _look(self) -> None:
        """Fills `#looked`: for each suspect its exact text, or the code that says why there is none."""
        suspects = self._connection.execute("""
            select _load_seq, _source, _ordinal, coalesce(encode(text), raw), is_text from "#parsing" where is_suspect
        """).fetchall()
        rows: list[tuple[int, int, int, str | None, str | None, bool]] = []
        for load_seq, source, ordinal, raw, is_made in suspects:
            bounds = replace(self._bounds, is_text=True) if is_made else self._bounds
            try:
                rows.append((load_seq, source, ordinal, look(raw, self._check.shape, bounds), None, False))
            except UnreadableError as wrong:
                rows.append((load_seq, source, ordinal, None, wrong.code.value, wrong.is_grammar))
        columns: list[Sequence[object]] = list(zip(*rows, strict=True)) or [[] for _ in _LOOKED]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _LOOKED, strict=True)]
        self._connection.register("#looking", pa.table(arrays, schema=_LOOKED))
        self._connection.execute(f"""
            create or replace temp table "#looked" as
            select *, json_transform(json, {self._structure}) as r from "#looking"
        """)
        self._connection.unregister("#looking")


def _as_text(raw: pa.Array) -> pa.Array:
    """The same bytes as text, without a copy; null where they are not UTF-8, since the engine trusts Arrow's text."""
    try:
        return raw.cast(pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(value) for value in raw.to_pylist()], pa.large_string())


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
