"""A contract as values: what each dataset of a feed must be. Made by `contracts.odcs`, read by everything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from tillage.contracts.promises import Latency, Span

MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64


class Kind(StrEnum):
    """The logical types; money is a `NUMBER` with `money`, and a list of scalars has one item without a name."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    OBJECT = "object"
    LIST = "array"


class Basis(StrEnum):
    """How net follows from gross: `inclusive` g/(1+r), `deduct` g*(1-r)."""

    INCLUSIVE = "inclusive"
    DEDUCT = "deduct"


class Level(StrEnum):
    """Where net is rounded: once per unit and rate (EN 16931's breakdown), or on each line."""

    RATE_GROUP = "rate_group"
    LINE = "line"


class Excess(StrEnum):
    """What becomes of decimals that a currency does not have."""

    REJECT = "reject"
    ROUND = "round"
    WARN = "warn"


class Severity(StrEnum):
    """Whether a broken rule rejects or only counts."""

    ERROR = "error"
    WARNING = "warning"


class Negative(StrEnum):
    """What stands for a minus besides the one before a number."""

    MINUS = "minus"
    TRAILING = "trailing"
    PARENTHESES = "parentheses"


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are spelt where they are text; as it is here, they are read without any."""

    decimal: str = "."
    group: str = ""
    """Parts groups of three digits: " " is any of several blanks, "'" either apostrophe; empty: nothing does."""
    symbols: tuple[str, ...] = ()
    """What may stand before and behind a number, blanks between."""
    negative: Negative = Negative.MINUS


@dataclass(frozen=True)
class FieldPath:
    """Members that lead to a value, from the unit or element, or from the record."""

    steps: tuple[str, ...]
    is_from_record: bool = False


@dataclass(frozen=True)
class Money:
    """Amounts in minor units of `currency`, or of the currency that the column `currency_by` names."""

    currency: str | None
    currency_by: str | None = None
    is_minor: bool = False
    excess: Excess = Excess.REJECT


Rates = tuple[tuple[str, int], ...]
"""Class and rate in basis points."""


@dataclass(frozen=True)
class Vat:
    """Net beside gross: the column that names the class, and the rate of each class in basis points.

    Without `rate_by` the one rate stands under the class "". `changes` hold from their date on, of `date_by`.
    """

    rate_by: str | None
    rates_bp: Rates
    basis: Basis = Basis.INCLUSIVE
    level: Level = Level.RATE_GROUP
    date_by: str | None = None
    changes: tuple[tuple[str, Rates], ...] = ()
    """(first day as ISO text, the classes that change), oldest first."""


@dataclass(frozen=True)
class Limits:
    """Bounds on one value; numbers as exact decimals, dates and times as ISO text. None: no bound."""

    minimum: Decimal | str | None = None
    maximum: Decimal | str | None = None
    is_minimum_excluded: bool = False
    is_maximum_excluded: bool = False
    multiple_of: Decimal | None = None
    min_length: int | None = None
    """Code points of a string, elements of a list."""
    max_length: int | None = None
    patterns: tuple[str, ...] = ()
    """RE2, searched."""
    allowed: tuple[str, ...] | None = None
    """Strings, or numbers as plain text, or ISO dates."""


@dataclass(frozen=True)
class ClassMap:
    """A string column made of another: `default` None rejects what is not listed."""

    column: str
    values: tuple[tuple[str, str], ...]
    default: str | None


@dataclass(frozen=True)
class Column:
    """One column. The first of `paths` that leads to a value counts; none for a column made of others."""

    name: str
    paths: tuple[FieldPath, ...]
    kind: Kind
    is_required: bool = False
    null_values: tuple[str, ...] = ()
    limits: Limits = Limits()
    date_format: str | None = None
    time_zone: str | None = None
    """Zone of timestamps without an offset; None is UTC."""
    has_offset: bool | None = None
    """Of a timestamp without a format: whether it must say its offset, or must not; None: it may."""
    number_format: NumberFormat | None = None
    money: Money | None = None
    vat: Vat | None = None
    is_control: bool = False
    is_event_time: bool = False
    """Whether it says when what the unit tells of happened; for readers, and of no effect on verdicts."""
    is_personal: bool = False
    """It leaves the unit at the check, and is kept in the vault alone."""
    subject: str | None = None
    """It is the natural id of a person, of this kind of people; tables hold the subject key in its place."""
    alias_of: str | None = None
    """It is personal, and a further identifier of such a person."""
    is_hashed: bool = False
    """Whether a hash stands in its place, and not nothing, once its person is erased; of no effect on verdicts."""
    amount: str | None = None
    """An exact arithmetic expression over other columns."""
    class_map: ClassMap | None = None
    items: tuple[Column, ...] = ()
    """Columns of each element, for a `LIST`; of the members, for an `OBJECT`."""
    is_scalar_list: bool = False
    """A `LIST` of values; `items` is then one column named `value`."""
    description: str = ""
    net_name: str = "net_minor"
    rate_name: str = "vat_bp"

    @property
    def currency(self) -> str | None:
        """The fixed currency of a money column."""
        return self.money.currency if self.money else None

    @property
    def currency_by(self) -> str:
        """The column that names the currency of a money column; empty where the currency is fixed."""
        return (self.money.currency_by or "") if self.money else ""

    @property
    def stored_name(self) -> str:
        """Name in silver: money is kept in minor units and says so."""
        return f"{self.name}_minor" if self.money else self.name

    @property
    def is_from_record(self) -> bool:
        """Whether its first path starts at the record."""
        return bool(self.paths) and self.paths[0].is_from_record


@dataclass(frozen=True)
class RowRule:
    """A SQL boolean over the final columns of one unit."""

    name: str
    sql: str
    columns: tuple[str, ...]
    severity: Severity = Severity.ERROR
    line: int = field(default=1, compare=False)
    """Of the contract file."""

    @property
    def code(self) -> str:
        """The code of a unit that breaks it."""
        return f"rule:{self.name}"


@dataclass(frozen=True)
class DatasetRule:
    """One SQL query whose single value must lie in bounds, asked of the dataset as it would be after a load."""

    name: str
    sql: str
    """Reads the dataset by its name."""
    operator: str
    """ODCS's: mustBe, mustNotBe, mustBeGreaterThan ..."""
    operand: tuple[Decimal, ...]
    """One number, or the two ends of a range, both of which belong to it."""
    severity: Severity = Severity.ERROR
    line: int = field(default=1, compare=False)
    """Of the contract file."""

    def holds(self, value: Any) -> bool:
        """Whether the query's answer is as it must be."""
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            return False
        first, last = self.operand[0], self.operand[-1]
        return {
            "mustBe": found == first,
            "mustNotBe": found != first,
            "mustBeGreaterThan": found > first,
            "mustBeGreaterOrEqualTo": found >= first,
            "mustBeLessThan": found < first,
            "mustBeLessOrEqualTo": found <= first,
            "mustBeBetween": first <= found <= last,
            "mustNotBeBetween": not first <= found <= last,
        }[self.operator]


@dataclass(frozen=True)
class Reference:
    """Columns whose values, together, are the key of a unit that another dataset has accepted."""

    columns: tuple[str, ...]
    to: str
    """The other dataset."""
    keys: tuple[str, ...]
    """Its columns, in the order of `columns`."""
    list_name: str | None = None
    """The list of the unit whose elements hold `columns`; None: the unit does."""
    is_released: bool = True
    """Whether a unit is judged anew once all are there that it refers to."""
    compared: tuple[tuple[str, str], ...] = ()
    """Columns beside `columns`, each with one of the other dataset: where they differ, the unit has the warning `rule`.
    """
    rule: str = ""
    line: int = field(default=1, compare=False)
    """Of the contract file."""


class Merge(StrEnum):
    """What a unit means whose key stands already with other content: a conflict, or another version of it."""

    REJECT = "reject"
    UPSERT = "upsert"
    SCD2 = "scd2"
    """As `UPSERT`, and readers see the closed versions with the time in which each held."""


@dataclass(frozen=True)
class Dataset:
    """One table of the contract; its unit is the document that stands or falls as a whole."""

    name: str
    unit_path: tuple[str, ...]
    """Members that lead from the record to the list of units; empty: the record is the unit."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    """Columns whose equal values make rows of one file one unit."""
    where: RowRule | None = None
    is_distinct: bool = False
    row_rules: tuple[RowRule, ...] = ()
    dataset_rules: tuple[DatasetRule, ...] = ()
    description: str = ""
    merge: Merge = Merge.REJECT
    references: tuple[Reference, ...] = ()
    erases: str | None = None
    """Each unit is a request that a person be erased, of this kind of people."""
    version: str | None = None
    """The column by which of two versions the newer is known; None: the one that came later."""

    def column(self, name: str) -> Column:
        """The column of that name, which must exist."""
        return next(column for column in self.columns if column.name == name)

    @property
    def kept_columns(self) -> tuple[Column, ...]:
        """The columns that tables hold: none that is personal, and subject keys in the place of people's ids."""
        return tuple(
            replace(column, kind=Kind.STRING, limits=Limits()) if column.subject else column
            for column in self.columns
            if not column.is_personal
        )

    @property
    def personal_columns(self) -> tuple[Column, ...]:
        """Those that the vault alone holds."""
        return tuple(column for column in self.columns if column.is_personal)

    @property
    def hashed_columns(self) -> tuple[Column, ...]:
        """Those of the personal ones of which a hash is left."""
        return tuple(column for column in self.personal_columns if column.is_hashed)

    @property
    def subject_columns(self) -> tuple[Column, ...]:
        """Those that say by their natural ids whom a unit is about."""
        return tuple(column for column in self.columns if column.subject)

    def control(self) -> tuple[Column | None, Column] | None:
        """The column that the conservation law counts in money, with the list it lies in; None without money."""
        found = [
            (parent, column)
            for parent, column in _money_columns(self.columns)
            if parent is None or parent.kind is Kind.LIST
        ]
        marked = [pair for pair in found if pair[1].is_control]
        every = marked or found
        return every[0] if every else None

    @property
    def currency(self) -> str | None:
        """Fixed currency of the control column, if there is one."""
        found = self.control()
        return found[1].currency if found else None

    @property
    def currency_by(self) -> str | None:
        """The column that names the currency of the control column, if there is one."""
        found = self.control()
        return found[1].money.currency_by if found and found[1].money else None

    def event_time(self) -> tuple[Column, ...]:
        """The column that says when a unit happened, behind the objects that it lies in; empty where none does."""
        return _event_time(self.columns)

    @property
    def has_money(self) -> bool:
        """Whether the law counts it in money too."""
        return self.control() is not None


def _money_columns(columns: tuple[Column, ...]) -> Iterator[tuple[Column | None, Column]]:
    for column in columns:
        if column.money:
            yield None, column
        if column.kind is Kind.LIST:
            yield from ((column, item) for item in column.items if item.money)


def _event_time(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    for column in columns:
        if column.is_event_time:
            return (column,)
        if column.kind is Kind.OBJECT and (inner := _event_time(column.items)):
            return (column, *inner)
    return ()


@dataclass(frozen=True)
class Retention:
    """How long bronze keeps the bytes of records once their load is sealed: days, or years of the calendar."""

    days: int = 0
    years: int = 0

    def __str__(self) -> str:
        return f"{self.years} y" if self.years else f"{self.days} d"

    def limit(self, now: datetime) -> datetime:
        """What was sealed before this moment is kept no longer."""
        if not self.years:
            return now - timedelta(days=self.days)
        is_leap_day = (now.month, now.day) == (2, 29)
        # Of a day that another year does not have it is the one before: rather kept too long.
        return now.replace(year=now.year - self.years, day=28 if is_leap_day else now.day)


@dataclass(frozen=True)
class Contract:
    """Everything one contract file says, and the digest of its text."""

    feed: str
    digest: str
    datasets: tuple[Dataset, ...]
    is_unknown_rejected: bool = False
    max_record_bytes: int = MAX_RECORD_BYTES
    max_depth: int = MAX_DEPTH
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What lint should say: allowed, but seldom meant."""
    retention: Retention | None = None
    """None: bytes are kept for ever. It has no say in any verdict."""
    frequency: Span | None = None
    """Files of the feed come at least so often; None: whenever they do. Neither has this a say, nor what follows."""
    latencies: tuple[Latency, ...] = ()
    """At most one for each dataset."""

    def judges_as(self, other: Contract) -> bool:
        """Whether every record has the same verdict and columns under both, whatever else their texts say."""
        mine, theirs = (
            replace(one, digest="", retention=None, frequency=None, latencies=(), datasets=_judging(one.datasets))
            for one in (self, other)
        )
        return mine == theirs

    @property
    def has_people(self) -> bool:
        """Whether any of it is about people."""
        return any(dataset.subject_columns for dataset in self.datasets)

    @property
    def is_of_requests(self) -> bool:
        """Whether it brings requests of people to be erased, which come after everything about them."""
        return any(dataset.erases for dataset in self.datasets)

    def is_whole_source(self) -> bool:
        """Whether a unit can only be told with all records of its file."""
        return any(dataset.group_by or dataset.is_distinct for dataset in self.datasets)

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name, which must exist."""
        return next(dataset for dataset in self.datasets if dataset.name == name)


def _judging(datasets: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    """Without what has no say in any verdict."""
    return tuple(
        replace(dataset, columns=tuple(replace(column, is_hashed=False) for column in dataset.columns))
        for dataset in datasets
    )
