"""`tillage dump --canonical` says of a house that was killed and finished what it says of one that never was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.acceptance.commands import tillage
from tests.acceptance.crash.places import Place, open_places
from tests.acceptance.crash.runs import run
from tests.acceptance.crash.stages import Stages, unfinished

pytestmark = pytest.mark.accept("2.4")


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


def _dump(place: Place, *options: str) -> str:
    return tillage(place.root, "dump", *options, TILLAGE_STORE_DSN=place.dsn)


@pytest.mark.parametrize(
    "crash", ["before:bronze", "after:bronze", "after:silver:1", "before:publish", "after:publish"]
)
def test_canonical_dump_is_the_same_whatever_was_killed(stages: Stages, crash: str) -> None:
    place = stages.places.copy(stages.second)
    assert run(place, crash=crash).is_killed
    assert unfinished(place) == []
    assert _dump(place, "--canonical") == _dump(stages.whole, "--canonical")
    stages.places.drop(place)


def test_canonical_dump_holds_every_kind_of_row_and_tells_other_contents_apart(stages: Stages) -> None:
    lines = _dump(stages.whole, "--canonical").splitlines()
    kinds = Counter(json.loads(line)["kind"] for line in lines)
    assert set(kinds) == {"silver", "quarantine", "gold", "counts"}
    assert min(kinds.values()) >= 1
    assert _dump(stages.second, "--canonical").splitlines() != lines
    assert _dump(stages.whole).splitlines() != lines
