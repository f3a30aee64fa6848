"""Raw records to checked units: the compiled check, with an exact look at the few records that it is not sure about."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from tillage.contracts.check import Check
from tillage.contracts.exact import MAX_RECORD_BYTES, UnreadableError, look
from tillage.contracts.sql_text import name, text
from tillage.ports.door import RecordBatch

_PLACE = 'load_seq, source, ordinal, "offset"'
_BLANK = r"E' \t\r\n'"
_LOOKED = pa.schema(
    [("source", pa.int32()), ("ordinal", pa.int64()), ("load_seq", pa.int64()), ("text", pa.string()), ("code", pa.string())]
)


class Reader:
    """Fills `records` (place, raw, code of what is unreadable) and one `checked:<dataset>` table each."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, check: Check) -> None:
        self._connection = connection
        self._check = check

    def start(self) -> None:
        """Empty tables."""
        self._connection.execute(
            "create or replace temp table records "
            '(load_seq bigint, source integer, ordinal bigint, "offset" bigint, raw blob, code varchar)'
        )
        self._connection.execute(
            'create or replace temp table parsed as select null::bigint as load_seq, 0 as source, 0::bigint as ordinal, '
            f"0::bigint as \"offset\", json_transform('{{}}', {text(self._check.structure)}) as r where false"
        )
        for dataset, sql in self._check.units:
            self._connection.execute(f"create or replace temp table {name('checked:' + dataset.name)} as {sql}")

    def add(self, batch: RecordBatch, load_seq: int | None = None) -> None:
        """Checks one batch; `load_seq` where the batch does not carry its own."""
        incoming = pa.table({column: batch.column(column) for column in batch.schema.names})
        incoming = incoming.append_column("text", _as_text(batch.column("raw")))
        if load_seq is not None:
            incoming = incoming.append_column("load_seq", pa.array([load_seq] * incoming.num_rows, pa.int64()))
        self._connection.register("incoming", incoming)
        self._connection.execute(
            f"create or replace temp table reading as select {_PLACE}, raw::blob as raw, text, json_valid(text) as is_json "
            f"from incoming where text is null or trim(text, {_BLANK}) <> ''"
        )
        self._connection.unregister("incoming")
        structure = text(self._check.structure)
        self._connection.execute(
            f"create or replace temp table parsing as select *, "
            f"if(is_json and strlen(text) <= {MAX_RECORD_BYTES}, json_transform(text, {structure}), null) as r from reading"
        )
        self._look()
        self._connection.execute(
            f"create or replace temp table parsed as select {_PLACE}, r from parsing "
            f"where (load_seq, source, ordinal) not in (select load_seq, source, ordinal from looked) "
            f"union all select p.load_seq, p.source, p.ordinal, p.\"offset\", json_transform(k.text, {structure}) "
            "from looked as k join parsing as p using (load_seq, source, ordinal) where k.code is null"
        )
        self._connection.execute(
            f'insert into records select p.load_seq, p.source, p.ordinal, p."offset", p.raw, k.code '
            "from parsing as p left join looked as k using (load_seq, source, ordinal)"
        )
        for dataset, sql in self._check.units:
            self._connection.execute(f"insert into {name('checked:' + dataset.name)} {sql}")

    def _look(self) -> None:
        """Fills `looked`: for each suspect its exact text, or the code that says why there is none."""
        suspects = self._connection.execute(
            f"select source, ordinal, load_seq, raw from parsing "
            f"where coalesce(not is_json or strlen(text) > {MAX_RECORD_BYTES} or {self._check.suspect}, true)"
        ).fetchall()
        rows: list[tuple[int, int, int, str | None, str | None]] = []
        for source, ordinal, load_seq, raw in suspects:
            try:
                rows.append((source, ordinal, load_seq, look(raw, self._check.shape), None))
            except UnreadableError as wrong:
                rows.append((source, ordinal, load_seq, None, wrong.code.value))
        columns = list(zip(*rows, strict=True)) or [[] for _ in _LOOKED]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _LOOKED, strict=True)]
        self._connection.register("looking", pa.table(arrays, schema=_LOOKED))
        self._connection.execute("create or replace temp table looked as select * from looking")
        self._connection.unregister("looking")


def _as_text(raw: pa.Array) -> pa.Array:
    """The same bytes as text, without a copy; null where they are not UTF-8, since the engine trusts Arrow's text."""
    large = raw.cast(pa.large_binary())
    try:
        large.buffers()[2] and bytes(memoryview(large.buffers()[2])).decode()
    except UnicodeDecodeError:
        return pa.array([_decoded(value) for value in large.to_pylist()], pa.large_string())
    return large.cast(pa.large_string())


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
