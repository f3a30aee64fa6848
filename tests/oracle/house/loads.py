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


@dataclass(frozen=True)
class Opened:
    """A unit that was accepted."""

    load: int
    values: Values
    control_minor: int


@dataclass
class Kept:
    """All of one dataset."""

    judged: dict[int, list[Judged]] = field(default_factory=dict)
    """By load."""
    taken: dict[int, list[Waits]] = field(default_factory=dict)
    """By load, what waited and was judged again."""
    opened: dict[Place, Opened] = field(default_factory=dict)
    closed: dict[Place, int] = field(default_factory=dict)
    """The load that closed it."""
    quarantine: dict[Place, Waits] = field(default_factory=dict)
    stands: Stands = field(default_factory=Stands)

    def standing(self) -> dict[Place, Opened]:
        return {place: unit for place, unit in self.opened.items() if place not in self.closed}

    def waiting(self) -> dict[Place, Waits]:
        return {place: unit for place, unit in self.quarantine.items() if unit.discarded_by is None}


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
            lambda dataset, place: place[:3] in unread or (dataset, place) in waiting,
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
        is_meant: Callable[[str, Place], bool],
    ) -> set[tuple[str, Place]]:
        """Judges the meant units of these files; which those are."""
        units = [
            (dataset, Place(*source, unit.line, unit.unit), unit)
            for source in sources
            for dataset, found in self._units(source, document).items()
            for unit in found
        ]
        units = [one for one in units if is_meant(one[0], one[1])]
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
                kept.opened[place] = Opened(load, unit.values, control or 0)
            if closes:
                kept.closed[closes] = load
            if verdict in QUARANTINED:
                kept.quarantine[place] = Waits(tuple(sorted(codes)), control, load)


def _is_wanted(dataset: str, place: Place, unit: Waits, wanted: Mapping[str, Any]) -> bool:
    return (
        wanted.get("dataset") in {None, dataset}
        and (wanted.get("code") is None or wanted["code"] in unit.codes)
        and wanted.get("load_seq") in {None, place.load}
    )
