"""What happens to the batches that wait when others cannot be checked."""

from __future__ import annotations

import duckdb
import pytest

from tests.generative.in_memory import compiled, connected, food_orders
from tillage.contracts.project import Feed
from tillage.doors.lines import read_lines
from tillage.engines.reader import RECORDS, Reader


def test_batches_that_wait_are_given_up_when_all_threads_have_failed() -> None:
    lines = b'{"customerId":"c","orders":[]}\n' * 100
    batches = read_lines(
        iter([lines]), 0, feed=Feed("orders", "landing/orders", "jsonl"), max_record_bytes=2**20, chunk_bytes=2**20
    )
    (batch,) = batches
    with connected(threads=2) as connection:
        reader = Reader(connection, compiled(food_orders()), {}, threads=2)
        reader.start()
        connection.execute(f"drop table {RECORDS}")
        with pytest.raises(duckdb.CatalogException, match="records"):
            reader.read([batch] * 8, 1)
