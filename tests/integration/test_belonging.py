"""Lake and store belong together: a foreign, empty, older or missing one of the two is refused with what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import pq
from psycopg.conninfo import make_conninfo

from tests.integration.shops import Shop, customer, make_database, make_shop, order
from tillage.errors import LakeError, StoreAwayError, StoreError
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.dump import dump
from tillage.pipelines.status import status
from tillage.ports.lake import LAKE_FORMAT, Lake

_NUMBERS = count(1)
LAKE = "data/lake"


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    return shop


def dumped(shop: Shop) -> list[str]:
    with shop.open() as house:
        return list(dump(house, is_canonical=False))


def another(server: str, options: str = "") -> str:
    return make_database(server, f"another_{next(_NUMBERS)}", options)


def test_an_empty_store_beside_a_full_lake_is_refused_and_stays_empty(loaded: Shop, server: str) -> None:
    before, dsn = dumped(loaded), loaded.dsn
    loaded.dsn = another(server)
    loaded.land("b.jsonl", customer("c2", order("o2")))
    for command in (loaded.run, loaded.spend):
        with pytest.raises(StoreError, match=r"the store is empty, and data/lake is full.*set TILLAGE_STORE_DSN as it"):
            command()
    with psycopg.connect(loaded.dsn) as store:
        assert store.execute("select count(*) from pg_namespace where nspname = 'tillage'").fetchall() == [(0,)]
    loaded.dsn = dsn
    assert dumped(loaded) == before
    loaded.run()
    assert loaded.spend() == {"c1": (1, 100), "c2": (1, 100)}


def test_a_store_of_another_lake_is_refused(loaded: Shop, server: str, tmp_path: Path) -> None:
    other = make_shop(tmp_path / "other", server, f"other_{next(_NUMBERS)}")
    other.run()
    loaded.dsn = other.dsn
    with pytest.raises(StoreError, match="the store and data/lake are of different projects: set TILLAGE_STORE_DSN"):
        loaded.run()


def test_a_store_without_its_lake_is_refused_and_makes_no_table(loaded: Shop) -> None:
    shutil.move(loaded.root / LAKE, loaded.root / "kept")
    loaded.land("b.jsonl", customer("c2", order("o2")))
    for command in (loaded.run, loaded.spend):
        with pytest.raises(LakeError, match=r"does not say that it is theirs.*Put the whole of data/lake"):
            command()
    assert not (loaded.root / LAKE).exists()
    shutil.move(loaded.root / "kept", loaded.root / LAKE)
    loaded.run()
    assert loaded.spend() == {"c1": (1, 100), "c2": (1, 100)}


@pytest.mark.parametrize("table", ["silver/orders", "silver/customers", "bronze/orders"])
def test_a_table_with_published_loads_is_not_made_anew(loaded: Shop, table: str) -> None:
    shutil.rmtree(loaded.root / LAKE / table)
    with pytest.raises(LakeError, match=f"data/lake/{table} has published loads and is gone; put it back"):
        loaded.run()
    assert not (loaded.root / LAKE / table).exists()


@pytest.mark.parametrize("table", ["silver/orders", "bronze/orders"])
def test_an_older_copy_of_a_table_is_refused(loaded: Shop, table: str) -> None:
    shutil.copytree(loaded.root / LAKE / table, loaded.root / "copy")
    loaded.land("b.jsonl", customer("c2", order("o2")))
    loaded.run()
    shutil.rmtree(loaded.root / LAKE / table)
    shutil.move(loaded.root / "copy", loaded.root / LAKE / table)
    with pytest.raises(LakeError, match=rf"data/lake/{table} (ends with|holds) number|of it is published"):
        loaded.run()
    assert loaded.states() == ["sealed", "sealed"]


def test_an_older_copy_of_the_store_is_refused(loaded: Shop, server: str) -> None:
    name = pq.Conninfo.parse(loaded.dsn.encode())
    database = next(one.val for one in name if one.keyword == b"dbname").decode()
    copy = another(server, f"template {database}")
    loaded.land("b.jsonl", customer("c2", order("o2")))
    loaded.run()
    loaded.dsn = copy
    loaded.land("c.jsonl", customer("c3", order("o3")))
    with pytest.raises(LakeError, match=r"holds number \d+, which the store has not reached: one of them is an older"):
        loaded.run()


class Overtaken:
    """A lake in which another process makes a whole load whenever a table has just been looked up."""

    def __init__(self, lake: Lake, load: Callable[[], object]) -> None:
        self._lake = lake
        self._load = load

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._lake, name)
        if name not in {"bronze", "silver"}:
            return found

        def table(*arguments: Any) -> Any:
            read = found(*arguments).snapshot()
            self._load()
            return SimpleNamespace(snapshot=lambda: read)

        return table


def test_a_load_that_another_process_makes_meanwhile_is_no_older_copy(loaded: Shop) -> None:
    numbers = count(1)

    def load() -> None:
        number = next(numbers)
        loaded.land(f"n{number}.jsonl", customer(f"n{number}", order(f"n{number}")))
        loaded.run()

    with loaded.open() as house:
        refuse_torn_history(replace(house, lake=Overtaken(house.lake, load)), "orders")
    assert next(numbers) > 3


def test_a_fresh_project_in_a_fresh_store_is_taken_by_any_first_command(shop: Shop) -> None:
    with shop.open() as house:
        assert status(house).open_loads == ()
        kept = house.ledger.house()
    assert json.loads((shop.root / LAKE / "house.json").read_text()) == {"house": kept, "format": LAKE_FORMAT}
    assert len(kept) == 36
    assert [path.name for path in (shop.root / LAKE).iterdir()] == ["house.json"]


def test_a_first_command_that_was_killed_before_it_marked_the_lake_can_be_repeated(shop: Shop) -> None:
    with shop.open():
        pass
    shutil.rmtree(shop.root / LAKE)
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    assert shop.spend() == {"c1": (1, 100)}


def test_a_mark_that_is_not_ours_is_refused(loaded: Shop) -> None:
    (loaded.root / LAKE / "house.json").write_text("{")
    with pytest.raises(LakeError, match=r"house\.json is not as it was written; put it back"):
        loaded.run()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused(shop: Shop, server: str, encoding: str) -> None:
    shop.dsn = another(server, f"encoding '{encoding}' locale_provider libc locale 'C' template template0")
    with pytest.raises(StoreError, match=f"encoding {encoding}, in which keys would be changed; it must be UTF8"):
        shop.run()


def test_a_session_is_utf8_whatever_the_dsn_says(shop: Shop) -> None:
    shop.dsn = make_conninfo(shop.dsn, client_encoding="LATIN1")
    shop.land("a.jsonl", customer("é", order("ö1")))
    shop.run()
    assert shop.spend() == {"é": (1, 100)}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dbname": "nix"}, "is up and refuses this connection: check the user, its password, and that the database"),
        ({"user": "nix"}, "is up and refuses this connection: check the user"),
        ({"host": "no-such-host.invalid"}, "the host in TILLAGE_STORE_DSN is not known here"),
    ],
)
def test_a_store_that_can_never_be_used_is_told_from_one_that_is_away(
    shop: Shop, change: dict[str, str], match: str
) -> None:
    shop.dsn = make_conninfo(shop.dsn, **change)
    with pytest.raises(StoreError, match=match):
        shop.run()


def test_a_server_that_does_not_listen_is_away(shop: Shop, tmp_path: Path) -> None:
    shop.dsn = make_conninfo(shop.dsn, host=str(tmp_path))
    with pytest.raises(StoreAwayError, match=r"does not answer \(no connection\); is PostgreSQL up"):
        shop.run()


def test_a_dsn_that_is_none_is_refused_without_repeating_it(shop: Shop) -> None:
    shop.dsn = "secret"
    with pytest.raises(StoreError, match="TILLAGE_STORE_DSN is no libpq connection string") as caught:
        shop.run()
    assert "secret" not in str(caught.value)
