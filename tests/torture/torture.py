"""Houses in turn, each tortured for some rounds; what was done, how it ended, and what was wrong."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from shutil import rmtree
from threading import Event

from tests.acceptance.crash.places import open_nursery
from tests.torture.house import TorturedHouse, WrongError
from tests.torture.projects import make_project
from tests.torture.steps import rounds

HOUSE_ROUNDS, HARSH_ROUNDS = 10, 5
"""So many of each house: the model starts anew with the next, and old history is checked each time. Harsh rounds have
more loads.
"""


@dataclass
class Tally:
    """What was survived."""

    houses: int = 0
    rounds: int = 0
    commands: int = 0
    loads: Counter[str] = field(default_factory=Counter)
    """By kind, those that were sealed."""
    rebuilt_units: int = 0
    """That came out otherwise when they were judged anew."""
    kills: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    """How commands ended, by what was done to them."""
    seconds: float = 0

    def add(self, other: Tally) -> None:
        for name in ("houses", "rounds", "commands", "rebuilt_units"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.loads += other.loads
        self.kills += other.kills
        self.codes += other.codes

    def __str__(self) -> str:
        what = f"{self.houses} houses, {self.rounds} rounds, {self.commands} commands, {self.loads.total()} loads"
        loads = ", ".join(f"{count} {kind}" for kind, count in sorted(self.loads.items()))
        lines = [
            f"{what}, {self.kills.total()} times killed or stopped, {self.seconds:.0f} s",
            "nothing differs from the model",
            f"loads that were sealed: {loads}; {self.rebuilt_units} units came out otherwise in a rebuild",
            *(f"{count:6}  {kind}" for kind, count in sorted(self.kills.items())),
            "commands by what was done to them, and how they ended:",
            *(f"{count:6}  {code}" for code, count in sorted(self.codes.items())),
        ]
        return "\n".join(lines)


def torture(
    seed: int,
    count: int,
    *,
    at_once: int = 2,
    limit_s: float = float("inf"),
    kills: int | None = None,
    bug: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Tortures houses for `count` rounds in all, or until the time is over, or so often was killed or stopped: then
    hardly any command is left in peace.

    Raises:
        WrongError: seed, house, round and everything done to it so far; its folder is kept.
    """
    begun_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tt-"))
    of_each = HOUSE_ROUNDS if kills is None else HARSH_ROUNDS
    numbers = range(-(-count // of_each))
    tally = Tally()
    is_over = Event()
    killed: dict[int, int] = {}
    with ExitStack() as stack:
        if bug:
            stack.callback(rmtree, folder)  # nobody wants to look into what a bug that was seeded has done
        nursery = stack.enter_context(open_nursery(folder / "nursery", "tests.torture.child"))
        pool = stack.enter_context(ThreadPoolExecutor(at_once))
        # Called first on leaving: what has not begun never does, and the others end after their round.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        stack.callback(is_over.set)

        def is_late() -> bool:
            is_enough = kills is not None and sum(killed.values()) >= kills
            return is_over.is_set() or is_enough or time.monotonic() > begun_s + limit_s

        def one(number: int) -> Tally:
            def told(line: str, kills: int) -> None:
                killed[number] = kills
                say(line)

            left = min(of_each, count - number * of_each)
            house = _Plan(folder / f"h{number}", f"{seed}/{number}", left, bug, is_harsh=kills is not None)
            return _house(house, nursery, is_late, told)

        for found in as_completed([pool.submit(one, number) for number in numbers]):
            tally.add(found.result())
    tally.seconds = time.monotonic() - begun_s
    rmtree(folder, ignore_errors=True)
    return tally


@dataclass(frozen=True)
class _Plan:
    """What is done to one house."""

    root: Path
    seed: str
    rounds: int
    bug: str | None
    is_harsh: bool


def _house(plan: _Plan, nursery: Path, is_late: Callable[[], bool], say: Callable[[str, int], None]) -> Tally:
    root, seed, count = plan.root, plan.seed, plan.rounds
    project = make_project(Random(seed))
    tally = Tally()
    done: list[str] = []
    if is_late():
        return tally
    tally.houses = 1
    root.mkdir()
    with TorturedHouse(root, nursery, project, plan.bug) as house:
        rolled = rounds(f"{seed}/steps", project, is_harsh=plan.is_harsh)
        for steps, _ in zip(rolled, range(count), strict=False):
            if is_late():
                break
            done.append(f"round {tally.rounds + 1}")
            try:
                for step in steps:
                    done.append(f"  {step}")
                    step_s = time.monotonic()
                    if how := house.take(step):
                        done[-1] += f" -> {how}, {time.monotonic() - step_s:.1f} s"
                    tally.commands += bool(how)
                step_s = time.monotonic()
                is_last = tally.rounds + 1 == count or is_late()
                wrong = house.settle(is_last=is_last, is_rebuilt=is_last or tally.rounds % 3 == 2)
                done.append(f"  settled, {time.monotonic() - step_s:.1f} s")
            except AssertionError as error:
                wrong = [str(error)]
            if wrong:
                raise WrongError("\n".join([f"seed {seed}, kept in {root}", *done, "is wrong:", *wrong]))
            tally.rounds += 1
            kills = house.kills.total()
            say(f"house {seed}: round {tally.rounds} of {count}, {house.loads.total()} loads, {kills} kills", kills)
        tally.kills, tally.codes, tally.loads = house.kills, house.codes, house.loads
        tally.rebuilt_units = house.model.rebuilt_units()
    for kept in (root, root.with_name(f"{root.name}-backup")):
        rmtree(kept, ignore_errors=True)
    return tally
