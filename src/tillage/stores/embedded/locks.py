"""Locks between processes that no death can leave behind, and waits that end."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Short beside the 50 ms a server needs to start or stop; 100 looks per second cost under 1 % of a core.
_INTERVAL_S = 0.01


class Deadline:
    """A point in time by which a wait ends, in one way or the other."""

    def __init__(self, limit_s: float) -> None:
        self._end_s = time.monotonic() + limit_s

    @property
    def left_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end_s - time.monotonic())

    def pause(self, reason: str) -> None:
        """Waits one short interval.

        Raises:
            TimeoutError: No time is left; its text is `reason`.
        """
        if self.left_s == 0.0:
            raise TimeoutError(reason)
        time.sleep(_INTERVAL_S)


class FileLock:
    """A lock on a file which the kernel frees when the process ends, however it ends; not inherited by programs."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self) -> bool:
        """True if nobody else holds it; on False a shared lock held before is lost."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """True if nobody else holds it exclusively."""
        return self._try(fcntl.LOCK_SH)

    def sign(self) -> None:
        """Writes into the file who holds it, for messages alone: on a full disk they do without."""
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def holder(self) -> str:
        """The process id that signed last; empty if none did."""
        said = os.pread(self._fd, 20, 0).decode(errors="replace").strip()
        return said if said.isdecimal() else ""

    def close(self, *, is_copy: bool = False) -> None:
        """Frees the lock, also where a forked child still has the file open; a copy is closed without freeing it."""
        if not is_copy:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def holding(path: Path, deadline: Deadline, reason: str) -> Iterator[None]:
    """Holds the lock of `path` exclusively.

    Raises:
        TimeoutError: Others held it until the deadline; its text is `reason`, with the process id and what to do.
    """
    lock = FileLock(path)
    try:
        try:
            while not lock.try_exclusive():
                deadline.pause(reason)
        except TimeoutError:
            raise TimeoutError(reason + _about(lock.holder())) from None
        lock.sign()
        yield
    finally:
        lock.close()


def _about(pid: str) -> str:
    if not pid:
        return ""
    return (
        f" (process {pid}; if it stands still, let it go on with kill -CONT {pid}, or end it with kill -9 {pid}: the "
        "next command mends what it was at)"
    )


def is_held(path: Path) -> bool:
    """True if any process holds the lock of `path` exclusively."""
    lock = FileLock(path)
    try:
        return not lock.try_shared()
    finally:
        lock.close()
