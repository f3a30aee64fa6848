"""What a run asks of the ledger costs the same after 20,000 loads as after 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.shops import Shop, customer, order
from tillage.domain.load import LoadKind
from tillage.pipelines.maintain import maintain
from tillage.stores.postgres.queries import query

LOADS = 20_000
MOST_ROWS = 100
_HISTORY = """
insert into tillage.loads (load_seq, feed, state, contract_digest, epoch, sealed_at)
select n, feed, 'sealed', contract_digest, epoch, now() from tillage.loads, generate_series(1, %(loads)s) n
where load_seq > %(loads)s order by load_seq limit %(loads)s;
insert into tillage.receipts select 'publish', n from generate_series(1, %(loads)s) n;
insert into tillage.counts (load_seq, dataset, read_rows, accepted_rows, quarantined_rows, duplicate_rows,
    suppressed_rows, not_countable_rows, warning_rows)
select n, dataset, 0, 0, 0, 0, 0, 0, '{}'
from (values ('orders'), ('customers')) d (dataset), generate_series(1, %(loads)s) n
"""


@pytest.fixture
def old_shop(shop: Shop) -> Shop:
    """With the ledger of years before its one load."""
    with shop.open(), psycopg.connect(shop.dsn) as store:
        store.execute("select setval('tillage.load_seq', %s)", [LOADS])
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    with psycopg.connect(shop.dsn) as store:
        psycopg.ClientCursor(store).execute(_HISTORY, {"loads": LOADS})
    with psycopg.connect(shop.dsn, autocommit=True) as store:
        store.execute("vacuum (analyze)")
    return shop


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("published", {}),
        ("held_datasets", {"with_releases": True}),
        ("held_datasets", {"with_releases": False}),
        ("last_standing", {}),
        ("has_loads", {}),
        ("unfinished_load", {"feed": "orders", "state": "open"}),
        ("loads_since_maintain", {"feed": "orders", "most": 20}),
    ],
)
def test_question_of_every_run_looks_at_few_rows_however_many_loads_there_are(
    old_shop: Shop, name: str, values: dict[str, object]
) -> None:
    with psycopg.connect(old_shop.dsn) as store:
        explained = store.execute(b"explain (analyze, format json) " + query(name), values).fetchone()
    assert explained
    looked_at = [
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(explained[0][0]["Plan"])
    ]
    assert sum(looked_at) < MOST_ROWS


def test_answers_are_of_the_last_load(old_shop: Shop) -> None:
    last = LOADS + 1
    with old_shop.open() as house:
        assert house.ledger.published() == {"orders": last}
        assert {(one.dataset, one.feed, one.load_seq) for one in house.ledger.held_datasets()} == {
            ("orders", "orders", last),
            ("customers", "orders", last),
        }
        assert house.ledger.last_standing()["orders"].load_seq == last
        assert house.ledger.loads_since_maintain("orders", most=30) == 30
        (done,) = maintain(house, wait_s=1)
        assert house.ledger.loads_since_maintain("orders", most=30) == 0
        assert house.ledger.published() == {"orders": last}
        assert house.ledger.last_standing()["orders"].load_seq == last
        assert house.ledger.load(done.load_seq).kind is LoadKind.MAINTAIN  # type: ignore[union-attr]
        assert len(house.ledger.loads()) == LOADS + 2
