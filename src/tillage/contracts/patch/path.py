"""Paths of patch rules: `$`, then names, `['odd names']`, positions `[0]`, and `[*]` for every element of a list."""

from __future__ import annotations

import re
from typing import Final

# Source: RFC 9535, of which this is the part that names places; names may be spelt as in `records` of a project file.
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]*$\s'"\x00-\x1f]+)
    | \[\s*(?:
        (?P<star>\*) | (?P<index>0|[1-9][0-9]{0,8})
        | '(?P<single>(?:[^'\\]|\\.)+)' | "(?P<double>(?:[^"\\]|\\.)+)"
    )\s*\]""",
    re.VERBOSE,
)
_MOST_STEPS = 64


class Every:
    """The step `[*]`."""

    def __repr__(self) -> str:
        return "[*]"


EVERY: Final = Every()
Step = str | int | Every


def read_path(text: str) -> tuple[Step, ...]:
    """The steps of a path, at least one.

    Raises:
        ValueError: says what a path is like; its message holds only what the file says.
    """
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or len(steps) == _MOST_STEPS:
            break
        steps.append(_step(match))
        position = match.end()
    if not text.startswith("$") or position != len(text) or not steps:
        raise ValueError(
            f"'{text}' is no path; write it like $.orders[*].basket[0].productType, an odd name like $['product type']"
        )
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["star"]:
        return EVERY
    if match["index"]:
        return int(match["index"])
    quoted = match["single"] or match["double"]
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else match["name"]
