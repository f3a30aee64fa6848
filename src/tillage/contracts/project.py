"""Reads `tillage.yaml`: which door feeds what, and what is served where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tillage.contracts.document import Document, Path, read_document
from tillage.errors import ProjectFileError

FORMATS = ("jsonl",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ROUTE = re.compile(r"(?:/[A-Za-z0-9_-]+)+/\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Feed:
    """What arrives under one contract file."""

    name: str
    path: str
    """Folder relative to the project, with forward slashes."""
    format: str


@dataclass(frozen=True)
class Route:
    """One served look-up: `path` with one parameter, answered from the row of `model` whose column equals it."""

    path: str
    parameter: str
    model: str
    fields: tuple[tuple[str, str], ...]
    """Name in the answer, column of the model; the parameter is among the names."""

    @property
    def key_column(self) -> str:
        """The model's column that the parameter selects by."""
        return dict(self.fields)[self.parameter]

    @property
    def prefix(self) -> str:
        """The path before the parameter, without the slash: `/spend`."""
        return self.path.rsplit("/", 1)[0]


@dataclass(frozen=True)
class Project:
    """The whole project file."""

    name: str
    feeds: tuple[Feed, ...]
    routes: tuple[Route, ...]


def read_project(name: str, text: str) -> Project:
    """The project in `text`; `name` is how messages call the file.

    Raises:
        ProjectFileError: with the line, what is allowed, and the nearest name.
    """
    document = read_document(name, text, ProjectFileError)
    document.check_names((), document.data, {"project", "feeds", "serve"})
    project = document.data.get("project")
    if not isinstance(project, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", project):
        raise document.wrong(("project",), "`project` must be a name of lower case letters, digits, - and _")
    feeds = _mapping(document, ("feeds",))
    if not feeds:
        raise document.wrong(
            ("feeds",), "`feeds` must name at least one feed: `orders: {path: landing/orders, format: jsonl}`"
        )
    return Project(
        project,
        tuple(_feed(document, ("feeds", key), key, value) for key, value in feeds.items()),
        tuple(_route(document, ("serve", key), key, value) for key, value in _mapping(document, ("serve",)).items()),
    )


def _mapping(document: Document, path: Path) -> Mapping[Any, Any]:
    value = document.data.get(path[0])
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise document.wrong(path, f"`{path[0]}` must be a mapping")
    return value


def _feed(document: Document, path: Path, name: Any, value: Any) -> Feed:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise document.wrong(path, "a feed's name is lower case letters, digits and _, up to 63")
    if not isinstance(value, dict):
        raise document.wrong(path, "a feed is like {path: landing/orders, format: jsonl}")
    document.check_names(path, value, {"path", "format"})
    folder, kind = value.get("path"), value.get("format", "jsonl")
    if not isinstance(folder, str) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", folder) or ".." in folder.split("/"):
        raise document.wrong((*path, "path"), "`path` must be a folder inside the project, like landing/orders")
    document.check_names((*path, "format"), [kind], FORMATS)
    return Feed(name, folder, kind)


def _route(document: Document, path: Path, route: Any, value: Any) -> Route:
    match = _ROUTE.fullmatch(route) if isinstance(route, str) else None
    if match is None:
        raise document.wrong(path, "a served path has one parameter at its end, like /spend/{customerId}")
    if not isinstance(value, dict) or not isinstance(value.get("fields"), dict):
        raise document.wrong(path, "a served path needs `from: <model>` and `fields: {nameInAnswer: column}`")
    document.check_names(path, value, {"from", "fields"})
    fields = value["fields"]
    if match[1] not in fields:
        raise document.wrong((*path, "fields"), f"`fields` must hold the parameter, `{match[1]}: <column>`")
    if not all(isinstance(part, str) for pair in fields.items() for part in pair) or not isinstance(
        value.get("from"), str
    ):
        raise document.wrong(path, "`from` and the fields are names")
    return Route(route, match[1], value["from"], tuple(fields.items()))
