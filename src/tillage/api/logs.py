"""Logs of the server as JSON, a line each, on standard error; no line holds a value of a record, or an id."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime

from tillage.api.problems import describe

_ACCESS = logging.getLogger("tillage.access")
_FIELDS = "fields"


class JsonLines(logging.Formatter):
    """One JSON object for each record: time, level, logger, message, and what the record has beside it.

    Of what libraries log only which one and how serious: their texts may name a host, a user or a value.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        is_ours = record.name == "tillage" or record.name.startswith("tillage.")
        said = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if is_ours else "a library has something to say",
            **getattr(record, _FIELDS, {}),
        }
        return json.dumps(said, ensure_ascii=False)


def log_as_json() -> None:
    """From now on what this process logs, and errors of its threads, go to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
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
