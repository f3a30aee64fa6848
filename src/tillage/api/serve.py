"""`tillage serve`: checks the project and its store, then answers requests on this machine until it is told to stop."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from litestar import Litestar

from tillage.api.addresses import is_loopback
from tillage.api.app import make_app
from tillage.api.mending import mending
from tillage.contracts.project import Project
from tillage.errors import OperatorError
from tillage.models.output import Output
from tillage.pipelines.models import check_routes
from tillage.settings import Settings
from tillage.stores.postgres.lookups import Lookups, column_kinds
from tillage.wiring import open_house, store_dsn

HOST = "127.0.0.1"
PORT = 8040

# Longer than a look-up may take; what is not answered by then is cut off.
_STOP_S = 10
_BACKLOG = 2048
_REFUSALS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EACCES: "this account may not use it",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def serve(
    root: Path, settings: Settings, *, host: str = HOST, port: int = PORT, say: Callable[[str], None] = lambda _: None
) -> None:
    """Serves the routes of the project in `root`; returns after SIGTERM or SIGINT, when all is answered and closed.

    Args:
        port: 0 takes a free one.
        say: Is told the address as soon as it answers.

    Raises:
        OperatorError: the address is not one of this machine's own, the port cannot be had, a route cannot be served,
            or its model has no table in the store yet.
        StoreAwayError: the store does not answer.
    """
    if not is_loopback(host):
        raise OperatorError(
            f"this server has no authentication yet, so it does not listen on {host}: everybody who reaches it could "
            f"read every row. Serve on {HOST}, and put a proxy that asks for a password in front of it"
        )
    with _stop_signals() as stop, store_dsn(root, settings) as dsn:
        project, outputs = _checked(root, settings)
        lookups = Lookups(dsn, outputs, column_kinds(dsn))
        with mending(lambda: _bring_up(root, settings)) as mend:
            app = make_app(project, outputs, lookups, is_for_loopback_only=True, on_store_away=mend)
            with _listening(HOST if host == "localhost" else host, port) as listener:
                _run(app, listener, stop, say)


def _bring_up(root: Path, settings: Settings) -> None:
    """Starts the embedded server again if it was killed; this process's other share keeps it running afterwards."""
    with store_dsn(root, settings):
        pass


def _checked(root: Path, settings: Settings) -> tuple[Project, Mapping[str, tuple[Output, ...]]]:
    """The project, and the columns of the models that it serves, which are the same in files and store."""
    with open_house(root, settings, say=lambda _: None) as house:
        check_routes(house)
        stored = house.folds.outputs()
        served = sorted({route.model for route in house.project.routes})
        if not served:
            raise OperatorError("tillage.yaml serves nothing; add `serve:` with a path like /spend/{customerId}")
        for model in served:
            if model in stored and stored[model] != house.models.outputs()[model]:
                raise OperatorError(f"models/{model}.sql has other columns than its table; make it anew: tillage run")
        return house.project, {model: stored[model] for model in served if model in stored}


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; else each answer waits 40 ms for the caller's ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except (OSError, OverflowError) as wrong:
            why = _REFUSALS.get(getattr(wrong, "errno", None) or 0, type(wrong).__name__)
            raise OperatorError(
                f"cannot listen on {host}, port {port}: {why}; take another: tillage serve --port 8041"
            ) from None
        yield listener


def _run(app: Litestar, listener: socket.socket, stop: _Stop, say: Callable[[str], None]) -> None:
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        interface="asgi3",
        # Its access log would write the ids; its other messages go where the program that calls us sends them.
        access_log=False,
        log_config=None,
        server_header=False,
        # Both would come from the environment.
        workers=1,
        proxy_headers=False,
        forwarded_allow_ips=[],
        timeout_graceful_shutdown=_STOP_S,
    )
    stop.server = _Server(config, lambda: say(f"http://{_address(listener)}"))
    if not stop.is_told:
        stop.server.run(sockets=[listener])


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(uvicorn.Server):
    """Calls `on_start` as soon as requests are answered."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


class _Stop:
    """Handles SIGTERM and SIGINT so that what is open gets closed, the embedded store above all.

    The server handles them itself while it runs, and raises them once more when it is done: with Python's own handlers
    the process would then end at once, and its PostgreSQL would stay behind.
    """

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None
        self.is_told = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.is_told = True
        if self.server is None:
            raise SystemExit(128 + number)
        self.server.should_exit = True


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
