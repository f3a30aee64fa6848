"""Folders that this account may not write, or that are another's: said by what the system says, and what to do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pyarrow as pa
import pytest

from tillage.contracts.types import SIGNED
from tillage.domain.load import CommitPoint
from tillage.errors import LakeError, StoreError
from tillage.lake.delta import DeltaLake, Table
from tillage.lake.schema import arrow_schema
from tillage.ports.commit import Commits
from tillage.stores.embedded import EmbeddedPostgres

_NOBODY = 65534


class _Commits:
    """Lets all commits pass."""

    def at(self, _: CommitPoint) -> nullcontext[None]:
        return nullcontext()


COMMITS: Commits = _Commits()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that any account can get to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@contextmanager
def ordinary() -> Iterator[None]:
    """As an account that modes hold for; root is none."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    every = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    modes = [path.stat().st_mode for path in every]
    for path in every:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in zip(every, modes, strict=True):
            path.chmod(mode)


def table(folder: Path) -> Table:
    return DeltaLake(folder, COMMITS).silver("orders", "orders", [("order_id", "VARCHAR"), *SIGNED])


def rows(count: int) -> pa.Table:
    row = {"order_id": "secret", "_sign": 1, "_load": 1, "_record": None}
    return pa.Table.from_pylist([row] * count, schema=arrow_schema([("order_id", "VARCHAR"), *SIGNED]))


def test_a_table_that_cannot_be_written_says_what_the_system_said(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    silver = table(folder)
    silver.append(rows(1), 1, CommitPoint.SILVER)
    for added in (rows(2), None):
        with read_only(folder), ordinary(), pytest.raises(LakeError, match=r"cannot be written: Permission denied. M"):
            silver.append(added, 2, CommitPoint.SILVER)
    assert silver.snapshot().receipt == 1
    assert capfd.readouterr().err == ""


def test_a_table_that_cannot_be_made_says_what_the_system_said(folder: Path) -> None:
    for made in (folder, folder / "silver"):
        made.mkdir(exist_ok=True)
        with read_only(folder), ordinary(), pytest.raises(LakeError, match=r"cannot be created: Permission denied. M"):
            table(folder).snapshot()


def test_a_lake_that_cannot_be_marked_says_what_the_system_said(folder: Path) -> None:
    with read_only(folder), ordinary(), pytest.raises(LakeError, match="cannot be written: Permission denied; make it"):
        DeltaLake(folder / "lake", COMMITS).put_mark("x")


def test_a_mark_is_not_overwritten(folder: Path) -> None:
    lake = DeltaLake(folder, COMMITS)
    assert lake.mark() is None
    lake.put_mark("one")
    lake.put_mark("two")
    assert lake.mark() == "one"
    assert [path.name for path in folder.iterdir()] == ["house.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="about root")
def test_root_in_a_project_of_another_account_is_told_to_run_as_its_owner(folder: Path) -> None:
    store = folder / "store"
    store.mkdir(mode=0o700)
    os.chown(store, _NOBODY, _NOBODY)
    with pytest.raises(StoreError, match=r"belongs to another account \(user id 65534\): run the command as its owner"):
        EmbeddedPostgres(store).acquire()
    assert list(store.iterdir()) == []
