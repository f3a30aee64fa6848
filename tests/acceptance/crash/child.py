"""One `tillage run` in a process of its own, which a test may kill, stop, or seed with a bug.

    python -m tests.acceptance.crash.child ROOT [BUG] [--wait SECONDS] [--stop SIDE:POINT[:COUNT]] [--first DECISION]
        [--between]

With retry or abandon, its first load breaks a rule and fails, that is decided about, and another run follows in which
the rule holds. With replay or discard, what waits in quarantine is judged again or given up before the run; with
rebuild, what stands is judged anew; with maintain, the tables are maintained, and with forget as they would be years
later. With --between it stops between the file of its first rows for bronze and their commit.

Prints what the run says and, last, what it did as one line of JSON. Ends with the exit code that the command has.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.crash import between, bugs
from tests.integration.ruled import broken_rule, ruled
from tillage.domain.load import CommitPoint
from tillage.errors import TillageError
from tillage.pipelines import failing, quarantine
from tillage.pipelines.house import House
from tillage.pipelines.maintain import maintain
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.ports.store import Waiting
from tillage.settings import Crash, Settings, read_settings
from tillage.wiring import CommitLog, open_house

# The package has a function of the same name, which `import ... as` would find.
running = importlib.import_module("tillage.pipelines.run")
FORGOTTEN_AFTER = timedelta(days=1_000)


class StoppingLog(CommitLog):
    """Also stops the process, as SIGSTOP from outside would, at one commit point; SIGCONT lets it go on from there."""

    def __init__(self, crash: Crash | None, stop: Crash | None) -> None:
        super().__init__(crash)
        self._stop = stop

    @contextmanager
    def at(self, point: CommitPoint) -> Iterator[None]:
        with super().at(point):
            self._perhaps_stop(point, is_after=False)
            yield
        self._perhaps_stop(point, is_after=True)

    def _perhaps_stop(self, point: CommitPoint, *, is_after: bool) -> None:
        stop = self._stop
        if stop and (stop.point, stop.is_after, stop.count) == (point, is_after, self.passed[point]):
            # To this very thread: it must not run on until another one has taken the signal.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("bug", nargs="?", choices=sorted(bugs.SEEDS))
    parser.add_argument("--wait", type=float, default=60)
    parser.add_argument("--stop")
    decisions = ["retry", "abandon", "replay", "discard", "maintain", "forget", "rebuild"]
    parser.add_argument("--first", choices=decisions)
    parser.add_argument("--between", action="store_true")
    arguments = parser.parse_args(words)
    if arguments.bug:
        bugs.SEEDS[arguments.bug]()
    if arguments.between:
        between.stop_between_file_and_commit()
    settings = read_settings()
    stop = read_settings({"TILLAGE_CRASH": arguments.stop or ""}).crash
    code, did = run_once(arguments.root, settings, StoppingLog(settings.crash, stop), arguments)
    print(json.dumps(did), flush=True)
    return code


def run_once(
    root: Path, settings: Settings, commits: CommitLog, arguments: argparse.Namespace
) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the run did."""
    did: dict[str, Any] = {"error": None, "loads": [], "resumed": [], "voided": []}
    code = 0
    try:
        with open_house(root, settings, say=lambda line: print(line, flush=True), commits=commits) as house:
            if arguments.first in {"replay", "discard"}:
                empty_quarantine(house, arguments)
            elif arguments.first == "rebuild":
                rebuild_from_bronze(house, wait_s=arguments.wait)
            elif arguments.first == "maintain":
                maintain(house, wait_s=arguments.wait, keep_h=0)
            elif arguments.first == "forget":
                much_later = replace(house, now=lambda: house.now() + FORGOTTEN_AFTER)
                maintain(much_later, wait_s=arguments.wait, keep_h=0)
            elif arguments.first:
                decide(house, arguments)
            report = running.run(house, wait_s=arguments.wait)
        did |= {"loads": list(report.loads), "resumed": report.resumed, "voided": report.voided}
    except TillageError as wrong:
        print(wrong, flush=True)
        did["error"] = wrong.code
        code = wrong.exit_code
    did["passed"] = {str(point): count for point, count in commits.passed.items()}
    return code, did


def decide(house: House, arguments: argparse.Namespace) -> None:
    """A run whose loads fail, and what a person then says of them."""
    report = running.run(ruled(house, [broken_rule()]), wait_s=arguments.wait)
    for load in report.failed:
        getattr(failing, arguments.first)(house, load, reason="the sweep", wait_s=arguments.wait)


def empty_quarantine(house: House, arguments: argparse.Namespace) -> None:
    """As far as it can be."""
    if arguments.first == "replay":
        quarantine.replay(house, wait_s=arguments.wait)
    else:
        quarantine.discard(house, Waiting(code="enum"), reason="the sweep", wait_s=arguments.wait)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
