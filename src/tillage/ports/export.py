"""Exports: tables as files for others, whole under their name or not there at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tillage.domain.export import Form
from tillage.models.scope import Currency
from tillage.ports.engine import View
from tillage.ports.lake import Rows

Path = tuple[str, ...]
"""The names from a column to a member of it; the element of a list without names is ''."""


@dataclass(frozen=True)
class Source:
    """A table as readers see it at one moment, and what is said of it."""

    name: str
    """As `tillage query` names it: `gold.customer_spend`."""
    view: View
    order: tuple[str, ...]
    """Columns that rows are sorted by; no two different rows are equal in all of them."""
    amounts: Mapping[Path, Currency]
    loads: Mapping[str, int]
    """By feed, the last load that the rows are of."""
    build: int | None
    """The build that made them, if one did."""
    digest: str
    """SHA-256 of the model's or contract's text that they were made by."""

    def currencies(self) -> dict[str, str]:
        """Of each amount in minor units, the currency; `@column` where a column of that name says it."""
        return {".".join(part for part in path if part): str(one) for path, one in sorted(self.amounts.items())}


@dataclass(frozen=True)
class Streamed:
    """The rows of a table, read once: typed, or one column of lines with their ends, encoded as they are written."""

    columns: tuple[str, ...]
    rows: Rows
    header: str = ""
    """Of lines: what stands before the first of them."""


class Drawn(Protocol):
    """Tables that an export reads; what the store had of them is here already."""

    def rows(self, source: Source, form: Form) -> Streamed:
        """The rows in their order, at most a few thousand at a time.

        Raises:
            ExportError: a value does not fit what it is written as; also while the rows are read.
        """
        ...


class ExportEngine(Protocol):
    """Sorts and spells rows; holds at most what the settings say, and spills the rest."""

    def drawn(self, sources: Sequence[Source]) -> AbstractContextManager[Drawn]:
        """Reads to its end what the views name beside files of the lake."""
        ...


@dataclass(frozen=True)
class Written:
    """One file of an export."""

    file: str
    rows: int
    size_bytes: int
    sha256: str


class OpenExport(Protocol):
    """An export that is being written: nobody sees anything of it before `finish`."""

    def write(self, source: Source, streamed: Streamed, about: Mapping[str, str]) -> Written:
        """One table.

        Args:
            about: What a file that can hold it says of itself.
        """
        ...

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Everything is in its place and on disk, at one moment."""
        ...


class ExportTarget(Protocol):
    """Where an export goes: a file, a folder, or a stream."""

    def location(self) -> str:
        """As a person names it."""
        ...

    def opened(self) -> AbstractContextManager[OpenExport]:
        """What an export before this one left behind when it was killed is removed first.

        Raises:
            ExportError: it is there already, or cannot be written.
            TransientError: another export is writing it.
        """
        ...


@dataclass(frozen=True)
class SnapshotSaid:
    """What the newest version of a Delta snapshot says of itself; -1 and nothing before the first."""

    version: int
    about: Mapping[str, str]
    rows: int
    size_bytes: int


class OpenSnapshot(Protocol):
    """A Delta table as it was opened: if anybody else writes it from then on, `replace` is refused."""

    def said(self) -> SnapshotSaid:
        """As it was opened, or as `replace` made it."""
        ...

    def missing(self) -> int:
        """How many files of the newest version are not there."""
        ...

    def replace(self, rows: Rows, number: int, about: Mapping[str, str]) -> None:
        """One commit that puts `rows` in the place of all rows, whatever columns they have.

        Raises:
            LeaseLostError: another writer came first; nothing was changed.
            LakeError: it cannot be written.
            ExportError: a column has a type that needs a Delta feature which not every reader knows.
        """
        ...

    def clean(self) -> int:
        """After `replace`: deletes files that no version needs and none has for an hour; how many.

        Under the lease of whoever removes files of the lake.
        """
        ...


class Snapshots(Protocol):
    """The Delta snapshots of a lake."""

    def opened(self, model: str) -> OpenSnapshot:
        """That of a model in gold, which may not be there yet; nothing is made by asking."""
        ...
