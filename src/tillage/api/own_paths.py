"""The server's own paths: is it up, how it is asked for, how it does, and tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from litestar import HttpMethod, Response
from litestar.exceptions import InternalServerException
from litestar.handlers import HTTPRouteHandler

from tillage.api import problems
from tillage.api.endpoints import HEALTH, LOGIN, METRICS, OPENAPI_JSON, OPENAPI_YAML, READY
from tillage.api.logins import MOST_BODY_BYTES, Logins
from tillage.api.metrics import CONTENT_TYPE, Metrics
from tillage.api.serving import AnyRequest
from tillage.stores.postgres.lookups import Lookups

# A sender that takes longer for a few hundred bytes is none.
_BODY_S = 10
_READS = [HttpMethod.GET, HttpMethod.HEAD]


def own_handlers(
    description: Mapping[str, Any],
    lookups: Lookups,
    metrics: Metrics,
    logins: Logins | None,
    on_store_away: Callable[[], None],
) -> list[HTTPRouteHandler]:
    """All of them; `description` is the OpenAPI document, and without `logins` nobody is given a token."""
    return [
        _page(HEALTH, "application/json", b'{"status":"up"}'),
        _page(OPENAPI_JSON, "application/json", json.dumps(description, ensure_ascii=False).encode()),
        _page(OPENAPI_YAML, "application/yaml", yaml.safe_dump(description, sort_keys=False, encoding="utf-8")),
        _ready_handler(lookups, on_store_away),
        _metrics_handler(metrics),
        *([_token_handler(logins)] if logins else []),
    ]


def _ready_handler(lookups: Lookups, on_store_away: Callable[[], None]) -> HTTPRouteHandler:
    async def ready() -> Response[bytes]:
        if await lookups.is_ready():
            return _response("application/json", b'{"status":"ready"}')
        on_store_away()
        return problems.respond(problems.NOT_READY, READY, problems.retry_after(5))

    return HTTPRouteHandler(READY, http_method=_READS)(ready)


def _metrics_handler(metrics: Metrics) -> HTTPRouteHandler:
    async def page() -> Response[bytes]:
        return _response(CONTENT_TYPE, await metrics.page(), {"Cache-Control": "no-store"})

    return HTTPRouteHandler(METRICS, http_method=_READS)(page)


def _token_handler(logins: Logins) -> HTTPRouteHandler:
    async def token(request: AnyRequest) -> Response[bytes]:
        try:
            body = await asyncio.wait_for(_body(request), _BODY_S)
        except TimeoutError:
            return problems.respond(problems.SLOW_BODY, LOGIN, {"Connection": "close"})
        except InternalServerException:  # whoever sent it is gone, and hears no answer
            return problems.respond(problems.BAD_REQUEST, LOGIN)
        if body is None:
            return problems.respond(problems.LARGE_BODY, LOGIN, {"Connection": "close"})
        sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
        return await logins.answer(body, sent, LOGIN)

    return HTTPRouteHandler(LOGIN, http_method=HttpMethod.POST, status_code=200)(token)


async def _body(request: AnyRequest) -> bytes | None:
    """The whole body; None once it is larger than a request for a token can be."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            return None
    return body


def _page(path: str, media_type: str, body: bytes) -> HTTPRouteHandler:
    def page() -> Response[bytes]:
        return _response(media_type, body)

    return HTTPRouteHandler(path, http_method=_READS, sync_to_thread=False)(page)


def _response(media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(body, media_type=media_type, headers=headers)
