"""`tillage erase`: people leave everything, and a signed receipt says by which search nothing of them was found.

1. begin: under the leases of all feeds, once every load that began before is sealed. Who it is goes into notes in the
   safe, and nowhere else. One commit to the store says who does not come back, and no id leads to the keys that they
   had; the journal, which lies apart from the data, says so too.
2. each feed, under its lease, as a load of kind erase: the records are found, and noted; bronze is fenced, loses their
   bytes in one commit, and the files that held them; landed and archived files are scrubbed; mirrored files are made
   anew; what waits in quarantine of them is given up. The load that is sealed says that the feed is done.
3. the vault forgets them, and the store's files and its log are rewritten.
4. everything is searched. What is found keeps the erasure open, and is named.
5. The receipt is signed and kept, and the notes are deleted last.

Stopped anywhere, the next one goes on with it: each step can be repeated, and the notes say whom it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tillage.contracts.environments import Environment
from tillage.domain.load import Lease, Load, LoadKind, LoadState
from tillage.errors import ErasureOpenError, OperatorError
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.emptying import empty_records
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import FeedContract, House, erasing_of
from tillage.pipelines.load import finish_open
from tillage.pipelines.mirror import sync_mirrors
from tillage.pipelines.models import sync_models
from tillage.pipelines.proof import prove
from tillage.pipelines.record_places import RecordPlace, places_in, rows_of
from tillage.pipelines.requests import Doubt, Request, Resolved, asked_by_feeds, resolve
from tillage.pipelines.scrub import scrub_files
from tillage.ports.erasing import Erasure, Notes, Person, Suppression, SuppressionKind
from tillage.ports.lake import Rows
from tillage.ports.store import Waiting

LEASE = "erasures"


@dataclass(frozen=True)
class Erased:
    """What one sweep did."""

    erasure: int
    people: int
    receipt: dict[str, Any]
    doubts: tuple[Doubt, ...] = ()


def erase(
    house: House, requests: Iterable[Request], *, wait_s: float, accepted: Mapping[str, str] | None = None
) -> list[Erased]:
    """Erases all who ask, in one sweep, and goes on with those that are still open.

    Args:
        accepted: By place, as an ErasureOpenError has named it, why what was found there may stay.

    Raises:
        OperatorError: no contract is about such people, or a request says nothing.
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
        ErasureOpenError: something of them was found at the end; names the places. All others are erased.
    """
    of = erasing_of(house)
    refuse_renamed(house)
    refuse_shared_folders(house)
    wanted = list(requests)
    doubts: tuple[Doubt, ...] = ()
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        under_way = _under_way(house)
        if wanted:
            with ExitStack() as leases:
                held = [lease, *_all_feeds(house, leases, wait_s)]
                found = resolve(house, wanted)
                doubts = found.doubts
                for doubt in doubts:
                    house.say(said_of(house, doubt))
                if found.people:
                    people = list(found.people)
                    kept_out = [suppressions(house, person) for person in people]
                    notes = Notes(of.erasures.number(), people, kept_out, list(found.personal))
                    of.journal.keep(notes)
                    of.erasures.begin(notes.erasure, notes.every_suppression(), people, held)
                    of.journal.add(notes.erasure, notes.every_suppression())
                    under_way.append(notes)
        return _all(house, under_way, lease, wait_s=wait_s, accepted=accepted or {}, doubts=doubts)


def _all(
    house: House,
    under_way: Sequence[Notes],
    lease: Lease,
    *,
    wait_s: float,
    accepted: Mapping[str, str],
    doubts: tuple[Doubt, ...],
) -> list[Erased]:
    """One that cannot end holds up no other."""
    done, wrong = [], None
    for notes in under_way:
        notes.accepted |= accepted
        try:
            done.append(_go_on(house, notes, lease, wait_s=wait_s, doubts=doubts if notes is under_way[-1] else ()))
        except ErasureOpenError as found:
            house.say(str(found))
            wrong = wrong or found
    if wrong:
        raise wrong
    return done


def refuse_shared_folders(house: House) -> None:
    """No file is scrubbed that another environment reads, to which it would be new.

    Raises:
        OperatorError: one reads the files of a feed about people from the same folder.
    """
    here = house.project.environment
    others = [one for one in (Environment(), *house.project.environments) if one.name != here.name]
    for other in others:
        for contract in house.feeds.values():
            name = contract.feed.name
            if contract.check.contract.has_people and other.paths.get(name) == here.paths.get(name):
                raise OperatorError(
                    f"environment {other.name} reads the files of feed {name} from the same folder, so nothing of them "
                    "can be taken out for one of both: give it a folder of its own (environments, paths), and erase in "
                    "each"
                )


def erase_due(house: House, *, wait_s: float) -> list[Erased]:
    """Goes on with what is open, and does what feeds have brought requests for."""
    of = house.erasing
    if of is None:
        return []
    requests = asked_by_feeds(house)
    is_left = bool(of.journal.notes())  # also of one that is proved: who proved it died
    if not requests and not is_left and "open" not in of.erasures.states().values():
        return []
    return erase(house, requests, wait_s=wait_s)


def plan_erasure(house: House, requests: Iterable[Request]) -> Resolved:
    """Whom the requests mean, as of now; changes nothing."""
    return resolve(house, requests)


def suppressions(house: House, person: Person) -> list[Suppression]:
    """How it is kept that somebody does not come back: by id, where there is one, and by what else is theirs alone."""
    key = erasing_of(house).vault.keys().suppression[0]
    until, subject = person.until or house.now(), person.subject
    kind = SuppressionKind.ALONE if person.natural_id or person.is_alone else SuppressionKind.ALIAS
    digests = [(kind, key.alias_digest(subject, alias)) for alias in person.own_aliases]
    if person.natural_id:
        digests.insert(0, (SuppressionKind.ID, key.id_digest(subject, person.natural_id)))
    return [Suppression(subject, of_kind, key.fingerprint, digest, until) for of_kind, digest in digests]


def said_of(house: House, doubt: Doubt) -> str:
    """What a person is told of a request that nobody else can decide about."""
    where = ""
    if doubt.place:
        dataset, load_seq, source, ordinal = doubt.place
        path = house.ledger.paths(load_seq).get(source, "")
        where = f" of {dataset} in {path}, line {ordinal},"
    return (
        f"a request{where} waits for a person to decide: {doubt.reason}. Once you know: tillage erase run --from -, "
        "with the id alone"
    )


def _all_feeds(house: House, leases: ExitStack, wait_s: float) -> list[Lease]:
    """The leases of all feeds, with no load open in any."""
    held = []
    for contract in house.feeds.values():
        feed = contract.feed.name
        held.append(leases.enter_context(house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say)))
        _settle(house, contract, held[-1])
    return held


def _settle(house: House, contract: FeedContract, lease: Lease) -> None:
    refuse_renamed(house)
    refuse_torn_history(house, contract.feed.name)
    sync_models(house)
    sync_mirrors(house, contract, lease)
    finish_open(house, contract.feed.name, lease)


def _under_way(house: House) -> list[Notes]:
    """The notes of erasures that are open; those of one that never began, or is done, are dropped.

    Raises:
        ErasureOpenError: the notes are not there.
    """
    of = erasing_of(house)
    is_open = {number for number, state in of.erasures.states().items() if state == "open"}
    found = []
    for notes in of.journal.notes():
        if notes.erasure in is_open:
            found.append(notes)
        else:
            of.journal.add_proved(notes.erasure)
            of.journal.drop(notes.erasure)
    if lost := is_open - {notes.erasure for notes in found}:
        raise ErasureOpenError(
            f"erasure {min(lost)} is not finished, and its notes are not in safe/: put erasure-{min(lost)}.json back "
            "there; or have its people found again by the journal: tillage erase reapply"
        )
    return found


def _go_on(house: House, notes: Notes, lease: Lease, *, wait_s: float, doubts: tuple[Doubt, ...]) -> Erased:
    of = erasing_of(house)
    of.journal.keep(notes)
    of.journal.add(notes.erasure, notes.every_suppression())
    house.say(f"erasure {notes.erasure}: {len(notes.people):,} people")
    waiting: list[str] = []
    for contract in house.feeds.values():
        feed = contract.feed.name
        if not contract.check.contract.has_people or feed in of.erasures.done_feeds(notes.erasure):
            continue
        with house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say) as of_feed:
            _settle(house, contract, of_feed)
            waiting += _erase_from(house, contract, notes, of_feed)
    if waiting:
        raise ErasureOpenError(
            f"erasure {notes.erasure} is not done: {'; '.join(waiting)}. Take these up or give them up "
            "(tillage quarantine replay, or discard), then: tillage erase run"
        )
    of.erasures.forget_people(notes.people, lease)
    receipt = prove(house, notes, lease)
    of.journal.add_proved(notes.erasure)
    of.journal.drop(notes.erasure)
    house.say(f"erasure {notes.erasure}: nothing was found of {len(notes.people):,} people; see: tillage erase receipt")
    return Erased(notes.erasure, len(notes.people), receipt, doubts)


def _erase_from(house: House, contract: FeedContract, notes: Notes, lease: Lease) -> list[str]:
    """One feed; what keeps it from being done, in words."""
    of = erasing_of(house).erasures
    feed, now = contract.feed.name, contract.check.contract
    places, shared = _find(house, contract, notes)
    load = house.ledger.begin(
        LoadKind.ERASE,
        feed,
        contract_digest=now.digest,
        texts={now.digest: contract.text},
        manifest={"erasure": notes.erasure, "records": places.num_rows},
        lease=lease,
    )
    house.say(f"load {load.load_seq}: {places.num_rows:,} records leave feed {feed}")
    empty_records(house, feed, places, load.load_seq)
    hashed = {one.name: [column.stored_name for column in one.hashed_columns] for one in now.datasets}
    if any(hashed.values()):
        of.keep_hashes(hashed, notes.people, lease)
    scrub_files(house, contract, places, lease)
    if shared:
        house.ledger.void(load, lease)
        return [f"{shared:,} records of feed {feed} also hold units of others, which wait in quarantine"]
    of.give_up_waiting(load, lease, places)
    return []


def _find(house: House, contract: FeedContract, notes: Notes) -> tuple[Rows, int]:
    """Places of all records about them; noted, with what else these say of them, before anything is taken away. Those
    in which others wait are left, and how many they are.
    """
    feed = contract.feed.name
    found = find_records(house, contract, notes.people, before=notes.erasure)
    kept = found.places & others_waiting(house, feed, found.places, found.units)
    places = (found.places - kept) | {*notes.places.get(feed, [])}
    notes.places[feed], notes.personal = sorted(places), sorted({*notes.personal, *found.personal})
    erasing_of(house).journal.keep(notes)
    return rows_of(places), len(kept)


@dataclass(frozen=True)
class Theirs:
    """Records about people: load, number of the file in it, ordinal."""

    places: set[RecordPlace]
    units: set[tuple[int, int, int, str, int | None]]
    """With dataset and unit; None: the record as a whole is theirs."""
    personal: set[tuple[int, str]]
    """As of `FoundRecords`."""


def find_records(
    house: House, contract: FeedContract, people: Sequence[Person], *, before: int | None = None
) -> Theirs:
    """Each record of a feed that is about them, with or without a unit that stands.

    Args:
        before: Only records that loads before this number brought; what came later is of somebody new.
    """
    feed = contract.feed.name
    bronze = house.lake.bronze(feed).snapshot()
    found = Theirs(set(), set(), set())
    for text, loads in loads_by_contract(house, feed):
        check = house.compile(feed, text)
        folders = {place: said for load in loads for place, said in house.folders(load).items()}
        part = erasing_of(house).records.find(check, bronze, [load.load_seq for load in loads], people, folders)
        found.places.update(places_in(part.places))
        found.units.update(places_in(part.units, "dataset", "unit"))
        found.personal.update(part.personal)
    published = house.ledger.published()
    datasets = {one.name: (one, house.silver(feed, one, published)) for one in contract.check.contract.datasets}
    keys = [person.subject_key for person in people if person.subject_key]
    found.places.update(places_in(erasing_of(house).records.standing(datasets, keys)))
    if before is not None:
        found.places.difference_update({place for place in found.places if place[0] >= before})
    return found


def loads_by_contract(house: House, feed: str) -> Iterator[tuple[str, list[Load]]]:
    """The text of each contract that loads of a feed with records were decided under, with these."""
    by_contract: dict[str, list[Load]] = {}
    for load in house.ledger.loads():
        if load.feed == feed and load.state is LoadState.SEALED and load.kind in _WITH_RECORDS:
            by_contract.setdefault(load.contract_digest, []).append(load)
    for digest, loads in by_contract.items():
        yield house.ledger.text(digest), loads


def others_waiting(
    house: House,
    feed: str,
    places: Collection[RecordPlace],
    theirs: Collection[tuple[int, int, int, str, int | None]],
) -> set[RecordPlace]:
    """Those of the records in which a unit waits that is not among `theirs`: it is judged from their bytes one day."""
    whole = {one[:3] for one in theirs if one[4] is None}
    units = {*theirs}
    waiting = places_in(house.ledger.waiting(feed, Waiting()), "dataset", "unit")
    return {one[:3] for one in waiting if one[:3] in places and one[:3] not in whole and one not in units}


_WITH_RECORDS = (LoadKind.READ, LoadKind.REPLAY, LoadKind.RELEASE, LoadKind.REBUILD)


def all_erasures(house: House) -> list[Erasure]:
    """In order."""
    return house.erasing.erasures.all() if house.erasing else []
