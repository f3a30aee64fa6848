"""Problem documents and the log beside them hold nothing of a record or a request."""

from __future__ import annotations

import json
import logging

import pytest
from litestar.exceptions import ClientException, MethodNotAllowedException, NotFoundException, ValidationException

from tillage.api import problems
from tillage.errors import StoreAwayError, StoreError

CANARY = "canary-c1879"
INSTANCE = "/spend/{customerId}"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundException(detail=CANARY), 404, "unknown-route"),
        (MethodNotAllowedException(detail=CANARY, headers={"allow": "OPTIONS, GET"}), 405, "method"),
        (ClientException(detail=CANARY), 400, "bad-request"),
        (ValidationException(detail=CANARY, extra={"key": CANARY}), 400, "bad-request"),
        (StoreAwayError("away", retry_after_s=2.5), 503, "store-away"),
        (StoreError("refused"), 500, "internal"),
        (RuntimeError(CANARY), 500, "internal"),
        (KeyError(CANARY), 500, "internal"),
    ],
)
def test_every_exception_is_a_problem_document_without_its_text(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = problems.respond_to(error, INSTANCE)
    document = json.loads(response.content)
    assert list(document) == ["type", "title", "status", "detail", "instance"]
    assert (response.status_code, document["status"]) == (status, status)
    assert document["type"] == f"urn:tillage:problem:{code}"
    assert document["instance"] == INSTANCE
    assert response.media_type == "application/problem+json"
    assert CANARY not in repr(response.headers) + response.content.decode() + caplog.text


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert problems.respond_to(StoreAwayError("away", retry_after_s=2.5), INSTANCE).headers["Retry-After"] == "3"
    assert problems.respond_to(StoreAwayError("away", retry_after_s=0), INSTANCE).headers["Retry-After"] == "1"


def test_method_problem_names_the_allowed_methods_in_one_order() -> None:
    error = MethodNotAllowedException(headers={"allow": "OPTIONS, GET, HEAD"})
    assert problems.respond_to(error, INSTANCE).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_path_that_is_not_served_is_not_repeated() -> None:
    assert "instance" not in json.loads(problems.respond_to(NotFoundException(), None).content)


def test_log_says_type_and_place_of_what_was_not_expected(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match=CANARY) as raised:
        int(CANARY)
    problems.respond_to(raised.value, INSTANCE)
    assert "/spend/{customerId}: ValueError at test_api_problems.py:" in caplog.text
    assert CANARY not in caplog.text


def test_log_repeats_our_own_messages(caplog: pytest.LogCaptureFixture) -> None:
    problems.respond_to(StoreError("the store refused a statement (SQLSTATE 42703)"), INSTANCE)
    assert "the store refused a statement (SQLSTATE 42703)" in caplog.text


def test_what_the_caller_did_wrong_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        problems.respond_to(NotFoundException(), None)
    assert caplog.text == ""
