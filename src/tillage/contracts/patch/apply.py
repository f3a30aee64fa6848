"""Applies a patch to the text of records; what no rule names keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.contracts.patch.places import Container, containers, is_json
from tillage.contracts.patch.rules import CastTo, Patch, Remove, Replace, Text, Waiting
from tillage.contracts.patch.values import cast, replaced

_Edit = tuple[int, int, str]
"""Start, end, and what stands there from now on."""


def patched(patch: Patch, text: str, waiting: Waiting) -> str | None:
    """The record's text after all rules that are for it; None if they change nothing.

    What is no JSON object or list, or says a name twice, is changed by `text` rules alone. A text that would grow
    beyond what a record may hold stays as it was.
    """
    now = text
    is_known_json: bool | None = None
    for rule in patch.rules:
        if not rule.where.holds(waiting):
            continue
        if isinstance(rule.action, Text):
            after = _text_replaced(now, rule.action)
            is_known_json = is_known_json if after == now else None
        else:
            is_known_json = is_json(now) if is_known_json is None else is_known_json
            after = _edited(now, _edits(now, rule.action)) if is_known_json else now
        now = after
    return None if now == text else now


def patch_column(patch: Patch, texts: pa.Array, waiting: Iterable[Waiting]) -> pa.Array:
    """`patched` for each text, null where nothing changed; `waiting` has one entry for each."""
    after = [
        None if text is None else patched(patch, text, one)
        for text, one in zip(texts.to_pylist(), waiting, strict=True)
    ]
    return pa.array(after, texts.type)


def _text_replaced(text: str, rule: Text) -> str:
    grown = len(text) + text.count(rule.old) * (len(rule.by) - len(rule.old))
    return text if grown > MAX_RECORD_BYTES else text.replace(rule.old, rule.by)


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    parts, position = [], 0
    for start, end, new in edits:
        parts += [text[position:start], new]
        position = end
    whole = "".join([*parts, text[position:]])
    return text if len(whole) > MAX_RECORD_BYTES else whole


def _edits(text: str, action: Replace | Remove | CastTo) -> Iterator[_Edit]:
    """In order of place, none over another."""
    for container in containers(text, action.path):
        if isinstance(action, Remove):
            yield from _removals(container)
            continue
        for number in container.chosen:
            _, end, start = container.children[number]
            new = _new(text[start:end], action)
            if new is not None:
                yield start, end, new


def _new(value: str, action: Replace | CastTo) -> str | None:
    return replaced(value, action) if isinstance(action, Replace) else cast(value, action.to)


def _removals(container: Container) -> Iterator[_Edit]:
    """Each child goes with the comma before it; those at the start with the comma after the last of them."""
    children, chosen = container.children, set(container.chosen)
    first_kept = next((number for number in range(len(children)) if number not in chosen), None)
    if first_kept is None:
        yield children[0][0], children[-1][1], ""
        return
    if first_kept > 0:
        yield children[0][0], children[first_kept][0], ""
    for number in container.chosen:
        if number > first_kept:
            yield children[number - 1][1], children[number][1], ""
