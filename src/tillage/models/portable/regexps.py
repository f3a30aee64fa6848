r"""Which regular expressions RE2 and Java read alike; what one of them reads otherwise is refused.

Both take the first alternative that fits. They differ in what `.`, `$`, `\s`, `\b` and `(?i)` mean, in classes inside
of classes, and in what they do where a pattern fits nothing at all.
"""

from __future__ import annotations

import re

_PLAIN_ESCAPES = frozenset("dDwWtnfr.\\/-()[]{}*+?^$|zA")
_GROUPS = ("(?:", "(?s)")


def is_portable(pattern: str) -> bool:
    """Whether every part of a pattern means the same to RE2 and to Java."""
    rest, is_dot_all = pattern, pattern.startswith("(?s)")
    if is_dot_all:
        rest = rest.removeprefix("(?s)")
    while rest:
        taken = _one(rest, is_dot_all=is_dot_all, is_first=rest in {pattern, pattern.removeprefix("(?s)")})
        if not taken:
            return False
        rest = rest[taken:]
    return _in_python(pattern) is not None


def fits_nothing(pattern: str) -> bool:
    """Whether a portable pattern fits the empty text, so that it may be found between any two letters."""
    compiled = _in_python(pattern)
    return compiled is None or compiled.search("") is not None


def fits(pattern: str, value: str) -> bool:
    """Whether a portable pattern is found in a text."""
    compiled = _in_python(pattern)
    return compiled is None or compiled.search(value) is not None


def _one(rest: str, *, is_dot_all: bool, is_first: bool) -> int:
    """How many letters the next part has; 0 if it is not portable."""
    letter = rest[0]
    if letter == "\\":
        return 2 if rest[1:2] and rest[1] in _PLAIN_ESCAPES else 0
    if letter == "[":
        return _class(rest)
    if letter == "(" and rest.startswith("(?"):
        return 3 if rest.startswith("(?:") else 0
    if letter == "^":
        return 1 if is_first else 0
    if letter == "." and not is_dot_all:
        return 0
    return 0 if letter == "$" else 1


def _class(rest: str) -> int:
    """The length of `[..]` without a class, an intersection or a POSIX name inside."""
    position = 2 if rest.startswith("[^") else 1
    start = position
    while position < len(rest):
        letter = rest[position]
        if letter == "]" and position > start:
            return position + 1
        if letter in "[]" or rest.startswith(("&&", "--", "~~", "||"), position):
            return 0
        if letter == "\\":
            if rest[position + 1 : position + 2] not in _PLAIN_ESCAPES - {"z", "A", ""}:
                return 0
            position += 1
        position += 1
    return 0


def _in_python(pattern: str) -> re.Pattern[str] | None:
    r"""The same in Python's words, where `\d` and `\w` are ASCII too; None if it is no pattern."""
    spelled = re.sub(r"(\\\\)|\\z", lambda found: found[1] or r"\Z", pattern)
    try:
        return re.compile(spelled, re.ASCII)
    except re.error:
        return None
