"""Numbers as text in a stated format, read sign by sign.

Source: docs/reference/contracts.md, "Numbers as text".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.oracle.food_orders import BLANKS

DIGITS = frozenset("0123456789")
MINUS = ("-", "\N{MINUS SIGN}")
ALIKE = {
    " ": (" ", "\N{NO-BREAK SPACE}", "\N{THIN SPACE}", "\N{NARROW NO-BREAK SPACE}"),
    "'": ("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
}


def plain(text: str, form: Mapping[str, Any]) -> str | None:
    """The number with a point and an optional minus; None where the text, without blanks around, is none."""
    for is_negative, body in _signed(text, form.get("symbols", ()), form.get("negative", "minus")):
        found = _size(body, form)
        if found is not None:
            return ("-" if is_negative else "") + found
    return None


def _signed(text: str, symbols: Sequence[str], negative: str) -> Iterator[tuple[bool, str]]:
    """Everything that could be digits, and whether a sign beside them says minus."""
    for body in _bare(text, symbols):
        yield False, body
        if body.startswith(MINUS):
            yield True, body[1:]
        if negative == "trailing" and body.endswith(MINUS):
            yield True, body[:-1]
        if negative == "parentheses" and body.startswith("(") and body.endswith(")"):
            yield True, body[1:-1]
    if text.startswith(MINUS):
        yield from ((True, body) for body in _bare(text[1:], symbols))
    if negative == "trailing" and text.endswith(MINUS):
        yield from ((True, body) for body in _bare(text[:-1], symbols))
    if negative == "parentheses" and text.startswith("(") and text.endswith(")"):
        yield from ((True, body) for body in _bare(text[1:-1], symbols))


def _bare(text: str, symbols: Sequence[str]) -> Iterator[str]:
    """Without a symbol before it, one behind it, both, or neither."""
    yield text
    starts = [text[len(one) :].lstrip(BLANKS) for one in symbols if text.startswith(one)]
    yield from starts
    for start in (text, *starts):
        yield from (start[: -len(one)].rstrip(BLANKS) for one in symbols if start.endswith(one))


def _size(text: str, form: Mapping[str, Any]) -> str | None:
    whole, point, decimals = text.partition(form.get("decimal", "."))
    if point and not _are_digits(decimals):
        return None
    groups = [whole]
    if form.get("group"):
        for sign in ALIKE.get(form["group"], (form["group"],)):
            groups = [piece for one in groups for piece in one.split(sign)]
    if not all(map(_are_digits, groups)):
        return None
    if len(groups) > 1 and (
        len(groups[0]) > 3 or groups[0].startswith("0") or any(len(one) != 3 for one in groups[1:])
    ):
        return None
    return "".join(groups) + (f".{decimals}" if point else "")


def _are_digits(text: str) -> bool:
    return bool(text) and set(text) <= DIGITS
