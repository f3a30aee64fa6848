"""What every command that works on a project has: its options, the open project, and JSON for programs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tillage.contracts.project import Project as ProjectFile
    from tillage.pipelines.house import House
    from tillage.settings import Settings


@dataclass(frozen=True)
class Project:
    """Which project a command is about, as it was told: a folder in it, and the name of an environment."""

    folder: Path = Path()
    env: str | None = None

    def find(self) -> tuple[Path, Settings]:
        """The project's folder, and the settings with its environment.

        Raises:
            OperatorError: there is no project, or a variable is wrong.
        """
        from tillage.settings import find_project, read_settings

        return find_project(self.folder), read_settings(env=self.env)


HERE = Project()
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run of the same feed.")]
WAIT_S = 60.0

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "project": (
        Annotated[
            Path,
            typer.Option("-C", "--project", metavar="DIR", help="The project, or a folder in it.", show_default="here"),
        ],
        HERE.folder,
    ),
    "env": (
        Annotated[
            str | None,
            typer.Option("--env", metavar="NAME", help="The environment; else that in TILLAGE_ENV, else the default."),
        ],
        HERE.env,
    ),
}


def on_project(command: Callable[..., None]) -> Callable[..., None]:
    """The command with -C and --env in place of its parameter `project`, which it is given made of them."""
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())
    at = next(index for index, one in enumerate(own) if one.name == "project")
    options = [
        inspect.Parameter(name, own[at].kind, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def told(*, project: Path, env: str | None, **others: Any) -> None:
        command(project=Project(project, env), **others)

    told.__signature__ = signature.replace(parameters=[*own[:at], *options, *own[at + 1 :]])  # type: ignore[attr-defined]
    return told


@contextmanager
def open_project(
    project: Project, *, is_named: bool = True, is_read_only: bool = False, is_behind: bool = False
) -> Iterator[House]:
    """The project in that folder or above it, with progress shown to a person who looks.

    Args:
        is_named: Tell that person which environment it is, where there are any; who does it otherwise says False.
        is_read_only: Nothing can be committed; a house that has yet to be made, or brought up, is an error.
        is_behind: The data may be older than the journal of erasures says.
    """
    from tillage.cli.show import Progress
    from tillage.wiring import NoCommits, open_house

    root, settings = project.find()
    commits = NoCommits() if is_read_only else None
    with (
        Progress() as progress,
        open_house(
            root, settings, say=progress.say, on_bytes=progress.bytes, commits=commits, is_behind=is_behind
        ) as house,
    ):
        if is_named:
            for line in environment_lines(house.project):
                progress.say(line)
        yield house


def environment_lines(project: ProjectFile) -> list[str]:
    """One line that says which environment is meant; none where a project has no environments."""
    return [f"environment {name}" for name in environment_json(project).values()]


def environment_json(project: ProjectFile) -> dict[str, str]:
    """The same for programs: a member of what they are given."""
    return project.environment_member


def show_environment(project: ProjectFile) -> None:
    """The same as the first line of what a command prints for a person."""
    for line in environment_lines(project):
        typer.echo(line)


def print_json(value: object) -> None:
    """One line."""
    from tillage.pipelines.as_json import as_json

    typer.echo(as_json(value))
