"""A real PostgreSQL beside the project's data, brought up by the first command that needs it, stopped by the last.

Three lock files in the store's folder carry the whole agreement between processes; the kernel frees a lock when its
holder ends, also by kill -9, so no count can go wrong:

- `start.lock`, exclusive: whoever starts, mends or stops the server.
- `users.lock`, shared: every process that uses the server.
- `server.lock`, exclusive: the server itself, inherited by each of its processes, so it is free only when the last
  one is gone. A pid file cannot say that.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from psycopg.conninfo import make_conninfo

from tillage.errors import StoreAwayError, StoreError
from tillage.stores.embedded import server
from tillage.stores.embedded.folder import DATABASE, PORT, USER, StoreFolder
from tillage.stores.embedded.locks import Deadline, FileLock, holding

__all__ = ["EmbeddedPostgres"]

# Crash recovery of at most `max_wal_size` takes seconds; a disk that needs longer than this deserves a person's look.
START_LIMIT_S = 60.0
_START_LOCK_IS_HELD = "another command is starting or stopping it"


class EmbeddedPostgres:
    """One process's share in the server of one folder; many shares, in one process or several, use the same server."""

    def __init__(self, folder: Path) -> None:
        self._folder = StoreFolder(Path(folder).resolve())
        self._mutex = threading.RLock()
        self._users: FileLock | None = None
        self._holders = 0
        self._pid = os.getpid()

    def acquire(self) -> str:
        """Returns the libpq DSN of a server that has just answered, started or mended first when needed.

        May be nested; each call wants its own `release`. A call while already held also mends a server that was
        killed meanwhile.

        Raises:
            StoreError: The folder, the installation or this account cannot carry a server.
            StoreAwayError: The server did not answer within 60 s; it is left to go on with its recovery.
        """
        with self._mutex:
            self._forget_if_forked()
            try:
                host = self._join(Deadline(START_LIMIT_S))
            except TimeoutError as error:
                message = (
                    f"The embedded PostgreSQL in {self._folder.path} is not ready after {START_LIMIT_S:.0f} s: {error}."
                    f" Repeat the command; if it stays so, read the last lines of {self._folder.log}."
                )
                raise StoreAwayError(message, retry_after_s=10.0) from error
            except OSError as error:
                message = (
                    f"The embedded PostgreSQL cannot use {error.filename or self._folder.path}: {error.strerror}."
                    " Run as the owner of that folder, or set the store's DSN to another PostgreSQL."
                )
                raise StoreError(message) from error
            self._holders += 1
            return make_conninfo(host=str(host), port=PORT, user=USER, dbname=DATABASE)

    def release(self) -> None:
        """Gives this share back; the last one stops the server and returns when no process of it is left.

        Does nothing when nothing is held, and never fails: a server that could not be stopped serves the next
        command, which stops it.
        """
        with self._mutex:
            self._forget_if_forked()
            if self._users is None:
                return
            self._holders -= 1
            if self._holders == 0:
                self._users.close()
                self._users = None
                self._stop_if_last()

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _join(self, deadline: Deadline) -> Path:
        self._folder.make()
        with holding(self._folder.start_lock, deadline, _START_LOCK_IS_HELD):
            users = self._users or FileLock(self._folder.users_lock)
            try:
                # Exclusive is only ever tried under the start lock, so nobody can come between these two lines.
                is_alone = users.try_exclusive()
                users.try_shared()
                host = server.bring_up(self._folder, deadline, is_alone=is_alone)
            except BaseException:
                if self._users is None:
                    users.close()
                raise
            self._users = users
            return host

    def _stop_if_last(self) -> None:
        try:
            with holding(self._folder.start_lock, Deadline(START_LIMIT_S), _START_LOCK_IS_HELD):
                users = FileLock(self._folder.users_lock)
                try:
                    if users.try_exclusive():
                        server.stop(self._folder)
                finally:
                    users.close()
        except OSError:
            # The folder was removed under us, or another command is busy with the server for a whole minute. A
            # failure here would hide the result of the command that has just ended.
            return

    def _forget_if_forked(self) -> None:
        """A forked child holds a copy of its parent's lock: closing the copy leaves the parent's lock in place."""
        if self._pid == os.getpid():
            return
        if self._users is not None:
            self._users.close(is_copy=True)
        self._users, self._holders, self._pid = None, 0, os.getpid()
