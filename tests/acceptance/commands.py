"""Runs the product as a user does: the command in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_READY_S = 60


def tillage(folder: Path, *words: str, expect: int = 0, **environment: str) -> str:
    """What the command prints; it must end with `expect`."""
    done = subprocess.run(
        [sys.executable, "-m", "tillage", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, f"tillage {words} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def tillage_json(folder: Path, *words: str, expect: int = 0) -> Any:
    """As `tillage`, with --json."""
    return json.loads(tillage(folder, *words, "--json", expect=expect))


def new_project(folder: Path, *files: Path) -> Path:
    """A food-orders project with copies of `files` in its landing folder."""
    tillage(folder.parent, "init", "food-orders", str(folder))
    for file in files:
        (folder / "landing" / "orders" / file.name).write_bytes(file.read_bytes())
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The base URL of `tillage serve` on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tillage", "serve", "--port", str(port)], cwd=folder, stderr=subprocess.PIPE
    )
    try:
        base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _READY_S
        while get(f"{base}/readyz")[0] != 200:
            assert server.poll() is None, server.stderr.read().decode() if server.stderr else ""
            assert time.monotonic() < deadline, "tillage serve did not become ready"
        yield base
    finally:
        server.terminate()
        server.communicate(timeout=_READY_S)


def get(url: str) -> tuple[int, bytes]:
    """Status and body; 0 when nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as wrong:
        return wrong.code, wrong.read()
    except OSError:
        return 0, b""
