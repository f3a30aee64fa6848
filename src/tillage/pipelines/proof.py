"""The end of an erasure: everything is searched, and what was searched and not found is signed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from tillage.domain.load import Lease
from tillage.domain.signature import public_key, sign
from tillage.errors import ErasureOpenError
from tillage.pipelines.house import House, erasing_of
from tillage.ports.erasing import Erasures, Notes, Person
from tillage.ports.scanning import ENVIRONMENT, OTHERS, Hit, Identifier, IdentifierKind, Search, Searched

_SHOWN = 5
_LEAST_ID = 6
_OF_OTHERS = {
    IdentifierKind.ID: "vault.identities",
    IdentifierKind.ALIAS: "vault.aliases",
    IdentifierKind.VALUE: "vault.units",
}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NOT_PERSONAL = ("silver", "gold", "tables of the store")
"""Where the columns are that contracts do not call personal."""
_REPEATING = "processed"
"""Where what silver keeps stands once more."""
_OUTSIDE = (
    "copies made before: backups of this project, of the machine and of its file system",
    "what was exported or sent, and whoever read it",
    "the systems that the files came from",
    "free blocks of the disk",
)
_FOR_EVER = "for ever"
_REMAINS = (
    (
        "rows without personal columns under a random key that nothing leads to any more, in silver, tables and sums",
        _FOR_EVER,
    ),
    (
        "of columns that a contract calls so a hash under a key that was thrown away, in the vault and mirrored files",
        _FOR_EVER,
    ),
    ("of each record its place, verdict and amount, in bronze and in the store", _FOR_EVER),
    ("a keyed digest of the id, so that old data does not come back", "it is lifted"),
    ("a keyed digest of each file before and after it was scrubbed", _FOR_EVER),
)
"""What of the people is kept, and until when."""
_LOG_UNTIL = "its operator has cut or deleted them"
_METHODS = {
    "bronze": "bytes taken out in one commit, files deleted, log cut",
    "landing": "overwritten by blanks, all positions kept",
    "archive": "overwritten by blanks, all positions kept",
    "processed": "made anew, without what is personal in the records",
    "store": "rows deleted, tables rewritten in full, write-ahead log cut",
}


def prove(house: House, notes: Notes, lease: Lease) -> dict[str, Any]:
    """Searches everything, then keeps the receipt.

    Raises:
        ErasureOpenError: something was found; the erasure stays open.
    """
    erasures = erasing_of(house).erasures
    left = erasures.compact()
    back = {number for number, one in enumerate(notes.people) if _is_back(erasures, one)}
    searched = search_house(house, identifiers(house, notes.people, notes.personal, without=back))
    if unknown := [one for layer in searched for one in (*layer.unread, *_undecoded(layer))]:
        raise ErasureOpenError(
            f"erasure {notes.erasure} is not done: nobody can tell what is in {'; '.join(unknown[:_SHOWN])}. Replace "
            "that, or move it out of the project, then: tillage erase run"
        )
    if found := [hit for hit in hits(house, searched) if hit.place not in notes.accepted]:
        places = list(dict.fromkeys(f"{hit.place} ({hit.kind}, {hit.form})" for hit in found))
        more = f", and at {len(places) - _SHOWN} more places" if len(places) > _SHOWN else ""
        raise ErasureOpenError(
            f"erasure {notes.erasure} is not done: something of {len({hit.person for hit in found}):,} people is still "
            f"in {', '.join(places[:_SHOWN])}{more}. Load, mend or delete what that is, then: tillage erase run. What "
            "is somebody else's, or has to stay: tillage erase run --accept PLACE --reason TEXT"
        )
    receipt = _receipt(house, notes, searched, left, back)
    erasures.prove(notes.erasure, receipt, lease)
    return receipt


def _is_back(erasures: Erasures, person: Person) -> bool:
    """Whether data of later has made somebody known by the same id."""
    return person.natural_id is not None and erasures.known_by_id(person.subject, person.natural_id) is not None


def _undecoded(layer: Searched) -> list[str]:
    """Of files that are none of Tillage, the receipt says that they were searched as they are stored."""
    return [] if layer.layer == OTHERS or layer.layer.startswith(ENVIRONMENT) else layer.undecoded


def hits(house: House, searched: Iterable[Searched]) -> list[Hit]:
    """What is there of them, without numbers in fields that are nobody's, without values in columns that the contracts
    do not call personal, and without what lies in other environments, where people are erased by themselves.
    """
    layers, fields = list(searched), _fields_of_people(house)
    kept = {hit.person for layer in layers if layer.layer == "silver" for hit in layer.hits if _is_value(hit)}
    return [
        hit
        for layer in layers
        for hit in layer.hits
        if not layer.layer.startswith(ENVIRONMENT)
        and (not hit.explained or hit.explained.rpartition(".")[2] in fields)
        and not (_is_value(hit) and layer.layer in _NOT_PERSONAL)
        and not (_is_value(hit) and layer.layer == _REPEATING and hit.person in kept)
    ]


def _is_value(hit: Hit) -> bool:
    return hit.kind is IdentifierKind.VALUE


def _fields_of_people(house: House) -> set[str]:
    """Names under which the files call what is an id or personal, and the names of the columns."""
    found = set()
    for contract in house.feeds.values():
        for dataset in contract.check.contract.datasets:
            for column in (*dataset.subject_columns, *dataset.personal_columns):
                names = (path.steps[-1] for path in column.paths if path.steps)
                found |= {column.name, column.stored_name, *names}
    return found


def identifiers(
    house: House, people: Sequence[Person], personal: Iterable[tuple[int, str]], *, without: Collection[int] = ()
) -> list[Identifier]:
    """What is searched for: ids, further identifiers, and every text that a contract calls personal. What others have
    too, and an id of few letters, counts near something else of the same person.

    Args:
        without: Numbers of people who are not searched for.
    """
    found: dict[tuple[int, str], Identifier] = {}
    for number, person in enumerate(people):
        if person.natural_id:
            kind = IdentifierKind.ID if is_searched(person) else IdentifierKind.VALUE
            found[number, person.natural_id] = Identifier(number, kind, person.natural_id, is_weak=kind != "id")
        for alias in person.aliases:
            found.setdefault((number, alias), Identifier(number, IdentifierKind.ALIAS, alias))
    for number, text in personal:
        for one in _values(json.loads(text)):
            found.setdefault((number, one), Identifier(number, IdentifierKind.VALUE, one, is_weak=_is_common(one)))
    wanted = [one for one in found.values() if one.person not in without]
    shared = _shared(house, wanted)
    return [replace(one, kind=IdentifierKind.VALUE, is_weak=True) if one in shared else one for one in wanted]


def is_searched(person: Person) -> bool:
    """Whether the id of a person is searched for anywhere; shorter ones are numbers of anything."""
    return len(person.natural_id or "") >= _LEAST_ID


def _is_common(text: str) -> bool:
    """Whether many may have it, as a name, a town, a country or a day."""
    return ("@" not in text and not any(letter.isdigit() for letter in text)) or bool(_DAY.match(text))


def _values(personal: object) -> Iterator[str]:
    """The values in what is personal of a unit; true and false say nothing of anybody."""
    if isinstance(personal, dict):
        personal = list(personal.values())
    if isinstance(personal, list):
        for one in personal:
            yield from _values(one)
    elif isinstance(personal, str):
        yield personal
    elif personal is not None and not isinstance(personal, bool):
        yield json.dumps(personal)


def _shared(house: House, wanted: Sequence[Identifier]) -> set[Identifier]:
    """Those that others have too: an id that is somebody's of another kind, an address, or a value of another person.
    The vault says so, once it has forgotten whom they are of; that others mention an id makes it nobody else's.
    """
    of, found = erasing_of(house), set[Identifier]()
    tables = dict(of.erasures.texts())
    for kind, table in _OF_OTHERS.items():
        mine = [one for one in wanted if one.kind is kind]
        search = of.scanner.search(
            [Identifier(place, IdentifierKind.ALIAS, one.text) for place, one in enumerate(mine)]
        )
        found |= {mine[hit.person] for piece in tables[table]() for hit in search.found(piece, place="")}
    return found


def search_house(house: House, wanted: Sequence[Identifier]) -> list[Searched]:
    """By layer: every file of the project, as it is stored and decoded, and every table of the store."""
    of = erasing_of(house)
    search = of.scanner.search(wanted)
    searched = of.scanner.files(search, of.layers)
    return [*searched, _tables(house, search)]


def _tables(house: House, search: Search) -> Searched:
    """The rows of all tables, as text."""
    searched = Searched("tables of the store")
    for name, rows in erasing_of(house).erasures.texts():
        searched.files += 1  # a table
        for piece in rows():
            searched.decoded_bytes += len(piece)
            searched.hits += search.found(piece, place=f"table {name}")
    return searched


def _receipt(
    house: House, notes: Notes, searched: Sequence[Searched], left: Sequence[str], back: Collection[int]
) -> dict[str, Any]:
    keys = erasing_of(house).vault.keys()
    found = {*hits(house, searched)}
    records = {feed: len(places) for feed, places in notes.places.items()}
    erasure = next(one for one in erasing_of(house).erasures.all() if one.erasure == notes.erasure)
    body: dict[str, Any] = {
        "receipt": 1,
        "tillage": version("tillage"),
        "project": house.project.name,
        "store": hashlib.sha256(house.ledger.house().encode()).hexdigest(),
        "erasure": notes.erasure,
        "begun_at": erasure.begun_at.isoformat(),
        "searched_at": house.now().isoformat(),
        "people": [_described(notes, number, back) for number in range(len(notes.people))],
        "records": records,
        "layers": [_layer(one, found) for one in searched if not one.layer.startswith(ENVIRONMENT)],
        "accepted": [{"place": place, "reason": reason} for place, reason in sorted(notes.accepted.items())],
        "remains": [
            {"what": what, "until": until} for what, until in (*_REMAINS, *((one, _LOG_UNTIL) for one in left))
        ],
        "outside": [*_OUTSIDE, *(f"{name}: erase there too" for name in _environments(searched))],
    }
    return body | {"public_key": public_key(keys.signing), "signature": sign(keys.signing, body)}


def _environments(searched: Iterable[Searched]) -> list[str]:
    return [one.layer for one in searched if one.layer.startswith(ENVIRONMENT)]


def _described(notes: Notes, number: int, back: Collection[int]) -> dict[str, Any]:
    """A person, as only who has the keys and the id can tell."""
    person = notes.people[number]
    return {
        "subject": person.subject,
        "digests": [
            {"kind": one.kind.value, "ring": one.ring.hex(), "digest": one.digest.hex()}
            for one in notes.suppressed[number]
        ],
        "was_known": person.subject_key is not None,
        "until": person.until.isoformat() if person.until else None,
        "searched": _how_searched(person, is_back=number in back),
    }


def _how_searched(person: Person, *, is_back: bool) -> str:
    if is_back:
        return "not at all, since somebody of later is known by the same id"
    if person.natural_id and not is_searched(person):
        return "near other texts of theirs, since the id is that short"
    return "everywhere"


def _layer(one: Searched, found: Collection[Hit]) -> dict[str, Any]:
    """Of all hits in the layer those that count, and where the others are."""
    explained = {
        f"{hit.place}: {hit.explained or 'not personal by its contract'}" for hit in one.hits if hit not in found
    }
    return {
        "layer": one.layer,
        "method": _METHODS.get(one.layer.partition(" ")[0], "searched"),
        "files": one.files,
        "stored_bytes": one.stored_bytes,
        "decoded_bytes": one.decoded_bytes,
        "hits": sum(hit in found for hit in one.hits),
        "explained": sorted(explained),
        "searched_as_stored": sorted(one.undecoded),
    }
