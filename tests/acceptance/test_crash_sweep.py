"""Kill -9 before and after every commit point, then run again: the house is that of an uninterrupted run.

And so that this means something: bugs that are seeded on purpose are found by the same comparison.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.acceptance.crash.canonical import differences, oracle_differences, state_of
from tests.acceptance.crash.places import Place, open_places
from tests.acceptance.crash.runs import Ended, Run, run, until, waits_for_a_lock
from tests.acceptance.crash.stages import Stages, finished, unfinished
from tests.oracle.food_orders import judge
from tillage.domain.load import CommitPoint

pytestmark = pytest.mark.accept("2.4")

AT_ONCE = 2
# No run of this house passes these: tests/integration/test_backup.py kills backup and restore there, test_export.py
# exports, test_people.py what people need, test_references.py releases, test_mirror.py what is mirrored, and
# test_erasure.py erasures.
KILLED_BY_TESTS_OF_THEIR_OWN = {
    *("backup", "restore", "export", "snapshot", "client", "put-away", "people", "keys", "looked", "mirror"),
    *("erasure", "journal", "scrub", "forget-people", "prove"),
}


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


def test_uninterrupted_house_is_that_of_the_oracle(stages: Stages) -> None:
    assert oracle_differences(stages.whole.root, stages.whole.dsn, stages.files) == []


def test_later_files_repeat_and_contradict_earlier_ones_and_themselves(stages: Stages) -> None:
    paths = sorted(stages.files)
    units = judge(stages.files).units["orders"]
    opened = {unit.values["order_id"]: unit.file for unit in units if unit.verdict == "accepted"}
    found = Counter(
        (unit.codes[0], opened[unit.values["order_id"]] in paths[:2])
        for unit in units
        if unit.file in paths[2:] and unit.codes in {("duplicate",), ("key_conflict",)}
    )
    assert set(found) == {("duplicate", True), ("duplicate", False), ("key_conflict", True), ("key_conflict", False)}


def test_every_commit_point_is_killed_at(stages: Stages) -> None:
    assert {kill.point for kill in stages.kills()} | KILLED_BY_TESTS_OF_THEIR_OWN == set(CommitPoint)


def test_house_is_the_same_whatever_is_killed_when(stages: Stages) -> None:
    every = stages.kills()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(every, pool.map(stages.after_kill, every), strict=True))
    wrong = [f"{kill}: {lines[0]} (and {len(lines) - 1} more)" for kill, lines in found.items() if lines]
    assert not wrong, "\n".join(wrong)


def test_command_is_killed_where_its_environment_says_and_then_finishes(stages: Stages) -> None:
    place = stages.places.copy(stages.second)
    command = [sys.executable, "-m", "tillage", "run"]
    environment = os.environ | {"TILLAGE_STORE_DSN": place.dsn}
    codes = [
        subprocess.run(command, cwd=place.root, env=environment | settings, capture_output=True, check=False).returncode
        for settings in ({"TILLAGE_CRASH": "after:silver"}, {})
    ]
    assert codes == [-signal.SIGKILL, 0]
    assert stages.differences(place) == []


@dataclass(frozen=True)
class Race:
    """Two runs, of which the first was stopped until its lease ran out, and what the house came to after both."""

    slow: Ended
    rival: Ended
    is_rival_held_up: bool
    differences: list[str]


def race(stages: Stages, stop: str, *, bug: str | None = None, rival_crash: str = "") -> Race:
    """Stops a second run, lets a rival run to its end (or until it waits for the first one all the same), goes on."""
    place = stages.places.copy(stages.second)
    with Run(place, stop=stop, bug=bug, lease_ttl_s=1, name="slow") as slow:
        slow.until_stopped()
        with Run(place, crash=rival_crash, bug=bug, name="rival") as rival, psycopg.connect(place.dsn) as store:
            store.autocommit = True
            until(lambda: rival.is_over() or is_rival_waiting(store))
            is_held_up = not rival.is_over()
            slow.go_on()
            ended = slow.ended(), rival.ended()
    return Race(*ended, is_held_up, come_to(stages, place, bug))


def come_to(stages: Stages, place: Place, bug: str | None = None) -> list[str]:
    """What is wrong with the place after one more run."""
    found = [*unfinished(place, bug), *stages.differences(place)]
    stages.places.drop(place)
    return found


def is_rival_waiting(store: psycopg.Connection[Any]) -> bool:
    """Whether it waits for a lock of a run whose lease ran out some time ago."""
    is_long_over = "select from tillage.leases where expires_at < now() - interval '5 s'"
    return waits_for_a_lock(store, "rival") and store.execute(is_long_over).fetchone() is not None


def sections(differences: list[str]) -> set[str]:
    return {line.partition(":")[0] for line in differences}


@pytest.mark.parametrize(
    ("stop", "refused_by"),
    [
        ("after:plan:2", "table orders/bronze"),
        ("before:bronze", "table orders/bronze"),
        ("after:bronze", "lease feed/orders"),
        ("before:silver:1", "table orders/silver.customers"),
        ("before:silver:2", "table orders/silver.orders"),
        ("after:publish", "lease feed/orders"),
    ],
)
def test_overtaken_run_is_refused_and_doubles_nothing(stages: Stages, stop: str, refused_by: str) -> None:
    found = race(stages, stop)
    assert found.rival.code == 0, found.rival.said
    assert found.slow.error == "lease-lost", found.slow.said
    assert refused_by in found.slow.said
    assert found.differences == []


@pytest.mark.parametrize(
    "stop",
    [
        "before:plan:2",
        "before:publish",
        "before:seal",
    ],
)
def test_run_stopped_inside_its_transaction_holds_nobody_up_and_doubles_nothing(stages: Stages, stop: str) -> None:
    found = race(stages, stop)
    assert not found.is_rival_held_up
    assert found.rival.code == 0, found.rival.said
    assert found.slow.error == "lease-lost", found.slow.said
    assert found.differences == []


def test_run_stopped_before_bronze_is_refused_by_the_fence_of_a_rival_killed_after_voiding(stages: Stages) -> None:
    found = race(stages, "before:bronze", rival_crash="after:void")
    assert found.rival.is_killed
    assert found.slow.error == "lease-lost", found.slow.said
    assert found.differences == []


def commit_before_fence(stages: Stages, *, stop: str | None = None, bug: str | None = None) -> tuple[Ended, list[str]]:
    """A rival has found no receipt in bronze and stops; then the first run commits; then the rival goes on to fence."""
    place = stages.places.copy(stages.second)
    with Run(place, stop="before:bronze", lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place, stop=stop, bug=bug) as rival:
            rival.until_stopped()
            slow.go_on()
            slow.ended()
            rival.go_on()
            ended = rival.ended()
    return ended, come_to(stages, place)


def test_load_that_is_committed_just_before_its_fence_is_finished_and_not_voided(stages: Stages) -> None:
    rival, found = commit_before_fence(stages, stop="before:fence")
    assert found == []
    assert (rival.code, rival.did["voided"]) == (0, []), rival.said


def two_feeds(stages: Stages) -> Place:
    """A project with a second feed of the same kind under other names, a model over both, and files for both."""
    place = stages.places.fresh()
    renamed = {"orders": "returns", "customers": "visitors"}
    for source, target in {
        "contracts/orders.odcs.yaml": "contracts/returns.odcs.yaml",
        "models/customer_spend.sql": "models/visitor_spend.sql",
    }.items():
        text = (place.root / source).read_text()
        for name, other in renamed.items():
            text = text.replace(f"name: {name}\n", f"name: {other}\n").replace(f"from {name}", f"from {other}")
        (place.root / target).write_text(text)
    (place.root / "models/people.sql").write_text(PEOPLE)
    put_first(place, "orders")
    place.deliver(stages.files)
    place.deliver({path.replace("landing/orders", "landing/returns"): data for path, data in stages.files.items()})
    return place


PEOPLE = """select customer_id, sum(seen) as seen from (
select customer_id, 1 as seen from customers union all select customer_id, 1 from visitors) as p group by customer_id
"""


def put_first(place: Place, feed: str) -> None:
    """Which feed a run begins with."""
    text = (place.root / "tillage.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("  returns:")]
    at = next(number for number, line in enumerate(lines) if line.startswith("  orders:"))
    lines.insert(at if feed == "returns" else at + 1, "  returns: {path: landing/returns, format: jsonl}")
    (place.root / "tillage.yaml").write_text("\n".join([*lines, ""]))


def after_the_other_feed(stages: Stages, bug: str | None = None) -> list[str]:
    """What differs when a load of one feed was killed before it was published, and the other feed comes first then."""
    before = two_feeds(stages)
    whole, place = stages.places.copy(before), stages.places.copy(before)
    finished(whole)
    assert run(place, crash="before:publish", bug=bug).is_killed
    put_first(place, "returns")
    return [*unfinished(place, bug), *differences(state_of(place.root, place.dsn), state_of(whole.root, whole.dsn))]


def test_load_of_one_feed_is_finished_after_a_later_one_of_another(stages: Stages) -> None:
    assert after_the_other_feed(stages) == []
