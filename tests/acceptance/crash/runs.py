"""`child.py` as a process: started, killed by its settings, stopped, let go on, waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.acceptance.crash.places import Place

LIMIT_S = 60.0
_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    returncode: int
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
        return self.returncode == -signal.SIGKILL


class Run:
    """One run of a place's project, ended by force on leaving."""

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
    ) -> None:
        """Starts it.

        Args:
            crash: as TILLAGE_CRASH: where it kills itself.
            stop: of the same form: where it stops itself.
            wait_s: for leases.
            name: by which its sessions are known in the store.
        """
        command = [sys.executable, str(_CHILD), str(place.root), *([bug] if bug else []), "--wait", str(wait_s)]
        command += ["--stop", stop] if stop else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TILLAGE_")} | {
            "TILLAGE_STORE_DSN": place.dsn,
            "TILLAGE_THREADS": "1",
            "TILLAGE_MEMORY_MB": "256",
            "TILLAGE_LEASE_TTL_S": str(lease_ttl_s),
            "TILLAGE_CRASH": crash,
            "PGAPPNAME": name,
        }
        if sys.dont_write_bytecode:
            # Half of a short run is imports, twice as long where each process compiles all of them again.
            environment["PYTHONDONTWRITEBYTECODE"] = ""
            environment["PYTHONPYCACHEPREFIX"] = str(place.root.parent / "bytecode")
        # A file, since nobody reads along: what a pipe holds is bounded, and a stopped process keeps it open.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 closed by __exit__
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, env=environment
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(LIMIT_S)
        self._output.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def until_stopped(self) -> None:
        """Returns when the process has stopped where it was told to."""
        options = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = until(lambda: os.waitid(os.P_PID, self._process.pid, options))
        if found.si_code != os.CLD_STOPPED:
            raise AssertionError(f"it ended and did not stop: {self.said()}")

    def said(self) -> str:
        """Its output so far."""
        return os.pread(self._output.fileno(), 1 << 20, 0).decode()

    def until_says(self, text: str) -> None:
        until(lambda: text in self.said())

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def ended(self) -> Ended:
        """Waits for the end."""
        returncode = self._process.wait(LIMIT_S)
        said = self.said()
        lines = said.splitlines()
        did = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        return Ended(returncode, did, said)


def run(place: Place, **options: Any) -> Ended:
    """A run from start to end; the options of `Run`."""
    with Run(place, **options) as process:
        return process.ended()


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it gives something."""
    end_s = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to it"
        time.sleep(0.01)
    return found
