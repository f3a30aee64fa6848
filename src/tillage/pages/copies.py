"""Answers that are kept by who asked: which bytes they are, of which loads, and whether they still hold.

Source: RFC 9110, 8.8.3 (ETag) and 13.1.2 (If-None-Match).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

AS_OF = "tillage-as-of"
"""The header that says by feed the last load that all of an answer holds."""
# The next load changes the figures, so a copy is to be asked about; and what one caller may read is not for a cache
# that others share.
CACHE_CONTROL = "private, no-cache"
_DIGEST_BYTES = 12


def tag_of(body: bytes) -> bytes:
    """The entity tag of these very bytes."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest().encode()


def is_known(headers: Iterable[tuple[bytes, bytes]], tag: bytes) -> bool:
    """Whether the caller says that it has the answer with this tag already; the comparison is the weak one."""
    for name, value in headers:
        if name == b"if-none-match":
            known = {one.strip().removeprefix(b"W/") for one in value.split(b",")}
            if tag in known or b"*" in known:
                return True
    return False
