"""`tillage status --check` as cron runs it: 0 for a house that is well, 11 and one line for each thing that is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.integration.shops import Shop, customer, order
from tests.integration.test_freshness import promise, sold
from tillage.pipelines.run import run


def check(shop: Shop, *words: str) -> tuple[int, str, list[str]]:
    """Exit code, what was printed, and the lines of the complaint."""
    done = subprocess.run(
        [sys.executable, "-m", "tillage", "status", "--check", *words],
        cwd=shop.root,
        env=os.environ | {"TILLAGE_STORE_DSN": shop.dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


def ago(**length: float) -> datetime:
    return datetime.now(tz=UTC).replace(microsecond=0) - timedelta(**length)


def set_back(shop: Shop, hours: int) -> None:
    """As if all loads were planned so long ago."""
    with psycopg.connect(shop.dsn) as connection:
        connection.execute("update tillage.loads set planned_at = planned_at - make_interval(hours => %s)", [hours])


@pytest.fixture
def fresh(shop: Shop) -> Shop:
    """All is in, and sold an hour ago."""
    promise(shop)
    shop.land("1.jsonl", customer("c1", sold("1", ago(hours=1))))
    shop.run()
    return shop


def test_house_that_is_well_is_0_and_says_so_in_words_and_in_json(fresh: Shop) -> None:
    code, printed, complaint = check(fresh)
    assert (code, complaint) == (0, [])
    assert "in, on time" in printed
    assert "each 25 h" in printed
    assert "fresh" in printed
    assert "the law balances" in printed
    code, printed, complaint = check(fresh, "--json")
    document = json.loads(printed)
    assert (code, complaint, document["findings"]) == (0, [], [])
    assert [one["is_late"] for one in document["freshness"] + document["feeds"]] == [False, False]


def test_each_thing_that_is_amiss_is_a_line_with_since_when_and_the_next_command(fresh: Shop) -> None:
    set_back(fresh, 26)
    (fresh.root / "landing/orders/2.jsonl.gz").write_bytes(b"\x1f\x8b torn")
    with fresh.open() as house:
        run(house, wait_s=1)
    fresh.land("3.jsonl", customer("c2", sold("2", ago(hours=1))))
    code, _, complaint = check(fresh)
    assert code == 11
    late, refused, new = complaint
    assert late.startswith("error: feed orders: late: nothing came since ")
    assert ", and files come each 25 h (since " in late
    assert late.endswith("Z); next: tillage run --feed orders")
    assert refused == "feed orders: 1 file refused; next: tillage run --feed orders"
    assert new == "feed orders: 1 file not loaded yet; next: tillage run --feed orders"


def test_old_events_are_said_although_files_came(shop: Shop) -> None:
    promise(shop)
    shop.land("1.jsonl", customer("c1", sold("1", ago(hours=5))))
    shop.run()
    code, printed, (line,) = check(shop, "--json")
    problem = json.loads(line)
    assert (code, problem["exit_code"], problem["error"]) == (11, 11, "not-well")
    assert problem["message"].startswith("dataset orders: late: the newest event is of ")
    (finding,) = json.loads(printed)["findings"]
    assert (finding["about"], finding["name"], finding["next"]) == ("dataset", "orders", "tillage run --feed orders")
    assert finding["since"] == json.loads(printed)["freshness"][0]["due_at"]


def test_failed_load_is_said_with_the_command_that_shows_it(fresh: Shop) -> None:
    fresh.edit("tillage.yaml", "format: jsonl}", "format: jsonl, maxQuarantine: 0}")
    fresh.land("2.jsonl", customer("c2", order("2", "much")))
    fresh.run()
    code, _, complaint = check(fresh)
    assert code == 11
    assert complaint[0].startswith("error: feed orders: stopped by load 2 (since ")
    assert complaint[0].endswith("; next: tillage load show 2")


def test_open_load_is_said(fresh: Shop) -> None:
    fresh.land("2.jsonl", customer("c2", sold("2", ago(hours=1))))
    crashing = os.environ | {"TILLAGE_STORE_DSN": fresh.dsn, "TILLAGE_CRASH": "after:bronze"}
    subprocess.run([sys.executable, "-m", "tillage", "run"], cwd=fresh.root, env=crashing, check=False)
    code, _, (line,) = check(fresh)
    assert code == 11
    assert line.startswith("error: load 2: not finished (since ")
    assert line.endswith("; next: tillage run")


def test_unbalanced_house_is_said(fresh: Shop) -> None:
    with psycopg.connect(fresh.dsn) as connection:
        connection.execute("update tillage.counts set accepted_rows = accepted_rows + 1 where dataset = 'orders'")
    code, printed, (line,) = check(fresh)
    assert code == 11
    assert "THE LAW DOES NOT BALANCE" in printed
    assert line == "error: law orders: does not balance; next: tillage audit"


def test_door_that_is_gone_is_said(fresh: Shop) -> None:
    (fresh.root / "landing").rename(fresh.root / "elsewhere")
    code, _, (line,) = check(fresh)
    assert (code, line) == (11, "error: feed orders: its door cannot be looked at; next: tillage doctor")


def test_empty_house_has_nothing_yet_and_is_not_made_by_a_check(shop: Shop) -> None:
    promise(shop)
    code, _, (line,) = check(shop)
    assert (code, line.endswith("make it: tillage run")) == (10, True)
    shop.run()
    code, _, complaint = check(shop)
    assert code == 11
    assert complaint == [
        "error: feed orders: nothing came yet; next: tillage run --feed orders",
        "dataset orders: no event yet; next: tillage run --feed orders",
    ]


def test_check_takes_no_lease_and_writes_nothing(fresh: Shop) -> None:
    with psycopg.connect(fresh.dsn) as connection:
        connection.execute("update tillage.leases set expires_at = now() + interval '1 hour'")
    before = contents(fresh)
    assert check(fresh)[0] == 0
    assert contents(fresh) == before


def contents(shop: Shop) -> tuple[object, ...]:
    lake = [(path, path.stat().st_mtime_ns) for path in sorted((shop.root / "data/lake").rglob("*"))]
    with psycopg.connect(shop.dsn) as connection:
        rows = [
            connection.execute(f"select xmin::text, * from tillage.{table} order by 1, 2, 3").fetchall()
            for table in ("leases", "loads", "counts")
        ]
    return (lake, *rows)
