"""Which processes belong to one PostgreSQL data folder; a signal goes to those and to no other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tillage.stores.embedded.folder import StoreFolder

_PROC = Path("/proc")


def postmaster_pid(folder: StoreFolder) -> int | None:
    """The recorded postmaster, if the process of that number really is a PostgreSQL at work in this data folder."""
    recorded = recorded_postmaster(folder)
    if recorded is None or recorded[0] not in _members_among(folder, [recorded[0]]):
        return None
    return recorded[0]


def recorded_postmaster(folder: StoreFolder) -> tuple[int, Path] | None:
    """The pid and the socket folder that `postmaster.pid` names; true or stale, None while it is being written.

    Source: PostgreSQL, src/include/utils/pidfile.h.
    """
    try:
        lines = (folder.data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return abs(int(lines[0])), Path(lines[4])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def members(folder: StoreFolder) -> list[int]:
    """All processes of the server of this data folder, whether their postmaster lives or not."""
    if (_PROC / "self/cwd").exists():
        return _members_among(folder, [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()])
    return _members_by_ps(folder)


def send(folder: StoreFolder, pid: int, number: signal.Signals) -> bool:
    """True if `pid` was a process of this data folder and got the signal; any other process gets none."""
    handle = _open_handle(pid)
    try:
        if not _members_among(folder, [pid]):
            return False
        if sys.platform == "linux" and handle is not None:
            # The handle was opened before the check: a number given to a new process in between gets nothing.
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def _open_handle(pid: int) -> int | None:
    if sys.platform == "linux":
        # Fails when it is already gone, which the check finds out; or on a kernel before 5.3.
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def _members_among(folder: StoreFolder, pids: list[int]) -> list[int]:
    if not folder.data.is_dir():
        return []
    if not (_PROC / "self/cwd").exists():
        return [pid for pid in _members_by_ps(folder) if pid in pids]
    data = folder.data.stat()
    return [pid for pid in pids if _works_in(pid, data)]


def _works_in(pid: int, data: os.stat_result) -> bool:
    """PostgreSQL stays in its data folder; the working folder cannot be faked by a title or an old pid file."""
    try:
        program = (_PROC / str(pid) / "exe").readlink().name
        place = (_PROC / str(pid) / "cwd").stat()
    except OSError:
        # Gone, a zombie, or of another account: nothing that may be signalled.
        return False
    return program.removesuffix(" (deleted)") == "postgres" and os.path.samestat(place, data)


def _members_by_ps(folder: StoreFolder) -> list[int]:
    """The same without /proc: by the cluster's name, which PostgreSQL shows in the titles of its processes."""
    if not folder.data.is_dir():
        return []
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,uid=,command="], capture_output=True, check=True, stdin=subprocess.DEVNULL
    ).stdout.decode(errors="replace")
    name = re.escape(folder.cluster_name)
    ours = re.compile(rf"\s*(\d+)\s+{os.geteuid()}\s+(?:postgres: {name}: |\S.*/postgres -D .* cluster_name={name}\b)")
    return [int(found[1]) for found in map(ours.match, listing.splitlines()) if found]
