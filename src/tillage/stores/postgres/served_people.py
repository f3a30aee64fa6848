"""Whose ids a server is asked for: the key of their digests, and the role that sees nothing else of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tillage.domain.people import IndexKey, Keys
from tillage.errors import KeysError
from tillage.stores.postgres.connecting import connect
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.queries import query


class Served:
    """The people of a store that has a vault.

    Args:
        found_keys: Those whose index key has that fingerprint.
    """

    def __init__(self, dsn: str, found_keys: Callable[[bytes | None], Keys], reader: str) -> None:
        self.reader = reader
        """The role."""
        self._dsn = dsn
        self._found_keys = found_keys
        self._key: IndexKey | None = None

    async def index_key(self) -> IndexKey:
        """The key of today.

        Raises:
            KeysError: it is not in the safe.
            StoreAwayError: the store does not answer.
        """
        if self._key is None:
            self._key = await asyncio.to_thread(self._read)
        return self._key

    def forget(self) -> None:
        """The key was changed; the next one who asks has the new one."""
        self._key = None

    def _read(self) -> IndexKey:
        found = vault_of(self._dsn)
        if found is None:
            raise KeysError("the store has no vault any more; restart the server: tillage serve")
        return self._found_keys(found[0]).index


def vault_of(dsn: str) -> tuple[bytes, str] | None:
    """The fingerprint of the key, and the role of readers; None without a vault.

    Raises:
        StoreAwayError: the store does not answer.
    """
    with translated(), connect(dsn, autocommit=True) as connection:
        if not connection.execute(query("has_vault")).fetchall()[0][0]:
            return None
        (fingerprint,) = connection.execute(query("vault_meta")).fetchall()[0]
        _, reader, _ = connection.execute(query("vault_roles")).fetchall()[0]
        return bytes(fingerprint), str(reader)


def served_people(dsn: str, found_keys: Callable[[bytes | None], Keys]) -> Served | None:
    """The people of the store; None if it has no vault.

    Raises:
        StoreAwayError: the store does not answer.
    """
    found = vault_of(dsn)
    return None if found is None else Served(dsn, found_keys, found[1])
