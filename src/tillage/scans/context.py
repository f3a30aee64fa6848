"""Which short values stand in the context of their own person: a first name alone says nothing of anybody."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tillage.scans.forms import Form

NEAR_BYTES = 512
"""A row or a small object: what stands as near tells of the same person."""
OTHERS = 2
"""So many different ones near a short value are a context."""
# Patterns are longer than a byte, so between the beginnings of two that are near there may be more.
_SLACK_BYTES = 256


@dataclass(frozen=True)
class Match:
    """A text at a place."""

    start: int
    end: int
    text: int
    form: Form

    def is_near(self, other: Match) -> bool:
        return max(self.start - other.end, other.start - self.end) <= NEAR_BYTES

    def overlaps(self, other: Match) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Places:
    """Where a text may begin."""

    starts: NDArray[np.int64]
    """In order."""
    numbers: NDArray[np.int64]
    """Of the beginning that was found there."""

    @staticmethod
    def of(parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> Places:
        starts = np.concatenate([starts for starts, _ in parts])
        order = np.argsort(starts, kind="stable")
        return Places(starts[order], np.concatenate([numbers for _, numbers in parts])[order])


Check = Callable[[int, int, int], list[Match]]
"""The matches of a text at a beginning and a place, if it is really there."""


def in_context(
    texts: Mapping[int, Places], strong: Sequence[Match], check: Check, *, weak: Collection[int] = ()
) -> list[Match]:
    """Matches of one person's short texts near one of `strong`, or near two other short texts of the person that are
    not weak.
    """
    wanted = _candidates(texts, np.array(sorted(match.start for match in strong), np.int64))
    matches = sorted((match for candidate in wanted for match in check(*candidate)), key=lambda match: match.start)
    strong = sorted(strong, key=lambda match: match.start)
    return [
        match
        for match in matches
        if any(match.is_near(other) for other in _around(strong, match))
        or _others(match, _around(matches, match), weak) >= OTHERS
    ]


def _around(matches: Sequence[Match], middle: Match) -> Sequence[Match]:
    """Those that may be near, by their beginnings."""
    first = bisect_left(matches, middle.start - NEAR_BYTES - 8 * _SLACK_BYTES, key=lambda match: match.start)
    last = bisect_left(matches, middle.end + NEAR_BYTES + 1, key=lambda match: match.start)
    return matches[first:last]


def _others(match: Match, around: Sequence[Match], weak: Collection[int]) -> int:
    return len(
        {
            other.text
            for other in around
            if other.text not in {match.text, *weak} and match.is_near(other) and not match.overlaps(other)
        }
    )


def _candidates(texts: Mapping[int, Places], strong: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """More than those in context, but far fewer than all: common names stand anywhere."""
    seeds = _seeds(texts)
    middles = np.union1d(strong, seeds) if len(seeds) else strong
    if not len(middles):
        return []
    found = []
    for text, places in texts.items():
        chosen = _is_near(places.starts, middles, 2 * NEAR_BYTES + 8 * _SLACK_BYTES)
        found += [
            (text, number, start)
            for number, start in zip(places.numbers[chosen].tolist(), places.starts[chosen].tolist(), strict=True)
        ]
    return found


def _seeds(texts: Mapping[int, Places]) -> NDArray[np.int64]:
    """Places in every three texts that stand together: one of them is not among the two that occur most."""
    by_number = sorted(texts.values(), key=lambda places: len(places.starts))
    seeds = [np.empty(0, np.int64)]
    for number, places in enumerate(by_number[:-OTHERS]):
        near = np.zeros(len(places.starts), np.int64)
        for other_number, other in enumerate(by_number):
            if other_number != number:
                near += _is_near(places.starts, other.starts, 2 * NEAR_BYTES + _SLACK_BYTES)
        seeds.append(places.starts[near >= OTHERS])
    return np.concatenate(seeds)


def _is_near(starts: NDArray[np.int64], others: NDArray[np.int64], distance: int) -> NDArray[np.bool_]:
    """For each start, whether one of the others, which are in order and at least one, is at most so far away."""
    after = np.searchsorted(others, starts - distance)
    return (after < len(others)) & (others[np.minimum(after, len(others) - 1)] <= starts + distance)
