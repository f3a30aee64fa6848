"""Opens the house for one page: nothing can be committed, and what is computed ends when its time is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Timer
from typing import Any

from tillage.pipelines.house import House
from tillage.settings import Settings
from tillage.wiring import NoCommits, open_house

MOST_S = 30.0
# A page has few statements, each of which takes milliseconds where no lock is in its way.
STATEMENT_S = 10.0


@dataclass(frozen=True)
class Asked:
    """What a request is for, besides which page."""

    rest: tuple[str, ...] = ()
    """The parts of its path behind the page's own, decoded one by one."""
    query: Mapping[str, str] = field(default_factory=dict)

    def page(self) -> int:
        """Which page of a long list, from 1; 1 also where it is no number."""
        text = self.query.get("page", "")
        return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


@dataclass(frozen=True)
class Page:
    """A template and what it is filled with."""

    template: str
    values: Mapping[str, Any]
    document: Any = None
    """What a program gets instead: the JSON of the command whose figures are shown; None: there is none."""
    as_of: str | None = None
    """By feed, the last load that all of it holds, as in `orders=7`, where it says nothing that is of no load."""


View = Callable[[House, Asked], Page]


def look(root: Path, settings: Settings, view: View, asked: Asked, *, most_s: float = MOST_S) -> Page:
    """The page as the house is now.

    Raises:
        TimeLimitError: it took longer.
        TillageError: as of the pipelines that the view calls.
    """
    with open_house(root, settings, say=lambda _: None, commits=NoCommits(statement_s=STATEMENT_S)) as house:
        clock = Timer(most_s, house.engine.interrupt)
        clock.daemon = True
        clock.start()
        try:
            page = view(house, asked)
        finally:
            clock.cancel()
        about = {"project": house.project.name, "environment": house.project.environment_member.get("environment")}
        return replace(page, values={**about, **page.values})
