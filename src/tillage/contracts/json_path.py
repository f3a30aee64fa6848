"""Paths to a member or list of a JSON document, with names in brackets where a point would not do.

Source: RFC 9535, of which name selectors and one `[*]` at the end are read. After a point a name may hold more here
than there: all but points, brackets, quotes, `*`, `$`, blanks and control characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_SHORT = r"""\.[^.\[\]*$'"\s\x00-\x1f]+"""
_SINGLE = r"""\['(?:[^'\\\x00-\x1f]|\\.)+'\]"""
_DOUBLE = r"""\["(?:[^"\\\x00-\x1f]|\\.)+"\]"""
STEP = rf"(?:{_SHORT}|{_SINGLE}|{_DOUBLE})"
_MEMBER = re.compile(rf"\$({STEP}+)")
_LIST = re.compile(rf"\$({STEP}*)\[\*\]")
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")


def member(path: str) -> tuple[str, ...] | None:
    """The names that lead from the document to a member: `$.a['b c']`; None where the path is no such one."""
    return _steps(_MEMBER.fullmatch(path))


def elements(path: str) -> tuple[str, ...] | None:
    """The names that lead to a list: `$.a['b c'][*]`, none for `$[*]`; None where the path is no such one."""
    return _steps(_LIST.fullmatch(path))


def written(steps: Iterable[str]) -> str:
    """The path of a member, each name as short as it can be."""
    return "$" + "".join(f".{step}" if _PLAIN.fullmatch(step) else f"[{_quoted(step)}]" for step in steps)


def _quoted(step: str) -> str:
    inner = json.dumps(step, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def _steps(match: re.Match[str] | None) -> tuple[str, ...] | None:
    if match is None:
        return None
    try:
        return tuple(_name(step) for step in re.findall(STEP, match[1]))
    except ValueError:
        return None


def _name(step: str) -> str:
    if step.startswith("."):
        return step[1:]
    inner = step[2:-2]
    if step[1] == "'":
        inner = re.sub(r"\\(.)|\"", lambda found: _in_double_quotes(found[0]), inner)
    name = json.loads(f'"{inner}"')
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError("half a letter")
    return str(name)


def _in_double_quotes(letter: str) -> str:
    return {"\\'": "'", '"': '\\"'}.get(letter, letter)
