"""A project with one file loaded and one arrived, and `tillage` as a process on it, free to be stopped or bound."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tests.acceptance.crash.places import REPOSITORY, orders

# Root writes everywhere; without these two rights (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) it is bound like anybody.
_BOUND = """
import ctypes, os, sys
if os.geteuid() == 0:
    for right in (1, 2):
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "tillage", *sys.argv[1:]])
"""
FIRST, SECOND = 0, 1


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    printed: str
    said: str

    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found


def tillage(
    root: Path, *words: str, environment: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
) -> Ended:
    """The command, to its end."""
    command = [*(prefix or (sys.executable, "-m", "tillage")), *words]
    done = subprocess.run(
        command, cwd=root, env=os.environ | dict(environment or {}), capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def bound(root: Path, *words: str) -> Ended:
    """The command as an account that modes of files bind."""
    return tillage(root, *words, prefix=(sys.executable, "-c", _BOUND))


class Stopped:
    """`tillage run --json`, stopped at a commit point."""

    def __init__(self, root: Path, at: str, environment: Mapping[str, str]) -> None:
        self._said = (root.parent / f"{root.name}.said").open("w+")
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.failures.stopped", at, "run", "--json"],
            cwd=root,
            env=os.environ | dict(environment) | {"PYTHONPATH": path},
            stdout=self._said,
            stderr=self._said,
        )
        self.pid = self._process.pid
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._process.returncode = os.waitstatus_to_exitcode(status)
            raise AssertionError(f"it ended and did not stop: {self._all()}")

    def go_on(self) -> Ended:
        os.kill(self.pid, signal.SIGCONT)
        code = self._process.wait()
        said = self._all()
        return Ended(code, said, said)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _all(self) -> str:
        self._said.seek(0)
        return self._said.read()


@contextmanager
def stopped(root: Path, at: str, environment: Mapping[str, str] | None = None) -> Iterator[Stopped]:
    run = Stopped(root, at, environment or {})
    try:
        yield run
    finally:
        run.close()


def new_project(root: Path) -> Path:
    """The example project with the first of two files in its landing folder."""
    done = tillage(root.parent, "init", "food-orders", str(root))
    assert done.exit_code == 0, done.said
    return arrive(root, FIRST)


def arrive(root: Path, number: int) -> Path:
    path, data = sorted(orders(seed=4, customers=30, count=300, days=2).items())[number]
    (root / path).write_bytes(data)
    return root


def copied(root: Path, target: Path) -> Path:
    shutil.copytree(root, target, symlinks=True)
    return target


def dumped(root: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """All that the house knows, without numbers of loads and places."""
    done = tillage(root, "dump", "--canonical", environment=environment)
    assert done.exit_code == 0, done.said
    return done.printed.splitlines()


def has_second(root: Path) -> bool:
    """Whether the records of the second file are in bronze, whatever a reader may see of them."""
    table = DeltaTable(root / "data/lake/bronze/orders")
    loads = table.to_pyarrow_table(columns=["load_seq"]).column("load_seq")
    return len(loads.unique()) > 1
