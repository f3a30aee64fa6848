"""Bugs that are seeded on purpose are caught, each by a kill, by a run that overtakes, or by the model of the house.

`TILLAGE_WRITE_PAGES=1 pytest tests/acceptance/test_mutations.py` writes `docs/reference/mutations.md` from what was
caught; otherwise the page must be as it would be written.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pytest

from tests.acceptance import test_crash_sweep as sweep
from tests.acceptance.crash.bugs import SEEDS
from tests.acceptance.crash.places import open_places
from tests.acceptance.crash.runs import Run
from tests.acceptance.crash.stages import Kill, Stages
from tests.acceptance.test_overtaken_maintain import vacuum_beside_a_commit
from tests.torture.house import WrongError
from tests.torture.torture import torture

pytestmark = [pytest.mark.accept("2.4"), pytest.mark.accept("4.2")]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mutations.md"
AT_ONCE = 2
TORTURE_SEED = 24  # its first house has feeds whose newer versions close older ones, in its first round
Tried = Callable[[Stages, str], list[str]]


@dataclass(frozen=True)
class Trial:
    """What is done to a run that has a bug, and the section of the house that must then be another."""

    bug: str
    done: str
    shows: str
    tried: Tried


def killed(bug: str, point: str, shows: str) -> Trial:
    kill = Kill("second", "after", point, 1)
    return Trial(
        bug, f"killed after `{point}`, and run again", shows, lambda stages, bug: after_kill(stages, kill, bug)
    )


def after_kill(stages: Stages, kill: Kill, bug: str) -> list[str]:
    assert kill in set(stages.stage(kill.stage).kills(kill.stage))
    return stages.after_kill(kill, bug)


def overtaken(bug: str, stop: str, shows: str, rival_crash: str = "") -> Trial:
    side, point, *_ = stop.split(":")
    done = f"stopped {side} `{point}`, and overtaken by a run"
    done += f" that is killed {' `'.join(rival_crash.split(':'))}`" if rival_crash else ""

    def tried(stages: Stages, bug: str) -> list[str]:
        return sweep.race(stages, stop, bug=bug, rival_crash=rival_crash).differences

    return Trial(bug, f"{done}; then it goes on", shows, tried)


def overtaken_while_planning(stages: Stages, bug: str) -> list[str]:
    """The run has seen what is new and stops; another loads that; then the first one goes on."""
    place = stages.places.copy(stages.second)
    with Run(place, bug=bug, lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place) as rival:
            assert rival.ended().code == 0
        slow.go_on()
        slow.ended()
    return sweep.come_to(stages, place)


def vacuumed(stages: Stages, bug: str) -> list[str]:
    try:
        return vacuum_beside_a_commit(stages, bug)[-1]
    except duckdb.IOException:
        return ["bronze.orders: a file of the table is gone"]


def tortured(_: Stages, bug: str) -> list[str]:
    try:
        torture(TORTURE_SEED, 1, bug=bug)
    except WrongError as wrong:
        return str(wrong).partition("is wrong:\n")[2].splitlines()
    return []


TRIALS = (
    overtaken("receipt-by-path", "before:bronze", "bronze.orders"),
    overtaken("receipt-by-path", "before:silver:1", "silver.customers"),
    killed("receipt-apart", "bronze", "bronze.orders"),
    killed("receipt-apart", "silver", "silver.customers"),
    killed("verdicts-again", "silver", "counts"),
    Trial(
        "maximum-of-receipts",
        "killed before `publish`; then another feed is loaded first",
        "gold.customer_spend",
        sweep.after_the_other_feed,
    ),
    overtaken("no-fence", "before:bronze", "silver.orders", "after:void"),
    overtaken("fence-after-void", "before:bronze", "silver.orders", "after:void"),
    Trial(
        "fence-apart",
        "a run that is slow commits bronze just before the one that overtakes it sets its fence",
        "silver.orders",
        lambda stages, bug: sweep.commit_before_fence(stages, bug=bug)[1],
    ),
    killed("publish-apart", "publish", "gold.customer_spend"),
    killed("plan-forgotten", "bronze", "bronze.orders"),
    Trial(
        "vacuum-without-fence",
        "stopped before `vacuum`; another run takes over and has written a file, and not committed it",
        "bronze.orders",
        vacuumed,
    ),
    Trial(
        "waiting-forgotten",
        "killed after `forget`, and maintained again",
        "bronze.orders",
        lambda stages, bug: after_kill(stages, Kill("forgetting", "after", "forget", 1), bug),
    ),
    Trial(
        "fold-from-time-travel",
        "killed before `publish`; then another feed is loaded first, and one model reads both",
        "gold.people",
        sweep.after_the_other_feed,
    ),
    Trial(
        "lease-without-epoch",
        "stopped before `plan`, and overtaken by a run; then it goes on",
        "files",
        overtaken_while_planning,
    ),
    Trial("retract-forgotten", f"`make torture SEED={TORTURE_SEED} ROUNDS=1`", "gold.of_f1", tortured),
)


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


def test_every_bug_that_can_be_seeded_is_looked_for() -> None:
    assert {trial.bug for trial in TRIALS} == set(SEEDS)


def test_every_seeded_bug_is_caught_as_the_page_says(stages: Stages) -> None:
    for name in ("second", "forgetting"):
        stages.stage(name)  # made when first asked for, which threads must not do at once
    with ThreadPoolExecutor(AT_ONCE) as pool:
        trials = [partial(trial.tried, stages, trial.bug) for trial in TRIALS]
        found = list(pool.map(lambda tried: tried(), trials))
    caught = {trial: sweep.sections(lines) for trial, lines in zip(TRIALS, found, strict=True)}
    missed = [
        f"{trial.bug}: {trial.done}: {sorted(caught[trial])}" for trial in TRIALS if trial.shows not in caught[trial]
    ]
    assert not missed, "\n".join(missed)
    page = written(caught)
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    again = "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/acceptance/test_mutations.py"
    assert PAGE.read_text(encoding="utf-8") == page, again


def written(caught: Mapping[Trial, set[str]]) -> str:
    lines = [
        "# Bugs that the tests catch",
        "",
        "Each is put into the product on purpose, by replacing one function; the text says what is wrong then. A run",
        "with it that is killed, stopped or tortured must leave a house that is not as it should be: below it what was",
        "done, and where the difference showed. This page is written by `tests/acceptance/test_mutations.py`, from the",
        "run that caught them.",
    ]
    for bug in dict.fromkeys(trial.bug for trial in caught):
        told = (SEEDS[bug].__doc__ or "").split("\n\n")[0]
        lines += ["", f"## {bug}", "", textwrap.fill(" ".join(told.split()), 120), ""]
        for trial in caught:
            if trial.bug == bug:
                shown = f"- {trial.done}: `{trial.shows}`"
                lines.append(textwrap.fill(shown, 120, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join([*lines, ""])
