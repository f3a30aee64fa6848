"""Clients and tokens: of secrets Argon2id hashes are kept, of tokens SHA-256 digests.

A token is 32 random bytes, so its digest cannot be guessed at, and is found by an index. A secret is as random; a slow
hash of it is one more wall, which costs little, since it is asked for once a token.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tillage.domain.clients import CLIENT_NAME, Client, Token
from tillage.domain.load import CommitPoint
from tillage.errors import OperatorError, ScopeNotHeldError
from tillage.stores.postgres.database import Database

LIVES_S = 3600
_PREFIX_SECRET, _PREFIX_TOKEN = "tls_", "tlt_"  # so that those who look for secrets in files know them
_RANDOM_BYTES = 32
# Source: OWASP Password Storage Cheat Sheet, the least for Argon2id. One lane: a login may not take every core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Clients:
    """Reads and writes `tillage.clients` and `tillage.tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, scopes: Iterable[str], per_s: int | None) -> str:
        secret = _PREFIX_SECRET + secrets.token_urlsafe(_RANDOM_BYTES)
        values = {"client": name, "secret": _HASHER.hash(secret), "scopes": sorted(set(scopes)), "per_s": per_s}
        with self._database.transaction(CommitPoint.CLIENT) as transaction:
            if not transaction.rows("insert_client", **values):
                raise OperatorError(f"there is or was a client '{name}'; choose another name: tillage client list")
        return secret

    def known(self) -> list[Client]:
        return [
            Client(name, tuple(scopes), per_s, created_at, revoked_at)
            for name, scopes, per_s, created_at, revoked_at in self._database.rows("clients")
        ]

    def revoke(self, name: str) -> bool:
        with self._database.transaction(CommitPoint.CLIENT) as transaction:
            return bool(transaction.rows("revoke_client", client=name))

    def issue(self, name: str, secret: str, scopes: Iterable[str]) -> Token | None:
        found = self._database.rows("client_secret", client=name) if CLIENT_NAME.fullmatch(name) else []
        kept, own = found[0] if found else (_nobodys(), [])
        wanted = sorted(set(scopes)) or own
        if not _is(kept, secret) or not found:
            return None
        if not set(wanted) <= set(own):
            raise ScopeNotHeldError(f"client '{name}' does not have all of these scopes: tillage client list")
        text = _PREFIX_TOKEN + secrets.token_urlsafe(_RANDOM_BYTES)
        values = {"client": name, "digest": digest(text), "scopes": wanted, "lives_s": LIVES_S}
        with self._database.transaction(CommitPoint.CLIENT) as transaction:
            transaction.run("forget_tokens", client=name)
            # It may have been revoked since its secret was read.
            if not transaction.rows("insert_token", **values):
                return None
        return Token(text, tuple(wanted), LIVES_S)


TOKEN = re.compile(re.escape(_PREFIX_TOKEN) + "[A-Za-z0-9_-]{43}")
"""What every token looks like; nothing else needs to be looked for."""


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _is(kept: str, secret: str) -> bool:
    try:
        return _HASHER.verify(kept, secret.encode("utf-8", "surrogateescape"))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """The hash of a secret that nobody has: to find a client unknown takes as long as to find its secret wrong."""
    return _HASHER.hash(secrets.token_urlsafe(_RANDOM_BYTES))
