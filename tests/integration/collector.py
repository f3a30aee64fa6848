"""A collector of traces: takes spans by OTLP over HTTP, as long as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

LIMIT_S = 60.0


@dataclass
class Collector:
    """What came, and what becomes of what comes."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    """Of all requests, answered or not, with their heads."""
    asked: threading.Event = field(default_factory=threading.Event)
    """Somebody connected and sent a request."""
    answers: threading.Event = field(default_factory=threading.Event)
    """Until it is set requests are taken and not answered."""
    status: int = 200

    def spans(self) -> list[Span]:
        return [span for scope in self._scopes() for span in scope.spans]

    def resources(self) -> set[tuple[str, str]]:
        return {
            (one.key, one.value.string_value)
            for request in self._requests()
            for resource in request.resource_spans
            for one in resource.resource.attributes
        }

    def _scopes(self) -> list[Any]:
        return [
            scope
            for request in self._requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
        ]

    def _requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]


@contextmanager
def collecting(*, answers: bool = True, port: int = 0) -> Iterator[Collector]:
    """A collector that listens on `port`, or a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            collector.asked.set()
            collector.answers.wait(LIMIT_S)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the library's)
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever waited for an answer has gone."""

    with Server(("127.0.0.1", port), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        if answers:
            collector.answers.set()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield collector
        finally:
            collector.answers.set()
            server.shutdown()


def attributes(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
