"""`tillage erase reapply`: what a restored copy brought back is erased again, from the journal.

The journal lies apart from the data. When it knows of an erasure that the store does not, the data is older than that,
and nothing may be done with it until the same people have left it again. Nobody else does: who was erased before the
copy was made, and came back, stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from tillage.errors import ErasureOpenError, JournalAheadError, KeysError
from tillage.pipelines.erase import LEASE, Erased, erase, loads_by_contract
from tillage.pipelines.house import House, erasing_of
from tillage.pipelines.requests import Request, subjects
from tillage.ports.erasing import SuppressionKind, Told
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
    """Nothing is done with data that was restored from before an erasure, or from before somebody was let back in.

    Raises:
        JournalAheadError: it was.
    """
    if ahead := missing(house):
        raise JournalAheadError(
            f"this data is from before erasure {ahead[0].erasure}, of which the journal in safe/ tells: people who "
            "were erased are in it again. Erase them once more: tillage erase reapply"
        )
    if lifted_since(house):
        raise JournalAheadError(
            "this data is from before people were let back in, of which the journal in safe/ tells: they would be kept "
            "out of it. Let them in once more: tillage erase reapply"
        )


def lifted_since(house: House) -> list[bytes]:
    """Digests of suppressions that hold here, and no more by the journal."""
    lifted = house.erasing.journal.lifted() if house.erasing else set()
    if house.erasing is None or not lifted:
        return []
    # Who is being erased once more is not in the journal yet.
    noted = {one.digest for notes in house.erasing.journal.notes() for one in notes.every_suppression()}
    return [one.digest for one in house.erasing.erasures.suppressions() if one.digest in lifted - noted]


def reapply(house: House, *, wait_s: float) -> list[Erased]:
    """Finds everybody in the data who left it in an erasure that it does not know of, and erases them; only then is it
    no longer refused. Whoever was let back in since is so again.

    Raises:
        LeaseHeldError, ErasureOpenError: as `erase`.
        KeysError: the safe lacks a key that the journal names people by.
    """
    erasures = erasing_of(house).erasures
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        if lifted := lifted_since(house):
            house.say(f"{erasures.lift(lifted, lease):,} suppressions hold no more, as the journal says")
    ahead = missing(house)
    if not ahead:
        return []
    for told in ahead:
        erasures.remember(told.erasure, told.suppressed)
    try:
        done = erase(house, _known_again(house, ahead), wait_s=wait_s)
    except ErasureOpenError:
        # From here on it is an erasure as any that is open: a run takes in what no load has looked at yet, such as a
        # file at a door, and what waits of others in the same records can be taken up or given up.
        if _is_under_way(house):
            _settle(house, wait_s)
        raise
    _settle(house, wait_s)
    return done


def _settle(house: House, wait_s: float) -> None:
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        erasing_of(house).erasures.settle(lease)


def _is_under_way(house: House) -> bool:
    """Whether the people are being erased, and kept out meanwhile."""
    states, notes = erasing_of(house).erasures.states(), erasing_of(house).journal.notes()
    return bool(notes) and all(states.get(one.erasure) == "open" for one in notes)


def _known_again(house: House, ahead: Iterable[Told]) -> list[Request]:
    """Requests for all in the data who left in these erasures, by the ids in the index and those in the records, each
    as of the time up to which what happened was theirs.
    """
    of = erasing_of(house)
    ring = {key.fingerprint: key for key in of.vault.keys().suppression}
    held = {(one.subject, one.kind, one.ring, one.digest): one for told in ahead for one in told.suppressed}
    if any(one.ring not in ring for one in held.values()):
        raise KeysError("safe/keys.json lacks a key that the journal names people by; put it back")
    found: dict[tuple[str, str, str], Request] = {}
    index = ((one, SuppressionKind.ID, known) for one in subjects(house) for known in of.erasures.everybody(one))
    for subject, kind, value in (*index, *_in_records(house, of.vault)):
        is_id = kind == SuppressionKind.ID
        natural_id, alias = (value, None) if is_id else (None, value)
        for fingerprint, key in ring.items():
            digest = key.id_digest(subject, value) if is_id else key.alias_digest(subject, value)
            if one := held.get((subject, SuppressionKind(kind), fingerprint, digest)):
                is_alone = one.kind is SuppressionKind.ALONE
                request = Request(subject, natural_id, alias, one.until, is_alone=is_alone)
                found.setdefault((subject, kind, value), request)
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
