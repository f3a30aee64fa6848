"""What is done to a house and what happens meanwhile, rolled from a seed alone, so that it can be rolled again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.torture.contracts import KEPT_DAYS, FeedSpec, Said, amended
from tests.torture.projects import DAYS, Project, folds, planned_on
from tests.torture.records import make_file, torn
from tests.torture.tables import TABLES

Files = tuple[tuple[str, bytes], ...]
# Points that a command of this project gets to, the more important ones more often.
_POINTS = (
    "bronze bronze bronze silver silver silver publish publish publish seal seal plan plan lease release-lease fence "
    "void void table models"
).split()
_REMAKING = "models models plan publish publish seal lease release-lease".split()
_MAINTAINING = "plan fence compact vacuum checkpoint seal compact vacuum forget forget".split()
# How far the clock is set forward for a maintain: not at all, so that what was loaded some seconds ago is over its
# limit, or so that everything is.
_AHEAD_S = (0, KEPT_DAYS * 86_400 - 10, KEPT_DAYS * 86_400 + 10)
_COMMANDS = {"run": 54, "replay": 14, "discard": 4, "maintain": 10, "backup": 4, "rebuild": 18, "remake": 4}
"""By command, how often it is taken."""
_RIVALS = {"run": 6, "maintain": 1, "rebuild": 2, "replay": 1}
_TROUBLES = {
    "none": 12,
    "killed at a commit point": 22,
    "killed at the n-th commit": 10,
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
_HARSH = {
    **dict.fromkeys(("none", "two at once", "files arriving"), 2),
    "killed at a commit point": 20,
    "killed at the n-th commit": 50,
    "killed at some time": 24,
    "store killed": 8,
    "store and process killed": 8,
    "stopped at a commit point": 6,
    "stopped at some time": 3,
    "two at once, one killed": 6,
    "disk full": 4,
}
CODES = ("enum", "missing", "type", "key_conflict", "unreadable", "too_deep", "money_scale")


@dataclass(frozen=True)
class Trouble:
    """What happens to a command; `at` is when, as a part of the time that such a command takes."""

    kind: str = "none"
    point: str = ""
    at: float = 0
    killed_at: tuple[str, int] | None = None
    """Before or after which commit."""
    full: tuple[int, int] | None = None
    """From which commit on how many bytes a file may have."""
    arriving: Files = ()
    rival: Mapping[str, Any] = field(default_factory=dict)
    """What another process does beside it, or instead of it once it is stopped."""

    def __str__(self) -> str:
        told = [self.kind, self.point, f"{self.at:.2f}" if self.at else "", str(self.full) if self.full else ""]
        told += [f"{self.killed_at[0]} {self.killed_at[1]}"] if self.killed_at else []
        told += [f"beside {self.rival['do']}"] if self.rival and self.rival["do"] != "run" else []
        return " ".join(one for one in (*told, *(path for path, _ in self.arriving)) if one)


@dataclass(frozen=True)
class Step:
    """`do` is land, amend, remodel, look, restore, or a command; `waiting` is what the command is asked for."""

    do: str
    files: Files = ()
    feed: str = ""
    waiting: Mapping[str, Any] = field(default_factory=dict)
    trouble: Trouble = Trouble()
    said: Said | None = None
    """By an amended contract."""

    def __str__(self) -> str:
        told = [self.do, self.feed, *(f"{name}={value}" for name, value in self.waiting.items())]
        told += [str(self.said)] if self.said else []
        told += [f"{path} ({len(stored)} bytes)" for path, stored in self.files]
        told += [f"[{self.trouble}]"] if self.trouble.kind != "none" else []
        return " ".join(one for one in told if one)


class Rolled:
    """The steps of one project, round after round."""

    def __init__(self, seed: str, project: Project, *, is_harsh: bool = False) -> None:
        self._random = Random(seed)
        self._project = project
        self._troubles = _HARSH if is_harsh else _TROUBLES
        self._commands = (24, 32) if is_harsh else (4, 8)
        self._looks = 0.1 if is_harsh else 0.2
        self._paths: dict[str, list[str]] = {feed.name: [] for feed in project.feeds}
        self._torn: Files = ()
        self._number = 0
        self._said = {feed.name: Said() for feed in project.feeds}

    def round(self) -> list[Step]:
        """At least one command, each with its own trouble."""
        steps: list[Step] = []
        for _ in range(self._random.randint(*self._commands)):
            if self._random.random() < 0.85:
                steps.append(Step("land", self._files()))
            if self._torn and self._random.random() < 0.3:
                steps.append(Step("land", self._torn))
                self._torn = ()
            is_amended = self._random.random() < 0.2
            if is_amended:
                steps.append(self._amended())
            if self._random.random() < 0.05:
                steps.append(Step("remodel"))
            is_followed = is_amended and self._random.random() < 0.4
            steps.append(self._command("rebuild" if is_followed else None))
            if self._random.random() < self._looks:
                steps.append(Step("look"))
        if self._random.random() < 0.12:
            at = self._random.choice((0, round(self._random.random(), 3)))
            steps.append(Step("restore", trouble=Trouble("killed at some time", at=at) if at else Trouble()))
        return steps

    def _amended(self) -> Step:
        feed = self._random.choice(self._project.feeds)
        self._said[feed.name] = amended(self._random, feed, self._said[feed.name])
        return Step("amend", feed=feed.name, said=self._said[feed.name])

    def _command(self, wanted: str | None = None) -> Step:
        do = wanted or self._chosen(_COMMANDS)
        return Step(do, waiting=self._asked(do), trouble=self._trouble(do))

    def _chosen(self, weights: Mapping[str, int]) -> str:
        return self._random.choices(tuple(weights), tuple(weights.values()))[0]

    def _asked(self, do: str) -> Mapping[str, Any]:
        if do in {"replay", "discard"}:
            return self._waiting()
        if do == "maintain":
            return {"keep_h": self._random.choice((0, 0, 1)), "ahead_s": self._random.choice(_AHEAD_S)}
        if do == "rebuild":
            feed = self._random.choice((None, None, self._random.choice(self._project.feeds).name))
            day = planned_on(self._random.randrange(DAYS)).isoformat()
            return {"feed": feed, "since": self._random.choice((None, None, day))}
        if do == "remake":
            names = [fold.name for fold in folds(self._project, 1)]
            return {"model": self._random.choice((*names, *TABLES))}
        return {}

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
        kind = self._chosen(self._troubles)
        at = round(self._random.random(), 3)
        side = self._random.choice(("before", "after"))
        points = {"discard": ["plan", "discard", "discard"], "maintain": _MAINTAINING, "remake": _REMAKING}
        point = self._random.choice(points.get(do, _POINTS))
        rival = self._rival() if kind.startswith(("stopped", "two at once")) else {}
        if kind.endswith("at a commit point"):
            return Trouble(kind, f"{side}:{point}:{self._random.choice((1, 1, 1, 1, 2))}", rival=rival)
        if kind == "killed at the n-th commit":
            return Trouble(kind, killed_at=(side, self._random.randint(1, 9)))
        if kind == "disk full":
            return Trouble(kind, full=(self._random.randint(1, 12), self._random.choice((0, 100, 700, 1500, 4000))))
        arriving = self._files() if kind == "files arriving" else ()
        return Trouble(kind, at=at if kind != "none" else 0, arriving=arriving, rival=rival)

    def _rival(self) -> Mapping[str, Any]:
        do = self._chosen(_RIVALS)
        return {"do": do, "waiting": self._asked(do)}

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


def rounds(seed: str, project: Project, *, is_harsh: bool = False) -> Iterator[list[Step]]:
    """Harsh ones have more commands, of which hardly any is left in peace."""
    rolled = Rolled(seed, project, is_harsh=is_harsh)
    while True:
        yield rolled.round()
