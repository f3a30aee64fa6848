"""Clients of the served routes: added with scopes that routes ask for, listed, and revoked."""

from __future__ import annotations

from collections.abc import Sequence

from tillage.contracts.document import nearest
from tillage.contracts.project import HOUSE_SCOPE
from tillage.domain.clients import CLIENT_NAME
from tillage.errors import OperatorError
from tillage.pipelines.house import House


def scopes_of(house: House) -> list[str]:
    """The scopes that tillage.yaml asks for, and that of pages and metrics, sorted."""
    return sorted({HOUSE_SCOPE, *(route.scope for route in house.project.routes if route.scope)})


def add_client(house: House, name: str, scopes: Sequence[str], per_s: int | None) -> str:
    """Adds a client and gives its secret, which nobody can show again.

    Raises:
        OperatorError: the name is none, or was given; no route asks for a scope.
    """
    if not CLIENT_NAME.fullmatch(name):
        raise OperatorError("a client's name is lower case letters, digits, - and _, up to 63, like web-shop")
    known = scopes_of(house)
    for scope in scopes:
        if scope not in known:
            raise OperatorError(
                f"no served path asks for the scope '{scope}'{nearest(scope, known)}; give a path one in tillage.yaml: "
                "auth: spend:read"
            )
    return house.clients.add(name, scopes, per_s)


def revoke_client(house: House, name: str) -> bool:
    """From now on neither the client's secret nor its tokens count; False if they did not before.

    Raises:
        OperatorError: there is no client of that name.
    """
    known = [client.name for client in house.clients.known()]
    if name not in known:
        raise OperatorError(f"there is no client '{name}'{nearest(name, known)}; see: tillage client list")
    return house.clients.revoke(name)
