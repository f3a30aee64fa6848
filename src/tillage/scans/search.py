"""One search for thousands of texts at once: an automaton finds beginnings, and what each match needs is checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind
from numpy.typing import NDArray

from tillage.ports.scanning import Hit, Identifier, IdentifierKind
from tillage.scans.context import NEAR_BYTES, OTHERS, Match, Places, in_context
from tillage.scans.edges import LOOK_BYTES, holds, number_field
from tillage.scans.forms import Form, Spelling, folded, is_short, spellings

# Of a longer pattern only the beginning is in the automaton, which stays small and in the processor's cache; the rest
# is compared where that matches. 24 bytes are some 20 % slower, and 8 match too often in vain.
_BEGINNING_BYTES = 12
_CODED_BYTES = 24  # of patterns that write a letter with 3 or 6 signs
# A table of all transitions is twice as fast, and takes some 5 KiB a pattern to build and hold.
_MOST_IN_TABLE = 100_000


@dataclass
class _Text:
    """What is searched, for all to whom it belongs."""

    spellings: list[Spelling] = field(default_factory=list)
    owners: list[tuple[int, IdentifierKind]] = field(default_factory=list)
    """Those of whom it is enough."""
    short_of: list[int] = field(default_factory=list)
    """People of whom it counts in their own context only."""
    weak_of: set[int] = field(default_factory=set)
    """Of these, people for whom it makes no context either."""
    is_number: bool = False

    def add(self, identifier: Identifier) -> None:
        is_loose = identifier.kind is IdentifierKind.VALUE and (is_short(identifier.text) or identifier.is_weak)
        if is_loose and identifier.is_weak:
            self.weak_of.add(identifier.person)
        if is_loose and identifier.person not in self.short_of:
            self.short_of.append(identifier.person)
        owner = (identifier.person, identifier.kind)
        if not is_loose and owner not in self.owners:
            self.owners.append(owner)
        self.is_number = identifier.text.strip().isdecimal()
        known = set(self.spellings)
        found = spellings(identifier.text, is_token=is_short(identifier.text))
        self.spellings += [spelling for spelling in found if spelling not in known]


class BytesSearch:
    """Searches bytes; made once, it holds nothing of what it searches."""

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        texts: dict[tuple[str, bool], _Text] = defaultdict(_Text)
        for identifier in identifiers:
            texts[folded(identifier.text), is_short(identifier.text)].add(identifier)
        self._texts = [text for text in texts.values() if text.spellings]
        beginnings: dict[bytes, list[tuple[int, Spelling]]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            for spelling in text.spellings:
                beginnings[_beginning(spelling)].append((number, spelling))
        self._spelled = list(beginnings.values())
        self._is_strong = np.array([any(self._texts[n].owners for n, _ in spelled) for spelled in self._spelled], bool)
        self._is_loose = np.array([any(self._texts[n].short_of for n, _ in spelled) for spelled in self._spelled], bool)
        longest = max((len(s.written) for text in self._texts for s in text.spellings), default=0)
        self._reach_bytes = 2 * longest + NEAR_BYTES + LOOK_BYTES
        kind = Implementation.DFA if len(beginnings) <= _MOST_IN_TABLE else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(list(beginnings), MatchKind.Standard, kind) if beginnings else None

    def __repr__(self) -> str:
        return f"BytesSearch({len(self._texts)} texts)"

    @property
    def reach_bytes(self) -> int:
        return self._reach_bytes

    def found(self, data: bytes, *, place: str) -> Iterator[Hit]:
        if self._automaton is None:
            return
        lower = data.lower()
        raw = self._automaton.find_matches_as_indexes(lower, overlapping=True)
        if not raw:
            return
        beginnings = np.fromiter(chain.from_iterable(raw), np.int64, 3 * len(raw)).reshape(-1, 3)
        strong = self._strong(beginnings[self._is_strong[beginnings[:, 0]]], data, lower)
        loose = self._loose(beginnings[self._is_loose[beginnings[:, 0]]], strong, data, lower)
        hits = [hit for match in strong for hit in self._hits(match, data, place)]
        hits += [_hit(match, person, IdentifierKind.VALUE, place) for person, match in loose]
        yield from sorted(hits, key=lambda hit: (hit.at, hit.person, hit.kind))

    def _strong(self, beginnings: NDArray[np.int64], data: bytes, lower: bytes) -> list[Match]:
        return _apart(
            [
                match
                for number, start, _ in beginnings.tolist()
                for match in self._checked(number, start, data, lower)
                if self._texts[match.text].owners
            ]
        )

    def _loose(
        self, beginnings: NDArray[np.int64], strong: list[Match], data: bytes, lower: bytes
    ) -> list[tuple[int, Match]]:
        """Short values in their people's context, each with its person."""
        if not len(beginnings):
            return []
        places = self._places(beginnings)
        known: dict[tuple[int, int], list[Match]] = {}

        def check(text: int, number: int, start: int) -> list[Match]:
            if (number, start) not in known:
                known[number, start] = self._checked(number, start, data, lower)
            return [match for match in known[number, start] if match.text == text]

        by_person: dict[int, list[Match]] = defaultdict(list)
        for match in strong:
            for person in {person for person, _ in self._texts[match.text].owners}:
                by_person[person].append(match)
        of_person: dict[int, list[int]] = defaultdict(list)
        for text in places:
            for person in self._texts[text].short_of:
                of_person[person].append(text)
        return [
            (person, match)
            for person, texts in of_person.items()
            if person in by_person or len(texts) > OTHERS
            for match in _apart(
                in_context(
                    {text: places[text] for text in texts},
                    by_person.get(person, []),
                    check,
                    weak={text for text in texts if person in self._texts[text].weak_of},
                )
            )
        ]

    def _places(self, beginnings: NDArray[np.int64]) -> dict[int, Places]:
        """By text, where short ones may begin."""
        order = np.argsort(beginnings[:, 0], kind="stable")
        numbers, starts = beginnings[order, 0], beginnings[order, 1]
        present, firsts = np.unique(numbers, return_index=True)
        parts: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = defaultdict(list)
        for number, first, last in zip(
            present.tolist(), firsts.tolist(), [*firsts[1:].tolist(), len(numbers)], strict=True
        ):
            for text in {text for text, _ in self._spelled[number] if self._texts[text].short_of}:
                parts[text].append((starts[first:last], numbers[first:last]))
        return {text: Places.of(parts_of) for text, parts_of in parts.items()}

    def _checked(self, number: int, start: int, data: bytes, lower: bytes) -> list[Match]:
        found = []
        for text, spelling in self._spelled[number]:
            where = data if spelling.form is Form.BASE64 else lower
            end = start + len(spelling.written)
            if where.startswith(spelling.written, start) and holds(spelling, data, start, end):
                found.append(Match(start, end, text, spelling.form))
        return found

    def _hits(self, match: Match, data: bytes, place: str) -> Iterator[Hit]:
        text = self._texts[match.text]
        is_number = text.is_number and match.form is Form.PLAIN
        field_name = number_field(data, match.start, match.end) if is_number else ""
        for person, kind in text.owners:
            yield _hit(match, person, kind, place, explained=field_name if kind is IdentifierKind.ID else "")


def _beginning(spelling: Spelling) -> bytes:
    is_coded = spelling.written.startswith((b"\\u", b"%"))
    return spelling.written.lower()[: _CODED_BYTES if is_coded else _BEGINNING_BYTES]


def _hit(match: Match, person: int, kind: IdentifierKind, place: str, *, explained: str = "") -> Hit:
    return Hit(person, kind, place, match.form.value, explained, match.start, match.end - match.start)


def _apart(matches: list[Match]) -> list[Match]:
    """Of matches of the same text that overlap only the first, as little and big endian do in UTF-16."""
    ends: dict[int, int] = {}
    kept = []
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.start >= ends.get(match.text, 0):
            kept.append(match)
            ends[match.text] = match.end
    return kept
