"""A backup holds the house as it was at one moment; restored, it is that house, proved, and goes on from there."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deltalake import DeltaTable

from tests.integration.shops import Shop, customer, make_database, make_shop, order
from tillage.errors import BackupError, LakeError, LawBrokenError, LeaseHeldError, TransientError
from tillage.lake.pinned import pinned_tables
from tillage.pipelines.backup import UPKEEP, Backup, backup
from tillage.pipelines.dump import dump
from tillage.pipelines.maintain import maintain
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.ports.backup import Manifest
from tillage.settings import read_settings
from tillage.wiring import backup_folder, restore_house

_NUMBERS = count(1)
pipeline = importlib.import_module("tillage.pipelines.backup")


@dataclass(frozen=True)
class Kept:
    """A house that is only read, and its backup, of which each test has a copy."""

    shop: Shop
    folder: Path
    manifest: Manifest


@pytest.fixture(scope="module")
def original(server: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("kept")
    shop = fill(make_shop(root / "shop", server, f"kept_{next(_NUMBERS)}"))
    return Kept(shop, root / "backup", back_up(shop, root / "backup").manifest)


@pytest.fixture
def kept(original: Kept, tmp_path: Path) -> Kept:
    shutil.copytree(original.folder, tmp_path / "backup")
    return replace(original, folder=tmp_path / "backup")


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    return fill(shop)


def fill(shop: Shop) -> Shop:
    """Two loads, with units that wait, that are seen again, and a load that was voided."""
    shop.land("a.jsonl", customer("c1", order("o1"), order("o2", 2.30), order("o3", "x")))
    shop.run()
    (shop.root / "landing/orders/torn.jsonl.gz").write_bytes(b"\x1f\x8b\x08torn")
    (shop.root / "landing/orders/b.jsonl").write_bytes(b'{"customerId": "c2\xff"}\n')
    shop.land("c.jsonl", customer("c2", order("o1", 9), order("o4")))
    shop.run()
    return shop


def settings_of(shop: Shop) -> Any:
    return read_settings({"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_THREADS": "2"})


def back_up(shop: Shop, folder: Path, *, wait_s: float = 0) -> Backup:
    with shop.open() as house:
        return backup(house, backup_folder(shop.root, folder, settings_of(shop)), wait_s=wait_s, version="0.1.0")


def restore(shop: Shop, folder: Path) -> None:
    restore_house(shop.root, folder, settings_of(shop), say=shop.said.append)


def emptied(shop: Shop, server: str, name: str = "empty") -> Shop:
    """A copy of the project without data, beside a new database."""
    root = shop.root.with_name(f"{name}_{next(_NUMBERS)}")
    shutil.copytree(shop.root, root, ignore=shutil.ignore_patterns("data"))
    return Shop(root, make_database(server, f"restored_{next(_NUMBERS)}"))


def dumped(shop: Shop) -> list[str]:
    with shop.open() as house:
        assert all(one.comparison.differ == 0 for one in reconcile(house))
        return list(dump(house, is_canonical=False))


def ledger(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    """Every table of the store but the states and who holds a lease."""
    queries = {
        name: f"select to_jsonb(t) from tillage.{name} t"
        for name in (
            "meta",
            "texts",
            "loads",
            "sources",
            "rejected",
            "broken_rules",
            "receipts",
            "counts",
            "quarantine",
            "statistics",
        )
    }
    with psycopg.connect(shop.dsn) as store:
        return {name: sorted(store.execute(query.encode()).fetchall(), key=str) for name, query in queries.items()}


def test_a_restored_house_is_the_one_that_was_backed_up(kept: Kept, server: str) -> None:
    assert {table.name: table.rows for table in kept.manifest.store}["loads"] == len(kept.shop.states())
    other = emptied(kept.shop, server)
    restore(other, kept.folder)
    assert dumped(other) == dumped(kept.shop)
    assert ledger(other) == ledger(kept.shop)
    assert other.spend() == kept.shop.spend()
    assert "voided" in other.states()


def test_a_restored_house_goes_on_where_the_backup_stood(loaded: Shop, server: str, tmp_path: Path) -> None:
    back_up(loaded, tmp_path / "backup")
    loaded.land("d.jsonl", customer("c3", order("o5")), customer("c1", order("o1")))
    loaded.run()
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert "c3" not in other.spend()
    report = other.run()
    assert [counts["customers"].read_rows for counts in report.loads.values()] == [2]
    assert [line for line in dumped(other) if '"kind":"counts"' in line] == [
        line for line in dumped(loaded) if '"kind":"counts"' in line
    ]
    assert other.spend() == loaded.spend()
    assert other.run().loads == {}


def test_a_new_load_of_a_restored_house_has_a_number_of_its_own(kept: Kept, server: str) -> None:
    other = emptied(kept.shop, server)
    restore(other, kept.folder)
    other.land("d.jsonl", customer("c3"))
    assert min(other.run().loads) == kept.manifest.last_number + 1


def test_an_empty_house_is_backed_up_and_restored(shop: Shop, server: str, tmp_path: Path) -> None:
    back_up(shop, tmp_path / "backup")
    other = emptied(shop, server)
    restore(other, tmp_path / "backup")
    other.land("a.jsonl", customer("c1", order("o1")))
    assert list(other.run().loads) == [1]


def test_an_open_load_is_restored_open_and_finished_by_the_next_run(shop: Shop, server: str, tmp_path: Path) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    for number, crash in enumerate(("after:plan", "after:bronze", "after:silver")):
        kill(shop, "run", crash=crash)
        back_up(shop, tmp_path / "backup")
        other = emptied(shop, server, f"open_{number}")
        restore(other, tmp_path / "backup")
        other.run()
        assert other.spend() == {"c1": (1, 100)}
        assert other.states()[-1] == "sealed"


def kill(shop: Shop, *words: str, crash: str) -> None:
    """A command that kills itself there."""
    ended = command(shop, *words, crash=crash)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def command(shop: Shop, *words: str, crash: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_THREADS": "1"}
    line = [sys.executable, "-m", "tillage", *words]
    return subprocess.run(line, cwd=shop.root, env=environment, capture_output=True, text=True, check=False)


def test_a_second_backup_copies_only_what_is_new(loaded: Shop, server: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    first = back_up(loaded, folder)
    loaded.land("d.jsonl", customer("c3", order("o5")))
    loaded.run()
    second = back_up(loaded, folder)
    data = [file.path for file in first.manifest.files() if file.path.endswith(".parquet")]
    assert second.kept_files == len(data) > 0
    other = emptied(loaded, server)
    restore(other, folder)
    assert dumped(other) == dumped(loaded)
    listed = {"manifest.json", "tillage-backup.json", *(file.path for file in second.manifest.files())}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == listed


def test_a_copy_shares_no_bytes_with_the_original(kept: Kept) -> None:
    inodes = {path.stat().st_ino for path in (kept.shop.root / "data").rglob("*") if path.is_file()}
    copies = [path for path in kept.folder.rglob("*") if path.is_file()]
    assert copies
    assert not [path for path in copies if path.stat().st_ino in inodes or path.stat().st_nlink != 1]


def test_a_harmed_copy_is_replaced_by_the_next_backup(loaded: Shop, server: str, tmp_path: Path) -> None:
    back_up(loaded, tmp_path / "backup")
    for harmed in (tmp_path / "backup/lake").rglob("part-*.parquet"):
        flip(harmed)
    back_up(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == dumped(loaded)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", ["loads.csv", ".json", ".parquet"])
def test_a_flipped_bit_in_any_file_is_found_by_restore(kept: Kept, server: str, suffix: str) -> None:
    flip(kept.folder / next(file.path for file in kept.manifest.files() if file.path.endswith(suffix)))
    other = emptied(kept.shop, server)
    with pytest.raises(BackupError, match="is not as it was written: the backup is damaged"):
        restore(other, kept.folder)
    with pytest.raises(BackupError, match="a restore into this project was interrupted: repeat it"):
        other.run()


@pytest.mark.parametrize("what", ["gone", "short"])
def test_a_missing_or_short_file_is_found_by_restore(kept: Kept, server: str, what: str) -> None:
    path = kept.folder / kept.manifest.files()[-1].path
    path.unlink() if what == "gone" else path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BackupError, match="is not as it was written"):
        restore(emptied(kept.shop, server), kept.folder)


@pytest.mark.parametrize(("path", "message"), [
    (("format",), r"manifest\.json has format 2, and this version of Tillage reads up to 1: use Tillage 0\.1\.0"),
    (("schema_version",), r"has store version \d+ and lake format \d+; this version of Tillage restores"),
    (("lake_format",), "has store version"),
    (("store", 3, "rows"), "rows; the manifest says"),
    (("lake", 0, "version"), "the lake's tables are not those of the manifest"),
])  # fmt: skip
def test_a_backup_of_another_version_is_refused(kept: Kept, server: str, path: tuple[Any, ...], message: str) -> None:
    edit(kept.folder, path, lambda value: value + 1)
    with pytest.raises(BackupError, match=message):
        restore(emptied(kept.shop, server), kept.folder)


def edit(folder: Path, path: tuple[Any, ...], change: Callable[[Any], Any]) -> None:
    """Changes one value of the manifest."""
    manifest = place = json.loads((folder / "manifest.json").read_text())
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = change(place[path[-1]])
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "{" * 100_000])
def test_a_damaged_manifest_is_refused(kept: Kept, server: str, text: str) -> None:
    (kept.folder / "manifest.json").write_text(text)
    with pytest.raises(BackupError, match=r"manifest\.json is not as it was written"):
        restore(emptied(kept.shop, server), kept.folder)


@pytest.mark.parametrize("path", ["../out", "lake/../../out", "/out", "lake//out", "."])
def test_a_manifest_never_leads_out_of_its_folder(kept: Kept, server: str, path: str) -> None:
    edit(kept.folder, ("lake", 0, "files", 0, "path"), lambda _: path)
    with pytest.raises(BackupError, match="is not as it was written"):
        restore(emptied(kept.shop, server), kept.folder)


def test_a_folder_without_a_manifest_is_no_backup(loaded: Shop, server: str, tmp_path: Path) -> None:
    kill(loaded, "backup", str(tmp_path / "backup"), crash="before:backup")
    with pytest.raises(BackupError, match=r"holds no whole backup: manifest\.json is missing"):
        restore(emptied(loaded, server), tmp_path / "backup")
    back_up(loaded, tmp_path / "backup")
    restore(emptied(loaded, server), tmp_path / "backup")


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_backup_killed_at_its_end_is_the_old_one_or_the_new_one(
    loaded: Shop, server: str, tmp_path: Path, side: str
) -> None:
    back_up(loaded, tmp_path / "backup")
    old = dumped(loaded)
    loaded.land("d.jsonl", customer("c3", order("o5")))
    loaded.run()
    kill(loaded, "backup", str(tmp_path / "backup"), crash=f"{side}:backup")
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == (old if side == "before" else dumped(loaded))
    back_up(loaded, tmp_path / "backup")


@pytest.mark.parametrize("crash", ["before:setup", "after:setup", "before:house", "after:house", "before:restore",
                                   "after:restore", "before:models", "after:models"])  # fmt: skip
def test_a_restore_killed_anywhere_is_refused_by_run_until_it_is_repeated(kept: Kept, server: str, crash: str) -> None:
    other = emptied(kept.shop, server)
    kill(other, "restore", str(kept.folder), crash=crash)
    if (other.root / "data/restoring.json").exists():
        with pytest.raises(BackupError, match="a restore into this project was interrupted: repeat it"):
            other.run()
        ended = command(other, "restore", str(kept.folder))
        assert (ended.returncode, ended.stderr[-200:].count("error")) == (0, 0), ended.stderr
    elif not (other.root / "data/lake").exists():
        restore(other, kept.folder)  # nothing was done
    other.run()
    assert dumped(other) == dumped(kept.shop)


def test_another_backup_is_not_mixed_with_an_interrupted_restore(loaded: Shop, server: str, tmp_path: Path) -> None:
    back_up(loaded, tmp_path / "one")
    back_up(loaded, tmp_path / "two")
    other = emptied(loaded, server)
    kill(other, "restore", str(tmp_path / "one"), crash="before:restore")
    with pytest.raises(BackupError, match="a restore of another backup was interrupted here"):
        restore(other, tmp_path / "two")


def test_nothing_is_restored_over_loads(loaded: Shop, server: str, tmp_path: Path) -> None:
    back_up(loaded, tmp_path / "backup")
    before = dumped(loaded)
    with pytest.raises(BackupError, match="the store holds the loads of this backup already"):
        restore(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    other.run()
    with pytest.raises(BackupError, match="the store has loads: a backup is restored into an empty one only"):
        restore(other, tmp_path / "backup")
    other.dsn = make_database(server, f"empty_{next(_NUMBERS)}")
    with pytest.raises(BackupError, match=r"data/lake/\w+/\w+ is in the way"):
        restore(other, tmp_path / "backup")
    assert dumped(loaded) == before


def test_a_project_that_was_only_looked_at_is_empty(kept: Kept, server: str) -> None:
    other = emptied(kept.shop, server)
    with other.open() as house:
        assert status(house).sealed_loads == 0
    restore(other, kept.folder)
    assert dumped(other) == dumped(kept.shop)


def test_a_backup_of_another_project_is_neither_restored_nor_replaced(
    loaded: Shop, server: str, tmp_path: Path
) -> None:
    back_up(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    other.edit("tillage.yaml", "food-orders", "drinks")
    with pytest.raises(BackupError, match=r"the backup is of project 'food-orders', and tillage\.yaml is of 'drinks'"):
        restore(other, tmp_path / "backup")
    with pytest.raises(
        BackupError, match="holds a backup of another project or environment, food-orders; give a new folder"
    ):
        back_up(other, tmp_path / "backup")


def test_a_house_that_took_another_course_is_not_backed_up_over_the_first(
    loaded: Shop, server: str, tmp_path: Path
) -> None:
    back_up(loaded, tmp_path / "early")
    loaded.land("d.jsonl", customer("c3", order("o5")))
    loaded.run()
    back_up(loaded, tmp_path / "late")
    other = emptied(loaded, server)
    restore(other, tmp_path / "early")
    other.land("e.jsonl", customer("c4"))
    other.run()
    with pytest.raises(BackupError, match="is of another course of this project"):
        back_up(other, tmp_path / "late")
    third = emptied(loaded, server)
    restore(third, tmp_path / "late")
    assert dumped(third) == dumped(loaded)


def test_an_earlier_state_may_be_backed_up_over_a_later_one(loaded: Shop, server: str, tmp_path: Path) -> None:
    back_up(loaded, tmp_path / "early")
    other = emptied(loaded, server)
    loaded.land("d.jsonl", customer("c3", order("o5")))
    loaded.run()
    back_up(loaded, tmp_path / "late")
    restore(other, tmp_path / "early")
    back_up(other, tmp_path / "late")
    third = emptied(loaded, server)
    restore(third, tmp_path / "late")
    assert dumped(third) == dumped(other)


def test_a_folder_with_other_things_is_left_alone(loaded: Shop, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(BackupError, match=r"holds other things, such as letter\.txt; give a new or empty folder"):
        back_up(loaded, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_folder_that_would_be_lost_with_the_original_is_refused(loaded: Shop) -> None:
    with pytest.raises(BackupError, match="lies in data/, and would be lost with it"):
        back_up(loaded, loaded.root / "data/backup")
    with pytest.raises(LakeError, match="no Delta table can be kept below a folder with"):
        back_up(loaded, loaded.root / "a[b")


def test_loads_that_are_published_during_the_copy_are_not_in_it(
    loaded: Shop, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as all is pinned a run takes a load through every stage, though the copy has not begun."""
    before = dumped(loaded)

    def run_first(*arguments: Any) -> Any:
        loaded.land("d.jsonl", customer("c3", order("o5")), customer("c1", order("o9", "y")))
        assert len(loaded.run().loads) == 1
        return whole(*arguments)

    whole = pipeline._copy_store
    monkeypatch.setattr(pipeline, "_copy_store", run_first)
    back_up(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == before
    assert dumped(loaded) != before


def test_a_backup_is_made_between_loads_and_never_while_files_are_removed(loaded: Shop, tmp_path: Path) -> None:
    for lease in ("feed/orders", UPKEEP):
        with ExitStack() as stack:
            house = stack.enter_context(loaded.open())
            stack.enter_context(house.leases.hold(lease, wait_s=0, on_wait=print))
            with pytest.raises(LeaseHeldError, match=f"{lease} is being worked on by"):
                back_up(loaded, tmp_path / "backup")
    assert back_up(loaded, tmp_path / "backup").manifest.lake


def test_tables_that_are_maintained_during_the_copy_do_not_harm_it(
    loaded: Shop, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dumped(loaded)

    def maintain_first(*arguments: Any) -> Any:
        with loaded.open() as house:
            assert [done.deleted_files for done in maintain(house, wait_s=0, keep_h=0)] == [0]
        return whole(*arguments)

    whole = pipeline._copy_lake
    monkeypatch.setattr(pipeline, "_copy_lake", maintain_first)
    back_up(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == before


def test_a_maintained_house_is_backed_up_and_restored(loaded: Shop, server: str, tmp_path: Path) -> None:
    before = back_up(loaded, tmp_path / "backup").manifest
    with loaded.open() as house:
        maintain(house, wait_s=0, keep_h=0)
    made = back_up(loaded, tmp_path / "backup")
    assert len(made.manifest.files()) != len(before.files())
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == dumped(loaded)
    with other.open() as house:
        maintain(house, wait_s=0, keep_h=0)
    other.land("d.jsonl", customer("c3", order("o5")))
    assert len(other.run().loads) == 1


def test_a_load_that_ends_in_time_is_waited_for(loaded: Shop, tmp_path: Path) -> None:
    taken, done = threading.Event(), threading.Event()

    def work() -> None:
        with loaded.open() as house, house.leases.hold("feed/orders", wait_s=0, on_wait=print):
            taken.set()
            done.wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    taken.wait(30)
    with loaded.open() as house:
        told: Callable[[str], None] = lambda _: done.set()  # noqa: E731
        object.__setattr__(house, "say", told)
        folder = backup_folder(loaded.root, tmp_path / "backup", settings_of(loaded))
        assert backup(house, folder, wait_s=30, version="0.1.0").manifest.lake
    worker.join()


def test_a_file_that_is_removed_before_it_was_copied_ends_the_backup_without_a_manifest(
    loaded: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_one(*arguments: Any) -> Any:
        next(iter((loaded.root / "data/lake/silver/orders").glob("*.parquet"))).unlink()
        return whole(*arguments)

    whole = pipeline._copy_store
    monkeypatch.setattr(pipeline, "_copy_store", lose_one)
    with pytest.raises(TransientError, match=r"silver/orders/.*\.parquet was removed or changed while it was copied"):
        back_up(loaded, tmp_path / "backup")
    assert not (tmp_path / "backup/manifest.json").exists()
    monkeypatch.undo()
    with pytest.raises(LakeError, match="table silver/orders lacks a file of its own"):
        back_up(loaded, tmp_path / "backup")


def test_a_table_is_copied_from_its_checkpoint_when_older_commits_are_gone(
    loaded: Shop, server: str, tmp_path: Path
) -> None:
    table = loaded.root / "data/lake/bronze/orders"
    DeltaTable(table).create_checkpoint()
    version = DeltaTable(table).version()
    for old in sorted((table / "_delta_log").glob("*.json"))[:version]:
        old.unlink()
    loaded.land("d.jsonl", customer("c3", order("o5")))
    loaded.run()
    assert [file for pinned in pinned_tables(loaded.root / "data/lake", ["bronze/orders"]) for file in pinned.files]
    back_up(loaded, tmp_path / "backup")
    other = emptied(loaded, server)
    restore(other, tmp_path / "backup")
    assert dumped(other) == dumped(loaded)
    other.land("e.jsonl", customer("c5", order("o7")))
    assert len(other.run().loads) == 1


def test_a_restored_house_that_is_not_as_it_should_be_is_said_to_be_so(
    kept: Kept, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = emptied(kept.shop, server)
    monkeypatch.setattr("tillage.wiring.proved", lambda _: ["one cent"])
    with pytest.raises(LawBrokenError, match="restored as it was backed up, byte for byte, and is not as it should be"):
        restore(other, kept.folder)
    monkeypatch.undo()
    assert dumped(other) == dumped(kept.shop)


def test_leases_keep_their_epochs_and_lose_their_holders(kept: Kept, server: str) -> None:
    with psycopg.connect(kept.shop.dsn) as store:
        epochs = dict(store.execute("select resource, epoch from tillage.leases").fetchall())
    other = emptied(kept.shop, server)
    restore(other, kept.folder)
    with psycopg.connect(other.dsn) as store:
        found = store.execute("select resource, epoch from tillage.leases where holder is null").fetchall()
    assert dict(found) == epochs
    assert epochs.keys() == {"feed/orders", UPKEEP}


def test_the_commands_say_what_they_did(loaded: Shop, server: str, tmp_path: Path) -> None:
    made = command(loaded, "backup", str(tmp_path / "backup"), "--json")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert said["kept_files"] == 0
    assert said["files"] > 0
    again = command(loaded, "backup", str(tmp_path / "backup"))
    assert "files were there; up to number" in again.stdout
    other = emptied(loaded, server)
    restored = command(other, "restore", str(tmp_path / "backup"), "--json")
    assert json.loads(restored.stdout)["last_number"] == said["last_number"]
    refused = command(other, "restore", str(tmp_path / "nothing"), "--json")
    assert (refused.returncode, json.loads(refused.stderr.splitlines()[-1])["error"]) == (10, "backup")
