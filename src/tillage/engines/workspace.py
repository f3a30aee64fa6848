"""One load in DuckDB: records in, verdicts out, and the rows of every stage as functions of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

import duckdb

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset, Merge
from tillage.contracts.mirror import MirrorTable
from tillage.contracts.relations import parents_first
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import empty_relation, silver_columns
from tillage.domain.conservation import Counts
from tillage.domain.verdict import Verdict
from tillage.engines.broken import broken_rules
from tillage.engines.bronze import bronze_rows
from tillage.engines.counting import QUARANTINED_SQL, counted
from tillage.engines.judge import judge
from tillage.engines.judged import RECORD, closing, decided, known, standing
from tillage.engines.mirroring import find_touched, table_rows, touched_places
from tillage.engines.people import add_personal, people_rows, pseudonymise
from tillage.engines.reader import RECORDS, Reader
from tillage.engines.rebuilding import (
    find_retaken,
    find_rewritten,
    find_standing,
    keep_changed,
    less_warned,
    recall_standing,
    standing_batches,
    sums_of,
)
from tillage.engines.recall import ended_relation, forgotten_relation, recall_verdicts, recalled_relation
from tillage.engines.references import awaited_rows, find_orphans
from tillage.engines.relations import bronze_relation, current_relation, grown, silver_relation
from tillage.engines.shares import fill_from_silver, share
from tillage.engines.slices import VECTOR_ROWS, gathered
from tillage.engines.statistics import statistic_rows
from tillage.engines.suppressing import (
    decide_suppressed,
    drop_suppressed,
    start_suppressing,
    suppressed_rows,
    take_out_suppressed,
)
from tillage.engines.taking import (
    TAKEN,
    find_taken,
    keep_waiting,
    recall_written,
    start_taking,
    taken_batches,
)
from tillage.errors import ModelError, ModelMemoryError
from tillage.models.fold import Fold
from tillage.ports.door import RecordBatch
from tillage.ports.engine import BrokenRule, BronzePart, Folders, LookedAt, Patched, Share, Sums
from tillage.ports.lake import Rows, Silver, Snapshot
from tillage.ports.mirror import TableChange
from tillage.ports.people import People, PeopleRows

_WRITTEN_ROWS = 8_192  # by default a million rows would be held at once


class DuckWorkspace:
    """Tables: `RECORDS` (raw bytes), and for each dataset `decided`, its units with a verdict each, and `closing`, the
    older versions that they put an end to.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        load_seq: int,
        check: Check,
        project: Mapping[str, Dataset],
        folders: Folders,
        *,
        people: People | None,
        threads: int,
    ) -> None:
        self._connection = connection
        self._project = project
        self._load_seq = load_seq
        self._check = check
        self._datasets = check.contract.datasets
        if check.contract.has_people and people is None:
            raise ValueError(f"feed {check.contract.feed} is about people, and nobody knows them")
        self._people = people if check.contract.has_people else None
        self._reader = Reader(connection, check, folders, threads)
        self._is_replay = False
        self._is_rebuild = False
        start_taking(connection)

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
        self._finish_reading(is_deciding=True)
        self._judge(silver, RECORDS)

    def take_up(self, bronze: Snapshot, waiting: Rows, silver: Mapping[str, Silver], patched: Patched | None) -> None:
        self._is_replay = True
        start_taking(self._connection, waiting)
        self._reader.start(is_trusting=False)
        self._reader.read(taken_batches(self._connection, bronze, self._check.contract, patched))
        self._reader.finish()
        records = keep_waiting(self._connection, self._datasets)
        self._without_people(is_deciding=True)
        self._judge(silver, records)

    def _finish_reading(self, *, is_deciding: bool = False) -> None:
        self._reader.finish()
        self._without_people(is_deciding=is_deciding)

    def _without_people(self, *, is_deciding: bool) -> None:
        """What is checked has no people in it afterwards; where verdicts are given, no unit about who was erased."""
        start_suppressing(self._connection)
        if self._people is not None:
            if is_deciding:
                take_out_suppressed(self._connection, self._check.contract, self._people)
            pseudonymise(self._connection, self._datasets, self._people)

    def _judged(self, silver: Mapping[str, Silver]) -> Iterator[Dataset]:
        """The datasets in the order of their references, each once it is known which of its units lack a parent."""
        mine = {dataset.name: dataset for dataset in self._datasets}
        known: dict[str, tuple[Dataset, Silver | None]] = {
            one: (self._project[one], silver.get(one)) for one in silver.keys() & self._project.keys()
        }
        known |= {one: (dataset, silver.get(one)) for one, dataset in mine.items()}
        done: list[Dataset] = []
        for one in parents_first({dataset.name: [to.to for to in dataset.references] for dataset in self._datasets}):
            find_orphans(self._connection, mine[one], known, done, ended=mine if self._is_rebuild else ())
            yield mine[one]
            done.append(mine[one])

    def _judge(self, silver: Mapping[str, Silver], records: str) -> None:
        for dataset in self._judged(silver):
            judge(self._connection, dataset, silver.get(dataset.name), self._people)
        # An unreadable record counts once, as a unit of the first dataset whose amount nobody can count.
        self._connection.execute(f"""
            insert into {decided(self._datasets[0])} by name
            select _load_seq, _source, _ordinal, _offset, 0 as _unit, [code] as _codes, [] as _warnings,
                {text(Verdict.UNREADABLE)} as _verdict
            from {records} where code is not null
        """)
        decide_suppressed(self._connection, self._datasets)
        for dataset in self._datasets:
            self._close(dataset)
        find_taken(self._connection, self._datasets)

    def rebuild(
        self,
        bronze: Snapshot,
        silver: Mapping[str, Silver],
        *,
        brought_by: Collection[int] | None,
        patched: Collection[int],
        bytes_of: int | None,
    ) -> dict[str, LookedAt]:
        self._start_rebuild()
        for dataset in self._datasets:
            seen = silver.get(dataset.name)
            find_standing(self._connection, dataset, seen, brought_by=brought_by, patched=patched, bytes_of=bytes_of)
            add_personal(self._connection, dataset, self._people, standing(dataset))
        self._reader.start(is_trusting=bytes_of is None)
        self._reader.read(standing_batches(self._connection, bronze, self._check.contract, bytes_of))
        # What stands of somebody who is being erased stays as it is, and nobody gets a key for it.
        self._finish_reading(is_deciding=True)
        start_suppressing(self._connection)
        looked_at = keep_changed(self._connection, self._datasets)
        for dataset in self._judged(silver):
            judge(self._connection, dataset, silver.get(dataset.name), self._people, standing(dataset))
        find_rewritten(self._connection, bronze, self._datasets, bytes_of)
        self._end_rebuild(bronze)
        return looked_at

    def recall_rebuilt(self, bronze: Snapshot, load_seq: int, silver: Mapping[str, Silver]) -> None:
        self._start_rebuild()
        for dataset in self._datasets:
            recall_standing(self._connection, dataset, silver.get(dataset.name), bronze, load_seq)
        self._recall(bronze, (load_seq,))
        recall_written(self._connection, bronze_relation(bronze, (load_seq,)))
        for dataset in self._datasets:
            self._find_closed(dataset, silver.get(dataset.name), ended=standing(dataset))
        self._end_rebuild(bronze)

    def _start_rebuild(self) -> None:
        self._is_replay = self._is_rebuild = True
        start_taking(self._connection)

    def _end_rebuild(self, bronze: Snapshot) -> None:
        for dataset in self._datasets:
            self._close(dataset)
        find_retaken(self._connection, bronze, self._datasets)

    def number(self, load_seq: int) -> None:
        self._load_seq = load_seq

    def recall(
        self, bronze: Snapshot, loads: Iterable[int], silver: Mapping[str, Silver], waiting: Rows | None
    ) -> None:
        wanted = tuple(loads)
        self._is_replay = waiting is not None
        start_taking(self._connection, waiting)
        self._recall(bronze, wanted)
        if self._is_replay:
            recall_written(self._connection, bronze_relation(bronze, wanted))
        for dataset in self._datasets:
            self._find_closed(dataset, silver.get(dataset.name))
            self._close(dataset)
        find_taken(self._connection, self._datasets)

    def _recall(self, bronze: Snapshot, wanted: tuple[int, ...]) -> None:
        self._reader.start(is_trusting=not self._is_replay)
        recalled = recalled_relation(bronze, wanted, self._check.contract, is_replay=self._is_replay)
        found = self._connection.cursor().sql(recalled)
        self._reader.read(gathered(found.to_arrow_reader(VECTOR_ROWS)))
        self._reader.finish()
        drop_suppressed(self._connection, bronze, wanted, self._datasets)
        self._without_people(is_deciding=False)
        recall_verdicts(self._connection, bronze, wanted, self._datasets)

    def recall_standing(self, part: BronzePart) -> list[Share]:
        """What stands of the loads of a part; of the datasets in its silver, how much of that came from there."""
        bronze, self._is_replay = part.snapshot, part.is_replay
        self._recall(bronze, part.loads)
        contract = self._check.contract
        forgotten = forgotten_relation(bronze, part.loads, contract, is_replay=part.is_replay)
        self._connection.execute(f'create or replace temp table "#forgotten" as {forgotten}')
        asked = [dataset for dataset in self._datasets if dataset.name in part.silver]
        astray = {one.name: fill_from_silver(self._connection, part.loads, one, part.silver[one.name]) for one in asked}
        self._leave_standing(part)
        return [share(self._connection, one, astray[one.name]) for one in asked]

    def _leave_standing(self, part: BronzePart) -> None:
        judged = int(part.loads[0]) if part.is_replay else "_load_seq"
        for dataset in self._datasets:
            ended = f"select (_load, _record) from ({ended_relation(part.snapshot, part.last_load, dataset)})"
            self._connection.execute(f"""
                delete from {decided(dataset)} where ({judged}, {RECORD}) in ({ended});
                create or replace temp table {closing(dataset)} as from ({empty_relation(dataset)})
            """)

    def _find_closed(self, dataset: Dataset, silver: Silver | None, ended: str | None = None) -> None:
        """Fills `known` with the rows that the units of the load close, from silver. What the table `ended` names did
        not stand any more when they were judged: if they close a unit of it, then as the load itself has opened it.
        """
        own = ", ".join([*_own(dataset), "_record"])
        rows = f"select {own} from ({empty_relation(dataset)})"
        if silver is not None and dataset.merge is not Merge.REJECT:
            closes = f"select _closes from {decided(dataset)} where _closes is not null"
            signed = f"from ({silver_relation(dataset, silver)}) where _record in ({closes})"
            signed += f" and _record not in (select _record from {ended})" if ended else ""
            rows = f"select {own} from ({current_relation(dataset, signed)})"
        self._connection.execute(f"create or replace temp table {known(dataset)} as {rows}")

    def _close(self, dataset: Dataset) -> None:
        """Fills `closing` from `known`, from the units of the load that later ones of it close, and, in a rebuild, from
        what stood.
        """
        own = ", ".join(_own(dataset))
        stood = f"select {own}, _record from {standing(dataset)}" if self._is_rebuild else None
        if dataset.merge is Merge.REJECT:
            rows = stood or f"select {own}, _record from ({empty_relation(dataset)})"
        else:
            closes = f"select _closes from {decided(dataset)} where _closes is not null"
            accepted = f"select {own}, {RECORD} as _record from {decided(dataset)} where {_ACCEPTED}"
            rows = f"""
                select {own}, _record from (select {own}, _record from {known(dataset)} union all {accepted})
                where _record in ({closes})
                {f"union all {stood}" if stood else ""}
            """
        self._connection.execute(f"create or replace temp table {closing(dataset)} as {rows}")

    def broken_rules(self, silver: Mapping[str, Silver]) -> list[BrokenRule]:
        return [
            one
            for dataset in self._datasets
            for one in broken_rules(self._connection, dataset, self.silver_sql(dataset), silver.get(dataset.name))
        ]

    def fruitless_sources(self) -> list[tuple[int, bool]]:
        broken = f"{text(Verdict.UNREADABLE)}, {text(Verdict.VIOLATION)}"
        passed = " union all ".join(
            f"select _source from {decided(dataset)} where _verdict not in ({broken})" for dataset in self._datasets
        )
        rows = self._connection.execute(f"""
            select _source, count(*) = count(code)
            from {RECORDS} left join (select distinct _source, true as is_passed from ({passed})) using (_source)
            group by _source having any_value(is_passed) is null or count(code) * 2 > count(*) order by _source
        """).fetchall()
        return [(int(source), bool(is_unread)) for source, is_unread in rows]

    def bronze_rows(self) -> Rows:
        return bronze_rows(
            self._connection,
            self._datasets,
            self._load_seq,
            is_replay=self._is_replay,
            is_rebuild=self._is_rebuild,
        )

    def silver_rows(self, dataset: str) -> Rows | None:
        rows = self.silver_sql(self._check.contract.dataset(dataset))
        ((count,),) = self._connection.execute(f"select count(*) from ({rows})").fetchall()
        return self._connection.sql(rows).to_arrow_reader(_WRITTEN_ROWS) if count else None

    def silver_sql(self, dataset: Dataset) -> str:
        """The signed rows that the load adds, as a SELECT: what it accepts, and what that puts an end to."""
        own = ", ".join(
            f"{name(column)}::{kind} as {name(column)}"
            for column, kind in silver_columns(dataset)
            if not column.startswith("_")
        )
        load = f"{int(self._load_seq)}::bigint as _load"
        opened = f"select {own}, 1::tinyint as _sign, {load}, {RECORD} as _record"
        opened += f" from {decided(dataset)} where {_ACCEPTED}"
        if self._only_opens(dataset):
            return opened
        return f"{opened} union all select {own}, -1::tinyint as _sign, {load}, _record from {closing(dataset)}"

    def _only_opens(self, dataset: Dataset) -> bool:
        """Whether the load puts no end to a unit, so that each stands alone under its key."""
        return dataset.merge is Merge.REJECT and not self._is_rebuild

    def units(self, dataset: str) -> Rows:
        mine = self._check.contract.dataset(dataset)
        own = ", ".join(_own(mine))
        return self._connection.sql(f"""
            select {own}, _load_seq, _source, _ordinal, _unit, _verdict, _codes, _warnings,
                _control_minor::decimal(38,0) as _control_minor, _control_currency
            from {decided(mine)} order by _load_seq, _source, _ordinal, _unit
        """).to_arrow_table()

    def counts(self) -> dict[str, Counts]:
        found = {
            dataset.name: counted(self._connection, dataset, decided(dataset), taken=TAKEN, closed=closing(dataset))
            for dataset in self._datasets
        }
        if self._is_rebuild:
            for dataset in self._datasets:
                found[dataset.name] = less_warned(self._connection, dataset, found[dataset.name])
        return found

    def sums(self) -> dict[str, Sums]:
        return {
            dataset.name: sums_of(self._connection, dataset, self.silver_sql(dataset)) for dataset in self._datasets
        }

    def taken_rows(self) -> Rows:
        waited = f"from {TAKEN} where {not self._is_rebuild}"
        return self._connection.sql(f"select dataset, load_seq, source, ordinal, unit {waited}").to_arrow_table()

    def waiting_for_others(self) -> int:
        each = " union all ".join(f"select _verdict from {decided(dataset)}" for dataset in self._datasets)
        waiting = f"_verdict = {text(Verdict.REFERENCE)}"
        return int(self._connection.execute(f"select count(*) from ({each}) where {waiting}").fetchall()[0][0])

    def quarantined_codes(self) -> dict[str, int]:
        units = " union all ".join(
            f"select unnest(_codes) as code from {decided(dataset)} where _verdict in ({QUARANTINED_SQL})"
            for dataset in self._datasets
        )
        found = self._connection.execute(f"select code, count(*) from ({units}) group by code").fetchall()
        return {str(code): int(rows) for code, rows in found}

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

    def awaited_rows(self) -> Rows:
        return awaited_rows(self._connection, self._datasets, self._load_seq)

    def people_rows(self) -> PeopleRows | None:
        if self._people is None:
            return None
        return people_rows(self._connection, self._datasets, is_rebuild=self._is_rebuild)

    def statistic_rows(self) -> Rows:
        return statistic_rows(self._connection, self._datasets, self._load_seq, is_replay=self._is_replay)

    def touched_files(self) -> Rows:
        return touched_places(self._connection, [self.silver_sql(dataset) for dataset in self._datasets])

    def table_change(self, tables: Sequence[MirrorTable], silver: Silver) -> TableChange:
        mine = self._check.contract.dataset(tables[0].dataset)
        touched = find_touched(
            self._connection,
            self._project[mine.name],
            tables[0],
            self.silver_sql(mine),
            silver,
            is_appended=self._only_opens(mine),
        )
        return TableChange(tables, touched, partial(table_rows, self._connection))

    def suppressed_rows(self) -> Sequence[Rows]:
        return [
            suppressed_rows(self._connection, dataset, self._reader.rows_of_units(dataset))
            for dataset in self._datasets
            if dataset.group_by and dataset.subject_columns
        ]

    def delta(self, fold: Fold) -> Rows | None:
        mine = {dataset.name: dataset for dataset in self._datasets}
        if not mine.keys() & set(fold.datasets):
            return None
        for dataset in fold.datasets:
            today = self._project[dataset]
            # The contract of the load may lack columns that the model reads.
            rows = grown(today, self.silver_sql(mine[dataset])) if dataset in mine else empty_relation(today)
            self._connection.execute(f"create or replace temp view {name(dataset)} as {rows}")
        try:
            return self._connection.sql(fold.delta_sql).to_arrow_table()
        except duckdb.OutOfMemoryException:
            raise ModelMemoryError(f"models/{fold.name}.sql") from None
        except duckdb.Error as wrong:
            # Its text may quote a value of a row.
            raise ModelError(
                f"models/{fold.name}.sql fails on a row of load {self._load_seq} ({type(wrong).__name__}); nothing of "
                "the load is visible yet. Guard the expression (try_cast, nullif, case), then: tillage run"
            ) from None


_ACCEPTED = f"_verdict = {text(Verdict.ACCEPTED)}"


def _own(dataset: Dataset) -> list[str]:
    return [name(column) for column, _ in silver_columns(dataset) if not column.startswith("_")]
