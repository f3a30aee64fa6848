"""The real server against those who flood it, hold it open or send without end; and with a gateway before two of it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import REPOSITORY
from tests.integration.shops import Shop, customer, make_shop, order
from tillage.pipelines.clients import add_client
from tillage.stores.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.services, pytest.mark.accept("6.3")]
LIMIT_S = 60.0
HEAD_S = 3
KEYS = 200
ROUTES = """
serve:
  /spend/{customerId}: {from: customer_spend, fields: {customerId: customer_id, net: net_minor}, auth: spend:read}
  /open/{customerId}: {from: customer_spend, fields: {customerId: customer_id, net: net_minor}, auth: none}
"""
# The limits are those of the product, but for the time that a head may take: nobody waits half a minute for a test.
SERVE = """
import sys
from pathlib import Path
from tillage.api import serve
from tillage.settings import read_settings
serve._HEAD_S = int(sys.argv[2])
serve.serve(Path(sys.argv[1]), read_settings(), port=0, say=lambda line: print(line, flush=True))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("attacked")
    with EmbeddedPostgres(folder / "store") as server:
        shop = make_shop(folder / "shop", server, "attacked")
        text = (shop.root / "tillage.yaml").read_text()
        (shop.root / "tillage.yaml").write_text(text.split("serve:")[0] + ROUTES)
        shop.land("a.jsonl", *(customer(f"c{number}", order(f"o{number}")) for number in range(KEYS)))
        shop.run()
        yield shop


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    process: subprocess.Popen[str]
    port: int

    def peak_bytes(self) -> int:
        """The most memory that one of its processes has had since this was asked before."""
        mine = self.process.pid
        pids = [mine, *map(int, _read(f"/proc/{mine}/task/{mine}/children").split())]
        status = "".join(_read(f"/proc/{pid}/status") for pid in pids)
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # Source: proc_pid_clear_refs(5)
        return max(int(kib) for kib in re.findall(r"VmHWM:\s+(\d+) kB", status)) * 1024


def _read(path: str) -> str:
    return Path(path).read_text()


@contextmanager
def serving(shop: Shop, head_s: int = HEAD_S) -> Iterator[Server]:
    environment = os.environ | {"TILLAGE_STORE_DSN": shop.dsn}
    command = [sys.executable, "-c", SERVE, str(shop.root), str(head_s)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Server(process, int(process.stdout.readline().rsplit(":", 1)[1]))
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    with serving(shop) as server:
        yield server


def request(path: str, *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, *([f"Content-Length: {len(body)}"] if body else [])]
    return "\r\n".join([*head, "", ""]).encode() + body


def answer_to(port: int, sent: bytes) -> bytes:
    """All that comes back until the server closes."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)) as connection:
        try:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            return b""


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> int:
    """The status of the answer to one request on a connection that stays open."""
    writer.write(sent)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(head.split()[1])


async def read_for(port: int, seconds: float, readers: int = 8, *lines: str) -> list[float]:
    """The latencies of readers that ask one after the other; every answer is a 200."""
    end_s, took_s = time.monotonic() + seconds, []

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for key in itertools.count(number):
            if time.monotonic() > end_s:
                break
            start_s = time.perf_counter()
            assert await ask(reader, writer, request(f"/spend/c{key % KEYS}", *lines)) == 200
            took_s.append(time.perf_counter() - start_s)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one(number) for number in range(readers)))
    return took_s


def p99(took_s: list[float]) -> float:
    return sorted(took_s)[int(0.99 * len(took_s))]


@pytest.fixture(scope="module")
def secret(shop: Shop) -> str:
    with shop.open() as house:
        return add_client(house, "reader", ["spend:read"], None)


def basic(client: str, secret: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{client}:{secret}'.encode()).decode()}"


FORM = (b"grant_type=client_credentials", "Content-Type: application/x-www-form-urlencoded")


def token(port: int, secret: str) -> str:
    sent = request("/token", basic("reader", secret), FORM[1], "Connection: close", method="POST", body=FORM[0])
    return answer_to(port, sent).split(b'"access_token": "')[1].split(b'"')[0].decode()


# In a process of its own: it must not hold up those who measure.
FLOOD = """
import asyncio, sys, time
from tests.services.test_serve_under_attack import FORM, ask, basic, request
port, end_s = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
wrong = request("/token", basic("reader", "wrong"), FORM[1], method="POST", body=FORM[0])
async def flood():
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = []
    while time.monotonic() < end_s:
        statuses.append(await ask(reader, writer, wrong))
    writer.close()
    await writer.wait_closed()
    return statuses
async def main():
    print("begun", flush=True)
    found = await asyncio.gather(*(flood() for _ in range(64)))
    print(*sorted({status for one in found for status in one}), sum(map(len, found)))
asyncio.run(main())
"""


def test_a_flood_of_logins_makes_readers_wait_at_most_three_times_as_long(server: Server, secret: str) -> None:
    bearer = f"Authorization: Bearer {token(server.port, secret)}"
    asyncio.run(read_for(server.port, 1, 8, bearer))
    ratios, flooded = [], []
    for _ in range(5):  # the machine may be shared: the median of rounds, as in benchmarks
        quiet_s = p99(asyncio.run(read_for(server.port, 2, 8, bearer)))
        command = [sys.executable, "-c", FLOOD, str(server.port), "4"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as flood:
            assert flood.stdout is not None
            flood.stdout.readline()
            ratios.append(p99(asyncio.run(read_for(server.port, 2, 8, bearer))) / quiet_s)
            flooded.append(flood.communicate(timeout=LIMIT_S)[0].split())
    print(f"p99 of readers under a flood of logins by that of quiet rounds: {[round(one, 2) for one in ratios]}")
    print(f"logins in 4 s, by answers: {flooded}")
    assert all(statuses == ["401", "503"] and int(count) > 64 for *statuses, count in flooded)
    assert median(ratios) <= 3


def test_ten_thousand_idle_connections_keep_nobody_out(shop: Shop) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with serving(shop, head_s=120) as server, ExitStack() as stack:
        before = server.peak_bytes()
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) for _ in range(10_000)]
        for connection in idle:
            stack.enter_context(closing(connection))
        for number in range(20):
            sent = request(f"/open/c{number}", "Connection: close")
            assert answer_to(server.port, sent).startswith(b"HTTP/1.1 200")
        held = server.peak_bytes() - before
        # None of them was shut to make room.
        for connection in (idle[0], idle[5_000], idle[-1]):
            connection.sendall(request("/open/c1", "Connection: close"))
            assert connection.recv(12) == b"HTTP/1.1 200"
    print(f"10,000 idle connections: {held / 1e6:.0f} MB")
    assert held < 400e6


def test_who_sends_slowly_is_cut_off_and_others_are_answered(server: Server) -> None:
    with ExitStack() as stack:
        slow = []
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)
            slow.append(stack.enter_context(closing(connection)))
            connection.sendall(b"GET /open/c1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        start_s = time.monotonic()
        assert answer_to(server.port, request("/open/c1", "Connection: close")).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - start_s < HEAD_S
        for connection in slow:
            try:
                connection.sendall(b"a")
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
        assert time.monotonic() - start_s < 3 * HEAD_S + 5


HUGE = {
    "one huge header": request("/open/c1", f"X-A: {'a' * 1_000_000}", "Connection: close"),
    "many headers": request("/open/c1", *(f"X-{n}: a" for n in range(20_000)), "Connection: close"),
    "a huge path": request(f"/open/{'a' * 1_000_000}", "Connection: close"),
    "a huge query": request(f"/open/c1?{'a' * 1_000_000}", "Connection: close"),
    "a header without end": b"GET /open/c1 HTTP/1.1\r\nX: " + b"a" * 5_000_000,
    "no HTTP": b"\x16\x03\x01" + b"\0" * 5_000,
    "two lengths": request("/token", "Content-Length: 5", method="POST", body=b"abc"),
    "length and chunks": request("/token", "Transfer-Encoding: chunked", method="POST", body=b"abc"),
}


@pytest.mark.parametrize("what", HUGE)
def test_a_head_that_is_too_large_or_none_is_refused_in_bounded_memory(server: Server, what: str) -> None:
    before = server.peak_bytes()
    status = answer_to(server.port, HUGE[what])[:12]
    assert not status or b" 4" in status, status
    assert server.peak_bytes() - before < 20e6
    assert answer_to(server.port, request("/open/c1", "Connection: close")).startswith(b"HTTP/1.1 200")


def test_a_huge_body_is_not_kept(server: Server, secret: str) -> None:
    before = server.peak_bytes()
    for method, path in (("POST", "/token"), ("GET", "/open/c1"), ("POST", "/open/c1"), ("POST", "/nowhere")):
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000000\r\n\r\n".encode()
        status = answer_to(server.port, head + b"a" * 200_000_000)[:12]
        assert not status or b" 4" in status or b" 200" in status, (path, status)
    assert server.peak_bytes() - before < 60e6
    assert token(server.port, secret)


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream tillage {{ server 127.0.0.1:{one}; server 127.0.0.1:{two}; keepalive 16; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://tillage; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_next_upstream error timeout http_503;
        }}
    }}
}}
"""


@contextmanager
def gateway(folder: Path, one: int, two: int) -> Iterator[int]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.fail("no nginx: apt install nginx-light")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, one=one, two=two, port=port))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        os.sched_yield()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_behind_a_gateway_one_of_two_servers_may_end_and_no_request_is_lost(
    shop: Shop, secret: str, tmp_path: Path, how: signal.Signals
) -> None:
    with serving(shop) as one, serving(shop) as two, gateway(tmp_path, one.port, two.port) as port:
        bearer = f"Authorization: Bearer {token(one.port, secret)}"

        async def read_while_one_ends() -> list[float]:
            reading = asyncio.create_task(read_for(port, 4, 16, bearer))
            await asyncio.sleep(1.5)
            one.process.send_signal(how)
            return await reading

        took_s = asyncio.run(read_while_one_ends())
        assert one.process.wait(LIMIT_S) in {0, -how}
        assert len(took_s) > 500
        until(lambda: not listens(one.port))


def test_every_answer_is_as_the_openapi_document_says(server: Server, secret: str, tmp_path: Path) -> None:
    """What the document allows and forbids, thousands of requests: no 5xx, and no error that is no problem document."""
    python = Path(os.environ.get("TILLAGE_OUTSIDE", REPOSITORY / "build" / "outside" / "venv" / "bin" / "python"))
    if not python.exists():
        pytest.fail("no schemathesis: make test-services sets it up")
    url = f"http://127.0.0.1:{server.port}/openapi.json"
    options = ["--checks", "all", "--seed", "1", "--max-time", "30", "--warnings", "off"]
    header = f"Authorization: Bearer {token(server.port, secret)}"
    command = [python.with_name("schemathesis"), "run", url, "--header", header, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert cases is not None
    assert cases[1] == cases[2]
    assert int(cases[1]) > 500
