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

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tillage.domain.load import Lease, Load, LoadKind, LoadState
from tillage.errors import ErasureOpenError
from tillage.pipelines.belonging import refuse_torn_history
from tillage.pipelines.emptying import empty_records
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import finish_open
from tillage.pipelines.mirror import sync_mirrors
from tillage.pipelines.models import sync_models
from tillage.pipelines.proof import prove
from tillage.pipelines.requests import Doubt, Request, Resolved, asked_by_feeds, erasures_of, resolve
from tillage.pipelines.scrub import scrub_files
from tillage.ports.erasing import Erasure, Notes, Person, Suppression
from tillage.ports.lake import Rows

LEASE = "erasures"
_PLACES = pa.schema([("load_seq", pa.int64()), ("source", pa.int32()), ("ordinal", pa.int64())])


@dataclass(frozen=True)
class Erased:
    """What one sweep did."""

    erasure: int
    people: int
    receipt: dict[str, Any]
    doubts: tuple[Doubt, ...] = ()


def erase(house: House, requests: Iterable[Request], *, wait_s: float) -> list[Erased]:
    """Erases all who ask, in one sweep, after the one that is still open.

    Raises:
        OperatorError: no contract is about such people, or a request says nothing.
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
        ErasureOpenError: something of them was found at the end; names the places.
    """
    erasures = erasures_of(house)
    refuse_renamed(house)
    done = []
    with house.leases.hold(LEASE, wait_s=wait_s, on_wait=house.say) as lease:
        if (notes := _under_way(house)) is not None:
            done.append(_go_on(house, notes, lease, wait_s=wait_s))
        wanted = list(requests)
        if not wanted:
            return done
        with ExitStack() as leases:
            held = [lease, *_all_feeds(house, leases, wait_s)]
            found = resolve(house, wanted)
            for doubt in found.doubts:
                house.say(_said(house, doubt))
            if not found.people:
                return done
            notes = Notes(erasures.number(), list(found.people), list(found.personal))
            house.journal.keep(notes)
            erasures.begin(notes.erasure, suppressions(house, notes.people), notes.people, held)
        done.append(_go_on(house, notes, lease, wait_s=wait_s, doubts=found.doubts))
    return done


def erase_due(house: House, *, wait_s: float) -> list[Erased]:
    """Goes on with what is open, and does what feeds have brought requests for."""
    if house.erasures is None:
        return []
    requests = asked_by_feeds(house)
    is_left = house.journal.notes() is not None  # also of one that is proved: who proved it died
    if not requests and not is_left and not any(one.state == "open" for one in house.erasures.all()):
        return []
    return erase(house, requests, wait_s=wait_s)


def plan_erasure(house: House, requests: Iterable[Request]) -> Resolved:
    """Whom the requests mean, as of now; changes nothing."""
    return resolve(house, requests)


def suppressions(house: House, people: Sequence[Person]) -> list[Suppression]:
    """How it is kept that they do not come back: by id, where there is one."""
    if house.vault is None:
        return []
    key = house.vault.keys().suppression[0]
    found = []
    for person in people:
        until = person.until or house.now()
        if person.natural_id:
            digest = key.id_digest(person.subject, person.natural_id)
            found.append(Suppression(person.subject, False, key.fingerprint, digest, until))
        else:
            found += [
                Suppression(person.subject, True, key.fingerprint, key.alias_digest(person.subject, alias), until)
                for alias in person.aliases
            ]
    return found


def _said(house: House, doubt: Doubt) -> str:
    where = ""
    if doubt.place:
        dataset, load_seq, source, ordinal = doubt.place
        path = house.ledger.paths(load_seq).get(source, "")
        where = f" of {dataset} in {path}, line {ordinal},"
    return f"a request{where} waits for a person to decide: {doubt.reason}; tillage erase run --subject KIND --id ID"


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


def _under_way(house: House) -> Notes | None:
    """The notes of the erasure that is open; those of one that never began, or is done, are dropped.

    Raises:
        ErasureOpenError: the notes are not there.
    """
    is_open = {one.erasure for one in erasures_of(house).all() if one.state == "open"}
    notes = house.journal.notes()
    if notes is not None and notes.erasure in is_open:
        return notes
    if is_open:
        raise ErasureOpenError(
            f"erasure {min(is_open)} is not finished, and its notes are not in safe/: put erasure.json back there, or "
            "ask for the same people again: tillage erase run"
        )
    if notes is not None:
        house.journal.drop()
    return None


def _go_on(house: House, notes: Notes, lease: Lease, *, wait_s: float, doubts: tuple[Doubt, ...] = ()) -> Erased:
    erasures = erasures_of(house)
    house.journal.add(notes.erasure, suppressions(house, notes.people))
    house.say(f"erasure {notes.erasure}: {len(notes.people):,} people")
    for contract in house.feeds.values():
        feed = contract.feed.name
        if not contract.check.contract.has_people or feed in erasures.done_feeds(notes.erasure):
            continue
        with house.leases.hold(f"feed/{feed}", wait_s=wait_s, on_wait=house.say) as of_feed:
            _settle(house, contract, of_feed)
            _erase_from(house, contract, notes, of_feed)
    erasures.forget_people(notes.people, lease)
    receipt = prove(house, notes, lease)
    house.journal.drop()
    house.say(f"erasure {notes.erasure}: nothing was found of {len(notes.people):,} people; see: tillage erase receipt")
    return Erased(notes.erasure, len(notes.people), receipt, doubts)


def _erase_from(house: House, contract: FeedContract, notes: Notes, lease: Lease) -> None:
    """One feed."""
    feed, now = contract.feed.name, contract.check.contract
    places = _find(house, contract, notes)
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
    scrub_files(house, contract, places, lease)
    erasures_of(house).give_up_waiting(load, lease, places)


def _find(house: House, contract: FeedContract, notes: Notes) -> Rows:
    """Places of all records about them; noted, with what else these say of them, before anything is taken away."""
    feed = contract.feed.name
    places, personal = find_records(house, contract, notes.people)
    places |= {*notes.places.get(feed, [])}
    notes.places[feed], notes.personal = sorted(places), sorted({*notes.personal, *personal})
    house.journal.keep(notes)
    columns = list(zip(*sorted(places), strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, _PLACES, strict=True)], _PLACES)


def find_records(
    house: House, contract: FeedContract, people: Sequence[Person]
) -> tuple[set[tuple[int, int, int]], set[tuple[int, str]]]:
    """Load, number of the file in it and ordinal of each record of a feed that is about them, with or without a unit
    that stands; and what of them is personal, by number of the person.
    """
    feed = contract.feed.name
    bronze = house.lake.bronze(feed).snapshot()
    by_contract: dict[str, list[Load]] = {}
    for load in house.ledger.loads():
        if load.feed == feed and load.state is LoadState.SEALED and load.kind in _WITH_RECORDS:
            by_contract.setdefault(load.contract_digest, []).append(load)
    places: set[tuple[int, int, int]] = set()
    personal: set[tuple[int, str]] = set()
    for digest, loads in by_contract.items():
        check = house.compile(feed, house.ledger.text(digest))
        folders = {place: found for load in loads for place, found in house.folders(load).items()}
        found = house.records.find(check, bronze, [load.load_seq for load in loads], people, folders)
        places |= _rows(found.places)
        personal |= {*found.personal}
    published = house.ledger.published()
    datasets = {one.name: (one, house.silver(feed, one, published)) for one in contract.check.contract.datasets}
    keys = [person.subject_key for person in people if person.subject_key]
    return places | _rows(house.records.standing(datasets, keys)), personal


_WITH_RECORDS = (LoadKind.READ, LoadKind.REPLAY, LoadKind.RELEASE, LoadKind.REBUILD)


def _rows(places: Rows) -> set[tuple[int, int, int]]:
    columns = (places.column(name).to_pylist() for name in _PLACES.names)
    return {*zip(*columns, strict=True)}


def all_erasures(house: House) -> list[Erasure]:
    """In order."""
    return [] if house.erasures is None else house.erasures.all()
