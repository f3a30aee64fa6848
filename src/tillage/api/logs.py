"""Logs of the server as JSON, a line each, on standard error; no line holds a value of a record, or an id."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tillage.api.problems import describe

_ACCESS = logging.getLogger("tillage.access")
_FIELDS = "fields"
_AGAIN_AFTER_S = 1.0
# There are as many as routes and causes; a filter that has more forgets them all.
_MOST_TEXTS = 1000


class JsonLines(logging.Formatter):
    """One JSON object for each record: time, level, logger, message, and what the record has beside it.

    Of what libraries log only which one and how serious: their texts may name a host, a user or a value.
    """

    def format(self, record: logging.LogRecord) -> str:
        created = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        is_ours = record.name == "tillage" or record.name.startswith("tillage.")
        said = {
            "time": created.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if is_ours else "a library has something to say",
            **getattr(record, _FIELDS, {}),
        }
        return json.dumps(said, ensure_ascii=False)


class Seldom(logging.Filter):
    """Lets an error through once in a while: with the store away, each of thousands of requests a second says so."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now_s = now_s
        self._said_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        text, now_s = record.getMessage(), self._now_s()
        if now_s - self._said_s.get(text, -_AGAIN_AFTER_S) < _AGAIN_AFTER_S:
            return False
        if len(self._said_s) >= _MOST_TEXTS:
            self._said_s.clear()
        self._said_s[text] = now_s
        return True


def log_as_json() -> None:
    """From now on what this process logs, and errors of its threads, go to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Seldom())
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tillage").setLevel(logging.INFO)
    threading.excepthook = _say_what_ended


def _say_what_ended(ended: threading.ExceptHookArgs) -> None:
    if isinstance(ended.exc_value, Exception):
        logging.getLogger("tillage.api").error("a thread ended: %s", describe(ended.exc_value))


def log_access(route: str, method: str, status: int, seconds: float) -> None:
    """One answered request, by its route as it is declared."""
    fields = {"route": route, "method": method, "status": status, "ms": round(seconds * 1000, 3)}
    _ACCESS.info("answered", extra={_FIELDS: fields})
