"""What models give: states of folds, tables and views, in the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tillage.domain.load import Lease, Load
from tillage.models.derived import Derived, ModelKind
from tillage.models.fold import Fold, Output
from tillage.ports.lake import ColumnTypes, Rows

Views = Sequence[tuple[Derived, ColumnTypes]]
"""Views of models, each after those that it reads, with the types of their columns."""


@dataclass(frozen=True)
class PublishedTable:
    """A model that was built whole."""

    model: Derived
    types: ColumnTypes
    rows: Rows


class Folds(Protocol):
    """The state of every fold."""

    def digests(self) -> dict[str, str]:
        """Name to digest of the model text that each state is of."""
        ...

    def replace(
        self, fold: Fold, types: ColumnTypes, rows: Rows, published: Mapping[str, int], views: Views = ()
    ) -> bool:
        """Makes the state anew from `rows`, which must be of exactly the loads `published`, and `views` beside it.

        Returns:
            False if another load was published meanwhile; then nothing was written.
        """
        ...

    def drop(self, name: str, views: Views = ()) -> None:
        """Removes a state; it can be computed again from silver."""
        ...

    def retire(self, name: str) -> None:
        """No load changes the state any more; readers see it until a build puts a table in its place."""
        ...

    def outputs(self) -> dict[str, tuple[Output, ...]]:
        """Name to columns of every model that is there, of any kind."""
        ...

    def columns(self) -> dict[str, dict[str, str]]:
        """By model that is there, of any kind, its columns in order with their types as the store spells them."""
        ...

    def spelled(self, model: str, types: ColumnTypes) -> dict[str, str]:
        """As `columns`, of a model that is not there yet.

        Raises:
            ModelError: a column has a type that the store cannot keep.
        """
        ...

    def state(self, name: str) -> Rows:
        """All rows of a model that is there, of any kind, in any order."""
        ...

    def row(self, name: str, column: str, key: str) -> dict[str, Any] | None:
        """The visible row whose key column, as text, is `key`."""
        ...


class Tables(Protocol):
    """The models that are built whole, and the views."""

    def digests(self) -> dict[str, str]:
        """Name to digest of the model text that each table and view is of."""
        ...

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        tables: Iterable[PublishedTable],
        views: Views,
        looked_up: Mapping[str, Collection[str]],
    ) -> None:
        """All tables and views of a build with its receipt: all or nothing; those that are not given are gone.

        Readers see the last build until then, and wait for no longer than it takes to change names.

        Args:
            looked_up: By table, the columns that rows are found by, one at most for each value.

        Raises:
            ModelError: a value that the store cannot keep, or several rows for one value; nothing was written.
        """
        ...


@dataclass(frozen=True)
class KeptModel:
    """A model as the store has it."""

    kind: ModelKind
    digest: str
    outputs: tuple[Output, ...]


class PinnedGold(Protocol):
    """Models as they were at one moment, whatever is loaded or built meanwhile."""

    def models(self) -> Mapping[str, KeptModel]:
        """All of them, by name."""
        ...

    def rows(self, model: str) -> Rows:
        """All visible rows of one that was pinned, as a stream in any order; one at a time."""
        ...


class Gold(Protocol):
    """What models give to readers, whole."""

    def pinned(self, models: Collection[str]) -> AbstractContextManager[PinnedGold]:
        """Until the block ends none of these is given another shape: a table that is, looks empty to who reads it."""
        ...
