"""What a request's path and `Host` header say, read from their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

Segments = tuple[str, ...]
_PASSED_ON = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"}


def segments_of(scope: Mapping[str, Any]) -> Segments:
    """The parts of the path between its slashes, split before they are decoded: `%2F` is a character of an id.

    Bytes that are not UTF-8 become lone surrogates, which no stored text holds.
    """
    path = scope["raw_path"].partition(b"?")[0]
    return tuple(unquote_to_bytes(part).decode("utf-8", "surrogateescape") for part in path.split(b"/")[1:])


def host_of(scope: Mapping[str, Any]) -> str | None:
    """The host that a request names in `Host`; the server drops one that stands in its target."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)


def is_from_here(scope: Mapping[str, Any]) -> bool:
    """Whether a request names this machine, and no proxy says that it only passes it on."""
    return is_for_loopback(host_of(scope)) and not any(name in _PASSED_ON for name, _ in scope["headers"])


def size_bytes(segment: str) -> int:
    """How long a part of the path is when it is decoded."""
    return len(segment.encode("utf-8", "surrogateescape"))


def is_loopback(host: str) -> bool:
    """Whether `host` is localhost, 127.0.0.0/8 or ::1; any other name is not, whatever it resolves to."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == IPv6Address("::1")


@lru_cache(maxsize=64)
def is_for_loopback(host_header: str | None) -> bool:
    """Whether a request was addressed to this machine by a name that only this machine has, or by none at all.

    A page of another site can have its own name resolve to 127.0.0.1 (DNS rebinding) and would then read all that is
    served here; the browser still sends that name.
    """
    if host_header is None:
        return True
    try:
        return is_loopback(urlsplit(f"//{host_header}").hostname or "")
    except ValueError:
        return False
