"""The people in the data, as a load meets them: who a natural id is, and what the vault holds of a unit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tillage.domain.people import IndexKey, Keys
from tillage.ports.lake import Rows


class People(Protocol):
    """Subject keys and personal columns."""

    def index_key(self) -> IndexKey:
        """What digests of ids are made with."""
        ...

    def subject_keys(self, ids: Rows) -> Rows:
        """`subject, natural_id, subject_key`: the key of each person, who gets one if there is none.

        Args:
            ids: `subject, digest, natural_id`, each digest once, in hex.
        """
        ...

    def suppression_ring(self) -> tuple[IndexKey, ...]:
        """What digests of those are made with who were erased; none while nobody was."""
        ...

    def suppressed(self, asked: Rows) -> Rows:
        """`subject, kind, value, until` of those who were erased, and until when what happened is theirs.

        Args:
            asked: `subject, kind, ring, digest, value`; kind as of a suppression, ring the fingerprint of a key of the
                ring, in hex.
        """
        ...

    def known(self, asked: Rows) -> Rows:
        """`subject, natural_id` of those who have a subject key.

        Args:
            asked: As of `subject_keys`.
        """
        ...

    def personal(self, dataset: str, places: Rows) -> Rows:
        """`load_seq, source, ordinal, unit, personal, is_nobodys` of those units that the vault has; the last says
        that the person was erased, and all that is personal are hashes.

        Args:
            places: `load_seq, source, ordinal, unit`.
        """
        ...


@dataclass(frozen=True)
class PeopleRows:
    """What a load changes in the vault."""

    units: Rows
    """`dataset, load_seq, source, ordinal, unit, subject_key, personal` of accepted units; `personal` is JSON text."""
    aliases: Rows
    """`subject, digest, subject_key, alias`, digests in hex."""
    ended: Rows
    """`dataset, load_seq, source, ordinal, unit` of units that are accepted no more."""


class Vault(People, Protocol):
    """All who are in a store."""

    def nobodys(self, subject_keys: Collection[str]) -> set[str]:
        """Those that no id leads to."""
        ...

    def keys(self) -> Keys:
        """All that lie in the safe."""
        ...

    def file_key(self) -> bytes:
        """What digests of files and records about people are made with."""
        ...

    def looking(self) -> People:
        """The same, adding nobody: who is not known has a key for the moment."""
        ...

    def subject_key(self, subject: str, natural_id: str) -> str | None:
        """Of whom nobody knows, None.

        Raises:
            KeysRotatedError: the key of the index was changed since it was read.
        """
        ...

    def rotate(self, fresh: IndexKey) -> int:
        """Makes all digests with another key, all or none; how many people there are."""
        ...

    def counts(self, load_seq: int) -> Mapping[str, int]:
        """By dataset, the units that the load brought into the vault."""
        ...


class Rotating(Protocol):
    """Where the keys of the index lie."""

    def locked(self) -> AbstractContextManager[None]:
        """One process at a time changes keys."""
        ...

    def add_next(self, fingerprint: bytes) -> IndexKey:
        """A new key, kept beside the one of that fingerprint."""
        ...

    def keep_only(self, key: IndexKey) -> None:
        """Every other key is gone."""
        ...
