"""Personal values that a house holds, and that requests hold, are in nothing that others than their readers see."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote, urlencode

import psycopg
import pytest

from tests.integration.canaries import CANARY, KNOWN, MISDESCRIBED, OTHER, SPELLINGS, found_in, land
from tests.integration.collector import Collector, collecting
from tests.integration.serving import LIMIT_S, Running, running
from tests.integration.shops import TEMPLATE, make_database
from tests.integration.small import make_small, put
from tillage.api import problems
from tillage.errors import TillageError
from tillage.settings import read_settings
from tillage.wiring import store_dsn

pytestmark = pytest.mark.accept("6.4")
HTML = {"Accept": "text/html"}
RANKS = "select customer_id, net_minor, rank() over (order by net_minor desc) as place from customer_spend"
ROUTES = """
serve:
  /spend/{customerId}: {from: customer_spend, fields: {customerId: customer_id, net: net_minor}, auth: spend:read}
  /other/{customerId}: {from: customer_spend, fields: {customerId: customer_id}, auth: other:read}
  /open/{customerId}: {from: customer_spend, fields: {customerId: customer_id, net: net_minor}, auth: none}
  /here/{customerId}: {from: customer_spend, fields: {customerId: customer_id}}
  /rank/{customerId}: {from: ranks, fields: {customerId: customer_id, place: place}, auth: none}
"""
NOT_MADE_HERE = {
    problems.BAD_REQUEST,  # nothing that the framework reads can be wrong in that way
    problems.SLOW_BODY,  # 10 seconds
    problems.OVERLOADED,  # thousands of requests
    problems.TOO_MANY_LINES,  # a large house
    problems.TIME_LIMIT,
}
"""Their texts are constants, as those of all are: `tests/unit/test_api_problems.py`."""

WORDS = quote(CANARY, safe="")
KNOWN_KEY, OTHER_KEY = quote(KNOWN, safe=""), quote(OTHER, safe="")
HEADERS: dict[str, str | bytes] = {
    "User-Agent": CANARY.encode(),
    "Referer": f"http://127.0.0.1/{WORDS}",
    "Cookie": f"name={WORDS}",
    "If-None-Match": f'"{WORDS}"',
    "X-Request-Id": WORDS,
    "X-Client": CANARY.encode(),
    "traceparent": CANARY.encode(),
    "tracestate": f"shop={WORDS}",
    "baggage": f"user={WORDS}",
}
# Those that show values because that is what they are for: `/open/KEY` answers a row, `/explain/open/KEY` its lines.
PAGES = ["/", "/loads", "/quarantine", "/explain", "/explain/open", "/data", "/data/orders"]
UNKNOWN_PAGES = [f"/loads/{WORDS}", f"/data/{WORDS}", f"/explain/{WORDS}/c1", f"/explain/open/{OTHER_KEY}",
                 f"/explain/open?key={OTHER_KEY}", f"/quarantine/{WORDS}", f"/{WORDS}"]  # fmt: skip


@dataclass
class Seen:
    """What everybody saw, by place."""

    places: dict[str, list[bytes]] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)

    def add(self, place: str, content: bytes | str) -> None:
        self.places.setdefault(place, []).append(content.encode() if isinstance(content, str) else content)


@dataclass
class House:
    """The project, and what was seen of it."""

    root: Path
    seen: Seen

    def tillage(self, *words: str, expect: int = 0) -> str:
        command = [sys.executable, "-m", "tillage", *words]
        done = subprocess.run(command, cwd=self.root, capture_output=True, check=False, timeout=LIMIT_S * 3)
        assert done.returncode == expect, (words, done.returncode, done.stderr)
        self.seen.add("standard error of commands", done.stderr)
        return done.stdout.decode()

    def ask(self, server: Running, path: str, method: str = "GET", *, body: bytes | None = None,
            **headers: str | bytes) -> tuple[int, bytes]:  # fmt: skip
        """Status and body; problem documents are noted, and the heads of all answers."""
        status, content, head = server.ask(path, method, body=body, headers=HEADERS | headers)
        self.seen.add("heads of answers", str(head))
        if head["content-type"] == problems.MEDIA_TYPE:
            self.seen.codes.add(json.loads(content)["type"].rpartition(":")[2])
            self.seen.add("problem documents", content)
        return status, content


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """Everything that is said of a house and of requests that are full of canaries."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))  # short, for the store's socket
    house = House(Path(shutil.copytree(TEMPLATE, folder / "shop")), Seen())
    text = (house.root / "tillage.yaml").read_text()
    (house.root / "tillage.yaml").write_text(text.split("serve:")[0] + ROUTES)
    (house.root / "models/ranks.sql").write_text(RANKS)
    (house.root / "landing/orders").mkdir(parents=True, exist_ok=True)
    land(house.root / "landing/orders")
    with collecting() as collector, store_dsn(house.root, read_settings({})) as dsn:
        load(house)
        serve(house, dsn, collector)
        for body in collector.bodies:
            house.seen.add("spans", body)
        assert len(collector.spans()) > 40
    look_at_files(house)
    yield house.seen
    shutil.rmtree(folder)


def load(house: House) -> None:
    """Commands that fail as they are expected to, and those that say what waits."""
    house.tillage("run", expect=11)  # a file is refused
    house.tillage("run", "--strict", expect=11)
    house.tillage("explain", f"/open/{OTHER_KEY}", expect=10)
    house.tillage("explain", f"/{WORDS}/c1", expect=10)
    house.tillage("data", CANARY, "--json", expect=10)
    house.tillage("load", "show", "99", expect=10)
    house.tillage("quarantine", "replay", "--json")
    reasons = {one["code"] for one in json.loads(house.tillage("quarantine", "list", "--json"))}
    assert reasons >= {"unreadable", "missing", "type", "money_scale", "key_conflict"}, reasons
    for words in (["status"], ["load", "show", "1"], ["quarantine", "list"], ["reconcile"], ["audit"]):
        house.seen.add("standard output of commands", house.tillage(*words))


def serve(house: House, dsn: str, collector: Collector) -> None:
    client, secret = added(house, "reader"), added(house, "other")
    endpoint = {"TILLAGE_OTLP_ENDPOINT": collector.url}
    with running(house.root, "--access-log", **endpoint) as server:
        ask_routes(house, server, token_of(house, server, *client), token_of(house, server, *secret))
        ask_for_tokens(house, server)
        loads = re.findall(r'"(/loads/\d+)"', house.ask(server, "/loads")[1].decode())
        assert loads
        for path in (*PAGES, *loads):
            status, body = house.ask(server, f"{path}?{WORDS}={WORDS}", **HTML)
            assert status == 200, path
            house.seen.add("pages", body)
        for path in UNKNOWN_PAGES:
            for headers in (HTML, {}):
                status, body = house.ask(server, path, **headers)
                assert status == 404, path
                house.seen.add("pages", body)
        with changed(dsn, "alter view gold.customer_spend rename to gone"):
            assert house.ask(server, f"/open/{KNOWN_KEY}")[0] == 503
            with failing(dsn):
                assert house.ask(server, f"/open/{KNOWN_KEY}")[0] == 500
        with changed(dsn, "update tillage.models set name = 'gone' where name = 'customer_spend'"):
            assert house.ask(server, f"/open/{KNOWN_KEY}")[0] == 503
            assert house.ask(server, "/readyz")[0] == 503
        with psycopg.connect(dsn) as store:
            store.execute("lock table folds.customer_spend in access exclusive mode")
            assert house.ask(server, f"/open/{KNOWN_KEY}")[0] == 503
        house.ask(server, "/nowhere", "BREW")
        house.seen.add("answers that are no HTTP", raw(server, f"GET /open/{WORDS} HTTP/9\r\n{CANARY}\r\n\r\n"))
        for path in ("/metrics", "/openapi.json", "/docs", "/healthz"):
            house.seen.add("metrics and descriptions", house.ask(server, path)[1])
        house.seen.add("rows", house.ask(server, f"/open/{KNOWN_KEY}")[1])
        house.seen.add("explained lines", house.ask(server, f"/explain/open/{KNOWN_KEY}", **HTML)[1])
        server.stop()
        house.seen.add("log of the server", server.said)
    assert len(server_lines(house)) > 40


def server_lines(house: House) -> list[bytes]:
    return [line for line in house.seen.places["log of the server"][0].splitlines() if b"tillage.access" in line]


def ask_routes(house: House, server: Running, token: str, other: str) -> None:
    for route in ("spend", "other", "open", "here", "rank", WORDS):
        for key in (KNOWN_KEY, OTHER_KEY, "", f"{WORDS}/x", "k" * 1025, f"{WORDS}%FF", f"{WORDS}%00"):
            house.ask(server, f"/{route}/{key}?name={WORDS}")
    assert house.ask(server, f"/open/{KNOWN_KEY}")[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
        house.ask(server, f"/open/{KNOWN_KEY}", method, body=CANARY.encode())
    assert house.ask(server, f"/here/{KNOWN_KEY}", Host="quagge.example")[0] == 421
    assert house.ask(server, "/", Host=f"{WORDS}.example")[0] == 421
    for sent in (f"Bearer {WORDS}", f"Bearer {token}{WORDS}", f"Basic {WORDS}", WORDS):
        assert house.ask(server, f"/spend/{KNOWN_KEY}", Authorization=sent)[0] == 401
    assert house.ask(server, f"/spend/{KNOWN_KEY}", Authorization=f"Bearer {other}")[0] == 403
    statuses = [house.ask(server, f"/spend/{KNOWN_KEY}", Authorization=f"Bearer {token}")[0] for _ in range(4)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    assert house.ask(server, f"/explain/rank/{KNOWN_KEY}")[0] == 404


def ask_for_tokens(house: House, server: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    grant = {"grant_type": "client_credentials", "client_id": CANARY, "client_secret": CANARY}
    basic = base64.b64encode(f"{CANARY}:{CANARY}".encode()).decode()
    assert house.ask(server, "/token", "POST", body=urlencode(grant).encode(), **form)[0] == 401
    assert house.ask(server, "/token", "POST", body=b"grant_type=client_credentials", **form,
                     Authorization=f"Basic {basic}")[0] == 401  # fmt: skip
    assert house.ask(server, "/token", "POST", body=urlencode({CANARY: CANARY}).encode(), **form)[0] == 400
    assert house.ask(server, "/token", "POST", body=CANARY.encode() * 1000, **form)[0] == 413


def added(house: House, name: str) -> tuple[str, str]:
    scope = "spend:read" if name == "reader" else "other:read"
    said = json.loads(house.tillage("client", "add", name, "--scope", scope, "--per-second", "2", "--json"))
    return said["client_id"], said["client_secret"]


def token_of(house: House, server: Running, client: str, secret: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, body = house.ask(server, "/token", "POST", body=urlencode(form).encode(), **headers)
    assert status == 200
    return str(json.loads(body)["access_token"])


def raw(server: Running, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
        connection.sendall(text.encode())
        return connection.recv(65536)


@contextmanager
def changed(dsn: str, change: LiteralString) -> Iterator[None]:
    """The store with a model of another name for a while."""
    back = change.replace("gone", "?").replace("customer_spend", "gone").replace("?", "customer_spend")
    with psycopg.connect(dsn, autocommit=True) as store:
        store.execute(change)
        try:
            yield
        finally:
            store.execute(back)


@contextmanager
def failing(dsn: str) -> Iterator[None]:
    """A view under the model's name whose every row fails, while the model has another name."""
    with psycopg.connect(dsn, autocommit=True) as store:
        store.execute("create view gold.customer_spend as select * from gold.gone where 1 / (orders - orders) = 1")
        try:
            yield
        finally:
            store.execute("drop view gold.customer_spend")


def look_at_files(house: House) -> None:
    """The store's log, and what of the lake is no data: names, and the statistics and partitions in Delta's log."""
    data = house.root / "data"
    for log in (data / "store").glob("postgres.log*"):
        house.seen.add("log of PostgreSQL", log.read_bytes())
    names = "\n".join(str(path.relative_to(data)) for path in data.rglob("*"))
    house.seen.add("names of files", names)
    for log in (data / "lake").rglob("_delta_log/*.json"):
        house.seen.add("log of Delta", log.read_bytes())


@pytest.mark.parametrize("what", MISDESCRIBED)
def test_file_that_is_something_else_than_its_feed_says_is_refused_without_a_value(
    server: str, tmp_path: Path, what: str
) -> None:
    name, content, feed = MISDESCRIBED[what]
    database = f"canary_{list(MISDESCRIBED).index(what)}"
    small = make_small(tmp_path / "small", make_database(server, database), feeds={"a": feed})
    put(small, f"a/{name}", content)
    try:
        said = [str(problem) for problem in small.run().problems()]
    except TillageError as wrong:
        said = [str(wrong)]
    said += small.said
    assert said
    assert [(found, line) for line in said if (found := found_in(line.encode()))] == []


PLACES = """
problem documents, heads of answers, answers that are no HTTP, pages, metrics and descriptions, spans,
log of the server, log of PostgreSQL, log of Delta, names of files, standard error of commands,
standard output of commands
"""


@pytest.mark.parametrize("place", [place.strip() for place in PLACES.split(",")])
def test_no_personal_value_is_in(seen: Seen, place: str) -> None:
    assert any(seen.places[place])
    assert [(found, content[:2000]) for content in seen.places[place] if (found := found_in(content))] == []


def test_nothing_was_seen_that_is_not_judged(seen: Seen) -> None:
    shown = {"rows", "explained lines"}
    assert set(seen.places) - shown == {place.strip() for place in PLACES.split(",")}


@pytest.mark.parametrize("place", ["rows", "explained lines"])
def test_the_same_search_finds_what_is_shown_to_readers(seen: Seen, place: str) -> None:
    """`/explain/...` shows lines and a row its key: that is what they are for."""
    assert found_in(seen.places[place][0])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_search_finds_a_value_in_each_spelling(seen: Seen, spelling: str) -> None:
    """Put into one line of the server's log."""
    log = seen.places["log of the server"][0]
    middle = len(log) // 2
    assert found_in(log) == []
    assert spelling in found_in(log[:middle] + SPELLINGS[spelling].upper() + log[middle:])


def test_every_kind_of_problem_was_asked_for(seen: Seen) -> None:
    kinds = {one for one in vars(problems).values() if isinstance(one, problems.Problem)}
    assert {one.code for one in kinds - NOT_MADE_HERE} - seen.codes == set()
