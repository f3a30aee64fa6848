"""The computation of a load's stages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Contract, Dataset, DatasetRule
from tillage.contracts.mirror import MirrorTable
from tillage.domain.conservation import Counts, Minor
from tillage.domain.load import Spans
from tillage.models.fold import Fold
from tillage.models.portable.find import Unportable
from tillage.models.project import Models
from tillage.ports.door import RecordBatch
from tillage.ports.lake import ColumnTypes, Rows, Silver, Snapshot
from tillage.ports.mirror import TableChange
from tillage.ports.people import People, PeopleRows

Figure = int | Decimal | None
"""A sum: whole (counts, minor units), or with the decimals of a column without currency."""


Folders = Mapping[tuple[int, int], Mapping[str, str]]
"""By load and source, the members that the folders of the file say."""


@dataclass(frozen=True)
class BronzePart:
    """The sealed loads of one feed that were decided under one contract."""

    check: Check
    snapshot: Snapshot
    loads: tuple[int, ...]
    folders: Folders
    last_load: int
    """Units that loads up to this one closed do not stand."""
    is_replay: bool
    """Whether the loads took up what waited or stood; then it is one load."""
    silver: Mapping[str, Silver]
    """By dataset, where units are whose bytes are forgotten."""


@dataclass(frozen=True)
class Due:
    """Whose bytes bronze keeps no longer: records of `loads`, of which no unit waits."""

    loads: tuple[int, ...]
    waiting: Rows
    """As `Ledger.waiting`."""
    whole: frozenset[int]
    """Loads whose files keep all their bytes as long as one unit of them waits: it is judged with its whole file."""


@dataclass(frozen=True)
class Holding:
    """What is due and still holds bytes: records by load; and the last by name of the files that these lie in."""

    records: Mapping[int, int]
    last_file: str


@dataclass(frozen=True)
class Share:
    """What one dataset adds to a recomputation: units that stand, and their control amounts."""

    dataset: str
    rows: int = 0
    """Recomputed from bytes."""
    minor: Minor = None
    silver_rows: int = 0
    """Taken from silver, since bytes are forgotten."""
    silver_minor: Minor = None
    astray_rows: int = 0
    """Accepted ones without bytes that silver lacks, or has with another amount than bronze keeps."""


@dataclass(frozen=True)
class Comparison:
    """How two states of one fold differ. `totals`: for each sum, kept and recomputed, added up over all keys."""

    keys: int
    differ: int
    totals: dict[str, tuple[Figure, Figure]]
    examples: tuple[str, ...]
    """Up to five keys that differ, as text."""


@dataclass(frozen=True)
class TableComparison:
    """How the kept rows of a table differ from computed ones: rows that only one side has."""

    rows: int
    """Of the computed side."""
    differ: int
    first: str
    """Of the first row that differs, its first column, as text."""


@dataclass(frozen=True)
class View:
    """What a user's query may read under one name: a SELECT over lake files, with Arrow tables that it may name."""

    sql: str
    tables: Mapping[str, Rows]


@dataclass(frozen=True)
class BrokenRule:
    """A dataset rule that does not hold, and what was found instead."""

    dataset: str
    rule: DatasetRule
    found: str


@dataclass(frozen=True)
class Disagreement:
    """A row of a dataset about which two of its keepers say different things."""

    dataset: str
    what: str
    load_seq: int
    """The load that brought its record."""
    source: int
    ordinal: int
    unit: int


@dataclass(frozen=True)
class LookedAt:
    """Units of one dataset that stand and were judged anew; all but these counts come out otherwise."""

    rows: int = 0
    same_rows: int = 0
    """Come out as they stand."""
    forgotten_rows: int = 0
    """Bronze has no bytes of them any more; these, and the next two kinds, stay as they are."""
    unreadable_rows: int = 0
    """In records beyond today's limits."""
    not_found_rows: int = 0
    """In records in which today's contract finds no such unit."""


Sums = Mapping[str, Mapping[str, tuple[int, int]]]
"""By money column and currency, minor units before and after."""

Patched = Callable[[Any, Any], Any]
"""Arrow arrays of texts and of lists of `{dataset, code}` to the changed texts, null where nothing changed."""


class Workspace(Protocol):
    """One load being computed: first `decide`, `take_up`, `rebuild` or one that recalls, then any of the others, any
    number of times.
    """

    def decide(
        self, batches: Iterable[RecordBatch], silver: Mapping[str, Silver], document: Callable[[int], RecordBatch]
    ) -> None:
        """Reads the records, checks them, and gives each unit its verdict against `silver` (by dataset).

        `document` gives a whole source as one unreadable record, asked for where a part of it is broken.
        """
        ...

    def broken_rules(self, silver: Mapping[str, Silver]) -> list[BrokenRule]:
        """The dataset rules that would not hold if this load were published beside `silver`."""
        ...

    def fruitless_sources(self) -> list[tuple[int, bool]]:
        """Sources without a unit that keeps the contract, or with most records unreadable; and whether all are."""
        ...

    def take_up(self, bronze: Snapshot, waiting: Rows, silver: Mapping[str, Silver], patched: Patched | None) -> None:
        """Gives units that wait a verdict anew, from the bytes as they came, or as `patched` makes them.

        Args:
            waiting: As `Ledger.waiting`.
        """
        ...

    def rebuild(
        self,
        bronze: Snapshot,
        silver: Mapping[str, Silver],
        *,
        brought_by: Collection[int] | None,
        patched: Collection[int],
        bytes_of: int | None,
    ) -> dict[str, LookedAt]:
        """Judges anew what stands, and gives a verdict to each unit that comes out otherwise; what was looked at.

        Args:
            brought_by: Only units whose records these loads brought; None: all.
            patched: Loads that kept bytes of their own for what they judged.
            bytes_of: The one of them whose units are taken, from those bytes; None: all that none of them judged.
        """
        ...

    def number(self, load_seq: int) -> None:
        """What is computed is of this load from now on."""
        ...

    def sums(self) -> dict[str, Sums]:
        """By dataset, the money of the rows that the load closes and of those that it opens."""
        ...

    def recall_rebuilt(self, bronze: Snapshot, load_seq: int, silver: Mapping[str, Silver]) -> None:
        """As `recall`, for a load that judged anew what stood; `silver` is as it was before it."""
        ...

    def recall(
        self, bronze: Snapshot, loads: Iterable[int], silver: Mapping[str, Silver], waiting: Rows | None
    ) -> None:
        """Takes records and verdicts of these loads from bronze, and what they close from silver; nothing is decided
        again. `waiting` is all that waits, for one load that takes such units up; None for any other.
        """
        ...

    def taken_rows(self) -> Rows:
        """`dataset, load_seq, source, ordinal, unit` of the units that waited and were judged again."""
        ...

    def bronze_rows(self) -> Rows:
        """The rows of bronze: raw records with the verdicts of their units."""
        ...

    def silver_rows(self, dataset: str) -> Rows | None:
        """Signed rows that this load adds to silver; None if there are none."""
        ...

    def units(self, dataset: str) -> Rows:
        """Every unit of a dataset in order of place, whatever its verdict: the columns of silver, and `_load_seq,
        _source, _ordinal, _unit, _verdict, _codes, _warnings, _control_minor, _control_currency`.
        """
        ...

    def counts(self) -> dict[str, Counts]:
        """What became of the units, by dataset, counted from the verdicts."""
        ...

    def waiting_for_others(self) -> int:
        """How many units are in quarantine for nothing but what they refer to."""
        ...

    def quarantined_codes(self) -> dict[str, int]:
        """By code, how many of the units that are quarantined have it; a unit counts under each of its codes."""
        ...

    def quarantine_rows(self) -> Rows:
        """`dataset, load_seq, source, ordinal, offset, unit, codes, control_minor, control_currency` of what waits.

        Codes come as the text of a PostgreSQL array.
        """
        ...

    def awaited_rows(self) -> Rows:
        """`dataset, load_seq, source, ordinal, unit, judged_load, parent, key`: of each unit that waits for others, the
        keys of all that it refers to.
        """
        ...

    def people_rows(self) -> PeopleRows | None:
        """What this load changes in the vault; None where its contract is about nobody."""
        ...

    def touched_files(self) -> Rows:
        """`load_seq, source` of each file with a unit that the load opens or closes."""
        ...

    def table_change(self, tables: Sequence[MirrorTable], silver: Silver) -> TableChange:
        """What changes in the tables of one dataset; its rows are to be drawn before anything else is asked.

        Args:
            silver: Of the dataset, with the rows of the load.
        """
        ...

    def statistic_rows(self) -> Rows:
        """`load_seq, dataset, record_load, source, records, read_rows, accepted_rows, quarantined_rows, duplicate_rows,
        suppressed_rows, code_rows, first_event, last_event, is_event_date`, a row for each file that had records, and
        dataset; of a load that took up what others brought, only where a unit was judged.

        Codes come as the text of a JSON object; events are those of accepted units.
        """
        ...

    def suppressed_rows(self) -> Sequence[Rows]:
        """`load_seq, source, ordinal` of rows that are one unit together, which is about somebody who was erased."""
        ...

    def delta(self, fold: Fold) -> Rows | None:
        """The fold's change by this load, as `Fold.delta_sql` says; None if it reads none of the feed's datasets."""
        ...


Built = Callable[[str], Rows]
"""The rows of a table by its name, as a stream that is read before the next is asked for."""


class Engine(Protocol):
    """Computes; is never the record of anything."""

    def interrupt(self) -> None:
        """Ends what is computed now, and all that would be computed later, with a TimeLimitError; from any thread."""
        ...

    def workspace(
        self, load_seq: int, check: Check, folders: Folders, people: People | None
    ) -> AbstractContextManager[Workspace]:
        """Room for one load; what is in it is gone on leaving.

        Args:
            people: None only for a contract that is about nobody.
        """
        ...

    def unasked_rules(self, contract: Contract) -> list[tuple[int, str]]:
        """Line and words for each rule or `where` of a contract that cannot be asked of what it describes."""
        ...

    def column_types(self, fold: Fold) -> list[tuple[str, str]]:
        """Name and type of the columns of `Fold.delta_sql`.

        Raises:
            ModelError: the SQL does not run, or a column is a float.
        """
        ...

    def unportable(self, models: Models, names: Collection[str]) -> list[Unportable]:
        """What is not the same everywhere in the texts of the models that are named, each in order of its lines."""
        ...

    def derived_types(self, models: Models) -> dict[str, ColumnTypes]:
        """By table and view, name and type of its columns.

        Raises:
            ModelError: the SQL does not run, or an amount is a float.
        """
        ...

    def built(
        self, models: Models, silver: Mapping[str, Silver], states: Mapping[str, Rows]
    ) -> AbstractContextManager[Built]:
        """All tables computed from what stands in silver (by dataset) and from the states of folds (by name).

        Raises:
            ModelError: one fails on a row.
        """
        ...

    def tables_compared(
        self,
        models: Models,
        silver: Mapping[str, Silver],
        states: Mapping[str, Rows],
        kept: Mapping[str, Built],
    ) -> dict[str, TableComparison]:
        """The tables in `kept` computed as by `built`, each held against the rows that are kept of it, whatever their
        order; floats are not compared, since adding them up in another order gives others.

        Raises:
            ModelError: one fails on a row.
        """
        ...

    def tried(
        self, models: Models, silver: Mapping[str, Rows], deltas: Mapping[str, Sequence[Rows]]
    ) -> AbstractContextManager[Callable[[str, int], Rows]]:
        """As `built`, without lake and store: (name, most) to at most so many rows of any model of any kind.

        Args:
            models: All are computed, so only those that are asked for and what they read.
            silver: By dataset, signed rows as `Workspace.silver_rows` gives them; of others there are none.
            deltas: By fold, its changes as `Workspace.delta` gives them.

        Raises:
            ModelError: one does not run, or fails on a row.
        """
        ...

    def silver_counts(self, dataset: Dataset, snapshot: Snapshot, load_seq: int, *, sign: int) -> tuple[int, Minor]:
        """Rows of one sign that a load added to silver, and the sum of their control amounts, None without money."""
        ...

    def bronze_counts(
        self, bronze: Snapshot, last_load: int, datasets: Sequence[Dataset]
    ) -> dict[int, dict[str, Counts]]:
        """By load and dataset, what the verdicts in bronze add up to; without what was taken up or closed."""
        ...

    def disagreements(self, dataset: Dataset, bronze: Snapshot, silver: Silver, index: Rows) -> list[Disagreement]:
        """The first row of each kind in silver or in the quarantine index that says something else than bronze does.

        Args:
            index: As `Ledger.quarantined`.
        """
        ...

    def full(self, fold: Fold, silver: Mapping[str, Silver]) -> Rows:
        """`Fold.delta_sql` over all visible rows of silver: the whole state."""
        ...

    def visible_state(self, fold: Fold, silver: Mapping[str, Silver]) -> Rows:
        """As `full`, as readers see it."""
        ...

    def recomputed(self, fold: Fold, bronze: Sequence[BronzePart], people: People | None) -> tuple[Rows, list[Share]]:
        """The visible state from the raw bytes in bronze, checked anew: shares no write with the kept state. Units
        whose bytes are forgotten are taken from silver, and held against the amounts that bronze keeps of them.
        """
        ...

    def holding(self, bronze: Snapshot, due: Due) -> Holding:
        """What would be forgotten."""
        ...

    def forgotten(self, bronze: Snapshot, due: Due, spans: Spans, number: int) -> AbstractContextManager[Rows]:
        """All bronze rows of the loads in `spans`, those that are due without what repeats their record, and marked
        with `number`. They can be read until the block ends.
        """
        ...

    def without_bytes(self, bronze: Snapshot, places: Rows) -> Rows:
        """Of `load_seq, source, ordinal` of records, those whose bytes are forgotten, with the load that did,
        `forgotten_by`.
        """
        ...

    def explained(
        self, fold: Fold, silver: Mapping[str, Silver], column: str, key: str, *, most: int | None = None
    ) -> list[dict[str, Any]]:
        """The inner rows behind one key, as `Fold.explain_sql` says, in order of position; `_line` decoded.

        `_rates` are, by amount, the VAT rates in basis points of the dataset's row, those of its lists' elements aside.
        Of more than `most` rows no more than one beyond that is given.
        """
        ...

    def compared(self, fold: Fold, kept: Rows, recomputed: Rows) -> Comparison:
        """Two states of a fold, key by key, nulls equal to nulls."""
        ...

    def query(self, sql: str, views: Mapping[tuple[str, str], View], lake_folder: str) -> Rows:
        """One SELECT of a user over views named (schema, name); it can read nothing else and write nothing.

        Raises:
            QueryError: more than one statement, not a SELECT, or wrong SQL; the engine's own words.
        """
        ...

    def complete(self, awaited: Rows, silver: Mapping[str, Silver]) -> Rows:
        """Of the units in `Awaiting.rows` those of which everything is there, one row each, without `parent, key`."""
        ...

    def standing(self, dataset: str, silver: Silver) -> str:
        """SELECT of the rows of a dataset that are open now."""
        ...

    def history(self, dataset: str, silver: Silver, planned: Rows) -> View:
        """Every version of a dataset that was accepted, and when each held; `planned` is `load_seq, planned_at`."""
        ...

    def newest(self, dataset: Dataset, silver: Silver, now: datetime, today: date) -> datetime | date | None:
        """The last event time of the rows that stand, of the kind that it has; what is later than `now`, or than
        `today`, is not looked at. None if there is none.
        """
        ...

    def changes(self, dataset: str, silver: Silver, since: int) -> Rows:
        """`_change` (inserted, updated, deleted), the columns, `_load` and `_record` of the rows of a dataset that
        stand otherwise than after load `since`, by key.
        """
        ...

    def bronze_view(self, snapshot: Snapshot, last_load: int, *, without_bytes: bool = False) -> View:
        """The raw records of a feed up to a load; only where they stand and what they are, if `without_bytes`."""
        ...

    def warnings_view(self, dataset: str, bronze: Snapshot, silver: Silver, files: Rows) -> View:
        """`load_seq, file, line, offset, unit, warning` of each warning of a unit that stands.

        Args:
            files: `load_seq, source, path` of all files of the feed.
        """
        ...

    def table_names(self, sql: str) -> set[str]:
        """Names that a query reads, as far as it can be parsed."""
        ...
