"""Houses that are tortured for a few rounds; `make torture` does it for longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.shops import make_database
from tests.torture.people import torture as torture_people
from tests.torture.torture import torture
from tillage.stores.embedded import EmbeddedPostgres

SEED = int(os.environ.get("SEED", "20"))
LIMIT_S = 20  # no round begins later


@pytest.mark.accept("4.1")
def test_tortured_houses_are_those_of_the_model() -> None:
    print(f"SEED={SEED}")
    tally = torture(SEED, 40, limit_s=LIMIT_S)
    print(tally)
    assert tally.rounds >= 1
    assert tally.kills.total() >= 1


@pytest.mark.accept("8.3")
def test_people_who_are_erased_while_everything_is_killed_leave_nothing(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "store") as server:
        house = torture_people(tmp_path / "shop", make_database(server, "people"), str(SEED), 3)
    print("\n".join(house.log))
    assert house.killed >= 1
