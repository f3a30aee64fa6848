"""One house under torture: its folder, its PostgreSQL, its commands as processes, and the model beside it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from tests.acceptance.crash.runs import Ended, Process
from tests.torture.comparing import differences, differences_shown, is_whole
from tests.torture.contracts import Said
from tests.torture.model import Model
from tests.torture.projects import Project, document, put, write
from tests.torture.steps import Files, Step
from tillage.stores.embedded import EmbeddedPostgres
from tillage.stores.embedded.locks import is_held

_LIMIT_S = 180.0  # longer than a command waits for a lease or a server, on a machine that is busy
_INSPECTION_LIMIT_S = 1_800.0  # all sums from the bytes of a hundred loads, each under its own contract
_USUAL_S = dict.fromkeys(("run", "rebuild", "backup"), 1.0) | {"replay": 0.8, "discard": 0.4, "maintain": 0.8}
_USUAL_S |= {"remake": 0.6, "restore": 2.0}  # at first; then it is what was seen
# What a command may end with besides 0: after trouble with the store or the disk; when it was overtaken; and 11 when
# a file is torn. A process that was stopped inside a transaction and cut off may find its connection broken at the
# commit: libpq loses the server's reason if that came together with an answer.
_EXITS: Mapping[str, set[int]] = {
    "store killed": {12, 13},
    "store and process killed": {12, 13},
    "stopped at a commit point": {12, 13},
    "stopped at some time": {12, 13},
    "disk full": {10, 12},
    "files arriving": {12},
}


class WrongError(AssertionError):
    """The house is not that of the model, or a command ended as it must not."""


class TorturedHouse:
    """Commands are killed, stopped and starved; after each round the house must be that of the model."""

    def __init__(self, root: Path, nursery: Path, project: Project, bug: str | None = None) -> None:
        self.root = root
        self.project = project
        self.model = Model(project)
        self.kills: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()
        self._backup = root.with_name(f"{root.name}-backup")
        self._nursery = nursery
        self._bug = bug
        self._said = {feed.name: Said() for feed in project.feeds}
        self._factor = 1
        self._usual_s = dict(_USUAL_S)
        self._stack = ExitStack()
        self._write()

    def __enter__(self) -> TorturedHouse:
        self._keep_store()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _keep_store(self) -> None:
        if not self.project.is_cold:
            self._stack.enter_context(EmbeddedPostgres(self.root / "data" / "store"))

    def take(self, step: Step) -> str:
        """Does a step with its trouble; how it ended."""
        if step.do == "land":
            self._deliver(step.files)
        elif step.said:
            self._said[step.feed] = step.said
            self._write()
        elif step.do == "look":
            self._look()
        elif step.do == "remodel":
            self._factor = 3 - self._factor
            self._write()
        elif step.do == "restore":
            return self._restore(step)
        else:
            return self._command(step)
        return ""

    def settle(self, *, is_last: bool, is_rebuilt: bool = False) -> list[str]:
        """Runs once without trouble, which must be enough; what then differs from the model.

        If asked for, what stands is judged anew then, after which nothing may come out otherwise.
        """
        with self._started({"do": "run"}) as process:
            self._end(process, "none", "run")
        if is_rebuilt:
            with self._started({"do": "rebuild", "waiting": {"feed": None, "since": None}}) as process:
                self._end(process, "none", "rebuild")
        found = self._found({"do": "inspect", "is_last": is_last})
        self.loads = Counter(kind for _, _, state, kind, *_ in found["loads"] if state == "sealed")
        wrong = differences(self.model, self._factor, found)
        return wrong + (self._outdated(found) if is_rebuilt else [])

    def _outdated(self, found: Mapping[str, Any]) -> list[str]:
        after = max((load for load, *_ in found["loads"]), default=0) + 1
        return [
            f"rebuild: {len(units)} units of {dataset} come out otherwise after it, such as {min(units)}"
            for feed in self.project.feeds
            if feed.name in self.model.houses
            for dataset, units in self.model.houses[feed.name]
            .outdated(document(feed, self._said[feed.name]), self.model.wanted(feed.name, found, after))
            .items()
            if units
        ]

    def _look(self) -> None:
        """What readers see now, while loads may be open.

        Raises:
            WrongError: it is not of the loads that are published.
        """
        found = self._found({"do": "look"})
        wrong = [*self.model.follow(found), *differences_shown(self.model, found, (1, 2))]
        if wrong:
            raise WrongError("\n".join(["readers see:", *wrong]))

    def _found(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        into = self.root / "inspected.json"
        with self._started({**wanted, "into": str(into)}, limit_s=_INSPECTION_LIMIT_S) as process:
            ended = process.ended()
        if ended.code:
            raise WrongError(f"{wanted['do']} ended with {ended.code}: {ended.said}")
        found: Mapping[str, Any] = json.loads(into.read_text())
        return found

    def _write(self) -> None:
        write(self.root, self.project, self._said, self._factor)
        for text in (path.read_text() for path in (self.root / "contracts").iterdir()):
            self.model.contracts[hashlib.sha256(text.encode()).hexdigest()] = text

    def _deliver(self, files: Files) -> None:
        for path, stored in files:
            self.model.deliver(path, stored)  # first: a run may see the file at once
            put(self.root / path, stored)

    def _started(self, wanted: Mapping[str, Any], *, lease_ttl_s: float = 30, limit_s: float = _LIMIT_S) -> Process:
        environment = {
            "TILLAGE_THREADS": "1",
            "TILLAGE_MEMORY_MB": "256",
            "TILLAGE_LEASE_TTL_S": str(lease_ttl_s),
        }
        arguments = [json.dumps({"root": str(self.root), "bug": self._bug, **wanted})]
        return Process(self._nursery, arguments, environment, limit_s=limit_s)

    def _command(self, step: Step) -> str:
        trouble = step.trouble
        wanted: dict[str, Any] = {"do": step.do, "waiting": dict(step.waiting), "backup": str(self._backup)}
        if trouble.kind == "killed at a commit point":
            wanted["crash"] = trouble.point
        elif trouble.kind == "killed at the n-th commit":
            wanted["killed_at"] = trouble.killed_at
        elif trouble.kind == "stopped at a commit point":
            wanted["stop"] = trouble.point
        elif trouble.kind == "disk full":
            wanted["full"] = trouble.full
        is_stopped = trouble.kind.startswith("stopped")
        begun_s = time.monotonic()
        with self._started(wanted, lease_ttl_s=1 if is_stopped else 30) as process:
            at_s = trouble.at * 1.1 * self._usual_s[step.do]
            self._happens(step, process, at_s)
            ended = self._end(process, trouble.kind, step.do)
        if trouble.kind == "none":
            self._usual_s[step.do] = 0.7 * self._usual_s[step.do] + 0.3 * (time.monotonic() - begun_s)
        if ended.is_killed and trouble.kind == "killed at a commit point":
            self.kills[f"{trouble.kind}: {trouble.point.rpartition(':')[0]}"] += 1
        elif ended.is_killed and trouble.killed_at:
            self.kills[f"killed at a commit point: {(self.root / 'killed-at').read_text()}"] += 1
        return f"{ended.code} {ended.error or ''}".strip()

    def _restore(self, step: Step) -> str:
        """Everything is lost but the files at the doors and the backup; what came after that is loaded again."""
        if not (self._backup / "manifest.json").is_file():
            return ""
        self._stack.close()
        rmtree(self.root / "data")
        wanted = {"do": "restore", "backup": str(self._backup)}
        how = []
        if step.trouble.at:
            with self._started(wanted) as process:
                self._happens(step, process, step.trouble.at * 1.1 * self._usual_s["restore"])
                how.append(self._end(process, step.trouble.kind, "restore").code)
        if how != [0]:
            with self._started(wanted) as process:
                how.append(self._end(process, "none", "restore").code)
        self._keep_store()
        self.model.begin_anew()
        return ", ".join(map(str, how))

    def _happens(self, step: Step, process: Process, at_s: float) -> None:
        """The trouble, while the process is at work."""
        kind = step.trouble.kind
        if kind == "stopped at a commit point":
            self._overtaken_at_point(step, process)
        elif kind in {"none", "killed at a commit point", "killed at the n-th commit", "disk full"}:
            return
        elif kind.startswith("two at once"):
            self._beside(step, process, at_s)
        elif kind == "files arriving":
            process.is_over(within_s=at_s)
            self._deliver(step.trouble.arriving)
        elif not process.is_over(within_s=at_s):
            self._struck(step, process)

    def _struck(self, step: Step, process: Process) -> None:
        kind = step.trouble.kind
        if kind == "stopped at some time":
            os.kill(process.pid, signal.SIGSTOP)
            process.until_stopped()
            if is_held(self.root / "data/store/start.lock"):
                # Nobody overtakes a process that stopped in the moment in which it starts the store or looks for it:
                # others say after 60 s who is at it.
                process.go_on()
                return
            self._overtaken(step, process)
            self.kills[kind] += 1
            return
        if "store" in kind and self._kill_store():
            self.kills[kind] += 1
        if kind in {"killed at some time", "store and process killed"}:
            self._kill(process)
            self.kills[kind] += kind == "killed at some time"

    def _kill(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    def _kill_store(self) -> bool:
        """Kills the postmaster of this house, if it is one."""
        data = self.root / "data/store/pg"
        try:
            pid = int((data / "postmaster.pid").read_text().splitlines()[0])
            if Path(f"/proc/{pid}/cwd").resolve() != data.resolve():
                return False
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            return False
        return True

    def _overtaken_at_point(self, step: Step, process: Process) -> None:
        """Another command takes over while the process is stopped, unless it never came to the point."""
        if process.has_stopped():
            self._overtaken(step, process)
            self.kills["stopped at a commit point"] += 1

    def _overtaken(self, step: Step, process: Process) -> None:
        with self._started(step.trouble.rival) as rival:
            self._end(rival, "none", step.trouble.rival["do"])
            process.go_on()

    def _beside(self, step: Step, process: Process, at_s: float) -> None:
        with self._started(step.trouble.rival) as rival:
            if step.trouble.kind == "two at once, one killed" and not process.is_over(within_s=at_s):
                self._kill(process)
                self.kills[step.trouble.kind] += 1
            self._end(rival, "none", step.trouble.rival["do"])

    def _end(self, process: Process, kind: str, do: str) -> Ended:
        ended = process.ended()
        allowed = {0, *_EXITS.get(kind, ())}
        if do == "run" and not all(is_whole(self.model.delivered[one]) for one in self.model.lying.items()):
            allowed.add(11)
        if "killed" in kind:
            allowed.add(-signal.SIGKILL)
        self.codes[f"{kind}: {ended.code} {ended.error or ''}".strip()] += 1
        if ended.code not in allowed:
            raise WrongError(f"{do} ({kind}) ended with {ended.code}: {ended.said.strip()}")
        return ended
