"""Rows are put in the place of others in one commit of as many, under the fence of who does it, or not at all."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from tests.integration.retained import (
    bytes_by_load,
    kept_up,
    make_kept,
    shares,
)
from tests.integration.shops import Shop
from tillage.domain.load import CommitPoint, spans
from tillage.errors import LakeError, LeaseLostError
from tillage.pipelines.house import House
from tillage.ports.engine import Due
from tillage.ports.store import Waiting


@pytest.fixture
def kept(shop: Shop) -> Shop:
    return make_kept(shop)


def test_rewrite_is_refused_once_another_has_committed(kept: Shop) -> None:
    with kept.open() as house:
        table, number = house.lake.bronze("orders"), house.ledger.next_fence()
        table.upkeep().fence(number, keep_h=1)
        before = table.snapshot()
        with (
            everything_due(house) as rows,
            pytest.raises(LeaseLostError, match="another process committed"),
        ):
            table.upkeep().rewrite(number - 1, version=before.version, spans=((1, 2),), rows=rows)
        with everything_due(house) as rows:
            table.append(None, house.ledger.next_fence(), CommitPoint.BRONZE)
            with pytest.raises(LeaseLostError, match="another process committed"):
                table.upkeep().rewrite(number, version=before.version, spans=((1, 2),), rows=rows)
    assert bytes_by_load(kept) == {1: 2, 2: 2}


def test_rows_that_are_fewer_than_they_replace_are_not_committed(kept: Shop) -> None:
    with kept.open() as house:
        table, number = house.lake.bronze("orders"), house.ledger.next_fence()
        table.upkeep().fence(number, keep_h=1)
        before = table.snapshot()
        with (
            everything_due(house, ((1, 1),)) as rows,
            pytest.raises(LakeError, match="its files hold other rows than were read of them; nothing was changed"),
        ):
            table.upkeep().rewrite(number, version=before.version, spans=((1, 2),), rows=rows)
        assert table.snapshot() == before
    assert bytes_by_load(kept) == {1: 2, 2: 2}


def everything_due(house: House, within: Any = ((1, 2),)) -> Any:
    waiting = house.ledger.waiting("orders", Waiting(dataset="nothing"))
    due = Due((1, 2), waiting, frozenset())
    return house.engine.forgotten(house.lake.bronze("orders").snapshot(), due, within, 9)


def test_bronze_of_an_older_version_gets_its_column_with_the_commit_that_forgets(kept: Shop) -> None:
    folder = kept.root / "data/lake/bronze/orders"
    older = DeltaTable(folder).to_pyarrow_table().drop(["forgotten_by"])
    receipt = DeltaTable(folder).transaction_version("orders/bronze")
    replace_table(folder, older, int(receipt or 0))
    assert kept_up(kept).forgotten_records == 3
    assert DeltaTable(folder).schema().fields[-1].name == "forgotten_by"
    assert shares(kept)["orders"] == (0, 0, 3, 460)


def replace_table(folder: Path, rows: pa.Table, receipt: int) -> None:
    rmtree(folder)
    write_deltalake(
        folder,
        rows,
        commit_properties=CommitProperties(app_transactions=[Transaction("orders/bronze", receipt)]),
        configuration={"delta.dataSkippingStatsColumns": "load_seq"},
    )


@pytest.mark.parametrize(
    ("loads", "most", "found"),
    [
        ([], 3, ()),
        ([7], 3, ((7, 7),)),
        ([1, 2, 3, 9, 10, 20], 3, ((1, 3), (9, 10), (20, 20))),
        ([1, 2, 3, 9, 10, 20], 2, ((1, 10), (20, 20))),
        ([20, 1, 3, 1], 1, ((1, 20),)),
        ([1, 2, 3], 50, ((1, 3),)),
    ],
)
def test_spans_hold_all_loads_and_leave_the_widest_gaps_out(loads: list[int], most: int, found: Any) -> None:
    assert spans(loads, most=most) == found
