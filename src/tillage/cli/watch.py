"""`tillage run --watch`: puts the watcher together, and prints one line for each event."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from tillage.cli.children import Children
from tillage.cli.signals import RealClock, taking_signals
from tillage.contracts.project import Project, read_project
from tillage.doors.glance import LandingFolders
from tillage.errors import OperatorError
from tillage.pipelines.watch import Outside, watch
from tillage.ports.watch import Event, Job
from tillage.settings import PROJECT_FILE, find_project


def watch_project(start: Path, feeds: Sequence[str], *, interval_s: float, wait_s: float, as_json: bool) -> None:
    """Watches the project until SIGTERM or SIGINT; a second one ends it with 128 + its number.

    Imports no driver: the commands that it runs do.
    """
    root = find_project(start)
    with taking_signals() as signals:
        outside = Outside(
            clock=RealClock(signals),
            landing=LandingFolders(root),
            worker=Children(root, signals, wait_s=wait_s, pass_on=lambda line: print(line, file=sys.stderr)),
            jobs=ProjectJobs(root, feeds),
            say=_say_json if as_json else _say,
        )
        watch(outside, interval_s=interval_s)
        if signals.count > 1:
            raise typer.Exit(128 + signals.number)


class ProjectJobs:
    """The jobs that `tillage.yaml` in `root` names, read again when the file has changed."""

    def __init__(self, root: Path, feeds: Sequence[str]) -> None:
        self._file = root / PROJECT_FILE
        self._feeds = feeds
        self._signature: tuple[int, int, int] | None = None

    def changed(self) -> Sequence[Job] | None:
        signature = self._now()
        if signature == self._signature:
            return None
        self._signature = signature
        return jobs_of(self._read(), self._feeds)

    def _now(self) -> tuple[int, int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_size, found.st_mtime_ns, found.st_ino)

    def _read(self) -> Project:
        try:
            text = self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as wrong:
            raise OperatorError(f"{PROJECT_FILE} cannot be read: {type(wrong).__name__}; mend that.") from None
        return read_project(PROJECT_FILE, text)


def jobs_of(project: Project, feeds: Sequence[str]) -> list[Job]:
    """One for each feed, or for those named; and if all are watched, the maintenance that has a schedule.

    Raises:
        OperatorError: there is no feed of that name.
    """
    names = [feed.name for feed in project.feeds]
    for name in feeds:
        if name not in names:
            raise OperatorError(f"{PROJECT_FILE} has no feed '{name}'; it has: {', '.join(names)}")
    jobs = [Job(feed, feed.schedule) for feed in project.feeds if not feeds or feed.name in feeds]
    return jobs if project.maintain is None or feeds else [*jobs, Job(None, project.maintain)]


def _say(event: Event) -> None:
    print(f"{event.at:%Y-%m-%d %H:%M:%SZ}  {event.event:<8}  {event.name or '-'}  {event.text}", flush=True)


def _say_json(event: Event) -> None:
    line = {"at": f"{event.at:%Y-%m-%dT%H:%M:%SZ}", "event": event.event, "name": event.name, "text": event.text}
    print(json.dumps(line | dict(event.figures), ensure_ascii=False), flush=True)
