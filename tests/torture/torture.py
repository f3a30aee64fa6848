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

HOUSE_ROUNDS = 10
"""So many of each house: the model starts anew with the next, and old history is checked each time."""


@dataclass
class Tally:
    """What was survived."""

    houses: int = 0
    rounds: int = 0
    commands: int = 0
    loads: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    """How commands ended, by what was done to them."""
    seconds: float = 0

    def add(self, other: Tally) -> None:
        for name in ("houses", "rounds", "commands", "loads"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.kills += other.kills
        self.codes += other.codes

    def __str__(self) -> str:
        what = f"{self.houses} houses, {self.rounds} rounds, {self.commands} commands, {self.loads} loads"
        lines = [
            f"{what}, {self.kills.total()} times killed or stopped, {self.seconds:.0f} s",
            "nothing differs from the model",
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
    bug: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Tortures houses for `count` rounds in all, or until the time is over.

    Raises:
        WrongError: seed, house, round and everything done to it so far; its folder is kept.
    """
    begun_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tt-"))
    numbers = range(-(-count // HOUSE_ROUNDS))
    tally = Tally()
    is_over = Event()
    with ExitStack() as stack:
        if bug:
            stack.callback(rmtree, folder)  # nobody wants to look into what a bug that was seeded has done
        nursery = stack.enter_context(open_nursery(folder / "nursery", "tests.torture.child"))
        pool = stack.enter_context(ThreadPoolExecutor(at_once))
        # Called first on leaving: what has not begun never does, and the others end after their round.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        stack.callback(is_over.set)

        def is_late() -> bool:
            return is_over.is_set() or time.monotonic() > begun_s + limit_s

        def one(number: int) -> Tally:
            left = min(HOUSE_ROUNDS, count - number * HOUSE_ROUNDS)
            return _house(folder / f"h{number}", nursery, f"{seed}/{number}", left, bug, is_late, say)

        for found in as_completed([pool.submit(one, number) for number in numbers]):
            tally.add(found.result())
    tally.seconds = time.monotonic() - begun_s
    rmtree(folder, ignore_errors=True)
    return tally


def _house(
    root: Path,
    nursery: Path,
    seed: str,
    count: int,
    bug: str | None,
    is_late: Callable[[], bool],
    say: Callable[[str], None],
) -> Tally:
    project = make_project(Random(seed))
    tally = Tally()
    done: list[str] = []
    if is_late():
        return tally
    tally.houses = 1
    root.mkdir()
    with TorturedHouse(root, nursery, project, bug) as house:
        for steps, _ in zip(rounds(f"{seed}/steps", project), range(count), strict=False):
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
                wrong = house.settle(is_last=tally.rounds + 1 == count or is_late())
                done.append(f"  settled, {time.monotonic() - step_s:.1f} s")
            except AssertionError as error:
                wrong = [str(error)]
            if wrong:
                raise WrongError("\n".join([f"seed {seed}, kept in {root}", *done, "is wrong:", *wrong]))
            tally.rounds += 1
            say(f"house {seed}: round {tally.rounds} of {count}, {house.loads} loads, {house.kills.total()} kills")
        tally.kills, tally.codes, tally.loads = house.kills, house.codes, house.loads
    for kept in (root, root.with_name(f"{root.name}-backup")):
        rmtree(kept, ignore_errors=True)
    return tally
