"""`tillage doctor`: everything that can keep a project from working, looked at in one go; changes nothing.

Each examination goes on after what it finds, so that a person sees all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tillage.cli.doctor.environment import examine_environment
from tillage.cli.doctor.finding import Finding, Level
from tillage.cli.doctor.house import examine_house
from tillage.cli.doctor.installation import examine_installation
from tillage.cli.doctor.places import examine_places
from tillage.cli.doctor.texts import examine_texts, read_texts
from tillage.cli.doctor.upkeep import examine_store
from tillage.errors import TillageError
from tillage.settings import read_settings
from tillage.wiring import find_project

__all__ = ["Finding", "Level", "examine"]


def examine(start: Path, env: str | None = None) -> Iterator[Finding]:
    """What is right, worth knowing, or wrong with the installation and the project in `start` or above it.

    Args:
        start: A folder.
        env: The environment to look at; None: that in the settings.
    """
    yield from examine_installation()
    try:
        root = find_project(start)
        settings = read_settings(env=env)
    except TillageError as wrong:
        yield Finding(Level.WRONG, "project", str(wrong))
        return
    texts = read_texts(root, settings)
    yield from examine_texts(texts, settings)
    if texts.project is None and settings.env:
        return  # where lake and store of an environment are is not known
    if texts.project is not None:
        yield from examine_environment(root, texts.project, settings)
    yield from examine_places(root, texts.project)
    is_store_used = False
    for finding in examine_store(root, settings):
        is_store_used = finding.level is Level.OK
        yield finding
    # What lies in store and lake has a meaning only under a project that can be read.
    if texts.is_sound and is_store_used:
        yield from examine_house(root, settings)
