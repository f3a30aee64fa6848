"""Who may read what is served: clients with scopes, and tokens that stand for them for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

CLIENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Client:
    """A program that may get tokens, without its secret."""

    name: str
    scopes: tuple[str, ...]
    """Sorted; all that its tokens may have."""
    per_s: int | None
    """Requests a second that one server answers it; None: as many as there are."""
    created_at: datetime
    revoked_at: datetime | None
    """Since then neither its secret nor any of its tokens counts."""


@dataclass(frozen=True)
class Token:
    """A new token, which nobody can show again: only its digest is kept."""

    text: str
    scopes: tuple[str, ...]
    lives_s: int


@dataclass(frozen=True)
class Grant:
    """What a token that counts now stands for."""

    client: str
    scopes: frozenset[str]
    per_s: int | None
