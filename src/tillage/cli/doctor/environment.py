"""The chosen environment: where its lake and store are, whether its variable is set, and which others there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tillage.cli.doctor.finding import Finding, Level
from tillage.contracts.environments import DEFAULT, DEFAULT_STORE
from tillage.contracts.project import Project
from tillage.errors import TillageError
from tillage.settings import Settings
from tillage.wiring import given_dsn

_AREA = "environment"


def examine_environment(root: Path, project: Project, settings: Settings) -> Iterator[Finding]:
    """Nothing of a project that has none beside the default."""
    if not project.environments:
        return
    here = project.environment
    others = [name for name in (DEFAULT, *(one.name for one in project.environments)) if name != here.name]
    try:
        store = f"store by {here.store}" if given_dsn(root, here, settings) else "embedded store"
        level, mend = Level.OK, None
    except TillageError as wrong:
        store, level, mend = str(wrong), Level.WRONG, None
    text = f"{here.name}: lake in {here.data}/lake, {store}; others: {', '.join(others)}"
    yield Finding(level, _AREA, text, mend)
    if settings.store_dsn and not here.is_default:
        yield Finding(Level.NOTE, _AREA, f"{DEFAULT_STORE} is set, and is that of the environment {DEFAULT} alone")
