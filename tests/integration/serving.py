"""`tillage serve` as a user starts it, with all that it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LIMIT_S = 60.0


@dataclass
class Running:
    """The server, and what it has said once it was stopped."""

    process: subprocess.Popen[str]
    port: int
    error: Path
    """Where its standard error goes: a pipe would be full before anybody reads it."""

    @property
    def said(self) -> str:
        return self.error.read_text()

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        body: bytes | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> tuple[int, bytes, HTTPMessage]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers

    def logged(self) -> list[dict[str, Any]]:
        """What it logged until it was stopped: each line is a JSON object."""
        return [json.loads(line) for line in self.said.splitlines()]

    def stop(self) -> float:
        """Seconds from SIGTERM to the end, which is that of a server that was told to stop."""
        start_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, self.said
        return time.monotonic() - start_s


@contextmanager
def running(root: Path, *options: str, **environment: str) -> Iterator[Running]:
    """The command with these options and variables, on a port that was free."""
    command = [sys.executable, "-m", "tillage", "serve", "--port", "0", "--json", *options]
    with TemporaryDirectory() as folder, (error := Path(folder) / "stderr").open("w") as stream:
        process = subprocess.Popen(
            command, cwd=root, env=os.environ | environment, stdout=subprocess.PIPE, stderr=stream, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, error.read_text()
            yield Running(process, int(json.loads(line)["url"].rsplit(":", 1)[1]), error)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=LIMIT_S)
