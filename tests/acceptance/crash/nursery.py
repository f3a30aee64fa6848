"""Starts runs of `child.py` from one process that has imported everything and read the example project.

Of a short run on its own more than half is imports and the reading of contracts, which kills and stops are not about.

    python -m tests.acceptance.crash.nursery SOCKET [MODULE]

Each connection starts one run, of `main` of the module if one is given. It sends one line of JSON, [arguments,
environment, file for the output], and is told, a line each: the process id, "stopped" each time that the run stops, and
last its exit code, negative for a signal. Says "ready" when it is, and ends when its standard input does.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import tillage
from tillage.wiring import load_project

Main = Callable[[list[str]], int]


def main(address: str, module: str = "tests.acceptance.crash.child") -> None:
    child: Main = importlib.import_module(module).main
    load_project(Path(tillage.__file__).parent / "templates/food-orders")  # nothing of it lives in threads or files
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    keep(connection.makefile("rw"), child)


def keep(client: TextIO, child: Main) -> None:
    """Starts the run that the client asks for, tells the client what becomes of it, and ends this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    arguments, environment, output = json.loads(client.readline())
    run = os.fork()
    if run == 0:
        os._exit(code_of(child, arguments, environment, output))
    print(run, file=client, flush=True)
    status = os.waitpid(run, os.WUNTRACED)[1]
    while os.WIFSTOPPED(status):
        print("stopped", file=client, flush=True)
        status = os.waitpid(run, os.WUNTRACED)[1]
    print(os.waitstatus_to_exitcode(status), file=client, flush=True)
    os._exit(0)


def code_of(child: Main, arguments: list[str], environment: dict[str, str], output: str) -> int:
    """The exit code of a run in this process."""
    os.environ |= environment
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    try:
        return child(arguments)
    except BaseException:  # noqa: BLE001 whatever it is, it must not get into the loop of the process above
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
