"""`tillage run` in one project with a clock around the engine's part: hash, decide, bronze and silver commits.

Not on the clock is what `run` has around it: the start of the process, PostgreSQL with ledger, leases and folds, and
the proof at the end. Calls are timed by their name, whatever they take, so that this follows the product's ports.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tillage.pipelines.run import run
from tillage.settings import read_settings
from tillage.wiring import open_house


class Clock:
    """Adds up the seconds of steps."""

    def __init__(self) -> None:
        self.steps_s: defaultdict[str, float] = defaultdict(float)

    def timed(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, with its seconds added to `step`."""

        def timed_call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.steps_s[step] += time.perf_counter() - started

        return timed_call


class Instead:
    """An object with some of its methods replaced."""

    def __init__(self, instead_of: Any, **methods: Callable[..., Any]) -> None:
        self._instead_of = instead_of
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instead_of, name)


def main() -> None:
    clock = Clock()

    @contextmanager
    def workspace(*arguments: Any, **named: Any) -> Iterator[Instead]:
        with house.engine.workspace(*arguments, **named) as opened:
            yield Instead(opened, decide=clock.timed("decide", opened.decide))

    def table(step: str, opened: Callable[..., Any]) -> Callable[..., Instead]:
        def open_table(*arguments: Any, **named: Any) -> Instead:
            found = opened(*arguments, **named)
            return Instead(found, append=clock.timed(step, found.append))

        return open_table

    with open_house(Path(sys.argv[1]), read_settings(), say=lambda _: None) as house:
        lake: Any = Instead(
            house.lake, bronze=table("bronze", house.lake.bronze), silver=table("silver", house.lake.silver)
        )
        door: Any = Instead(house.door, arrivals=clock.timed("hash", house.door.arrivals))
        engine: Any = Instead(house.engine, workspace=workspace)
        run(replace(house, door=door, lake=lake, engine=engine), wait_s=0)
    print(json.dumps({"work_s": sum(clock.steps_s.values()), "steps_s": clock.steps_s}))


main()
