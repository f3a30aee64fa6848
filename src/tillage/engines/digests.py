"""Ids of people in SQL: as they are compared, and the keyed digests of them."""

from __future__ import annotations

from tillage.contracts.contract import Column
from tillage.contracts.sql_text import name, text
from tillage.domain.people import BLANKS


def digest(sql: str) -> str:
    """HMAC-SHA256 of a text, in hex, by the pads `$inner` and `$outer` of its key."""
    return f"sha256($outer::blob || unhex(sha256($inner::blob || encode({sql}))))"


def written(column: Column) -> str:
    """SQL over `c`: the id as it was written. It is trimmed once for each spelling: of a row that costs more than all
    else that is done with it.
    """
    return f"c.{name(column.stored_name)}::varchar"


def trimmed(sql: str) -> str:
    """An id without what stands around it."""
    return f"trim({sql}, {text(BLANKS)})"


def spelt(column: Column) -> str:
    """SQL over `c`: an id or further identifier as it is compared; null for a blank one."""
    plain = trimmed(written(column))
    return f"nullif({f'lower(nfc_normalize({plain}))' if column.alias_of else plain}, '')"
