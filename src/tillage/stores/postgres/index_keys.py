"""What stands in an index for a text of any length: itself, or its SHA-256 once it is longer than that.

A B-tree takes rows of up to 2,704 bytes. A text that is kept as it is has fewer than 64 bytes, a digest in hex exactly
64, so two texts have the same index key only if they are equal. 32 key columns, the most of an index, fit.
"""

from __future__ import annotations

import hashlib

from psycopg import sql

_LONG_BYTES = 64

# `replace` and `decode` give the bytes of the text by immutable functions alone, as an index asks for;
# `convert_to` would be plain, and is not immutable.
_INDEX_KEY = r"""
(case when octet_length({text}) < 64 then {text}
    else encode(sha256(decode(replace({text}, '\', '\\'), 'escape')), 'hex') end collate "C")
"""


def index_key(text: sql.Composable) -> sql.Composed:
    """The index key of a text column or parameter; null for null."""
    return sql.SQL(_INDEX_KEY.strip()).format(text=text)


def index_key_of(text: str) -> str:
    """The index key of a text, as PostgreSQL finds it too."""
    spelt = text.encode()
    return text if len(spelt) < _LONG_BYTES else hashlib.sha256(spelt).hexdigest()
