"""What a process keeps between two pieces of work, so that it need not be made again, and what it must not keep."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.conftest import REPOSITORY
from tillage.engines.duckdb import DuckEngine
from tillage.errors import ContractError
from tillage.wiring import compile_kept, load_project

TEMPLATE = REPOSITORY / "src/tillage/templates/food-orders"


def test_load_asks_for_the_check_that_the_open_project_has_already() -> None:
    _, feeds, _ = load_project(TEMPLATE)
    kept = feeds["orders"]
    assert compile_kept("orders", kept.text) is kept.check
    assert compile_kept("orders", kept.text + "\n# a note\n") is not kept.check
    assert compile_kept("returns", kept.text).contract.feed == "returns"


def test_wrong_text_is_refused_each_time_and_not_as_that_of_a_file_that_the_project_has() -> None:
    for _ in range(2):
        with pytest.raises(ContractError, match=r"^the contract that a load of feed orders was decided under, line 1"):
            compile_kept("orders", "apiVersion: v9.9.9\n")


def test_look_leaves_nothing_that_the_next_one_sees(tmp_path: Path) -> None:
    engine = DuckEngine(tmp_path, memory_bytes=2**28, threads=1, datasets={})
    with engine._look() as first:
        first.execute("create temp table seen as select 1 as n")
        first.register("given", first.sql("select 2 as n").to_arrow_table())
        with engine._look() as second:
            for name in ("seen", "given"):
                with pytest.raises(duckdb.CatalogException, match=f"{name} does not exist"):
                    second.execute(f"from {name}")
    with engine._look() as third:
        assert third.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]
        assert third.execute("select count(*) from duckdb_views() where not internal").fetchall() == [(0,)]
        assert third.execute("select current_setting('timezone')").fetchall() == [("UTC",)]
    engine.close()
    with engine._look() as again:
        assert again.execute("select 1").fetchall() == [(1,)]
    engine.close()
