"""`tillage run --jobs`: feeds side by side, in the order that references ask for, to the same end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from tests.integration.peopled import ORDERS, contract, land, make_peopled, person, sale, silver, vault
from tests.integration.shops import Shop, make_database
from tests.integration.test_people import is_sound, tillage

_NUMBERS = count(1)


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    """Orders refer to customers, and requests come last; a fourth feed has nothing to do with the others."""
    feeds = {
        name: {"path": f"landing/{name}", "format": "jsonl"} for name in ("requests", "orders", "customers", "other")
    }
    database = make_database(server, f"side_by_side_{next(_NUMBERS)}")
    shop = make_peopled(tmp_path / "shop", database, project={"feeds": feeds})
    columns = [dict(one) for one in ORDERS]
    columns[1]["relationships"] = [{"to": "customers.customer_id"}]
    (shop.root / "contracts/orders.odcs.yaml").write_text(contract("orders", columns))
    key = {"name": "id", "logicalType": "string", "primaryKey": True}
    (shop.root / "contracts/other.odcs.yaml").write_text(contract("other", [key]))
    asks = {"name": "customer_id", "logicalType": "string", "required": True, "customProperties": [
        {"property": "tillage.subject", "value": "customer"}]}  # fmt: skip
    erases = [{"property": "tillage.erases", "value": "customer"}]
    (shop.root / "contracts/requests.odcs.yaml").write_text(contract("requests", [asks], customProperties=erases))
    for feed in ("requests", "other"):
        (shop.root / "landing" / feed).mkdir()
    land(shop, "customers/a.jsonl", *(person(str(number)) for number in range(50)))
    land(shop, "orders/a.jsonl", *(sale(str(number), str(number % 60)) for number in range(120)))
    land(shop, "other/a.jsonl", *({"id": str(number)} for number in range(500)))
    land(shop, "requests/a.jsonl", {"customer_id": "3"})
    return shop


def test_feeds_come_side_by_side_and_after_what_they_refer_to(shop: Shop) -> None:
    run = tillage(shop, "run", "--jobs", "3", "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    datasets = {name for load in report["loads"] for name in load["datasets"]}
    assert datasets == {"customers", "orders", "other", "requests"}
    sealed = vault(shop, "select kind, feed, planned_at, sealed_at from tillage.loads where state = 'sealed'")
    loads = [(feed, planned, ended) for kind, feed, planned, ended in sealed if kind == "read"]
    spans = {feed: (planned, ended) for feed, planned, ended in loads}
    assert len(loads) == 4  # each feed once, and nothing of it by the process that ends the run
    erased = [(feed, planned) for kind, feed, planned, _ in sealed if kind == "erase"]
    assert ({feed for feed, _ in erased}, len(sealed)) == ({"customers", "orders", "requests"}, 7)
    assert all(planned >= ended for _, planned in erased for _, ended in spans.values())
    assert spans["customers"][1] <= spans["orders"][0]
    assert all(spans["requests"][0] >= sealed for feed, (_, sealed) in spans.items() if feed != "requests")
    assert len(silver(shop, "orders")) == 100
    assert is_sound(shop)
    assert json.loads(tillage(shop, "run", "--jobs", "2", "--json").stdout)["loads"] == []


def test_chosen_feeds_alone(shop: Shop) -> None:
    assert tillage(shop, "run", "--jobs", "2", "--feed", "orders", "--feed", "other").returncode == 0
    assert {feed for (feed,) in vault(shop, "select feed from tillage.loads")} == {"orders", "other"}
    wrong = tillage(shop, "run", "--jobs", "2", "--feed", "none")
    assert (wrong.returncode, "has no feed 'none'" in wrong.stderr) == (10, True)


def test_what_one_feed_cannot_do_stops_no_other(shop: Shop) -> None:
    rule = {"id": "few", "metric": "rowCount", "mustBeLessThan": 2}
    columns = json.loads((shop.root / "contracts/other.odcs.yaml").read_text())["schema"][0]["properties"]
    (shop.root / "contracts/other.odcs.yaml").write_text(contract("other", columns, quality=[rule]))
    ended = tillage(shop, "run", "--jobs", "2")
    assert (ended.returncode, "rule 'few'" in ended.stderr) == (11, True)
    assert len(silver(shop, "orders")) == 100


def test_a_command_that_is_killed_is_said_and_finished_by_the_next(shop: Shop) -> None:
    ended = tillage(shop, "run", "--jobs", "2", TILLAGE_CRASH="after:bronze")
    assert ended.returncode not in {0, 1}
    assert tillage(shop, "run", "--jobs", "2").returncode == 0
    assert len(silver(shop, "orders")) == 100
    assert is_sound(shop)


def test_who_is_told_to_end_leaves_nobody_running(shop: Shop) -> None:
    land(shop, "other/b.jsonl", *({"id": f"b{number}"} for number in range(200_000)))
    command = [sys.executable, "-m", "tillage", "run", "--jobs", "2"]
    with subprocess.Popen(
        command, cwd=shop.root, env=os.environ | {"TILLAGE_STORE_DSN": shop.dsn}, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        is_made = "select from pg_tables where schemaname = 'tillage' and tablename = 'loads'"
        while not vault(shop, is_made) or not vault(shop, "select from tillage.loads where feed = 'other'"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    deadline = time.monotonic() + 20
    mine = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    while vault(shop, mine):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert tillage(shop, "run").returncode == 0
    assert len(silver(shop, "other")) == 200_500
