"""The end of an erasure: everything is searched, and what was searched and not found is signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from tillage.domain.load import Lease
from tillage.domain.signature import public_key, sign
from tillage.errors import ErasureOpenError
from tillage.pipelines.house import House
from tillage.pipelines.requests import erasures_of
from tillage.ports.erasing import Notes, Person
from tillage.ports.scanning import OTHERS, Hit, Identifier, IdentifierKind, Search, Searched

_SHOWN = 5
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NOT_PERSONAL = ("silver", "gold", "tables of the store")
"""Where the columns are that contracts do not call personal."""
_OUTSIDE = (
    "copies made before: backups of this project, of the machine and of its file system",
    "what was exported or sent, and whoever read it",
    "the systems that the files came from",
    "free blocks of the disk",
)
_REMAINS = (
    "rows without personal columns under a random key that nothing leads to any more, in silver, tables and sums",
    "of each record its place, verdict and amount, in bronze and in the store",
    "a keyed digest of the id, so that old data does not come back; for ever, or until it is lifted",
    "a keyed digest of each file before and after it was scrubbed",
)
_METHODS = {
    "bronze": "bytes taken out in one commit, files deleted, log cut",
    "landing": "overwritten by blanks, all positions kept",
    "archive": "overwritten by blanks, all positions kept",
    "processed": "made anew without the records",
    "store": "rows deleted, tables rewritten in full, write-ahead log cut",
}


def prove(house: House, notes: Notes, lease: Lease) -> dict[str, Any]:
    """Searches everything, then keeps the receipt.

    Raises:
        ErasureOpenError: something was found; the erasure stays open.
    """
    erasures = erasures_of(house)
    left = erasures.compact()
    searched = search_house(house, identifiers(house, notes.people, notes.personal))
    if unknown := [one for layer in searched for one in (*layer.unread, *_undecoded(layer))]:
        raise ErasureOpenError(
            f"erasure {notes.erasure} is not done: nobody can tell what is in {'; '.join(unknown[:_SHOWN])}. Replace "
            "that, or move it out of the project, then: tillage erase run"
        )
    if found := hits(house, searched):
        places = list(dict.fromkeys(f"{hit.place} ({hit.kind}, {hit.form})" for hit in found))
        more = f", and at {len(places) - _SHOWN} more places" if len(places) > _SHOWN else ""
        raise ErasureOpenError(
            f"erasure {notes.erasure} is not done: something of {len({hit.person for hit in found}):,} people is still "
            f"in {', '.join(places[:_SHOWN])}{more}. Load, mend or delete what that is, then: tillage erase run"
        )
    receipt = _receipt(house, notes, searched, left)
    erasures.prove(notes.erasure, receipt, lease)
    return receipt


def _undecoded(layer: Searched) -> list[str]:
    """Of files that are none of Tillage, the receipt says that they were searched as they are stored."""
    return [] if layer.layer == OTHERS else layer.undecoded


def hits(house: House, searched: Iterable[Searched]) -> list[Hit]:
    """What is there of them, without numbers in fields that are nobody's, and without values in columns that the
    contracts do not call personal.
    """
    fields = _fields_of_people(house)
    return [
        hit
        for layer in searched
        for hit in layer.hits
        if (not hit.explained or hit.explained.rpartition(".")[2] in fields)
        and not (hit.kind is IdentifierKind.VALUE and layer.layer in _NOT_PERSONAL)
    ]


def _fields_of_people(house: House) -> set[str]:
    """Names under which the files call what is an id or personal, and the names of the columns."""
    found = set()
    for contract in house.feeds.values():
        for dataset in contract.check.contract.datasets:
            for column in (*dataset.subject_columns, *dataset.personal_columns):
                found |= {column.name, column.stored_name, *(path.steps[-1] for path in column.paths if path.steps)}
    return found


def identifiers(house: House, people: Sequence[Person], personal: Iterable[tuple[int, str]]) -> list[Identifier]:
    """What is searched for: ids, further identifiers, and every text that a contract calls personal."""
    found: dict[tuple[int, str], Identifier] = {}
    for number, person in enumerate(people):
        if person.natural_id:
            found[number, person.natural_id] = Identifier(number, IdentifierKind.ID, person.natural_id)
        for alias in person.aliases:
            found.setdefault((number, alias), Identifier(number, IdentifierKind.ALIAS, alias))
    for number, text in personal:
        for one in house.records.texts(text):
            found.setdefault((number, one), Identifier(number, IdentifierKind.VALUE, one))
    shared = _shared(house, [one for one in found.values() if one.kind is IdentifierKind.VALUE])
    return [replace(one, is_weak=one in shared or _is_common(one.text)) for one in found.values()]


def _is_common(text: str) -> bool:
    """Whether many may have it, as a name, a town, a country or a day."""
    return not any(letter.isdigit() for letter in text) or bool(_DAY.match(text))


def _shared(house: House, values: Sequence[Identifier]) -> set[Identifier]:
    """Those that the vault has of others, once it has forgotten whom they are of."""
    search = house.scanner.search(
        [Identifier(place, IdentifierKind.ALIAS, one.text) for place, one in enumerate(values)]
    )
    rows = [rows for name, rows in erasures_of(house).texts() if name.startswith("vault.")]
    return {values[hit.person] for one in rows for piece in one() for hit in search.found(piece, place="")}


def search_house(house: House, wanted: Sequence[Identifier]) -> list[Searched]:
    """By layer: every file of the project, as it is stored and decoded, and every table of the store."""
    search = house.scanner.search(wanted)
    searched = house.scanner.files(search, house.layers())
    return [*searched, _tables(house, search)]


def _tables(house: House, search: Search) -> Searched:
    """The rows of all tables, as text."""
    searched = Searched("tables of the store")
    for name, rows in erasures_of(house).texts():
        searched.files += 1  # a table
        for piece in rows():
            searched.decoded_bytes += len(piece)
            searched.hits += search.found(piece, place=f"table {name}")
    return searched


def _receipt(house: House, notes: Notes, searched: Sequence[Searched], left: Sequence[str]) -> dict[str, Any]:
    if house.vault is None:
        raise ErasureOpenError("nobody is known here")
    keys = house.vault.keys()
    records = {feed: len(places) for feed, places in notes.places.items()}
    erasure = next(one for one in erasures_of(house).all() if one.erasure == notes.erasure)
    body: dict[str, Any] = {
        "receipt": 1,
        "tillage": version("tillage"),
        "project": house.project.name,
        "store": hashlib.sha256(house.ledger.house().encode()).hexdigest(),
        "erasure": notes.erasure,
        "begun_at": erasure.begun_at.isoformat(),
        "searched_at": house.now().isoformat(),
        "people": [_described(house, person) for person in notes.people],
        "records": records,
        "layers": [_layer(one) for one in searched],
        "remains": [*_REMAINS, *left],
        "outside": [*_OUTSIDE],
    }
    return body | {"public_key": public_key(keys.signing), "signature": sign(keys.signing, body)}


def _described(house: House, person: Person) -> dict[str, Any]:
    """A person, as only who has the key and the id can tell."""
    if house.vault is None:
        return {}
    key = house.vault.keys().suppression[0]
    if person.natural_id:
        digest = key.id_digest(person.subject, person.natural_id)
    else:
        digest = key.alias_digest(person.subject, person.aliases[0])
    return {
        "subject": person.subject,
        "by": "id" if person.natural_id else "alias",
        "digest": digest.hex(),
        "ring": key.fingerprint.hex(),
        "was_known": person.subject_key is not None,
        "until": person.until.isoformat() if person.until else None,
    }


def _layer(one: Searched) -> dict[str, Any]:
    explained = sorted({f"{hit.place}: {hit.explained or 'not personal by its contract'}" for hit in one.hits})
    return {
        "layer": one.layer,
        "method": _METHODS.get(one.layer.partition(" ")[0], "searched"),
        "files": one.files,
        "stored_bytes": one.stored_bytes,
        "decoded_bytes": one.decoded_bytes,
        "hits": 0,
        "explained": explained,
        "searched_as_stored": sorted(one.undecoded),
    }
