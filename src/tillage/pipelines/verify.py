"""`tillage erase verify`: a receipt held against the house as it is now; with who it was about, the search again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillage.domain.people import IndexKey, spelt_alias
from tillage.domain.signature import is_signed, public_key
from tillage.errors import KeysError, OperatorError
from tillage.pipelines.house import House, erasing_of
from tillage.pipelines.proof import hits, identifiers, search_house
from tillage.pipelines.requests import Request, resolve
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
    """Of those that were given, people whom the index knows again, as somebody new."""
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
    """Holds a receipt against the house; searches for the people that are `given`, as far as it is about them.

    Raises:
        OperatorError: it is no receipt.
        KeysError: the safe lacks a key of the ring.
    """
    of = erasing_of(house)
    people = receipt.get("people")
    if receipt.get("receipt") != 1 or not isinstance(people, list):
        raise OperatorError("that is no receipt of an erasure; print one: tillage erase receipt")
    keys = of.vault.keys()
    ring = {key.fingerprint.hex(): key for key in keys.suppression}
    held = {one.digest.hex() for one in of.erasures.suppressions()}
    by_person = [{str(one["digest"]): one for one in person["digests"]} for person in people]
    matched = [request for request in given if any(_is_of(request, person, ring) for person in by_person)]
    found = resolve(house, matched).people if matched else ()
    searched = search_house(house, identifiers(house, [_plain(one) for one in matched], ())) if matched else []
    return Verified(
        int(receipt["erasure"]),
        is_signed(dict(receipt), public_key(keys.signing)),
        len(people),
        sum(person.keys() <= held for person in by_person),
        sum(one.subject_key is not None for one in found),
        len(given) - len(matched),
        tuple(searched),
        tuple(hits(house, searched)),
    )


def _plain(request: Request) -> Person:
    alias = (spelt_alias(request.alias),) if request.alias else ()
    return Person(request.subject, request.natural_id or None, alias, alias)


def _is_of(request: Request, digests: Mapping[str, Any], ring: Mapping[str, IndexKey]) -> bool:
    """Whether a person of the receipt is meant.

    Raises:
        KeysError: the safe lacks a key of the ring.
    """
    for digest, one in digests.items():
        if one["ring"] not in ring:
            raise KeysError("safe/keys.json lacks the key that the receipt names people by; put it back")
        key = ring[one["ring"]]
        if one["kind"] == "id" and request.natural_id:
            if key.id_digest(request.subject, request.natural_id).hex() == digest:
                return True
        elif (
            one["kind"] != "id"
            and request.alias
            and not request.natural_id
            and key.alias_digest(request.subject, request.alias).hex() == digest
        ):
            return True
    return False
