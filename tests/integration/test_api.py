"""The HTTP API over a real store, through the application and through the real server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from jsonschema import Draft202012Validator
from litestar.testing import TestClient
from psycopg import sql

from tests.integration.processes import children
from tillage.api.app import make_app
from tillage.api.serve import serve
from tillage.api.serving import Reach, Serving
from tillage.contracts.project import Project, Route
from tillage.errors import ModelError, OperatorError
from tillage.models.output import Output
from tillage.pipelines.run import run
from tillage.settings import read_settings
from tillage.stores.postgres import lookups as module
from tillage.stores.postgres import reads
from tillage.stores.postgres.keys import KINDS
from tillage.stores.postgres.lookups import Found, LookUp, Lookups, column_kinds, look_up
from tillage.wiring import load_project, open_house, store_dsn

LIMIT_S = 60.0
SETTINGS = read_settings({})
CANARY = "canary-4c1f"
INSTANCE = "/spend/{customerId}"


def order(number: int, *prices: float, kind: str = "hot food", shop: int | None = None) -> dict[str, Any]:
    basket = [{"productId": "p1", "productType": kind, "grossMerchandiseValueEur": price} for price in prices]
    return {"orderId": str(number), "shopNo": shop, "basket": basket}


# 103.23 with 15 % is 89.77 net (1032300 / 115 = 8976.5.., up); the other figures are exact.
CUSTOMERS: dict[str, list[dict[str, Any]]] = {
    "c1": [order(1, 103.23, shop=7)],
    "c2": [],
    "c3": [order(2, 11.5, -11.5, shop=7)],
    "c4": [order(3, -1.15, shop=-2)],
    "5": [order(4, 1.15)],
    "Zoë Müller/日本": [order(5, 2.3)],
    "a.b c": [order(6, 3.45)],
    "%": [order(7, 4.6)],
    CANARY: [order(8, 5.75)],
    "k" * 1024: [order(9, 6.9)],
    'quote"\\': [order(10, 8.05)],
}
SPEND = {
    "c1": b'{"customerId":"c1","orders":1,"totalNetMerchandiseValueEur":89.77}',
    "c2": b'{"customerId":"c2","orders":0,"totalNetMerchandiseValueEur":0.00}',
    "c3": b'{"customerId":"c3","orders":1,"totalNetMerchandiseValueEur":0.00}',
    "c4": b'{"customerId":"c4","orders":1,"totalNetMerchandiseValueEur":-1.00}',
    "5": b'{"customerId":"5","orders":1,"totalNetMerchandiseValueEur":1.00}',
    "a.b c": b'{"customerId":"a.b c","orders":1,"totalNetMerchandiseValueEur":3.00}',
    "%": b'{"customerId":"%","orders":1,"totalNetMerchandiseValueEur":4.00}',
    'quote"\\': b'{"customerId":"quote\\"\\\\","orders":1,"totalNetMerchandiseValueEur":7.00}',
    "Zoë Müller/日本": '{"customerId":"Zoë Müller/日本","orders":1,"totalNetMerchandiseValueEur":2.00}'.encode(),
}

SHOP_COLUMN = """
      - name: shop_no
        physicalName: shopNo
        description: The shop's number.
        logicalType: integer
"""
SHOP_MODEL = """
-- models/shops.sql: what each shop sold.
select shop_no, count(*) as orders, sum(net_minor) as net_minor
from (select o.shop_no, l.net_minor from orders as o cross join unnest(o.lines) as t(l)) as movements
group by shop_no
"""
SHOP_ROUTE = """
  /shops/by-number/{shop}:
    from: shops
    fields: {net: net_minor, shop: shop_no, lines: orders}
"""


@dataclass(frozen=True)
class Shop:
    """A project whose store is up."""

    root: Path
    dsn: str
    project: Project
    outputs: Mapping[str, tuple[Output, ...]]

    def lookups(self) -> Lookups:
        return Lookups(self.dsn, self.outputs, column_kinds(self.dsn))


def new_project(folder: Path) -> Path:
    """The template with one column, one model and one route more: one whose key is a number."""
    with resources.as_file(resources.files("tillage") / "templates/food-orders") as template:
        shutil.copytree(template, folder)
    contract = folder / "contracts/orders.odcs.yaml"
    lines = "      - name: lines\n"
    text = contract.read_text()
    assert text.count(lines) == 1
    contract.write_text(text.replace(lines, SHOP_COLUMN.removeprefix("\n") + lines))
    (folder / "models/shops.sql").write_text(SHOP_MODEL.lstrip())
    with (folder / "tillage.yaml").open("a") as project:
        project.write(SHOP_ROUTE.removeprefix("\n"))
    records = [{"customerId": customer, "orders": orders} for customer, orders in CUSTOMERS.items()]
    landing = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / "landing/orders/2025-01-01.jsonl").write_text(landing, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Path, Path]]:
    """Two equal projects with their data, whose stores are stopped."""
    # A short path of its own: pytest's is near the limit of a socket's.
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    root = new_project(folder / "one")
    with open_house(root, SETTINGS, say=lambda _: None) as house:
        report = run(house, wait_s=LIMIT_S)
    assert report.quarantined_rows == 0
    yield root, Path(shutil.copytree(root, folder / "two"))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shop(filled: tuple[Path, Path]) -> Iterator[Shop]:
    root, _ = filled
    with store_dsn(root, SETTINGS) as dsn:
        yield opened(root, dsn)


def opened(root: Path, dsn: str) -> Shop:
    with open_house(root, SETTINGS, say=lambda _: None) as house:
        return Shop(root, dsn, house.project, house.folds.outputs())


@pytest.fixture(scope="module")
def client(shop: Shop) -> Iterator[TestClient[Any]]:
    with TestClient(make_app(shop.project, shop.outputs, shop.lookups())) as client:
        yield client


def path_of(prefix: str, key: str) -> str:
    return f"{prefix}/{''.join(f'%{byte:02X}' for byte in key.encode())}"


def check_problem(response: httpx.Response, status: int, code: str, instance: str | None = INSTANCE) -> None:
    """A problem document with all members and with none of them about the key."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.pop("instance", None) == instance
    assert document.pop("status") == status
    assert document.pop("type") == f"urn:tillage:problem:{code}"
    assert set(document) == {"title", "detail"}


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        os.sched_yield()


# --- answers


@pytest.mark.parametrize("customer", SPEND)
def test_answer_is_these_bytes(client: TestClient[Any], customer: str) -> None:
    response = client.get(path_of("/spend", customer))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.content == SPEND[customer]


def test_plain_and_percent_encoded_spelling_are_one_address(client: TestClient[Any]) -> None:
    assert client.get("/spend/a.b%20c").content == client.get("/spend/a%2Eb%20c").content == SPEND["a.b c"]
    assert client.get("/spend/Zoë Müller%2F日本").content == SPEND["Zoë Müller/日本"]


def test_query_is_no_part_of_the_key(client: TestClient[Any]) -> None:
    assert client.get("/spend/c1?pretty=/c2").content == SPEND["c1"]


def test_model_with_a_number_as_key_is_answered_in_the_order_of_its_fields(client: TestClient[Any]) -> None:
    assert client.get("/shops/by-number/7").content == b'{"net":89.77,"shop":7,"lines":3}'
    assert client.get("/shops/by-number/-2").content == b'{"net":-1.00,"shop":-2,"lines":1}'
    assert client.get("/shops/by-number/007").content == b'{"net":89.77,"shop":7,"lines":3}'


NO_NUMBERS = [
    "c1",
    "null",
    " 7",
    "7.0",
    "0x7",
    "7_0",
    "+7",
    "\u0667",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 400,
]


@pytest.mark.parametrize("key", NO_NUMBERS)
def test_key_that_is_no_value_of_the_number_column_is_not_found(client: TestClient[Any], key: str) -> None:
    check_problem(client.get(path_of("/shops/by-number", key)), 404, "unknown-key", "/shops/by-number/{shop}")


# --- problems


def test_unknown_key_is_404(client: TestClient[Any]) -> None:
    check_problem(client.get("/spend/c99"), 404, "unknown-key")
    check_problem(client.get("/shops/by-number/8"), 404, "unknown-key", "/shops/by-number/{shop}")


@pytest.mark.parametrize("path", ["/spend", "/spend/", "/spend?customerId=c1"])
def test_missing_key_is_400(client: TestClient[Any], path: str) -> None:
    check_problem(client.get(path), 400, "missing-key")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405_and_say_which_are_allowed(client: TestClient[Any], method: str) -> None:
    response = client.request(method, "/spend/c1", content=b"{}")
    check_problem(response, 405, "method")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    check_problem(client.request(method, "/healthz"), 405, "method", "/healthz")


UNKNOWN_PATHS = """
/ /spent/c1 /spend/c1/ /spend/c1/orders /spend//c1 /spend%2Fc1 /schema /schema/swagger /docs/ /docs/x /shops
/shops/by-number/7/8 /healthz/ /openapi /openapi.yml /* /spend%2F*
"""


@pytest.mark.parametrize("path", UNKNOWN_PATHS.split())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_path_is_404_and_is_not_repeated(client: TestClient[Any], method: str, path: str) -> None:
    check_problem(client.request(method, path), 404, "unknown-route", None)


def test_slash_of_a_key_is_told_from_a_slash_of_the_path(client: TestClient[Any]) -> None:
    assert client.get("/spend/Zo%C3%AB%20M%C3%BCller%2F%E6%97%A5%E6%9C%AC").status_code == 200
    check_problem(client.get("/spend/Zo%C3%AB%20M%C3%BCller/%E6%97%A5%E6%9C%AC"), 404, "unknown-route", None)
    check_problem(client.get("/spend/c1%2F"), 404, "unknown-key")
    check_problem(client.get("/spend/%2F"), 404, "unknown-key")


INJECTIONS = """
' or '1'='1
c1'--
c1'; drop table folds.customer_spend; --
"; drop schema gold cascade; --
c1\\'
%s
%(key)s
%(outputs)s
{key}
{}
$1
_
c%
*
null
C1
"""


@pytest.mark.parametrize("key", [*INJECTIONS.strip().splitlines(), "c1\n", "c1 ", " c1", "c1\ufeff"])
def test_key_is_only_ever_a_value(client: TestClient[Any], shop: Shop, key: str) -> None:
    check_problem(client.get(path_of("/spend", key)), 404, "unknown-key")
    response = client.get(path_of("/shops/by-number", key))
    check_problem(response, 404, "unknown-key", "/shops/by-number/{shop}")
    with psycopg.connect(shop.dsn) as connection:
        found = connection.execute("select count(*) from gold.customer_spend").fetchone()
    assert found == (len(CUSTOMERS),)


@pytest.mark.parametrize("encoded", ["%00", "c1%00", "%FF", "c1%C3", "%ED%A0%80", "%C0%AF"])
def test_bytes_that_no_text_holds_are_an_unknown_key(client: TestClient[Any], encoded: str) -> None:
    response = client.get(f"/spend/{encoded}")
    check_problem(response, 404, "unknown-key")
    assert response.headers["tillage-as-of"] == client.get("/spend/nobody").headers["tillage-as-of"]


def test_longest_key_is_found_and_a_longer_one_is_414_without_a_look_up(shop: Shop, client: TestClient[Any]) -> None:
    assert client.get(path_of("/spend", "k" * 1024)).json()["totalNetMerchandiseValueEur"] == 6
    with TestClient(make_app(shop.project, shop.outputs, Broken(shop))) as broken:
        check_problem(broken.get(path_of("/spend", "k" * 1025)), 414, "long-key")
        check_problem(broken.get(path_of("/spend", "é" * 513)), 414, "long-key")


class Broken(Lookups):
    """Fails in a way that nobody expected, with the key in its text."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.dsn, shop.outputs, column_kinds(shop.dsn))

    async def row(self, wanted: LookUp, key: str) -> Found | None:
        raise RuntimeError(f"{wanted.model} {key}")


def test_unexpected_error_is_500_and_neither_answer_nor_log_holds_the_key(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), TestClient(make_app(shop.project, shop.outputs, Broken(shop))) as client:
        caplog.handler.addFilter(lambda record: not record.name.startswith("httpx"))  # the test's own requests
        response = client.get(f"/spend/{CANARY}")
    check_problem(response, 500, "internal")
    assert CANARY not in response.text
    assert "/spend/{customerId}: RuntimeError at" in caplog.text
    assert CANARY not in caplog.text


def test_no_request_leaves_its_key_in_a_log(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), TestClient(make_app(shop.project, shop.outputs, shop.lookups())) as client:
        caplog.handler.addFilter(lambda record: not record.name.startswith("httpx"))
        assert client.get(f"/spend/{CANARY}").status_code == 200
        for path in (f"/spend/{CANARY}-2", f"/shops/by-number/{CANARY}", f"/spent/{CANARY}", f"/spend/{CANARY}/x"):
            assert client.get(path).status_code == 404
            assert CANARY not in client.get(path).text
            assert CANARY not in client.post(path).text
    assert CANARY not in caplog.text
    for log in (shop.root / "data/store").rglob("*.log"):
        assert CANARY.encode() not in log.read_bytes()
    assert list((shop.root / "data/store").rglob("*.log"))


# --- pages of the server's own


def test_health_and_readiness(client: TestClient[Any]) -> None:
    assert client.get("/healthz").json() == {"status": "up"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_openapi_is_the_same_in_json_and_yaml_and_describes_the_answers(client: TestClient[Any], shop: Shop) -> None:
    described = client.get("/openapi.json").json()
    as_yaml = client.get("/openapi.yaml")
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert described["info"]["title"] == "food-orders"
    assert list(described["paths"]) == [route.path for route in shop.project.routes]
    by_number = described["paths"]["/shops/by-number/{shop}"]["get"]
    assert by_number["parameters"][0]["schema"] == {"type": "integer"}
    for path, request in (("/spend/{customerId}", "/spend/c2"), ("/shops/by-number/{shop}", "/shops/by-number/7")):
        responses = described["paths"][path]["get"]["responses"]
        answer = json.loads(client.get(request).content, parse_float=Decimal)
        Draft202012Validator(responses["200"]["content"]["application/json"]["schema"]).validate(answer)
    problem = described["components"]["schemas"]["Problem"]
    Draft202012Validator(problem).validate(client.get("/spend/c99").json())


def test_no_page_loads_anything_from_elsewhere(client: TestClient[Any]) -> None:
    for path in ("/schema", "/schema/openapi.json", "/swagger", "/redoc", "/openapi.json", "/openapi.yaml"):
        text = client.get(path).text
        assert "<" not in text
        assert "http" not in text
    page = client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert [one for one in loaded if one != "data:,"] == [
        "/docs/swagger-ui.css",
        "/docs/swagger-ui.js",
        "/docs/start.js",
    ]
    assert all(client.get(one).status_code == 200 for one in loaded if one != "data:,")
    assert "http" not in client.get("/docs/start.js").text


def test_options_names_the_methods(client: TestClient[Any]) -> None:
    response = client.options("/spend/c1")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_request_that_names_another_host_is_refused_where_only_this_machine_is_served(shop: Shop) -> None:
    app = make_app(shop.project, shop.outputs, shop.lookups(), serving=Serving(Reach.LOOPBACK))
    with TestClient(app, base_url="http://127.0.0.1:8040") as client:
        assert client.get("/spend/c1").status_code == 200
        for others in (
            {"Host": "rebound.example:8040"},
            {"X-Forwarded-For": "10.0.0.1"},
            {"Forwarded": "for=10.0.0.1"},
        ):
            for path, instance in (("/spend/c1", INSTANCE), ("/metrics", "/metrics"), ("/docs", "/docs")):
                check_problem(client.get(path, headers=others), 421, "other-host", instance)
        assert client.get("/healthz", headers={"X-Real-IP": "10.0.0.1"}).status_code == 200


# --- the store


@contextmanager
def model_of(shop: Shop, name: str, kind: str, keys: str) -> Iterator[Shop]:
    """A model with a key of type `kind` that holds `keys`, a SELECT of one column."""
    outputs = (Output("k", is_key=True, currency=None), Output("net", is_key=False, currency="EUR"))
    state, view = sql.Identifier("folds", name), sql.Identifier("gold", name)
    as_json = json.dumps([[o.name, o.is_key, o.currency] for o in outputs])
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create table {} (k {}, net numeric(38,0), _n_net bigint)").format(state, sql.SQL(kind))
        )
        connection.execute(sql.SQL("create unique index on {} (k) nulls not distinct").format(state))
        connection.execute(
            sql.SQL("insert into {} select k, 8977, 1 from ({}) as keys(k)").format(state, sql.SQL(keys))
        )
        connection.execute(
            sql.SQL("create view {} as select k, case when _n_net > 0 then net end as net from {}").format(view, state)
        )
        connection.execute(sql.SQL("analyze {}").format(state))
        connection.execute("insert into tillage.models values (%s, '', %s)", [name, as_json])
        try:
            route = Route("/typed/{k}", "k", name, (("k", "k"), ("net", "net")))
            yield Shop(shop.root, shop.dsn, Project("typed", (), (route,)), {name: outputs})
        finally:
            connection.execute(sql.SQL("drop view if exists {}").format(view))
            connection.execute(sql.SQL("drop table {}").format(state))
            connection.execute("delete from tillage.models where name = %s", [name])


TYPED = {
    "smallint": ("select 7::smallint", {"7": b"7"}, ["40000", "x", "7.5"]),
    "integer": ("select 2147483647", {"2147483647": b"2147483647"}, ["2147483648", "x"]),
    "bigint": ("select -9223372036854775808", {"-9223372036854775808": b"-9223372036854775808"}, ["1e3", "NaN"]),
    "boolean": ("select true", {"true": b"true"}, ["t", "1", "yes", "TRUE", "false"]),
    "date": (
        "select date '2024-02-29'",
        {"2024-02-29": b'"2024-02-29"'},
        ["today", "now", "infinity", "2023-02-29", "29.2.2024", "20240229", "0000-01-01", "2024-02-29 BC"],
    ),
    "numeric(38,0)": ("select 10::numeric ^ 37", {"1" + "0" * 37: b"1" + b"0" * 37}, ["NaN", "Infinity", "1e37", "."]),
    "numeric(9,3)": ("select 2.5", {"2.5": b"2.500", "2.500": b"2.500", "02.50": b"2.500"}, ["2,5", "2.50001", "2."]),
    "timestamp": (
        "select timestamp '2025-01-24 10:00:00.5'",
        {"2025-01-24T10:00:00.5": b'"2025-01-24T10:00:00.500000"'},
        ["2025-01-24", "now", "2025-01-24 10:00:00.5", "2025-13-24T10:00:00", "2025-01-24T10:00:60"],
    ),
    "timestamptz": (
        "select timestamptz '2025-01-24 10:00:00Z'",
        {"2025-01-24T10:00:00Z": b'"2025-01-24T10:00:00Z"', "2025-01-24T11:00:00+01:00": b'"2025-01-24T10:00:00Z"'},
        ["2025-01-24T10:00:00", "2025-01-24T10:00:00+99:00", "2025-01-24T10:00:00+16:00"],
    ),
    'text collate "C"': ("select 'é'", {"é": '"é"'.encode()}, ["e\u0301", "É"]),
}


@pytest.mark.parametrize("kind", TYPED)
def test_key_is_compared_in_the_type_of_its_column(shop: Shop, kind: str) -> None:
    keys, found, unknown = TYPED[kind]
    with (
        model_of(shop, "typed", kind, keys) as typed,
        TestClient(make_app(typed.project, typed.outputs, typed.lookups())) as client,
    ):
        for key, written in found.items():
            assert client.get(path_of("/typed", key)).content == b'{"k":' + written + b',"net":89.77}'
        for key in unknown:
            check_problem(client.get(path_of("/typed", key)), 404, "unknown-key", "/typed/{k}")
    # What does not fit is found out before the store: it would write the value into its log.
    for log in (shop.root / "data/store").rglob("*.log"):
        assert b"invalid input syntax" not in log.read_bytes()


@pytest.mark.parametrize(
    ("kind", "keys", "key"),
    [
        ("text", "select 'k' || n from generate_series(1, 5000) n", "k77"),
        ('text collate "C"', "select 'k' || n from generate_series(1, 5000) n", "k77"),
        ("bigint", "select n from generate_series(1, 5000) n", "77"),
        ("integer", "select n from generate_series(1, 5000) n", "77"),
        ("numeric(38,0)", "select n from generate_series(1, 5000) n", "77"),
        ("date", "select date '2000-01-01' + n from generate_series(1, 5000) n", "2001-01-01"),
    ],
)
def test_look_up_uses_the_index(shop: Shop, kind: str, keys: str, key: str) -> None:
    with model_of(shop, "indexed", kind, keys) as indexed, psycopg.connect(shop.dsn) as connection:
        wanted = LookUp("indexed", ("k", "net"), "k")
        plain = column_kinds(shop.dsn)["indexed"]["k"].partition("(")[0]
        statement = sql.SQL("explain ") + look_up(wanted, KINDS[plain])
        values = indexed.lookups().parameters(wanted, [key, key])
        plan = "\n".join(line for (line,) in connection.execute(statement, values).fetchall())
        assert indexed.outputs
    assert "on indexed_k_idx" in plan or "using indexed_k_idx" in plan
    assert "Seq Scan on indexed" not in plan


@pytest.mark.parametrize(("kind", "keys"), [("interval", "select interval '1 day'"), ("float8", "select 0.1::float8")])
def test_route_by_what_no_key_equals_exactly_is_refused(shop: Shop, kind: str, keys: str) -> None:
    with (
        model_of(shop, "odd", kind, keys) as odd,
        pytest.raises(ModelError, match=r"/typed/\{k\} selects by 'k', whose type .* no key equals exactly"),
    ):
        make_app(odd.project, odd.outputs, odd.lookups())


def test_keys_that_are_asked_for_together_each_get_their_own_row(shop: Shop) -> None:
    keys = "select n * interval '1 hour' + timestamptz '2025-01-24 10:00Z' from generate_series(0, 49) n"
    with model_of(shop, "many", "timestamptz", keys) as many:
        lookups = many.lookups()
        hours = [f"2025-01-{24 + hour // 24}T{hour % 24:02}:00:00" for hour in range(8, 70)]
        asked = [f"{hour}{zone}" for hour in hours for zone in ("Z", "+01:00", "-00:30")]

        async def found() -> list[Found]:
            async with lookups.opened():
                return await asyncio.gather(*(lookups.row(LookUp("many", ("k",), "k"), key) for key in asked))

        there = {datetime(2025, 1, 24, 10, tzinfo=UTC) + timedelta(hours=n) for n in range(50)}
        for key, one in zip(asked, asyncio.run(found()), strict=True):
            wanted = datetime.fromisoformat(key)
            assert one.row == ((wanted,) if wanted in there else None)


def test_answer_has_a_tag_by_which_it_is_not_sent_again(shop: Shop, client: TestClient[Any]) -> None:
    first = client.get("/spend/c1")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get("/spend/c1", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, no-cache"
    for other in ('"other"', tag.strip('"'), ""):
        assert client.get("/spend/c1", headers={"If-None-Match": other}).content == SPEND["c1"]
    assert client.get("/spend/c2").headers["etag"] != tag
    check_problem(client.get("/spend/c99", headers={"If-None-Match": "*"}), 404, "unknown-key")


def test_more_than_can_be_answered_is_503_with_retry_after(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 0)
    with TestClient(make_app(shop.project, shop.outputs, shop.lookups())) as client:
        response = client.get("/spend/c1")
    check_problem(response, 503, "overloaded")
    assert response.headers["retry-after"] == "1"


def test_amount_of_nothing_but_nulls_is_null(shop: Shop) -> None:
    with model_of(shop, "empty", "text", "select 'a'") as empty, psycopg.connect(shop.dsn) as connection:
        connection.execute("update folds.empty set _n_net = 0")
        connection.commit()
        with TestClient(make_app(empty.project, empty.outputs, empty.lookups())) as client:
            assert client.get("/typed/a").content == b'{"k":"a","net":null}'


def test_null_key_is_found_by_nothing(shop: Shop) -> None:
    with (
        model_of(shop, "nulls", "text", "select null") as nulls,
        TestClient(make_app(nulls.project, nulls.outputs, nulls.lookups())) as client,
    ):
        for key in ("null", "NULL", "None", "\\N"):
            check_problem(client.get(path_of("/typed", key)), 404, "unknown-key", "/typed/{k}")


CHANGE = "update tillage.models set outputs = '{}' where name = 'old'"
CHANGES = {
    "other currency": CHANGE.format('[["k", true, null], ["net", false, "JPY"]]'),
    "other columns": CHANGE.format('[["k", true, null], ["gross", false, "EUR"]]'),
    "gone": "drop view gold.old",
    "forgotten": "delete from tillage.models where name = 'old'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_model_that_changed_under_the_server_is_not_answered_in_the_old_way(
    shop: Shop, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        model_of(shop, "old", "text", "select 'a'") as old,
        TestClient(make_app(old.project, old.outputs, old.lookups())) as client,
    ):
        assert client.get("/typed/a").content == b'{"k":"a","net":89.77}'
        with psycopg.connect(shop.dsn) as connection:
            connection.execute(CHANGES[change])
        check_problem(client.get("/typed/a"), 503, "not-ready", "/typed/{k}")
        assert "was changed since this server started; restart it: tillage serve" in caplog.text
        if change != "gone":
            check_problem(client.get("/readyz"), 503, "not-ready", "/readyz")


def test_model_made_anew_with_the_same_columns_goes_on_being_answered(shop: Shop) -> None:
    with (
        model_of(shop, "new", "text", "select 'a'") as new,
        TestClient(make_app(new.project, new.outputs, new.lookups())) as client,
    ):
        # Often enough for each connection to have prepared the statement.
        assert {client.get("/typed/a").status_code for _ in range(20)} == {200}
        with psycopg.connect(shop.dsn) as connection:
            connection.execute("drop view gold.new")
            connection.execute("create view gold.new as select k, 5::bigint as net from folds.new")
        assert client.get("/typed/a").content == b'{"k":"a","net":0.05}'


def test_model_that_is_being_made_anew_is_503_with_retry_after(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_SESSION", reads._SESSION.replace("statement_timeout=3000", "statement_timeout=100"))
    with (
        model_of(shop, "busy", "text", "select 'a'") as busy,
        TestClient(make_app(busy.project, busy.outputs, busy.lookups())) as client,
    ):
        with psycopg.connect(shop.dsn) as connection:
            connection.execute("lock table folds.busy in access exclusive mode")
            response = client.get("/typed/a")
        check_problem(response, 503, "store-away", "/typed/{k}")
        assert response.headers["retry-after"] == "5"
        assert client.get("/typed/a").status_code == 200


def test_look_ups_cannot_write(shop: Shop) -> None:
    with (
        psycopg.connect(shop.dsn, options=reads._SESSION) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="read-only"),
    ):
        connection.execute("delete from folds.customer_spend")


def test_connections_that_the_store_dropped_cost_no_request(shop: Shop, client: TestClient[Any]) -> None:
    assert client.get("/spend/c1").status_code == 200
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
    assert client.get("/spend/c1").content == SPEND["c1"]


def test_store_that_goes_away_and_comes_back(filled: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_PATIENCE_S", 0.5)
    _, root = filled
    with store_dsn(root, SETTINGS) as dsn:
        shop = opened(root, dsn)
        client = TestClient(make_app(shop.project, shop.outputs, shop.lookups()))
        client.__enter__()
    try:
        with store_dsn(root, SETTINGS):
            until(lambda: client.get("/readyz").status_code == 200)
            assert client.get("/spend/c1").content == SPEND["c1"]
        ready = client.get("/readyz")
        check_problem(ready, 503, "not-ready", "/readyz")
        assert ready.headers["retry-after"] == "5"
        away = client.get("/spend/c1")
        check_problem(away, 503, "store-away")
        assert away.headers["retry-after"] == "5"
        assert client.get("/healthz").status_code == 200
        with store_dsn(root, SETTINGS):
            until(lambda: client.get("/readyz").status_code == 200)
            assert client.get("/spend/c1").content == SPEND["c1"]
    finally:
        client.__exit__()


def test_store_that_stands_still_keeps_nobody_waiting(
    filled: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(reads, "_GRACE_S", 0.2)
    _, root = filled
    with store_dsn(root, SETTINGS) as dsn:
        shop = opened(root, dsn)
        with TestClient(make_app(shop.project, shop.outputs, shop.lookups())) as client:
            assert client.get("/spend/c1").status_code == 200
            server = int((root / "data/store/pg/postmaster.pid").read_text().split()[0])
            every = [server, *children(server)]
            for pid in every:
                os.kill(pid, signal.SIGSTOP)
            try:
                start_s = time.monotonic()
                check_problem(client.get("/spend/c1"), 503, "store-away")
                check_problem(client.get("/readyz"), 503, "not-ready", "/readyz")
                assert time.monotonic() - start_s < 10
            finally:
                for pid in every:
                    os.kill(pid, signal.SIGCONT)
            until(lambda: client.get("/spend/c1").content == SPEND["c1"])


def test_application_starts_while_the_store_is_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_PATIENCE_S", 0.2)
    lookups = Lookups("host=/nowhere dbname=none", shop.outputs, column_kinds(shop.dsn))
    with TestClient(make_app(shop.project, shop.outputs, lookups)) as client:
        assert client.get("/healthz").status_code == 200
        check_problem(client.get("/readyz"), 503, "not-ready", "/readyz")
        check_problem(client.get("/spend/c1"), 503, "store-away")
        check_problem(client.get("/spend"), 400, "missing-key")
        assert "tillage_store_up 0.0" in client.get("/metrics").text.splitlines()


# --- starting the server


def test_port_in_use_is_told(shop: Shop) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            OperatorError, match=f"cannot listen on 127.0.0.1, port {port}: another program listens there"
        ):
            serve(shop.root, SETTINGS, port=port)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "shop.example", "", "::ffff:127.0.0.1"])
def test_any_address_but_loopback_is_refused_where_a_path_says_nothing_of_who_may_read_it(
    tmp_path: Path, host: str
) -> None:
    root = new_project(tmp_path / "shop")
    with pytest.raises(OperatorError, match=r"paths without `auth`.*127\.0\.0\.1") as refused:
        serve(root, SETTINGS, host=host)
    assert refused.value.exit_code == 10
    assert not (root / "data").exists()


def test_project_that_never_ran_says_to_run_first() -> None:
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        root = new_project(Path(folder) / "new")
        with pytest.raises(OperatorError, match=r"has no table in the store yet; make it: tillage run"):
            serve(root, SETTINGS, port=0)


def test_model_file_with_other_columns_than_its_table_says_to_run_first(shop: Shop, tmp_path: Path) -> None:
    changed = elsewhere(shop, tmp_path, SHOP_MODEL.replace("sum(net_minor)", "sum(1)"))
    with pytest.raises(
        OperatorError, match=r"models/shops.sql has other columns than its table; make it anew: tillage run"
    ):
        serve(changed, read_settings({"TILLAGE_STORE_DSN": shop.dsn}), port=0)


def test_project_that_serves_nothing_is_told_what_to_add(shop: Shop, tmp_path: Path) -> None:
    silent = elsewhere(shop, tmp_path, SHOP_MODEL)
    text = (silent / "tillage.yaml").read_text()
    (silent / "tillage.yaml").write_text(text.split("serve:")[0])
    with pytest.raises(OperatorError, match=r"tillage.yaml serves nothing; add `serve:`"):
        serve(silent, read_settings({"TILLAGE_STORE_DSN": shop.dsn}), port=0)


def elsewhere(shop: Shop, folder: Path, shop_model: str) -> Path:
    """The project's files again with its lake, and without the store that both share."""
    root = Path(shutil.copytree(shop.root, folder / "elsewhere", ignore=shutil.ignore_patterns("data", "landing")))
    shutil.copytree(shop.root / "data" / "lake", root / "data" / "lake")
    (root / "models/shops.sql").write_text(shop_model.lstrip())
    assert load_project(root)
    return root


# --- what the server says of itself


def test_metrics_count_requests_by_route_and_tell_of_the_house(shop: Shop) -> None:
    with TestClient(make_app(shop.project, shop.outputs, shop.lookups())) as client:
        for path in ("/spend/c1", "/spend/c2", f"/spend/{CANARY}", "/spend/c99", f"/{CANARY}", "/healthz"):
            client.get(path)
        client.request("BREW", f"/spend/{CANARY}")
        page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=1.0.0")
    found = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.text.splitlines() if line[0] != "#"
    }
    assert found['tillage_http_requests_total{method="GET",route="/spend/{customerId}",status="200"}'] == 3
    assert found['tillage_http_requests_total{method="GET",route="/spend/{customerId}",status="404"}'] == 1
    assert found['tillage_http_requests_total{method="other",route="/spend/{customerId}",status="405"}'] == 1
    assert found['tillage_http_requests_total{method="GET",route="none",status="404"}'] == 1
    assert found['tillage_http_requests_total{method="GET",route="/healthz",status="200"}'] == 1
    assert found['tillage_http_request_seconds_count{route="/spend/{customerId}"}'] == 5
    assert time.time() - LIMIT_S * 10 < found['tillage_feed_sealed_timestamp_seconds{feed="orders"}'] <= time.time()
    assert CANARY not in page.text
