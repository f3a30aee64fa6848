"""`tillage suppression lift`: people who were erased may come back with data of any time."""

from __future__ import annotations

from collections.abc import Sequence

from tillage.pipelines.erase import LEASE
from tillage.pipelines.house import House, erasing_of
from tillage.pipelines.requests import Request


def lift(house: House, people: Sequence[Request], *, wait_s: float) -> int:
    """How many suppressions hold no more.

    Raises:
        LeaseHeldError: an erasure is under way for longer than `wait_s`.
    """
    of = erasing_of(house)
    digests = []
    for key in of.vault.keys().suppression:
        digests += [key.id_digest(one.subject, one.natural_id) for one in people if one.natural_id]
        digests += [key.alias_digest(one.subject, one.alias) for one in people if one.alias]
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        # The journal first: should this end in between, `erase reapply` goes on with it.
        of.journal.add_lifted(digests)
        return of.erasures.lift(digests, lease)
