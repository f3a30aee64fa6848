"""`make demo`: the food-orders project on generated data, killed in the middle on purpose, run again, and looked into.

Every figure that it prints comes from a command of the product, run as a user runs it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import typer

from tillage.cli.demo_data import write_orders
from tillage.cli.init import make_project
from tillage.errors import OperatorError, TillageError
from tillage.stores.embedded import EmbeddedPostgres

_MARK = ".tillage-demo"
_SEED, _CUSTOMERS, _ORDERS, _DAYS = 7, 2_000, 60_000, 90
_SHOWN = "/spend/c1879"
_TOP = (
    "select customer_id, orders::bigint as orders, (net_minor * 0.01)::decimal(18, 2) as net_eur "
    "from gold.customer_spend order by net_minor desc, customer_id limit 3"
)
_READY_S = 30


def demo(folder: Path) -> None:
    """Makes the project in `folder` anew and shows it; leaves nothing running.

    Raises:
        OperatorError: the folder holds something else, or a command failed.
    """
    started = time.monotonic()
    _prepare(folder)
    # Held meanwhile, so that the commands share one server and the last of us stops it.
    with EmbeddedPostgres(folder / "data" / "store"):
        _say("\n$ tillage run          (killed with SIGKILL after its second silver commit, on purpose)")
        killed = _command(folder, "run", TILLAGE_CRASH="after:silver:2")
        if killed != -signal.SIGKILL:
            raise OperatorError(f"the run should have been killed, but ended with {killed}")
        for words in (
            ["run"],
            ["status"],
            ["query", _TOP],
            ["run"],
            ["reconcile"],
        ):
            _show(folder, *words)
        _get(folder)
        _show(folder, "explain", _SHOWN)
    _say(f"\nthe demo took {time.monotonic() - started:.0f} s; everything is in {folder}/, nothing is left running")
    _say(
        f"\nNext   cd {folder}; . ../.venv/bin/activate\n"
        '       tillage query "select * from quarantine.orders limit 5"     what waits, and why\n'
        "       tillage serve                                               then GET http://127.0.0.1:8040/spend/c0001\n"
        "       put another file into landing/orders, then: tillage run     your own: tillage init food-orders my-shop"
    )


def _prepare(folder: Path) -> None:
    if folder.exists():
        if not (folder / _MARK).is_file():
            raise OperatorError(f"{folder} exists and is no demo; move it away, then: make demo")
        shutil.rmtree(folder)
    make_project("food-orders", folder)
    (folder / _MARK).touch()
    landing = folder / "landing" / "orders"
    write_orders(landing, seed=_SEED, customers=_CUSTOMERS, orders=_ORDERS, days=_DAYS)
    files = sorted(path for path in landing.iterdir() if path.suffix in {".jsonl", ".gz"})
    size = sum(path.stat().st_size for path in files)
    lines = sum(len((folder / name).read_text().splitlines()) for name in ("tillage.yaml", "models/customer_spend.sql"))
    _say(f"project        {folder}/   1 contract, 1 model, {lines} lines of project file and SQL")
    _say(
        f"data           {len(files)} daily files, {size:,} bytes, {_CUSTOMERS:,} customers, about {_ORDERS:,} orders, "
        f"generated (seed {_SEED}), about 1 % of the orders broken on purpose"
    )


def _command(folder: Path, *words: str, **environment: str) -> int:
    command = [sys.executable, "-m", "tillage", *words]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, check=False).returncode  # noqa: S603


def _show(folder: Path, *words: str) -> None:
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    _say(f"\n$ tillage {shown}")
    code = _command(folder, *words)
    if code:
        raise OperatorError(f"tillage {words[0]} ended with {code}")


def _get(folder: Path) -> None:
    """Serves on a free port, asks once, stops the server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tillage", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(f"{url}/readyz", server)
        with urllib.request.urlopen(f"{url}{_SHOWN}", timeout=10) as answer:  # noqa: S310
            _say(f"\n$ tillage serve\nGET {_SHOWN}   {answer.status} {answer.read().decode()}")
    finally:
        server.terminate()
        server.wait(timeout=_READY_S)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310
            return
        time.sleep(0.05)
    raise OperatorError("tillage serve did not answer in time")


def _say(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


def main() -> None:
    """`python -m tillage.cli.demo FOLDER`."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    try:
        demo(folder)
    except TillageError as wrong:
        typer.echo(f"error: {wrong}", err=True)
        sys.exit(wrong.exit_code)


if __name__ == "__main__":
    main()
