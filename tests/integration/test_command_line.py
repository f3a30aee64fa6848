"""What the commands print, as a process of their own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.acceptance.commands import new_project, tillage, tillage_json

_BASKET = [{"productId": "p", "productType": "hot food", "grossMerchandiseValueEur": 11.5}]


def _line(customer: str, order: str, gross: float = 11.5) -> str:
    basket = [_BASKET[0] | {"grossMerchandiseValueEur": gross}]
    return json.dumps({"customerId": customer, "orders": [{"orderId": order, "basket": basket}]}) + "\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_project(tmp_path / "shop")


def _deliver(shop: Path, name: str, text: str) -> None:
    (shop / "landing" / "orders").mkdir(parents=True, exist_ok=True)
    (shop / "landing" / "orders" / name).write_text(text)


def _on_terminal(folder: Path, *words: str, columns: int) -> str:
    """What the command prints on a terminal of that width."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    command = [sys.executable, "-m", "tillage", *words]
    running = subprocess.Popen(command, cwd=folder, env=environment | {"TERM": "xterm"}, stdout=its, stderr=its)
    os.close(its)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:
        pass  # how a terminal says that its last writer has gone
    os.close(ours)
    assert running.wait() == 0, said
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())


def test_figures_are_whole_on_a_terminal_of_80_columns(shop: Path) -> None:
    _deliver(shop, "a.jsonl", _line("c1", "o1", 98_765_432_101.99) + _line("c2", "o2") + "nonsense\n")
    tillage(shop, "run")
    for words in (
        ["status"],
        ["query", "select 98765432101234567 as a, 12345678901234567.89 as b, repeat('x', 99) as c"],
    ):
        said = _on_terminal(shop, *words, columns=80)
        assert "…" not in said
        assert ("98,765,432,113.49" in said) or ("98765432101234567" in said and "12345678901234567.89" in said)


def test_units_of_two_loads_at_one_place_are_told_apart(shop: Path) -> None:
    for order in ("o1", "o2"):
        _deliver(shop, "a.jsonl", _line("c1", order))
        tillage(shop, "run")
    said = tillage(shop, "explain", "/spend/c1")
    assert "2 units, 2 lines, 1 files" in said
    assert said.count("landing/orders/a.jsonl:1") == 2


def test_key_may_be_spelled_as_in_an_address(shop: Path) -> None:
    _deliver(shop, "a.jsonl", _line("é 1/2", "o1"))
    tillage(shop, "run")
    for key in ("é 1/2", "%C3%A9%201%2F2", "é%201/2"):
        assert tillage_json(shop, "explain", f"/spend/{key}")["key"] == "é 1/2"


def test_key_that_is_no_text_is_an_unknown_one(shop: Path) -> None:
    _deliver(shop, "a.jsonl", _line("c1", "o1"))
    tillage(shop, "run")
    for key in (b"/spend/\xff", b"/spend/%FF", b"/spend/%00"):
        command = [sys.executable.encode(), b"-m", b"tillage", b"explain", key, b"--json"]
        done = subprocess.run(command, cwd=shop, capture_output=True, check=False)
        assert (done.returncode, json.loads(done.stderr)["error"]) == (10, "unknown-key")


@pytest.mark.parametrize(
    "words",
    [["status", "--nope"], ["nope"], ["query"], ["serve", "--port", "99999"], [], ["run", "--wait", "soon"]],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_wrong_usage_is_a_problem_in_json_too(tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "tillage", *words, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    problem = json.loads(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert (problem["error"], problem["exit_code"]) == ("usage", 2)
    assert problem["message"]


def test_help_and_version_still_answer_beside_json(tmp_path: Path) -> None:
    assert "Usage" in tillage(tmp_path, "status", "--help", "--json")
    assert tillage(tmp_path, "--version").startswith("tillage ")


def test_serve_says_its_address_in_one_line_of_json(shop: Path) -> None:
    _deliver(shop, "a.jsonl", _line("c1", "o1"))
    tillage(shop, "run")
    command = [sys.executable, "-m", "tillage", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", said["url"])
        assert said["openapi"] == f"{said['url']}/openapi.json"
        server.terminate()
        assert server.stdout.read() == ""
        assert server.wait() == 0
