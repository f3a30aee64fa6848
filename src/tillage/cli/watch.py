"""`tillage run --watch`: puts the watcher together, and prints one line for each event."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import typer

from tillage.cli.children import Children
from tillage.cli.opening import environment_json
from tillage.cli.signals import RealClock, taking_signals
from tillage.contracts.project import Project, in_environment, read_project
from tillage.doors.glance import LandingFolders
from tillage.errors import OperatorError
from tillage.pipelines.watch import Outside, watch
from tillage.ports.watch import Event, Job
from tillage.settings import PROJECT_FILE, Settings


def watch_project(
    root: Path, settings: Settings, feeds: Sequence[str], *, interval_s: float, wait_s: float, as_json: bool
) -> None:
    """Watches the project until SIGTERM or SIGINT; a second one ends it with 128 + its number.

    Imports no driver: the commands that it runs do.
    """
    jobs = ProjectJobs(root, feeds, settings.env)
    which = environment_json(jobs.read())
    with taking_signals() as signals:
        outside = Outside(
            clock=RealClock(signals),
            landing=LandingFolders(root),
            worker=Children(
                root, settings.env, signals, wait_s=wait_s, pass_on=lambda line: print(line, file=sys.stderr)
            ),
            jobs=jobs,
            say=partial(_say_json if as_json else _say, which=which),
        )
        watch(outside, interval_s=interval_s)
        if signals.count > 1:
            raise typer.Exit(128 + signals.number)


class ProjectJobs:
    """The jobs that `tillage.yaml` in `root` names, read again when the file has changed."""

    def __init__(self, root: Path, feeds: Sequence[str], env: str | None = None) -> None:
        self._file = root / PROJECT_FILE
        self._feeds = feeds
        self._env = env
        self._signature: tuple[int, int, int] | None = None

    def changed(self) -> Sequence[Job] | None:
        signature = self._now()
        if signature == self._signature:
            return None
        self._signature = signature
        return jobs_of(self.read(), self._feeds)

    def _now(self) -> tuple[int, int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_size, found.st_mtime_ns, found.st_ino)

    def read(self) -> Project:
        """The project as its file says it now, in the environment."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as wrong:
            raise OperatorError(f"{PROJECT_FILE} cannot be read: {type(wrong).__name__}; mend that.") from None
        return in_environment(read_project(PROJECT_FILE, text), self._env)


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


def _say(event: Event, which: Mapping[str, str]) -> None:
    here = "".join(f"{name}  " for name in which.values())
    print(f"{event.at:%Y-%m-%d %H:%M:%SZ}  {here}{event.event:<8}  {event.name or '-'}  {event.text}", flush=True)


def _say_json(event: Event, which: Mapping[str, str]) -> None:
    line = {"at": f"{event.at:%Y-%m-%dT%H:%M:%SZ}", "event": event.event, "name": event.name, "text": event.text}
    print(json.dumps(line | dict(which) | dict(event.figures), ensure_ascii=False), flush=True)
