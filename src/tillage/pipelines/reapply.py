"""`tillage erase reapply`: what a restored copy brought back is erased again, from the journal.

The journal lies apart from the data. When it knows of an erasure that the store does not, the data is older than that,
and nothing may be done with it until the same people have left it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from tillage.errors import JournalAheadError
from tillage.pipelines.erase import Erased, erase
from tillage.pipelines.house import House
from tillage.pipelines.requests import Request, erasures_of, subjects
from tillage.ports.erasing import Suppression


def missing(house: House) -> list[tuple[int, tuple[Suppression, ...]]]:
    """The erasures that the journal knows of, and the store does not."""
    told = house.journal.erasures() if house.erasures else []
    if house.erasures is None or not told:
        return []
    known = {one.erasure for one in house.erasures.all()}
    return [one for one in told if one[0] not in known]


def refuse_journal_ahead(house: House) -> None:
    """Raises:
    JournalAheadError: the data was restored from before an erasure.
    """
    if ahead := missing(house):
        raise JournalAheadError(
            f"this data is from before erasure {ahead[0][0]}, of which the journal in safe/ tells: people who were "
            "erased are in it again. Erase them once more: tillage erase reapply"
        )


def reapply(house: House, *, wait_s: float) -> list[Erased]:
    """Finds everybody in the data whom the journal suppresses and the store does not, and erases them.

    Raises:
        LeaseHeldError, ErasureOpenError: as `erase`.
    """
    ahead = missing(house)
    erasures = erasures_of(house)
    for number, suppressed in ahead:
        erasures.remember(number, suppressed)
    wanted = [one for _, suppressed in ahead for one in suppressed]
    return erase(house, _known_again(house, wanted), wait_s=wait_s)


def _known_again(house: House, wanted: Sequence[Suppression]) -> list[Request]:
    """Requests for those of the index whose digests are wanted."""
    if house.vault is None:
        return []
    ring = {key.fingerprint: key for key in house.vault.keys().suppression}
    found = []
    for subject in subjects(house):
        by_key: dict[bytes, dict[bytes, Suppression]] = {}
        for one in wanted:
            if one.subject == subject and not one.is_alias:
                by_key.setdefault(one.ring, {})[one.digest] = one
        for natural_id in erasures_of(house).everybody(subject):
            for name, digests in by_key.items():
                one_of = digests.get(ring[name].id_digest(subject, natural_id)) if name in ring else None
                if one_of:
                    found.append(Request(subject, natural_id, None, one_of.until))
    return found
