"""The exact look: a strict RFC 8259 reader for the few records that the vectorised check is not sure about.

DuckDB's JSON functions let through what RFC 8259 or I-JSON forbid (duplicate names, NaN, a trailing comma, numbers
beyond a double) and lose digits. The compiled check finds every record that could hold such a thing and sends it here;
the answer is the same record as text that DuckDB reads exactly, with notes under the reserved member `NOTE`:

* `{NOTE: "type"}` stands for an object that is none,
* `{NOTE: {"basket": "type"}}` inside an object says that its member is no list or object where one is read,
* `{NOTE: {"number": "0.30"}}` as a leaf is a number with all its digits,
* `{NOTE: "type"}` as a leaf is a value that no column can take.

Source: RFC 8259; RFC 7493 (I-JSON) for duplicate names and lone surrogates.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from tillage.contracts.compiler.shape import NOTE, Shape
from tillage.contracts.compiler.text_members import read_as
from tillage.contracts.contract import MAX_DEPTH, MAX_RECORD_BYTES
from tillage.domain.verdict import Code

_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SURE_DIGITS = 15  # a double keeps every decimal number of up to 15 significant digits
_DECIMALS = 18  # of the DECIMAL in which the compiled check holds a number
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_STEP = np.zeros(256, dtype=np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1


class UnreadableError(Exception):
    """The record is no RFC 8259 document, is too large or too deep; `code` says which.

    `is_grammar`: a document of which it is a part is none either. Names given twice, lone surrogates, size and depth
    are within the grammar.
    """

    def __init__(self, code: Code, *, is_grammar: bool = False) -> None:
        super().__init__(code.value)
        self.code = code
        self.is_grammar = is_grammar


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(frozen=True)
class Bounds:
    """What a record may be; `is_unknown_noted`: a member that is not in the shape is noted; `is_text`: it was made of
    text, by `text_members`.
    """

    record_bytes: int = MAX_RECORD_BYTES
    depth: int = MAX_DEPTH
    is_unknown_noted: bool = False
    is_text: bool = False


def look(raw: bytes, shape: Shape, bounds: Bounds = Bounds()) -> str:
    """`raw`, one record, as JSON text with notes, holding only the members that `shape` reads.

    Raises:
        UnreadableError: with code `unreadable`, `too_large` or `too_deep`.
    """
    noted = _unit(_parse(raw, bounds), shape, bounds)
    return json.dumps(noted, ensure_ascii=False, separators=(",", ":"))


def _parse(raw: bytes, bounds: Bounds) -> Any:
    if len(raw) > bounds.record_bytes:
        raise UnreadableError(Code.TOO_LARGE)
    if _depth(raw, bounds.depth) > bounds.depth:
        raise UnreadableError(Code.TOO_DEEP)
    try:
        value = json.loads(
            raw.decode(),
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except ValueError:
        raise UnreadableError(Code.UNREADABLE, is_grammar=True) from None
    _refuse_lone_surrogates(value)
    return value


def _depth(raw: bytes, most: int) -> int:
    """Deepest nesting of brackets outside strings, readable or not; a cheap bound first, since most have few."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return 0
    brackets = np.frombuffer(_STRING.sub(b"", raw), dtype=np.uint8)
    return int(np.cumsum(_STEP[brackets], dtype=np.int64).max(initial=0))


def _refuse(_: str) -> NoReturn:
    raise UnreadableError(Code.UNREADABLE, is_grammar=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError(Code.UNREADABLE)
    return found


def _refuse_lone_surrogates(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnreadableError(Code.UNREADABLE) from None
    elif isinstance(value, dict):
        for name, member in value.items():
            _refuse_lone_surrogates(name)
            _refuse_lone_surrogates(member)
    elif isinstance(value, list):
        for element in value:
            _refuse_lone_surrogates(element)


def _unit(value: Any, shape: Shape, bounds: Bounds) -> Any:
    """A record, or an element that is a unit of its own: with a note of members in it that no column reads."""
    noted, has_unknown = _note(value, shape, bounds)
    if has_unknown and bounds.is_unknown_noted:
        noted.setdefault(NOTE, {})[""] = Code.UNKNOWN_FIELD.value
    return noted


def _note(value: Any, shape: Shape, bounds: Bounds) -> tuple[Any, bool]:
    """What is read of an object, and whether it holds anything else; what units in it hold is theirs."""
    if not isinstance(value, dict):
        return {NOTE: Code.TYPE.value}, False
    noted: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    has_unknown = bool(value.keys() - shape.members.keys())
    for name, member in shape.members.items():
        found = None if name == NOTE else value.get(name)
        if bounds.is_text:
            found = read_as(found, member)
        if found is None:
            continue
        if member.is_leaf:
            noted[name] = _leaf(found)
        elif not isinstance(found, list if member.is_list else dict):
            wrong[name] = Code.TYPE.value
        else:
            noted[name], is_unknown = _inside(found, member, bounds)
            has_unknown = has_unknown or is_unknown
    if wrong:
        noted[NOTE] = wrong
    return noted, has_unknown


def _inside(found: Any, shape: Shape, bounds: Bounds) -> tuple[Any, bool]:
    if not shape.is_list:
        return _note(found, shape, bounds)
    if not shape.members:
        return [None if element is None else _leaf(element) for element in found], False
    if shape.is_unit:
        return [_unit(element, shape, bounds) for element in found], False
    elements = [_note(element, shape, bounds) for element in found]
    return [noted for noted, _ in elements], any(has_unknown for _, has_unknown in elements)


def _leaf(value: Any) -> Any:
    if isinstance(value, _Number):
        return _number(value)
    if isinstance(value, str):
        return {NOTE: Code.TYPE.value} if "\0" in value else value
    if isinstance(value, bool):
        return value
    return {NOTE: Code.TYPE.value}


def _number(text: _Number) -> Any:
    if not _PLAIN_NUMBER.fullmatch(text):
        return {NOTE: Code.TYPE.value}  # with an exponent: no column takes it
    whole, _, decimals = text.partition(".")
    if len(decimals) > _DECIMALS:
        decimals = decimals.rstrip("0")
    if len(decimals) > _DECIMALS:
        # Beyond what any column allows, whatever the digits are: kept as an excess that still shows.
        decimals = decimals[: _DECIMALS - 1] + "1"
    return {NOTE: {"number": f"{whole}.{decimals}" if decimals else whole}}
