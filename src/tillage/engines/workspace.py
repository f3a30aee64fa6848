"""One load in DuckDB: records in, verdicts out, and the rows of every stage as functions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import duckdb
import pyarrow as pa

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import empty_relation, silver_columns
from tillage.domain.conservation import Counts
from tillage.domain.verdict import Verdict
from tillage.engines.counting import QUARANTINED_SQL, counted
from tillage.engines.judge import decided, judge
from tillage.engines.reader import RECORDS, Reader, checked
from tillage.engines.relations import bronze_relation, current_relation, silver_relation
from tillage.engines.slices import slices
from tillage.errors import ModelError
from tillage.models.fold import Fold
from tillage.ports.door import RecordBatch
from tillage.ports.engine import BrokenRule, Folders, Silver
from tillage.ports.lake import Rows, Snapshot

_FETCH_ROWS = 50_000
_WRITTEN_ROWS = 8_192  # by default a million rows would be held at once
_RECALLED = """load_seq, source, ordinal, "offset", raw, text, size_bytes, digest, is_part,
    if(is_part and list_any_value(list_transform(units, lambda u: u.verdict)) = 'unreadable' or digest is not null,
        units[1].codes[1], null) as code"""
"""A document that was broken, and a record that was cut, are not read again."""


class DuckWorkspace:
    """Tables: `RECORDS` (raw bytes), and for each dataset `decided`, its units with a verdict each."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        load_seq: int,
        check: Check,
        project: Mapping[str, Dataset],
        folders: Folders,
        *,
        threads: int,
    ) -> None:
        self._connection = connection
        self._project = project
        self._load_seq = load_seq
        self._check = check
        self._datasets = check.contract.datasets
        self._reader = Reader(connection, check, folders, threads)

    def decide(
        self,
        batches: Iterable[RecordBatch],
        silver: Mapping[str, Silver],
        document: Callable[[int], RecordBatch],
    ) -> None:
        self._reader.start()
        self._reader.read(batches, self._load_seq)
        for source in self._reader.broken_documents():
            self._reader.replace(source, document(source), self._load_seq)
        self._reader.finish()
        for dataset in self._datasets:
            judge(self._connection, dataset, silver.get(dataset.name))
        # An unreadable record counts once, as a unit of the first dataset whose amount nobody can count.
        self._connection.execute(f"""
            insert into {decided(self._datasets[0])} by name
            select _load_seq, _source, _ordinal, _offset, 0 as _unit, [code] as _codes, [] as _warnings,
                {text(Verdict.UNREADABLE)} as _verdict
            from {RECORDS} where code is not null
        """)

    def recall(self, bronze: Snapshot, loads: Iterable[int]) -> None:
        self._reader.start()
        rows = bronze_relation(bronze, loads)
        found = self._connection.cursor().sql(f"select {_RECALLED} from ({rows})")
        self._reader.read(found.to_arrow_reader(_FETCH_ROWS))
        self._reader.finish()
        self._connection.execute(f"""
            create or replace temp table "#verdicts" as
            select load_seq as _load_seq, source as _source, ordinal as _ordinal, "offset" as _offset, u.dataset,
                u.unit as _unit, u.verdict as _verdict, u.codes as _codes, u.warnings as _warnings,
                u.control_minor as _control_minor, u.control_currency as _control_currency
            from (select load_seq, source, ordinal, "offset", unnest(units) as u from ({rows}))
        """)
        for dataset in self._datasets:
            self._recall(dataset)

    def _recall(self, dataset: Dataset) -> None:
        table = decided(dataset)
        mine = f'select * exclude (dataset) from "#verdicts" where dataset = {text(dataset.name)}'
        self._connection.execute(f"""
            create or replace temp table {table} as
            select c.* replace (v._codes as _codes), v._verdict
            from {checked(dataset)} as c join ({mine}) as v using (_load_seq, _source, _ordinal, _unit)
            where v._verdict <> {text(Verdict.UNREADABLE)};
            insert into {table} by name {mine} and _verdict = {text(Verdict.UNREADABLE)}
        """)

    def broken_rules(self, silver: Mapping[str, Silver]) -> list[BrokenRule]:
        broken = []
        for dataset in self._datasets:
            if dataset.dataset_rules:
                broken += self._broken(dataset, silver.get(dataset.name))
        return broken

    def _broken(self, dataset: Dataset, silver: Silver | None) -> list[BrokenRule]:
        own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
        rows = f"select {own} from {decided(dataset)} where _verdict = {text(Verdict.ACCEPTED)}"
        if silver is not None and silver.snapshot.files:
            current = current_relation(dataset, silver_relation(dataset, silver))
            rows = f"select {own} from ({current}) union all {rows}"
        self._connection.execute(f"create or replace temp view {name(dataset.name)} as {rows}")
        broken = []
        for rule in dataset.dataset_rules:
            try:
                answer = self._connection.execute(rule.sql).fetchall()
            except duckdb.Error as wrong:
                # Its text may quote a value of a row.
                broken.append(BrokenRule(dataset.name, rule, f"no answer ({type(wrong).__name__})"))
                continue
            if len(answer) != 1 or len(answer[0]) != 1 or answer[0][0] is None:
                broken.append(BrokenRule(dataset.name, rule, "no answer (not one value)"))
            elif not rule.holds(answer[0][0]):
                broken.append(BrokenRule(dataset.name, rule, str(answer[0][0])))
        self._connection.execute(f"drop view {name(dataset.name)}")
        return broken

    def unread_sources(self) -> list[int]:
        rows = self._connection.execute(f"""
            select _source from {RECORDS} group by _source having count(*) = count(code) order by 1
        """).fetchall()
        return [int(source) for (source,) in rows]

    def bronze_rows(self) -> Rows:
        schema = self._connection.sql(f"{self._bronze_sql('false')} limit 0").to_arrow_table().schema
        return pa.RecordBatchReader.from_batches(schema, self._bronze_batches())

    def _bronze_batches(self) -> Iterator[pa.RecordBatch]:
        for condition in list(slices(self._connection, RECORDS)):
            yield from self._connection.sql(self._bronze_sql(condition)).to_arrow_table().to_batches(_WRITTEN_ROWS)

    def _bronze_sql(self, condition: str) -> str:
        """SELECT of the records that fulfil a condition, with the verdicts of their units."""
        units = " union all ".join(
            f"""
            select _source, _ordinal, struct_pack(place := {index}, unit_no := _unit, u := struct_pack(
                dataset := {text(dataset.name)}, unit := _unit, verdict := _verdict, codes := _codes,
                warnings := _warnings, control_minor := _control_minor::decimal(38,0),
                control_currency := _control_currency)) as u
            from {decided(dataset)} where {condition}
            """
            for index, dataset in enumerate(self._datasets)
        )
        return f"""
            with by_record as (
                select _source, _ordinal, list_transform(list_sort(list(u)), lambda one: one.u) as units
                from ({units}) group by _source, _ordinal
            )
            select _load_seq as load_seq, _source as source, _ordinal as ordinal, _offset as "offset", raw, text,
                size_bytes, digest, is_part, coalesce(units, []) as units
            from (from {RECORDS} where {condition}) left join by_record using (_source, _ordinal)
        """

    def silver_rows(self, dataset: str) -> Rows | None:
        rows = self.silver_sql(self._check.contract.dataset(dataset))
        ((count,),) = self._connection.execute(f"select count(*) from ({rows})").fetchall()
        return self._connection.sql(rows).to_arrow_reader(_WRITTEN_ROWS) if count else None

    def silver_sql(self, dataset: Dataset) -> str:
        """The signed rows that the accepted units add, as a SELECT."""
        own = ", ".join(
            f"{name(column)}::{kind} as {name(column)}"
            for column, kind in silver_columns(dataset)
            if not column.startswith("_")
        )
        return f"""
            select {own}, 1::tinyint as _sign, _load_seq as _load, struct_pack("load" := _load_seq,
                source := _source, ordinal := _ordinal, "offset" := _offset, unit := _unit) as _record
            from {decided(dataset)} where _verdict = {text(Verdict.ACCEPTED)}
        """

    def units(self, dataset: str) -> Rows:
        mine = self._check.contract.dataset(dataset)
        own = ", ".join(name(column) for column, _ in silver_columns(mine) if not column.startswith("_"))
        return self._connection.sql(f"""
            select {own}, _source, _ordinal, _unit, _verdict, _codes, _warnings,
                _control_minor::decimal(38,0) as _control_minor, _control_currency
            from {decided(mine)} order by _source, _ordinal, _unit
        """).to_arrow_table()

    def counts(self) -> dict[str, Counts]:
        return {dataset.name: counted(self._connection, dataset, decided(dataset)) for dataset in self._datasets}

    def quarantine_rows(self) -> Rows:
        codes = "'{' || array_to_string(list_transform(_codes, lambda c: '\"' || c || '\"'), ',') || '}'"
        return self._connection.sql(
            " union all ".join(
                f"""
                select {text(dataset.name)} as dataset, _load_seq as load_seq, _source as source,
                    _ordinal as ordinal, _offset as "offset", _unit as unit, {codes} as codes,
                    _control_minor as control_minor, _control_currency as control_currency,
                    {int(self._load_seq)} as judged_load
                from {decided(dataset)} where _verdict in ({QUARANTINED_SQL})
                """
                for dataset in self._datasets
            )
        ).to_arrow_table()

    def delta(self, fold: Fold) -> Rows | None:
        mine = {dataset.name: dataset for dataset in self._datasets}
        if not mine.keys() & set(fold.datasets):
            return None
        for dataset in fold.datasets:
            rows = self.silver_sql(mine[dataset]) if dataset in mine else empty_relation(self._project[dataset])
            self._connection.execute(f"create or replace temp view {name(dataset)} as {rows}")
        try:
            return self._connection.sql(fold.delta_sql).to_arrow_table()
        except duckdb.Error as wrong:
            # Its text may quote a value of a row.
            raise ModelError(
                f"models/{fold.name}.sql fails on a row of load {self._load_seq} ({type(wrong).__name__}); nothing of "
                "the load is visible yet. Guard the expression (try_cast, nullif, case), then: tillage run"
            ) from None
