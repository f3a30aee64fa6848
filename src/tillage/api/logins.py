"""`POST /token`: a client's secret for a token that lives an hour.

Source: RFC 6749, 4.4 (client credentials), 2.3.1 (how a client says who it is), 5.1 and 5.2 (answers).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from litestar import Response

from tillage.api import problems
from tillage.api.problems import Problem
from tillage.contracts.project import SCOPE
from tillage.domain.clients import Token
from tillage.errors import OverloadedError, ScopeNotHeldError

Issue = Callable[[str, str, list[str]], Token | None]
"""By name, secret and scopes: a token, None if the secret is wrong; or ScopeNotHeldError."""
MOST_BODY_BYTES = 8192
# Each costs some 15 ms of a core. One is worked on at a time, and the thread rests four times as long as it has
# worked: whoever tries secrets takes a fifth of a core from those who read.
_AT_ONCE = 1
_REST = 4
_MOST_WAITING = 32
# One too many is told so late, since those who try secrets ask again as soon as they are answered.
_REFUSED_AFTER_S = 1.0
_MOST_FIELDS = 8


@dataclass(frozen=True)
class Login:
    """What a request for a token says."""

    client: str
    secret: str
    scopes: list[str]


class WrongLoginError(Exception):
    """A request for a token that cannot be one; `error` is the code that RFC 6749 gives it."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Logins:
    """Exchanges secrets for tokens, a few at a time and beside the requests of readers."""

    def __init__(self, issue: Issue) -> None:
        self._issue = issue
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="logins", initializer=_give_way)
        self._waiting = 0
        self._rested_s = 0.0
        """When the thread will have rested, on the monotonic clock."""

    async def answer(self, body: bytes, authorization: list[bytes], instance: str) -> Response[bytes]:
        """The token, or a problem that also has the member `error` of RFC 6749.

        Raises:
            OverloadedError: too many wait already.
            StoreAwayError: the store does not answer.
        """
        try:
            login = read_login(body, authorization)
        except WrongLoginError as wrong:
            return _refused(wrong.error, instance)
        try:
            token = await self._token(login)
        except ScopeNotHeldError:
            return _refused("invalid_scope", instance)
        if token is None:
            return _refused("invalid_client", instance)
        said = {
            "access_token": token.text,
            "token_type": "Bearer",
            "expires_in": token.lives_s,
            "scope": " ".join(token.scopes),
        }
        headers = {"Cache-Control": "no-store"}
        return Response(json.dumps(said).encode(), media_type="application/json", headers=headers)

    async def _token(self, login: Login) -> Token | None:
        if self._waiting >= _MOST_WAITING:
            await asyncio.sleep(_REFUSED_AFTER_S)
            raise OverloadedError("too many clients ask for tokens", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._issue_rested, login)
        finally:
            self._waiting -= 1

    def _issue_rested(self, login: Login) -> Token | None:
        """In the thread, which rests for what it owes before it works again."""
        time.sleep(max(0.0, self._rested_s - time.monotonic()))
        started_s = time.monotonic()
        try:
            return self._issue(login.client, login.secret, login.scopes)
        finally:
            ended_s = time.monotonic()
            self._rested_s = ended_s + _REST * (ended_s - started_s)

    def close(self) -> None:
        """Ends the threads once what they have begun is done."""
        self._threads.shutdown(cancel_futures=True)


def _give_way() -> None:
    """This thread works when nothing else does: a hash holds a core, and no lock that those who read need."""
    if sys.platform == "linux":  # elsewhere a priority is a whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def read_login(body: bytes, authorization: list[bytes]) -> Login:
    """What the form says, and the `Authorization` headers beside it.

    Raises:
        WrongLoginError: it is none.
    """
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_MOST_FIELDS) if body else []
    except ValueError:
        raise WrongLoginError("invalid_request") from None
    form = dict(pairs)
    if len(form) != len(pairs) or "grant_type" not in form:
        raise WrongLoginError("invalid_request")
    if form["grant_type"] != "client_credentials":
        raise WrongLoginError("unsupported_grant_type")
    in_form = [form[name] for name in ("client_id", "client_secret") if name in form]
    in_header = [_basic(value) for value in authorization]
    if len(in_header) + bool(in_form) != 1 or len(in_form) == 1:
        raise WrongLoginError("invalid_request" if in_header or in_form else "invalid_client")
    client, secret = in_header[0] if in_header else in_form
    scopes = form.get("scope", "").split(" ") if form.get("scope") else []
    if not all(SCOPE.fullmatch(scope) for scope in scopes):
        raise WrongLoginError("invalid_scope")
    return Login(client, secret, scopes)


def _basic(header: bytes) -> tuple[str, str]:
    found = re.fullmatch(rb"(?i:basic) +([A-Za-z0-9+/]+=*)", header)
    try:
        text = base64.b64decode(found[1], validate=True).decode() if found else ""
    except (binascii.Error, UnicodeDecodeError):
        raise WrongLoginError("invalid_client") from None
    client, colon, secret = text.partition(":")
    if not colon:
        raise WrongLoginError("invalid_client")
    return unquote_plus(client), unquote_plus(secret)


def _refused(error: str, instance: str) -> Response[bytes]:
    problem: Problem = problems.INVALID_CLIENT if error == "invalid_client" else problems.INVALID_LOGIN
    headers = {"WWW-Authenticate": 'Basic realm="tillage"'} if problem.status == 401 else {}
    return problems.respond(problem, instance, headers, error=error)
