"""`house.json` in the lake's folder: the random name that the lake shares with its store, and the lake's format.

A file of its own, not a property of each table: it is there before the first table and after the last one is gone, one
look at it answers for all of them, and no table needs a commit for it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tillage.domain.load import CommitPoint
from tillage.errors import LakeError
from tillage.ports.commit import Commits
from tillage.ports.lake import LAKE_FORMAT

_FILE = "house.json"
_MOST_BYTES = 4096
_FIRST = 1  # a lake that does not say its format


def read_mark(folder: Path) -> str | None:
    """The name in the lake's folder; None if no store has taken this lake yet.

    Raises:
        LakeError: the file is there and is not one of ours, or the lake is of a newer format.
    """
    found = _read(folder)
    return found[0] if found else None


def _read(folder: Path) -> tuple[str, int] | None:
    try:
        with (folder / _FILE).open("rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as wrong:
        raise LakeError(f"{folder / _FILE} cannot be read: {wrong.strerror}; make it readable") from wrong
    except ValueError:
        found = None
    name, version = (found.get("house"), found.get("format", _FIRST)) if isinstance(found, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(version, int):
        raise LakeError(f"{folder / _FILE} is not as it was written; put it back from a backup of the project")
    if version > LAKE_FORMAT:
        raise LakeError(
            f"{folder} has format {version}, and this version of Tillage knows up to {LAKE_FORMAT}: it was written by "
            "a newer one; install that"
        )
    return name, version


def write_mark(folder: Path, house: str, commits: Commits) -> None:
    """Writes the file whole and for good, unless there is one: whoever comes first stays.

    Raises:
        LakeError: the folder cannot be written.
    """
    with _made(folder, house) as made, commits.at(CommitPoint.HOUSE):
        _put(made, folder / _FILE)


def raise_format(folder: Path, commits: Commits) -> None:
    """From now on a version that does not know today's format refuses the lake; nothing else of it is changed.

    Raises:
        LakeError: the folder cannot be written.
    """
    found = _read(folder)
    if found is None or found[1] == LAKE_FORMAT:
        return
    with _made(folder, found[0]) as made, commits.at(CommitPoint.HOUSE):
        made.replace(folder / _FILE)
        _sync(folder)


@contextmanager
def _made(folder: Path, house: str) -> Iterator[Path]:
    """The file under another name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(prefix=".house-", dir=folder)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"house": house, "format": LAKE_FORMAT}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(made).chmod(0o644)
            yield Path(made)
        finally:
            Path(made).unlink(missing_ok=True)
    except OSError as wrong:
        raise LakeError(f"{folder} cannot be written: {wrong.strerror}; make it writable for this account") from wrong


def _put(made: Path, target: Path) -> None:
    try:
        os.link(made, target)
    except FileExistsError:
        return
    except OSError:
        made.replace(target)  # a file system without links, such as FAT
    _sync(target.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
