"""Two runs at once on one project: one waits for the other, or says who is at work, and nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.acceptance.crash.places import open_places
from tests.acceptance.crash.runs import Run, until, waits_for_a_lock
from tests.acceptance.crash.stages import Stages

pytestmark = pytest.mark.accept("2.6")


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


@pytest.mark.parametrize("stage", ["second", "voiding", "recalling"])
def test_two_runs_started_at_once_both_end_well(stages: Stages, stage: str) -> None:
    place = stages.places.copy(stages.stage(stage).base)
    place.deliver(stages.stage(stage).arriving)
    with Run(place) as one, Run(place) as other:
        ended = one.ended(), other.ended()
    assert [run.code for run in ended] == [0, 0], ended
    assert stages.differences(place) == []


def test_two_first_runs_at_once_make_one_schema(stages: Stages) -> None:
    place = stages.places.copy(stages.stage("first").base)
    place.deliver(stages.files)
    with Run(place, stop="before:setup") as one:
        one.until_stopped()
        with Run(place, name="other") as other, psycopg.connect(place.dsn, autocommit=True) as store:
            until(lambda: waits_for_a_lock(store, "other"))
            one.go_on()
            ended = one.ended(), other.ended()
    assert [run.code for run in ended] == [0, 0], ended
    assert stages.differences(place) == []


def test_second_run_says_that_it_waits_and_finds_nothing_left_to_do(stages: Stages) -> None:
    place = stages.places.copy(stages.second)
    with Run(place, stop="after:lease") as first:
        first.until_stopped()
        with Run(place) as second:
            second.until_says("waiting up to 60 s")
            first.go_on()
            assert first.ended().code == 0
            ended = second.ended()
    assert (ended.code, ended.did["loads"]) == (0, []), ended.said
    assert stages.differences(place) == []


@pytest.mark.parametrize(
    "stop",
    ["after:lease", "before:publish"],
)
def test_second_run_that_may_not_wait_ends_and_names_the_holder(stages: Stages, stop: str) -> None:
    place = stages.places.copy(stages.second)
    with Run(place, stop=stop) as first:
        first.until_stopped()
        with Run(place, wait_s=0, name="second") as second, psycopg.connect(place.dsn, autocommit=True) as store:
            until(lambda: second.is_over() or waits_for_a_lock(store, "second"))
            is_held_up = not second.is_over()
            first.go_on()
            refused = second.ended()
        assert first.ended().code == 0
    assert not is_held_up
    assert (refused.code, refused.error) == (12, "lease-held"), refused.said
    assert f"process {first.pid} on " in refused.said
    assert stages.differences(place) == []
