"""Houses that are tortured for a few rounds; `make torture` does it for longer."""

from __future__ import annotations

import os

import pytest

from tests.torture.torture import torture

pytestmark = pytest.mark.accept("4.1")

SEED = int(os.environ.get("SEED", "20"))
LIMIT_S = 20  # no round begins later


def test_tortured_houses_are_those_of_the_model() -> None:
    print(f"SEED={SEED}")
    tally = torture(SEED, 40, limit_s=LIMIT_S)
    print(tally)
    assert tally.rounds >= 1
    assert tally.kills.total() >= 1
