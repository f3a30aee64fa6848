"""`tillage erase verify`: a receipt held against the house as it is now; with who it was about, the search again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillage.domain.people import IndexKey
from tillage.domain.signature import is_signed, public_key
from tillage.errors import KeysError, OperatorError
from tillage.pipelines.house import House
from tillage.pipelines.proof import hits, identifiers, search_house
from tillage.pipelines.requests import Request, erasures_of
from tillage.ports.erasing import Person
from tillage.ports.scanning import Hit, Searched


@dataclass(frozen=True)
class Verified:
    """What a receipt is worth now."""

    erasure: int
    is_signed: bool
    """As it is, by this project."""
    people: int
    suppressed: int
    """Of them, those whose old data does not come in again."""
    known: int
    """Of them, those whom the index knows by the same id: again, as somebody new."""
    unmatched: int
    """Given identifiers that are of nobody in the receipt."""
    searched: tuple[Searched, ...] = ()

    hits: tuple[Hit, ...] = ()
    """Of the search, what is there of them."""

    @property
    def is_good(self) -> bool:
        """Whether all of it still holds."""
        return self.is_signed and self.suppressed == self.people and not self.unmatched and not self.hits


def verify(house: House, receipt: Mapping[str, Any], given: Sequence[Request] = ()) -> Verified:
    """Raises:
    OperatorError: it is no receipt.
    KeysError: the safe lacks a key of the ring.
    """
    erasures = erasures_of(house)
    people = receipt.get("people")
    if receipt.get("receipt") != 1 or not isinstance(people, list) or house.vault is None:
        raise OperatorError("that is no receipt of an erasure; print one: tillage erase receipt")
    keys = house.vault.keys()
    ring = {key.fingerprint.hex(): key for key in keys.suppression}
    wanted = {(str(one["subject"]), str(one["digest"])): one for one in people}
    held = {(one.subject, one.digest.hex()) for one in erasures.suppressions()}
    again = 0
    for subject in sorted({subject for subject, _ in wanted}):
        mine = [one for (kind, _), one in wanted.items() if kind == subject and one["by"] == "id"]
        by_key: dict[str, set[str]] = {}
        for one in mine:
            by_key.setdefault(str(one["ring"]), set()).add(str(one["digest"]))
        for natural_id in erasures.everybody(subject):
            again += any(
                _key(ring, name).id_digest(subject, natural_id).hex() in digests for name, digests in by_key.items()
            )
    matched = [person for person in map(_person, given) if _is_in(person, wanted, ring)]
    searched = search_house(house, identifiers(house, matched, ())) if matched else []
    return Verified(
        int(receipt["erasure"]),
        is_signed(dict(receipt), public_key(keys.signing)),
        len(people),
        sum(place in held for place in wanted),
        again,
        len(given) - len(matched),
        tuple(searched),
        tuple(hits(house, searched)),
    )


def _key(ring: Mapping[str, IndexKey], name: str) -> IndexKey:
    if name not in ring:
        raise KeysError("safe/keys.json lacks the key that the receipt names people by; put it back")
    return ring[name]


def _person(request: Request) -> Person:
    return Person(request.subject, request.natural_id, (request.alias,) if request.alias else ())


def _is_in(person: Person, wanted: Mapping[tuple[str, str], Any], ring: Mapping[str, IndexKey]) -> bool:
    for key in ring.values():
        if person.natural_id:
            digests = [key.id_digest(person.subject, person.natural_id)]
        else:
            digests = [key.alias_digest(person.subject, alias) for alias in person.aliases]
        if any((person.subject, digest.hex()) in wanted for digest in digests):
            return True
    return False
