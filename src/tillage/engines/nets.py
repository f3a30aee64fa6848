"""Line nets over flat arrays of amounts: integers only, half-up, sign-symmetric, and lines that add up.

Net is rounded once for each list and rate, and given to the lines so that they add up: with c the gross of the earlier
lines of the same rate, a line's net is net(c + g) - net(c).

Source: EN 16931-1, BG-23: VAT is broken down, and rounded, once for each rate of a document.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tillage.contracts.compiler.number import MAX_MINOR
from tillage.contracts.contract import Basis, Level, Vat

_WORD_MINOR = MAX_MINOR // 40_000
"""Below this sum the whole formula stays inside one machine word, for any rate under 100 %."""


def line_nets(gross: Any, rate_bp: Any, lists: Any, vat: Vat) -> Any:
    """Net of each line, int64, in the order of the lines.

    Args:
        gross: minor units, int64; 0 for an absent amount or one of an unknown rate, which adds nothing.
        rate_bp: basis points, int64.
        lists: number of the list that the line stands in, int64, rising.
        vat: basis, and where it is rounded.
    """
    made = np.zeros(len(gross), dtype=np.int64)
    is_large = _is_large(gross, lists)
    # Amounts that could leave a machine word are computed as Python's integers: exact, slow, and never seen in shops.
    for lines, kind in ((~is_large, np.int64), (is_large, object)):
        if lines.any():
            parts = (gross[lines].astype(kind), rate_bp[lines].astype(kind), lists[lines], rate_bp[lines])
            made[lines] = _nets(*parts, vat).astype(np.int64)
    return made


def _is_large(gross: Any, lists: Any) -> Any:
    """Of each line, whether amounts of its list might leave a machine word, however they add up."""
    if not len(gross):
        return np.zeros(0, dtype=bool)
    starts = _starts(lists)
    lengths = np.diff(np.append(starts, len(lists)))
    return np.repeat(np.maximum.reduceat(np.abs(gross), starts) >= _WORD_MINOR // lengths, lengths)


def _nets(gross: Any, rate_bp: Any, lists: Any, groups: Any, vat: Vat) -> Any:
    if vat.level is Level.LINE:
        return _net(gross, rate_bp, vat.basis)
    # Stable, so that lines of one list and rate keep their order; nearly in order already, which this sort likes.
    order = np.argsort(lists * 2**15 + groups, kind="stable")
    ordered, rates = gross[order], rate_bp[order]
    starts = _starts((lists * 2**15 + groups)[order])
    sums = np.cumsum(ordered)
    before_group = np.repeat((sums - ordered)[starts], np.diff(np.append(starts, len(order))))
    whole = sums - before_group
    made = np.empty_like(gross)
    made[order] = _net(whole, rates, vat.basis) - _net(whole - ordered, rates, vat.basis)
    return made


def _starts(keys: Any) -> Any:
    """Places at which another key begins than that before it."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))


def _net(gross: Any, rate_bp: Any, basis: Basis) -> Any:
    """Net of `gross` in the integer type that it has."""
    size = np.abs(gross)
    if basis is Basis.INCLUSIVE:
        return np.sign(gross) * ((2 * size * 10000 + (10000 + rate_bp)) // (2 * (10000 + rate_bp)))
    return np.sign(gross) * ((2 * size * (10000 - rate_bp) + 10000) // 20000)
