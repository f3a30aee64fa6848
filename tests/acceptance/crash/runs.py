"""`child.py` as a process: started, killed by its settings, stopped, let go on, waited for."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.acceptance.crash.places import Place

LIMIT_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    """Exit code, negative for a signal."""
    did: dict[str, Any]
    """The last line that it printed; empty if it was killed."""
    said: str

    @property
    def error(self) -> str | None:
        """Code of the error that ended it."""
        error: str | None = self.did.get("error")
        return error

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Process:
    """A process that the nursery starts, ended by force on leaving."""

    def __init__(
        self, nursery: Path, arguments: list[str], environment: Mapping[str, str], *, limit_s: float = LIMIT_S
    ) -> None:
        handle, output = tempfile.mkstemp(dir=nursery.parent)
        os.close(handle)
        self._output = Path(output)
        self._ended: Ended | None = None
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(limit_s)
        self._socket.connect(str(nursery))
        self._nursery = self._socket.makefile("rw")
        print(json.dumps([arguments, dict(environment), output]), file=self._nursery, flush=True)
        self.pid = int(self._nursery.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        if self._ended is None:
            os.kill(self.pid, signal.SIGKILL)
            while self._nursery.readline():
                pass
        self._nursery.close()
        self._socket.close()

    def until_stopped(self) -> None:
        """Returns when the process has stopped where it was told to."""
        told = self._nursery.readline()
        if told != "stopped\n":
            self._end(told)
            raise AssertionError(f"it ended and did not stop: {self.said()}")

    def has_stopped(self) -> bool:
        """Waits until the process has stopped where it was told to, or ended without coming there."""
        told = self._nursery.readline()
        if told != "stopped\n":
            self._end(told)
        return self._ended is None

    def until_says(self, text: str) -> None:
        until(lambda: text in self.said())

    def said(self) -> str:
        """Its output so far."""
        return self._output.read_text()

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def is_over(self, *, within_s: float = 0) -> bool:
        if self._ended is None and select.select([self._socket], [], [], within_s)[0]:
            told = self._nursery.readline()
            if told != "stopped\n":
                self._end(told)
        return self._ended is not None

    def ended(self) -> Ended:
        """Waits for the end, which a traceback is not: that is neither the product's word nor a seeded bug's effect."""
        while self._ended is None:
            told = self._nursery.readline()
            if told != "stopped\n":
                self._end(told)
        assert self._ended.did or self._ended.code < 0, self._ended.said
        return self._ended

    def _end(self, told: str) -> None:
        said = self.said()
        lines = said.splitlines()
        did = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        self._ended = Ended(int(told), did, said)


class Run(Process):
    """One run of a place's project."""

    def __init__(
        self,
        place: Place,
        *,
        crash: str = "",
        bug: str | None = None,
        stop: str | None = None,
        wait_s: float = LIMIT_S,
        lease_ttl_s: float = 30,
        name: str = "run",
        first: str | None = None,
        between: bool = False,
        limit_s: float = LIMIT_S,
    ) -> None:
        """Starts it.

        Args:
            place: whose project it runs.
            crash: as TILLAGE_CRASH: where it kills itself.
            bug: of `bugs.SEEDS`.
            stop: of the same form as `crash`: where it stops itself.
            wait_s: for leases.
            lease_ttl_s: how long its own lease lasts once it is stopped.
            name: by which its sessions are known in the store.
            first: what is done before the run, as `child` says.
            between: whether it stops between the file of its rows for bronze and their commit.
            limit_s: within which it must say something.
        """
        arguments = [str(place.root), *([bug] if bug else []), "--wait", str(wait_s)]
        arguments += ["--stop", stop] if stop else []
        arguments += ["--first", first] if first else []
        arguments += ["--between"] if between else []
        environment = {
            "TILLAGE_STORE_DSN": place.dsn,
            "TILLAGE_THREADS": "1",
            "TILLAGE_MEMORY_MB": "256",
            "TILLAGE_LEASE_TTL_S": str(lease_ttl_s),
            "TILLAGE_CRASH": crash,
            "PGAPPNAME": name,
        }
        super().__init__(place.nursery, arguments, environment, limit_s=limit_s)


def run(place: Place, **options: Any) -> Ended:
    """A run from start to end; the options of `Run`."""
    with Run(place, **options) as process:
        return process.ended()


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come to it"
        time.sleep(0.01)


def waits_for_a_lock(store: psycopg.Connection[Any], name: str) -> bool:
    """Whether a session of the run of that name does."""
    query = """select from pg_stat_activity
        where datname = current_database() and application_name = %s and wait_event_type = 'Lock'"""
    return store.execute(query, [name]).fetchone() is not None
