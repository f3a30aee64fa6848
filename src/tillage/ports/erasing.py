"""Erasing people: who is sought, which records are about them, and what of it the store keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset
from tillage.domain.load import Lease, Load, Spans
from tillage.ports.engine import Folders
from tillage.ports.lake import Rows, Silver, Snapshot
from tillage.ports.people import People
from tillage.ports.scrubbing import Rewrite


@dataclass(frozen=True)
class Person:
    """Somebody who is to be erased, by all that is known of who that is."""

    subject: str
    """The kind of people."""
    natural_id: str | None
    """None: nobody is known by the aliases."""
    aliases: tuple[str, ...] = ()
    subject_key: str | None = None
    until: datetime | None = None
    """When it was asked for: what happened later is of somebody new."""

    def __repr__(self) -> str:
        return f"Person({self.subject}, ..)"


@dataclass(frozen=True)
class FoundRecords:
    """Records about people, as arrays of equal length."""

    places: Rows
    """`load_seq, source, ordinal` by the load that brought each; each once."""
    personal: tuple[tuple[int, str], ...] = ()
    """Number of the person, and JSON text of the personal columns of a unit about them."""


class PeopleRecords(Protocol):
    """Where the records are that are about somebody."""

    def find(
        self, check: Check, bronze: Snapshot, loads: Collection[int], people: Sequence[Person], folders: Folders
    ) -> FoundRecords:
        """All of these loads, whatever the verdict of their units; those that nobody can read are searched for whole
        ids. Records without bytes are not found.

        Args:
            check: Of the contract that the loads were decided under.
        """
        ...

    def standing(self, datasets: Mapping[str, tuple[Dataset, Silver]], subject_keys: Collection[str]) -> Rows:
        """Places of the records whose units silver holds under these keys."""
        ...

    def units(self, dataset: Dataset, silver: Silver, subject_key: str, people: People | None) -> list[dict[str, Any]]:
        """What stands of a dataset about one person, with `_personal` as JSON text."""
        ...

    def holding(self, bronze: Snapshot, places: Rows) -> Mapping[int, int]:
        """By load, how many of its rows are of these records and hold bytes."""
        ...

    def emptied(self, bronze: Snapshot, places: Rows, spans: Spans, number: int) -> AbstractContextManager[Rows]:
        """All bronze rows of the loads in `spans`, those of these records without bytes, and marked with `number`. They
        can be read until the block ends.
        """
        ...

    def texts(self, personal: str) -> Sequence[str]:
        """The values in a text of personal columns."""
        ...

    def erased(self, bronze: Snapshot, files: Collection[tuple[int, int]], erased_by: Collection[int]) -> Rows:
        """`load_seq, source, ordinal` of the records in some files, a load and a number in it each, that are without
        bytes since they were about somebody who was erased.

        Args:
            erased_by: All loads of kind erase.
        """
        ...

    def spans(self, bronze: Snapshot, places: Rows) -> Rows:
        """`load_seq, source, ordinal, offset, size_bytes` of these records, as bronze has them."""
        ...

    def suppressed(self, bronze: Snapshot, load_seq: int) -> Rows:
        """`load_seq, source, ordinal` of the records in which a load has found somebody who was erased."""
        ...


@dataclass(frozen=True)
class Suppression:
    """That somebody does not come back; `digest` is made with the key of `ring`, its fingerprint."""

    subject: str
    is_alias: bool
    ring: bytes
    digest: bytes
    until: datetime


@dataclass(frozen=True)
class Erasure:
    """One sweep."""

    erasure: int
    state: str
    """`open` or `proved`."""
    people: int
    begun_at: datetime
    proved_at: datetime | None = None
    receipt: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Asked:
    """A request that a feed has brought and that still stands: who asks, and where it says so."""

    dataset: str
    load_seq: int
    source: int
    ordinal: int
    natural_id: str
    personal: str
    """JSON text of what it says besides."""
    asked_at: datetime

    def __repr__(self) -> str:
        return f"Asked({self.dataset}, {self.load_seq}, {self.source}, {self.ordinal}, ..)"


@dataclass(frozen=True)
class Known:
    """What the vault knows of one person."""

    natural_id: str
    subject_key: str
    aliases: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    """JSON texts of the personal columns of their units."""

    def __repr__(self) -> str:
        return "Known(..)"


class Erasures(Protocol):
    """What the store knows of erasures, and how it forgets. Methods that take a lease raise LeaseLostError."""

    def all(self) -> list[Erasure]:
        """In order."""
        ...

    def number(self) -> int:
        """For a new erasure."""
        ...

    def begin(
        self, erasure: int, suppressed: Sequence[Suppression], people: Sequence[Person], leases: Sequence[Lease]
    ) -> None:
        """A new open erasure, under the leases of all feeds. From its commit on nobody in it comes back, and no id
        leads to the keys that they had.
        """
        ...

    def remember(self, erasure: int, suppressed: Sequence[Suppression]) -> None:
        """Of an erasure that a journal tells of: that it was proved, and whom it suppresses."""
        ...

    def suppressions(self) -> list[Suppression]:
        """All that hold."""
        ...

    def lift(self, digests: Collection[bytes], lease: Lease) -> int:
        """They hold no more; how many there are."""
        ...

    def asked(self, datasets: Collection[str]) -> list[Asked]:
        """Requests that were accepted, and whose people are still here, in order."""
        ...

    def known_by_id(self, subject: str, natural_id: str) -> Known | None:
        """Whom an id means."""
        ...

    def known_by_alias(self, subject: str, alias: str) -> list[Known]:
        """Whom a further identifier may mean."""
        ...

    def everybody(self, subject: str) -> Iterator[str]:
        """All natural ids of a kind of people, for those who were erased and are back with a restored copy."""
        ...

    def sources(self, feed: str) -> Mapping[tuple[int, int], tuple[str, str, str]]:
        """By load and number in it path, digest and form of each file of published loads."""
        ...

    def rewrites(self, feed: str) -> list[Rewrite]:
        """In order."""
        ...

    def note_rewrites(self, feed: str, rewrites: Sequence[Rewrite], lease: Lease) -> None:
        """Committed before the files change."""
        ...

    def give_up_waiting(self, load: Load, lease: Lease, places: Rows) -> int:
        """The units of these records that wait in quarantine are discarded by this load, which is sealed with it; how
        many they are.
        """
        ...

    def done_feeds(self, erasure: int) -> Set[str]:
        """Feeds of which a sealed load belongs to the erasure."""
        ...

    def erase_loads(self, feed: str) -> list[int]:
        """Numbers of all loads of kind erase of a feed."""
        ...

    def forget_people(self, people: Sequence[Person], lease: Lease) -> int:
        """Takes them out of the vault, in one commit; how many rows that were."""
        ...

    def compact(self) -> tuple[str, ...]:
        """Rewrites the tables that knew them and cuts the write-ahead log; what could not be done, in words."""
        ...

    def texts(self) -> Iterator[tuple[str, Callable[[], Iterator[bytes]]]]:
        """Every table of the database by name, with its rows as text."""
        ...

    def prove(self, erasure: int, receipt: Mapping[str, Any], lease: Lease) -> None:
        """Ends it."""
        ...


@dataclass
class Notes:
    """What an erasure that is under way must know, and nobody may know once it is done."""

    erasure: int
    people: list[Person]
    personal: list[tuple[int, str]] = field(default_factory=list)
    """As of `FoundRecords`."""
    places: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """By feed, load, number of the file in it and ordinal of the records about them."""


class Journal(Protocol):
    """What lies apart from the data: which erasures there were, and notes of the one that is under way."""

    def erasures(self) -> list[tuple[int, tuple[Suppression, ...]]]:
        """By number, whom they suppress; those that were lifted are left out."""
        ...

    def add(self, erasure: int, suppressed: Sequence[Suppression]) -> None:
        """Once; durable on return."""
        ...

    def add_lifted(self, digests: Collection[bytes]) -> None:
        """As `add`."""
        ...

    def keep(self, notes: Notes) -> None:
        """Durable on return; in the place of the notes before."""
        ...

    def notes(self) -> Notes | None:
        """Those of the erasure that is under way."""
        ...

    def drop(self) -> None:
        """The notes are gone."""
        ...
