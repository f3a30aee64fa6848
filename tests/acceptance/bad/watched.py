"""The command in a process of its own, with what it said and the most memory that it held."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The kernel counts what a process was before it became the command, so a small one must start it, not the tests.
# Root reads everything; without these two rights (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) it is bound like anybody else.
_WATCH = """
import ctypes, os, sys
if os.geteuid() == 0:
    for right in (1, 2):
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
command = [sys.executable, "-m", "tillage", *sys.argv[2:]]
_, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
_KIB = 1024


@dataclass(frozen=True)
class Watched:
    """How one command ended."""

    exit_code: int
    said: str
    """All of stderr."""
    printed: str
    peak_bytes: int

    def problem(self) -> dict[str, Any]:
        """The last line of stderr, which with --json is the problem that the command ended with."""
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.printed)
        return found


def watched(folder: Path, *words: str, on_line: Callable[[str], None] = lambda _: None) -> Watched:
    """Runs the command; each line of its stderr is handed to `on_line` as soon as it is there."""
    with tempfile.TemporaryDirectory() as notes, (Path(notes) / "printed").open("w+") as printed:
        peak = Path(notes) / "peak"
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH, str(peak), *words],
            cwd=folder,
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stderr
            said = []
            for line in running.stderr:
                said.append(line)
                on_line(line)
        printed.seek(0)
        return Watched(running.returncode, "".join(said), printed.read(), int(peak.read_text()) * _KIB)
