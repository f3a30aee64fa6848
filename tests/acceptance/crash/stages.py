"""The house that uninterrupted runs come to, and the places from which interrupted ones must come to the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.acceptance.crash.canonical import State, differences, state_of
from tests.acceptance.crash.places import Place, Places, orders
from tests.acceptance.crash.runs import Ended, run

# With this seed later files hold duplicates and conflicts of orders in the first ones, and of their own.
_SEED = 10
_MOST_RUNS = 3


@dataclass(frozen=True)
class Kill:
    """Where a run kills itself: `side` is before or after, `count` the how-manieth time it gets there."""

    stage: str
    side: str
    point: str
    count: int

    def __str__(self) -> str:
        return f"{self.stage} run, {self.crash}"

    @property
    def crash(self) -> str:
        return f"{self.side}:{self.point}:{self.count}"


@dataclass(frozen=True)
class Stage:
    """A place before a run."""

    base: Place
    passed: Mapping[str, int]
    """How often an uninterrupted run from here gets to each commit point."""
    arriving: Mapping[str, bytes] = field(default_factory=dict)
    """Files that arrive only after that run."""


class Stages:
    """Four of them, all of which come to the same house.

    first: nothing is there yet. second: one run is done, more files have come. voiding: in that second run, after it
    was killed before anything was decided. recalling: after it was killed once all was decided; and as what is decided
    must not need its files any more, these are gone.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.files = orders(seed=_SEED, customers=40, count=400, days=4)
        paths = sorted(self.files)
        later = {path: self.files[path] for path in paths[2:]}
        first = places.fresh()
        first.deliver({path: self.files[path] for path in paths[:2]})
        self.whole = places.copy(first)
        passed = finished(self.whole).did["passed"]
        second = places.copy(self.whole)
        self.whole.deliver(later)
        finished(self.whole)
        self.wanted: State = state_of(self.whole.root, self.whole.dsn)
        second.deliver(later)
        self.by_name = {"first": Stage(first, passed, later), "second": self._stage(second)}
        voiding, recalling = places.copy(second), places.copy(second)
        assert run(voiding, crash="before:bronze").is_killed
        assert run(recalling, crash="after:bronze").is_killed
        recalling.clear_landing()
        self.by_name |= {"voiding": self._stage(voiding), "recalling": self._stage(recalling)}

    def _stage(self, base: Place) -> Stage:
        place = self.places.copy(base)
        ended = finished(place)
        assert self.differences(place) == []
        self.places.drop(place)
        return Stage(base, ended.did["passed"])

    def differences(self, place: Place) -> list[str]:
        """Between a place and what an uninterrupted run comes to."""
        return differences(state_of(place.root, place.dsn), self.wanted)

    def after_kill(self, kill: Kill, bug: str | None = None) -> list[str]:
        """What is other than it should be after one run was killed there and another has followed."""
        stage = self.by_name[kill.stage]
        place = self.places.copy(stage.base)
        killed = run(place, crash=kill.crash, bug=bug)
        if not killed.is_killed:
            return [f"did not get there: {killed.said}"]
        place.deliver(stage.arriving)
        found = [*unfinished(place, bug), *self.differences(place)]
        self.places.drop(place)
        return found


def finished(place: Place) -> Ended:
    """A run that must succeed."""
    ended = run(place)
    assert ended.code == 0, ended.said
    return ended


def unfinished(place: Place, bug: str | None = None) -> list[str]:
    """Runs again until a run ends well; why none does."""
    said = []
    for _ in range(_MOST_RUNS):
        ended = run(place, bug=bug)
        if ended.code == 0:
            return []
        said.append(f"ends with {ended.code}: {ended.said.strip()}")
    return [f"{_MOST_RUNS} runs do not finish it; the last {said[-1]}"]
