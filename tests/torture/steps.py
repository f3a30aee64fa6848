"""What is done to a house and what happens meanwhile, rolled from a seed alone, so that it can be rolled again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.torture.projects import KEPT_DAYS, WIDEST, FeedSpec, Project
from tests.torture.records import make_file, torn

Files = tuple[tuple[str, bytes], ...]
# Points that a command of this project gets to, the more important ones more often.
_POINTS = (
    "bronze bronze bronze silver silver silver publish publish publish seal seal plan plan lease release-lease fence "
    "void void table models"
).split()
_MAINTAINING = "plan fence compact vacuum checkpoint seal compact vacuum forget forget".split()
# How far the clock is set forward for a maintain: not at all, so that what was loaded some seconds ago is over its
# limit, or so that everything is.
_AHEAD_S = (0, KEPT_DAYS * 86_400 - 10, KEPT_DAYS * 86_400 + 10)
_COMMANDS = {"run": 0.64, "replay": 0.8, "discard": 0.84, "maintain": 0.95, "backup": 1}
"""Below which chance each is taken."""
_TROUBLES = {
    "none": 12,
    "killed at a commit point": 30,
    "killed at some time": 16,
    "store killed": 14,
    "store and process killed": 6,
    "stopped at a commit point": 8,
    "stopped at some time": 5,
    "two at once": 8,
    "two at once, one killed": 8,
    "disk full": 12,
    "files arriving": 8,
}
CODES = ("enum", "missing", "type", "key_conflict", "unreadable", "too_deep", "money_scale")


@dataclass(frozen=True)
class Trouble:
    """What happens to a command; `at` is when, as a part of the time that such a command takes."""

    kind: str = "none"
    point: str = ""
    at: float = 0
    full: tuple[int, int] | None = None
    """From which commit on how many bytes a file may have."""
    arriving: Files = ()

    def __str__(self) -> str:
        told = [self.kind, self.point, f"{self.at:.2f}" if self.at else "", str(self.full) if self.full else ""]
        return " ".join(one for one in (*told, *(path for path, _ in self.arriving)) if one)


@dataclass(frozen=True)
class Step:
    """`do` is land, widen, remodel, or a command; `waiting` is what of the quarantine it means."""

    do: str
    files: Files = ()
    feed: str = ""
    waiting: Mapping[str, Any] = field(default_factory=dict)
    trouble: Trouble = Trouble()

    def __str__(self) -> str:
        told = [self.do, self.feed, *(f"{name}={value}" for name, value in self.waiting.items())]
        told += [f"{path} ({len(stored)} bytes)" for path, stored in self.files]
        told += [f"[{self.trouble}]"] if self.trouble.kind != "none" else []
        return " ".join(one for one in told if one)


class Rolled:
    """The steps of one project, round after round."""

    def __init__(self, seed: str, project: Project) -> None:
        self._random = Random(seed)
        self._project = project
        self._paths: dict[str, list[str]] = {feed.name: [] for feed in project.feeds}
        self._torn: Files = ()
        self._number = 0

    def round(self) -> list[Step]:
        """At least one command, each with its own trouble."""
        steps: list[Step] = []
        for _ in range(self._random.randint(4, 8)):
            if self._random.random() < 0.85:
                steps.append(Step("land", self._files()))
            if self._torn and self._random.random() < 0.3:
                steps.append(Step("land", self._torn))
                self._torn = ()
            if self._random.random() < 0.08:
                steps.append(Step("widen", feed=self._random.choice(self._project.feeds).name))
            if self._random.random() < 0.05:
                steps.append(Step("remodel"))
            steps.append(self._command())
        if self._random.random() < 0.12:
            at = self._random.choice((0, round(self._random.random(), 3)))
            steps.append(Step("restore", trouble=Trouble("killed at some time", at=at) if at else Trouble()))
        return steps

    def _command(self) -> Step:
        chance = self._random.random()
        do = next(do for do, below in _COMMANDS.items() if chance < below)
        waiting: Mapping[str, Any] = self._waiting() if do in {"replay", "discard"} else {}
        if do == "maintain":
            waiting = {"keep_h": self._random.choice((0, 0, 1)), "ahead_s": self._random.choice(_AHEAD_S)}
        return Step(do, waiting=waiting, trouble=self._trouble(do))

    def _waiting(self) -> dict[str, Any]:
        feed: FeedSpec = self._random.choice(self._project.feeds)
        return self._random.choice(
            (
                {},
                {},
                {"dataset": self._random.choice(feed.datasets)},
                {"code": self._random.choice(CODES)},
                {"load_seq": self._random.randint(1, 12)},
            )
        )

    def _trouble(self, do: str) -> Trouble:
        (kind,) = self._random.choices(tuple(_TROUBLES), tuple(_TROUBLES.values()))
        at = round(self._random.random(), 3)
        side = self._random.choice(("before", "after"))
        points = {"discard": ["plan", "discard", "discard"], "maintain": _MAINTAINING}
        point = self._random.choice(points.get(do, _POINTS))
        if kind.endswith("at a commit point"):
            return Trouble(kind, f"{side}:{point}:{self._random.choice((1, 1, 1, 1, 2))}")
        if kind == "disk full":
            return Trouble(kind, full=(self._random.randint(1, 12), self._random.choice((0, 100, 700, 1500, 4000))))
        arriving = self._files() if kind == "files arriving" else ()
        return Trouble(kind, at=at if kind != "none" else 0, arriving=arriving)

    def _files(self) -> Files:
        found = []
        for _ in range(self._random.choice((1, 1, 2, 3))):
            feed = self._random.choice(self._project.feeds)
            suffix, stored = make_file(self._random, feed)
            known = [path for path in self._paths[feed.name] if path.endswith(suffix) and "torn" not in path]
            if known and self._random.random() < 0.1:
                path = self._random.choice(known)
            else:
                self._number += 1
                # Names are no order of arrival: what lands later may come first in its load.
                path = f"landing/{feed.name}/{self._random.randrange(100):02}-{self._number}{suffix}"
                self._paths[feed.name].append(path)
            cut = torn(stored)
            if cut and self._random.random() < 0.12:
                self._torn = (*self._torn, (path, stored))
                stored = cut
            found.append((path, stored))
        return tuple(dict(found).items())


def widened(widths: Mapping[str, int], feed: str) -> dict[str, int]:
    return {**widths, feed: min(widths[feed] + 1, WIDEST)}


def rounds(seed: str, project: Project) -> Iterator[list[Step]]:
    rolled = Rolled(seed, project)
    while True:
        yield rolled.round()
