"""Brings one embedded server up from any state a crash can leave, and stops it. Every caller holds the start lock."""

from __future__ import annotations

import signal
import time
from enum import Enum, auto
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from tillage.errors import StoreAwayError, StoreError
from tillage.stores.embedded import processes, program
from tillage.stores.embedded.folder import DATABASE, PORT, USER, StoreFolder, socket_file
from tillage.stores.embedded.locks import Deadline, is_held

# A start can lose its server to a stray kill; a third loss in a row is a fault that another try does not mend.
_MOST_STARTS = 3
# Idle backends of a killed postmaster leave within milliseconds; one in the middle of a long query would go on for
# hours and block the restart.
_ORPHAN_PATIENCE_S = 2.0
# A postmaster opens its socket within milliseconds of its pid file; one silent for so long hangs or lost its socket.
_SILENCE_PATIENCE_S = 10.0
# Commands give their connections back; a server that has taken all keeps them.
_FULL_PATIENCE_S = 3.0

# Fast shutdown with its checkpoint; then immediate, which recovery mends; then, for a stopped process, by force.
_STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
# One that takes no connections recovers, or hangs. In recovery PostgreSQL 18.4 never comes to the end of a fast
# shutdown: its recovery stops, and the rest of it waits for ever. The next start recovers.
_UNREADY_STEPS = _STOP_STEPS[1:]
_END_STEPS = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0))


class _Answer(Enum):
    READY = auto()
    BUSY = auto()
    FULL = auto()
    SILENT = auto()


def bring_up(folder: StoreFolder, deadline: Deadline, *, is_alone: bool) -> Path:
    """Returns the socket folder of a server that has answered a query and has the database.

    Args:
        is_alone: No other process uses the server, so one that hangs may be ended.

    Raises:
        StoreError: The server cannot be started here, or ends each time while starting.
        StoreAwayError: It answers, and all its connections are taken.
        TimeoutError: It is not ready at the deadline.
    """
    for starts in range(_MOST_STARTS + 1):
        # What this call started itself is left to the deadline: a slow machine must not have it ended and retried.
        host = _settle(folder, deadline, may_end=starts == 0, is_alone=is_alone)
        if host is not None:
            return host
        if starts < _MOST_STARTS:
            program.make_data(folder, deadline)
            _clear_leftovers(folder)
            program.start_server(folder, deadline)
    message = (
        f"The embedded PostgreSQL in {folder.path} ended {_MOST_STARTS} times while starting."
        f" Read the last lines of {folder.log}."
    )
    raise StoreError(message)


def stop(folder: StoreFolder) -> None:
    """Returns when no process of the server is left: shut down if it is ready, and ended if that takes over 60 s."""
    is_ready = any(_ping(place) == pq.Ping.OK for place in _socket_dirs(folder))
    _end(folder, _STOP_STEPS if is_ready else _UNREADY_STEPS)
    folder.remove_short_socket_dir()


def _settle(folder: StoreFolder, deadline: Deadline, *, may_end: bool, is_alone: bool) -> Path | None:
    """Waits until the server answers, or until nothing of it is left: then None."""
    heard_s = taken_s = time.monotonic()
    while True:
        answers = {_ask(folder, place): place for place in _socket_dirs(folder)}
        if _Answer.READY in answers:
            return answers[_Answer.READY]
        if _Answer.FULL not in answers:
            taken_s = time.monotonic()
        elif time.monotonic() - taken_s > _FULL_PATIENCE_S:
            raise StoreAwayError(
                "the store has no connection left; end a server that uses it, give it fewer workers, or try again later"
            )
        if answers.keys() & {_Answer.BUSY, _Answer.FULL}:
            heard_s = time.monotonic()
        elif not _lives(folder):
            return None
        elif may_end and _should_end(folder, time.monotonic() - heard_s, is_alone=is_alone):
            _end(folder, _END_STEPS)
        deadline.pause("it starts, recovers or hangs" if _lives(folder) else "it does not start")


def _should_end(folder: StoreFolder, silent_s: float, *, is_alone: bool) -> bool:
    if processes.postmaster_pid(folder) is None:
        return silent_s > _ORPHAN_PATIENCE_S
    return is_alone and silent_s > _SILENCE_PATIENCE_S


def _socket_dirs(folder: StoreFolder) -> list[Path]:
    """Where the server may listen: where it would be started now, and where it says it was started.

    They differ after the folder was moved, or for commands with different temporary folders.
    """
    if not folder.data.is_dir():
        return []
    recorded = processes.recorded_postmaster(folder)
    return list(dict.fromkeys([folder.socket_dir] + ([recorded[1]] if recorded else [])))


def _ask(folder: StoreFolder, place: Path) -> _Answer:
    """READY only from the server of this very data folder, by its name; the database is made when missing."""
    ping = _ping(place)
    if ping != pq.Ping.OK:
        return _Answer.BUSY if ping == pq.Ping.REJECT else _Answer.SILENT
    try:
        with psycopg.connect(_dsn(place), autocommit=True) as connection:
            row = connection.execute(
                "SELECT current_setting('cluster_name'), EXISTS (SELECT FROM pg_database WHERE datname = %s)",
                [DATABASE],
            ).fetchone()
            if row is None or row[0] != folder.cluster_name:
                return _Answer.SILENT
            if not row[1]:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError:
        # Gone or shutting down since the ping; if it still answers that, all its connections are taken.
        return _Answer.FULL if _ping(place) == pq.Ping.OK else _Answer.BUSY
    except psycopg.Error as error:
        message = f"The embedded PostgreSQL in {folder.path} is damaged (SQLSTATE {error.sqlstate}): see {folder.log}."
        raise StoreError(message) from error
    return _Answer.READY


def _ping(place: Path) -> pq.Ping:
    """REJECT while it starts, recovers or shuts down."""
    return pq.Ping(pq.PGconn.ping(_dsn(place).encode()))


def _dsn(place: Path) -> str:
    return make_conninfo(host=str(place), port=PORT, user=USER, dbname="postgres", connect_timeout=3)


def _lives(folder: StoreFolder) -> bool:
    # The lock says all about servers started here; the pid file about one that a person started by hand.
    return is_held(folder.server_lock) or processes.postmaster_pid(folder) is not None


def _clear_leftovers(folder: StoreFolder) -> None:
    """Removes what a killed server left: PostgreSQL refuses to start when a stale file names any living process."""
    place = folder.make_socket_dir()
    (folder.data / "postmaster.pid").unlink(missing_ok=True)
    socket_file(place).unlink(missing_ok=True)
    socket_file(place).with_name(f"{socket_file(place).name}.lock").unlink(missing_ok=True)


def _end(folder: StoreFolder, steps: tuple[tuple[signal.Signals, float], ...]) -> None:
    for number, patience_s in steps:
        leader = processes.postmaster_pid(folder)
        # The postmaster passes all signals but KILL on to its backends; those without one must be told themselves.
        is_enough = leader is not None and number != signal.SIGKILL
        for pid in [leader] if leader is not None and is_enough else processes.members(folder):
            processes.send(folder, pid, number)
        if _is_gone_within(folder, patience_s):
            return


def _is_gone_within(folder: StoreFolder, patience_s: float) -> bool:
    deadline = Deadline(patience_s)
    while _lives(folder):
        try:
            deadline.pause("it does not end")
        except TimeoutError:
            return False
    return True
