"""Facts about delta-rs that maintaining rests on: when one lapses, its decision must be read again.

Nothing of the product is used here.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

APP = "orders/bronze"
SCHEMA = pa.schema([("number", pa.int64())])
EMPTY = SCHEMA.empty_table()
_DAY_S = 86_400


def properties(version: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(APP, version)], max_commit_retries=0)


def commit(table: DeltaTable, version: int, *, is_empty: bool = False) -> None:
    rows = EMPTY if is_empty else pa.table({"number": [version]}, schema=SCHEMA)
    write_deltalake(table, rows, mode="append", commit_properties=properties(version))


def fence(table: DeltaTable, version: int) -> None:
    changed = {"tillage.fence": str(version), "delta.logRetentionDuration": "interval 7 days"}
    table.alter.set_table_properties(changed, raise_if_not_exists=False, commit_properties=properties(version))


def rows(folder: Path) -> list[int]:
    files = DeltaTable(folder).file_uris()
    return [row[0] for row in duckdb.execute("select number from read_parquet($1) order by 1", [files]).fetchall()]


def date_back(folder: Path, days: int) -> None:
    then = time.time() - days * _DAY_S
    for path in (folder / "_delta_log").iterdir():
        os.utime(path, (then, then))


def log_names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "_delta_log").iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table with rows 1 to 5, each in a file of its own."""
    folder = tmp_path / "table"
    DeltaTable.create(folder, schema=SCHEMA)
    for version in range(1, 6):
        commit(DeltaTable(folder), version)
    return folder


def test_compaction_from_an_old_snapshot_passes_an_empty_commit(folder: Path) -> None:
    stale = DeltaTable(folder)
    commit(DeltaTable(folder), 9, is_empty=True)
    stale.optimize.compact()
    assert len(DeltaTable(folder).file_uris()) == 1


def test_compaction_leaves_no_receipt(folder: Path) -> None:
    DeltaTable(folder).optimize.compact(commit_properties=properties(9))
    assert DeltaTable(folder).transaction_version(APP) == 5


def test_fence_of_metadata_refuses_a_compaction_and_rows_from_an_older_snapshot(folder: Path) -> None:
    compacting, writing = DeltaTable(folder), DeltaTable(folder)
    fence(DeltaTable(folder), 9)
    with pytest.raises(CommitFailedError, match="Metadata changed"):
        compacting.optimize.compact()
    with pytest.raises(CommitFailedError, match="Failed to commit"):
        commit(writing, 10)
    assert DeltaTable(folder).transaction_version(APP) == 9
    assert rows(folder) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_fence_from_an_older_snapshot_is_refused(folder: Path, is_compacted: bool) -> None:
    stale = DeltaTable(folder)
    if is_compacted:
        DeltaTable(folder).optimize.compact()
    else:
        commit(DeltaTable(folder), 6)
    with pytest.raises(CommitFailedError, match="Failed to commit"):
        fence(stale, 9)


def test_fence_leaves_protocol_and_columns_as_they_are(folder: Path) -> None:
    before = DeltaTable(folder)
    table = DeltaTable(folder)
    fence(table, 9)
    assert (table.version(), table.schema(), table.protocol()) == (
        before.version() + 1,
        before.schema(),
        before.protocol(),
    )


def test_listing_what_is_unused_deletes_and_commits_nothing_and_spares_what_is_young(folder: Path) -> None:
    DeltaTable(folder).optimize.compact()
    (folder / "part-00000-orphan.parquet").write_bytes(b"")
    table = DeltaTable(folder)
    listed = [
        table.vacuum(retention_hours=hours, dry_run=True, enforce_retention_duration=False, full=True)
        for hours in (0, 1)
    ]
    assert [len(files) for files in listed] == [6, 0]
    assert (len(list(folder.glob("*.parquet"))), DeltaTable(folder).version()) == (7, table.version())


def test_receipt_and_rows_survive_a_checkpoint_and_the_loss_of_the_log_before_it(folder: Path) -> None:
    fence(DeltaTable(folder), 9)
    DeltaTable(folder).optimize.compact()
    DeltaTable(folder).create_checkpoint()
    date_back(folder, 6)
    DeltaTable(folder).cleanup_metadata()
    assert len([name for name in log_names(folder) if name.endswith(".json")]) == 8
    date_back(folder, 8)
    DeltaTable(folder).cleanup_metadata()
    assert len([name for name in log_names(folder) if name.endswith(".json")]) == 1
    assert DeltaTable(folder).transaction_version(APP) == 9
    assert rows(folder) == [1, 2, 3, 4, 5]


def test_writer_from_before_a_log_that_is_gone_is_refused(folder: Path) -> None:
    writing, looking = DeltaTable(folder), DeltaTable(folder)
    fence(DeltaTable(folder), 9)
    DeltaTable(folder).create_checkpoint()
    date_back(folder, 8)
    DeltaTable(folder).cleanup_metadata()
    with pytest.raises(DeltaError, match="Invalid table version"):
        commit(writing, 10)
    with pytest.raises(DeltaError, match="No files in log segment"):
        looking.create_checkpoint()
    assert rows(folder) == [1, 2, 3, 4, 5]


def test_older_checkpoint_that_is_named_the_last_one_does_no_harm(folder: Path, tmp_path: Path) -> None:
    DeltaTable(folder).create_checkpoint()
    shutil.copytree(folder / "_delta_log", tmp_path / "older")
    fence(DeltaTable(folder), 9)
    DeltaTable(folder).create_checkpoint()
    date_back(folder, 8)
    DeltaTable(folder).cleanup_metadata()
    for name in ("00000000000000000005.checkpoint.parquet", "_last_checkpoint"):
        shutil.copy(tmp_path / "older" / name, folder / "_delta_log" / name)
    commit(DeltaTable(folder), 10)
    assert DeltaTable(folder).transaction_version(APP) == 10
    assert rows(folder) == [1, 2, 3, 4, 5, 10]
