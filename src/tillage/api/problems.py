"""Everything that is not an answer, as problem documents that name neither a record's value nor the id asked for.

Source: RFC 9457.
"""

from __future__ import annotations

import json
import logging
import math
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from litestar import Response
from litestar.exceptions import HTTPException

from tillage.errors import (
    ModelsChangedError,
    NotExplainedError,
    OverloadedError,
    StoreAwayError,
    TillageError,
    TimeLimitError,
    TooManyLinesError,
    TransientError,
    UnknownDatasetError,
    UnknownKeyError,
    UnknownLoadError,
    UnknownRouteError,
)

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("tillage.api")


@dataclass(frozen=True)
class Problem:
    """One kind of problem; its texts are the same each time, so nothing of a request can get into them."""

    status: int
    code: str
    title: str
    detail: str

    @property
    def type(self) -> str:
        return f"urn:tillage:problem:{self.code}"


UNKNOWN_ROUTE = Problem(
    404, UnknownRouteError.code, "Nothing is served here", "The path is not among those in /openapi.json."
)
UNKNOWN_KEY = Problem(404, UnknownKeyError.code, "Unknown key", "Nothing is known under the key at the path's end.")
MISSING_KEY = Problem(400, "missing-key", "Key missing", "The path must end with a key, as `instance` shows.")
LONG_KEY = Problem(414, "long-key", "Key too long", "A key has at most 1,024 bytes when it is decoded.")
NO_TOKEN = Problem(
    401,
    "no-token",
    "A token is needed",
    "Send `Authorization: Bearer TOKEN`; POST /token gives one to a client and its secret.",
)
INVALID_TOKEN = Problem(
    401,
    "invalid-token",
    "The token does not count",
    "It is none, expired or was revoked; POST /token gives another.",
)
MISSING_SCOPE = Problem(
    403, "missing-scope", "The token lacks the scope", "The header WWW-Authenticate names the scope that is needed."
)
INVALID_CLIENT = Problem(
    401, "invalid-client", "No such client", "Client or secret is wrong, or the client was revoked."
)
INVALID_LOGIN = Problem(
    400,
    "invalid-login",
    "Not a request for a token",
    "POST a form with grant_type=client_credentials; client and secret by HTTP Basic, or as client_id, client_secret. "
    "`error` says what is wrong, as RFC 6749 names it: invalid_scope is one that the client does not have.",
)
LARGE_BODY = Problem(413, "large-body", "Body too large", "A request for a token has at most 8,192 bytes.")
SLOW_BODY = Problem(408, "slow-body", "Body too slow", "A request's body is to be sent within 10 seconds.")
TOO_FAST = Problem(429, "too-fast", "Too many requests", "Ask again after the seconds that Retry-After names.")
METHOD = Problem(405, "method", "Method not allowed", "The header Allow names the methods that this path knows.")
BAD_REQUEST = Problem(400, "bad-request", "Bad request", "The request is not one that this server can read.")
OTHER_HOST = Problem(
    421,
    "other-host",
    "Not served under this name",
    "This is for requests from this machine: to 127.0.0.1, localhost or ::1 as Host, and not passed on by a proxy.",
)
STORE_AWAY = Problem(
    503, StoreAwayError.code, "Store away", "The store does not answer. Retry after the seconds that Retry-After names."
)
OVERLOADED = Problem(
    503,
    OverloadedError.code,
    "Overloaded",
    "More is asked for than can be answered. Retry after the seconds that Retry-After names.",
)
UNKNOWN_LOAD = Problem(404, UnknownLoadError.code, "Unknown load", "There is no load of the number at the path's end.")
UNKNOWN_DATASET = Problem(
    404, UnknownDatasetError.code, "Unknown dataset", "No contract describes a dataset of the name at the path's end."
)
NOT_EXPLAINED = Problem(
    404, NotExplainedError.code, "Not explained", "The path answers from a model that is built whole, not line by line."
)
TOO_MANY_LINES = Problem(
    404, TooManyLinesError.code, "Too many lines", "The command lists all of them: tillage explain"
)
TIME_LIMIT = Problem(
    503, TimeLimitError.code, "Took too long", "The page was ended, and nothing was changed; the command has no limit."
)
NOT_READY = Problem(
    503, "not-ready", "Not ready", "The store does not answer, or its models are not those that are served."
)
INTERNAL = Problem(500, "internal", "Internal error", "Something failed here; the server's log says what.")


def respond(
    problem: Problem, instance: str | None, headers: Mapping[str, str] | None = None, *, error: str | None = None
) -> Response[bytes]:
    """The problem as a response.

    Args:
        instance: The path as it is declared, `/spend/{customerId}`.
        error: A further member, for those who read an answer as another standard has it.
    """
    document = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "error": error,
    }
    known = {name: value for name, value in document.items() if value is not None}
    body = json.dumps(known, separators=(",", ":")).encode()
    return Response(
        body,
        media_type=MEDIA_TYPE,
        status_code=problem.status,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


_OF_PAGES: Mapping[type[TillageError], Problem] = {
    UnknownRouteError: UNKNOWN_ROUTE,
    UnknownKeyError: UNKNOWN_KEY,
    UnknownLoadError: UNKNOWN_LOAD,
    UnknownDatasetError: UNKNOWN_DATASET,
    NotExplainedError: NOT_EXPLAINED,
    TooManyLinesError: TOO_MANY_LINES,
}
_PASSING: Mapping[type[TillageError], Problem] = {TimeLimitError: TIME_LIMIT, ModelsChangedError: NOT_READY}


def respond_to(error: Exception, instance: str | None) -> Response[bytes]:
    """Any exception as a response; what the server is to blame for is logged, without the exception's own text."""
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _respond_to_refusal(error, instance)
    if isinstance(error, OverloadedError):  # not logged, since there are thousands
        return respond(OVERLOADED, instance, retry_after(error.retry_after_s))
    if isinstance(error, TillageError) and type(error) in _OF_PAGES:
        return respond(_OF_PAGES[type(error)], instance)
    _LOG.error("%s: %s", instance or "a path that is not served", describe(error))
    if isinstance(error, TransientError):
        return respond(_PASSING.get(type(error), STORE_AWAY), instance, retry_after(error.retry_after_s))
    return respond(INTERNAL, instance)


def _respond_to_refusal(error: HTTPException, instance: str | None) -> Response[bytes]:
    if error.status_code == 404:
        return respond(UNKNOWN_ROUTE, instance)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("allow", "")
        return respond(METHOD, instance, {"Allow": ", ".join(sorted(filter(None, allowed.split(", "))))})
    return respond(BAD_REQUEST, instance)


def retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def describe(error: Exception) -> str:
    """What failed, for the log: our own errors say it themselves, of others the text may quote a value of a record."""
    if isinstance(error, TillageError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = ", ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places or 'no place'}"
