"""B5: one row by its key over HTTP, ours and the usual way, from the same PostgreSQL."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.jobs import environment, make_project
from benchmarks.measure import JobFailedError, cost_of
from benchmarks.orders import orders_file
from tillage.settings import read_settings
from tillage.wiring import store_dsn

OURS, PEER = "tillage serve", "FastAPI + asyncpg"
SCALE = 0.0715  # of the input of B1: about 100,000 customers
_CONNECTIONS = 64
_ROUND_S = 4
_ROUNDS = 8
_DRAWN = 50_000
_CHECKED = 200
_READY_S = 60
_SEED = 7
# The peer gets what it would have made itself: a narrow table with a primary key.
_TABLE = """
create schema if not exists peer;
drop table if exists peer.spend;
create table peer.spend as select customer_id, orders::bigint, net_minor::bigint from gold.customer_spend;
alter table peer.spend add primary key (customer_id);
analyze peer.spend
"""
_LOAD = """
local keys, n = {}, 0
function init(args)
  for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = wrk.format("GET", "/spend/" .. line) end
end
function request() n = n % #keys + 1; return keys[n] end
function done(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('\\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "wrong": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong))
end
"""


@dataclass
class Served:
    """What one server did in each round."""

    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """Of the server's processes, for 1,000 requests."""
    wrong: int = 0
    peak_bytes: int = 0


def compared(cache: Path, peers: Path, timeout_s: float, say: Callable[[str], None]) -> dict[str, Served]:
    """Both servers under the same load, in turn; both are up all the time.

    Raises:
        JobFailedError: a server or `wrk` is not there, or they answer differently.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise JobFailedError("`wrk`, which makes the load, is not installed (apt install wrk)")
    source = orders_file(cache / "data", SCALE)
    root = _project(cache / f"served-{source.sha256[:12]}", cache / "data" / source.path, timeout_s)
    with ExitStack() as stack:
        dsn = stack.enter_context(store_dsn(root, read_settings({})))
        with psycopg.connect(dsn) as connection:
            connection.execute(_TABLE)
            ids = [str(row[0]) for row in connection.execute("select customer_id from peer.spend order by 1")]
        keys = cache / "keys.txt"
        keys.write_text("\n".join(_zipf(ids)))
        (cache / "load.lua").write_text(_LOAD)
        ours = [sys.executable, "-m", "tillage", "serve", "--port"]
        theirs = [str(peers), "-m", "uvicorn", "fastapi_spend:app", "--no-access-log", "--port"]
        store = {"STORE": json.dumps(_connect_arguments(dsn))}
        servers = {
            OURS: stack.enter_context(_up(ours, root, {})),
            PEER: stack.enter_context(_up(theirs, Path(__file__).parent / "peers", store)),
        }
        _refuse_other_answers([port for _, port in servers.values()], ids)
        results = {name: Served() for name in servers}
        for number in range(-1, _ROUNDS):  # the first is to warm up
            for name in list(servers) if number % 2 == 0 else list(reversed(servers)):
                process, port = servers[name]
                _round(results[name], process, _command(wrk, cache, port), keys, is_counted=number >= 0)
            say(f"round {number + 1} done")
    return results


def _project(kept: Path, source: Path, timeout_s: float) -> Path:
    """A project that has loaded the input, made unless it is there."""
    if not (kept / "whole").is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        make_project(kept / "making", source)
        cost_of(
            [sys.executable, "-m", "tillage", "run"], kept / "making", timeout_s=timeout_s, environment=environment()
        )
        (kept / "making").rename(kept / "whole")
    return kept / "whole"


def _zipf(ids: Sequence[str]) -> list[str]:
    """Keys as they are asked for: the n-th of them n times more rarely than the first."""
    rng = random.Random(_SEED)
    shuffled = rng.sample(list(ids), len(ids))
    return rng.choices(shuffled, weights=[1 / rank for rank in range(1, len(ids) + 1)], k=_DRAWN)


def _connect_arguments(dsn: str) -> dict[str, str]:
    found = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value}
    found["database"] = found.pop("dbname", "")
    return {name: found[name] for name in ("host", "port", "user", "password", "database") if found.get(name)}


@contextmanager
def _up(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Process id and port of a server that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [*command, str(port)],
        cwd=folder,
        env={**environment(), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end_s = time.monotonic() + _READY_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end_s:
                raise JobFailedError(f"{command[1]} {command[2]} does not answer")
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_READY_S)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _refuse_other_answers(ports: Sequence[int], ids: Sequence[str]) -> None:
    for one in random.Random(_SEED).sample(list(ids), _CHECKED):
        answers = []
        for port in ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/spend/{one}", timeout=_READY_S) as answer:
                answers.append(json.load(answer, parse_float=Decimal, parse_int=Decimal))
        if any(answer != answers[0] for answer in answers):
            raise JobFailedError("the servers answer differently")


def _command(wrk: str, cache: Path, port: int) -> list[str]:
    load = ["-t1", f"-c{_CONNECTIONS}", f"-d{_ROUND_S}s", "-s", str(cache / "load.lua")]
    return [wrk, *load, f"http://127.0.0.1:{port}"]


def _round(result: Served, process: int, command: Sequence[str], keys: Path, *, is_counted: bool) -> None:
    before_s = _cpu_s(process)
    out = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "KEYS": str(keys)})
    found = json.loads(out.stdout.strip().splitlines()[-1])
    if is_counted:
        result.per_s.append(found["requests"] / found["duration_us"] * 1e6)
        result.p50_ms.append(found["p50_us"] / 1000)
        result.p99_ms.append(found["p99_us"] / 1000)
        result.cpu_ms.append((_cpu_s(process) - before_s) / found["requests"] * 1e6)
        result.wrong += found["wrong"]
        result.peak_bytes = max(result.peak_bytes, _peak_bytes(process))


def _tree(process: int) -> list[int]:
    """A process and all that come of it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in _tree(int(child)))]


def _cpu_s(process: int) -> float:
    """User and system time of the processes so far. Source: proc_pid_stat(5), fields 14 and 15."""
    ticks = 0
    for one in _tree(process):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_bytes(process: int) -> int:
    """Of the processes' own peaks, the sum; what they share is counted more than once."""
    status = "".join(Path(f"/proc/{one}/status").read_text() for one in _tree(process))
    return sum(int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", status))
