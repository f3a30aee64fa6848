"""How much of one load may land in quarantine before the load is failed instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

# At most 100, with up to six decimals: what a person writes, and exact as a fraction.
PERCENT = re.compile(r"(100(?:\.0{1,6})?|[0-9]{1,2}(?:\.[0-9]{1,6})?) ?%")


@dataclass(frozen=True)
class QuarantineBound:
    """A number of units, or a share of the units that a load reads; the bound itself is still allowed."""

    most: Fraction
    is_share: bool

    def is_broken_by(self, quarantined_rows: int, read_rows: int) -> bool:
        """Whether so many are too many; of nothing read there is no share."""
        return quarantined_rows > (self.most * read_rows if self.is_share else self.most)

    def __str__(self) -> str:
        if not self.is_share:
            return str(self.most)
        return f"{float(self.most * 100):.6f}".rstrip("0").rstrip(".") + "%"


def read_bound(value: object) -> QuarantineBound | None:
    """The bound that `100` or `1%` says; None if it is neither."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return QuarantineBound(Fraction(value), is_share=False)
    share = PERCENT.fullmatch(value) if isinstance(value, str) else None
    return QuarantineBound(Fraction(share[1]) / 100, is_share=True) if share else None
