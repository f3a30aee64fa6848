"""Names and literals as SQL text; everything that is put into SQL from outside goes through here."""

from __future__ import annotations


def name(*identifiers: str) -> str:
    """Identifiers quoted, joined by dots."""
    return ".".join('"' + identifier.replace('"', '""') + '"' for identifier in identifiers)


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"
