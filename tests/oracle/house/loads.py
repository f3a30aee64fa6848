"""One feed, load by load: what each load judged, what stands, what waits, what was given up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.contract_language import Rows, Unit, check
from tests.oracle.house.merging import ACCEPTED, Stands
from tests.oracle.house.terms import Place, Terms, Values, terms_of

Document = Mapping[str, Any]
Content = bytes | Rows
NOT_READ = frozenset({"unreadable", "too_deep", "too_large"})
QUARANTINED = frozenset({"unreadable", "violation", "conflict"})


@dataclass(frozen=True)
class Judged:
    """A unit as one load judged it."""

    place: Place
    verdict: str
    codes: tuple[str, ...]
    control_minor: int | None
    closes: Place | None


@dataclass(frozen=True)
class Waits:
    """A unit in quarantine."""

    codes: tuple[str, ...]
    control_minor: int | None
    judged_load: int
    discarded_by: int | None = None


@dataclass
class Opened:
    """A unit that was accepted, until something puts an end to it; a rebuild may open it again."""

    place: Place
    load: int
    values: Values
    control_minor: int
    closed_by: int | None = None


@dataclass
class Kept:
    """All of one dataset."""

    judged: dict[int, list[Judged]] = field(default_factory=dict)
    """By load."""
    taken: dict[int, list[Waits]] = field(default_factory=dict)
    """By load, what waited or stood and was judged again."""
    rebuilt: set[int] = field(default_factory=set)
    """Loads that took up what stood."""
    opened: list[Opened] = field(default_factory=list)
    """In order of loads."""
    quarantine: dict[Place, Waits] = field(default_factory=dict)
    stands: Stands = field(default_factory=Stands)

    def standing(self, last_load: int | None = None) -> dict[Place, Opened]:
        """Now, or when that load was the last one."""
        return {
            one.place: one
            for one in self.opened
            if (last_load is None or one.load <= last_load)
            and (one.closed_by is None or (last_load is not None and one.closed_by > last_load))
        }

    def waiting(self) -> dict[Place, Waits]:
        return {place: unit for place, unit in self.quarantine.items() if unit.discarded_by is None}

    def close(self, place: Place, load: int) -> Opened:
        """Puts an end to what stands there."""
        one = next(one for one in reversed(self.opened) if one.place == place and one.closed_by is None)
        one.closed_by = load
        return one


@dataclass(frozen=True)
class Wanted:
    """What a rebuild takes up: records that these loads brought, None for all, and that are not `gone`."""

    loads: frozenset[int] | None = None
    gone: frozenset[tuple[int, int, int]] = frozenset()

    def is_meant(self, place: Place) -> bool:
        return self.loads is None or place.load in self.loads

    def lacks(self, source: tuple[int, int]) -> bool:
        """Whether bytes of the file are gone."""
        return any(record[:2] == source for record in self.gone)


class FeedHouse:
    """What the loads of one feed have come to, in order of their numbers."""

    def __init__(self) -> None:
        self.datasets: dict[str, Kept] = {}
        self.terms: dict[str, Terms] = {}
        self.loads: set[int] = set()
        self._files: dict[tuple[int, int], Content] = {}
        self._checked: dict[tuple[int, int, str], dict[str, list[Unit]]] = {}

    def read(self, load: int, document: Document, files: Sequence[Content]) -> None:
        """New files, in the order in which the load has them."""
        self._begin(load, document)
        for source, content in enumerate(files):
            self._files[load, source] = content
        self._judge(load, document, {(load, source) for source in range(len(files))}, lambda *_: True)

    def replay(self, load: int, document: Document, wanted: Mapping[str, Any]) -> None:
        """What waits is judged anew, under another contract and beside what stands by now."""
        self._begin(load, document)
        waiting = {
            (dataset, place): unit
            for dataset, kept in self.datasets.items()
            for place, unit in kept.waiting().items()
            if _is_wanted(dataset, place, unit, wanted)
        }
        unread = {place[:3] for (_, place), unit in waiting.items() if NOT_READ & set(unit.codes)}
        sources = {(place.load, place.source) for _, place in waiting}
        judged = self._judge(
            load,
            document,
            sources,
            # A record that cannot be read any more is no unit that waits, unless it stood for one.
            lambda dataset, unit, place: (
                place[:3] in unread or (unit.verdict != "unreadable" and (dataset, place) in waiting)
            ),
        )
        for (dataset, place), unit in waiting.items():
            # What today's contract does not find any more goes on waiting.
            if place[:3] in unread or (dataset, place) in judged:
                kept = self.datasets[dataset]
                kept.taken.setdefault(load, []).append(unit)
                if kept.quarantine[place].judged_load != load:
                    del kept.quarantine[place]

    def discard(self, load: int, wanted: Mapping[str, Any]) -> None:
        """What waits is given up."""
        self.loads.add(load)
        for dataset, kept in self.datasets.items():
            for place, unit in kept.waiting().items():
                if _is_wanted(dataset, place, unit, wanted):
                    kept.quarantine[place] = Waits(unit.codes, unit.control_minor, unit.judged_load, load)

    def rebuild(self, load: int, document: Document, wanted: Wanted) -> None:
        """What stands and comes out otherwise under this contract is closed, and judged beside what else stands."""
        changed = self.outdated(document, wanted)
        self._begin(load, document)
        for dataset, units in changed.items():
            kept = self.datasets[dataset]
            kept.rebuilt.add(load)
            ended = [kept.close(place, load) for place in units]
            kept.taken[load] = [Waits((), one.control_minor, one.load) for one in ended]
            kept.stands.leave([one.place for one in ended])
            self._keep(load, self.terms[dataset], units)

    def outdated(self, document: Document, wanted: Wanted) -> dict[str, dict[Place, Unit]]:
        """By dataset, the units that stand and come out otherwise, as they come out.

        Those that the contract does not find, that lie in what it cannot read, or whose bytes are gone, stay.
        """
        needs_file = any("groupBy" in str(item.get("customProperties")) for item in document["schema"])
        found = {}
        for dataset in terms_of(document):
            standing = self.datasets[dataset].standing() if dataset in self.datasets else {}
            found[dataset] = {
                place: unit
                for source in {(place.load, place.source) for place in standing if wanted.is_meant(place)}
                if not (needs_file and wanted.lacks(source))
                for unit in self._units(source, document)[dataset]
                if unit.verdict != "unreadable"
                and (place := Place(*source, unit.line, unit.unit)) in standing
                and place[:3] not in wanted.gone
                and (unit.verdict != ACCEPTED or unit.values != standing[place].values)
            }
        return found

    def _begin(self, load: int, document: Document) -> None:
        self.loads.add(load)
        self.terms = terms_of(document)
        for dataset in self.terms:
            self.datasets.setdefault(dataset, Kept()).judged[load] = []

    def _judge(
        self,
        load: int,
        document: Document,
        sources: set[tuple[int, int]],
        is_meant: Callable[[str, Unit, Place], bool],
    ) -> set[tuple[str, Place]]:
        """Judges the meant units of these files; which those are."""
        units = [
            (dataset, Place(*source, unit.line, unit.unit), unit)
            for source in sources
            for dataset, found in self._units(source, document).items()
            for unit in found
        ]
        units = [one for one in units if is_meant(one[0], one[2], one[1])]
        for dataset, terms in self.terms.items():
            own = {place: unit for name, place, unit in units if name == dataset}
            self._keep(load, terms, own)
        return {(dataset, place) for dataset, place, _ in units}

    def _units(self, source: tuple[int, int], document: Document) -> dict[str, list[Unit]]:
        known = (*source, json.dumps(document, sort_keys=True))
        if known not in self._checked:
            self._checked[known] = check(document, {"file": self._files[source]})
        return self._checked[known]

    def _keep(self, load: int, terms: Terms, units: Mapping[Place, Unit]) -> None:
        kept = self.datasets[terms.name]
        sound = [(place, unit.values) for place, unit in units.items() if unit.verdict == ACCEPTED]
        merged = kept.stands.merged(terms, sound)
        for place, unit in sorted(units.items()):
            control = unit.control.minor if unit.control else None
            verdict, codes, closes = unit.verdict, unit.codes, None
            if place in merged:
                verdict, code, closes = merged[place]
                codes = (code,) if code else ()
            kept.judged[load].append(Judged(place, verdict, tuple(sorted(codes)), control, closes))
            if verdict == ACCEPTED:
                kept.opened.append(Opened(place, load, unit.values, control or 0))
            if closes:
                kept.close(closes, load)
            if verdict in QUARANTINED:
                kept.quarantine[place] = Waits(tuple(sorted(codes)), control, load)


def _is_wanted(dataset: str, place: Place, unit: Waits, wanted: Mapping[str, Any]) -> bool:
    return (
        wanted.get("dataset") in {None, dataset}
        and (wanted.get("code") is None or wanted["code"] in unit.codes)
        and wanted.get("load_seq") in {None, place.load}
    )
