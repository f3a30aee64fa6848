"""Who may see what is made of a dataset: by which addresses of the server, and in which places past it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tillage.contracts.project import HOUSE_SCOPE, OPEN, Route
from tillage.pipelines.explain import is_explained
from tillage.pipelines.house import House

THIS_MACHINE = "who asks on this machine, under its own name; the server listens on no other address"
ANYBODY = "everybody who reaches the server"
_WITH_SCOPE = "who sends a token of a client with the scope {scope}"
_HOUSE = f"who asks on this machine while the server listens on no other address, or {_WITH_SCOPE}"


@dataclass(frozen=True)
class Address:
    """One address by which the server answers from a model."""

    method: str
    path: str
    """With the parameter as the project file names it."""
    model: str
    auth: str | None
    """The scope that a token must have, or `none`; None: no token is asked for on this machine, and no other may."""
    who: str


def routes_of(house: House, models: Collection[str]) -> tuple[Address, ...]:
    """Served paths that answer from one of the models."""
    return tuple(
        Address("GET", route.path, route.model, route.auth, _who(route))
        for route in house.project.routes
        if route.model in models
    )


def pages_of(house: House, models: Collection[str]) -> tuple[Address, ...]:
    """Pages that show the lines behind such an answer."""
    return tuple(
        Address("GET", f"/explain{route.path}", route.model, HOUSE_SCOPE, _HOUSE.format(scope=HOUSE_SCOPE))
        for route in house.project.routes
        if route.model in models and is_explained(house, route)
    )


def _who(route: Route) -> str:
    if route.auth == OPEN:
        return ANYBODY
    return THIS_MACHINE if route.auth is None else _WITH_SCOPE.format(scope=route.auth)
