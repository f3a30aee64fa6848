"""Raw records to checked units: the compiled check, with an exact look at the few records that it is not sure about."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from tillage.contracts.check import Check
from tillage.contracts.exact import MAX_RECORD_BYTES, UnreadableError, look
from tillage.contracts.sql_text import name, text
from tillage.contracts.suspect import without_nulls
from tillage.ports.door import RecordBatch

_BLANK = r"E' \t\r\n'"  # what JSON calls white space
_LOOKED = pa.schema(
    [
        ("load_seq", pa.int64()),
        ("source", pa.int32()),
        ("ordinal", pa.int64()),
        ("text", pa.string()),
        ("code", pa.string()),
    ]
)


class Reader:
    """Fills `records` (place, raw, code of what is unreadable) and one `checked:<dataset>` table each."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, check: Check) -> None:
        self._connection = connection
        self._check = check
        self._structure = text(check.structure)

    def start(self) -> None:
        """Empty tables."""
        self._connection.execute(f"""
            create or replace temp table records
                (load_seq bigint, source integer, ordinal bigint, "offset" bigint, raw blob, code varchar);
            create or replace temp table parsed as
            select r.* exclude (raw, code), json_transform('{{}}', {self._structure}) as r from records as r
        """)
        for dataset, sql in self._check.units:
            self._connection.execute(f"create or replace temp table {name('checked:' + dataset.name)} as {sql}")

    def add(self, batch: RecordBatch, load_seq: int | None = None) -> None:
        """Checks one batch; `load_seq` where the batch does not carry its own."""
        self._take(batch, load_seq)
        self._look()
        self._connection.execute(f"""
            create or replace temp table parsed as
            select load_seq, source, ordinal, "offset", r
            from parsing anti join looked using (load_seq, source, ordinal)
            union all
            select load_seq, source, ordinal, "offset", json_transform(looked.text, {self._structure}) as r
            from looked join parsing using (load_seq, source, ordinal)
            where looked.code is null;
            insert into records
            select load_seq, source, ordinal, "offset", raw, code
            from parsing left join looked using (load_seq, source, ordinal)
        """)
        for dataset, sql in self._check.units:
            self._connection.execute(f"insert into {name('checked:' + dataset.name)} {sql}")

    def _take(self, batch: RecordBatch, load_seq: int | None) -> None:
        """Fills `parsing`: the records of a batch that are not blank, parsed where they are JSON at all."""
        incoming = pa.table({column: batch.column(column) for column in batch.schema.names})
        incoming = incoming.append_column("text", _as_text(batch.column("raw")))
        if load_seq is not None:
            incoming = incoming.append_column("load_seq", pa.repeat(pa.scalar(load_seq, pa.int64()), incoming.num_rows))
        self._connection.register("incoming", incoming)
        self._connection.execute(f"""
            create or replace temp table parsing as
            with reading as (
                select load_seq, source, ordinal, "offset", raw::blob as raw, text,
                    coalesce(json_valid(text) and strlen(text) <= {MAX_RECORD_BYTES}, false) as is_json
                from incoming
                where text is null or trim(text, {_BLANK}) <> ''
            ),
            read as (
                select *, if(is_json, json_transform(text, {self._structure}), null) as r from reading
            ),
            counting as (
                select *, if(is_json and contains(text, 'null'),
                    json_transform({without_nulls("text")}, {self._structure}), r) as counted
                from read
            )
            select load_seq, source, ordinal, "offset", raw, r,
                coalesce(not is_json or {self._check.suspect}, true) as is_suspect
            from counting
        """)
        self._connection.unregister("incoming")

    def _look(self) -> None:
        """Fills `looked`: for each suspect its exact text, or the code that says why there is none."""
        suspects = self._connection.execute("""
            select load_seq, source, ordinal, raw from parsing where is_suspect
        """).fetchall()
        rows: list[tuple[int, int, int, str | None, str | None]] = []
        for load_seq, source, ordinal, raw in suspects:
            try:
                rows.append((load_seq, source, ordinal, look(raw, self._check.shape), None))
            except UnreadableError as wrong:
                rows.append((load_seq, source, ordinal, None, wrong.code.value))
        columns: list[Sequence[object]] = list(zip(*rows, strict=True)) or [[] for _ in _LOOKED]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _LOOKED, strict=True)]
        self._connection.register("looking", pa.table(arrays, schema=_LOOKED))
        self._connection.execute("create or replace temp table looked as select * from looking")
        self._connection.unregister("looking")


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
