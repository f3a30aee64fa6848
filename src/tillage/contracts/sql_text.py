"""Names and literals as SQL text; everything that is put into SQL from outside goes through here."""

from __future__ import annotations

_SPACES = (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
BLANK = "'" + "".join(chr(point) for point in _SPACES) + "'"
"""What is trimmed, and what a blank string consists of. Source: Unicode, property White_Space."""


def is_blank(value: str) -> str:
    """SQL: whether a text is blank; most are known not to be by their first letter, and only CASE spares the rest."""
    return f"case when {value} between '!' and '~~' then false else trim({value}, {BLANK}) = '' end"


def trimmed(value: str) -> str:
    """SQL: a text without white space around it."""
    plain = f"left({value}, 1) between '!' and '~' and right({value}, 1) between '!' and '~'"
    return f"case when {plain} then {value} else trim({value}, {BLANK}) end"


def name(*identifiers: str) -> str:
    """Identifiers quoted, joined by dots."""
    return ".".join('"' + identifier.replace('"', '""') + '"' for identifier in identifiers)


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def pack(fields: dict[str, str]) -> str:
    """A struct of names to expressions."""
    return "struct_pack(" + ", ".join(f"{name(key)} := {value}" for key, value in fields.items()) + ")"


def columns(fields: dict[str, str]) -> str:
    """The same as a select list."""
    return ", ".join(f"{value} as {name(key)}" for key, value in fields.items())
