"""The columns of a fold, shown and hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tillage.models.scope import BY, Currency, is_by_column

ROWS = "_rows"
"""Hidden column of a state: how many inner rows a key has; at 0 the key is gone."""


@dataclass(frozen=True)
class Output:
    """One column of the model."""

    name: str
    is_key: bool
    currency: Currency
    """Of a sum of money; `@currency` where the key column `currency` names it, row by row."""

    @property
    def filled(self) -> str:
        """Hidden column beside a sum: how many of its inputs were not null; at 0 the sum is null."""
        return f"_n_{self.name}"

    @property
    def currency_by(self) -> str | None:
        """The key column that names the currency of each row."""
        return self.currency.removeprefix(BY) if self.currency and is_by_column(self.currency) else None


def currency_in(currency: Currency, row: Mapping[str, Any]) -> str | None:
    """The currency of an amount in `row`; None where the row has no code."""
    if currency is not None and is_by_column(currency):
        code = row.get(currency.removeprefix(BY))
        return None if code is None else str(code)
    return currency
