"""One command in a process of its own, which the torture kills, stops, or lets run out of disk.

    main([JSON]) with {root, do, crash, stop, full, bug, ...}

Prints what is said and, last, what it did as one line of JSON. Ends with the exit code that the command has.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.crash.bugs import SEEDS
from tests.acceptance.crash.bugs import replace as seeded
from tests.acceptance.crash.child import StoppingLog
from tests.torture.inspection import inspect, look
from tests.torture.projects import planned_on
from tillage import __version__
from tillage.domain.conservation import Counts
from tillage.domain.load import CommitPoint
from tillage.errors import TillageError
from tillage.pipelines.backup import backup
from tillage.pipelines.house import House
from tillage.pipelines.maintain import maintain
from tillage.pipelines.rebuild import rebuild_from_bronze, rebuild_model
from tillage.ports.store import LoadSummary, Waiting
from tillage.settings import read_settings
from tillage.stores.postgres.ledger import Ledger
from tillage.wiring import backup_folder, open_house, restore_house

WAIT_S = 40.0
running = importlib.import_module("tillage.pipelines.run")
quarantine = importlib.import_module("tillage.pipelines.quarantine")
Did = dict[str, Any]


class TightLog(StoppingLog):
    """Also kills the process before or after its n-th commit, whatever that is, and lets no file of it grow beyond some
    bytes from the n-th commit on, as on a disk that is full.
    """

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        super().__init__(*(read_settings({"TILLAGE_CRASH": wanted.get(one) or ""}).crash for one in ("crash", "stop")))
        self._killed_at = tuple(wanted.get("killed_at") or ("", 0))
        self._tells = Path(wanted["root"]) / "killed-at"
        self._full_at, self._full_bytes = wanted.get("full") or (0, 0)
        self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    @contextmanager
    def at(self, point: CommitPoint) -> Iterator[None]:
        if self._full_at and self.passed.total() + 1 >= self._full_at:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._full_bytes, self._hard))
        number = self.passed.total() + 1
        self._strike("before", number, point)
        with super().at(point):
            yield
        self._strike("after", number, point)

    def _strike(self, side: str, number: int, point: CommitPoint) -> None:
        if self._killed_at == (side, number):
            self._tells.write_text(f"{side}:{point}")
            os.kill(os.getpid(), signal.SIGKILL)

    def lift(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._hard, self._hard))


def main(words: list[str]) -> int:
    wanted = json.loads(words[0])
    if wanted.get("bug"):
        SEEDS[wanted["bug"]]()
    _date_loads()
    commits, root = TightLog(wanted), Path(wanted["root"])
    said: list[str] = []
    did: Did = {"error": None, "loads": {}}
    code = 0
    try:
        if wanted["do"] == "restore":
            restore_house(root, Path(wanted["backup"]), read_settings(), say=said.append, commits=commits)
        else:
            with open_house(root, read_settings(), say=said.append, commits=commits) as house:
                code = DO[wanted["do"]](house, wanted, did)
    except TillageError as wrong:
        said.append(str(wrong))
        did["error"], code = wrong.code, wrong.exit_code
    finally:
        commits.lift()  # what is printed goes to a file too
        print(*said, sep="\n", flush=True)
    did["passed"] = {str(point): count for point, count in commits.passed.items()}
    print(json.dumps(did), flush=True)
    return code


def _run(house: House, _: Mapping[str, Any], did: Did) -> int:
    report = running.run(house, wait_s=WAIT_S)
    did["loads"] = _plain(report.loads)
    did["left_out"] = sorted(report.left_out)
    return max((wrong.exit_code for wrong in report.problems()), default=0)


def _replay(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    report = quarantine.replay(house, Waiting(**wanted["waiting"]), wait_s=WAIT_S)
    did["loads"] = _plain(report.counts)
    return 0


def _discard(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    did["discarded"] = quarantine.discard(house, Waiting(**wanted["waiting"]), reason="torture", wait_s=WAIT_S)
    return 0


def _inspect(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    Path(wanted["into"]).write_text(
        json.dumps(inspect(house, Path(wanted["root"]), is_last=wanted["is_last"]), default=str)
    )
    return 0


def _look(house: House, wanted: Mapping[str, Any], _: Did) -> int:
    Path(wanted["into"]).write_text(json.dumps(look(house, Path(wanted["root"])), default=str))
    return 0


def _rebuild(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    since = wanted["waiting"]["since"]
    day = date.fromisoformat(since) if since else None
    report = rebuild_from_bronze(house, feed=wanted["waiting"]["feed"], since=day, wait_s=WAIT_S)
    did["loads"] = _plain(report.loads)
    return 0


def _remake(house: House, wanted: Mapping[str, Any], _: Did) -> int:
    rebuild_model(house, wanted["waiting"]["model"], wait_s=WAIT_S)
    return 0


def _date_loads() -> None:
    """Each load was planned on the day that its number says: else `--since` had all of them or none."""
    summaries = Ledger.summaries

    def dated(self: Ledger, load_seq: int | None = None) -> list[LoadSummary]:
        return [
            replace(one, planned_at=datetime.combine(planned_on(one.load_seq), time(12), UTC))
            for one in summaries(self, load_seq)
        ]

    seeded(Ledger, "summaries", dated)


def _plain(loads: Mapping[int, Mapping[str, Counts]]) -> dict[str, Any]:
    return {str(load): {name: asdict(one) for name, one in counts.items()} for load, counts in loads.items()}


def _maintain(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    ahead = timedelta(seconds=wanted["waiting"]["ahead_s"])
    done = maintain(replace(house, now=lambda: house.now() + ahead), wait_s=WAIT_S, keep_h=wanted["waiting"]["keep_h"])
    did["deleted_files"] = sum(one.deleted_files for one in done)
    did["forgotten_records"] = sum(one.forgotten_records for one in done)
    return 0


def _backup(house: House, wanted: Mapping[str, Any], did: Did) -> int:
    folder = backup_folder(Path(wanted["root"]), Path(wanted["backup"]), read_settings())
    did["kept_files"] = backup(house, folder, wait_s=WAIT_S, version=__version__).kept_files
    return 0


DO: Mapping[str, Callable[[House, Mapping[str, Any], Did], int]] = {
    "run": _run,
    "replay": _replay,
    "discard": _discard,
    "maintain": _maintain,
    "backup": _backup,
    "rebuild": _rebuild,
    "remake": _remake,
    "look": _look,
    "inspect": _inspect,
}
