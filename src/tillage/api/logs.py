"""Logs of the server as JSON, a line each, on standard error; no line holds a value of a record, or an id."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_ACCESS = logging.getLogger("tillage.access")
_FIELDS = "fields"


class JsonLines(logging.Formatter):
    """One JSON object for each record: time, level, logger, message, and what the record has beside it."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        return json.dumps(said, ensure_ascii=False)


def log_as_json() -> None:
    """From now on what the product logs in this process goes to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("tillage")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def log_access(route: str, method: str, status: int, seconds: float) -> None:
    """One answered request, by its route as it is declared."""
    fields = {"route": route, "method": method, "status": status, "ms": round(seconds * 1000, 3)}
    _ACCESS.info("answered", extra={_FIELDS: fields})
