"""Opens a file at the door so that nothing but the regular file that was listed can be read, however it is swapped.

A FIFO or device put in its place is never waited for, a link is never followed out of the feed's folder, and a file
that somebody is still writing is told from one that is whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tillage.doors.refused import RefusedStreamError

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


@contextmanager
def opened(path: Path, inside: Path) -> Iterator[int]:
    """A descriptor of the regular file at `path`, both without links in them, which lies in folder `inside`.

    Raises:
        FileNotFoundError: gone.
        RefusedStreamError: something else lies there now.
        OSError: it may not be read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as wrong:
        if wrong.errno in {errno.ELOOP, errno.ENXIO, errno.ENODEV}:
            raise RefusedStreamError("is no regular file any more") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RefusedStreamError("is no regular file any more")
        if not _place(descriptor, path).is_relative_to(inside):
            raise RefusedStreamError("is reached by a link out of the feed's folder")
        yield descriptor
    finally:
        os.close(descriptor)


def is_being_written(descriptor: int) -> bool:
    """Whether somebody has the file open for writing, where the system can tell; False where it cannot.

    Linux grants a read lease only while nobody does. It asks that the file is the caller's own, or root.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        # Who opens the file for writing while the lease is held breaks it, by a signal that would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as wrong:
        return wrong.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def signature(found: os.stat_result) -> str:
    """Equal means that the file need not be hashed again."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def stable_path(descriptor: int, path: Path) -> Path:
    """A path that opens the very file behind the descriptor, where the system has one; else `path`."""
    link = Path(f"/proc/self/fd/{descriptor}")
    return link if link.exists() else path


def _place(descriptor: int, path: Path) -> Path:
    """Where the open file lies, also if a folder on its path was swapped for a link."""
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return path.resolve()
