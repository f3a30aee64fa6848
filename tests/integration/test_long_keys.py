"""A text key of any length is kept, added to, found and explained like any other."""

from __future__ import annotations

import asyncio
import random
import string
from pathlib import Path

import psycopg
import pytest

from tests.integration.shops import Shop, customer, order
from tillage.errors import StoreError
from tillage.models.basis import Basis
from tillage.pipelines.explain import explain
from tillage.pipelines.reconcile import reconcile
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.keys import KINDS
from tillage.stores.postgres.lookups import Found, LookUp, Lookups, column_kinds, look_up

_RANDOM = random.Random(7)
_WANTED = LookUp("customer_spend", ("net_minor",), "customer_id", Basis(by_load=("orders",)))
LONG = "".join(_RANDOM.choices(string.ascii_letters + "é\\'", k=9000))  # random, so that it cannot be packed


@pytest.fixture
def keys() -> list[str]:
    """Alike up to the last character, around the length from which a digest stands for the key."""
    near = [letter * size for size in (62, 63, 64, 65, 500) for letter in ("k", "é", "\\")]
    return ["c1", "", LONG, LONG[:-1], LONG + "x", *near, *(key + "x" for key in near)]


def test_a_long_key_stops_nothing_and_counts_like_any_other(shop: Shop, keys: list[str]) -> None:
    keys.remove("")
    shop.land("a.jsonl", *(customer(key, order(f"o{number}")) for number, key in enumerate(keys)))
    shop.land("b.jsonl", *(customer(key, order(f"p{number}")) for number, key in enumerate(keys[::2])))
    shop.run()
    twice = set(keys[::2])
    assert shop.spend() == {key: (2, 200) if key in twice else (1, 100) for key in keys}
    with shop.open() as house:
        assert all(one.comparison.differ == 0 for one in reconcile(house))
        assert explain(house, f"/spend/{LONG}").served["net_minor"] == 100
        outputs = house.folds.outputs()

    async def found() -> list[object]:
        lookups = Lookups(shop.dsn, outputs, column_kinds(shop.dsn))
        async with lookups.opened():
            return [await lookups.row(_WANTED, key) for key in keys]

    assert asyncio.run(found()) == [Found((200 if key in twice else 100,), "orders=1") for key in keys]


def test_a_served_key_is_looked_up_by_the_index(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    with shop.open() as house:
        values = Lookups(shop.dsn, house.folds.outputs(), column_kinds(shop.dsn)).parameters(_WANTED, [LONG])
    statement = look_up(_WANTED, KINDS["text"])
    with psycopg.connect(shop.dsn) as store:
        store.execute("set enable_seqscan = off")
        plan = store.execute(b"explain " + statement.as_bytes(store), values).fetchall()
    assert "Index Cond" in str([line for (line,) in plan if "octet_length" in line or "sha256" in line])


def test_a_long_path_is_kept(shop: Shop) -> None:
    folder = shop.root / "landing" / "orders"
    for _ in range(14):
        folder = folder / "".join(_RANDOM.choices(string.ascii_letters, k=200))  # an index packs what repeats
    folder.mkdir(parents=True)
    path = Path(*folder.parts[len(shop.root.parts) :]) / "a.jsonl"
    shop.land(str(folder.relative_to(shop.root / "landing/orders") / "a.jsonl"), customer("c1", order("o1")))
    assert len(str(path)) > 2704
    shop.run()
    assert shop.run().loads == {}
    assert shop.spend() == {"c1": (1, 100)}


def test_what_is_too_large_for_postgresql_is_an_error_that_a_retry_cannot_help() -> None:
    with pytest.raises(StoreError, match=r"than PostgreSQL can keep \(SQLSTATE 54000\)"), translated():
        raise psycopg.errors.ProgramLimitExceeded
