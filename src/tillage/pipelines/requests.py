"""Who asks to be erased, and whom that means: by id, by a further identifier such as an e-mail address, or by both.

Both must mean the same person. What nobody can tell is for a person to decide, and nobody is erased meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tillage.contracts.contract import Dataset, Kind
from tillage.domain.people import BLANKS, spelt_alias
from tillage.errors import OperatorError
from tillage.pipelines.house import House, erasing_of
from tillage.ports.erasing import Erasures, Known, Person
from tillage.ports.lake import Silver


@dataclass(frozen=True)
class Request:
    """Somebody asks; at least one of id and alias is there."""

    subject: str
    natural_id: str | None = None
    alias: str | None = None
    asked_at: datetime | None = None
    """None: now."""
    place: tuple[str, int, int, int] | None = None
    """Dataset, load, file in it and line of a request that a feed has brought."""
    is_alone: bool = False
    """Of the alias in records without an id, whoever else has it."""

    def __repr__(self) -> str:
        return f"Request({self.subject}, ..)"


@dataclass(frozen=True)
class Doubt:
    """A request that nobody can answer but a person."""

    reason: str
    place: tuple[str, int, int, int] | None


@dataclass(frozen=True)
class Resolved:
    """Whom requests mean."""

    people: tuple[Person, ...]
    personal: tuple[tuple[int, str], ...]
    """Number of the person, and JSON texts of what the vault has of them."""
    doubts: tuple[Doubt, ...]
    known: int
    """Of the people, those that the data is about; all others are answered and remembered."""


def subjects(house: House) -> list[str]:
    """The kinds of people that contracts are about."""
    return sorted(
        {
            str(column.subject)
            for contract in house.feeds.values()
            for dataset in contract.check.contract.datasets
            for column in dataset.subject_columns
        }
    )


def asked_by_feeds(house: House) -> list[Request]:
    """The requests that feeds have brought and that are not done: an id still leads to who asked."""
    published = house.ledger.published()
    return [
        request
        for feed, contract in house.feeds.items()
        for dataset in contract.check.contract.datasets
        if dataset.erases
        for request in _requests(house, dataset, house.silver(feed, dataset, published))
    ]


def _requests(house: House, dataset: Dataset, silver: Silver) -> Iterator[Request]:
    of = erasing_of(house)
    rows = of.records.units(dataset, silver, of.vault)
    who = next(column.stored_name for column in dataset.subject_columns if column.subject == dataset.erases)
    names = of.erasures.named({row[who] for row in rows})
    asked_at: dict[int, datetime] = {}
    for row in rows:
        if row[who] not in names:
            continue
        record, said = row["_record"], json.loads(row.get("_personal") or "{}")
        aliases = [said.get(column.stored_name) for column in dataset.columns if column.alias_of == dataset.erases]
        if record["load"] not in asked_at:
            asked_at |= {one.load_seq: one.planned_at for one in house.ledger.summaries(record["load"])}
        yield Request(
            str(dataset.erases),
            names[row[who]],
            next((str(alias) for alias in aliases if alias), None),
            asked_at[record["load"]],
            (dataset.name, record["load"], record["source"], record["ordinal"]),
        )


def resolve(house: House, requests: Iterable[Request]) -> Resolved:
    """Whom they mean; who asks twice is one person, up to the later time.

    Raises:
        OperatorError: there is no such kind of people, or a request says nothing.
    """
    erasures, now = erasing_of(house).erasures, house.now()
    people: dict[tuple[str, str | None, tuple[str, ...], bool], Person] = {}
    personal: dict[tuple[str, str | None, tuple[str, ...], bool], Sequence[str]] = {}
    doubts = []
    for request in requests:
        if request.subject not in subjects(house):
            raise OperatorError(f"no contract is about '{request.subject}'; there are: {', '.join(subjects(house))}")
        natural_id = _as_columns_have_it(house, request.subject, (request.natural_id or "").strip(BLANKS)) or None
        alias = spelt_alias(request.alias or "") or None
        if not all(_is_text(one) for one in (natural_id, alias) if one):
            raise OperatorError("a request holds half a character (a lone surrogate), which no id has; correct it")
        if natural_id is None and alias is None:
            raise OperatorError("a request needs an id, or a further identifier such as an e-mail address")
        found = None if request.is_alone else _meant(erasures, request.subject, natural_id, alias)
        if isinstance(found, str):
            doubts.append(Doubt(found, request.place))
            continue
        person = _person(erasures, request.subject, natural_id, alias, found)
        if request.is_alone:
            person = replace(person, own_aliases=person.aliases, is_alone=True)
        person = replace(person, until=request.asked_at or now)
        key = (person.subject, person.natural_id, () if person.natural_id else person.aliases, person.is_alone)
        if key in people:
            other = people[key]
            untils = [one for one in (other.until, person.until) if one]
            aliases, own = (
                tuple(dict.fromkeys((*one, *another)))
                for one, another in ((other.aliases, person.aliases), (other.own_aliases, person.own_aliases))
            )
            person = replace(other, until=max(untils), aliases=aliases, own_aliases=own)
        people[key] = person
        personal[key] = found.personal if found else ()
    keys = [*people]
    return Resolved(
        tuple(people.values()),
        tuple((number, text) for number, key in enumerate(keys) for text in personal[key]),
        tuple(doubts),
        sum(person.subject_key is not None for person in people.values()),
    )


def _person(erasures: Erasures, subject: str, natural_id: str | None, alias: str | None, found: Known | None) -> Person:
    said = (alias,) if alias else ()
    aliases = tuple(dict.fromkeys((*(found.aliases if found else ()), *said)))
    key = found.subject_key if found else None
    own = tuple(one for one in aliases if {key} >= {by.subject_key for by in erasures.known_by_alias(subject, one)})
    return Person(subject, found.natural_id if found else natural_id, aliases, own, key)


def _as_columns_have_it(house: House, subject: str, natural_id: str) -> str:
    """An id as it is compared: where all columns of such ids are integers, without zeros in front."""
    kinds = {
        column.kind
        for contract in house.feeds.values()
        for dataset in contract.check.contract.datasets
        for column in dataset.subject_columns
        if column.subject == subject
    }
    is_number = kinds == {Kind.INTEGER} and re.fullmatch(r"-?[0-9]{1,19}", natural_id)
    return str(int(natural_id)) if is_number else natural_id


def _is_text(one: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in one) and "\0" not in one


def _meant(erasures: Erasures, subject: str, natural_id: str | None, alias: str | None) -> Known | str | None:
    """Whom it means, None if nobody is known by it; or why nobody can tell."""
    by_id = erasures.known_by_id(subject, natural_id) if natural_id else None
    by_alias = erasures.known_by_alias(subject, alias) if alias else []
    if natural_id is None:
        if len(by_alias) > 1:
            return f"the further identifier is that of {len(by_alias)} people; ask by id"
        return by_alias[0] if by_alias else None
    if by_alias and (by_id is None or by_id.subject_key not in {one.subject_key for one in by_alias}):
        return "the further identifier is that of somebody else than the id"
    if by_id and alias and not by_alias and by_id.aliases:
        return "the further identifier is none of those that the person of the id is known by"
    return by_id
