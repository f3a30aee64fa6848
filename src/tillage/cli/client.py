"""`tillage client`: which programs may read the served paths that ask for a scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tillage.cli.opening import HERE, Json, Project, on_project, open_project, print_json

if TYPE_CHECKING:
    from tillage.domain.clients import Client

app = typer.Typer(
    name="client",
    help="Which programs may read the paths that ask for a scope.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the client, like web-shop.")]


@app.command(epilog="Example: tillage client add web-shop --scope spend:read")
@on_project
def add(
    name: Name,
    *,
    scope: Annotated[list[str], typer.Option("--scope", metavar="SCOPE", help="That it may have; may be repeated.")],
    per_second: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Requests that one server answers it.")
    ] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Add a client; its secret is shown once, and exchanged for tokens at POST /token."""
    from tillage.pipelines.clients import add_client

    with open_project(project) as house:
        secret = add_client(house, name, scope, per_second)
    if as_json:
        print_json({"client_id": name, "client_secret": secret, "scopes": sorted(set(scope))})
        return
    typer.echo(f"client_id      {name}\nclient_secret  {secret}")
    how = "curl -u CLIENT_ID:CLIENT_SECRET -d grant_type=client_credentials URL/token"
    typer.echo(f"The secret is shown only now. For an hour's token: {how}", err=True)


@app.command("list", epilog="Example: tillage client list")
@on_project
def list_clients(project: Project = HERE, as_json: Json = False) -> None:
    """Clients with their scopes; never a secret."""
    from dataclasses import asdict

    with open_project(project) as house:
        found = house.clients.known()
    if as_json:
        print_json([asdict(client) for client in found])
    elif not found:
        typer.echo("no clients; add one: tillage client add NAME --scope SCOPE")
    else:
        _print_clients(found)


def _print_clients(clients: list[Client]) -> None:
    from tillage.cli.tables import console, grid, put

    rows = [
        (
            client.name,
            ", ".join(client.scopes),
            "any" if client.per_s is None else f"{client.per_s:,}",
            f"{client.created_at:%Y-%m-%d %H:%M}",
            "" if client.revoked_at is None else f"{client.revoked_at:%Y-%m-%d %H:%M}",
        )
        for client in clients
    ]
    put(console(), grid(["client", "scopes", "requests/s", "added", "revoked"], rows, figures=[2]))


@app.command(epilog="Example: tillage client revoke web-shop")
@on_project
def revoke(name: Name, *, project: Project = HERE, as_json: Json = False) -> None:
    """From now on neither the client's secret nor any of its tokens counts."""
    from tillage.pipelines.clients import revoke_client

    with open_project(project) as house:
        is_new = revoke_client(house, name)
    if as_json:
        print_json({"client": name, "revoked": is_new})
    else:
        typer.echo(f"{name} is revoked" if is_new else f"{name} was revoked before")
