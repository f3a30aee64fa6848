"""`house.json` in the lake's folder: the random name that the lake shares with its store.

A file of its own, not a property of each table: it is there before the first table and after the last one is gone, one
look at it answers for all of them, and no table needs a commit for it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from tillage.domain.load import CommitPoint
from tillage.errors import LakeError
from tillage.ports.commit import Commits

_FILE = "house.json"
_MOST_BYTES = 4096


def read_mark(folder: Path) -> str | None:
    """The name in the lake's folder; None if no store has taken this lake yet.

    Raises:
        LakeError: the file is there and is not one of ours.
    """
    try:
        with (folder / _FILE).open("rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as wrong:
        raise LakeError(f"{folder / _FILE} cannot be read: {wrong.strerror}; make it readable") from wrong
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("house"), str):
        raise LakeError(f"{folder / _FILE} is not as it was written; put it back from a backup of the project")
    return str(found["house"])


def write_mark(folder: Path, house: str, commits: Commits) -> None:
    """Writes the file whole and for good, unless there is one: whoever comes first stays.

    Raises:
        LakeError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(prefix=".house-", dir=folder)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"house": house}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(made).chmod(0o644)
            with commits.at(CommitPoint.HOUSE):
                _put(Path(made), folder / _FILE)
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
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
