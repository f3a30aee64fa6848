"""What `mirror` of a feed asks for: files and tables outside of the lake, equal to what stands after each load.

Tables change in the transaction that publishes a load, so readers of both see the same loads. Files follow it, each
moved into place whole, before the load is sealed: a load that was stopped in between is open, and whoever finishes it
writes them again. What is asked for and not there yet, or not in this way, is made anew from silver and bronze.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import pyarrow as pa

from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.mirror import (
    MirrorTable,
    file_name,
    files_digest,
    mirror_tables,
    tables_digest,
)
from tillage.contracts.project import Feed, Mirror
from tillage.domain.load import Lease, Load
from tillage.errors import MirrorError, TransientError
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.models import sync_models
from tillage.ports.engine import Workspace
from tillage.ports.lake import Rows, Silver
from tillage.ports.mirror import Digests, LeftOut, TableChange

_TRIES = 10
_UNDER_WAY = ""
"""Instead of a digest: files are being made or removed."""


def sync_mirrors(house: House, contract: FeedContract, lease: Lease) -> None:
    """What is kept equal of the feed is what the project asks for today; of other feeds the tables are, too.

    Raises:
        MirrorError: something does not fit, or cannot be written.
    """
    if contract.feed.mirror or any(feed == contract.feed.name for feed, _ in house.mirrors.kept()):
        sync_tables(house)
        _sync_files(house, contract, lease)


def sync_tables(house: House) -> None:
    """Makes the tables of all feeds anew, if those that are there were asked for otherwise.

    Raises:
        MirrorError: something does not fit.
        TransientError: loads are published all the time.
    """
    wanted = {place: digest for place, digest in _asked(house).items() if place[1] is Mirror.TABLES}
    if wanted == {place: digest for place, digest in house.mirrors.kept().items() if place[1] is Mirror.TABLES}:
        return
    tables = _tables(house)
    house.say(f"mirror: {len(tables)} tables made anew" if tables else "mirror: its tables are dropped")
    for _ in range(_TRIES):
        published = house.ledger.published()
        with ExitStack() as stack:
            left_out = house.mirrors.replace(wanted, tables, partial(_all_rows, house, stack, published), published)
        if left_out is not None:
            _say_left_out(house, left_out)
            return
    raise TransientError("mirror: loads are published faster than its tables can be made; run again")


def _say_left_out(house: House, left_out: Collection[LeftOut]) -> None:
    for one in left_out:
        house.say(
            f"mirror: the foreign key of {one.table} to {one.to} is left out, since {one.rows:,} rows refer to what "
            "does not stand; once they do no more: tillage rebuild --mirror"
        )


def _all_rows(house: House, stack: ExitStack, published: Mapping[str, int], table: MirrorTable) -> Rows:
    stack.pop_all().close()  # the rows of the table before are drawn
    _, dataset = house.dataset(table.dataset)
    return stack.enter_context(house.mirror_source.table_rows(dataset, house.visible(dataset.name, published)))(table)


def _sync_files(house: House, contract: FeedContract, lease: Lease) -> None:
    feed = contract.feed
    kept = house.mirrors.kept().get((feed.name, Mirror.FILES))
    wanted = _asked(house).get((feed.name, Mirror.FILES))
    if kept == wanted and (wanted is None or house.processed.is_there(feed)):
        return
    # From here on they are neither what was asked for nor what is, whoever looks.
    house.mirrors.note(feed.name, _UNDER_WAY, lease)
    house.processed.clear(feed, is_ours=partial(house.leases.check, lease))
    if wanted is None:
        house.mirrors.note(feed.name, None, lease)
        house.say(f"feed {feed.name}: its files in processed are removed")
        return
    house.say(f"feed {feed.name}: its files in processed are made anew")
    with _files(house, contract, house.ledger.all_paths(feed.name), house.ledger.published()) as (names, records):
        house.processed.put(feed, names, records, is_ours=partial(house.leases.check, lease))
    house.mirrors.note(feed.name, wanted, lease)


def mirror_files(house: House, load: Load, workspace: Workspace, lease: Lease) -> None:
    """Writes every file anew of which the load has opened or closed a unit, and those that it brought.

    Raises:
        LeaseLostError: another process took over; it will finish the load.
        MirrorError, TransientError: they cannot be written; the load stays open.
    """
    contract = house.feeds[load.feed]
    if Mirror.FILES not in contract.feed.mirror:
        return
    touched = workspace.touched_files()
    places = {*zip(touched["load_seq"].to_pylist(), touched["source"].to_pylist(), strict=True)}
    places |= {(load.load_seq, source.source) for source in load.sources}
    if places:
        rewrite_mirrored(house, contract, places, lease)


def rewrite_mirrored(house: House, contract: FeedContract, places: Collection[tuple[int, int]], lease: Lease) -> None:
    """Writes the files anew that belong to these, a load and a number in it each."""
    found = house.ledger.same_paths(contract.feed.name, places)
    with _files(house, contract, found, house.ledger.published()) as (names, records):
        house.processed.put(contract.feed, names, records, is_ours=partial(house.leases.check, lease))


@contextmanager
def _files(
    house: House, contract: FeedContract, found: Collection[tuple[int, int, str]], published: Mapping[str, int]
) -> Iterator[tuple[list[str], Rows]]:
    """Names of files, and the records of them that stand; `found` are load, number in it and path."""
    feed = contract.feed
    names = sorted({file_name(feed, path) for _, _, path in found})
    number = {name: place for place, name in enumerate(names)}
    places = pa.table(
        {
            "file": pa.array([number[file_name(feed, path)] for _, _, path in found], pa.int64()),
            "load_seq": pa.array([load for load, _, _ in found], pa.int64()),
            "source": pa.array([source for _, source, _ in found], pa.int32()),
        }
    )
    datasets = contract.check.contract.datasets
    silver = {dataset.name: house.silver(feed.name, dataset, published) for dataset in datasets}
    bronze = house.lake.bronze(feed.name).snapshot()
    erased_by = house.erasing.erasures.erase_loads(feed.name) if house.erasing else []
    with house.mirror_source.records(
        bronze, silver, datasets, places, erased_by=erased_by, people=house.vault
    ) as records:
        yield names, records


def table_changes(house: House, load: Load, datasets: Sequence[Dataset], workspace: Workspace) -> Iterator[TableChange]:
    """What the load changes in the tables of each of its datasets, one after the other; after silver has its rows."""
    if Mirror.TABLES not in house.feeds[load.feed].feed.mirror:
        return
    tables = _tables(house)
    for dataset in datasets:
        mine = [table for table in tables if table.dataset == dataset.name]
        silver = Silver(house.silver_table(load.feed, house.dataset(dataset.name)[1]).snapshot(), load.load_seq)
        yield workspace.table_change(mine, silver)


def rebuild_mirrors(house: House, *, wait_s: float) -> None:
    """Makes everything that is mirrored anew, whatever there is.

    Raises:
        LeaseHeldError: a run works on a feed for longer than `wait_s`.
    """
    house.mirrors.forget()
    for contract in house.feeds.values():
        with house.leases.hold(f"feed/{contract.feed.name}", wait_s=wait_s, on_wait=house.say) as lease:
            refuse_renamed(house)
            sync_models(house)
            sync_mirrors(house, contract, lease)


def with_foreign_keys(house: House, publish: Callable[[], None]) -> None:
    """Publishes without the foreign keys that what is decided already does not fulfil: who referred to a unit between
    the judgement of a rebuild and its publishing.

    Raises:
        MirrorError: something else does not fit.
    """
    while True:
        try:
            return publish()
        except MirrorError as wrong:
            if wrong.foreign_key is None:
                raise
            table, _ = wrong.foreign_key
            house.say(
                f"mirror: a foreign key of {table} is left out, since rows refer to what does not stand; once they do "
                "no more: tillage rebuild --mirror"
            )
            house.mirrors.leave_out(wrong.foreign_key)


def digests_of(house: House, feed: str) -> dict[Mirror, str]:
    """How what is mirrored of a feed is asked for."""
    return {kind: digest for (one, kind), digest in _asked(house).items() if one == feed}


def mirror_findings(house: House, published: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """What is kept equal and is not, and where. What the next run makes anew is not looked at."""
    kept, asked = house.mirrors.kept(), _asked(house)
    is_same = {place for place, digest in asked.items() if kept.get(place) == digest}
    for table in _tables(house):
        feed, dataset = house.dataset(table.dataset)
        if (feed, Mirror.TABLES) not in is_same:
            continue
        try:
            with house.mirrors.rows(table) as rows:
                differ = house.mirror_source.differing(table, rows, dataset, house.visible(dataset.name, published))
        except MirrorError:
            yield "a mirrored table is not there, or has other columns", f"table mirror.{table.name}"
            continue
        if differ:
            yield "a mirrored table is not what stands in silver", f"table mirror.{table.name}: {differ} rows differ"
    for name, contract in house.feeds.items():
        if (name, Mirror.FILES) not in is_same or house.ledger.open_load(name):
            continue  # an open load may have them still to write
        with _files(house, contract, house.ledger.all_paths(name), published) as (names, records):
            for file in house.processed.differing(contract.feed, names, records):
                yield "a file in processed is not what stands of the landed one", f"feed {name}: {file}"


def _tables(house: House) -> tuple[MirrorTable, ...]:
    return mirror_tables(_described(house))


def _described(house: House) -> list[tuple[Feed, Contract]]:
    return [(one.feed, one.check.contract) for one in house.feeds.values()]


def _asked(house: House) -> Digests:
    """Tables refer to each other across feeds, so those of all have one digest."""
    every = tables_digest(_tables(house))
    found = {}
    for feed in (one.feed for one in house.feeds.values()):
        if Mirror.TABLES in feed.mirror:
            found[feed.name, Mirror.TABLES] = every
        if Mirror.FILES in feed.mirror:
            found[feed.name, Mirror.FILES] = files_digest(feed, house.feeds[feed.name].check.contract)
    return found
