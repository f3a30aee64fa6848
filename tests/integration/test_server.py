"""The real server: its processes, what they share, and how they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from tests.integration.processes import children, command_of, open_files
from tests.integration.serving import LIMIT_S, Running, running
from tests.integration.test_api import CANARY, SETTINGS, SPEND, new_project, order, until
from tillage.api.serve import serve
from tillage.errors import OperatorError
from tillage.pipelines.run import run
from tillage.wiring import open_house, store_dsn


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A project with its data, whose store is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))  # a short path: pytest's is near the limit of a socket's
    root = new_project(folder / "shop")
    with open_house(root, SETTINGS, say=lambda _: None) as house:
        run(house, wait_s=LIMIT_S)
    yield root
    shutil.rmtree(folder)


def test_server_answers_until_it_is_told_to_stop(root: Path) -> None:
    with running(root, "--access-log") as server:
        status, body, headers = server.ask("/spend/c1")
        assert (status, body) == (200, SPEND["c1"])
        assert headers["server"] == "granian"  # and no version
        status, body, headers = server.ask("/spend/c1", "HEAD")
        assert (status, body, headers["content-length"]) == (200, b"", str(len(SPEND["c1"])))
        assert server.ask("/spend/Zo%C3%AB%20M%C3%BCller%2F%E6%97%A5%E6%9C%AC")[1] == SPEND["Zoë Müller/日本"]
        assert server.ask(f"/spend/{CANARY}")[0] == 200
        assert server.ask(f"/spend/{CANARY}-2")[0] == 404
        assert server.ask(f"/spend/{CANARY}-2", "HEAD")[:2] == (404, b"")
        assert server.ask(f"/spend/{CANARY}", "POST")[0] == 405
        assert server.ask("/spend/%00")[0] == 404
        assert server.ask(f"/spend/{'k' * 1025}")[0] == 414
        assert server.ask("/readyz")[0] == 200
        assert server.ask("/spend/c1", headers={"Host": "rebound.example"})[0] == 421
        assert (root / "data/store/pg/postmaster.pid").exists()
        server.stop()
        assert {line["logger"] for line in server.logged()} == {"tillage.access"}  # and every line is JSON
        assert CANARY not in server.said
    assert not list((root / "data/tmp").iterdir())
    # The embedded server ended with the last process that used it.
    assert not (root / "data/store/pg/postmaster.pid").exists()


@pytest.mark.accept("6.1")
def test_what_is_committed_is_in_the_next_answer_of_every_process() -> None:
    """Nothing is kept between requests, and the answer says of which load it is."""
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        root = new_project(Path(folder) / "shop")
        with open_house(root, SETTINGS, say=lambda _: None) as house:
            run(house, wait_s=LIMIT_S)
            with running(root, "--workers", "2") as server, ExitStack() as stack:
                each = connection_to_each(server, stack)
                for number in range(1, 6):
                    for connection in each:
                        connection.request("GET", "/spend/c1")
                        answer = connection.getresponse()
                        assert (answer.status, json.loads(answer.read())["orders"]) == (200, number)
                        assert answer.headers["tillage-as-of"] == f"orders={house.ledger.published()['orders']}"
                    record = json.dumps({"customerId": "c1", "orders": [order(100 + number, 1.15)]})
                    (root / f"landing/orders/{number}.jsonl").write_text(record)
                    run(house, wait_s=LIMIT_S)


def connection_to_each(server: Running, stack: ExitStack) -> list[HTTPConnection]:
    """One open connection to each process that answers."""
    found: dict[int, HTTPConnection] = {}
    workers = workers_of(server.process.pid)
    end_s = time.monotonic() + LIMIT_S
    while len(found) < len(workers):
        assert time.monotonic() < end_s
        connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)))
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        found.setdefault(next(pid for pid in workers if _holds(pid, server.port, connection)), connection)
    return list(found.values())


def _holds(pid: int, port: int, connection: HTTPConnection) -> bool:
    """Whether the process has the other end. Source: proc(5), net/tcp: addresses in hex, field 9 the inode."""
    mine = connection.sock.getsockname()[1]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # One that was opened or closed meanwhile makes the kernel list others twice.
    (inode,) = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[2].endswith(f":{mine:04X}")}
    return f"socket:[{inode}]" in open_files(pid)


def test_more_processes_than_the_store_has_connections_for_are_refused(root: Path) -> None:
    with pytest.raises(OperatorError, match="40 workers take up to 440 connections of the store, which has 97 for all"):
        serve(root, SETTINGS, port=0, workers=40)


def test_what_killed_servers_counted_is_removed_and_what_others_count_is_not(root: Path) -> None:
    counters = root / "data/tmp"
    with running(root) as other:
        (own,) = counters.glob("counters-*")
        left = counters / "counters-left"
        left.mkdir()
        (left / "counter_1.db").write_bytes(b"x")
        with running(root) as server:
            assert own.is_dir()
            assert not left.exists()
            assert server.ask("/metrics")[0] == other.ask("/metrics")[0] == 200
            for folder in counters.glob("counters-*"):
                shutil.rmtree(folder, ignore_errors=True)  # the server makes files in it meanwhile
            assert server.ask("/metrics")[0] == 200
            assert server.ask("/metrics")[2]["content-type"].count("charset") == 1


def test_client_that_leaves_in_the_middle_of_its_request_is_no_error(root: Path) -> None:
    with running(root) as server:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
                connection.sendall(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\ngrant")
        assert server.ask("/spend/c1")[0] == 200
        server.stop()
        assert server.logged() == []


def test_processes_end_with_the_first_one_however_it_ended(root: Path) -> None:
    with running(root, "--workers", "2") as server:
        assert server.ask("/quarantine")[0] == 200
        workers = workers_of(server.process.pid)
        pids = [*children(server.process.pid), *(page for worker in workers for page in page_processes_of(worker))]
        assert len(workers) == 2
        assert len(pids) > 3
        server.process.kill()
        server.process.wait(LIMIT_S)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_process_that_was_killed_is_replaced_and_the_others_answer(root: Path) -> None:
    with running(root, "--workers", "2") as server:
        before = workers_of(server.process.pid)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(workers_of(server.process.pid)) == 2 and before[0] not in workers_of(server.process.pid))

        def answers() -> bool:
            try:
                return server.ask("/spend/c1")[:2] == (200, SPEND["c1"])
            except OSError:
                return False

        until(answers)
        server.stop()


def test_page_whose_process_is_killed_is_made_by_another(root: Path) -> None:
    with running(root) as server:
        assert server.ask("/quarantine")[0] == 200
        (worker,) = workers_of(server.process.pid)
        made_by = page_processes_of(worker)
        for pid in made_by:
            os.kill(pid, signal.SIGKILL)
        until(lambda: server.ask("/quarantine")[0] == 200)
        assert page_processes_of(worker)
        assert not set(page_processes_of(worker)) & set(made_by)
        assert server.ask("/loads/99")[0] == 404
        assert server.ask("/spend/c1")[:2] == (200, SPEND["c1"])
        assert server.stop() < 10


def page_processes_of(worker: int) -> list[int]:
    return [child for child in children(worker) if b"spawn_main" in command_of(child)]


def workers_of(pid: int) -> list[int]:
    """The processes that answer, which are those that were spawned with the server's loader."""
    return [child for child in children(pid) if b"spawn_main" in command_of(child)]


def test_what_is_asked_before_the_server_is_told_to_stop_is_answered(root: Path) -> None:
    waiting = "select count(*) from pg_locks where not granted and relation = 'folds.customer_spend'::regclass"
    with (
        store_dsn(root, SETTINGS) as dsn,
        running(root) as server,
        closing(HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)) as connection,
    ):
        with psycopg.connect(dsn) as store, psycopg.connect(dsn, autocommit=True) as other:
            store.execute("lock table folds.customer_spend in access exclusive mode")
            connection.request("GET", "/spend/c1")
            until(lambda: other.execute(waiting).fetchone() == (1,))
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not _listens(server.port))
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, SPEND["c1"])
        assert server.process.wait(LIMIT_S) == 0


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S).close()
    except OSError:
        return False
    return True


def test_no_answer_waits_for_the_acknowledgement_of_its_first_half(root: Path) -> None:
    took_s = []
    with running(root) as server, closing(HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)) as connection:
        for _ in range(41):
            start_s = time.perf_counter()
            connection.request("GET", "/spend/c1")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, SPEND["c1"])
            took_s.append(time.perf_counter() - start_s)
    # The kernel acknowledges after 40 ms at the earliest when there is nothing to send.
    assert sorted(took_s)[20] < 0.035


def test_every_process_counts_for_all_and_logs_no_key(root: Path) -> None:
    counted = 'tillage_http_requests_total{method="GET",route="/spend/{customerId}",status="200"} 20.0'
    with running(root, "--workers", "2", "--access-log") as server, ExitStack() as stack:
        each = connection_to_each(server, stack)
        for number in range(20):
            each[number % 2].request("GET", f"/spend/{CANARY if number // 2 % 2 else 'c1'}")
            answer = each[number % 2].getresponse()
            assert (answer.status, len(answer.read()) > 0) == (200, True)

        def shows(connection: HTTPConnection) -> bool:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            assert CANARY not in text
            return counted in text.splitlines()

        for connection in each:  # a request is counted right after it was answered
            until(lambda connection=connection: shows(connection))
        server.stop()
        access = [line for line in server.logged() if line["logger"] == "tillage.access"]
        assert sum(line["route"] == "/spend/{customerId}" for line in access) == 20
        assert {(line["method"], line["status"]) for line in access} == {("GET", 200)}
        assert all(0 < line["ms"] < LIMIT_S * 1000 for line in access)
        assert CANARY not in server.said
