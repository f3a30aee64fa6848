"""What is being written lies beside its place, under a name of ours that one process holds at a time.

The kernel frees the lock with its holder, so whatever lies there without one was left by a process that was killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tillage.errors import ExportError, TillageError, TransientError


def beside(target: Path, what: str) -> Path:
    """Where something of ours lies beside `target`: its name begins with a dot, so nothing takes it for the export."""
    return target.with_name(f".{target.name}.tillage-{what}")


@contextmanager
def held_file(target: Path) -> Iterator[tuple[Path, int]]:
    """An empty file beside the target, and its descriptor; gone at the end, unless it was moved.

    Raises:
        TransientError: another process is writing the same target.
    """
    path = beside(target, "part")
    handle = _held(target, lambda: os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
    try:
        os.ftruncate(handle, 0)
        yield path, handle
    finally:
        _remove_if_ours(path, handle)
        os.close(handle)


@contextmanager
def held_folder(target: Path) -> Iterator[Path]:
    """As `held_file`, an empty folder."""
    path = beside(target, "part")

    def make() -> int:
        with suppress(FileExistsError):
            path.mkdir()
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    handle = _held(target, make)
    try:
        for left in path.iterdir():
            left.unlink()
        yield path
    finally:
        _remove_if_ours(path, handle)
        os.close(handle)


def _held(target: Path, opened: Callable[[], int]) -> int:
    """A descriptor with the lock, of what lies at that name now: whoever had it before may have moved it away."""
    path = beside(target, "part")
    while True:
        handle = opened()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise TransientError(f"{target} is being written by another export; wait for it, then repeat") from None
        if _is_at(path, handle):
            return handle
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False


def _remove_if_ours(path: Path, handle: int) -> None:
    with suppress(OSError):  # what is left is removed by the next export to this place
        if _is_at(path, handle):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def sync(path: Path) -> None:
    """A file or folder is on disk as it is now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def said(target: Path) -> Iterator[None]:
    """The system's complaints as ours.

    Raises:
        ExportError: it cannot be written there.
    """
    try:
        yield
    except (TillageError, BrokenPipeError):
        raise
    except OSError as wrong:
        raise ExportError(
            f"{target} cannot be written: {wrong.strerror or type(wrong).__name__}; nothing was put there. Mend that, "
            "or give another place with --to"
        ) from wrong
