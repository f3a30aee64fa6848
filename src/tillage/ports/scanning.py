"""Searching the bytes of a house for what identifies people, in every form in which it may be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

OTHERS = "other files in the project"
"""The layer of what no layer names."""

ENVIRONMENT = "environment "
"""What the layers of other environments are called by, with their names."""


class IdentifierKind(StrEnum):
    """What a text is to a person: an id, a further identifier such as an e-mail address, or a personal value."""

    ID = "id"
    ALIAS = "alias"
    VALUE = "value"


@dataclass(frozen=True)
class Identifier:
    """A text that says who somebody is."""

    person: int
    """Number of the person in the search, from 0."""
    kind: IdentifierKind
    text: str
    is_weak: bool = False
    """A value that others have too: it counts in the person's context only, and is none for others."""

    def __repr__(self) -> str:
        return f"Identifier({self.person}, {self.kind}, ..)"


@dataclass(frozen=True)
class Hit:
    """Somewhere an identifier stands."""

    person: int
    kind: IdentifierKind
    place: str
    """The file relative to the project, or the table. No value: what has one in its name is named by its number."""
    form: str
    """How it is written there: plain, utf-16, json, url, xml, csv, base64, hex."""
    explained: str = ""
    """The field whose number it is, or is in, maybe by chance: who knows the fields tells; empty: it is there."""
    at: int = 0
    """Its first byte in the data; of what is packed, in what it unpacks to."""
    size_bytes: int = 0


@dataclass
class Searched:
    """How much of one layer was searched, and what was found."""

    layer: str
    files: int = 0
    stored_bytes: int = 0
    decoded_bytes: int = 0
    hits: list[Hit] = field(default_factory=list)
    undecoded: list[str] = field(default_factory=list)
    """Places of packed data that were searched as stored, and decoded in part or not at all, with the reason."""
    unread: list[str] = field(default_factory=list)
    """Places of files and folders that could not be read, with the reason: nothing is known of them."""


class Search(Protocol):
    """One search for given identifiers."""

    @property
    def reach_bytes(self) -> int:
        """How far from its first byte anything has a say in whether something is a hit."""
        ...

    def found(self, data: bytes, *, place: str) -> Iterator[Hit]:
        """Where they stand in some bytes, in order; the same identifier at overlapping places is one hit."""
        ...


class Scanner(Protocol):
    """Searches files."""

    def search(self, identifiers: Sequence[Identifier]) -> Search:
        """Made once for all places."""
        ...

    def files(self, search: Search, layers: Iterable[tuple[str, str]]) -> list[Searched]:
        """Searches all files below folders of the project, stored and decoded; what no layer names is one of its own.

        Files that vanish meanwhile are nothing. Names of files and folders are searched too, and targets of links;
        no link is followed.

        Args:
            layers: Name of a layer, and folder relative to the project; the innermost folder counts.

        Returns:
            Each layer once, in the order of their first names, also one without files; then all other files.
        """
        ...
