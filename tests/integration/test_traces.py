"""Traces of the real server: what a collector gets, and that nobody waits for one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import SpanContext

from tests.integration.collector import LIMIT_S, Collector, attributes, collecting
from tests.integration.serving import Running, running
from tests.integration.shops import Shop, customer, make_shop, order
from tillage import __version__
from tillage.api.spans import Spans, parent_of
from tillage.errors import OperatorError
from tillage.settings import read_settings

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROUTE = "/spend/{customerId}"


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = make_shop(tmp_path_factory.mktemp("traces") / "shop", server, "traces")
    shop.land("1.jsonl", customer("c1", order("1")))
    shop.run()
    return shop


def settings(shop: Shop, endpoint: str) -> dict[str, str]:
    return {"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_OTLP_ENDPOINT": endpoint}


def by_name(collector: Collector) -> dict[str, Span]:
    found = {span.name: span for span in collector.spans()}
    assert len(found) == len(collector.spans())
    return found


# --- what a collector gets


def test_each_request_is_a_span_by_its_route_with_its_callers_span_as_parent(shop: Shop) -> None:
    with collecting() as collector:
        before_ns = time.time_ns()
        with running(shop.root, **settings(shop, f"{collector.url}/")) as server:
            assert server.ask("/spend/c1", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})[0] == 200
            assert server.ask("/spend/c99", "HEAD")[0] == 404
            assert server.ask("/spend/c1", "BREW")[0] == 405
            assert server.ask("/loads/1")[0] == 200
            assert server.ask("/nowhere/c1", "POST")[0] == 404
            assert server.ask("/spend/c2", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})[0] == 404
            server.stop()
        spans = by_name(collector)
        assert {name: attributes(span) for name, span in spans.items()} == {
            f"GET {ROUTE}": described("GET", ROUTE, 200),
            f"HEAD {ROUTE}": described("HEAD", ROUTE, 404),
            f"HTTP {ROUTE}": described("_OTHER", ROUTE, 405),
            "GET /loads/{load}": described("GET", "/loads/{load}", 200),
            "POST": described("POST", None, 404),
        }
        first = spans[f"GET {ROUTE}"]
        assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
        own = [span for span in spans.values() if not span.parent_span_id]
        assert len({span.trace_id for span in own}) == len(own) == 4
        assert len({span.span_id for span in spans.values()}) == 5
        for span in spans.values():
            assert span.kind == Span.SPAN_KIND_SERVER
            assert before_ns < span.start_time_unix_nano < span.end_time_unix_nano < time.time_ns()
            assert span.status.code == Status.STATUS_CODE_UNSET
        assert collector.resources() == {("service.name", "tillage"), ("service.version", __version__)}


def described(method: str, route: str | None, status: int) -> dict[str, str | int]:
    found: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": status}
    return found if route is None else found | {"http.route": route}


def test_what_the_server_is_to_blame_for_is_an_error(shop: Shop) -> None:
    with collecting() as collector:
        with running(shop.root, **settings(shop, collector.url)) as server, without_model(shop):
            assert server.ask("/spend/c1")[0] == 503
            server.stop()
        (span,) = collector.spans()
    assert attributes(span) == described("GET", ROUTE, 503) | {"error.type": "503"}
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")


@contextmanager
def without_model(shop: Shop) -> Iterator[None]:
    with psycopg.connect(shop.dsn, autocommit=True) as store:
        store.execute("alter view gold.customer_spend rename to elsewhere")
        try:
            yield
        finally:
            store.execute("alter view gold.elsewhere rename to customer_spend")


def test_spans_are_sent_while_the_server_runs(shop: Shop) -> None:
    with collecting() as collector, running(shop.root, "--workers", "2", **settings(shop, collector.url)) as server:
        assert server.ask("/spend/c1")[0] == 200
        assert collector.asked.wait(LIMIT_S)
        assert [span.name for span in collector.spans()] == [f"GET {ROUTE}"]


# --- a collector that takes none


def test_collector_that_is_away_costs_no_request_and_one_line(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(shop.root, **settings(shop, f"http://127.0.0.1:{port}")) as server:
        assert slowest_s(server, 300) < 1
        assert server.stop() < 8
        logged = server.logged()
    assert [line["message"] for line in logged] == [
        "the collector of traces does not take them; until it does they are lost, and nothing else is"
    ]


def test_collector_that_hangs_costs_no_request_and_the_server_ends_in_time(shop: Shop) -> None:
    with collecting(answers=False) as collector, running(shop.root, **settings(shop, collector.url)) as server:
        assert server.ask("/spend/c1")[0] == 200
        assert collector.asked.wait(LIMIT_S)  # from now on the thread that sends stands still
        assert slowest_s(server, 300) < 1
        assert server.stop() < 8
        assert len(server.logged()) <= 1


def test_collector_that_comes_back_gets_what_is_answered_then(shop: Shop) -> None:
    with collecting() as collector, running(shop.root, **settings(shop, collector.url)) as server:
        collector.status = 400
        assert server.ask("/spend/c1")[0] == 200
        assert collector.asked.wait(LIMIT_S)
        collector.status = 200
        assert server.ask("/spend/c99")[0] == 404
        server.stop()
        assert [attributes(span)["http.response.status_code"] for span in collector.spans()] == [200, 404]
        assert [line["level"] for line in server.logged()] == ["warning", "info"]


def test_more_spans_than_can_wait_cost_the_oldest_and_no_time() -> None:
    with collecting(answers=False) as collector:
        spans = Spans(collector.url)
        start_s = time.perf_counter()
        for number in range(20_000):
            spans.answered([], None, "GET", 100 + number // 4096, 0.001)
        assert time.perf_counter() - start_s < 5  # 0.1 s, if nobody else works
        assert collector.asked.wait(LIMIT_S)
        collector.answers.set()
        spans.close()
        found = [attributes(span)["http.response.status_code"] for span in collector.spans()]
    # Those that wait, and those that were being sent meanwhile.
    assert 4096 <= len(found) < 20_000
    assert found[-1] == 100 + 19_999 // 4096


def slowest_s(server: Running, requests: int) -> float:
    took_s = []
    for _ in range(requests):
        start_s = time.perf_counter()
        assert server.ask("/spend/c1")[0] == 200
        took_s.append(time.perf_counter() - start_s)
    return max(took_s)


# --- off


def test_without_the_setting_nothing_is_imported_and_nobody_is_called(shop: Shop) -> None:
    """The library's own variables turn nothing on."""
    loaded = {}
    with collecting() as collector:
        for endpoint in ("", collector.url):
            environment = settings(shop, endpoint) | {"PYTHONPROFILEIMPORTTIME": "1"}
            environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_EXPORTER": "otlp"}
            with running(shop.root, **environment) as server:
                assert server.ask("/spend/c1")[0] == 200
                server.stop()
                loaded[bool(endpoint)] = server.said
            assert bool(collector.bodies) is bool(endpoint)
    assert loaded[False].count("tillage.api.worker\n") >= 2  # of the process that answers, too
    sending = r"\b(opentelemetry\.(?:sdk|exporter|proto)|tillage\.api\.spans)\b"  # Litestar looks for names of its own
    assert len(set(re.findall(sending, loaded[True]))) == 4
    assert re.findall(sending, loaded[False]) == []


def test_missing_packages_are_told_before_anything_listens(shop: Shop) -> None:
    without = "import sys; sys.modules['opentelemetry'] = None; from tillage.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "serve", "--port", "0", "--json"],
        cwd=shop.root,
        env=os.environ | settings(shop, "http://127.0.0.1:4318"),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (done.returncode, done.stdout) == (10, "")
    assert "pip install 'tillage[otel]'" in json.loads(done.stderr)["message"]


@pytest.mark.parametrize(
    "endpoint",
    ["10.0.0.1:4318", "ftp://10.0.0.1", "http:///", "http://me:canary-77@there", "http://there:x", "http://there?k=v"],
)
def test_address_that_is_none_is_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(OperatorError, match="TILLAGE_OTLP_ENDPOINT must be an address like") as refused:
        read_settings({"TILLAGE_OTLP_ENDPOINT": endpoint})
    assert endpoint not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4318", "https://otel.example/in/a-b", "http://[::1]:4318/"])
def test_address_is_taken(endpoint: str) -> None:
    assert read_settings({"TILLAGE_OTLP_ENDPOINT": endpoint}).otlp_endpoint == endpoint.rstrip("/")


# --- the caller's span


def test_caller_is_named_as_the_standard_says() -> None:
    found = parent_of([(b"host", b"x"), (b"traceparent", f" 00-{TRACE}-{PARENT}-01 ".encode())])
    assert found is not None
    assert (f"{found.trace_id:032x}", f"{found.span_id:016x}", found.is_remote) == (TRACE, PARENT, True)
    later = parent_of([(b"traceparent", f"cc-{TRACE}-{PARENT}-09-what the future holds".encode())])
    assert isinstance(later, SpanContext)
    assert later.trace_flags.sampled


WRONG = [
    "",
    f"00-{TRACE}-{PARENT}",
    f"00-{TRACE}-{PARENT}-01-more",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{TRACE[1:]}-{PARENT}-01",
    f"cc-{TRACE}-{PARENT}-01.more",
    "x" * 60_000,
]


@pytest.mark.parametrize("value", WRONG)
def test_caller_that_is_named_otherwise_is_none(value: str) -> None:
    assert parent_of([(b"traceparent", value.encode())]) is None


def test_two_callers_are_none() -> None:
    assert parent_of([(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())] * 2) is None
