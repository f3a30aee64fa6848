"""What the parser is asked for, and which records only the exact look can tell.

The parser is fast and lenient. Its leniency is found by counting: each `":` of the text must belong to one value that
was read, nulls made values for the purpose. A duplicate name, an unread field, or an object where none is read leaves
the text with more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from tillage.contracts.compiler.shape import NOTE, Shape
from tillage.contracts.contract import MAX_DEPTH
from tillage.contracts.sql_text import name, text

_ODD = "1000000000::bigint"  # added to a count that must not come out equal

# What is learned from records; beyond, a record takes the exact look.
_MOST_MEMBERS = 300
_DEEPEST = 8
_OBSERVED_ELEMENTS = 8
_USUAL = re.compile(r"[\w@$.:/ -]{1,100}")

# A false alarm only costs an exact look.
_SUSPECT_TEXT = "|".join(
    (
        r'"\s+:',  # would hide a member from the count
        r"[:\[,]\s*-?[0-9][0-9.]{15,}",  # more digits than a double keeps
        r"[:\[,]\s*-?[0-9][0-9.]*[eE]",
        r"[:\[,]\s*-?[NnIi][AaNn][NnFf]",  # NaN, Infinity
        r",\s*[\]}]",  # a trailing comma
        r"\\u0000",
        NOTE,
        r"^\s*[^{\s]",  # no object
    )
)


def structure(shape: Shape) -> object:
    """What `json_transform` is asked for, as JSON values: leaves stay JSON, since a typed read is lenient."""
    if shape.is_leaf:
        return "JSON"
    if not shape.members:
        return ["JSON"]
    members = {NOTE: "JSON"} | {member: structure(child) for member, child in shape.members.items()}
    return [members] if shape.is_list else members


def suspect(shape: Shape, *, max_depth: int = MAX_DEPTH) -> str:
    """SQL over `text` and `counted`: true where only the exact look can tell."""
    members = "(strlen(text) - strlen(replace(text, '\":', ''))) // 2"
    found = f"regexp_matches(text, {text(_SUSPECT_TEXT)}) or {members} <> {_members(shape, 'counted', 0)}"
    if max_depth < MAX_DEPTH:  # what is read lies far above the usual limit, and arrays that are not read are flat
        brackets = "strlen(text) - strlen(replace(replace(text, '[', ''), '{', ''))"
        found = f"{found} or {brackets} > {max_depth}"
    return f"({found})"


def without_nulls(json_text: str) -> str:
    """SQL: the text with a 0 for each null, so that a null member is read, and counted, as a value.

    A null that stands for a list or an object, or after more than one space, is left to the exact look.
    """
    return f"replace(replace({json_text}, '\": null', '\": 0'), '\":null', '\":0')"


def with_observed(shape: Shape, texts: Iterable[str]) -> Shape:
    """`shape` with the members that some records hold beside, so that those are counted too and no record is suspect
    for what no column reads.
    """
    for one in texts:
        try:
            shape = _with_members(shape, json.loads(one), 0)
        except (ValueError, RecursionError):
            continue  # the check will say what is wrong with it
    return shape


def _with_members(shape: Shape, value: object, depth: int) -> Shape:
    if shape.is_list and isinstance(value, list):
        for element in value[:_OBSERVED_ELEMENTS]:
            shape = _with_members(shape, element, depth)
        return shape
    if not isinstance(value, dict) or shape.is_leaf or not shape.members or depth > _DEEPEST:
        return shape
    members = dict(shape.members)
    lowered = {name.lower() for name in members} | {NOTE}
    for member, found in value.items():
        if member in members:
            members[member] = _with_members(members[member], found, depth + 1)
        elif member.lower() not in lowered and len(members) < _MOST_MEMBERS and _USUAL.fullmatch(member):
            members[member] = _ignored(found, depth + 1)
            lowered.add(member.lower())
    return replace(shape, members=members)


def _ignored(value: object, depth: int) -> Shape:
    """What no column reads: an object or list of objects by its members, all else as it stands."""
    is_list = isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    found = Shape({NOTE: Shape()}, is_list, is_ignored=True)
    if isinstance(value, dict) or is_list:
        found = _with_members(found, value, depth)
    return found if len(found.members) > 1 else Shape(is_ignored=True)


def _members(shape: Shape, value: str, depth: int) -> str:
    """SQL: how many values were read below `value`; far off where something else stands than is read there."""
    parts = []
    for member, child in shape.members.items():
        if member == NOTE:
            continue
        here = f"{value}.{name(member)}"
        if child.is_leaf:
            odd = (
                f"starts_with({here}, '[') and not regexp_matches({here}[2:], '[\\[{{]')"
                if child.is_ignored
                else "false"
            )
            wrong = f"left({here}, 1) in ('[', '{{') and not ({odd})"
            parts.append(f"case when {here} is null then 0 when {wrong} then {_ODD} else 1 end")
        elif not child.members:
            element = f"z{depth}"
            wrong = f"list_bool_or(list_transform({here}, lambda {element}: left({element}, 1) in ('[', '{{')))"
            parts.append(f"if({here} is null, 0, if(coalesce({wrong}, false), {_ODD}, 1))")
        elif child.is_list:
            element = f"z{depth}"
            inner = _inside(child, element, depth + 1)
            counted = f"list_sum(list_transform({here}, lambda {element}: {inner}))"
            parts.append(f"if({here} is null, 0, 1 + coalesce({counted}, 0))")
        else:
            parts.append(f"if({here} is null, 0, 1 + {_inside(child, here, depth)})")
    return "(" + (" + ".join(parts) or "0") + ")"


def _inside(shape: Shape, value: str, depth: int) -> str:
    """As `_members`; what is no object is read as one without any member, as an empty one is."""
    empty = " and ".join(f"{value}.{name(member)} is null" for member in shape.members if member != NOTE) or "true"
    return f"if({empty}, {_ODD}, {_members(shape, value, depth)})"
