"""`tillage serve` goes on when its store is killed, and answers requests of every form."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.commands import get, new_project, served, tillage
from tillage.api.mending import mending
from tillage.errors import StoreAwayError

_LIMIT_S = 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = new_project(tmp_path_factory.mktemp("mends") / "shop")
    basket = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": 11.5}]
    line = {"customerId": "c1", "orders": [{"orderId": "1", "basket": basket}]}
    (shop / "landing" / "orders").mkdir(parents=True, exist_ok=True)
    (shop / "landing" / "orders" / "a.jsonl").write_text(json.dumps(line))
    tillage(shop, "run")
    return shop


@pytest.fixture(scope="module")
def base(shop: Path) -> Iterator[str]:
    with served(shop) as base:
        yield base


def _store_pid(shop: Path) -> int | None:
    try:
        return int((shop / "data" / "store" / "pg" / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


def _kill_store(shop: Path) -> int:
    pid = _store_pid(shop)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.parametrize("path", ["/spend/c1", "/readyz"])
def test_killed_store_is_up_again_without_another_command(shop: Path, base: str, path: str) -> None:
    assert get(base + path)[0] == 200
    killed = _kill_store(shop)
    end_s = time.monotonic() + _LIMIT_S
    seen, status = set(), 0
    # What the killed server had started may answer for a moment longer; only a new server is the mend.
    while time.monotonic() < end_s and ((status := get(base + path)[0]) != 200 or _store_pid(shop) in {killed, None}):
        seen.add(status)
    assert seen <= {200, 503}
    assert status == 200
    assert _store_pid(shop) not in {killed, None}


def _answer(base: str, target: str, host: str) -> bytes:
    address = urlsplit(base)
    with socket.create_connection((address.hostname, address.port), timeout=_LIMIT_S) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def _settled(base: str, target: str, host: str) -> bytes:
    """The answer once the store has been found again."""
    end_s = time.monotonic() + _LIMIT_S
    answer = _answer(base, target, host)
    while answer.startswith(b"HTTP/1.1 503") and time.monotonic() < end_s:
        answer = _answer(base, target, host)
    return answer


def test_request_with_a_whole_address_is_answered_as_one_with_a_path(base: str) -> None:
    host = urlsplit(base).netloc
    expected = get(f"{base}/spend/c1")[1]
    for target in (f"{base}/spend/c1", f"{base}/spend/c1?x=1", f"HTTP://{host}/spend/c1"):
        assert _settled(base, target, host).endswith(expected)
    assert _settled(base, base, host).startswith(b"HTTP/1.1 200")  # the first page


def test_request_for_another_host_is_refused_in_every_form(base: str) -> None:
    assert _answer(base, "/spend/c1", "evil.example").startswith(b"HTTP/1.1 421")
    assert _answer(base, f"{base}/spend/c1", "evil.example").startswith(b"HTTP/1.1 421")
    assert _answer(base, "http://evil.example/spend/c1", "evil.example").startswith(b"HTTP/1.1 421")


def test_one_attempt_to_mend_is_made_at_a_time_and_none_is_left_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    may_end, has_begun = threading.Event(), threading.Event()
    begun = []

    def mend() -> None:
        begun.append(threading.current_thread())
        has_begun.set()
        assert may_end.wait(_LIMIT_S)
        raise StoreAwayError("still away")

    with mending(mend) as ask:
        ask()
        assert has_begun.wait(_LIMIT_S)
        ask()
        ask()
        may_end.set()
        begun[0].join()
        ask()
    assert len(begun) == 2
    assert not any(thread.is_alive() for thread in begun)
    ask()
    assert len(begun) == 2
    assert "still away" in caplog.text
