"""How fresh a contract promises its data to be; made by `contracts.odcs`, and without a say in any verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_OF = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Span:
    """A length of time as contracts say it: a whole number of `min`, `h` or `d`, each day of 24 hours."""

    value: int
    unit: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"

    @property
    def length(self) -> timedelta:
        """The same as a length that clocks measure."""
        return self.value * _OF[self.unit]


@dataclass(frozen=True)
class Latency:
    """How old the newest event of a dataset may be."""

    dataset: str
    most: Span
