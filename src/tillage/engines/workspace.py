"""One load in DuckDB: records in, verdicts out, and the rows of every stage as functions of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from tillage.contracts.check import Check
from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import empty_relation, silver_columns
from tillage.domain.conservation import Counts
from tillage.domain.verdict import QUARANTINED, Verdict
from tillage.engines.judge import judge
from tillage.engines.reader import Reader
from tillage.engines.relations import bronze_relation
from tillage.errors import ModelError
from tillage.models.fold import Fold
from tillage.ports.door import RecordBatch
from tillage.ports.engine import Silver
from tillage.ports.lake import Rows, Snapshot

_FETCH_ROWS = 50_000
_QUARANTINED = ", ".join(text(verdict) for verdict in QUARANTINED)


class DuckWorkspace:
    """Tables: `records` (raw bytes), and for each dataset `decided:<dataset>`, its units with a verdict each."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, load_seq: int, check: Check, project: Mapping[str, Dataset]
    ) -> None:
        self._connection = connection
        self._project = project
        self._load_seq = load_seq
        self._check = check
        self._datasets = check.contract.datasets
        self._reader = Reader(connection, check)

    def decide(self, batches: Iterable[RecordBatch], silver: Mapping[str, Silver]) -> None:
        self._reader.start()
        for batch in batches:
            self._reader.add(batch, self._load_seq)
        for dataset in self._datasets:
            judge(self._connection, dataset, silver.get(dataset.name))
        # An unreadable record counts once, as a unit of the first dataset whose amount nobody can count.
        self._connection.execute(f"""
            insert into {self._decided(self._datasets[0])} by name
            select load_seq, source, ordinal, "offset", 0 as unit, [code] as codes,
                {text(Verdict.UNREADABLE)} as verdict
            from records where code is not null
        """)

    def recall(self, bronze: Snapshot, loads: Iterable[int]) -> None:
        self._reader.start()
        rows = bronze_relation(bronze, loads)
        found = self._connection.cursor().sql(f'select load_seq, source, ordinal, "offset", raw from ({rows})')
        for batch in found.to_arrow_reader(_FETCH_ROWS):
            self._reader.add(batch)
        self._connection.execute(f"""
            create or replace temp table verdicts as
            select load_seq, source, ordinal, "offset", unnest(u, recursive := true)
            from (select load_seq, source, ordinal, "offset", unnest(units) as u from ({rows}))
        """)
        for dataset in self._datasets:
            self._recall(dataset)

    def _recall(self, dataset: Dataset) -> None:
        decided = self._decided(dataset)
        mine = f"select * exclude (dataset) from verdicts where dataset = {text(dataset.name)}"
        self._connection.execute(f"""
            create or replace temp table {decided} as
            select c.* replace (v.codes as codes), v.verdict
            from {name("checked:" + dataset.name)} as c join ({mine}) as v using (load_seq, source, ordinal, unit)
            where v.verdict <> {text(Verdict.UNREADABLE)};
            insert into {decided} by name {mine} and verdict = {text(Verdict.UNREADABLE)}
        """)

    def bronze_rows(self) -> Rows:
        units = " union all ".join(
            f"""
            select source, ordinal, {index} as place, struct_pack(
                dataset := {text(dataset.name)}, unit := unit, verdict := verdict, codes := codes,
                control_minor := control_minor::decimal(38,0)) as u
            from {self._decided(dataset)}
            """
            for index, dataset in enumerate(self._datasets)
        )
        return self._connection.sql(f"""
            with by_record as (
                select source, ordinal, list(u order by place, u.unit) as units from ({units}) group by source, ordinal
            )
            select load_seq, source, ordinal, "offset", raw, coalesce(units, []) as units
            from records left join by_record using (source, ordinal)
        """)

    def silver_rows(self, dataset: str) -> Rows | None:
        rows = self.silver_sql(self._check.contract.dataset(dataset))
        ((count,),) = self._connection.execute(f"select count(*) from ({rows})").fetchall()
        return self._connection.sql(rows) if count else None

    def silver_sql(self, dataset: Dataset) -> str:
        """The signed rows that the accepted units add, as a SELECT."""
        own = ", ".join(
            f"{name(column)}::{kind} as {name(column)}"
            for column, kind in silver_columns(dataset)
            if not column.startswith("_")
        )
        return f"""
            select {own}, 1::tinyint as _sign, load_seq as _load, struct_pack(
                "load" := load_seq, source := source, ordinal := ordinal, "offset" := "offset", unit := unit) as _record
            from {self._decided(dataset)} where verdict = {text(Verdict.ACCEPTED)}
        """

    def counts(self) -> dict[str, Counts]:
        return {dataset.name: self._counts(dataset) for dataset in self._datasets}

    def _counts(self, dataset: Dataset) -> Counts:
        groups = {
            "read": "true",
            "accepted": f"verdict = {text(Verdict.ACCEPTED)}",
            "quarantined": f"verdict in ({_QUARANTINED})",
            "duplicate": f"verdict = {text(Verdict.DUPLICATE)}",
            "suppressed": f"verdict = {text(Verdict.SUPPRESSED)}",
        }
        rows = [f"count(*) filter (where {condition})" for condition in groups.values()]
        minor = [f"coalesce(sum(control_minor) filter (where {where}), 0)::hugeint" for where in groups.values()]
        uncounted = "control_minor is null" if dataset.currency else f"verdict = {text(Verdict.UNREADABLE)}"
        (found,) = self._connection.execute(f"""
            select {", ".join(rows + minor)}, count(*) filter (where {uncounted}) from {self._decided(dataset)}
        """).fetchall()
        figures = dict(zip([f"{group}_rows" for group in groups], found, strict=False))
        if dataset.currency is not None:
            figures |= dict(zip([f"{group}_minor" for group in groups], found[len(groups) :], strict=False))
        figures["not_countable_rows"] = found[-1]
        return Counts(**{figure: int(value) for figure, value in figures.items()})

    def quarantine_rows(self) -> Rows:
        codes = "'{' || array_to_string(codes, ',') || '}'"  # a PostgreSQL array; no code holds what it would quote
        return self._connection.sql(
            " union all ".join(
                f"""
                select {text(dataset.name)} as dataset, load_seq, source, ordinal, "offset", unit, {codes} as codes,
                    control_minor
                from {self._decided(dataset)} where verdict in ({_QUARANTINED})
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

    def _decided(self, dataset: Dataset) -> str:
        return name("decided:" + dataset.name)
