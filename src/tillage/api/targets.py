"""Which part of the API a request's path means, found from its raw bytes and before the framework sees it.

The framework's router decodes a path before it splits it, drops empty segments, and keeps paths in caches. It is given
`/spend/*` instead of the path: so an id may hold slashes, and no id stays in memory or gets into a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tillage.api.addresses import Segments
from tillage.api.endpoints import OWN_PATHS, Endpoint

# No segment of a route holds this character.
ANY_KEY = "*"
_STATE = "tillage_target"


@dataclass(frozen=True)
class Target:
    """What a request is for."""

    path: str
    """What the router is given."""
    instance: str | None
    """The path as it is declared, without the id; None where nothing is served."""
    endpoint: Endpoint | None = None
    key: str = ""
    """Empty: the path ends before it."""
    rest: Segments = ()
    """Of a page: what stands behind its own path."""


NOWHERE = Target(f"/{ANY_KEY}", None)


class Targets:
    """Finds the target of each path; a path that could be both is a key rather than a route without one."""

    def __init__(self, endpoints: Sequence[Endpoint], pages: Iterable[str] = ()) -> None:
        self._endpoints: Mapping[Segments, Endpoint] = {endpoint.prefix: endpoint for endpoint in endpoints}
        self._pages = {path.partition("/{")[0]: path.replace(":str", "") for path in pages}

    def find(self, segments: Segments) -> Target:
        first, rest = segments[:1], segments[1:]
        if (page := f"/{''.join(first)}") in self._pages:
            return self._page(page, () if rest == ("",) else rest)
        prefix, last = segments[:-1], "".join(segments[-1:])
        if last and prefix in self._endpoints:
            endpoint = self._endpoints[prefix]
            return Target(f"{endpoint.route.prefix}/{ANY_KEY}", endpoint.route.path, endpoint, last)
        without_key = segments if last else prefix
        if without_key in self._endpoints:
            endpoint = self._endpoints[without_key]
            return Target(endpoint.route.prefix, endpoint.route.path, endpoint)
        path = "/" + "/".join(segments)
        return Target(path, path) if path in OWN_PATHS else NOWHERE

    def _page(self, page: str, rest: Segments) -> Target:
        declared = self._pages[page]
        if rest and "{" not in declared:
            return NOWHERE
        return Target(f"{page}/{ANY_KEY}" if rest else page, declared, rest=rest)


def keep(state: dict[str, object], target: Target) -> None:
    """Puts the target where `kept` finds it: in the request's state."""
    state[_STATE] = target


def kept(state: Mapping[str, object]) -> Target:
    target = state.get(_STATE)
    return target if isinstance(target, Target) else NOWHERE
