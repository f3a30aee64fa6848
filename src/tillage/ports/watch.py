"""What `tillage run --watch` asks of the outside: time, what lies at the doors, and somebody who does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tillage.contracts.project import Feed
from tillage.contracts.schedule import Schedule


@dataclass(frozen=True)
class Job:
    """What is done again and again: a run of one feed, or without a feed the maintenance of the house."""

    feed: Feed | None
    schedule: Schedule | None
    """None: when files arrive."""

    @property
    def name(self) -> str:
        return self.feed.name if self.feed else "maintain"


@dataclass(frozen=True)
class Outcome:
    """How one piece of work ended."""

    exit_code: int = 0
    """As of the command; negative for the signal that ended it."""
    error: str | None = None
    """Code of the error."""
    message: str = ""
    retry_after_s: float = 0.0
    loads: Sequence[Mapping[str, Any]] = ()
    """One for each load: its number and figures."""
    is_more_coming: bool = False
    """Files were left to the next run, as somebody was still writing them."""


@dataclass(frozen=True)
class Event:
    """One line of what a watcher says."""

    at: datetime
    event: str
    name: str | None
    """Of the job; None: of all."""
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)


class Clock(Protocol):
    """Time, and the wish that it may end."""

    def now(self) -> datetime:
        """By the calendar, in UTC; somebody may set it, in either direction."""
        ...

    def elapsed_s(self) -> float:
        """Seconds since any moment; never goes back. Whether it counts while the machine sleeps is not said."""
        ...

    def wait(self, most_s: float) -> None:
        """Returns after that time, or at once when it is to end."""
        ...

    def is_over(self) -> bool:
        """Whether it is to end."""
        ...


class Landing(Protocol):
    """Feeds' folders, seen from far."""

    def look(self, feed: Feed) -> str:
        """A text that changes when a file of the feed comes, changes or goes. Reads names and times, and no file.

        Raises:
            OperatorError: the folder is missing, or one in it may not be read.
        """
        ...


class Worker(Protocol):
    """Does one piece of work at a time, and holds nothing in between."""

    def check(self) -> Outcome:
        """Whether the project can be opened."""
        ...

    def work(self, job: Job, on_stop: Callable[[], None]) -> Outcome:
        """Does the job to its end; calls `on_stop` if it is to end meanwhile, and goes on."""
        ...


class Jobs(Protocol):
    """The project file as it is by now."""

    def changed(self) -> Sequence[Job] | None:
        """All jobs, if the project file changed since the last call, as at the first one; else None.

        Raises:
            OperatorError: it is wrong; said once for each change.
        """
        ...
