"""`tillage.open`: what Python code reads of a project, and that it leaves nothing behind."""

from __future__ import annotations

import gc
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

import tillage
from tests.acceptance.commands import new_project
from tests.acceptance.commands import tillage as command
from tillage.errors import NoProjectError, OperatorError, QueryError
from tillage.stores.embedded.locks import is_held


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = new_project(tmp_path_factory.mktemp("python") / "shop")
    basket = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": 11.5}]
    line = {"customerId": "c1", "orders": [{"orderId": "1", "basket": basket}]}
    (shop / "landing" / "orders").mkdir(parents=True, exist_ok=True)
    (shop / "landing" / "orders" / "a.jsonl").write_text(json.dumps(line))
    command(shop, "run")
    return shop


def _is_store_up(shop: Path) -> bool:
    return is_held(shop / "data" / "store" / "server.lock")


def test_rows_come_as_an_arrow_table_and_the_store_is_stopped_at_the_end(shop: Path) -> None:
    with tillage.open(shop / "models") as project:
        rows = project.query("select customer_id, net_minor, date '2025-01-24' as day from gold.customer_spend")
        assert _is_store_up(shop)
        assert project.query("select 1 as a, 2 as a").to_pylist() == [{"a": 1, "a_1": 2}]
    assert isinstance(rows, pa.Table)
    assert rows.to_pylist() == [{"customer_id": "c1", "net_minor": 1000, "day": date(2025, 1, 24)}]
    assert not _is_store_up(shop)


def test_one_line_without_a_block_leaves_no_server_behind(shop: Path) -> None:
    assert tillage.open(shop).query("from gold.customer_spend").num_rows == 1
    gc.collect()
    assert not _is_store_up(shop)


def test_project_in_the_working_folder_is_the_default(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "contracts")
    with tillage.open() as project:
        assert project.root == shop.resolve()


def test_what_is_closed_says_so_and_may_be_closed_again(shop: Path) -> None:
    project = tillage.open(str(shop))
    project.close()
    project.close()
    with pytest.raises(OperatorError, match=r"was closed; open it again: tillage\.open"):
        project.query("select 1")


def test_changes_and_wrong_folders_are_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(NoProjectError, match=r"no tillage\.yaml"):
        tillage.open(tmp_path)
    with tillage.open(shop) as project, pytest.raises(QueryError, match="only one SELECT can be run here"):
        project.query("create table x as select 1")


@pytest.mark.parametrize("sql", [5, None, b"select 1", ["select 1"]])
def test_what_is_no_text_is_no_query_and_the_message_shows_one(shop: Path, sql: object) -> None:
    with tillage.open(shop) as project, pytest.raises(QueryError, match=r"takes one SELECT as text, not .*silver\."):
        project.query(sql)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", [5, None, b"."])
def test_what_is_no_path_opens_nothing(folder: object) -> None:
    with pytest.raises(OperatorError, match=r"`open` takes the project's folder, not \w+: tillage\.open"):
        tillage.open(folder)  # type: ignore[arg-type]
