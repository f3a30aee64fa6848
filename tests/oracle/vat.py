"""Net of VAT in exact fractions, rounded half-up and the same for both signs.

Source: EN 16931 breaks VAT down once per document and rate; `rate_group` gives that one rounding to the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

ONE_BP = 10_000


def net_minor(gross_minor: int, rate_bp: int, basis: str) -> int:
    """The exact net amount, rounded once: 10 at 15 % is 9 by `inclusive` (8.69...) and 9 by `deduct` (8.5)."""
    rate = Fraction(rate_bp, ONE_BP)
    if basis == "inclusive":
        net = gross_minor / (1 + rate)
    elif basis == "deduct":
        net = gross_minor * (1 - rate)
    else:
        raise ValueError(f"unknown basis {basis!r}; allowed: inclusive, deduct")
    size = floor(abs(net) + Fraction(1, 2))
    return size if net >= 0 else -size


def line_nets(lines: Sequence[tuple[int, int]], *, basis: str, level: str) -> list[int]:
    """The net of each line of one unit, in order.

    Args:
        lines: (gross_minor, rate_bp) in the order of the unit.
        basis: `inclusive` or `deduct`.
        level: `line` rounds each line; `rate_group` makes the lines of one rate sum to their rounded group net.
    """
    if level == "line":
        return [net_minor(gross, rate, basis) for gross, rate in lines]
    if level != "rate_group":
        raise ValueError(f"unknown level {level!r}; allowed: line, rate_group")
    earlier: dict[int, int] = {}
    nets = []
    for gross, rate in lines:
        before = earlier.get(rate, 0)
        nets.append(net_minor(before + gross, rate, basis) - net_minor(before, rate, basis))
        earlier[rate] = before + gross
    return nets
