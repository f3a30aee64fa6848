"""The audit finds nothing in a house that was only ever run, and names the first row wherever someone interfered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.integration.shops import CONTRACT, Shop, customer, make_database, order
from tests.integration.test_merges import make_stock, row
from tests.integration.test_replay import with_type
from tillage.pipelines.audit import audit
from tillage.pipelines.quarantine import discard, replay
from tillage.ports.store import Waiting


def found(shop: Shop) -> dict[str, str]:
    with shop.open() as house:
        audited = audit(house)
    assert audited.units > 0
    return {one.what: one.where for one in audited.findings}


@pytest.fixture
def lived(shop: Shop) -> Shop:
    """Loads, one replay, one discard, builds; and one unit still waits."""
    (shop.root / "models/dear.sql").write_text("select count(*) as n, max(net_minor) as most from customer_spend")
    shop.land("a.jsonl", customer("c1", order("o1"), with_type("o2", "dessert", 10.70)), customer("c3", order("")))
    shop.land("b.jsonl", customer("c2", with_type("o3", "soup", 21.40), order("o1")))
    (shop.root / "landing/orders/c.jsonl").write_text("{'no': 'json'}\n")
    shop.run()
    shop.edit(CONTRACT, "beverage: 9", "beverage: 9, dessert: 7")
    with shop.open() as house:
        replay(house, wait_s=1)
        discard(house, Waiting(code="missing"), reason="no number", wait_s=1)
    return shop


def execute(shop: Shop, statement: bytes) -> None:
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        assert connection.execute(statement).rowcount == 1


def silver(shop: Shop) -> DeltaTable:
    return DeltaTable(shop.root / "data/lake/silver/orders")


def again(shop: Shop) -> None:
    table = silver(shop)
    write_deltalake(table, table.to_pyarrow_table().slice(0, 1), mode="append")


def lost(shop: Shop) -> None:
    silver(shop).delete("order_id = 'o2'")


def dearer(shop: Shop) -> None:
    table = silver(shop)
    rows = table.to_pyarrow_table()
    (row,) = (one for one in rows.to_pylist() if one["order_id"] == "o2")
    row["lines"][0]["gross_minor"] += 1
    table.delete("order_id = 'o2'")
    write_deltalake(table, pa.Table.from_pylist([row], schema=rows.schema), mode="append")


def changed(shop: Shop) -> None:
    execute(shop, b"update folds.customer_spend set net_minor = net_minor + 1 where customer_id = 'c1'")


INTERFERENCE: dict[str, tuple[Callable[[Shop], None], str, str]] = {
    "a row of silver twice": (again, "twice in silver", "dataset orders, load 1, landing/orders/"),
    "a row of silver gone": (lost, "accepted in bronze and not in silver", "landing/orders/a.jsonl:1, unit 1"),
    "a total": (
        changed,
        "a fold's state is not the sum of silver",
        "model customer_spend: 1 key of 3 differ, first c1",
    ),
    "a unit that waits": (
        lambda shop: execute(shop, b"delete from tillage.quarantine where codes = '{enum}'"),
        "waiting in bronze and not in the quarantine",
        "landing/orders/b.jsonl:1, unit 0",
    ),
    "its reason": (
        lambda shop: execute(shop, b"update tillage.quarantine set codes = '{range}' where codes = '{enum}'"),
        "in the quarantine and not waiting in bronze",
        "landing/orders/b.jsonl:1, unit 0",
    ),
    "a count": (
        lambda shop: execute(
            shop, b"update tillage.counts set duplicate_rows = 7 where dataset = 'orders' and load_seq = 1"
        ),
        "the ledger's counts are not those of the verdicts in bronze",
        "load 1, dataset orders: duplicate 7 rows in the ledger",
    ),
    "all counts of a load": (
        lambda shop: execute(shop, b"delete from tillage.counts where dataset = 'customers' and load_seq = 1"),
        "the ledger's counts are not those of the verdicts in bronze",
        "load 1, dataset customers: read 0 rows in the ledger, 4 in bronze",
    ),
    "a receipt": (
        lambda shop: execute(shop, b"delete from tillage.receipts where load_seq = 3"),
        "a sealed load has no receipt, so that nobody sees it",
        "load 3",
    ),
    "an amount in silver": (
        dearer,
        "in silver with another amount than bronze counted",
        "dataset orders, load 1, landing/orders/a.jsonl:1, unit 1",
    ),
    "a row of a table": (
        lambda shop: execute(shop, b"update tables.dear set n = n + 1"),
        "a table is not what its SQL makes of silver",
        "model dear, build 4: 2 rows of 1 differ, first 3",
    ),
    "a state of a load": (
        lambda shop: execute(shop, b"update tillage.loads set state = 'voided' where load_seq = 3"),
        "bronze holds a load that the ledger does not count",
        "load 3 (voided)",
    ),
}


def test_audit_of_a_house_that_lived_finds_nothing(lived: Shop) -> None:
    assert found(lived) == {}


@pytest.mark.parametrize("name", INTERFERENCE)
def test_audit_names_the_first_row_where_someone_interfered(lived: Shop, name: str) -> None:
    interfere, what, where = INTERFERENCE[name]
    interfere(lived)
    findings = found(lived)
    assert what in findings
    assert where in findings[what]


def test_audit_holds_closed_versions_against_the_opened_ones(server: str, tmp_path: Path) -> None:
    stock = make_stock(tmp_path / "stock", make_database(server, "stock_audited"))
    stock.land("a.jsonl", row("a", 1, 1.00), row("a", 2, 2.00))
    stock.run()
    stock.land("b.jsonl", row("a", 3, 3.00), row("a", 1, 9.00))
    stock.run()
    assert found(stock) == {}
    table = DeltaTable(stock.root / "data/lake/silver/stock")
    closed = table.to_pyarrow_table(filters=[("_sign", "=", -1), ("_load", "=", 2)])
    table.delete("_sign = -1 and _load = 2")
    assert "closed in bronze and not in silver" in found(stock)
    assert "standing twice under one key" in found(stock)
    place = closed.schema.get_field_index("price_minor")
    other = closed.set_column(place, closed.schema.field(place), pa.array([7], pa.int64()))
    write_deltalake(table, other, mode="append")
    assert list(found(stock)) == [
        "closed in silver with other values than it was opened with",
        "a fold's state is not the sum of silver",
    ]
