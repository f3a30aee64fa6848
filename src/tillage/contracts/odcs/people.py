"""Whom the data is about: `classification`, `tillage.subject`, `tillage.aliasOf`, `tillage.erase`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from sqlglot import exp

from tillage.contracts.compiler.amount import operands
from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.limits import is_row_enum
from tillage.contracts.odcs.terms import NAME, Terms

PERSONAL = "personal"
CLASSIFICATIONS = (PERSONAL, "confidential", "internal", "public", "restricted")
"""Only the first says who may see a column here; the others are words for people."""
_ID_KINDS = (Kind.STRING, Kind.INTEGER)
HASH = "hash"
ERASE = ("remove", HASH)
"""What is left of a column once its person is erased: nothing, or a hash under a key that is thrown away."""


@dataclass(frozen=True)
class Person:
    """What a column is to the people in the data."""

    is_personal: bool = False
    subject: str | None = None
    alias_of: str | None = None
    is_hashed: bool = False


def read_person(
    document: Document, path: Path, item: Mapping[str, Any], terms: Terms, *, kind: Kind, is_inside: bool
) -> Person:
    """What the column at `path` is; `is_inside`: a list or object.

    Raises:
        ContractError: a word that says nothing here, or a place or kind that cannot be kept apart.
    """
    classification = item.get("classification")
    if classification is not None:
        document.check_names((*path, "classification"), [classification], CLASSIFICATIONS)
    subject, alias_of = (_kind_of_people(document, terms, name) for name in ("tillage.subject", "tillage.aliasOf"))
    if subject and alias_of:
        raise document.wrong(
            terms.at("tillage.aliasOf"), "a column is the id of a person (tillage.subject) or a further identifier"
        )
    person = Person(bool(alias_of or (classification == PERSONAL and not subject)), subject, alias_of)
    person = replace(person, is_hashed=_is_hashed(document, terms, is_about_people=person != Person()))
    if person == Person():
        return person
    if is_inside:
        raise document.wrong(
            path,
            "a column inside a list or object cannot be personal or an id of people yet: mark the whole list or "
            "object, or read the member into a column of the unit (physicalName: $.object.member)",
        )
    for term in ("tillage.money", "tillage.control", "tillage.eventTime"):
        if terms.get(term):
            raise document.wrong(terms.at(term), f"{term} is for tables to keep, and this column leaves them")
    if subject and (kind not in _ID_KINDS or {"tillage.map", "tillage.amount"} & terms.values.keys()):
        raise document.wrong(terms.at("tillage.subject"), "tillage.subject is for a string or integer that is sent")
    if alias_of and kind is not Kind.STRING:
        raise document.wrong(terms.at("tillage.aliasOf"), "tillage.aliasOf is for a string, like an e-mail address")
    return person


def _is_hashed(document: Document, terms: Terms, *, is_about_people: bool) -> bool:
    left = terms.get("tillage.erase")
    if left is None:
        return False
    if left not in ERASE:
        raise document.wrong(terms.at("tillage.erase"), f"tillage.erase is one of: {', '.join(ERASE)}")
    if not is_about_people:
        raise document.wrong(
            terms.at("tillage.erase"),
            "tillage.erase says what is left of a personal column or of an id of people, and this one is neither: "
            "leave it out, or mark the column with `classification: personal`",
        )
    return bool(left == HASH)


def _kind_of_people(document: Document, terms: Terms, name: str) -> str | None:
    value = terms.get(name)
    if value is not None and not (isinstance(value, str) and NAME.fullmatch(value)):
        raise document.wrong(
            terms.at(name),
            f"{name} names a kind of people, the same in all contracts, like customer: lower case letters, digits, _",
        )
    return value


def check_people(document: Document, path: Path, dataset: Dataset) -> None:
    """What is personal can be found again by whom it is about, and no table is kept by it.

    Raises:
        ContractError: names the column, and what to do.
    """
    subjects = dataset.subject_columns
    for index, column in enumerate(dataset.columns):
        here = (*path, index)
        if not column.is_personal:
            continue
        if column.stored_name in dataset.key:
            raise document.wrong(
                here,
                f"column '{column.name}' is personal and part of the key, which tables keep; if it is the id of a "
                "person, say tillage.subject instead",
            )
        if len(subjects) != 1:
            raise document.wrong(
                here,
                f"column '{column.name}' is personal, and dataset '{dataset.name}' has {len(subjects)} columns with "
                "tillage.subject; with exactly one it is known whose it is",
            )
        if not subjects[0].is_required:
            raise document.wrong(
                (*path, dataset.columns.index(subjects[0])),
                f"column '{subjects[0].name}' must be `required: true`: '{column.name}' is personal, and without the "
                "id nobody could say whose it is",
            )
        if column.alias_of and column.alias_of != subjects[0].subject:
            raise document.wrong(
                here, f"tillage.aliasOf is '{column.alias_of}', and the id beside it is of '{subjects[0].subject}'"
            )
    _refuse_read_by_others(document, path, dataset)


def _refuse_read_by_others(document: Document, path: Path, dataset: Dataset) -> None:
    """What is made of a personal column is personal too; amounts keep their currency beside them, in tables."""
    gone = {column.name for column in dataset.columns if column.is_personal or column.subject}
    for column, here, own in _with_items(dataset.columns, path):
        read = {name.partition(".")[0] for name in _read_by(column) if name not in own} & gone
        if read and not column.is_personal:
            raise document.wrong(
                here,
                f"column '{column.name}' is made of '{min(read)}', which is about people, and tables would keep it: "
                "mark it with `classification: personal` too, or make it of something else",
            )


def _read_by(column: Column) -> Iterable[str]:
    """The columns that one is made of, or judged by."""
    if column.money and column.money.currency_by:
        yield column.money.currency_by
    if column.vat:
        yield from (one for one in (column.vat.rate_by, column.vat.date_by) if one)
    if column.class_map:
        yield column.class_map.column
    if column.amount:
        yield from operands(column.amount)


def _with_items(
    columns: Iterable[Column], path: Path, own: frozenset[str] = frozenset()
) -> Iterable[tuple[Column, Path, frozenset[str]]]:
    """Each column with its place, and what stands beside it inside a list or object, which a name means first."""
    for index, column in enumerate(columns):
        yield column, (*path, index), own
        inner = frozenset(item.name for item in column.items)
        yield from ((item, (*path, index), inside) for item, _, inside in _with_items(column.items, path, inner))


def check_rules_of_people(document: Document, path: Path, item: Mapping[str, Any], dataset: Dataset) -> None:
    """No version and no dataset rule rests on what tables do not keep.

    Raises:
        ContractError: names the rule and the column.
    """
    if not dataset.subject_columns:
        return
    if any(column.name == dataset.version for column in (*dataset.personal_columns, *dataset.subject_columns)):
        raise document.wrong(path, f"tillage.version: '{dataset.version}' is about people, and tables do not keep it")
    gone = {column.stored_name for column in dataset.personal_columns}
    for rule in dataset.dataset_rules:
        named = {one.name for one in sqlglot.parse_one(rule.sql, dialect="duckdb").find_all(exp.Column)}
        if read := sorted(named & gone):
            raise document.error(
                f"{document.name}, line {rule.line}: rule '{rule.name}' asks tables for '{read[0]}', which is personal "
                "and not in them; a row rule (type: custom) is asked of each unit before"
            )
    for index, entry in enumerate(item.get("properties") or ()):
        if not dataset.columns[index].subject:
            continue
        for number, found in enumerate(entry.get("quality") or ()):
            if found.get("metric") == "invalidValues" and not is_row_enum(found):
                raise document.wrong(
                    (*path, "properties", index, "quality", number),
                    "tables keep subject keys in the place of these ids; state it as a row rule (type: custom)",
                )


def read_requests(document: Document, terms: Terms, dataset: Dataset) -> str | None:
    """The kind of people whose requests to be erased the units are; None: they are none.

    Raises:
        ContractError: the units do not say who asks.
    """
    kind = _kind_of_people(document, terms, "tillage.erases")
    if kind and not any(column.subject == kind and column.is_required for column in dataset.subject_columns):
        raise document.wrong(
            terms.at("tillage.erases"),
            f"a request says who asks: a required column with tillage.subject: {kind}",
        )
    return kind
