"""A file an hour: the number of files stays flat, and so does what a load asks for; `make hourly` does it longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hourly import ORDERS, Shop, maintained_at_once, measure
from tests.integration.shops import make_database
from tillage.pipelines import maintain

pytestmark = pytest.mark.accept("4.3")

DUE = 10


def test_number_of_files_stays_flat_however_many_loads_there_are(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain, "DUE_LOADS", DUE)
    with maintained_at_once():
        shop = Shop(tmp_path / "shop", make_database(server, "hourly"))
        (_, last) = measure(shop, 3 * DUE + DUE // 2)
    assert last.live_files <= DUE
    assert last.disk_files <= 2 * DUE + 1
    assert shop.orders() == shop.hours * ORDERS


def test_house_with_a_history_is_maintained_by_its_next_run(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain, "DUE_LOADS", DUE)
    with maintained_at_once():
        shop = Shop(tmp_path / "shop", make_database(server, "old"))
        shop.pass_history(50)
        (mark,) = measure(shop, 1)
    assert mark.live_files == 1
    assert shop.orders() == 51 * ORDERS
