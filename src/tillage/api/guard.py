"""Who may read a route: a bearer token of a client that has the route's scope, not faster than the client may.

Source: RFC 6750, OAuth 2.0 bearer tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from litestar import Response

from tillage.api import problems
from tillage.api.rates import Rates
from tillage.stores.postgres.tokens import Tokens

# What the header may hold by RFC 6750, up to a length that no token of ours has.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]{1,200}=*)")
_CHALLENGE = 'Bearer realm="tillage"'


class Guard:
    """Decides before anything is looked up."""

    def __init__(self, tokens: Tokens, rates: Rates) -> None:
        self._tokens, self._rates = tokens, rates

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
