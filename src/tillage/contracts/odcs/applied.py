"""What a column is asked for is applied, or refused with its line: rules that its kind or its place cannot keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillage.contracts.contract import Kind
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.limits import OPTIONS, is_row_enum
from tillage.contracts.odcs.terms import Terms, own_terms

_OF_READING = ("tillage.nullValues", "tillage.aliases", "tillage.numberFormat")
_OF_VALUES = ("tillage.aliases", "tillage.vat", "tillage.amount", "tillage.map", "tillage.control")


def check_applied(document: Document, path: Path, item: Mapping[str, Any], terms: Terms) -> None:
    """What a column made of others is asked for can be asked of it; a position has a key.

    Raises:
        ContractError: what has no effect, and where it would have one.
    """
    if "primaryKeyPosition" in item and not item.get("primaryKey"):
        document.lint((*path, "primaryKeyPosition"), "`primaryKeyPosition` needs `primaryKey: true`")
    if "tillage.control" in terms and terms["tillage.control"] and "tillage.money" not in terms:
        document.lint(terms.at("tillage.control"), "tillage.control needs tillage.money on the same column")
    if "tillage.map" in terms:
        _check_made(document, path, item, terms, why="its classes are those of tillage.map")
    if "tillage.amount" in terms:
        _check_made(document, path, item, terms, why="it is made of other columns: give it to them")
        value = terms.get("tillage.money")
        asked = value if isinstance(value, dict) else {}
        if asked.get("input") == "minor":
            document.lint((*terms.at("tillage.money"), "input"), "`input` is for an amount that is read")
        if asked.get("excessDecimals", "round") != "round":
            here = (*terms.at("tillage.money"), "excessDecimals")
            document.lint(here, "an amount made of other columns is rounded; leave `excessDecimals` out")


def _check_made(document: Document, path: Path, item: Mapping[str, Any], terms: Terms, *, why: str) -> None:
    bounds = OPTIONS[Kind.NUMBER] - {"multipleOf"} if "tillage.amount" in terms else set()
    for option in item.get("logicalTypeOptions") or {}:
        if option not in bounds:
            document.lint((*path, "logicalTypeOptions", option), f"`{option}` has no effect here; {why}")
    if item.get("enum"):
        document.lint((*path, "enum"), f"`enum` has no effect here; {why}")
    for term in _OF_READING:
        if term in terms:
            document.lint(terms.at(term), f"{term} has no effect here; {why}")
    for index, rule in enumerate(item.get("quality") or ()):
        if is_row_enum(rule):
            document.lint((*path, "quality", index), f"allowed values have no effect here; {why}")


def check_inside(document: Document, path: Path, item: Mapping[str, Any]) -> None:
    """A column inside a list or object is no part of a key.

    Raises:
        ContractError: it would be.
    """
    if item.get("primaryKey"):
        document.lint(
            (*path, "primaryKey"), "a column inside a list or object cannot be a key; make one of the unit's columns"
        )


def check_element(
    document: Document, path: Path, inner: Mapping[str, Any], allowed: set[str], *, is_object: bool
) -> None:
    """What stands under `items` itself is for values; of objects the columns say it.

    Raises:
        ContractError: it has no effect there.
    """
    terms = own_terms(document, path, inner, allowed)
    refused = tuple(terms.values) if is_object else tuple(term for term in _OF_VALUES if term in terms)
    for term in refused:
        message = f"{term} is not for a list's items; give it to a column of theirs"
        if not is_object:
            raise document.wrong(terms.at(term), message)
        document.lint(terms.at(term), message)  # of objects it never meant anything
    for option in ("logicalTypeOptions", "enum") if is_object else ():
        if inner.get(option):
            document.lint((*path, option), f"`{option}` is not for objects; give it to their columns")
