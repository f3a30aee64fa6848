"""A contract as values: what each dataset of a feed must be. Made by `contracts.odcs`, read by everything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The types a column can have in this version; money is a `NUMBER` with a currency."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "array"


class Basis(StrEnum):
    """How net follows from gross: `inclusive` g/(1+r), `deduct` g*(1-r)."""

    INCLUSIVE = "inclusive"
    DEDUCT = "deduct"


class Level(StrEnum):
    """Where net is rounded: once per unit and rate (EN 16931's breakdown), or on each line."""

    RATE_GROUP = "rate_group"
    LINE = "line"


@dataclass(frozen=True)
class Vat:
    """Net beside gross: the column that names the class, and the rate of each class in basis points."""

    rate_by: str
    rates_bp: tuple[tuple[str, int], ...]
    basis: Basis = Basis.INCLUSIVE
    level: Level = Level.RATE_GROUP


@dataclass(frozen=True)
class Column:
    """One column. `path` leads from its unit, or from the record if `is_from_record`, to the value."""

    name: str
    path: tuple[str, ...]
    kind: Kind
    is_from_record: bool = False
    is_required: bool = False
    currency: str | None = None
    vat: Vat | None = None
    items: tuple[Column, ...] = ()
    """Columns of each element, for a `LIST`."""
    description: str = ""

    @property
    def stored_name(self) -> str:
        """Name in silver: money is kept in minor units and says so."""
        return f"{self.name}_minor" if self.currency else self.name


@dataclass(frozen=True)
class Dataset:
    """One table of the contract; its unit is the document that stands or falls as a whole."""

    name: str
    unit_path: tuple[str, ...]
    """Members that lead from the record to the list of units; empty: the record is the unit."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    description: str = ""

    def control(self) -> tuple[Column | None, Column] | None:
        """The first money column, with the list it lies in: what the conservation law counts in money."""
        for column in self.columns:
            if column.currency:
                return None, column
            for item in column.items:
                if item.currency:
                    return column, item
        return None

    @property
    def currency(self) -> str | None:
        """Currency of the control column, if there is one."""
        found = self.control()
        return found[1].currency if found else None


@dataclass(frozen=True)
class Contract:
    """Everything one contract file says, and the digest of its text."""

    feed: str
    digest: str
    datasets: tuple[Dataset, ...]

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name, which must exist."""
        return next(dataset for dataset in self.datasets if dataset.name == name)
