"""A run that was stopped (SIGSTOP) and overtaken is refused at its next write, by Delta and by PostgreSQL.

The lease lasts one second here, so that nobody has to wait for a minute; it is a setting, and no other time matters.
With the default lease, and a stop of a minute for each case: `LEASE_S=30 STOP_S=60 pytest` with this file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psycopg
import pytest
from deltalake import DeltaTable

from tests.acceptance.crash.places import Place, open_places
from tests.acceptance.crash.runs import Ended, Run, until
from tests.acceptance.crash.stages import Stages

pytestmark = pytest.mark.accept("4.5")

LEASE_S, STOP_S = float(os.environ.get("LEASE_S", "1")), float(os.environ.get("STOP_S", "0"))
LIMIT_S = 60 + LEASE_S + STOP_S
BETWEEN = "between"  # the file of its rows for bronze and their commit
BRONZE, SILVER = "table orders/bronze: ", "table orders/silver.orders: "
LEASE = "lease feed/orders went to another process"
IDLE = "stood still inside a transaction until its lease was over"
STATE = """select (select epoch from tillage.leases where resource = 'feed/orders'),
    (select count(*) from tillage.loads), (select count(*) from tillage.quarantine),
    (select count(*) from tillage.receipts), (select sum(net_minor) from gold.customer_spend)"""


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    with open_places() as places:
        yield Stages(places)


def versions(place: Place) -> dict[str, int]:
    """How often each table of the lake was committed to."""
    logs = (place.root / "data/lake").glob("*/*/_delta_log")
    return {f"{log.parts[-3]}/{log.parts[-2]}": DeltaTable(log.parent).version() for log in logs}


def state(place: Place) -> tuple[object, ...]:
    with psycopg.connect(place.dsn) as store:
        return store.execute(STATE).fetchall()[0]


def overtaken(place: Place, stop: str) -> Ended:
    """How a run ends that stops there, once another one has done its work; that one's work must stay as it is."""
    options = {"between": True} if stop == BETWEEN else {"stop": stop}
    with Run(place, **options, lease_ttl_s=LEASE_S, limit_s=LIMIT_S) as slow:
        slow.until_stopped()
        stopped_s = time.monotonic()
        with Run(place, wait_s=LIMIT_S, limit_s=LIMIT_S) as rival:
            assert rival.ended().code == 0, rival.said()
        print(f"stopped at {stop}; another had taken over and was done after {time.monotonic() - stopped_s:.1f} s")
        before = versions(place), state(place)
        until(lambda: time.monotonic() >= stopped_s + STOP_S)
        slow.go_on()
        ended = slow.ended()
        print(
            f"it went on after {time.monotonic() - stopped_s:.1f} s, and ended with {ended.code}: {ended.said.strip()}"
        )
    assert (versions(place), state(place)) == before, "the stopped run wrote something after it was overtaken"
    return ended


@pytest.mark.parametrize(
    ("stop", "refused_by"),
    [
        pytest.param(BETWEEN, BRONZE, id="delta, its file written"),
        pytest.param("before:bronze", BRONZE, id="delta, its commit prepared"),
        pytest.param("after:plan:2", BRONZE, id="delta, its files not read yet"),
        pytest.param("before:silver:2", SILVER, id="delta, silver"),
        pytest.param("after:bronze", LEASE, id="postgresql, between two stages"),
        pytest.param("after:publish", LEASE, id="postgresql, before the seal"),
        pytest.param("before:publish", IDLE, id="postgresql, inside a transaction"),
    ],
)
def test_a_stopped_run_that_was_overtaken_is_refused_at_its_next_write(
    stages: Stages, stop: str, refused_by: str
) -> None:
    place = stages.places.copy(stages.second)
    ended = overtaken(place, stop)
    assert (ended.code, ended.error) == (12, "lease-lost"), ended.said
    assert refused_by in ended.said
    assert stages.differences(place) == []
