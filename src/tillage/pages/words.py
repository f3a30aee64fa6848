"""Sentences of a page, in which each number is a figure and so names its place in the JSON of a command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tillage.pages.figures import Figure

Words = tuple[str | Figure, ...]
"""Parts of a sentence, blanks and all."""


def words(*parts: str | Figure | Words) -> Words:
    """The parts one behind the other."""
    return tuple(_parts(parts))


def _parts(parts: Sequence[str | Figure | Words]) -> Iterator[str | Figure]:
    for part in parts:
        if isinstance(part, tuple):
            yield from part
        else:
            yield part


def counted(number: Figure, one: str, many: str | None = None) -> tuple[Figure, str]:
    """`1 file`, `2 files`."""
    return number, f" {one if number.value == '1' else many or one + 's'}"


def listed(parts: Sequence[str | Figure | Words]) -> Words:
    """`a`, `a and b`, `a, b and c`."""
    found: Words = ()
    for place, part in enumerate(parts):
        between = "" if not place else " and " if place == len(parts) - 1 else ", "
        found = words(found, between, part) if between else words(part)
    return found
