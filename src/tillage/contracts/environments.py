"""Reads `environments` of `tillage.yaml`: by name, what is otherwise in each lake and store of the project."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tillage.contracts.document import Document, Path
from tillage.contracts.feed_path import read_feed_path
from tillage.domain.secret import Kept, Secret, read_reference

DEFAULT = "default"
PROCESSED = "processed"
DEFAULT_STORE = Secret(Kept.ENV, "TILLAGE_STORE_DSN")
ENVIRONMENT_NAMES = {"store", "feeds"}
OVERRIDDEN_NAMES = {"path"}
# Not what lies in `data` itself, beside the folders of the environments.
ENVIRONMENT_NAME = re.compile(r"(?!(?:default|lake|store|tmp)$)[a-z][a-z0-9_-]{0,30}")
_PLACE = ("environments",)


@dataclass(frozen=True)
class Environment:
    """One lake and one store of a project, which no other environment shares; that of no name is the default."""

    name: str = DEFAULT
    store: Secret | None = DEFAULT_STORE
    """What holds the DSN of its store; None: the store is embedded."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """By feed, the path that its files have here instead."""

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT

    @property
    def data(self) -> str:
        """The folder of the project in which its lake and embedded store lie."""
        return "data" if self.is_default else f"data/{self.name}"

    @property
    def processed(self) -> str:
        """The folder of the project for the files that are kept equal to what stands."""
        return PROCESSED if self.is_default else f"{PROCESSED}/{self.name}"

    def house(self, project: str) -> str:
        """What the store is told to belong to: a project's name, and in none but the default one that of this."""
        return project if self.is_default else f"{project}@{self.name}"


def project_of(house: str) -> str:
    """The project of what `Environment.house` has named."""
    return house.partition("@")[0]


def read_environments(document: Document, feeds: Collection[Any]) -> tuple[Environment, ...]:
    """Those that the project file names, in its order; `feeds` are the names of its feeds.

    Raises:
        OperatorError: of the document's kind; with the line, what is allowed, and the nearest name.
    """
    found: list[Environment] = []
    for name, value in _mapping(document, _PLACE, document.data.get("environments")).items():
        path = (*_PLACE, name)
        if not isinstance(name, str) or not ENVIRONMENT_NAME.fullmatch(name):
            raise document.wrong(
                path,
                "an environment's name is lower case letters, digits, - and _, up to 31, and begins with a letter; "
                "default, lake, store and tmp are taken",
            )
        members = _mapping(document, path, value)
        document.check_names(path, members, ENVIRONMENT_NAMES)
        store = _store(document, (*path, "store"), members.get("store"))
        if store and (other := _holder(found, store)):
            raise document.wrong(
                (*path, "store"), f"the store in {store} is that of environment {other}; each has one of its own"
            )
        found.append(Environment(name, store, _paths(document, (*path, "feeds"), members.get("feeds"), feeds)))
    return tuple(found)


def _mapping(document: Document, path: Path, value: Any) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise document.wrong(path, f"`{path[-1]}` must be a mapping")
    return value


def _holder(environments: Collection[Environment], store: Secret) -> str | None:
    """Whose store that is already."""
    return next((one.name for one in (Environment(), *environments) if one.store == store), None)


def _store(document: Document, path: Path, value: Any) -> Secret | None:
    if value is None:
        return None
    found = read_reference(value) if isinstance(value, str) else None
    if found is None:
        # Never the text itself: it may be a DSN with its password.
        raise document.wrong(
            path,
            '`store` names what holds the DSN, a variable, "${env:SHOP_PROD_DSN}", or a file, '
            '"${file:/run/secrets/shop_dsn}", since a DSN is a secret; without `store` it is embedded',
        )
    return found


def _paths(document: Document, path: Path, value: Any, feeds: Collection[Any]) -> dict[str, str]:
    found = {}
    for feed, members in _mapping(document, path, value).items():
        document.check_names(path, [feed], feeds)
        here = (*path, feed)
        if not isinstance(members, dict) or not members:
            raise document.wrong(
                here, "of a feed an environment may say where its files arrive: {path: samples/orders}"
            )
        document.check_names(here, members, OVERRIDDEN_NAMES)
        found[feed] = read_feed_path(document, (*here, "path"), members.get("path"))
    return found
