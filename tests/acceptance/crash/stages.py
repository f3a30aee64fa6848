"""The house that uninterrupted runs come to, and the places from which interrupted ones must come to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.acceptance.crash.canonical import State, differences, state_of
from tests.acceptance.crash.places import CONTRACT, LANDING, MODEL, Place, Places, orders
from tests.acceptance.crash.runs import Ended, run
from tillage.domain.load import CommitPoint

# With this seed later files hold duplicates and conflicts of orders in the first ones, and of their own.
_SEED = 10
_MOST_RUNS = 3
_ORPHAN = "part-00000-orphan-c000.zstd.parquet"

Sides = tuple[str, ...]
BOTH: Sides = ("before", "after")
BEFORE: Sides = ("before",)
STAGES = (
    "first",
    "second",
    "voiding",
    "recalling",
    "rejecting",
    "remodelling",
    "retrying",
    "abandoning",
    "replaying",
    "discarding",
    "maintaining",
    "forgetting",
)
# What only the first run of a project gets to.
_ONCE = {CommitPoint.SETUP, CommitPoint.HOUSE, CommitPoint.TABLE, CommitPoint.MODELS}
_VOIDING: Mapping[str, Sides] = {"fence": BOTH, "void": BOTH, "plan": BEFORE}


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
    """A place before a run, with what uninterrupted runs make of it."""

    base: Place
    passed: Mapping[str, int]
    """How often an uninterrupted run from here gets to each commit point."""
    wanted: State
    sides: Mapping[str, Sides]
    """Where to kill it."""
    arriving: Mapping[str, bytes] = field(default_factory=dict)
    """Files that arrive only after that run."""
    first: str | None = None
    """What a person does before each of these runs."""

    def kills(self, name: str) -> Iterator[Kill]:
        """Each time that the run gets to a point."""
        for point, sides in self.sides.items():
            for count in range(1, self.passed[point] + 1):
                yield from (Kill(name, side, point, count) for side in sides)


class Stages:
    """By name the stages, which all start from generated orders in four files.

    first: nothing was run yet. second: two files are loaded, two more have come. The others are second runs too:

    voiding: one was killed before anything was decided. recalling: one was killed once all was decided; and as what is
    decided must not need its files any more, these are gone. rejecting: a third file has come, which is torn.
    remodelling: one was killed between silver and the folds, and then the model was changed. retrying, abandoning: its
    load fails, and is retried or abandoned. replaying, discarding: all is loaded, and what waits in quarantine is
    judged again under a contract that has changed, or given up. maintaining: all is loaded, a dead writer left files in
    the tables, and these are maintained. forgetting: so long after, that bytes were kept long enough.

    Of those, what a second run has anyway is tried on one side only: nothing becomes durable between the end of one
    point and the start of the next.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.files = orders(seed=_SEED, customers=40, count=400, days=4)
        paths = sorted(self.files)
        self._later = {path: self.files[path] for path in paths[2:]}
        self._empty = places.fresh()
        self._empty.deliver({path: self.files[path] for path in paths[:2]})
        self.whole = places.copy(self._empty)
        self._passed_first = finished(self.whole).did["passed"]
        self.second = places.copy(self.whole)
        for place in (self.whole, self.second):
            place.deliver(self._later)
        finished(self.whole)
        self.wanted = state_of(self.whole.root, self.whole.dsn)
        makers = (self._first, self._second, self._voiding, self._recalling, self._rejecting, self._remodelling)
        makers += (self._retrying, self._abandoning, self._replaying, self._discarding, self._maintaining)
        makers += (self._forgetting,)
        self._makers: Mapping[str, Callable[[], Stage]] = dict(zip(STAGES, makers, strict=True))
        self._made: dict[str, Stage] = {}

    def stage(self, name: str) -> Stage:
        """Made when first asked for."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def _first(self) -> Stage:
        sides = dict.fromkeys(self._passed_first, BOTH)
        return Stage(self._empty, self._passed_first, self.wanted, sides, self._later)

    def _second(self) -> Stage:
        return self._stage(self.second, {point: BOTH for point in self._passed_first if point not in _ONCE})

    def _voiding(self) -> Stage:
        return self._stage(self._killed("before:bronze"), {**_VOIDING, "bronze": BEFORE})

    def _recalling(self) -> Stage:
        place = self._killed("after:bronze")
        place.clear_landing()
        return self._stage(place, dict.fromkeys(["silver", "publish", "seal"], BEFORE))

    def _rejecting(self) -> Stage:
        torn = {f"{LANDING}/torn.jsonl.gz": self.files[f"{LANDING}/2025-01-03.jsonl.gz"][:-100]}
        whole, place = self.places.copy(self.whole), self.places.copy(self.second)
        whole.deliver(torn)
        place.deliver(torn)
        finished(whole)
        rejected = {"rejected files": state_of(whole.root, whole.dsn)["rejected files"]}
        assert sum(rejected["rejected files"].values()) == 1
        return self._stage(place, _VOIDING, self.wanted | rejected)

    def _remodelling(self) -> Stage:
        whole, place = self.places.copy(self.whole), self._killed("before:publish")
        model = (whole.root / MODEL).read_bytes().replace(b"sum(net_minor)", b"sum(2 * net_minor)")
        whole.deliver({MODEL: model})
        place.deliver({MODEL: model})
        finished(whole)
        wanted = state_of(whole.root, whole.dsn)
        assert "gold.customer_spend" in str(differences(wanted, self.wanted))
        return self._stage(place, {"models": BOTH, "publish": BEFORE, "seal": BEFORE}, wanted)

    def _retrying(self) -> Stage:
        sides = {"fail": BOTH, "fence": BOTH, "void": BOTH, "plan": BEFORE, "bronze": BEFORE}
        return self._stage(self.second, sides, first="retry")

    def _abandoning(self) -> Stage:
        whole = self.places.copy(self.second)
        finished(whole, first="abandon")
        wanted = state_of(whole.root, whole.dsn)
        assert {"abandoned loads", "files"} <= {line.partition(":")[0] for line in differences(wanted, self.wanted)}
        return self._stage(self.second, dict.fromkeys(["fail", "fence", "abandon"], BOTH), wanted, first="abandon")

    def _replaying(self) -> Stage:
        base = self.places.copy(self.whole)
        contract = (base.root / CONTRACT).read_bytes().replace(b"beverage: 9", b"beverage: 9, dessert: 7")
        base.deliver({CONTRACT: contract})
        sides = dict.fromkeys(("plan", "bronze", "silver", "publish", "seal"), BOTH)
        return self._emptying(base, "replay", sides, {"silver.orders", "gold.customer_spend", "quarantine", "counts"})

    def _discarding(self) -> Stage:
        sides = {"plan": BOTH, "discard": BOTH}
        return self._emptying(self.places.copy(self.whole), "discard", sides, {"quarantine"})

    def _maintaining(self) -> Stage:
        place = self.places.copy(self.whole)
        leave_orphans(place)
        sides = dict.fromkeys(["plan", "fence", "compact", "vacuum", "checkpoint", "seal"], BOTH)
        return self._stage(place, sides, first="maintain")

    def _forgetting(self) -> Stage:
        base = self.places.copy(self.whole)
        retention = b"slaProperties: [{property: retention, value: 400, unit: d}]\n"
        base.deliver({CONTRACT: (base.root / CONTRACT).read_bytes() + retention})
        return self._emptying(base, "forget", {"forget": BOTH}, {"bronze.orders"})

    def _emptying(self, base: Place, first: str, sides: Mapping[str, Sides], sections: set[str]) -> Stage:
        """After it has proved that this changes something in these sections."""
        whole = self.places.copy(base)
        finished(whole, first=first)
        wanted = state_of(whole.root, whole.dsn)
        assert sections <= {line.partition(":")[0] for line in differences(wanted, self.wanted)}
        return self._stage(base, sides, wanted, first=first)

    def _killed(self, crash: str) -> Place:
        """A copy of the second stage after a run that was killed."""
        place = self.places.copy(self.second)
        killed = run(place, crash=crash)
        assert killed.is_killed, killed.said
        return place

    def _stage(
        self,
        base: Place,
        sides: Mapping[str, Sides],
        wanted: State | None = None,
        *,
        first: str | None = None,
    ) -> Stage:
        """After it has proved that an uninterrupted run from there comes to what is wanted."""
        stage = Stage(base, {}, wanted or self.wanted, sides, first=first)
        place = self.places.copy(base)
        passed = finished(place, first=first).did["passed"]
        assert differences(state_of(place.root, place.dsn), stage.wanted) == []
        assert sides.keys() <= passed.keys()
        self.places.drop(place)
        return replace(stage, passed=passed)

    def differences(self, place: Place) -> list[str]:
        """Between a place and what uninterrupted runs come to."""
        return differences(state_of(place.root, place.dsn), self.wanted)

    def kills(self) -> list[Kill]:
        """All that are to be tried."""
        return [kill for name in STAGES for kill in self.stage(name).kills(name)]

    def after_kill(self, kill: Kill, bug: str | None = None) -> list[str]:
        """What is other than it should be after one run was killed there and another has followed."""
        stage = self.stage(kill.stage)
        place = self.places.copy(stage.base)
        try:
            killed = run(place, crash=kill.crash, bug=bug, first=stage.first)
            assert killed.is_killed, killed.said
            place.deliver(stage.arriving)
            found = [
                *unfinished(place, bug, first=stage.first),
                *(orphans(place) if stage.first == "maintain" else []),
                *differences(state_of(place.root, place.dsn), stage.wanted),
            ]
        except AssertionError as wrong:
            wrong.add_note(str(kill))
            raise
        self.places.drop(place)
        return found


def leave_orphans(place: Place) -> None:
    """As a writer that died between its file and its commit."""
    for log in (place.root / "data/lake").glob("*/*/_delta_log"):
        (log.parent / _ORPHAN).write_bytes(b"half a file")


def orphans(place: Place) -> list[str]:
    """Those that are still there."""
    return [f"{path.parent.name}: {_ORPHAN} is there" for path in (place.root / "data/lake").glob(f"*/*/{_ORPHAN}")]


def finished(place: Place, *, first: str | None = None) -> Ended:
    """A run that must succeed."""
    ended = run(place, first=first)
    assert ended.code == 0, ended.said
    return ended


def unfinished(place: Place, bug: str | None = None, *, first: str | None = None) -> list[str]:
    """Runs again until a run ends well; why none does."""
    said = []
    for _ in range(_MOST_RUNS):
        ended = run(place, bug=bug, first=first)
        if ended.code == 0:
            return []
        said.append(f"ends with {ended.code}: {ended.said.strip()}")
    return [f"{_MOST_RUNS} runs do not finish it; the last {said[-1]}"]
