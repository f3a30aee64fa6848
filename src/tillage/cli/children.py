"""Work of a watcher as commands in processes of their own: when one has ended, all that it held is free."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import IO, Any

from tillage.cli.signals import Signals
from tillage.ports.watch import Job, Outcome

_GRACE_S = 5.0
_BLOCK_BYTES = 64 * 1024
_MOST_REPORT_BYTES = 16 * 1024 * 1024
_MOST_LINE_BYTES = 1024 * 1024
_FIGURES = ("read_rows", "accepted_rows", "quarantined_rows", "duplicate_rows")


class Children:
    """Runs `tillage` on the project in `root`, one command at a time; what it says on the way is passed on."""

    def __init__(
        self, root: Path, env: str | None, signals: Signals, *, wait_s: float, pass_on: Callable[[str], None]
    ) -> None:
        self._options = ["--json", "--project", str(root), *(["--env", env] if env else [])]
        self._signals = signals
        self._wait_s = wait_s
        self._pass_on = pass_on

    def check(self) -> Outcome:
        return self._outcome(["query", "select 1"], lambda: None)

    def work(self, job: Job, on_stop: Callable[[], None]) -> Outcome:
        words = ["run", "--feed", job.feed.name, "--wait", f"{self._wait_s:g}"] if job.feed else ["maintain"]
        return self._outcome(words, on_stop)

    def _outcome(self, words: Sequence[str], on_stop: Callable[[], None]) -> Outcome:
        # -P: what lies in the folder that the command is called in must not be taken for Python's own modules.
        command = [sys.executable, "-P", "-m", "tillage", *words, *self._options]
        reader, writer = os.pipe2(os.O_CLOEXEC)
        with tempfile.TemporaryFile() as printed, FileIO(reader) as said:
            # A session of its own, so that Ctrl-C reaches the watcher alone.
            child = subprocess.Popen(command, stdout=printed, stderr=writer, start_new_session=True)  # noqa: S603
            os.close(writer)
            with child:
                last = self._followed(child, said, on_stop)
                exit_code = child.wait()
            printed.seek(0)
            report = read_report(printed)
        return outcome_of(exit_code, report, _read(last.encode()) if exit_code else {}, last)

    def _followed(self, child: subprocess.Popen[bytes], said: FileIO, on_stop: Callable[[], None]) -> str:
        """Passes on what the child says, and is told, until it ends; its last line, which is not passed on."""
        lines = _Lines(self._pass_on)
        told = self._signals.taken()
        with selectors.DefaultSelector() as selector:
            selector.register(said, selectors.EVENT_READ)
            selector.register(self._signals, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._signals in ready:
                    is_first, told = told == 0, self._signals.taken()
                    if is_first:
                        on_stop()
                    if told > 1:
                        _end(child)
                if said in ready:
                    block = said.read(_BLOCK_BYTES)
                    if not block:
                        return lines.last()
                    lines.add(block)


def outcome_of(exit_code: int, report: Mapping[str, Any], problem: Mapping[str, Any], last: str) -> Outcome:
    """What a command's exit code, report and problem say."""
    loads = [
        {"load": load["load"]} | {figure: _sum(load["datasets"], figure) for figure in _FIGURES}
        for load in report.get("loads", ())
    ]
    if exit_code < 0:
        message = f"the command was ended by signal {-exit_code}; what it left open is finished by the next run"
    else:
        message = str(problem.get("message") or last or "it said nothing")
    return Outcome(
        exit_code,
        problem.get("error"),
        message if exit_code else "",
        float(problem.get("retry_after_s", 0)),
        loads,
        bool(report.get("is_more_coming")),
    )


def _sum(datasets: Mapping[str, Mapping[str, int]], figure: str) -> int:
    return sum(counts[figure] for counts in datasets.values())


def _end(child: subprocess.Popen[bytes]) -> None:
    """At once: after some seconds also if it is busy and does not hear. Nothing is lost by that."""
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


def read_report(printed: IO[bytes]) -> Mapping[str, Any]:
    """What a command has printed with --json; empty if it ended before."""
    return _read(printed.read(_MOST_REPORT_BYTES))


def _read(text: bytes) -> Mapping[str, Any]:
    """A JSON object; empty if it is something else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Lines:
    """Cuts a stream into lines, holds the newest back and passes on those before it."""

    def __init__(self, pass_on: Callable[[str], None]) -> None:
        self._pass_on = pass_on
        self._open = b""
        self._held: bytes | None = None

    def add(self, block: bytes) -> None:
        *whole, self._open = (self._open + block).split(b"\n")
        self._open = self._open[:_MOST_LINE_BYTES]
        for line in whole:
            self._hold(line)

    def last(self) -> str:
        if self._open:
            self._hold(self._open)
        return (self._held or b"").decode(errors="backslashreplace")

    def _hold(self, line: bytes) -> None:
        if self._held is not None:
            self._pass_on(self._held.decode(errors="backslashreplace"))
        self._held = line
