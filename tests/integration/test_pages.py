"""The pages over a real house: each figure is that of the command's JSON, and nothing that is shown is markup."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from tests.integration.page_reading import check_figures, loose_figures, read_page
from tests.integration.paged import HTML, client_of, page, said, settings_of
from tests.integration.shops import CONTRACT, Shop, customer, make_shop, order
from tillage.cli.app import app as commands
from tillage.errors import OperatorError, OverloadedError, TimeLimitError
from tillage.lake.modes import OWNER
from tillage.pages import ROOTS
from tillage.pages import explained as module
from tillage.pages.gate import Gate
from tillage.pages.handlers import VIEWS
from tillage.pages.looking import Asked, Page, look
from tillage.pages.overview import overview
from tillage.pages.rendering import style
from tillage.pipelines.explain import explain
from tillage.pipelines.house import House
from tillage.pipelines.quarantine import discard, replay
from tillage.pipelines.readers import ANYBODY, THIS_MACHINE
from tillage.ports.store import Waiting

HOSTILE = '<script>alert("k&1")</script>'
HOSTILE_FILE = "2<img src=x onerror=alert(2)>.jsonl"
MANY, LINES = "many", 60
CANARY = "canary-91be"
EXPLAINED = {"c1": "/spend/c1", HOSTILE: f"/spend/{HOSTILE}", MANY: f"/spend/{MANY}"}
PATHS = {
    "/": ["status"],
    "/loads": ["load show"],
    "/loads/1": ["load show 1"],
    "/loads/2": ["load show 2"],
    "/quarantine": ["quarantine list", "status"],
    "/explain": [],
    "/explain/spend": [],
    "/explain/spend/c1": ["explain"],
    f"/explain/spend/{quote(HOSTILE, safe='')}": ["explain"],
    "/explain/spend/many?page=2": ["explain"],
    "/data": [],
    "/data/orders": [],
}


@pytest.fixture(scope="module")
def filled(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two loads, the second with names that would be markup, and one customer of many lines."""
    shop = make_shop(tmp_path_factory.mktemp("pages") / "shop", server, "pages")
    shop.edit(CONTRACT, "description: Who ordered.", 'description: \'<b onclick="x">Who</b> & "whom"\'')
    shop.land("1.jsonl", customer("c1", order("1"), order("2", 103.23), order("3", "much")), customer("c2"))
    shop.run()
    odd = order("4", 11.5) | {"basket": [{"productId": HOSTILE, "productType": "hot food",
                                          "grossMerchandiseValueEur": 11.5}]}  # fmt: skip
    many = customer(MANY, *(order(f"m{number}", 1.15 + number) for number in range(LINES)))
    shop.land(HOSTILE_FILE, customer(HOSTILE, odd, order("5", 1.155)), many, {"orders": []})
    (shop.root / "landing/orders/3.jsonl").write_text('{"customerId": [\n')
    shop.run()
    return shop


@pytest.fixture(scope="module")
def client(filled: Shop) -> Iterator[TestClient[Any]]:
    with client_of(filled) as client:
        yield client


@pytest.fixture(scope="module")
def documents(filled: Shop) -> dict[str, Any]:
    """What each command prints, but for `explain`, of which there are several."""
    found = {words: said(filled, *words.split()) for words in ("status", "load show", "quarantine list")}
    return found | {f"load show {number}": said(filled, "load", "show", str(number)) for number in (1, 2)}


# --- figures


@pytest.mark.parametrize("path", PATHS)
def test_every_figure_is_that_of_the_command_that_it_names(
    client: TestClient[Any], filled: Shop, documents: dict[str, Any], path: str
) -> None:
    found = page(client, path)
    assert {one.of for one in found.figures} == set(PATHS[path])
    if not found.figures:
        return
    known = documents
    for key, served in EXPLAINED.items():
        if path.startswith("/explain") and quote(key, safe="") in path:
            known = documents | {"explain": said(filled, "explain", served)}
    check_figures(found.figures, known)


@pytest.mark.parametrize("path", [*PATHS, "/loads/99", f"/explain/spend/{CANARY}"])
def test_every_number_stands_in_a_figure(
    client: TestClient[Any], filled: Shop, documents: dict[str, Any], path: str
) -> None:
    explained = [said(filled, "explain", served) for served in EXPLAINED.values()]
    described = [said(filled, "data", name) for name in ("orders", "customers")]
    shown = read_page(client.get(path, headers=HTML).text)
    assert shown.loose
    assert loose_figures(shown, [documents, explained, described]) == []


@pytest.mark.parametrize(
    "html", ["<p>3 orders</p>", "<p>of load 7<b>, 1 file</b></p>", '<svg aria-label="1.00"></svg>']
)
def test_number_outside_of_a_figure_is_found(html: str) -> None:
    assert loose_figures(read_page(html), [{"file": "a/3.csv", "n": "3", "at": "1.00"}])
    assert not loose_figures(read_page("<p>3.csv of load 7<code>x 3</code><time>1</time></p>"), [{"file": "a/3.csv"}])


def test_first_page_has_the_whole_law_of_each_dataset(client: TestClient[Any], documents: dict[str, Any]) -> None:
    found = page(client, "/")
    parts = ("read", "accepted", "waiting", "duplicate", "suppressed", "discarded", "difference")
    rows = {f"/datasets/{name}/{part}_rows" for name in ("customers", "orders") for part in parts}
    assert rows | {f"/datasets/orders/{part}_minor" for part in parts} <= found.places("status")
    assert "Feed orders is in, and the law balances." in found.words
    assert documents["status"]["balances"] is True
    orders = documents["status"]["datasets"]["orders"]
    assert f"{orders['read_rows']} orders read = {orders['accepted_rows']} accepted +" in found.words
    assert {"/feeds/0/new_files", "/days/0/read_rows", "/days/0/accepted_rows"} <= found.places("status")


def test_days_add_up_to_what_came(documents: dict[str, Any]) -> None:
    days = [day for day in documents["status"]["days"] if day["dataset"] == "orders"]
    orders = documents["status"]["datasets"]["orders"]
    for part in ("read_rows", "accepted_rows", "read_minor", "accepted_minor", "duplicate_rows"):
        assert sum(day[part] for day in days) == orders[part]


def test_quarantine_has_each_reason_with_rows_money_and_the_command_that_frees_it(
    client: TestClient[Any], documents: dict[str, Any]
) -> None:
    found = page(client, "/quarantine")
    reasons = documents["quarantine list"]
    assert {one["code"] for one in reasons} >= {"unreadable", "missing", "type", "money_scale"}
    for place, one in enumerate(reasons):
        assert f"/{place}/rows" in found.places("quarantine list")
        assert (f"/{place}/minor" in found.places("quarantine list")) is (one["dataset"] == "orders")
        assert one["frees"] in found.words


def test_load_says_what_became_of_each_record_by_file_and_by_reason(documents: dict[str, Any]) -> None:
    (load,) = documents["load show 2"]
    files = load["outcome"]["files"]
    assert {one["file"] for one in files} == {f"landing/orders/{HOSTILE_FILE}", "landing/orders/3.jsonl"}
    for name, counts in load["datasets"].items():
        own = [one for one in files if one["dataset"] == name]
        for part in ("accepted", "quarantined", "duplicate", "suppressed"):
            assert sum(one[f"{part}_rows"] for one in own) == counts[f"{part}_rows"], (name, part)
    reasons = {(one["dataset"], one["code"]): one["rows"] for one in load["outcome"]["reasons"]}
    assert reasons == {("customers", "unreadable"): 1, ("customers", "missing"): 1, ("orders", "money_scale"): 1}
    assert "outcome" not in documents["load show"][0]


def test_explanation_shows_a_hundred_lines_a_page_and_sums_of_all(client: TestClient[Any], filled: Shop) -> None:
    document = said(filled, "explain", f"/spend/{MANY}")
    parts = [f"/parts/{place}/line" for place, one in enumerate(document["parts"]) if one["dataset"] == "orders"]
    assert len(parts) == 2 * LINES
    first, second, beyond = (page(client, f"/explain/spend/{MANY}?page={number}") for number in (1, 2, 99999))
    shown = [[one.at for one in found.figures if one.at.endswith("/line")] for found in (first, second)]
    assert shown == [parts[:100], parts[100:]]
    assert first.places("explain") & second.places("explain") >= {"/sums/net_minor", "/served/net_minor"}
    assert second.figures == beyond.figures
    assert f"/explain/spend/{MANY}?page=2" in first.links
    assert document["made_of"] == {"units": LINES, "lines": LINES, "files": 1}
    assert f"is made of {LINES} units, {LINES} lines and 1 file: " in first.words


def test_programs_get_the_documents_of_the_commands_and_explanations_by_the_page(
    client: TestClient[Any], filled: Shop, documents: dict[str, Any]
) -> None:
    as_json = {"Accept": "application/json"}
    for path, command in (
        ("/", "status"),
        ("/loads", "load show"),
        ("/loads/1", "load show 1"),
        ("/quarantine", "quarantine list"),
    ):
        answer = client.get(path, headers=as_json)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == documents[command]
    whole = said(filled, "explain", f"/spend/{MANY}")
    first, second, last = (
        client.get(f"/explain/spend/{MANY}?page={number}", headers=as_json).json() for number in (1, 2, 99)
    )
    assert len(whole["parts"]) > 100
    assert first == whole | {"parts": whole["parts"][:100], "page": 1, "pages": first["pages"]}
    assert second == last
    assert first["parts"] + second["parts"] == whole["parts"]
    unknown = client.get("/explain/spend/nobody", headers=as_json)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:tillage:problem:unknown-key")


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_explanation_says_of_which_loads_it_is_and_is_not_sent_again(client: TestClient[Any], accept: str) -> None:
    served = client.get(f"/spend/{MANY}")
    path = f"/explain/spend/{MANY}"
    answer = client.get(path, headers={"Accept": accept})
    assert answer.headers["tillage-as-of"] == served.headers["tillage-as-of"] != ""
    is_for_a_program = accept == "application/json"
    assert answer.headers["cache-control"] == ("private, no-cache" if is_for_a_program else "no-store")
    assert answer.headers["vary"] == "Accept"
    tags = [answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', '"other"']
    again = [client.get(path, headers={"Accept": accept, "If-None-Match": tag}) for tag in tags]
    assert [one.status_code for one in again] == [304, 304, 200]
    assert [one.content for one in again] == [b"", b"", answer.content]
    assert {one.headers["etag"] for one in again} == {answer.headers["etag"]}
    other = client.get(f"{path}?page=2", headers={"Accept": accept})
    assert other.headers["etag"] != answer.headers["etag"]


ACCEPT = {
    "application/json": "json",
    "APPLICATION/JSON; charset=utf-8": "json",
    "text/html;q=0, application/json": "json",
    "text/html;q=0.3,application/json;q=0.4": "json",
    "application/json;q=0.9,text/html": "html",
    "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "html",
    "*/*": "html",
    "image/png;q=x": "html",
}


@pytest.mark.parametrize("accept", ACCEPT)
def test_what_is_wanted_more_is_given(client: TestClient[Any], accept: str) -> None:
    kind = client.get("/quarantine", headers={"Accept": accept}).headers["content-type"]
    assert kind.partition(";")[0].endswith(ACCEPT[accept])


def test_discard_says_what_it_gave_up(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1", order("1", "much"), order("2", "more")), {"orders": []})
    shop.run()
    with shop.open() as house:
        assert discard(house, Waiting(code="type"), reason="not ours", wait_s=1) == {2: 2}
    (document,) = said(shop, "load", "show", "2")
    files = [
        (one["file"], one["dataset"], one["records"], one["discarded_rows"]) for one in document["outcome"]["files"]
    ]
    assert files == [("landing/orders/1.jsonl", "orders", 1, 2)]
    reasons = [(one["dataset"], one["code"], one["rows"]) for one in document["outcome"]["reasons"]]
    assert reasons == [("orders", "type", 2)]
    with client_of(shop) as client:
        found = page(client, "/loads/2")
    assert {"/0/outcome/files/0/discarded_rows", "/0/outcome/reasons/0/rows"} <= found.places("load show 2")
    assert "Load 2 took what waited in quarantine out of it for good of orders." in found.words


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "1" * 5000])
def test_page_that_is_no_number_is_the_first(client: TestClient[Any], number: str) -> None:
    assert page(client, f"/explain/spend/{MANY}?page={number}").words == page(client, f"/explain/spend/{MANY}").words


def test_key_may_come_from_the_form(client: TestClient[Any]) -> None:
    assert page(client, "/explain/spend?key=c1").figures == page(client, "/explain/spend/c1").figures
    hostile = quote(HOSTILE, safe="")
    assert page(client, f"/explain/spend?key={hostile}").words == page(client, f"/explain/spend/{hostile}").words


def test_page_of_a_dataset_says_what_the_command_says(client: TestClient[Any], filled: Shop) -> None:
    document, words = said(filled, "data", "orders"), page(client, "/data/orders").words
    columns = {one["name"]: one for one in document["columns"]}
    assert list(columns) == ["order_id", "customer_id", "lines", "lines.product_id", "lines.product_type",
                             "lines.gross"]  # fmt: skip
    assert columns["customer_id"]["comes_from"] == ["$.customerId of the record"]
    assert [one["name"] for one in columns["lines.gross"]["stored"]] == [
        f"lines.{name}" for name in ("gross_minor", "net_minor", "vat_bp")
    ]
    assert "VAT by product_type: hot food 15 %, cold food 7 %, beverage 9 %" in columns["lines.gross"]["rules"]
    assert document["models"] == ["customer_spend"]
    for column in document["columns"]:
        for text in (column["name"], column["description"], *column["comes_from"], *column["rules"]):
            assert text in words, text


def seen(shop: Shop, dataset: str) -> dict[str, tuple[str | None, str]]:
    """By method and template of an address its auth, and who may ask."""
    document = said(shop, "data", dataset)
    return {f"{one['method']} {one['path']}": (one["auth"], one["who"])
            for one in [*document["routes"], *document["pages"]]}  # fmt: skip


def test_who_may_see_a_dataset_follows_from_the_project_file_and_the_models(shop: Shop) -> None:
    (shop.root / "models/ranks.sql").write_text(
        "select customer_id, net_minor, rank() over (order by net_minor desc) as place from customer_spend"
    )
    (shop.root / "models/visits.sql").write_text(
        "select count(*) as n, customer_id from customers group by customer_id"
    )
    with (shop.root / "tillage.yaml").open("a") as file:
        file.write("\n  /rank/{id}: {from: ranks, fields: {id: customer_id, place: place}, auth: rank:read}\n")
        file.write("  /visits/{id}: {from: visits, fields: {id: customer_id, n: n}, auth: none}\n")
    shop.run()
    here = "who asks on this machine while the server listens on no other address"
    lines = ("house:read", f"{here}, or who sends a token of a client with the scope house:read")
    orders = {
        "GET /spend/{customerId}": (None, THIS_MACHINE),
        "GET /rank/{id}": ("rank:read", "who sends a token of a client with the scope rank:read"),
        "GET /explain/spend/{customerId}": lines,
    }
    assert seen(shop, "orders") == orders
    visits = {"GET /visits/{id}": ("none", ANYBODY), "GET /explain/visits/{id}": lines}
    assert seen(shop, "customers") == orders | visits
    with client_of(shop) as client:
        words = page(client, "/data/customers").words
    for address, (auth, who) in seen(shop, "customers").items():
        assert address in words
        assert f"{auth or 'left out'} {who}" in words


def test_places_of_a_dataset_are_readable_by_whom_their_folders_let_in(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1"))
    shop.run()
    lake = shop.root / "data/lake"
    lake.chmod(0o700)
    places = said(shop, "data", "orders")["places"]
    assert [one["path"] for one in places] == ["landing/orders", "data/lake", "TILLAGE_STORE_DSN"]
    assert places[1]["read_by"] == OWNER
    printed = CliRunner().invoke(
        commands, ["data", "orders", "-C", str(shop.root)], env={"TILLAGE_STORE_DSN": shop.dsn}
    )
    with client_of(shop) as client:
        words = page(client, "/data/orders").words
    for place in places:
        assert f"{place['path']} {place['holds']} {place['read_by']}" in words
        assert place["path"] in printed.output
    assert "GET /spend/{customerId}" in printed.output


def test_load_that_took_up_what_waited_names_the_files_that_it_came_from(shop: Shop) -> None:
    shop.land("1.jsonl", customer("c1", order("1"), order("2") | {"basket": [{"productId": "p", "productType": "cake",
              "grossMerchandiseValueEur": 1.15}]}))  # fmt: skip
    shop.run()
    shop.edit(CONTRACT, "rates: {hot food: 15", "rates: {cake: 7, hot food: 15")
    with shop.open() as house:
        (number,) = replay(house, wait_s=1).counts
    (load,) = said(shop, "load", "show", str(number))
    (one,) = load["outcome"]["files"]
    assert (one["file"], one["size_bytes"], one["dataset"]) == ("landing/orders/1.jsonl", None, "orders")
    assert (one["records"], one["accepted_rows"]) == (1, 1)
    with client_of(shop) as client:
        found = page(client, f"/loads/{number}")
    assert (
        f"Load {number} took up what waited in quarantine of orders, and every record is accounted for." in found.words
    )
    check_figures(found.figures, {f"load show {number}": [load]})


def test_number_of_a_model_that_is_built_whole_is_said_to_be_so(shop: Shop) -> None:
    model = "select customer_id, net_minor, rank() over (order by net_minor desc) as place from customer_spend"
    (shop.root / "models/ranks.sql").write_text(model)
    with (shop.root / "tillage.yaml").open("a") as file:
        file.write("\n  /rank/{id}: {from: ranks, fields: {id: customer_id, place: place}}\n")
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    with client_of(shop) as client:
        for_people, for_programs = client.get("/explain/rank/c1", headers=HTML), client.get("/explain/rank/c1")
    assert (for_people.status_code, for_programs.json()["type"]) == (404, "urn:tillage:problem:not-explained")
    assert "not added up line by line" in read_page(for_people.text).words


def test_number_of_more_lines_than_a_page_can_take_names_the_command(
    client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 2 * LINES)  # and one row of the customer, which adds nothing
    response = client.get(f"/explain/spend/{MANY}", headers=HTML)
    assert response.status_code == 404
    assert "tillage explain" in read_page(response.text).words
    monkeypatch.setattr(module, "MOST_LINES", 2 * LINES + 1)
    assert client.get(f"/explain/spend/{MANY}", headers=HTML).status_code == 200


# --- what is shown is text


@pytest.mark.parametrize("path", PATHS)
def test_page_holds_no_markup_but_its_own(client: TestClient[Any], path: str) -> None:
    found = page(client, path)
    assert not {"script", "img", "b", "style", "iframe", "object"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]


def test_hostile_names_are_shown_as_they_are(client: TestClient[Any]) -> None:
    assert HOSTILE_FILE in page(client, "/loads/2").words
    explained = page(client, f"/explain/spend/{quote(HOSTILE, safe='')}").words
    assert f"/spend/{HOSTILE} is made of" in explained
    assert f"product_id {HOSTILE}" in explained
    assert '<b onclick="x">Who</b> & "whom"' in page(client, "/data/orders").words


@pytest.mark.parametrize("path", [*PATHS, "/loads/99"])
def test_page_refers_to_nothing_outside(client: TestClient[Any], path: str) -> None:
    html = client.get(path, headers=HTML).text
    for link in read_page(html).links:
        assert re.match(r"/(?!/)|#|data:image/svg", link), link
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)


def test_style_sheet_is_one_file_that_refers_to_nothing_and_is_kept_for_ever(client: TestClient[Any]) -> None:
    path, _ = style()
    assert path in page(client, "/").links
    response = client.get(path)
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]
    assert not re.search(r"url\(|@import|http", response.text)


@pytest.mark.parametrize(("path", "status"), [*((path, 200) for path in PATHS), ("/loads/99", 404)])
def test_browser_is_told_to_run_nothing_and_keep_nothing(client: TestClient[Any], path: str, status: int) -> None:
    response = client.get(path, headers=HTML)
    assert response.status_code == status
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "script-src" not in policy
    headers = ("x-content-type-options", "referrer-policy", "cache-control")
    assert [response.headers[name] for name in headers] == ["nosniff", "no-referrer", "no-store"]


@pytest.mark.parametrize("path", PATHS)
def test_page_can_be_walked_by_its_parts(client: TestClient[Any], path: str) -> None:
    found = page(client, path)
    assert [found.tags.count(tag) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1]
    assert "#main" in found.links
    assert found.tags.count("table") == found.tags.count("caption")


# --- what is not there


UNKNOWN = {
    f"/loads/{CANARY}": "unknown-load",
    "/loads/99": "unknown-load",
    "/loads/1/2": "unknown-load",
    "/loads//1": "unknown-load",
    "/loads/1/": "unknown-load",
    "/loads/%FF": "unknown-load",
    f"/loads/{'9' * 40}": "unknown-load",
    f"/data/{CANARY}": "unknown-dataset",
    "/data/orders/x": "unknown-dataset",
    "/data/%FF": "unknown-dataset",
    f"/explain/{CANARY}/c1": "unknown-route",
    "/explain/spend/c1/x": "unknown-route",
    f"/explain/spend/{CANARY}": "unknown-key",
    "/explain/spend/%00": "unknown-key",
    "/explain/spend/%FF": "unknown-key",
    f"/explain/spend?key={CANARY}": "unknown-key",
}


@pytest.mark.parametrize("path", UNKNOWN)
def test_what_is_unknown_is_404_for_people_and_for_programs_and_is_not_repeated(
    client: TestClient[Any], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        caplog.handler.addFilter(lambda record: not record.name.startswith("httpx"))  # the test's own requests
        for_people, for_programs = client.get(path, headers=HTML), client.get(path)
    assert (for_people.status_code, for_programs.status_code) == (404, 404)
    assert len([link for link in read_page(for_people.text).links if link != "#main"]) >= 7
    assert for_programs.headers["content-type"] == "application/problem+json"
    assert for_programs.json()["type"] == f"urn:tillage:problem:{UNKNOWN[path]}"
    last = path.rsplit("/", 1)[1].rsplit("=", 1)[-1]
    for text in (for_people.text, for_programs.text, caplog.text):
        assert CANARY not in text
        assert len(last) < 3 or last not in text


@pytest.mark.parametrize("path", ["/nowhere", "/quarantine/x", "/loads%2F1", "/style-0.css"])
def test_path_of_no_page_is_a_problem(client: TestClient[Any], path: str) -> None:
    assert client.get(path, headers=HTML).json()["status"] == 404


@pytest.mark.parametrize("path", ["/", "/loads/1", "/quarantine", "/explain/spend/c1", "/data/orders"])
def test_pages_are_read_only(client: TestClient[Any], path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, path).status_code == 405
    assert client.head(path).status_code == 200


def test_page_of_a_house_where_nothing_ran_makes_nothing(server: str, tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", server, "pages_of_nothing")
    with pytest.raises(OperatorError, match="make it: tillage run"):
        look(shop.root, settings_of(shop), overview, Asked())
    with psycopg.connect(shop.dsn) as connection:
        assert connection.execute("select count(*) from pg_namespace where nspname = 'tillage'").fetchone() == (0,)
    assert not list(shop.root.glob("data/lake/**/*.json"))


def test_project_that_cannot_be_read_is_a_page_that_says_so(server: str, tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", server, "pages_of_a_wrong_project")
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    with client_of(shop) as client:
        shop.edit(CONTRACT, "kind: DataContract", "kind: Nonsense")
        response = client.get("/", headers=HTML)
    assert response.status_code == 500
    assert "tillage doctor" in read_page(response.text).words


# --- at most two at once, and not for long


def test_third_page_waits_and_is_refused_without_being_begun() -> None:
    may_end, begun = Event(), []

    def work(name: str) -> str:
        begun.append(name)
        may_end.wait()
        return name

    async def ask() -> None:
        gate = Gate(wait_s=60)
        running = [asyncio.create_task(gate.through(lambda name=name: work(name))) for name in "ab"]
        while len(begun) < 2:
            await asyncio.sleep(0)
        gate._wait_s = 0.01
        with pytest.raises(OverloadedError):
            await gate.through(lambda: work("c"))
        may_end.set()
        gate._wait_s = 60
        assert await asyncio.gather(*running) == ["a", "b"]
        assert await gate.through(lambda: "d") == "d"

    asyncio.run(ask())
    assert sorted(begun) == ["a", "b"]


def test_page_for_which_there_is_no_room_is_503_with_retry_after(filled: Shop) -> None:
    with client_of(filled, Gate(most=0, wait_s=0.01)) as client:
        for_people, for_programs = client.get("/", headers=HTML), client.get("/")
    assert (for_people.status_code, for_programs.status_code) == (503, 503)
    assert for_people.headers["retry-after"] == for_programs.headers["retry-after"] == "5"
    assert for_programs.json()["type"] == "urn:tillage:problem:overloaded"
    assert "Too many pages" in read_page(for_people.text).words


def test_pages_asked_for_at_once_are_all_given(client: TestClient[Any]) -> None:
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: client.get("/quarantine", headers=HTML).status_code, range(12)))
    assert found == [200] * 12


def test_page_whose_time_is_over_is_ended(filled: Shop) -> None:
    def endless(house: House, _: Asked) -> Page:
        while True:
            house.engine.column_types(house.models.folds["customer_spend"])

    with pytest.raises(TimeLimitError, match="nothing was changed"):
        look(filled.root, settings_of(filled), endless, Asked(), most_s=0.05)


def test_interrupted_engine_computes_nothing_more(filled: Shop) -> None:
    with filled.open() as house:
        house.engine.interrupt()
        with pytest.raises(TimeLimitError):
            explain(house, "/spend/c1")


def test_no_served_path_begins_as_a_page_does() -> None:
    paths = {path for paths in VIEWS.values() for path in paths}
    assert {path.split("/")[1] for path in paths} - {""} == set(ROOTS)
