"""`tillage run --jobs`: feeds that do not refer to each other are loaded side by side, each by a command of its own.

What is left to do for all of them, releases and builds, is done once at the end, in this process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tillage.cli.children import read_report
from tillage.cli.opening import Project, open_project
from tillage.pipelines.house import FeedContract
from tillage.pipelines.mirror import sync_tables
from tillage.pipelines.models import sync_models
from tillage.pipelines.run import begin, in_order, waits_for
from tillage.settings import Settings
from tillage.wiring import store_dsn

_POLL_S = 0.02
_GRACE_S = 5.0
_LEAST_MEMORY_MB = 256


@dataclass(frozen=True)
class Ended:
    """What came of the commands."""

    loads: tuple[int, ...]
    """Numbers of the loads that they made, in order."""
    voided: tuple[int, ...]
    put_away: tuple[str, ...]
    exit_codes: Mapping[str, int]
    """By feed whose command did not end well."""


@contextmanager
def loaded_side_by_side(
    project: Project, chosen: Collection[str], *, jobs: int, wait_s: float
) -> Iterator[Ended | None]:
    """With what came of it, and the store kept running; None where feeds go one after the other.

    Raises:
        OperatorError, ContractError, ModelError: as a run, before anything is loaded.
    """
    if jobs == 1:
        yield None
        return
    root, settings = project.find()
    with store_dsn(root, settings):
        with open_project(project, is_named=False) as house:
            begin(house, chosen)
            sync_models(house)  # once, before several would
            sync_tables(house)
            feeds = house.feeds
        yield _load(root, settings, feeds, chosen, jobs=jobs, wait_s=wait_s)


def _load(
    root: Path,
    settings: Settings,
    feeds: Mapping[str, FeedContract],
    chosen: Collection[str],
    *,
    jobs: int,
    wait_s: float,
) -> Ended:
    """At most so many feeds at once, each after those that it refers to."""
    waiting = [name for name in in_order(feeds) if not chosen or name in chosen]
    before = {name: waits_for(feeds, name) & {*waiting} for name in waiting}
    command = [sys.executable, "-P", "-m", "tillage", "run", "--json", "--wait", f"{wait_s:g}", "--project", str(root)]
    command += ["--env", settings.env] if settings.env else []
    reports: list[Mapping[str, Any]] = []
    codes: dict[str, int] = {}
    with _children() as running:
        while waiting or running:
            ready = [name for name in waiting if not before[name] & {*waiting, *running}]
            for name in ready[: jobs - len(running)]:
                waiting.remove(name)
                running[name] = _start([*command, "--feed", name], settings, jobs)
            time.sleep(_POLL_S)
            for name, child in [*running.items()]:
                if child.process.poll() is not None:
                    del running[name]
                    reports.append(child.report())
                    if child.process.returncode:
                        codes[name] = child.process.returncode
    return Ended(
        tuple(sorted(load["load"] for report in reports for load in report.get("loads", ()))),
        tuple(load for report in reports for load in report.get("voided", ())),
        tuple(path for report in reports for path in report.get("put_away", ())),
        codes,
    )


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    printed: IO[bytes]

    def report(self) -> Mapping[str, Any]:
        self.printed.seek(0)
        with self.printed:
            return read_report(self.printed)


def _start(command: list[str], settings: Settings, jobs: int) -> _Child:
    """Its share of memory and threads is that of one of `jobs`; what it says goes where ours does."""
    memory_mb = max(_LEAST_MEMORY_MB, settings.memory_bytes // jobs // 1024 // 1024)
    threads = max(1, settings.threads // jobs)
    env = {**settings.variables, "TILLAGE_MEMORY_MB": str(memory_mb), "TILLAGE_THREADS": str(threads)}
    printed = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `report`)
    return _Child(subprocess.Popen(command, stdout=printed, env=env), printed)  # noqa: S603


@contextmanager
def _children() -> Iterator[dict[str, _Child]]:
    """Whoever still runs when this ends is told to end; what is left open the next run finishes."""
    running: dict[str, _Child] = {}
    try:
        yield running
    finally:
        for child in running.values():
            child.process.terminate()
        for child in running.values():
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(_GRACE_S)
            child.process.kill()
            child.process.wait()
