"""`tillage serve`: checks the project and its store, then keeps processes that answer requests on this machine.

The processes share the port; the kernel gives each connection to one of them. This one answers nothing: it holds the
embedded store up, starts another process for one that ended, and stops them all.
"""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from tillage.api.addresses import is_loopback
from tillage.api.endpoints import read_endpoints
from tillage.api.serving import Reach, Serving, is_open_to_this_machine
from tillage.api.worker import application, checked, spans_class
from tillage.errors import OperatorError
from tillage.settings import Settings, tell_libraries
from tillage.stores.postgres.lookups import column_kinds, most_connections
from tillage.wiring import project_file, store_dsn

HOST = "127.0.0.1"
PORT = 8040

# Longer than a look-up may take; what is not answered by then is cut off.
_STOP_S = 10
_BACKLOG = 2048
# Connections of one process, idle ones too: 10,000 of them cost 27 MB. Beyond them others wait in the backlog.
_MOST_CONNECTIONS = 16_384
# A client that sends its request's head for longer than this, or sends none over an open connection, is cut off.
_HEAD_S = 30
# The longest key, percent-encoded, and a browser's headers fit many times.
_HEAD_BYTES = 64 * 1024
_READY_S = 60
# Of the store, for each process: 8 to look up, one for logins, and one for each page that is being made. What commands
# take is left over.
_CONNECTIONS = 11
_LEFT_OVER = 8
_REFUSALS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EACCES: "this account may not use it",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def serve(
    root: Path,
    settings: Settings,
    *,
    host: str = HOST,
    port: int = PORT,
    workers: int = 1,
    is_access_logged: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serves the routes of the project in `root`; returns after SIGTERM or SIGINT, when all is answered and closed.

    Args:
        port: 0 takes a free one.
        workers: Processes that answer; each takes up to 11 connections of the store.
        is_access_logged: Write a line for each request, with its route and without the key.
        say: Is told the address as soon as it answers.

    Raises:
        OperatorError: the address is not this machine's own and a route has no `auth`, the port cannot be had, a route
            cannot be served, or its model has no table in the store yet; traces are asked for without their packages;
            the processes that answer end again and again.
        StoreAwayError: the store does not answer.
    """
    if not is_loopback(host) and is_open_to_this_machine(project_file(root, settings)):
        raise OperatorError(
            f"tillage.yaml serves paths without `auth`, so the server does not listen on {host}: everybody who reaches "
            f"it could read every row. Give each path a scope, `auth: spend:read`, or `auth: none`; or serve on {HOST}"
        )
    if settings.otlp_endpoint:
        spans_class()  # what is missing is told here, and not by processes that end again and again
    _allow_open_files()
    with _stop_signals() as stop, store_dsn(root, settings) as dsn:
        _refuse_too_many(workers, most_connections(dsn))
        served = checked(root, settings)
        # What is wrong is told here, once, and before anything listens.
        read_endpoints(served.project, served.outputs, column_kinds(dsn), served.bases)
        with (
            _reserved(HOST if host == "localhost" else host, port) as address,
            _counters(root / served.project.environment.data / "tmp") as counters,
        ):
            tell_libraries("PROMETHEUS_MULTIPROC_DIR", counters)
            reach = Reach.LOOPBACK if is_loopback(host) else Reach.NETWORK
            serving = Serving(reach, counters=counters, is_access_logged=is_access_logged)
            _run(partial(application, root, settings, serving), address, workers, stop, say)


def _allow_open_files() -> None:
    """Of what this account may open, all: each connection is a file, and services begin with 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _refuse_too_many(workers: int, connections: int) -> None:
    """What is left over is for commands, like `tillage run`."""
    if (needed := workers * _CONNECTIONS) > connections - _LEFT_OVER:
        raise OperatorError(
            f"{workers} workers take up to {needed} connections of the store, which has {connections} for all: start "
            "fewer, with --workers, or give it a larger max_connections"
        )


@contextmanager
def _counters(folder: Path) -> Iterator[str]:
    """A folder of its own for what the processes count together; those of servers that were killed are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("counters-*"):
        if not _is_held(left):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix="counters-", dir=folder, ignore_cleanup_errors=True) as counters:
        descriptor = os.open(counters, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield counters
        finally:
            os.close(descriptor)


def _is_held(counters: Path) -> bool:
    """Whether the server that made the folder lives: the kernel frees the lock with its holder."""
    try:
        descriptor = os.open(counters, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _reserved(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Keeps the port from all but the processes that answer, which listen on it themselves."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as first, socket.socket(family) as kept:
        try:
            if os.name == "posix":
                first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.bind((host, port))  # fails if anybody listens, who would else have to share
            address = first.getsockname()[:2]
            first.close()
            if hasattr(socket, "SO_REUSEPORT"):
                kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                kept.bind(address)
        except (OSError, OverflowError) as wrong:
            why = _REFUSALS.get(getattr(wrong, "errno", None) or 0, type(wrong).__name__)
            raise OperatorError(
                f"cannot listen on {host}, port {port}: {why}; take another: tillage serve --port 8041"
            ) from None
        yield address


def _run(
    load: Callable[..., Callable[..., Any]],
    address: tuple[str, int],
    workers: int,
    stop: _Stop,
    say: Callable[[str], None],
) -> None:
    host, port = address
    # A process that was forked from this one would have its engine's locks without the threads that hold them.
    multiprocessing.set_start_method("spawn", force=True)
    server = Server(
        "tillage",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        loop=Loops.asyncio,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_MOST_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_S * 1000, max_buffer_size=_HEAD_BYTES),
        # It would write what exceptions say, and they may quote a value of a record.
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_S,
    )
    server.on_startup(lambda: threading.Thread(target=_say_when_ready, args=(address, say), daemon=True).start())
    if stop.is_told:
        return
    try:
        server.serve(target_loader=load, wrap_loader=False)
    except SystemExit:
        if stop.is_told:
            raise
        raise OperatorError(
            "the processes that answer end as soon as they are started; what they wrote says why: tillage doctor"
        ) from None


def _say_when_ready(address: tuple[str, int], say: Callable[[str], None]) -> None:
    host, port = address
    end_s = time.monotonic() + _READY_S
    while time.monotonic() < end_s:
        with suppress(OSError), closing(socket.create_connection(address, timeout=1)):
            say(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
            return
        time.sleep(0.02)


class _Stop:
    """Handles SIGTERM and SIGINT until the server does, so that what is open gets closed, the store above all."""

    def __init__(self) -> None:
        self.is_told = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.is_told = True
        raise SystemExit(128 + number)


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
