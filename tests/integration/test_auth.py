"""Who may read: every route, scope and token, on a real store."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from litestar.testing import TestClient

from tests.integration.shops import Shop, customer, make_shop, order
from tillage.api.app import make_app
from tillage.api.logins import Logins
from tillage.api.serving import Reach, Serving
from tillage.api.targets import kept
from tillage.errors import OperatorError
from tillage.pages.handlers import Pages, page_handlers
from tillage.pipelines.clients import add_client, revoke_client
from tillage.settings import read_settings
from tillage.stores.postgres.lookups import Lookups, column_kinds
from tillage.wiring import open_clients

ROUTES = """
serve:
  /spend/{customerId}: {from: customer_spend, fields: {customerId: customer_id, net: net_minor}, auth: spend:read}
  /orders/{customerId}: {from: customer_spend, fields: {customerId: customer_id, orders: orders}, auth: orders.read}
  /open/{customerId}: {from: customer_spend, fields: {customerId: customer_id}, auth: none}
  /here/{customerId}: {from: customer_spend, fields: {customerId: customer_id}}
"""
NEEDED = {"/spend": "spend:read", "/orders": "orders.read", "/open": None, "/here": None}
CANARY = "canary-9d20"


@dataclass
class Served:
    """The application over a store, and what its clients have."""

    shop: Shop
    client: TestClient[Any]

    def add(self, name: str, *scopes: str, per_s: int | None = None) -> str:
        with self.shop.open() as house:
            return add_client(house, name, scopes, per_s)

    def login(self, name: str, secret: str, **form: str) -> httpx.Response:
        basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
        body = {"grant_type": "client_credentials", **form}
        return self.client.post("/token", data=body, headers={"Authorization": f"Basic {basic}"})

    def token(self, name: str, *scopes: str, per_s: int | None = None) -> str:
        answer = self.login(name, self.add(name, *scopes, per_s=per_s))
        assert answer.status_code == 200
        return str(answer.json()["access_token"])

    def get(self, path: str, *tokens: str, host: str = "127.0.0.1") -> httpx.Response:
        headers = [("Host", host), *(("Authorization", f"Bearer {token}") for token in tokens)]
        return self.client.get(path, headers=headers)


@pytest.fixture(scope="module")
def served(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = make_shop(tmp_path_factory.mktemp("auth") / "shop", server, "auth")
    text = (shop.root / "tillage.yaml").read_text()
    (shop.root / "tillage.yaml").write_text(text.split("serve:")[0] + ROUTES)
    shop.land("a.jsonl", *(customer(key, order(f"o-{key}")) for key in ("c1", "c2", CANARY)))
    shop.run()
    with reached(shop, Reach.LOOPBACK) as served:
        yield served


@contextmanager
def reached(shop: Shop, reach: Reach) -> Iterator[Served]:
    """The application as it is for requests from there."""
    settings = read_settings({"TILLAGE_STORE_DSN": shop.dsn})
    with shop.open() as house:
        project, outputs = house.project, house.folds.outputs()
    with open_clients(shop.root, settings) as clients:
        logins = Logins(clients.issue)
        lookups = Lookups(shop.dsn, outputs, column_kinds(shop.dsn))
        pages = page_handlers(shop.root, settings, rest_of=lambda request: kept(request.scope["state"]).rest)
        app = make_app(project, outputs, lookups, logins=logins, serving=Serving(reach), pages=Pages(pages))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield Served(shop, client)
        logins.close()


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].removeprefix("urn:tillage:problem:")


@pytest.mark.accept("6.3")
def test_every_route_with_every_scope_and_id(served: Served) -> None:
    """A token opens the routes of its scopes and no other, whatever the id."""
    held = {"none": (), "spend": ("spend:read",), "orders": ("orders.read",), "both": ("spend:read", "orders.read")}
    tokens = {name: served.token(f"matrix-{name}", *scopes) for name, scopes in held.items() if scopes}
    for prefix, needed in NEEDED.items():
        for name, scopes in held.items():
            for key, there in (("c1", 200), ("c2", 200), ("c99", 404), ("", 400)):
                answer = served.get(f"{prefix}/{key}", *([tokens[name]] if scopes else []))
                if needed is None or needed in scopes or not key:
                    assert answer.status_code == there, (prefix, name, key)
                elif scopes:
                    assert problem(answer) == (403, "missing-scope")
                    assert f'scope="{needed}"' in answer.headers["www-authenticate"]
                else:
                    assert problem(answer) == (401, "no-token")
                    assert answer.headers["www-authenticate"] == 'Bearer realm="tillage"'


@pytest.mark.accept("6.3")
@pytest.mark.parametrize("reach", [Reach.LOOPBACK, Reach.NETWORK])
def test_every_page_with_every_scope_and_id(served: Served, reach: Reach) -> None:
    """From elsewhere the house is for its own scope alone; on this machine, under its name, nobody is asked."""
    held = {"none": (), "spend": ("spend:read",), "house": ("house:read",)}
    tokens = {name: served.token(f"{reach}-{name}", *scopes) for name, scopes in held.items() if scopes}
    keys = [f"/explain{prefix}/{key}" for prefix in NEEDED for key in ("c1", "c99")]
    paths = ["/", "/loads", "/loads/1", "/quarantine", "/explain", "/data", "/data/orders", "/metrics", "/docs", *keys]
    with reached(served.shop, reach) as far:
        for path in paths:
            for name in held:
                for host in ("127.0.0.1", "shop.example"):
                    answer = far.get(path, *([tokens[name]] if name in tokens else []), host=host)
                    if (reach is Reach.LOOPBACK and host == "127.0.0.1") or name == "house":
                        assert answer.status_code == (404 if path.endswith("c99") else 200), (path, name)
                    elif name == "spend":
                        assert problem(answer) == (403, "missing-scope"), path
                    else:
                        no_token = (421, "other-host") if reach is Reach.LOOPBACK else (401, "no-token")
                        assert problem(answer) == no_token, path


def broken_tokens(token: str) -> dict[str, list[str]]:
    """Authorization headers that hold no token that counts."""
    other = "A" if token[10] != "A" else "B"
    return {
        "empty": [""],
        "scheme alone": ["Bearer"],
        "scheme and blank": ["Bearer "],
        "no scheme": [token],
        "basic": [f"Basic {token}"],
        "token scheme": [f"Token {token}"],
        "tab": [f"Bearer\t{token}"],
        "colon": [f"Bearer: {token}"],
        "quoted": [f'Bearer "{token}"'],
        "comma": [f"Bearer {token},"],
        "two in one": [f"Bearer {token} {token}"],
        "two headers": [f"Bearer {token}", f"Bearer {token}"],
        "good and bad header": [f"Bearer {token}", "Bearer x"],
        "cut at the end": [f"Bearer {token[:-1]}"],
        "cut at the start": [f"Bearer {token[1:]}"],
        "without prefix": [f"Bearer {token.removeprefix('tlt_')}"],
        "longer": [f"Bearer {token}A"],
        "padded": [f"Bearer {token}="],
        "one letter else": [f"Bearer {token[:10]}{other}{token[11:]}"],
        "other case": [f"Bearer {token.swapcase()}"],
        "random": [f"Bearer tlt_{secrets.token_urlsafe(32)}"],
        "prefix alone": ["Bearer tlt_"],
        "percent": [f"Bearer {token[:-1]}%{ord(token[-1]):02X}"],
        "letters beyond ASCII": ["Bearer tökén"],
        "SQL": ["Bearer ' or 1=1 --"],
        "wildcard": ["Bearer %"],
        "null word": ["Bearer null"],
        "dots": ["Bearer eyJhbGciOiJub25lIn0.e30."],
        "very long": [f"Bearer {'A' * 4000}"],
        "hash of it": [f"Bearer {hashlib.sha256(token.encode()).hexdigest()}"],
        "not a word": ["\x7f\x80"],
    }


@pytest.mark.accept("6.3")
def test_thirty_broken_tokens_open_nothing(served: Served) -> None:
    token = served.token("broken", "spend:read")
    broken = broken_tokens(token)
    assert len(broken) >= 30
    for what, values in broken.items():
        headers = [(b"authorization", value.encode("latin-1")) for value in values]
        answer = served.client.get("/spend/c1", headers=[(b"host", b"127.0.0.1"), *headers])
        assert problem(answer) == (401, "invalid-token"), what
        assert answer.headers["www-authenticate"] == 'Bearer realm="tillage", error="invalid_token"'
    assert served.get("/spend/c1", token).status_code == 200
    assert served.client.get("/spend/c1", headers={"Authorization": f"bEARER  {token}"}).status_code == 200


def test_what_is_revoked_or_has_expired_counts_for_no_later_request(served: Served) -> None:
    token, other = served.token("revoked", "spend:read"), served.token("expired", "spend:read")
    assert served.get("/spend/c1", token).status_code == served.get("/spend/c1", other).status_code == 200
    with served.shop.open() as house:
        assert revoke_client(house, "revoked")
        assert not revoke_client(house, "revoked")
    assert problem(served.get("/spend/c1", token)) == (401, "invalid-token")
    with psycopg.connect(served.shop.dsn) as store:
        store.execute("update tillage.tokens set expires_at = now() - interval '1 s' where client = 'expired'")
    assert problem(served.get("/spend/c1", other)) == (401, "invalid-token")
    with served.shop.open() as house, pytest.raises(OperatorError, match="there is or was a client 'revoked'"):
        add_client(house, "revoked", ["spend:read"], None)


def test_a_token_is_an_hours_and_has_no_more_than_was_asked_for(served: Served) -> None:
    secret = served.add("narrow", "spend:read", "orders.read")
    answer = served.login("narrow", secret, scope="orders.read")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "orders.read",
    }
    assert served.get("/orders/c1", found["access_token"]).status_code == 200
    assert problem(served.get("/spend/c1", found["access_token"])) == (403, "missing-scope")
    assert served.login("narrow", secret).json()["scope"] == "orders.read spend:read"


def test_wrong_logins_are_one_answer_and_leave_nothing(served: Served) -> None:
    secret = served.add("careful", "spend:read")
    with psycopg.connect(served.shop.dsn, autocommit=True) as store:
        count = "select count(*) from tillage.tokens where client = 'careful'"
        answers = [
            served.login("careful", secret + "x"),
            served.login("careful", ""),
            served.login("nobody", secret),
            served.login("caref\0ul", secret),
            served.client.post("/token", data={"grant_type": "client_credentials"}),
        ]
        assert {problem(one) for one in answers} == {(401, "invalid-client")}
        assert {one.content for one in answers} == {answers[0].content}
        assert answers[0].json()["error"] == "invalid_client"
        assert answers[0].headers["www-authenticate"] == 'Basic realm="tillage"'
        more = served.login("careful", secret, scope="orders.read")
        assert (problem(more), more.json()["error"]) == ((400, "invalid-login"), "invalid_scope")
        # Who does not have the secret does not learn what the client may.
        assert problem(served.login("careful", "x", scope="orders.read")) == (401, "invalid-client")
        assert store.execute(count).fetchone() == (0,)
        assert served.login("careful", secret).status_code == 200
        assert store.execute(count).fetchone() == (1,)
    large = served.client.post("/token", content=b"a=" + b"b" * 9000)
    assert problem(large) == (413, "large-body")
    assert problem(served.client.post("/token", content=b"{}")) == (400, "invalid-login")
    assert problem(served.client.get("/token")) == (405, "method")


def test_neither_secret_nor_token_is_kept_or_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        secret = served.add("quiet", "spend:read")
        token = served.login("quiet", secret).json()["access_token"]
        served.login("quiet", secret + CANARY)
        served.get("/spend/c1", token)
        served.get("/spend/c1", token + CANARY)
    assert not any(text in caplog.text for text in (secret, token, CANARY))
    with psycopg.connect(served.shop.dsn) as store:
        rows = store.execute(
            "select c.*, t.* from tillage.clients c left join tillage.tokens t using (client)"
        ).fetchall()
    assert len(rows) > 1
    assert secret not in str(rows)
    assert token not in str(rows)
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in str(rows)


def test_a_client_that_asks_faster_than_it_may_is_told_when_to_ask_again(served: Served) -> None:
    token = served.token("fast", "spend:read", per_s=3)
    answers = [served.get("/spend/c1", token) for _ in range(6)]
    assert [one.status_code for one in answers[:3]] == [200] * 3
    assert problem(answers[5]) == (429, "too-fast")
    assert answers[5].headers["retry-after"] == "1"


def test_only_paths_without_auth_ask_for_this_machines_name(served: Served) -> None:
    token = served.token("elsewhere", "spend:read")
    assert served.get("/spend/c1", token, host="shop.example").status_code == 200
    assert served.get("/open/c1", host="shop.example").status_code == 200
    assert problem(served.get("/here/c1", host="shop.example")) == (421, "other-host")
    assert served.get("/openapi.json", host="shop.example").status_code == 200


def test_metrics_are_for_this_machine_and_for_who_may_look_into_the_house(served: Served) -> None:
    house, other = served.token("prometheus", "house:read"), served.token("reader", "spend:read")
    assert served.get("/metrics").status_code == 200
    assert problem(served.get("/metrics", host="shop.example")) == (421, "other-host")
    assert served.get("/metrics", house, host="shop.example").status_code == 200
    assert problem(served.get("/metrics", other, host="shop.example")) == (403, "missing-scope")
    with reached(served.shop, Reach.NETWORK) as far:
        assert problem(far.get("/metrics")) == (401, "no-token")
        assert problem(far.get("/metrics", other)) == (403, "missing-scope")
        assert far.get("/metrics", house).status_code == 200
        assert far.get("/healthz").status_code == 200


def test_clients_are_added_listed_and_revoked_by_the_command(served: Served) -> None:
    def tillage(*arguments: str) -> Any:
        command = [sys.executable, "-m", "tillage", *arguments, "--json"]
        environment = os.environ | {"TILLAGE_STORE_DSN": served.shop.dsn}
        done = subprocess.run(
            command, cwd=served.shop.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (0 if done.stdout else 10), done.stderr
        return json.loads(done.stdout or done.stderr)

    added = tillage("client", "add", "by-hand", "--scope", "spend:read", "--per-second", "5")
    assert added["scopes"] == ["spend:read"]
    assert served.login(added["client_id"], added["client_secret"]).status_code == 200
    (listed,) = [one for one in tillage("client", "list") if one["name"] == "by-hand"]
    assert (listed["scopes"], listed["per_s"], listed["revoked_at"]) == (["spend:read"], 5, None)
    assert added["client_secret"] not in str(listed)
    assert tillage("client", "revoke", "by-hand") == {"client": "by-hand", "revoked": True}
    assert problem(served.login(added["client_id"], added["client_secret"])) == (401, "invalid-client")
    wrong = tillage("client", "add", "typo", "--scope", "spend:raed")
    assert "no served path asks for the scope 'spend:raed'; did you mean 'spend:read'?" in wrong["message"]
    assert "lower case letters" in tillage("client", "add", "A b", "--scope", "spend:read")["message"]
    assert "there is no client 'by-hnd'" in tillage("client", "revoke", "by-hnd")["message"]


@pytest.mark.parametrize(("side", "is_there"), [("before", False), ("after", True)])
def test_a_killed_command_has_added_or_revoked_a_client_or_not(served: Served, side: str, is_there: bool) -> None:
    def killed(*words: str) -> None:
        environment = os.environ | {"TILLAGE_STORE_DSN": served.shop.dsn, "TILLAGE_CRASH": f"{side}:client"}
        command = [sys.executable, "-m", "tillage", "client", *words]
        done = subprocess.run(command, cwd=served.shop.root, env=environment, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL
        assert done.stdout == b""

    name = f"killed-{side}"
    killed("add", name, "--scope", "spend:read")
    with served.shop.open() as house:
        assert (name in [client.name for client in house.clients.known()]) == is_there
    token = served.token(f"lives-{side}", "spend:read")
    killed("revoke", f"lives-{side}")
    assert served.get("/spend/c1", token).status_code == (401 if is_there else 200)
