"""Where the rows of a house lie, and whose accounts may read them there, past all that is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One place."""

    path: str
    """Relative to the project; of a PostgreSQL that was given the variable that holds its DSN."""
    holds: str
    read_by: str
    """As it is now: files have the modes that somebody gave them."""
