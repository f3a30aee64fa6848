"""What the parser is asked for, and which records only the exact look can tell.

The parser is fast and lenient. Its leniency is found by counting: each `":` of the text must belong to one value or
null that was read. A duplicate name, an unread field, or an object where none is read leaves the text with more.
"""

from __future__ import annotations

from tillage.contracts.shape import NOTE, Shape
from tillage.contracts.sql_text import name, text

_ODD = 1_000_000_000  # added to a count that must not come out equal

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
    """SQL over `text` and `r`: true where only the exact look can tell."""
    members = "(strlen(text) - strlen(replace(text, '\":', ''))) // 2"
    # In two spellings, counted apart so that each division is exact; in any other a record is looked at.
    nulls = (
        "(strlen(text) - strlen(replace(text, '\": null', ''))) // 7"
        " + (strlen(text) - strlen(replace(text, '\":null', ''))) // 6"
    )
    return f"(regexp_matches(text, {text(_SUSPECT_TEXT)}) or {members} <> {nulls} + {_members(shape, 'r', 0)})"


def _members(shape: Shape, value: str, depth: int) -> str:
    """SQL: how many values were read below `value`; far off where an element or a leaf is not what is read there."""
    parts = []
    for member, child in shape.members.items():
        here = f"{value}.{name(member)}"
        if child.is_leaf:
            parts.append(f"case when {here} is null then 0 when left({here}, 1) in ('[', '{{') then {_ODD} else 1 end")
        elif child.is_list:
            element = f"z{depth}"
            inner = _members(child, element, depth + 1)
            empty = " and ".join(f"{element}.{name(item)} is null" for item in child.members)
            counted = f"list_sum(list_transform({here}, lambda {element}: if({empty}, {_ODD}, {inner})))"
            parts.append(f"if({here} is null, 0, 1 + coalesce({counted}, 0))")
        else:
            parts.append(f"if({here} is null, 0, 1 + {_members(child, here, depth)})")
    return "(" + " + ".join(parts) + ")"
