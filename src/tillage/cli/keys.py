"""`tillage keys`: the keys in `safe/`, under which people's ids are found again."""

from __future__ import annotations

import typer

from tillage.cli.opening import HERE, Json, Project, on_project, open_project, print_json

app = typer.Typer(
    name="keys",
    help="The keys in safe/, under which people's ids are found again.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _group() -> None:
    """Commands that have a group of their own."""


@app.command(epilog="Example: tillage keys rotate")
@on_project
def rotate(project: Project = HERE, as_json: Json = False) -> None:
    """Change the key of the index of people; their subject keys, and every number, stay as they are."""
    from tillage.pipelines.keys import rotate_keys
    from tillage.wiring import safe_of

    root, _ = project.find()
    with open_project(project) as house:
        people = rotate_keys(house, safe_of(root, house.project.environment))
    if as_json:
        print_json({"people": people})
    else:
        typer.echo(f"{people:,} people are found by a new key; keep a copy of safe/ apart from data/ and its backups")
        typer.echo("Older backups know them by the old key, which is in safe/ no more: make a new one: tillage backup")
