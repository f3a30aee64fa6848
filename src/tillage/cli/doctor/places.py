"""Folders: where files arrive, and where the project keeps its own."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from tillage.cli.doctor.finding import Finding, Level
from tillage.contracts.environments import Environment
from tillage.contracts.feed_path import folder_of
from tillage.contracts.project import Feed, Project
from tillage.doors.folders import candidates
from tillage.errors import TillageError
from tillage.lake.paths import check_folder

_MOST_LISTED = 20
# Below this PostgreSQL itself stops soon: it keeps up to a gigabyte of its log beside the data.
_LEAST_FREE_BYTES = 512 * 1024 * 1024
_FEW_FREE_BYTES = 5 * 1024 * 1024 * 1024
_GIB = 1024 * 1024 * 1024


def examine_places(root: Path, project: Project | None) -> Iterator[Finding]:
    """Landing folders of the feeds, `data`, the path itself, and the room on the disk."""
    for feed in project.feeds if project else ():
        yield from _landing(root, feed)
    if project:
        yield from _unread(root, project)
    yield from _data(root, project.environment if project else Environment())


def _landing(root: Path, feed: Feed) -> Iterator[Finding]:
    area = f"feed {feed.name}"
    folder = root / feed.folder
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        yield Finding(Level.WRONG, area, f"{feed.folder} cannot be read", f"chmod u+rx {shlex.quote(feed.folder)}")
        return
    try:
        taken, alone = candidates(root, feed)
    except TillageError as wrong:
        yield Finding(Level.WRONG, area, str(wrong), f"mkdir -p {shlex.quote(feed.folder)}")
        return
    unreadable = [file.name for file in taken if not os.access(file.real, os.R_OK)]
    for name in unreadable[:_MOST_LISTED]:
        yield Finding(Level.WRONG, area, f"{name} cannot be read", f"chmod u+r {shlex.quote(name)}")
    for left in alone[:_MOST_LISTED]:
        yield Finding(Level.NOTE, area, f"{left.path} is left alone: {left.reason}")
    if len(alone) > _MOST_LISTED:
        yield Finding(Level.NOTE, area, f"{len(alone) - _MOST_LISTED:,} more are left alone")
    if not unreadable:
        yield Finding(Level.OK, area, f"{len(taken):,} files in {feed.folder}")


def _unread(root: Path, project: Project) -> Iterator[Finding]:
    """Files beside the folders of the feeds: who put them there waits for them in vain."""
    folders = [feed.folder.split("/") for feed in project.feeds]
    folders += [folder_of(path).split("/") for one in project.environments for path in one.paths.values()]
    for parent in sorted({folder[0] for folder in folders if len(folder) > 1}):
        inside = {folder[1] for folder in folders if folder[0] == parent and len(folder) > 1}
        if [parent] in folders or not (root / parent).is_dir() or not os.access(root / parent, os.R_OK | os.X_OK):
            continue
        found = sorted(entry.name for entry in (root / parent).iterdir() if not entry.name.startswith((".", "_")))
        for name in [name for name in found if name not in inside][:_MOST_LISTED]:
            shown = name.encode(errors="backslashreplace").decode()
            yield Finding(Level.NOTE, "landing", f"no feed reads {parent}/{shown}", "add a feed to tillage.yaml")


def _data(root: Path, of: Environment) -> Iterator[Finding]:
    data = root / of.data
    try:
        check_folder(data)
    except TillageError as wrong:
        yield Finding(Level.WRONG, "path", str(wrong))
    where = data if data.exists() else root
    for folder in (where, *(data / name for name in ("lake", "store", "tmp") if (data / name).exists())):
        if not os.access(folder, os.W_OK | os.X_OK):
            name = folder.relative_to(root).as_posix()
            mend = f"run as its owner, or: chmod -R u+rwX {shlex.quote(name)}"
            yield Finding(Level.WRONG, "data", f"{name} cannot be written by this account", mend)
    free_bytes = shutil.disk_usage(where).free
    shown = f"{free_bytes / _GIB:.1f} GiB free"
    if free_bytes < _LEAST_FREE_BYTES:
        yield Finding(Level.WRONG, "disk", f"{shown}; PostgreSQL stops when it is full", "free some room")
    else:
        yield Finding(Level.NOTE if free_bytes < _FEW_FREE_BYTES else Level.OK, "disk", shown)
