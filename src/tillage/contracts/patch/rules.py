"""Reads a patch file: rules in order, each of which changes one thing about the records that it is for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tillage.contracts.cases.yaml_rows import Number, check_choice, read_values
from tillage.contracts.document import Document, Path
from tillage.contracts.patch.path import Step, read_path
from tillage.domain.verdict import Code
from tillage.errors import OperatorError

Waiting = Collection[tuple[str, str]]
"""Dataset and code of each reason for which a record waits."""
Scalar = str | bool | Number | None

_MOST_RULES = 1_000
_WHERE = {"code", "dataset"}
_EXAMPLE = '- {replace: "$.orders[*].status", from: "payed", to: "paid"}'
_NAMES = {"replace": {"from", "to"}, "remove": set[str](), "cast": {"to"}, "text": {"by"}}


class Cast(StrEnum):
    """What a value can be made into."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Where:
    """Limits a rule to records that wait for that reason; None does not limit."""

    code: str | None = None
    dataset: str | None = None

    def holds(self, waiting: Waiting) -> bool:
        """Whether the record waits for one reason that is both."""
        if self.code is None and self.dataset is None:
            return True
        return any(self.code in {None, code} and self.dataset in {None, dataset} for dataset, code in waiting)


@dataclass(frozen=True)
class Replace:
    """The values at `path` become `to`: all, or those that equal `old`."""

    path: tuple[Step, ...]
    to: Scalar
    old: Scalar = None
    is_any: bool = True
    """Whether every value is replaced, whatever `old` says."""


@dataclass(frozen=True)
class Remove:
    """The members and elements at `path` are taken out."""

    path: tuple[Step, ...]


@dataclass(frozen=True)
class CastTo:
    """The values at `path` become what they say in another type, where that is exact."""

    path: tuple[Step, ...]
    to: Cast


@dataclass(frozen=True)
class Text:
    """Each `old` in the text of the record becomes `by`, whether the record can be read or not."""

    old: str
    by: str


Action = Replace | Remove | CastTo | Text


@dataclass(frozen=True)
class Rule:
    """One action, and which records it is for."""

    action: Action
    where: Where = Where()


@dataclass(frozen=True)
class Patch:
    """Rules, applied in order, each to what the one before has left."""

    rules: tuple[Rule, ...]
    digest: str
    """SHA-256 of the file's text, in hex."""


def read_patch(name: str, text: str) -> Patch:
    """The rules in `text`, at least one; `name` is how messages call the file.

    Raises:
        OperatorError: with the line, what is allowed, and the nearest name.
    """
    document = read_values(name, text, OperatorError)
    found = document.data
    if not isinstance(found, list) or not 0 < len(found) <= _MOST_RULES:
        raise document.wrong((), f"holds a list of 1 to {_MOST_RULES:,} rules, such as {_EXAMPLE}")
    rules = tuple(_rule(document, (index,), value) for index, value in enumerate(found))
    return Patch(rules, hashlib.sha256(text.encode()).hexdigest())


def _rule(document: Document, path: Path, value: Any) -> Rule:
    if not isinstance(value, dict):
        raise document.wrong(path, f"a rule is like {_EXAMPLE}")
    document.check_names(path, value, {"where", *_NAMES, *(name for names in _NAMES.values() for name in names)})
    kinds = [kind for kind in _NAMES if kind in value]
    if len(kinds) != 1:
        raise document.wrong(path, f"a rule has exactly one of: {', '.join(_NAMES)}")
    document.check_names(path, value, {kinds[0], "where", *_NAMES[kinds[0]]})
    return Rule(_ACTIONS[kinds[0]](document, path, value), _where(document, path, value))


def _where(document: Document, path: Path, value: dict[str, Any]) -> Where:
    if "where" not in value:
        return Where()
    here, found = (*path, "where"), value["where"]
    if not isinstance(found, dict) or not found:
        raise document.wrong(here, "`where` is like {code: enum, dataset: orders}, or one of the two")
    document.check_names(here, found, _WHERE)
    for key, one in found.items():
        if not isinstance(one, str) or not one:
            raise document.wrong((*here, key), f"`{key}` is a name, as `tillage status` shows it")
    code = found.get("code")
    if code is not None and not re.match("rule:.", code):
        check_choice(document, (*here, "code"), code, [*Code, "rule:NAME"])
    return Where(code, found.get("dataset"))


def _replace(document: Document, path: Path, value: dict[str, Any]) -> Replace:
    if "to" not in value:
        raise document.wrong(path, "`replace` says what it puts there: `to`; to take the member out: `remove`")
    for key in ("from", "to"):
        if key in value and not isinstance(value[key], str | bool | Number | None):
            raise document.wrong((*path, key), f"`{key}` is text, a number, true, false or null")
    where = _path(document, path, value, "replace")
    return Replace(where, value["to"], value.get("from"), is_any="from" not in value)


def _remove(document: Document, path: Path, value: dict[str, Any]) -> Remove:
    return Remove(_path(document, path, value, "remove"))


def _cast(document: Document, path: Path, value: dict[str, Any]) -> CastTo:
    check_choice(document, (*path, "to"), value.get("to"), Cast)
    return CastTo(_path(document, path, value, "cast"), Cast(value["to"]))


def _text(document: Document, path: Path, value: dict[str, Any]) -> Text:
    old, by = value["text"], value.get("by")
    if not isinstance(old, str) or not old or not isinstance(by, str):
        raise document.wrong(path, '`text` and `by` are texts, the first not empty, such as {text: "NaN", by: "null"}')
    return Text(old, by)


def _path(document: Document, path: Path, value: dict[str, Any], kind: str) -> tuple[Step, ...]:
    if not isinstance(value[kind], str):
        raise document.wrong((*path, kind), f"`{kind}` is a path, such as $.orders[*].status")
    try:
        return read_path(value[kind])
    except ValueError as wrong:
        raise document.wrong((*path, kind), str(wrong)) from None


_ACTIONS: dict[str, Callable[[Document, Path, dict[str, Any]], Action]] = {
    "replace": _replace,
    "remove": _remove,
    "cast": _cast,
    "text": _text,
}
