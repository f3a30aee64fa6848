"""What comes of a run when PostgreSQL, a disk or the clock fails under it, and of the run after; writes the page of it.

`TILLAGE_WRITE_PAGES=1 pytest tests/acceptance/test_failures.py` writes `docs/reference/failures.md`; otherwise the page
must be as it would be written.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.failures import cases
from tests.acceptance.failures.cases import Case
from tests.acceptance.failures.clock import off_by, put_off, set_clock
from tests.acceptance.failures.commands import (
    SECOND,
    Ended,
    arrive,
    bound,
    copied,
    dumped,
    has_second,
    new_project,
    stopped,
    tillage,
)
from tests.acceptance.failures.full import NOT_ALLOWED
from tests.acceptance.failures.page import written
from tests.conftest import REPOSITORY
from tests.integration.shops import make_database
from tillage.stores.embedded import EmbeddedPostgres, processes
from tillage.stores.embedded.folder import StoreFolder

pytestmark = pytest.mark.accept("4.4")

PAGE = REPOSITORY / "docs" / "reference" / "failures.md"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the first file is loaded and the second one has come; its PostgreSQL is down."""
    root = new_project(tmp_path_factory.mktemp("base") / "shop")
    done = tillage(root, "run")
    assert done.exit_code == 0, done.said
    return arrive(root, SECOND)


@pytest.fixture(scope="module")
def wanted(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the house knows where nothing failed."""
    root = copied(base, tmp_path_factory.mktemp("whole") / "shop")
    assert tillage(root, "run").exit_code == 0
    return dumped(root)


@pytest.fixture
def root(base: Path, tmp_path: Path) -> Path:
    return copied(base, tmp_path / "shop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("store")) as dsn:
        yield dsn


@pytest.fixture
def served(server: str, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The same project with a store by its DSN."""
    environment = {"TILLAGE_STORE_DSN": make_database(server, f"failing{next(_NUMBERS)}")}
    root = new_project(tmp_path / "shop")
    done = tillage(root, "run", environment=environment)
    assert done.exit_code == 0, done.said
    return arrive(root, SECOND), environment


def is_as_the_page_says(case: Case, ended: Ended, root: Path) -> None:
    problem = ended.problem()
    assert (problem["exit_code"], problem["error"], ended.exit_code) == (case.exit_code, case.code, case.exit_code)
    says = case.says.format(lake=root / "data/lake/bronze/orders", store=root / "data/store")
    assert says in problem["message"]
    assert "Traceback" not in ended.said
    assert "panicked" not in ended.said


def ends_well(root: Path, wanted: list[str], environment: dict[str, str] | None = None) -> None:
    """The cause is gone: one more run, and all is as where nothing failed."""
    again = tillage(root, "run", "--json", environment=environment)
    assert again.exit_code == 0, again.said
    assert dumped(root, environment) == wanted


def kill_postgresql(root: Path) -> None:
    folder = StoreFolder((root / "data/store").resolve())
    found = processes.members(folder)
    assert found
    while found:
        for pid in found:
            processes.send(folder, pid, signal.SIGKILL)
        found = processes.members(folder)


@pytest.mark.parametrize(
    ("case", "at"),
    [(cases.KILLED, "after:bronze"), (cases.KILLED_IN_COMMIT, "before:publish")],
    ids=["stage", "commit"],
)
def test_postgresql_is_killed_in_mid_load(root: Path, wanted: list[str], case: Case, at: str) -> None:
    with stopped(root, at) as run:
        kill_postgresql(root)
        ended = run.go_on()
    is_as_the_page_says(case, ended, root)
    assert has_second(root) is (case.where == cases.BRONZE)
    ends_well(root, wanted)


def test_nobody_listens_at_the_address(served: tuple[Path, dict[str, str]], wanted: list[str]) -> None:
    root, environment = served
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        dsn = f"host=127.0.0.1 port={closed.getsockname()[1]} dbname=shop user=shop"
        ended = tillage(root, "run", "--json", environment={"TILLAGE_STORE_DSN": dsn})
    is_as_the_page_says(cases.AWAY, ended, root)
    assert not has_second(root)
    ends_well(root, wanted, environment)


def take_all(sessions: ExitStack, dsn: str) -> None:
    while True:
        sessions.enter_context(psycopg.connect(dsn))


def test_postgresql_has_no_connection_left(served: tuple[Path, dict[str, str]], wanted: list[str]) -> None:
    root, environment = served
    with ExitStack() as sessions:
        with pytest.raises(psycopg.OperationalError, match=r"too many clients|slots are reserved"):
            take_all(sessions, environment["TILLAGE_STORE_DSN"])
        ended = tillage(root, "run", "--json", environment=environment)
    is_as_the_page_says(cases.FULL_STORE, ended, root)
    assert not has_second(root)
    ends_well(root, wanted, environment)


def test_the_lake_may_not_be_written(root: Path, wanted: list[str]) -> None:
    folders = [folder for folder in (root / "data/lake").glob("**/") if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        ended = bound(root, "run", "--json")
    finally:
        for folder in folders:
            folder.chmod(0o700)
    is_as_the_page_says(cases.READ_ONLY, ended, root)
    assert not has_second(root)
    ends_well(root, wanted)


@pytest.mark.parametrize(
    ("case", "part", "margin_bytes"),
    [(cases.DISK_FULL, "data/lake", 4096), (cases.STORE_DISK_FULL, "data/store", 4096)],
    ids=["lake", "store"],
)
def test_a_disk_is_full(root: Path, wanted: list[str], case: Case, part: str, margin_bytes: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.failures.full", str(root), part, str(margin_bytes)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == NOT_ALLOWED:
        pytest.skip("this account may not mount a disk in memory: not run")
    assert done.returncode == 0, done.stderr
    failed, is_in_bronze, again, after = json.loads(done.stdout)
    is_as_the_page_says(case, Ended(**failed), root)
    assert is_in_bronze is (case.where == cases.BRONZE)
    assert again["exit_code"] == 0, again["said"]
    assert after["printed"].splitlines() == wanted


@pytest.mark.parametrize("hours", [5, -5])
def test_a_clock_that_is_hours_off_does_no_harm(
    served: tuple[Path, dict[str, str]], wanted: list[str], hours: int
) -> None:
    root, environment = served
    put_off(root, environment["TILLAGE_STORE_DSN"], hours)
    with stopped(root, "after:lease", environment) as run:
        other = tillage(root, "run", "--json", "--wait", "0", environment=environment)
        is_as_the_page_says(cases.CLOCK_WAITS, other, root)
        ended = run.go_on()
        assert ended.exit_code == cases.CLOCK.exit_code, ended.said
    assert has_second(root)
    assert abs(off_by(environment["TILLAGE_STORE_DSN"]) - timedelta(hours=hours)) < timedelta(hours=1)
    ends_well(root, wanted, environment)


def test_a_lease_that_a_jump_of_the_clock_ended_is_lost(served: tuple[Path, dict[str, str]], wanted: list[str]) -> None:
    root, environment = served
    set_clock(environment["TILLAGE_STORE_DSN"], 0)
    with stopped(root, "after:bronze", environment) as run:
        set_clock(environment["TILLAGE_STORE_DSN"], 5)
        assert tillage(root, "run", environment=environment).exit_code == 0
        is_as_the_page_says(cases.CLOCK_JUMPS, run.go_on(), root)
    ends_well(root, wanted, environment)


def test_a_lease_of_a_killed_run_is_free_however_far_the_clock_was_set_back(
    served: tuple[Path, dict[str, str]], wanted: list[str]
) -> None:
    root, environment = served
    set_clock(environment["TILLAGE_STORE_DSN"], 0)
    with stopped(root, "after:lease", environment):
        pass  # and killed
    set_clock(environment["TILLAGE_STORE_DSN"], -5)
    ends_well(root, wanted, environment)


def test_the_page_says_what_these_tests_have_seen() -> None:
    page = written()
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "write it anew: TILLAGE_WRITE_PAGES=1 pytest tests/acceptance"
