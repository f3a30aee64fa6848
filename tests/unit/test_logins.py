"""What counts as a request for a token, and how fast a client may ask."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillage.api.logins import Login, WrongLoginError, read_login

GRANT = {"grant_type": "client_credentials"}


def basic(client: str, secret: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode())


@given(client=st.text(min_size=1), secret=st.text(min_size=1))
def test_client_and_secret_are_read_from_form_and_header_alike(client: str, secret: str) -> None:
    form = urlencode({**GRANT, "client_id": client, "client_secret": secret, "scope": "a:read b.c"}).encode()
    assert read_login(form, []) == Login(client, secret, ["a:read", "b.c"])
    assert read_login(urlencode(GRANT).encode(), [basic(client, secret)]) == Login(client, secret, [])


WRONG = {
    "nothing": (b"", [], "invalid_request"),
    "no grant": (b"client_id=a&client_secret=b", [], "invalid_request"),
    "other grant": (b"grant_type=password&client_id=a&client_secret=b", [], "unsupported_grant_type"),
    "grant twice": (b"&".join([b"grant_type=client_credentials"] * 2), [basic("a", "b")], "invalid_request"),
    "nobody": (b"grant_type=client_credentials", [], "invalid_client"),
    "no secret": (b"grant_type=client_credentials&client_id=a", [], "invalid_request"),
    "both ways": (b"grant_type=client_credentials&client_id=a&client_secret=b", [basic("a", "b")], "invalid_request"),
    "two headers": (b"grant_type=client_credentials", [basic("a", "b")] * 2, "invalid_request"),
    "bearer": (b"grant_type=client_credentials", [b"Bearer abc"], "invalid_client"),
    "no base64": (b"grant_type=client_credentials", [b"Basic a:b"], "invalid_client"),
    "short base64": (b"grant_type=client_credentials", [b"Basic YQ="], "invalid_client"),
    "no colon": (b"grant_type=client_credentials", [b"Basic " + base64.b64encode(b"ab")], "invalid_client"),
    "no UTF-8": (b"grant_type=client_credentials", [b"Basic " + base64.b64encode(b"\xff:b")], "invalid_client"),
    "body is no UTF-8": (b"grant_type=\xff", [], "invalid_request"),
    "no form": (b'{"grant_type": "client_credentials"}', [], "invalid_request"),
    "many fields": (b"&".join(b"a%d=1" % n for n in range(99)), [], "invalid_request"),
    "scope": (b"grant_type=client_credentials&scope=A%22", [basic("a", "b")], "invalid_scope"),
    "scopes apart": (b"grant_type=client_credentials&scope=a++b", [basic("a", "b")], "invalid_scope"),
}


@pytest.mark.parametrize("case", WRONG)
def test_anything_else_is_refused_with_the_code_of_the_standard(case: str) -> None:
    body, headers, error = WRONG[case]
    with pytest.raises(WrongLoginError) as refused:
        read_login(body, headers)
    assert refused.value.error == error
