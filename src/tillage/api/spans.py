"""A span for each answered request, sent by OTLP in the background; imported only where traces are asked for.

A span says route, method, status and time. Its texts are made of routes as they are declared; of what the caller sent
only the ids of `traceparent` are kept, and `tracestate` is not, since it may hold anything.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cache

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tillage import __version__

# Some 2 MB. Beyond it the oldest are left out, so a collector that is slow or away costs spans and no request.
_MOST_WAITING = 4096
_BATCH = 512
_EVERY_MS = 1000
# A collector is near; one that takes longer is taken for away.
_SEND_S = 2
# With it and the look-ups that are still being answered, a process ends before it is cut off.
_CLOSE_S = 3
# Version, trace, parent, flags, and what a later version may add.
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_LOG = logging.getLogger("tillage.api")

Headers = Iterable[tuple[bytes, bytes]]


class Spans:
    """Makes spans of what is answered, and hands them to a thread that sends them to `endpoint`.

    A span is made as the finished value that the batch takes, in 4 microseconds of its request; a tracer's own, which
    can still be changed, takes 9 more. To encode it takes 17, in the thread.
    """

    def __init__(self, endpoint: str) -> None:
        # What the library says of each batch goes nowhere: `_Told` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=_SEND_S)
        self._batch = BatchSpanProcessor(
            _Told(exporter),
            max_queue_size=_MOST_WAITING,
            schedule_delay_millis=_EVERY_MS,
            max_export_batch_size=_BATCH,
        )
        self._ids = RandomIdGenerator()
        self._resource = Resource({"service.name": "tillage", "service.version": __version__})
        self._scope = InstrumentationScope("tillage", __version__)

    def answered(self, headers: Headers, route: str | None, method: str, status: int, seconds: float) -> None:
        """One request was answered; it has no span if its caller says that the trace is not recorded.

        Args:
            headers: Of the request, as they came.
            route: As it is declared; None: nothing is served there.
        """
        parent = parent_of(headers)
        if parent is not None and not parent.trace_flags.sampled:
            return
        end_ns = time.time_ns()
        trace = parent.trace_id if parent else self._ids.generate_trace_id()
        name, attributes, outcome = _described(route, method, status)
        self._batch.on_end(
            ReadableSpan(
                name,
                SpanContext(trace, self._ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED),
                parent,
                self._resource,
                attributes,
                kind=SpanKind.SERVER,
                status=outcome,
                start_time=end_ns - int(seconds * 1e9),
                end_time=end_ns,
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Sends what waits, and gives it up after a few seconds."""
        closing = threading.Thread(target=self._batch.shutdown, name="last-spans", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)


class _Told(SpanExporter):
    """Sends spans, and logs when that begins to fail and when it works again, however many fail between."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            _LOG.warning("the collector of traces does not take them; until it does they are lost, and nothing else is")
        elif self._is_away and not is_away:
            _LOG.info("the collector of traces takes them again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


@cache
def _described(route: str | None, method: str, status: int) -> tuple[str, dict[str, str | int], Status]:
    """Name, attributes and outcome of a span; there are as many as routes, methods and statuses.

    Source: OpenTelemetry's semantic conventions for HTTP server spans, but for `url.path`, which holds ids.
    """
    is_known = method.isupper()
    attributes: dict[str, str | int] = {"http.request.method": method if is_known else "_OTHER"}
    if route is not None:
        attributes["http.route"] = route
    if status:  # none was sent to a caller who had gone
        attributes["http.response.status_code"] = status
    if status >= 500:
        attributes["error.type"] = str(status)
    name = " ".join(filter(None, (method if is_known else "HTTP", route)))
    return name, attributes, Status(StatusCode.ERROR if status >= 500 else StatusCode.UNSET)


def parent_of(headers: Headers) -> SpanContext | None:
    """The caller's span; None where none is named, or not as it must be.

    Source: W3C Trace Context, 3.2.
    """
    found = [value for name, value in headers if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(found[0].strip()) if len(found) == 1 else None
    if match is None or match[1] == b"ff" or (match[1] == b"00" and match[5]):
        return None
    trace, span = int(match[2], 16), int(match[3], 16)
    if not trace or not span:
        return None
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(int(match[4], 16)))
