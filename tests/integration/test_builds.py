"""Tables over several feeds are always of one set of loads, whatever is killed when; readers see whole builds only."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.shops import Shop, make_database
from tests.integration.small import make_small, put
from tests.integration.test_backup import back_up, emptied, restore
from tillage.errors import ModelError
from tillage.pipelines.audit import audit
from tillage.pipelines.build import build_if_due
from tillage.pipelines.explain import explain
from tillage.pipelines.quarantine import patch_file, replay
from tillage.pipelines.query import query
from tillage.pipelines.rebuild import rebuild_model

FEEDS = ("sold", "bought", "given")
MODELS = {
    # What each thing came to in each feed: a join of all three.
    "by_thing": """
        with s as (select id, sum(amount_minor) as minor from sold_seen group by id),
             b as (select id, sum(amount_minor) as minor from bought_seen group by id),
             g as (select id, sum(amount_minor) as minor from given_seen group by id),
             every as (select id from s union select id from b union select id from g)
        select every.id, coalesce(s.minor, 0) as sold, coalesce(b.minor, 0) as bought, coalesce(g.minor, 0) as given
        from every left join s on s.id = every.id left join b on b.id = every.id left join g on g.id = every.id
    """,
    # The same once more, put together in another way: both are of one moment or they differ.
    "by_feed": """
        select 'sold' as feed, count(*) as records, sum(amount_minor) as minor from sold_seen having count(*) > 0
        union all select 'bought', count(*), sum(amount_minor) from bought_seen having count(*) > 0
        union all select 'given', count(*), sum(amount_minor) from given_seen having count(*) > 0
    """,
    "sold_by_thing": "select id, sum(amount_minor) as minor from sold_seen group by id",
    # Reads a fold, and is of the same loads as the others too.
    "sold_all": "select sum(minor) as minor, count(*) as things from sold_by_thing",
    "big": "select id, minor from sold_by_thing where minor > 500",
}
COLUMNS = (
    "id",
    {
        "name": "amount",
        "logicalType": "number",
        "customProperties": [{"property": "tillage.money", "value": "EUR"}],
    },
)
_NUMBERS = count(1)


@pytest.fixture
def trade(server: str, tmp_path: Path) -> Shop:
    dsn = make_database(server, f"trade_{next(_NUMBERS)}")
    return make_small(
        tmp_path / "trade", dsn, feeds={feed: {"format": "jsonl"} for feed in FEEDS}, columns=COLUMNS, models=MODELS
    )


def land(shop: Shop, feed: str, name: str, amounts: Mapping[str, int]) -> None:
    lines = [
        json.dumps({"id": thing, "amount": f"{minor // 100}.{minor % 100:02}"}) for thing, minor in amounts.items()
    ]
    put(shop, f"{feed}/{name}.jsonl", "".join(line + "\n" for line in lines).encode())


def seen(store: psycopg.Connection[Any]) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, int]]:
    """All marts, and the loads that the last build was of, read in one transaction."""
    with store.transaction():
        store.execute("set transaction isolation level repeatable read")
        marts = {
            "by_thing": store.execute("select id, sold, bought, given from gold.by_thing order by id").fetchall(),
            "by_feed": store.execute("select feed, records, minor from gold.by_feed order by feed").fetchall(),
            "sold_all": store.execute("select minor, things from gold.sold_all").fetchall(),
        }
        ((manifest,),) = store.execute("""
            select manifest from tillage.loads join tillage.receipts using (load_seq)
            where kind = 'build' and stage = 'publish' order by load_seq desc limit 1
        """).fetchall()
    return marts, manifest["published"]


def wanted(shop: Shop, store: psycopg.Connection[Any], pinned: Mapping[str, int]) -> dict[str, list[tuple[Any, ...]]]:
    """The marts in plain Python, from the files of the loads that were pinned."""
    totals: dict[str, Counter[str]] = {feed: Counter() for feed in FEEDS}
    records: Counter[str] = Counter()
    files = store.execute("""
        select l.feed, s.path, l.load_seq from tillage.sources s join tillage.loads l using (load_seq)
        where l.state in ('open', 'sealed')
    """).fetchall()
    for feed, path, load in files:
        if load > pinned[feed]:
            continue
        for line in (shop.root / path).read_text().splitlines():
            record = json.loads(line)
            units, _, cents = record["amount"].partition(".")
            totals[feed][record["id"]] += int(units) * 100 + int(cents)
            records[feed] += 1
    things = sorted({thing for total in totals.values() for thing in total})
    return {
        "by_thing": [(thing, *(totals[feed][thing] for feed in FEEDS)) for thing in things],
        "by_feed": [(feed, records[feed], sum(totals[feed].values())) for feed in sorted(records)],
        "sold_all": [(sum(totals["sold"].values()) if totals["sold"] else None, len(totals["sold"]))],
    }


@pytest.mark.accept("5.4")
@pytest.mark.parametrize("seed", [1, 2])
def test_published_marts_are_of_one_set_of_loads_whatever_is_killed(trade: Shop, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    trade.run()  # an empty build, so that there is something to see from the start
    environment = os.environ | {"TILLAGE_STORE_DSN": trade.dsn, "TILLAGE_THREADS": "1"}
    sets = set()
    with psycopg.connect(trade.dsn, autocommit=True) as store:
        for number in range(4):
            for feed in FEEDS:
                things = {f"t{chance.randrange(9)}": chance.randrange(1000) for _ in range(chance.randrange(1, 6))}
                land(trade, feed, f"{number}", things)
            running = [_start(trade, feed, environment, chance) for feed in FEEDS]
            while any(one.poll() is None for one in running):
                marts, pinned = seen(store)
                assert marts == wanted(trade, store, pinned)
                sets.add(tuple(pinned.values()))
            assert {one.returncode for one in running} <= {0, 12, -signal.SIGKILL}
        trade.run()
        marts, pinned = seen(store)
        assert marts == wanted(trade, store, pinned)
        ((count_of_files,),) = store.execute("select count(distinct path) from tillage.sources").fetchall()
    assert count_of_files == 12
    assert sum(row[1] for row in marts["by_feed"]) == _lines(trade)
    assert len(sets) > 2


def _start(shop: Shop, feed: str, environment: Mapping[str, str], chance: random.Random) -> subprocess.Popen[bytes]:
    point = chance.choice(
        ["", "before:publish:1", "after:publish:1", "before:publish:2", "after:publish:2", "after:seal:2"]
    )
    line = [sys.executable, "-m", "tillage", "run", "--feed", feed]
    return subprocess.Popen(
        line, cwd=shop.root, env=dict(environment) | {"TILLAGE_CRASH": point}, stdout=subprocess.DEVNULL
    )


def _lines(shop: Shop) -> int:
    return sum(len(path.read_text().splitlines()) for path in shop.root.glob("landing/*/*.jsonl"))


def test_what_a_replay_lets_in_and_what_is_restored_is_in_the_tables_at_once(
    trade: Shop, server: str, tmp_path: Path
) -> None:
    land(trade, "sold", "a", {"t1": 700, "t2": 40})
    put(trade, "sold/b.jsonl", b'{"id": "t3", "amount": "x"}\n')
    trade.run()
    assert totals(trade) == [{"minor": 740, "things": 2}]
    rule = '[{"replace": "$.amount", "to": "9.00"}]'
    with trade.open() as house:
        built = replay(house, patch=patch_file("patch.yaml", rule), wait_s=1).built
    assert built is not None
    assert built.tables == ("by_feed", "by_thing", "sold_all")
    assert totals(trade) == [{"minor": 1640, "things": 3}]
    back_up(trade, tmp_path / "backup")
    other = emptied(trade, server)
    restore(other, tmp_path / "backup")
    assert totals(other) == [{"minor": 1640, "things": 3}]
    assert other.run().built is None
    with other.open() as house:
        assert audit(house).findings == ()
    with psycopg.connect(other.dsn, autocommit=True) as store:
        store.execute("delete from tables.by_thing where id = 't3'")
    with other.open() as house:
        (finding,) = audit(house).findings
    assert finding.what == "a table is not what its SQL makes of silver"
    assert "model by_thing" in finding.where
    assert finding.where.endswith("1 rows of 3 differ, first t3")


def totals(shop: Shop) -> list[dict[str, Any]]:
    with shop.open() as house:
        return query(house, "select minor::bigint as minor, things from gold.sold_all").to_pylist()


@pytest.mark.parametrize("crash", ["before:publish:1", "after:publish:1", "before:seal:1", "after:plan:1"])
def test_build_that_was_killed_is_made_again_or_was_published(trade: Shop, crash: str) -> None:
    land(trade, "sold", "a", {"t1": 700, "t2": 40})
    trade.run()
    shown = "select id, sold, bought, given from gold.by_thing order by id"
    with trade.open() as house:
        before = query(house, shown).to_pylist()
    (trade.root / "models/extra.sql").write_text("select distinct id from sold_seen")
    environment = os.environ | {"TILLAGE_STORE_DSN": trade.dsn, "TILLAGE_CRASH": crash}
    killed = subprocess.run([sys.executable, "-m", "tillage", "run"], cwd=trade.root, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    with trade.open() as house:
        assert query(house, shown).to_pylist() == before
        is_published = "extra" in house.tables.digests()
    assert is_published == (crash in {"after:publish:1", "before:seal:1"})
    report = trade.run()
    assert (report.built is None) == is_published
    with trade.open() as house:
        assert query(house, "from gold.extra order by 1").to_pylist() == [{"id": "t1"}, {"id": "t2"}]
        states = [load.state for load in house.ledger.loads() if load.kind == "build"]
    assert states == ["sealed", "sealed"] if is_published else ["sealed", "voided", "sealed"]


def test_table_that_is_rebuilt_right_after_its_fold_got_another_text_is_of_that(trade: Shop) -> None:
    with trade.open() as house:
        rebuild_model(house, "sold_all", wait_s=1)  # of a house in which nothing was ever loaded
    land(trade, "sold", "a", {"t1": 700, "t2": 40})
    trade.run()
    trade.edit("models/sold_by_thing.sql", "sum(amount_minor)", "sum(2 * amount_minor)")
    with trade.open() as house:
        rebuild_model(house, "sold_all", wait_s=1)
    trade.run()
    with trade.open() as house:
        assert query(house, "from gold.sold_all").to_pylist() == [{"minor": 1480, "things": 2}]


def test_nothing_is_built_when_nothing_is_new(trade: Shop) -> None:
    land(trade, "sold", "a", {"t1": 700})
    assert trade.run().built is not None
    assert trade.run().built is None
    put(trade, "bought/later.jsonl", b'{"id": "t1", "amount": "1.00"}\n')
    report = trade.run()
    assert report.built is not None
    assert report.built.tables == ("by_feed", "by_thing", "sold_all")
    assert report.built.views == ("big",)


def test_model_that_fails_on_a_row_leaves_the_last_build_and_the_loads(trade: Shop) -> None:
    land(trade, "sold", "a", {"t1": 700})
    trade.run()
    (trade.root / "models/odd.sql").write_text("select distinct length(id) * 9223372036854775807 as n from sold_seen")
    land(trade, "sold", "b", {"t2": 100})
    report = trade.run()
    assert isinstance(report.unbuilt, ModelError)
    assert str(report.unbuilt).startswith("models/odd.sql fails on a row that is loaded")
    assert "t1" not in str(report.unbuilt)
    with trade.open() as house:
        assert query(house, "select id from gold.by_thing").column("id").to_pylist() == ["t1"]
        assert query(house, "select sum(amount_minor) as s from silver.sold_seen").to_pylist() == [{"s": 800}]
    (trade.root / "models/odd.sql").unlink()
    trade.run()
    with trade.open() as house:
        assert query(house, "select id from gold.by_thing order by 1").column("id").to_pylist() == ["t1", "t2"]


def test_view_shows_the_fold_as_it_is_between_builds(trade: Shop) -> None:
    land(trade, "sold", "a", {"t1": 700, "t2": 30})
    trade.run()
    with trade.open() as house:
        assert query(house, "from gold.big").to_pylist() == [{"id": "t1", "minor": 700}]


def test_model_of_another_kind_takes_the_place_of_the_old_one(trade: Shop) -> None:
    land(trade, "sold", "a", {"t1": 700, "t2": 30})
    trade.run()
    model = trade.root / "models/sold_by_thing.sql"
    model.write_text("select id, sum(amount_minor) as minor from sold_seen group by id having sum(amount_minor) > 100")
    trade.run()
    with trade.open() as house:
        assert query(house, "from gold.sold_by_thing").to_pylist() == [{"id": "t1", "minor": 700}]
        assert "sold_by_thing" not in house.folds.digests()
    model.write_text(MODELS["sold_by_thing"])
    trade.run()
    with trade.open() as house:
        assert query(house, "select count(*) as n from gold.sold_by_thing").to_pylist() == [{"n": 2}]
        assert "sold_by_thing" in house.folds.digests()
        assert query(house, "from gold.big").to_pylist() == [{"id": "t1", "minor": 700}]


def test_model_whose_file_is_gone_is_gone_with_the_next_build(trade: Shop) -> None:
    trade.run()
    (trade.root / "models/by_thing.sql").unlink()
    report = trade.run()
    assert report.built is not None
    assert report.built.dropped == ("by_thing",)
    with trade.open() as house:
        assert "by_thing" not in house.folds.outputs()
    for name in MODELS:
        (trade.root / f"models/{name}.sql").unlink(missing_ok=True)
    trade.run()
    with trade.open() as house:
        assert house.folds.outputs() == {}
        assert trade.run().built is None


@pytest.fixture
def serving(trade: Shop) -> Shop:
    project = json.loads((trade.root / "tillage.yaml").read_text())
    project["serve"] = {
        "/thing/{id}": {"from": "by_thing", "fields": {"id": "id", "sold": "sold"}},
        "/big/{id}": {"from": "big", "fields": {"id": "id", "minor": "minor"}},
    }
    (trade.root / "tillage.yaml").write_text(json.dumps(project))
    land(trade, "sold", "a", {"t1": 700, "t2": 30})
    trade.run()
    return trade


def test_view_of_a_fold_is_explained_by_its_records_and_a_table_is_not(serving: Shop) -> None:
    with serving.open() as house:
        found = explain(house, "/big/t1")
        assert found.adds_up()
        assert [(part.file, part.line) for part in found.parts] == [("landing/sold/a.jsonl", 1)]
        with pytest.raises(Exception, match="is built whole from bought_seen, given_seen, sold_seen"):
            explain(house, "/thing/t1")


def test_table_with_two_rows_under_a_served_key_keeps_the_last_build(serving: Shop) -> None:
    model = serving.root / "models/by_thing.sql"
    model.write_text(
        "select id, amount_minor as sold from sold_seen union all select id, amount_minor from bought_seen"
    )
    put(serving, "bought/b.jsonl", b'{"id": "t1", "amount": "1.00"}\n')
    report = serving.run()
    assert "has several rows with one id" in str(report.unbuilt)
    with serving.open() as house:
        assert house.folds.row("by_thing", "id", "t1")["sold"] == 700


def test_build_that_another_process_makes_is_waited_for(trade: Shop) -> None:
    with trade.open() as house:
        with house.leases.hold("tables", wait_s=1, on_wait=trade.said.append):
            report = trade.run()
            assert report.unbuilt is not None
            assert report.unbuilt.exit_code == 12
        assert build_if_due(house, wait_s=1) is not None
