"""Bounds that a feed sets to its own loads: how much of one may land in quarantine."""

from __future__ import annotations

from collections.abc import Mapping

from tillage.contracts.contract import Severity
from tillage.contracts.project import Feed
from tillage.domain.conservation import Counts
from tillage.ports.engine import Workspace
from tillage.ports.store import RuleFound

MAX_QUARANTINE = "maxQuarantine"
_MOST_CODES = 3


def broken_bounds(feed: Feed, counts: Mapping[str, Counts], workspace: Workspace) -> list[RuleFound]:
    """What to say if a load quarantines more of its units, over all its datasets, than the feed allows."""
    read = sum(one.read_rows for one in counts.values())
    # What waits for others comes in by itself.
    quarantined = sum(one.quarantined_rows for one in counts.values()) - workspace.waiting_for_others()
    if feed.max_quarantine is None or not feed.max_quarantine.is_broken_by(quarantined, read):
        return []
    found = (
        f"{quarantined:,} of {read:,} units would be quarantined ({_codes(workspace)}), and no more than "
        f"{feed.max_quarantine} may be"
    )
    return [RuleFound(f"feed {feed.name}", MAX_QUARANTINE, Severity.ERROR, found)]


def _codes(workspace: Workspace) -> str:
    """The most frequent codes: nothing of the load is in quarantine, so this is where a person learns them."""
    codes = sorted(workspace.quarantined_codes().items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ", ".join(f"{code} {rows:,}" for code, rows in codes[:_MOST_CODES])
    return f"{shown}, ..." if len(codes) > _MOST_CODES else shown
