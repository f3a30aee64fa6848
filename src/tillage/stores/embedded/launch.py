"""Becomes a PostgreSQL program; run as a file of its own by `python -I -S`.

A separate small process, because between fork and exec of a process with threads almost nothing is safe to do.

Usage: launch.py wait|detach STARTER_PID SERVER_LOCK PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

STARTER_GONE = 74
LOCK_BUSY = 75
NO_NAMESPACE = 77

_CLONE_NEWUSER = 0x10000000
# Any number but 0: PostgreSQL only asks whether it is root.
_INNER_UID = 1000


def main(arguments: list[str]) -> NoReturn:
    """Ends as the program, as its short-lived parent, or with one of the codes above."""
    mode, starter_pid, lock, program, *rest = arguments
    os.umask(0o077)
    try:
        take_server_lock(lock)
    except BlockingIOError:
        sys.exit(LOCK_BUSY)
    # Only after the lock: a starter killed before this line may already have a successor, which must find the lock
    # either taken or never to be taken by this process.
    if os.getppid() != int(starter_pid):
        sys.exit(STARTER_GONE)
    if os.geteuid() == 0:
        try:
            leave_root()
        except OSError as error:
            sys.stderr.write(f"no user namespace: {error}\n")
            sys.exit(NO_NAMESPACE)
    if mode == "detach" and os.fork():
        os._exit(0)
    # Python ignores SIGPIPE, and what is ignored stays ignored in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(program, [program, *rest])  # noqa: S606 no shell is the point


def take_server_lock(path: str) -> None:
    """Locks the file on a descriptor that the program and all its children inherit.

    Raises:
        BlockingIOError: A process of the server holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(descriptor, True)


def leave_root() -> None:
    """Enters a user namespace where this account has an ordinary number; its files stay its own.

    Raises:
        OSError: This system does not allow that.

    Source: user_namespaces(7), "Defining user and group ID mappings".
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise OSError("only Linux has user namespaces")
    if unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_INNER_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_INNER_UID} {gid} 1")


if __name__ == "__main__":
    main(sys.argv[1:])
