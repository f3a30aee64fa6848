"""How fast each client may ask, counted over all processes of one server.

For each client with a rate there is one number: the moment from which on its next request would come evenly spaced.
Source: the generic cell rate algorithm, ITU-T I.371, annex A (virtual scheduling).
"""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tillage.domain.clients import Grant

_MOMENT = struct.Struct("=d")
# The lock is held for some microseconds, unless its holder was stopped in them; then one request too many is let by
# rather than that all others wait.
_TRIES = 100


class Rates:
    """Takes requests from what clients may ask.

    Args:
        folder: Where the processes of the server keep their numbers, a small file for each client; None: this process
            is the only one.
        now_s: A clock that all of them share.
    """

    def __init__(self, folder: str | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._now_s = folder, now_s
        self._file_of = cache(self._opened)

    def wait_s(self, grant: Grant) -> float:
        """Takes one request, with a second's worth at once at most; otherwise how long to wait for the next."""
        if grant.per_s is None:
            return 0.0
        file = self._file_of(grant.client)
        apart_s = 1 / grant.per_s
        _lock(file)
        try:
            now_s = self._now_s()
            kept = os.pread(file, _MOMENT.size, 0)
            due_s = max(now_s, _MOMENT.unpack(kept)[0] if kept else now_s)
            wait_s = due_s - now_s - (1 - apart_s)
            if wait_s > 1e-9:
                return wait_s
            os.pwrite(file, _MOMENT.pack(due_s + apart_s), 0)
            return 0.0
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _opened(self, client: str) -> int:
        """A descriptor for as long as the process lives; there are as many as clients with a rate."""
        if self._folder is None:
            with tempfile.TemporaryFile() as file:
                return os.dup(file.fileno())
        Path(self._folder).mkdir(exist_ok=True)  # else what a person cleaned away would stop all requests
        return os.open(Path(self._folder, f"{client}.rate"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(file: int) -> None:
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.sched_yield()
        else:
            return
