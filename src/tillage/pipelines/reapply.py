"""`tillage erase reapply`: what a restored copy brought back is erased again, from the journal.

The journal lies apart from the data. When it knows of an erasure that the store does not, the data is older than that,
and nothing may be done with it until the same people have left it again.
"""

from __future__ import annotations

from tillage.errors import JournalAheadError, KeysError
from tillage.pipelines.erase import LEASE, Erased, erase, loads_by_contract
from tillage.pipelines.house import House, erasing_of
from tillage.pipelines.requests import Request, subjects
from tillage.ports.erasing import Suppression, SuppressionKind, Told
from tillage.ports.people import People


def missing(house: House) -> list[Told]:
    """The erasures that the journal knows of, and that this data has not seen, or not seen the end of."""
    told = house.erasing.journal.erasures() if house.erasing else []
    if house.erasing is None or not told:
        return []
    state = house.erasing.erasures.states()
    noted = {notes.erasure for notes in house.erasing.journal.notes()}
    return [one for one in told if not _is_seen(one, state.get(one.erasure), is_noted=one.erasure in noted)]


def _is_seen(told: Told, state: str | None, *, is_noted: bool) -> bool:
    return state == "proved" or (state == "open" and is_noted and not told.is_proved)


def refuse_journal_ahead(house: House) -> None:
    """Nothing is done with data that was restored from before an erasure.

    Raises:
        JournalAheadError: it was.
    """
    if ahead := missing(house):
        raise JournalAheadError(
            f"this data is from before erasure {ahead[0].erasure}, of which the journal in safe/ tells: people who "
            "were erased are in it again. Erase them once more: tillage erase reapply"
        )


def reapply(house: House, *, wait_s: float) -> list[Erased]:
    """Finds everybody in the data whom the journal suppresses, and erases them; only then is it no longer refused.

    Raises:
        LeaseHeldError, ErasureOpenError: as `erase`.
        KeysError: the safe lacks a key that the journal names people by.
    """
    erasures = erasing_of(house).erasures
    for told in missing(house):
        erasures.remember(told.erasure, told.suppressed)
    done = erase(house, _known_again(house), wait_s=wait_s)
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        erasures.settle(lease)
    return done


def _known_again(house: House) -> list[Request]:
    """Requests for all in the data who do not come back, by the ids in the index and those in the records."""
    of = erasing_of(house)
    ring = {key.fingerprint: key for key in of.vault.keys().suppression}
    held: dict[str, dict[bytes, dict[bytes, Suppression]]] = {}
    for one in of.erasures.suppressions():
        if one.ring not in ring:
            raise KeysError("safe/keys.json lacks a key that the journal names people by; put it back")
        if one.kind is SuppressionKind.ID:
            held.setdefault(one.subject, {}).setdefault(one.ring, {})[one.digest] = one
    found: dict[tuple[str, str | None, str | None], Request] = {}
    for subject in subjects(house):
        for natural_id in of.erasures.everybody(subject):
            for name, digests in held.get(subject, {}).items():
                if one_of := digests.get(ring[name].id_digest(subject, natural_id)):
                    found[subject, natural_id, None] = Request(subject, natural_id, None, one_of.until)
    for subject, kind, value in _in_records(house, of.vault):
        who = (value, None) if kind == SuppressionKind.ID else (None, value)
        found.setdefault((subject, *who), Request(subject, *who))
    return list(found.values())


def _in_records(house: House, people: People) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for feed, contract in house.feeds.items():
        if not contract.check.contract.has_people:
            continue
        bronze = house.lake.bronze(feed).snapshot()
        for text, loads in loads_by_contract(house, feed):
            folders = {place: said for load in loads for place, said in house.folders(load).items()}
            check = house.compile(feed, text)
            numbers = [load.load_seq for load in loads]
            found |= erasing_of(house).records.named_again(check, bronze, numbers, folders, people)
    return found
