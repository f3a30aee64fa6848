"""What repeated rounds say about how two jobs compare, whatever the machine was doing meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

_RESAMPLES = 10_000
_SEED = 1
_TAIL = 0.05


@dataclass(frozen=True)
class Ratio:
    """The median of per-round ratios, and a bound that the true median is above with 95 % confidence."""

    median: float
    lower: float
    rounds: int


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Numerator by denominator, round by round; rounds beyond the shorter of the two are left out.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13 (percentile interval).
    """
    found = [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=False)]
    rng = Random(_SEED)
    medians = sorted(median(rng.choices(found, k=len(found))) for _ in range(_RESAMPLES))
    return Ratio(median(found), medians[int(_TAIL * _RESAMPLES)], len(found))
