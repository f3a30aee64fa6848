"""What every command that works on a project has: its options, the open project, and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tillage.pipelines.house import House

Project = Annotated[
    Path, typer.Option("-C", "--project", metavar="DIR", help="The project, or a folder in it.", show_default="here")
]
HERE = Path()
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run of the same feed.")]
WAIT_S = 60.0


@contextmanager
def open_project(project: Path) -> Iterator[House]:
    """The project in that folder or above it, with progress shown to a person who looks."""
    from tillage.cli.show import Progress
    from tillage.settings import read_settings
    from tillage.wiring import find_project, open_house

    root, settings = find_project(project), read_settings()
    with Progress() as progress, open_house(root, settings, say=progress.say, on_bytes=progress.bytes) as house:
        yield house


def print_json(value: object) -> None:
    """One line."""
    from tillage.pipelines.as_json import as_json

    typer.echo(as_json(value))
