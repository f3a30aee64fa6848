"""The application: one look-up for each route of `tillage.yaml`, and what a server needs beside them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import yaml
from litestar import HttpMethod, Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from tillage.api import problems
from tillage.api.addresses import host_of, is_for_loopback, segments_of
from tillage.api.endpoints import HEALTH, LOGIN, METRICS, OPEN_PATHS, OPENAPI_JSON, OPENAPI_YAML, READY, read_endpoints
from tillage.api.guard import Guard
from tillage.api.logins import MOST_BODY_BYTES, Logins
from tillage.api.logs import log_access
from tillage.api.metrics import CONTENT_TYPE, NOT_SERVED, Metrics
from tillage.api.openapi import document
from tillage.api.rows import Rows
from tillage.api.swagger import swagger_handlers
from tillage.api.targets import Targets, keep, kept
from tillage.contracts.project import HOUSE_SCOPE, Project
from tillage.errors import StoreAwayError
from tillage.models.basis import Basis
from tillage.models.output import Output
from tillage.stores.postgres.lookups import Lookups
from tillage.stores.postgres.tokens import Tokens

# A sender that takes longer for a few hundred bytes is none.
_BODY_S = 10
_READS = [HttpMethod.GET, HttpMethod.HEAD]

_METHODS = {"GET", "HEAD", "OPTIONS", "POST"}

AnyRequest = Request[Any, Any, Any]
Answered = Callable[[str, str, int, float], None]
"""Is told of each request: route as it is declared, method, status, seconds."""
Traced = Callable[[Iterable[tuple[bytes, bytes]], str | None, str, int, float], None]
"""Is told the same, and before it the request's headers; the route is None where nothing is served."""


class Reach(StrEnum):
    """From where requests come, and so what is asked of those for what is for this machine alone."""

    UNCHECKED = "unchecked"
    """From this process; nothing is asked."""
    LOOPBACK = "loopback"
    """From this machine. A page of another site can have a browser here send them, which then names that site's host:
    those are refused."""
    NETWORK = "network"
    """From anywhere: a token of scope `house:read` is asked for."""


@dataclass(frozen=True)
class Serving:
    """How an application is one of several that answer, and what it says of it."""

    reach: Reach = Reach.UNCHECKED
    servers: int = 1
    """Processes that share the requests, and with them what a client may ask in a second."""
    counters: str | None = None
    """The folder of the counters that they share; None: there is only this one."""
    is_access_logged: bool = False
    """Whether each request is logged, with its route and without the key."""
    traced: Traced | None = None
    """Makes spans of requests; None: nobody asks for traces."""


class Api(Litestar):
    """A Litestar application that leaves the routes of `tillage.yaml` to `rows`, and whose router sees no id."""

    __slots__ = ("_answered", "_rows", "_targets", "_traced")

    def __init__(
        self, targets: Targets, rows: Rows, answered: Answered, *, traced: Traced | None, **options: Any
    ) -> None:
        self._targets, self._rows, self._answered, self._traced = targets, rows, answered, traced
        super().__init__(**options)

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if scope["type"] != ScopeType.HTTP:
            return await super().__call__(scope, receive, send)
        started_s = time.perf_counter()
        request = cast("HTTPScope", scope)
        target = self._targets.find(segments_of(request))
        if target.endpoint is not None:
            ways = cast("Receive", receive), cast("Send", send)
            status = await self._rows(request, *ways, target.endpoint, target.key)
        else:
            request["path"] = target.path
            keep(request.setdefault("state", {}), target)
            noted = Noted(cast("Send", send))
            await super().__call__(scope, receive, noted)
            status = noted.status
        method = request["method"] if request["method"] in _METHODS else "other"
        seconds = time.perf_counter() - started_s
        self._answered(target.instance or NOT_SERVED, method, status, seconds)
        if self._traced is not None:
            self._traced(request["headers"], target.instance, method, status, seconds)
        return None


class Noted:
    """Sends on what it is told to, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def make_app(
    project: Project,
    outputs: Mapping[str, tuple[Output, ...]],
    lookups: Lookups,
    *,
    bases: Mapping[str, Basis] | None = None,
    logins: Logins | None = None,
    serving: Serving | None = None,
    on_store_away: Callable[[], None] = lambda: None,
    pages: Sequence[HTTPRouteHandler] = (),
) -> Litestar:
    """The API of `project`, whose models have the columns `outputs` in the store that `lookups` reads.

    Args:
        bases: By model, what its rows are of; answers say how far that is.
        logins: Gives tokens to clients; without it there is no path for that.
        serving: How it is one of several; by default it is alone, and asks nobody's host.
        on_store_away: Is told each time that the store does not answer; must return at once.
        pages: What is served for people beside the routes; ids in their paths are found by `kept`.

    Raises:
        OperatorError: a route cannot be served from what the store has; the message says what to do.
    """
    serving = serving or Serving()
    guard = Guard(Tokens(lookups.reads), servers=serving.servers)
    endpoints = read_endpoints(project, outputs, lookups.kinds, bases or {})
    description = document(project.name, endpoints)
    metrics = Metrics(lookups.reads, serving.counters)
    return Api(
        Targets(endpoints, (path for page in pages for path in sorted(page.paths))),
        Rows(
            lookups,
            guard,
            is_host_asked=serving.reach is Reach.LOOPBACK,
            on_store_away=on_store_away,
        ),
        _both(metrics.answered, log_access) if serving.is_access_logged else metrics.answered,
        traced=serving.traced,
        route_handlers=[
            *pages,
            _page(HEALTH, "application/json", b'{"status":"up"}'),
            _page(OPENAPI_JSON, "application/json", json.dumps(description, ensure_ascii=False).encode()),
            _page(OPENAPI_YAML, "application/yaml", yaml.safe_dump(description, sort_keys=False, encoding="utf-8")),
            _ready_handler(lookups, on_store_away),
            _metrics_handler(metrics),
            *swagger_handlers(),
            *([_token_handler(logins)] if logins else []),
        ],
        before_request=_gatekeeper(serving.reach, guard),
        exception_handlers={Exception: _exception_handler(on_store_away)},
        lifespan=[lambda _: lookups.opened()],
        # Each of these would otherwise come from the environment, from a page that loads scripts from elsewhere, or
        # from a logger that writes paths and exceptions as they are.
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


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


def _both(first: Answered, second: Answered) -> Answered:
    def answered(route: str, method: str, status: int, seconds: float) -> None:
        first(route, method, status, seconds)
        second(route, method, status, seconds)

    return answered


def _token_handler(logins: Logins) -> HTTPRouteHandler:
    async def token(request: AnyRequest) -> Response[bytes]:
        try:
            body = await asyncio.wait_for(_body(request), _BODY_S)
        except TimeoutError:
            return problems.respond(problems.SLOW_BODY, LOGIN, {"Connection": "close"})
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


def is_open_to_this_machine(project: Project) -> bool:
    """Whether a route has no `auth`, and so is for this machine alone."""
    return any(route.auth is None for route in project.routes)


def _page(path: str, media_type: str, body: bytes) -> HTTPRouteHandler:
    def page() -> Response[bytes]:
        return _response(media_type, body)

    return HTTPRouteHandler(path, http_method=_READS, sync_to_thread=False)(page)


def _response(media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(body, media_type=media_type, headers=headers)


def _exception_handler(on_store_away: Callable[[], None]) -> Callable[[AnyRequest, Exception], Response[bytes]]:
    def handle(request: AnyRequest, error: Exception) -> Response[bytes]:
        if isinstance(error, StoreAwayError):
            on_store_away()
        return problems.respond_to(error, kept(request.scope["state"]).instance)

    return handle


def _gatekeeper(reach: Reach, guard: Guard) -> Callable[[AnyRequest], Awaitable[Response[bytes] | None]]:
    """Keeps pages and metrics for this machine, and for who has the scope of the house."""

    async def refuse(request: AnyRequest) -> Response[bytes] | None:
        target = kept(request.scope["state"])
        if reach is Reach.UNCHECKED or target.path in OPEN_PATHS:
            return None
        if reach is Reach.LOOPBACK:
            if is_for_loopback(host_of(request.scope)):
                return None
            if "authorization" not in request.headers:
                return problems.respond(problems.OTHER_HOST, target.instance)
        return await guard.refused(request.scope, HOUSE_SCOPE, target.instance)

    return refuse
