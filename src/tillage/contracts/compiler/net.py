"""Net of VAT in SQL: integers only, half-up, sign-symmetric."""

from __future__ import annotations

from collections.abc import Iterable

from tillage.contracts.contract import Basis, Column


def net(gross: str, rate_bp: str, basis: Basis) -> str:
    """Net of `gross` in the integer type that `gross` has."""
    if basis is Basis.INCLUSIVE:
        return f"(sign({gross}) * ((2 * abs({gross}) * 10000 + (10000 + {rate_bp})) // (2 * (10000 + {rate_bp}))))"
    return f"(sign({gross}) * ((2 * abs({gross}) * (10000 - {rate_bp}) + 10000) // 20000))"


def is_taxed(columns: Iterable[Column]) -> bool:
    """Whether one of the columns, or of the members of one, has VAT."""
    return any(column.vat is not None or is_taxed(column.items) for column in columns)
