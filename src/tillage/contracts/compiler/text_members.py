"""What a member made of text stands for, by what is read there: XML spells one thing in several ways.

A list of one is written as that one. A blank element is an empty list, or an object without anything. An element with
attributes is an object whose text is `#text`, and one without is that text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillage.contracts.compiler.shape import Shape

TEXT = "#text"
_ATTRIBUTE = "@"
_BLANKS = " \t\r\n"


def read_as(value: Any, shape: Shape) -> Any:
    """The value as `shape` reads it; what fits in no spelling stays as it is."""
    if value is None:
        return None
    if shape.is_leaf:
        return value.get(TEXT, "") if isinstance(value, dict) and is_leaf(value) else value
    if _is_blank(value):
        return None
    if not shape.is_list:
        return _object(value, shape)
    elements = value if isinstance(value, list) else [value]
    if not shape.members:
        return [read_as(element, _LEAF) for element in elements]
    return [_object(element, shape) for element in elements if not _is_blank(element)]


def is_leaf(element: Mapping[str, Any]) -> bool:
    """Whether it holds nothing but attributes and text."""
    return all(name == TEXT or name.startswith(_ATTRIBUTE) for name in element)


_LEAF = Shape()


def _object(value: Any, shape: Shape) -> Any:
    return {TEXT: value} if isinstance(value, str) and TEXT in shape.members else value


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip(_BLANKS)
