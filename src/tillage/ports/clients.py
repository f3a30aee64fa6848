"""The clients of the served routes. Neither a secret nor a token can be read back from what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tillage.domain.clients import Client, Token


class Clients(Protocol):
    """Adds and revokes clients, and gives them tokens; each write is one transaction."""

    def add(self, name: str, scopes: Iterable[str], per_s: int | None) -> str:
        """Keeps a new client and gives its secret, which is random and not kept.

        Raises:
            OperatorError: there is, or was, a client of that name.
        """
        ...

    def known(self) -> list[Client]:
        """All clients by name, revoked ones too."""
        ...

    def revoke(self, name: str) -> bool:
        """From its commit on neither the client's secret nor any of its tokens counts; whether it counted before."""
        ...

    def issue(self, name: str, secret: str, scopes: Iterable[str]) -> Token | None:
        """A token for the client of that name and secret, with `scopes` or, if there are none, all of its own.

        None if there is no such client, its secret is another, or it was revoked. It takes as long either way. Old
        tokens of the client that have expired are forgotten.

        Raises:
            ScopeNotHeldError: the secret is right, and the client lacks one of the scopes.
        """
        ...
