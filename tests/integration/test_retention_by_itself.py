"""A run takes bytes away that were kept for too long, and their files an hour later, whatever came in between."""

from __future__ import annotations

import pytest

from tests.integration.retained import (
    CANARY,
    KEPT_DAYS,
    at,
    files_with,
    kept_up,
    make_kept,
    run_at,
)
from tests.integration.shops import Shop, customer, order
from tillage.domain.load import LoadKind
from tillage.pipelines import retention
from tillage.pipelines.backup import UPKEEP
from tillage.pipelines.quarantine import discard
from tillage.ports.store import Waiting


@pytest.fixture
def kept(shop: Shop) -> Shop:
    return make_kept(shop)


def test_run_forgets_by_itself_and_deletes_an_hour_later(kept: Shop) -> None:
    assert run_at(kept, KEPT_DAYS + 0.5) == []
    (first,) = run_at(kept, KEPT_DAYS + 1.1)
    assert first.forgotten_records == 3
    assert run_at(kept, 0) == []
    assert len(files_with(kept, CANARY)) == 1
    assert run_at(kept, 0.04) == []
    # By the clock of the files nothing is an hour old yet: the run looks, and the file stays until a later one.
    (second,) = run_at(kept, 0.05)
    assert (second.forgotten_records, second.deleted_files) == (0, 0)
    kept_up(kept, 0)
    assert files_with(kept, CANARY) == set()
    assert run_at(kept, 1) == []


def test_day_that_passed_the_limit_is_forgotten_once_and_not_each_hour(kept: Shop) -> None:
    run_at(kept, KEPT_DAYS + 1.1)
    kept_up(kept, 0)
    kept.land("c.jsonl", customer("c9", order("o9")))
    kept.run()
    assert run_at(kept, KEPT_DAYS + 0.9) == []
    (done,) = run_at(kept, KEPT_DAYS + 1.1)
    assert done.forgotten_records == 1


def test_load_that_brought_no_bytes_is_never_overdue(kept: Shop) -> None:
    with kept.open() as house:
        discard(house, Waiting(), reason="no such class", wait_s=1)
    (done,) = run_at(kept, KEPT_DAYS + 1.1)
    assert done.forgotten_records == 4
    kept_up(kept, KEPT_DAYS + 1.1)
    assert run_at(kept, KEPT_DAYS + 1.1) == []


def test_maintain_that_was_killed_before_it_forgot_is_made_good_by_the_next_run(kept: Shop) -> None:
    with kept.open() as house, house.leases.hold("feed/orders", wait_s=1, on_wait=kept.said.append) as lease:
        contract = house.feeds["orders"]
        found = retention.plan_forgetting(at(house, KEPT_DAYS + 1), contract)
        assert found is not None
        house.ledger.begin(
            LoadKind.MAINTAIN,
            "orders",
            contract_digest=contract.check.contract.digest,
            texts={},
            manifest={"forgets": found.manifest},
            lease=lease,
        )
    (done,) = run_at(kept, KEPT_DAYS + 0.5)
    assert done.forgotten_records == 3
    assert run_at(kept, 0) == []


def test_files_that_a_backup_kept_from_being_deleted_are_deleted_by_a_later_run(kept: Shop) -> None:
    kept_up(kept)
    with kept.open() as house, house.leases.hold(UPKEEP, wait_s=1, on_wait=kept.said.append):
        assert kept_up(kept).deleted_files == 0
    assert run_at(kept, 0) == []
    assert len(run_at(kept, 0.05)) == 1
    kept_up(kept, 0)
    assert run_at(kept, 0.05) == []
