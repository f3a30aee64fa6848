"""Where values stand in a JSON text, so that one can be changed and every other keeps its spelling to the byte.

The text is read strictly once; then the walk to a path trusts it, and jumps over what the path does not lead to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.contracts.patch.path import Every, Step

# Deeper than a record may be: a rule may take out what is too deep.
_MOST_DEPTH = 500
_BLANK = re.compile(r"[ \t\n\r]*+")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_COLON = re.compile(_STRING.pattern + r"[ \t\n\r]*+:[ \t\n\r]*+", re.DOTALL)
_PLAIN = re.compile(_STRING.pattern + r'|[^,\]}\s"\[{]++', re.DOTALL)
_AFTER = re.compile(r"[ \t\n\r]*+(?:,[ \t\n\r]*+)?+")
_NEXT = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKETS = np.zeros(256, dtype=np.int8)
_BRACKETS[[ord("["), ord("{")]] = 1
_BRACKETS[[ord("]"), ord("}")]] = -1


Span = tuple[int, int, int]
"""Where a child starts, with its name; where it ends; where its value starts. Plain, as there may be millions."""


@dataclass(frozen=True)
class Container:
    """An object or list with all its children, and which of them a path leads to."""

    children: Sequence[Span]
    chosen: Sequence[int]


class _NotOnceError(ValueError):
    """A name twice, or half a surrogate pair."""


def is_json(text: str) -> bool:
    """Whether the text is one RFC 8259 document that a record may be: no name twice, no half of a surrogate pair, no
    NaN, and within the bounds of size and depth.
    """
    if len(text) > MAX_RECORD_BYTES or _depth(text) > _MOST_DEPTH:
        return False
    has_surrogates = _SURROGATE.search(text) is not None

    def members(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            raise _NotOnceError
        if has_surrogates:
            _refuse_halves(pairs)

    def number(_: str) -> None:
        return None

    def constant(_: str) -> None:
        raise _NotOnceError

    try:  # numbers and objects become None: only the grammar is asked for
        rest = json.loads(
            text, parse_int=number, parse_float=number, parse_constant=constant, object_pairs_hook=members
        )
        if has_surrogates:
            _refuse_halves(rest)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_halves(value: Any) -> None:
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError is a ValueError
    elif isinstance(value, list | tuple):
        for element in value:
            _refuse_halves(element)


def _depth(text: str) -> int:
    """Deepest nesting of brackets outside strings; a cheap bound first, since most texts have few."""
    if text.count("[") + text.count("{") <= _MOST_DEPTH:
        return 0
    brackets = np.frombuffer(_STRING.sub("", text).encode(errors="replace"), dtype=np.uint8)
    return int(np.cumsum(_BRACKETS[brackets], dtype=np.int64).max(initial=0))


def containers(text: str, path: Sequence[Step]) -> Iterator[Container]:
    """The objects and lists that hold what `path` leads to, in order of place; `text` must be JSON."""
    yield from _containers(text, _skip(text, 0), path)


def _containers(text: str, start: int, path: Sequence[Step]) -> Iterator[Container]:
    step, *rest = path
    if text[start] != ("{" if isinstance(step, str) else "["):
        return
    children = _children(text, start)
    chosen = _chosen(text, children, step)
    if not rest:
        if chosen:
            yield Container(children, chosen)
        return
    for number in chosen:
        yield from _containers(text, children[number][2], rest)


def _chosen(text: str, children: Sequence[Span], step: Step) -> Sequence[int]:
    if isinstance(step, Every):
        return range(len(children))
    if isinstance(step, int):
        return [step] if step < len(children) else []
    for number, (start, end, _) in enumerate(children):
        if text.startswith(f'"{step}"', start) or _is_escaped(text, start, end, step):
            return [number]
    return []


def _is_escaped(text: str, start: int, end: int, name: str) -> bool:
    """Whether the name that starts there is that one, with at least one letter of it as an escape."""
    return text.find("\\", start, end) >= 0 and bool(json.loads(_STRING.match(text, start)[0]) == name)  # type: ignore[index]


def _children(text: str, start: int) -> list[Span]:
    is_object = text[start] == "{"
    found: list[Span] = []
    position = _skip(text, start + 1)
    while text[position] not in "]}":
        first = value = position
        if is_object:
            value = _COLON.match(text, position).end()  # type: ignore[union-attr]
        scalar = _PLAIN.match(text, value)
        end = scalar.end() if scalar else _end(text, value)
        found.append((first, end, value))
        position = _AFTER.match(text, end).end()  # type: ignore[union-attr]
    return found


def _skip(text: str, position: int) -> int:
    return _BLANK.match(text, position).end()  # type: ignore[union-attr]


def _end(text: str, start: int) -> int:
    """Where the object or list that starts there ends."""
    depth, position = 0, start
    while True:
        bracket = _NEXT.match(text, position)
        if bracket is None:
            raise ValueError("not JSON")
        position = bracket.end()
        depth += 1 if bracket[1] in "[{" else -1
        if depth == 0:
            return position
