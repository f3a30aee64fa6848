"""The columns of a fold, shown and hidden."""

from __future__ import annotations

from dataclasses import dataclass

from tillage.models.currency import Currency

ROWS = "_rows"
"""Hidden column of a state: how many inner rows a key has; at 0 the key is gone."""


@dataclass(frozen=True)
class Output:
    """One column of the model."""

    name: str
    is_key: bool
    currency: Currency

    @property
    def filled(self) -> str:
        """Hidden column beside a sum: how many of its inputs were not null; at 0 the sum is null."""
        return f"_n_{self.name}"
