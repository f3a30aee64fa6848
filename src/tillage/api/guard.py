"""Who may read a route: a bearer token of a client that has the route's scope, not faster than the client may.

Source: RFC 6750, OAuth 2.0 bearer tokens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response

from tillage.api import problems
from tillage.domain.clients import Grant
from tillage.stores.postgres.tokens import Tokens

# What the header may hold by RFC 6750, up to a length that no token of ours has.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]{1,200}=*)")
_CHALLENGE = 'Bearer realm="tillage"'


class Guard:
    """Decides before anything is looked up."""

    def __init__(self, tokens: Tokens, *, servers: int = 1, now_s: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._rates = Rates(servers, now_s)

    async def refused(
        self, scope: Mapping[str, Any], wanted: str | None, instance: str | None
    ) -> Response[bytes] | None:
        """Why a request for what has the scope `wanted` is not answered; None if it may be.

        Raises:
            StoreAwayError: the store does not answer; a later request may succeed.
        """
        if wanted is None:
            return None
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if not sent:
            return problems.respond(problems.NO_TOKEN, instance, {"WWW-Authenticate": _CHALLENGE})
        bearer = _BEARER.fullmatch(sent[0].decode("latin-1")) if len(sent) == 1 else None
        grant = await self._tokens.grant(bearer[1]) if bearer else None
        if grant is None:
            why = f'{_CHALLENGE}, error="invalid_token"'
            return problems.respond(problems.INVALID_TOKEN, instance, {"WWW-Authenticate": why})
        if wanted not in grant.scopes:
            why = f'{_CHALLENGE}, error="insufficient_scope", scope="{wanted}"'
            return problems.respond(problems.MISSING_SCOPE, instance, {"WWW-Authenticate": why})
        wait_s = self._rates.wait_s(grant)
        if wait_s > 0:
            return problems.respond(problems.TOO_FAST, instance, problems.retry_after(wait_s))
        return None


@dataclass
class _Bucket:
    """What a client may still ask at a moment: a bucket that fills at its rate and holds what comes in one second."""

    left: float
    at_s: float


class Rates:
    """How fast clients ask one server, of which this process is one of `servers` that share the requests."""

    def __init__(self, servers: int, now_s: Callable[[], float]) -> None:
        self._servers, self._now_s = servers, now_s
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, grant: Grant) -> float:
        """Takes one request from what the client may ask; otherwise how long it has to wait for the next."""
        if grant.per_s is None:
            return 0.0
        now_s, per_s = self._now_s(), grant.per_s / self._servers
        most = max(1.0, per_s)
        bucket = self._buckets.setdefault(grant.client, _Bucket(most, now_s))
        bucket.left = min(most, bucket.left + (now_s - bucket.at_s) * per_s)
        bucket.at_s = now_s
        if bucket.left < 1:
            return (1 - bucket.left) / per_s
        bucket.left -= 1
        return 0.0
