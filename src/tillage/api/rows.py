"""The routes of `tillage.yaml`: one look-up each, answered straight to the server.

A framework's own work for a request would cost several times what the look-up costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.types import HTTPScope, Receive, Send

from tillage.api import problems
from tillage.api.addresses import is_from_here, size_bytes
from tillage.api.answers import answer as as_json
from tillage.api.endpoints import Endpoint
from tillage.api.guard import Guard
from tillage.contracts.project import Route
from tillage.errors import StoreAwayError
from tillage.pages.copies import AS_OF, CACHE_CONTROL, is_known, tag_of
from tillage.stores.postgres.lookups import Lookups

_ALLOWED = {"Allow": "GET, HEAD, OPTIONS"}
# Ids are far shorter, and an entry of a PostgreSQL index ends at some 2,700 bytes anyway.
_MOST_KEY_BYTES = 1024
_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", CACHE_CONTROL.encode()))


class Rows:
    """An application for requests of which the endpoint is known.

    Args:
        is_host_asked: Of routes without `auth`, refuse requests that name another host, which a browser sends for a
            page of another site.
        on_store_away: Is told each time that the store does not answer; must return at once.
    """

    def __init__(
        self, lookups: Lookups, guard: Guard, *, is_host_asked: bool, on_store_away: Callable[[], None]
    ) -> None:
        self._lookups, self._guard = lookups, guard
        self._is_host_asked = is_host_asked
        self._on_store_away = on_store_away

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, endpoint: Endpoint, key: str) -> int:
        """Answers, whatever happens; the status of the answer."""
        answer: Response[Any] | int | None
        try:
            answer = self._refused(scope, endpoint, key) or await self._guarded(scope, endpoint.route)
            if answer is None:
                answer = await self._look_up(scope, send, endpoint, key)
        except Exception as error:  # noqa: BLE001  (the last line of an entry point: every request gets an answer)
            if isinstance(error, StoreAwayError):
                self._on_store_away()
            answer = problems.respond_to(error, endpoint.route.path)
        if isinstance(answer, int):
            return answer
        request: Request[Any, Any, Any] = Request(scope)
        await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
        return answer.status_code or 200

    async def _guarded(self, scope: HTTPScope, route: Route) -> Response[Any] | None:
        return await self._guard.refused(scope, route.scope, route.path)

    def _refused(self, scope: HTTPScope, endpoint: Endpoint, key: str) -> Response[Any] | None:
        """What can be said without the store."""
        instance = endpoint.route.path
        if self._is_host_asked and endpoint.route.auth is None and not is_from_here(scope):
            return problems.respond(problems.OTHER_HOST, instance)
        if scope["method"] == "OPTIONS":
            return Response(b"", status_code=204, headers=_ALLOWED)
        if scope["method"] not in {"GET", "HEAD"}:
            return problems.respond(problems.METHOD, instance, _ALLOWED)
        if not key:
            return problems.respond(problems.MISSING_KEY, instance)
        if size_bytes(key) > _MOST_KEY_BYTES:
            return problems.respond(problems.LONG_KEY, instance)
        return None

    async def _look_up(self, scope: HTTPScope, send: Send, endpoint: Endpoint, key: str) -> Response[Any] | int:
        """Sends the row, and gives its status; otherwise what there is to say instead."""
        found = await self._lookups.row(endpoint.look_up, key)
        if found.row is None:
            return problems.respond(problems.UNKNOWN_KEY, endpoint.route.path, {AS_OF: found.as_of})
        body = as_json(endpoint.fields, found.row)
        tag = tag_of(body)
        headers = [*_HEADERS, (b"etag", tag), (AS_OF.encode(), found.as_of.encode())]
        if is_known(scope["headers"], tag):
            await _send(send, 304, headers[1:], b"")
            return 304
        headers.append((b"content-length", str(len(body)).encode()))
        await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else body)
        return 200


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
