"""Records taken out of the files that they came in: landed, archived, and mirrored ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from tillage.contracts.project import Mirror
from tillage.domain.load import Lease, SourceFile
from tillage.pipelines.house import FeedContract, House, erasing_of
from tillage.pipelines.mirror import rewrite_mirrored
from tillage.pipelines.record_places import places_in
from tillage.ports.lake import Rows
from tillage.ports.scrubbing import Rewrite, Wanted


def scrub_files(house: House, contract: FeedContract, places: Rows, lease: Lease) -> None:
    """Takes the records out of every file of the feed that lies in its folder or in the archive.

    Args:
        places: `load_seq, source, ordinal`.
    """
    feed = contract.feed
    by_source: dict[tuple[int, int], list[int]] = {}
    for load_seq, source, ordinal in places_in(places):
        by_source.setdefault((load_seq, source), []).append(ordinal)
    if not by_source:
        return
    wanted = _wanted(house, feed.name, by_source, _spans(house, feed.name, places))
    done = erasing_of(house).scrubbing.scrub(feed, wanted, partial(_note, house, feed.name, lease))
    if done.rewritten:
        house.say(f"feed {feed.name}: records taken out of {len(done.rewritten):,} files")
    for one in done.left:
        house.say(one)
    if Mirror.FILES in feed.mirror:
        rewrite_mirrored(house, contract, by_source, lease)


def came_back(house: House, feed: str, known: Collection[SourceFile]) -> list[SourceFile]:
    """Those of some files at the door, known by path and digest, from which records were taken: as they were before."""
    if house.erasing is None or not known:
        return []
    before = {(one.path, one.before) for one in house.erasing.erasures.rewrites(feed)}
    return [source for source in known if (source.path, source.digest) in before]


def scrub_again(house: House, contract: FeedContract, files: Collection[SourceFile], lease: Lease) -> None:
    """Takes out of them what was taken out before."""
    if not files:
        return
    erasures, feed = erasing_of(house).erasures, contract.feed.name
    meant = {source.path for source in files}
    places = [place for place, (path, _, _) in erasures.sources(feed).items() if path in meant]
    bronze = house.lake.bronze(feed).snapshot()
    scrub_files(house, contract, erasing_of(house).records.erased(bronze, places, erasures.erase_loads(feed)), lease)


def _note(house: House, feed: str, lease: Lease, rewrites: Iterable[Rewrite]) -> None:
    erasing_of(house).erasures.note_rewrites(feed, list(rewrites), lease)


def _spans(house: House, feed: str, places: Rows) -> dict[tuple[int, int], dict[int, tuple[int, int]]]:
    """By load and file offset and length of each record."""
    rows = erasing_of(house).records.spans(house.lake.bronze(feed).snapshot(), places)
    found: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}
    for load_seq, source, ordinal, offset, size_bytes in places_in(rows, "offset", "size_bytes"):
        found.setdefault((load_seq, source), {})[ordinal] = (offset, size_bytes)
    return found


def _wanted(
    house: House,
    feed: str,
    by_source: Mapping[tuple[int, int], list[int]],
    spans: Mapping[tuple[int, int], Mapping[int, tuple[int, int]]],
) -> dict[str, list[Wanted]]:
    erasures = erasing_of(house).erasures
    became: dict[tuple[str, str], list[str]] = {}
    for one in erasures.rewrites(feed):
        became.setdefault((one.path, one.before), []).append(one.after)
    sources, wanted = erasures.sources(feed), dict[str, list[Wanted]]()
    for place, ordinals in by_source.items():
        path, digest, form = sources[place]
        digests, to_see = {digest}, [digest]
        while to_see:
            fresh = [one for one in became.get((path, to_see.pop()), ()) if one not in digests]
            digests.update(fresh)
            to_see += fresh
        wanted.setdefault(path, []).append(Wanted(frozenset(digests), sorted({*ordinals}), form, spans[place]))
    return wanted
