"""What folders say of a load's files is kept with the load: a later `path` changes nothing that was decided."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.landing import Landing
from tests.integration.shops import CONTRACT, Shop, customer, order
from tillage.pipelines.reconcile import reconcile

NORTH = {"north": (1, 100)}


@pytest.fixture
def branches(shop: Shop) -> Shop:
    """Customers are called by the folder that their orders lie in."""
    shop.edit(CONTRACT, "physicalName: customerId #", "physicalName: branch #")
    shop.edit(CONTRACT, "physicalName: $.customerId #", "physicalName: $.branch #")
    (shop.root / "landing/orders/branch=north").mkdir()
    shop.land("branch=north/a.jsonl", customer("ignored", order("o1")))
    return shop


def take_the_folder_into_the_path(shop: Shop) -> None:
    """From now on the folder `branch=north` says nothing, since it lies above the files and not below `path`."""
    shop.edit("tillage.yaml", "path: landing/orders", "path: landing/orders/branch=north")


def killed(shop: Shop, *, at: str) -> None:
    command = [sys.executable, "-m", "tillage", "run", "-C", str(shop.root)]
    settings = {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": at, "TILLAGE_THREADS": "1"}
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_each_source_keeps_what_its_folders_say(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "shop")
    landing.land("a.jsonl")
    landing.land("day=1/k%00=%22%5C\n/b.jsonl")
    (landing.folder / "day=2").mkdir()
    landing.zip("day=2/c.zip", {"inner=3/d.jsonl": b"{}\n"})
    said = {source.path.removeprefix("landing/shop/"): source.members for source in landing.look().sources}
    assert said == {
        "a.jsonl": "",
        "day=1/k%00=%22%5C\n/b.jsonl": '{"day": "1", "k\\u0000": "\\"\\\\\\n"}',
        "day=2/c.zip/inner=3/d.jsonl": '{"day": "2", "inner": "3"}',
    }


def test_members_are_kept_by_the_store_as_they_were_said(branches: Shop) -> None:
    odd = "k%00=%22%5C\n,'/é"
    (branches.root / "landing/orders" / odd).mkdir(parents=True)
    branches.land(f"{odd}/b.jsonl", customer("c", order("o2")))
    branches.run()
    with branches.open() as house:
        (load,) = house.ledger.loads()
        assert house.folders(load) == {
            (load.load_seq, 0): {"branch": "north"},
            (load.load_seq, 1): {"k\0": "\"\\\n,'"},
        }


def test_reconcile_reads_a_load_with_the_folders_that_it_was_decided_by(branches: Shop) -> None:
    branches.run()
    assert branches.spend() == NORTH
    take_the_folder_into_the_path(branches)
    with branches.open() as house:
        (found,) = reconcile(house)
    assert found.comparison.differ == 0


def test_a_load_is_resumed_with_the_folders_that_it_was_decided_by(branches: Shop) -> None:
    killed(branches, at="after:bronze")
    take_the_folder_into_the_path(branches)
    report = branches.run()
    assert len(report.resumed) == 1
    assert branches.spend() == NORTH


def test_a_load_is_resumed_whatever_the_project_file_says_of_its_format_by_then(branches: Shop) -> None:
    killed(branches, at="after:bronze")
    branches.edit("tillage.yaml", "format: jsonl", 'format: csv, csv: {delimiter: ";", encoding: latin-1}')
    report = branches.run()
    assert len(report.resumed) == 1
    assert branches.spend() == NORTH


def test_files_of_a_load_without_a_receipt_are_read_by_the_project_file_of_the_day(branches: Shop) -> None:
    killed(branches, at="before:bronze")
    take_the_folder_into_the_path(branches)
    report = branches.run()
    assert len(report.voided) == 1
    assert branches.spend() == {}
