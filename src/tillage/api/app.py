"""The application: the routes of `tillage.yaml`, the server's own paths, and pages for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from litestar import Litestar, Response
from litestar.enums import ScopeType
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from tillage.api import problems
from tillage.api.addresses import segments_of
from tillage.api.endpoints import read_endpoints
from tillage.api.guard import Guard
from tillage.api.logins import Logins
from tillage.api.logs import log_access
from tillage.api.metrics import NOT_SERVED, Metrics
from tillage.api.openapi import document
from tillage.api.own_paths import own_handlers
from tillage.api.rates import Rates
from tillage.api.rows import Rows
from tillage.api.serving import Answered, AnyRequest, Reach, Serving, Traced, gatekeeper
from tillage.api.swagger import swagger_handlers
from tillage.api.targets import Targets, keep, kept
from tillage.contracts.project import Project
from tillage.errors import StoreAwayError
from tillage.models.basis import Basis
from tillage.models.output import Output
from tillage.pages.handlers import Pages
from tillage.stores.postgres.lookups import Lookups
from tillage.stores.postgres.tokens import Tokens

_METHODS = {"GET", "HEAD", "OPTIONS", "POST"}


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
    pages: Pages | None = None,
) -> Litestar:
    """The API of `project`, whose models have the columns `outputs` in the store that `lookups` reads.

    Args:
        bases: By model, what its rows are of; answers say how far that is.
        logins: Gives tokens to clients; without it there is no path for that.
        serving: How it is one of several; by default it is alone, and asks nobody's host.
        on_store_away: Is told each time that the store does not answer; must return at once.
        pages: What is served for people beside the routes; by default nothing is.

    Raises:
        OperatorError: a route cannot be served from what the store has; the message says what to do.
    """
    serving, pages = serving or Serving(), pages or Pages()
    guard = Guard(Tokens(lookups.reads), Rates(serving.counters))
    endpoints = read_endpoints(project, outputs, lookups.kinds, bases or {})
    description = document(project.name, endpoints, pages.explained)
    metrics = Metrics(lookups.reads, serving.counters)
    return Api(
        Targets(endpoints, (path for page in pages.handlers for path in sorted(page.paths))),
        Rows(
            lookups,
            guard,
            is_host_asked=serving.reach is Reach.LOOPBACK,
            on_store_away=on_store_away,
        ),
        _both(metrics.answered, log_access) if serving.is_access_logged else metrics.answered,
        traced=serving.traced,
        route_handlers=[
            *pages.handlers,
            *own_handlers(description, lookups, metrics, logins, on_store_away),
            *swagger_handlers(),
        ],
        before_request=gatekeeper(serving.reach, guard),
        exception_handlers={Exception: _exception_handler(on_store_away)},
        lifespan=[lambda _: lookups.opened()],
        # Each of these would otherwise come from the environment, from a page that loads scripts from elsewhere, or
        # from a logger that writes paths and exceptions as they are.
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


def _both(first: Answered, second: Answered) -> Answered:
    def answered(route: str, method: str, status: int, seconds: float) -> None:
        first(route, method, status, seconds)
        second(route, method, status, seconds)

    return answered


def _exception_handler(on_store_away: Callable[[], None]) -> Callable[[AnyRequest, Exception], Response[bytes]]:
    def handle(request: AnyRequest, error: Exception) -> Response[bytes]:
        if isinstance(error, StoreAwayError):
            on_store_away()
        return problems.respond_to(error, kept(request.scope["state"]).instance)

    return handle
