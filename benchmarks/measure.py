"""Runs one command and says what it took: wall seconds, CPU seconds and peak memory, all of its processes included.

A server that the command starts and that leaves its session is counted too: this process adopts orphans, so that the
kernel hands their CPU seconds to it. Memory is sampled: private memory of every process added up, and what they share
counted once. Where the system has no /proc, memory is that of the largest process alone.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_S = 0.05
_LEFT_S = 20  # for a server to stop after the command that started it
_SET_CHILD_SUBREAPER = 36  # Source: prctl(2)
_MOST_OUTPUT_BYTES = 1_000_000


@dataclass(frozen=True)
class Cost:
    """What one command took; `output` is the end of what it printed."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


class JobFailedError(Exception):
    """The command did not end well; the message says why and holds no path."""


def adopt_orphans() -> None:
    """From now on a process that loses its parent becomes a child of this one (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cost_of(command: Sequence[str], folder: Path, *, timeout_s: float, environment: Mapping[str, str]) -> Cost:
    """The cost of `command`, run in `folder`.

    Raises:
        JobFailedError: it cannot be started, ends with a code other than 0, or takes longer than `timeout_s`.
    """
    with (folder / "output.txt").open("w+b") as output, (folder / "errors.txt").open("w+b") as errors:
        memory = _Memory()
        started = time.perf_counter()
        try:
            process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=output, stderr=errors)
        except OSError as wrong:
            raise JobFailedError(f"cannot be started: {wrong.strerror}") from None
        is_late = threading.Event()
        guard = threading.Timer(timeout_s, _stop, (process.pid, is_late))
        guard.start()
        with memory:
            _, status, used = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - started
        guard.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = used.ru_utime + used.ru_stime + _reap_the_rest()
        if is_late.is_set():
            raise JobFailedError(f"stopped after {timeout_s:.0f} s")
        if process.returncode != 0:
            raise JobFailedError(f"ended with {process.returncode}: {_last_line(errors.name)}")
        peak_bytes = max(memory.peak_bytes, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        return Cost(wall_s, cpu_s, peak_bytes, _tail(output.name))


def _stop(pid: int, is_late: threading.Event) -> None:
    is_late.set()
    for member in (*_descendants(pid), pid):
        _kill(member)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap_the_rest() -> float:
    """CPU seconds of the orphans that the command left; one that does not end in time is killed."""
    cpu_s = 0.0
    deadline = time.monotonic() + _LEFT_S
    while True:
        try:
            pid, _, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu_s
        if pid:
            cpu_s += used.ru_utime + used.ru_stime
            continue
        if time.monotonic() > deadline:
            for member in _descendants(os.getpid()):
                _kill(member)
        time.sleep(0.01)


class _Memory:
    """Samples the memory of all that descends from this process until left; one command runs at a time."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._ours: set[int] = set()
        self._strangers: set[int] = set(_processes())
        self.peak_bytes = 0

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_S):
            self._meet()
            sizes = [_memory(pid) for pid in self._ours]
            if sizes:
                private, shared = zip(*sizes, strict=True)
                self.peak_bytes = max(self.peak_bytes, sum(private) + max(shared))

    def _meet(self) -> None:
        """Looks at each new process once: reading the parents of all of them each time would slow the command down."""
        there = _processes()
        self._ours &= set(there)
        for pid in there:
            if pid not in self._ours and pid not in self._strangers:
                parent = _parent(pid)
                (self._ours if parent in self._ours or parent == os.getpid() else self._strangers).add(pid)


def _processes() -> list[int]:
    """The ids of all processes, in order; none where there is no /proc."""
    try:
        return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208 names are enough
    except FileNotFoundError:
        return []


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _descendants(pid: int) -> list[int]:
    """All processes below `pid`, parents before children."""
    parents = {member: _parent(member) for member in _processes()}
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found[1:]


def _memory(pid: int) -> tuple[int, int]:
    """Bytes that a process has for itself, and bytes that it shares with files or others."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    found = {kind: int(size) * 1024 for kind, size in re.findall(r"^Rss(\w+):\s+(\d+) kB", status, re.MULTILINE)}
    return found.get("Anon", 0), found.get("File", 0) + found.get("Shmem", 0)


def _tail(name: str) -> str:
    with Path(name).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_OUTPUT_BYTES))
        return file.read().decode(errors="replace")


def _last_line(name: str) -> str:
    lines = [line for line in _tail(name).splitlines() if line.strip()]
    return re.sub(r"(?:/[\w.+@-]+){2,}", "<path>", lines[-1].strip())[:200] if lines else "nothing was said"
