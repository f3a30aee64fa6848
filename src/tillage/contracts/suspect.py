"""What the parser is asked for, and which records only the exact look can tell.

The parser is fast and lenient. Its leniency is found by counting: each `":` of the text must belong to one value that
was read, nulls made values for the purpose. A duplicate name, an unread field, or an object where none is read leaves
the text with more.
"""

from __future__ import annotations

from tillage.contracts.shape import NOTE, Shape
from tillage.contracts.sql_text import name, text

_ODD = "1000000000::bigint"  # added to a count that must not come out equal

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
    members = {NOTE: "JSON"} | {member: structure(child) for member, child in shape.members.items()}
    return [members] if shape.is_list else members


def suspect(shape: Shape) -> str:
    """SQL over `text` and `counted`: true where only the exact look can tell."""
    members = "(strlen(text) - strlen(replace(text, '\":', ''))) // 2"
    return f"(regexp_matches(text, {text(_SUSPECT_TEXT)}) or {members} <> {_members(shape, 'counted', 0)})"


def without_nulls(json_text: str) -> str:
    """SQL: the text with a 0 for each null, so that a null member is read, and counted, as a value.

    A null that stands for a list or an object, or after more than one space, is left to the exact look.
    """
    return f"replace(replace({json_text}, '\": null', '\": 0'), '\":null', '\":0')"


def _members(shape: Shape, value: str, depth: int) -> str:
    """SQL: how many values were read below `value`; far off where something else stands than is read there."""
    parts = []
    for member, child in shape.members.items():
        here = f"{value}.{name(member)}"
        if child.is_leaf:
            parts.append(f"case when {here} is null then 0 when left({here}, 1) in ('[', '{{') then {_ODD} else 1 end")
        elif child.is_list:
            element = f"z{depth}"
            inner = _inside(child, element, depth + 1)
            counted = f"list_sum(list_transform({here}, lambda {element}: {inner}))"
            parts.append(f"if({here} is null, 0, 1 + coalesce({counted}, 0))")
        else:
            parts.append(f"if({here} is null, 0, 1 + {_inside(child, here, depth)})")
    return "(" + " + ".join(parts) + ")"


def _inside(shape: Shape, value: str, depth: int) -> str:
    """As `_members`; what is no object is read as one without any member, as an empty one is."""
    empty = " and ".join(f"{value}.{name(member)} is null" for member in shape.members)
    return f"if({empty}, {_ODD}, {_members(shape, value, depth)})"
