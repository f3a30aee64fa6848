"""Reads that need the store and the lake to stand at the same loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tillage.errors import TransientError
from tillage.pipelines.house import House

T = TypeVar("T")
_TRIES = 10


def at_one_moment(house: House, read: Callable[[Mapping[str, int]], T]) -> T:
    """`read(published)`, repeated until no load was published meanwhile: what it sees belongs together.

    Raises:
        TransientError: loads kept being published.
    """
    for _ in range(_TRIES):
        published, build = house.ledger.published(), house.ledger.last_build()
        found = read(published)
        if (house.ledger.published(), house.ledger.last_build()) == (published, build):
            return found
    raise TransientError("loads are published faster than this can be read; try again in a moment")
