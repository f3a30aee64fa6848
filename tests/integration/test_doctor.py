"""`tillage doctor` names everything that is wrong at once, with what mends it, and changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.commands import new_project, tillage, tillage_json
from tillage.cli.doctor import Finding, Level, examine
from tillage.cli.doctor.installation import examine_package, satisfies
from tillage.domain.load import SourceFile
from tillage.settings import read_settings
from tillage.wiring import open_house

_LEVELS = ("ok", "note", "wrong")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shop = new_project(tmp_path / "shop")
    (shop / "landing" / "orders").mkdir(parents=True, exist_ok=True)
    return shop


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store and tables are made."""
    shop = new_project(tmp_path_factory.mktemp("doctor") / "shop")
    (shop / "landing" / "orders").mkdir(parents=True, exist_ok=True)
    tillage(shop, "run")
    return shop


def _found(shop: Path, level: Level) -> list[Finding]:
    return [finding for finding in examine(shop) if finding.level is level]


def _texts(found: list[Finding]) -> str:
    return "\n".join(f"{finding.area}: {finding.text} -> {finding.mend}" for finding in found)


def test_fresh_project_is_well_and_looking_makes_nothing(shop: Path) -> None:
    before = sorted(shop.rglob("*"))
    assert _found(shop, Level.WRONG) == []
    assert "there is none yet; the first run makes it -> tillage run" in _texts(_found(shop, Level.NOTE))
    assert sorted(shop.rglob("*")) == before


def test_every_error_of_every_model_is_told(shop: Path) -> None:
    models = {
        "a": "select customer_id, 1 from orders",
        "b": "select customer_id, sum(1) as n from orders where random() < 1 group by 1",
        "c": "select customer_id, sum(nope) as n from orders group by 1",
        "d": "select customer_id, sum(length(order_id) / 3) as n from orders group by 1",
        "e": "select customer_id, sum(order_id * 2) as n from orders group by 1",
        "f": "select upper(customer_id) as c, sum(1) as n from orders group by 1",
    }
    for name, sql in models.items():
        (shop / "models" / f"{name}.sql").write_text(sql)
    wrong = _found(shop, Level.WRONG)
    mends = sorted(finding.mend for finding in wrong)
    assert mends == [f"edit models/{name}.sql, then: tillage doctor" for name in models]
    silent = "models/f.sql, line 1: 'upper' silently differs on Spark"
    for told in ("column 2 needs a name", "'random' cannot be used", "unknown column 'nope'", "is a float", silent):
        assert told in _texts(wrong)


def test_wrong_contract_and_project_file_are_told_with_their_lines(shop: Path) -> None:
    contract = shop / "contracts" / "orders.odcs.yaml"
    contract.write_text(contract.read_text().replace("logicalType: string", "logicalType: strin", 1))
    assert "orders.odcs.yaml, line " in _texts(_found(shop, Level.WRONG))
    assert "models are looked at when the contracts are right" in _texts(_found(shop, Level.NOTE))
    (shop / "tillage.yaml").write_text("feeds: [\n")
    assert "tillage.yaml, line " in _texts(_found(shop, Level.WRONG))


def test_missing_landing_folder_and_files_that_nobody_reads_are_told(shop: Path) -> None:
    (shop / "landing" / "orders" / "letter.pdf").write_text("x")
    (shop / "landing" / "returns").mkdir()
    notes = _texts(_found(shop, Level.NOTE))
    assert "landing/orders/letter.pdf is left alone: its suffix is none of jsonl" in notes
    assert "no feed reads landing/returns" in notes
    for path in (shop / "landing" / "orders").iterdir():
        path.unlink()
    (shop / "landing" / "orders").rmdir()
    assert "landing/orders does not exist" in _texts(_found(shop, Level.WRONG))
    assert "-> mkdir -p landing/orders" in _texts(_found(shop, Level.WRONG))


def test_path_in_which_no_table_can_lie_is_told(tmp_path: Path) -> None:
    shop = new_project(tmp_path / "shop")
    shop = shop.rename(tmp_path / "sh[op")
    assert "move the project to a path without" in _texts(_found(shop, Level.WRONG))


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("nonsense", "TILLAGE_STORE_DSN is no libpq connection string"),
        ("host=127.0.0.1 port=1 dbname=x", "the store does not answer"),
    ],
)
def test_store_that_cannot_be_reached_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch, dsn: str, says: str) -> None:
    monkeypatch.setenv("TILLAGE_STORE_DSN", dsn)
    assert says in _texts(_found(shop, Level.WRONG))


def test_store_loads_and_tables_are_looked_at(running: Path) -> None:
    found = list(examine(running))
    assert "embedded: PostgreSQL 18" in _texts(found)
    assert "tables looked at" in _texts(found)
    assert [finding for finding in found if finding.level is Level.WRONG] == []


def test_lake_without_its_store_is_told(shop: Path) -> None:
    (shop / "data" / "lake" / "bronze" / "orders" / "_delta_log").mkdir(parents=True)
    assert "data/lake is full: the store of these loads is gone" in _texts(_found(shop, Level.WRONG))


def test_open_load_is_told(running: Path) -> None:
    settings = read_settings({})
    with open_house(running, settings, say=lambda _: None) as house:
        contract = house.feeds["orders"]
        with house.leases.hold("feed/orders", wait_s=5, on_wait=lambda _: None) as lease:
            source = SourceFile(0, "landing/orders/gone.jsonl", 1, "0" * 64, "signature")
            house.ledger.plan("orders", contract.check.contract.digest, contract.text, [source], lease)
    assert "of feed orders is open: it is being run, or its run was killed -> tillage run" in _texts(
        _found(running, Level.NOTE)
    )


def test_server_whose_command_was_killed_is_told_and_taken_over(running: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tillage.stores.embedded import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    store = running / "data" / "store"
    killed = subprocess.run([sys.executable, "-c", code, str(store)], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    told = "an embedded PostgreSQL runs whose command was killed"
    assert told in _texts(_found(running, Level.NOTE))
    assert told not in _texts(_found(running, Level.NOTE))


def test_lake_table_of_another_protocol_is_told(running: Path) -> None:
    log = running / "data" / "lake" / "silver" / "customers" / "_delta_log" / "00000000000000000000.json"
    text = log.read_text()
    try:
        log.write_text(text.replace('"minWriterVersion":2', '"minWriterVersion":3'))
        assert log.read_text() != text
        assert "reads and writes 1/2 only: another tool has changed it" in _texts(_found(running, Level.WRONG))
    finally:
        log.write_text(text)


def test_command_exits_with_10_if_anything_is_wrong_and_with_0_else(shop: Path) -> None:
    assert tillage(shop, "doctor").endswith("nothing is wrong\n")
    assert {finding["level"] for finding in tillage_json(shop, "doctor")} <= set(_LEVELS)
    (shop / "models" / "bad.sql").write_text("select")
    found = tillage_json(shop, "doctor", expect=10)
    assert [finding["mend"] for finding in found if finding["level"] == "wrong"] == [
        "edit models/bad.sql, then: tillage doctor"
    ]
    assert "1 wrong" in tillage(shop, "doctor", expect=10)


def test_folder_without_a_project_is_told(tmp_path: Path) -> None:
    found = json.loads(tillage(tmp_path, "doctor", "--json", expect=10))
    assert "no tillage.yaml in" in found[-1]["text"]


def test_packages_are_compared_with_their_bounds() -> None:
    assert examine_package("rich>=15.0.0") is None
    for line, told in (("no-such-package>=1", "is missing"), ("rich>=9999", "tillage needs >=9999")):
        found = examine_package(line)
        assert found is not None
        assert told in found.text
        assert found.mend == f"python -m pip install --upgrade '{line}'"
    assert satisfies("3.11.7", ">=3.11,<3.15")
    assert not satisfies("3.15.0rc1", ">=3.11,<3.15")
    assert not satisfies("3.9", ">=3.11")
    assert satisfies("2.0", ">=2.0.0")
