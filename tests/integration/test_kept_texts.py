"""A house with loads under a text that today's reader refuses is reconciled, audited and finished all the same."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.integration.shops import Shop, make_database
from tests.integration.small import make_small, put
from tillage.errors import ContractError
from tillage.pipelines.audit import audit
from tillage.pipelines.reconcile import reconcile
from tillage.wiring import compile_kept, load_project

CONTRACT = "contracts/till.odcs.yaml"
COLUMNS = [
    {"name": "id", "logicalType": "string", "primaryKey": True},
    {"name": "n", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
]
MODEL = "select n, count(*) as units from till_seen group by n"


@pytest.fixture
def old(server: str, tmp_path: Path) -> Shop:
    """One load sealed, one killed once bronze had it; both under a text whose `primaryKeyPosition` has no key."""
    dsn = make_database(server, f"kept_{tmp_path.name.replace('-', '_')}")
    shop = make_small(tmp_path / "old", dsn, feeds={"till": {}}, columns=COLUMNS, models={"per_n": MODEL})
    put(shop, "till/a.jsonl", b'{"id": "1", "n": 1}\n{"id": "2", "n": -1}\n')
    shop.run()
    put(shop, "till/b.jsonl", b'{"id": "3", "n": 1}\n{"id": "4", "n": 2}\n')
    settings = {"TILLAGE_STORE_DSN": dsn, "TILLAGE_CRASH": "after:bronze", "TILLAGE_THREADS": "1"}
    command = [sys.executable, "-m", "tillage", "run", "-C", str(shop.root)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    text = (shop.root / CONTRACT).read_text()
    was = text.replace('"name": "n",', '"name": "n", "primaryKeyPosition": 2,')
    assert was != text
    with psycopg.connect(dsn) as store:
        digest = hashlib.sha256(was.encode()).hexdigest()
        store.execute("insert into tillage.texts (digest, body) values (%s, %s)", (digest, was))
        store.execute("update tillage.loads set contract_digest = %s", (digest,))
    return shop


def text_of_loads(shop: Shop) -> str:
    with shop.open() as house:
        (digest,) = {load.contract_digest for load in house.ledger.loads()}
        return house.ledger.text(digest)


def test_the_text_of_its_loads_is_refused_where_a_person_writes_it(old: Shop) -> None:
    text = text_of_loads(old)
    (old.root / CONTRACT).write_text(text)
    with pytest.raises(ContractError, match=r"contracts/till\.odcs\.yaml, line \d+: `primaryKeyPosition` needs"):
        load_project(old.root)
    assert compile_kept("till", text).contract.dataset("till_seen").key == ("id",)


def test_an_open_load_is_finished_under_it(old: Shop) -> None:
    assert old.states() == ["sealed", "open"]
    report = old.run()
    assert list(report.loads) == report.resumed
    assert old.states() == ["sealed", "sealed"]
    put(old, "till/c.jsonl", b'{"id": "5", "n": 2}\n')
    assert len(old.run().loads) == 1  # what comes then is judged by the project's own text
    with old.open() as house:
        (found,) = reconcile(house)
        assert found.comparison.differ == 0
        assert audit(house).findings == ()
        assert {row["n"]: row["units"] for row in house.folds.state("per_n").to_pylist()} == {1: 2, 2: 2}


def test_what_waits_under_it_is_judged_anew_by_todays(old: Shop) -> None:
    old.run()
    old.edit(CONTRACT, '"minimum": 0', '"minimum": -5')
    settings = {"TILLAGE_STORE_DSN": old.dsn, "TILLAGE_THREADS": "1"}
    command = [sys.executable, "-m", "tillage", "quarantine", "replay", "-C", str(old.root)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    with old.open() as house:
        (found,) = reconcile(house)
        assert found.comparison.differ == 0
        assert {row["n"]: row["units"] for row in house.folds.state("per_n").to_pylist()} == {-1: 1, 1: 2, 2: 1}
