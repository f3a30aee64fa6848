"""Two runs at once on one project: one waits for the other, or says who is at work, and nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.crash.places import open_places
from tests.acceptance.crash.runs import Run
from tests.acceptance.crash.stages import Stages

pytestmark = pytest.mark.accept("2.6")


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


@pytest.mark.parametrize("stage", ["first", "second", "voiding", "recalling"])
def test_two_runs_started_at_once_both_end_well(stages: Stages, stage: str) -> None:
    place = stages.places.copy(stages.by_name[stage].base)
    place.deliver(stages.by_name[stage].arriving)
    with Run(place) as one, Run(place) as other:
        ended = one.ended(), other.ended()
    assert [run.code for run in ended] == [0, 0], ended
    assert stages.differences(place) == []


def test_second_run_says_that_it_waits_and_finds_nothing_left_to_do(stages: Stages) -> None:
    place = stages.places.copy(stages.by_name["second"].base)
    with Run(place, stop="after:lease") as first:
        first.until_stopped()
        with Run(place) as second:
            second.until_says("waiting up to 60 s")
            first.go_on()
            assert first.ended().code == 0
            ended = second.ended()
    assert (ended.code, ended.did["loads"]) == (0, []), ended.said
    assert stages.differences(place) == []


def test_second_run_that_may_not_wait_ends_and_names_the_holder(stages: Stages) -> None:
    place = stages.places.copy(stages.by_name["second"].base)
    with Run(place, stop="after:lease") as first:
        first.until_stopped()
        with Run(place, wait_s=0) as second:
            refused = second.ended()
        first.go_on()
        assert first.ended().code == 0
    assert (refused.code, refused.error) == (12, "lease-held"), refused.said
    assert f"process {first.pid} on " in refused.said
    assert stages.differences(place) == []
