"""How an application is one of several that answer: from where it is asked, what it counts and tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litestar import Request, Response

from tillage.api import problems
from tillage.api.addresses import is_from_here
from tillage.api.endpoints import OPEN_PATHS
from tillage.api.guard import Guard
from tillage.api.targets import kept
from tillage.contracts.project import HOUSE_SCOPE, Project

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
    counters: str | None = None
    """The folder of what the processes count together; None: there is only this one."""
    is_access_logged: bool = False
    """Whether each request is logged, with its route and without the key."""
    traced: Traced | None = None
    """Makes spans of requests; None: nobody asks for traces."""


def is_open_to_this_machine(project: Project) -> bool:
    """Whether a route has no `auth`, and so is for this machine alone."""
    return any(route.auth is None for route in project.routes)


def gatekeeper(reach: Reach, guard: Guard) -> Callable[[AnyRequest], Awaitable[Response[bytes] | None]]:
    """Keeps pages and metrics for this machine, and for who has the scope of the house."""

    async def refuse(request: AnyRequest) -> Response[bytes] | None:
        target = kept(request.scope["state"])
        if reach is Reach.UNCHECKED or target.path in OPEN_PATHS:
            return None
        if reach is Reach.LOOPBACK:
            if is_from_here(request.scope):
                return None
            if "authorization" not in request.headers:
                return problems.respond(problems.OTHER_HOST, target.instance)
        return await guard.refused(request.scope, HOUSE_SCOPE, target.instance)

    return refuse
