"""What tokens stand for, asked anew for each request: one that was revoked counts for none that comes after."""

from __future__ import annotations

from collections.abc import Sequence

from tillage.domain.clients import Grant
from tillage.stores.postgres.clients import TOKEN, digest
from tillage.stores.postgres.coalescing import Coalescing
from tillage.stores.postgres.reads import Reads

_AT_ONCE = 2
_MOST_KEYS = 512
_MOST_WAITING = 4096
_GRANTS = b"""
select t.digest, t.client, array(select unnest(t.scopes) intersect select unnest(c.scopes)), c.per_s
from tillage.tokens t join tillage.clients c on c.client = t.client
where t.digest = any(%(digests)s::bytea[]) and t.expires_at > now() and c.revoked_at is null
"""


class Tokens:
    """Finds grants, many by one statement."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._asked = Coalescing(self._fetch, at_once=_AT_ONCE, most_keys=_MOST_KEYS, most_waiting=_MOST_WAITING)

    async def grant(self, token: str) -> Grant | None:
        """What the token stands for now; None if it is none, has expired or was revoked.

        Raises:
            StoreAwayError: the store does not answer, or not in time; a later request may succeed.
            OverloadedError: too many wait already.
        """
        return await self._asked.get(digest(token)) if TOKEN.fullmatch(token) else None

    async def _fetch(self, digests: Sequence[bytes]) -> dict[bytes, Grant | None]:
        rows = await self._reads.fetch(_GRANTS, {"digests": [*digests]})
        found = {bytes(one): Grant(client, frozenset(scopes), per_s) for one, client, scopes, per_s in rows}
        return {one: found.get(one) for one in digests}
