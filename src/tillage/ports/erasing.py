"""Erasing people: who is sought, which records are about them, and what of it the store keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
    own_aliases: tuple[str, ...] = ()
    """Those of them that nobody else has."""
    subject_key: str | None = None
    until: datetime | None = None
    """When it was asked for: what happened later is of somebody new."""
    is_alone: bool = False
    """Only what says nothing of an id is theirs."""

    def __repr__(self) -> str:
        return f"Person({self.subject}, ..)"


@dataclass(frozen=True)
class FoundRecords:
    """Records about people, as arrays of equal length."""

    places: Rows
    """`load_seq, source, ordinal` by the load that brought each; each once."""
    units: Rows
    """`load_seq, source, ordinal, dataset, unit` of their units; of a record that is theirs as a whole `unit` is null.
    """
    personal: tuple[tuple[int, str], ...] = field(default=(), repr=False)
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

    def units(
        self, dataset: Dataset, silver: Silver, people: People | None, *, subject_key: str | None = None
    ) -> list[dict[str, Any]]:
        """What stands of a dataset, or of it about one person: the columns of silver, and `_personal` as JSON text."""
        ...

    def named_again(
        self, check: Check, bronze: Snapshot, loads: Collection[int], folders: Folders, people: People
    ) -> set[tuple[str, str, str]]:
        """Kind of people, kind of suppression and text of everybody who does not come back and whose records, by what
        would be suppressed in them today, are in these loads.
        """
        ...

    def holding(self, bronze: Snapshot, places: Rows) -> Mapping[int, int]:
        """By load, how many of its rows are of these records and hold bytes."""
        ...

    def emptied(self, bronze: Snapshot, places: Rows, spans: Spans, number: int) -> AbstractContextManager[Rows]:
        """All bronze rows of the loads in `spans`, those of these records without bytes, and marked with `number`. They
        can be read until the block ends.
        """
        ...

    def is_left(self, bronze: Snapshot, load_seq: int) -> bool:
        """Whether a load has taken the bytes of records in which it found units of others too."""
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


class SuppressionKind(StrEnum):
    """By what somebody is kept out: an id; a further identifier, where no id was known; one that counts where a record
    has no id, since with another id it may be somebody else's.
    """

    ID = "id"
    ALIAS = "alias"
    ALONE = "alone"


@dataclass(frozen=True)
class Suppression:
    """That somebody does not come back; `digest` is made with the key of `ring`, its fingerprint."""

    subject: str
    kind: SuppressionKind
    ring: bytes
    digest: bytes
    until: datetime


@dataclass(frozen=True)
class Erasure:
    """One sweep."""

    erasure: int
    state: str
    """`open`, `proved`, or `restored`: it is known of it, and the data is from before."""
    people: int
    begun_at: datetime
    proved_at: datetime | None = None
    receipt: Mapping[str, Any] | None = None


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

    def states(self) -> Mapping[int, str]:
        """Of all, without their receipts."""
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
        """Of an erasure that a journal tells of: that there was one, and whom it suppresses."""
        ...

    def settle(self, lease: Lease) -> None:
        """Whoever a restored copy brought back has left it again."""
        ...

    def suppressions(self) -> list[Suppression]:
        """All that hold."""
        ...

    def lift(self, digests: Collection[bytes], lease: Lease) -> int:
        """They hold no more; how many there are."""
        ...

    def named(self, subject_keys: Collection[str]) -> Mapping[str, str]:
        """By subject key the natural id of those whom an id still leads to."""
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

    def keep_hashes(self, columns: Mapping[str, Collection[str]], people: Sequence[Person], lease: Lease) -> None:
        """Of the units about them, by dataset, these personal columns are hashes from now on, under a key of each
        person that nobody keeps, and the others are gone; the units are nobody's any more.
        """
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
    suppressed: list[list[Suppression]]
    """Of each person, as it was begun with, whatever key is the newest by now."""
    personal: list[tuple[int, str]] = field(default_factory=list, repr=False)
    """As of `FoundRecords`."""
    places: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """By feed, load, number of the file in it and ordinal of the records about them."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Places of hits that a person answers for, with the reason."""

    def every_suppression(self) -> list[Suppression]:
        """Of all people."""
        return [one for of_person in self.suppressed for one in of_person]


@dataclass(frozen=True)
class Told:
    """What a journal says of one erasure."""

    erasure: int
    suppressed: tuple[Suppression, ...]
    """Without those that were lifted since."""
    is_proved: bool


class Journal(Protocol):
    """What lies apart from the data: which erasures there were, and notes of those that are under way."""

    def erasures(self) -> list[Told]:
        """In order."""
        ...

    def lifted(self) -> set[bytes]:
        """Digests of suppressions that were lifted, and not told of again since."""
        ...

    def add_proved(self, erasure: int) -> None:
        """As `add`."""
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

    def notes(self) -> list[Notes]:
        """Those of erasures that are under way, in order."""
        ...

    def drop(self, erasure: int) -> None:
        """Its notes are gone."""
        ...
