"""The store: ledger, leases and fold states. Every write is one transaction, refused under a lease that was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tillage.domain.conservation import Counts
from tillage.domain.load import Lease, Load, SourceFile
from tillage.models.fold import Fold, Output
from tillage.ports.lake import ColumnTypes, Rows

PublishedFold = tuple[Fold, Rows]
"""A fold and its change by one load."""


@dataclass(frozen=True)
class Known:
    """What loads that are not voided cover: by path the newest signature, and every digest."""

    signatures: dict[str, str]
    digests: dict[str, set[str]]


@dataclass(frozen=True)
class Reason:
    """Quarantined units of one dataset under one code; a unit counts once under each of its codes."""

    dataset: str
    code: str
    rows: int
    minor: int
    not_countable_rows: int


class Leases(Protocol):
    """The right to write, one holder at a time."""

    def hold(self, resource: str, *, wait_s: float, on_wait: Callable[[str], None]) -> AbstractContextManager[Lease]:
        """The lease, kept alive until the block ends; its epoch is higher than that of every holder before.

        Raises:
            LeaseHeldError: another process still has it after `wait_s`.
        """
        ...


class Ledger(Protocol):
    """Which loads there are and how far they got. All methods that take a lease raise LeaseLostError without it."""

    def known(self, feed: str) -> Known:
        """What need not be read again."""
        ...

    def plan(
        self, feed: str, contract_digest: str, contract_text: str, sources: Iterable[SourceFile], lease: Lease
    ) -> Load:
        """A new open load, committed before anything of it is read."""
        ...

    def refresh(self, feed: str, sources: Iterable[SourceFile], lease: Lease) -> None:
        """Remembers new signatures of files whose bytes are known."""
        ...

    def open_load(self, feed: str) -> Load | None:
        """The load that a run must finish first; there is at most one for each feed."""
        ...

    def loads(self) -> list[Load]:
        """All, in order."""
        ...

    def text(self, digest: str) -> str:
        """A contract's text as it was when a load was planned."""
        ...

    def paths(self, load_seq: int) -> dict[int, str]:
        """The files of a load by their number in it."""
        ...

    def quarantine_rows(self, dataset: str) -> Rows:
        """`dataset, load_seq, source, file, ordinal, offset, unit, codes, control_minor` of what waits."""
        ...

    def next_fence(self) -> int:
        """A number above that of every load there is."""
        ...

    def void(self, load: Load, lease: Lease) -> None:
        """Marks an open load voided; its files count as never read."""
        ...

    def is_published(self, load: Load) -> bool:
        """Whether `publish` committed."""
        ...

    def published(self) -> dict[str, int]:
        """By feed, the last load that readers see."""
        ...

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        counts: Mapping[str, Counts],
        quarantine: Rows,
        folds: Iterable[PublishedFold],
        digests: Mapping[str, str],
    ) -> None:
        """Counts, quarantine index, all fold changes and the receipt: all or nothing, and once.

        Raises:
            ModelsChangedError: the states are not of the models in `digests` (all models by name): nothing was written.
        """
        ...

    def counts(self, load_seq: int) -> dict[str, Counts]:
        """By dataset, as published."""
        ...

    def quarantine_counts(self, load_seq: int) -> dict[str, tuple[int, int]]:
        """By dataset, rows and minor units in the quarantine index."""
        ...

    def seal(self, load: Load, lease: Lease) -> None:
        """Ends an open load; nothing of it changes any more."""
        ...

    def quarantine_reasons(self) -> list[Reason]:
        """Grouped by dataset and code, most rows first."""
        ...


class Folds(Protocol):
    """The state of every fold."""

    def digests(self) -> dict[str, str]:
        """Name to digest of the model text that each state is of."""
        ...

    def replace(self, fold: Fold, types: ColumnTypes, rows: Rows, published: Mapping[str, int]) -> bool:
        """Makes the state anew from `rows`, which must be of exactly the loads `published`.

        Returns:
            False if another load was published meanwhile; then nothing was written.
        """
        ...

    def drop(self, name: str) -> None:
        """Removes a state; it can be computed again from silver."""
        ...

    def outputs(self) -> dict[str, tuple[Output, ...]]:
        """Name to columns of every state."""
        ...

    def state(self, name: str) -> Rows:
        """The whole visible state, any order."""
        ...

    def row(self, name: str, column: str, key: str) -> dict[str, Any] | None:
        """The visible row whose key column, as text, is `key`."""
        ...
