"""A maintain that is stopped in the middle and wakes when others have taken over takes nothing away from them."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.acceptance.crash.canonical import differences, state_of
from tests.acceptance.crash.places import Place, open_places
from tests.acceptance.crash.runs import Ended, Run
from tests.acceptance.crash.stages import Stages, leave_orphans, orphans, unfinished

pytestmark = pytest.mark.accept("2.4")


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


def come_to(stages: Stages, place: Place) -> list[str]:
    """What is wrong with the place after one more run."""
    found = [*unfinished(place), *stages.differences(place)]
    stages.places.drop(place)
    return found


@pytest.mark.parametrize(
    ("stop", "refused_by"),
    [
        ("before:fence:1", "table orders/bronze"),
        ("after:fence:1", "table orders/silver.customers"),
        ("before:compact:1", "table orders/bronze"),
        ("before:fence:2", "table orders/silver.customers"),
        ("before:vacuum:1", "lease feed/orders"),
        ("before:checkpoint:2", "lease feed/orders"),
        ("after:checkpoint:3", "lease feed/orders"),
    ],
)
def test_overtaken_maintain_is_refused_and_the_house_is_whole(stages: Stages, stop: str, refused_by: str) -> None:
    place = stages.places.copy(stages.whole)
    leave_orphans(place)
    with Run(place, stop=stop, first="maintain", lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place, first="maintain") as rival:
            ended = rival.ended()
        assert ended.code == 0, ended.said
        slow.go_on()
        refused = slow.ended()
    assert refused.error == "lease-lost", refused.said
    assert refused_by in refused.said
    assert orphans(place) == []
    assert come_to(stages, place) == []


def vacuum_beside_a_commit(stages: Stages, bug: str | None) -> tuple[Ended, Ended, list[str]]:
    """A maintain stops before it deletes; another run takes over and has written a file that it has not committed;
    then the first one goes on to delete, and the second one to commit.
    """
    place = stages.places.copy(stages.second)
    leave_orphans(place)
    with Run(place, stop="before:vacuum:1", first="maintain", bug=bug, lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place, between=True) as rival:
            rival.until_stopped()
            slow.go_on()
            late = slow.ended()
            rival.go_on()
            ended = rival.ended()
    assert not (place.root / "data/lake/bronze/orders/part-00000-orphan-c000.zstd.parquet").exists()
    return late, ended, come_to(stages, place)


def test_maintain_that_wakes_late_deletes_no_file_that_another_is_about_to_commit(stages: Stages) -> None:
    late, rival, found = vacuum_beside_a_commit(stages, None)
    assert late.error == "lease-lost", late.said
    assert rival.code == 0, rival.said
    assert found == []


def test_late_vacuum_finds_seeded_bug(stages: Stages) -> None:
    with pytest.raises(duckdb.IOException, match=r"No files found|No such file"):
        vacuum_beside_a_commit(stages, "vacuum-without-fence")


def test_writer_whose_uncommitted_file_was_deleted_can_commit_it_no_more(stages: Stages) -> None:
    place = stages.places.copy(stages.second)
    with Run(place, between=True, lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place, first="maintain") as rival:
            ended = rival.ended()
        assert ended.code == 0, ended.said
        slow.go_on()
        refused = slow.ended()
    assert refused.error == "lease-lost", refused.said
    assert come_to(stages, place) == []


def test_overtaken_maintain_takes_no_bytes_away_and_the_next_one_does(stages: Stages) -> None:
    """It stops before the commit that forgets; a run takes over, and appends; then the first one goes on."""
    stage = stages.stage("forgetting")
    place = stages.places.copy(stage.base)
    with Run(place, stop="before:forget:1", first="forget", lease_ttl_s=1) as slow:
        slow.until_stopped()
        with Run(place) as rival:
            ended = rival.ended()
        assert ended.code == 0, ended.said
        slow.go_on()
        refused = slow.ended()
    assert refused.error == "lease-lost", refused.said
    assert stages.differences(place) == []
    assert unfinished(place, first="forget") == []
    assert differences(state_of(place.root, place.dsn), stage.wanted) == []
    stages.places.drop(place)
