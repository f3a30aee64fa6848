"""What was done to a house from outside, and the model of it that follows what its ledger says was loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.oracle.house.figures import folded
from tests.oracle.house.loads import FeedHouse, Wanted
from tests.torture.contracts import FeedSpec
from tests.torture.projects import Project, folds, planned_on
from tests.torture.records import csv_rows, unpacked
from tests.torture.tables import Row, derived

Found = Mapping[str, Any]


@dataclass
class Model:
    """What its loads must have made of the files."""

    project: Project
    delivered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Bytes by path and digest, all that ever lay there."""
    lying: dict[str, str] = field(default_factory=dict)
    """By path, the digest of what lies there now."""
    contracts: dict[str, str] = field(default_factory=dict)
    """Texts that were written, by digest."""
    houses: dict[str, FeedHouse] = field(default_factory=dict)
    last_contract: dict[str, str] = field(default_factory=dict)
    """By feed, that of its last load."""

    def deliver(self, path: str, stored: bytes) -> None:
        digest = hashlib.sha256(stored).hexdigest()
        self.delivered[path, digest] = stored
        self.lying[path] = digest

    def begin_anew(self) -> None:
        """The house was restored: the ledger is followed from its beginning."""
        self.houses.clear()
        self.last_contract.clear()

    def follow(self, found: Found) -> list[str]:
        """Does what the loads of the ledger did that readers see; says what no load may have done."""
        by_load: dict[int, list[tuple[str, str]]] = {}
        for load, _, path, digest in found["sources"]:
            by_load.setdefault(load, []).append((path, digest))
        published = {load for load, stage in found["receipts"] if stage == "publish"}
        wrong: list[str] = []
        for load, feed, state, kind, contract, manifest in found["loads"]:
            if kind == "build":  # of no feed; what it made is looked at by itself
                continue
            house = self.houses.setdefault(feed, FeedHouse())
            if load in house.loads or (state != "sealed" and load not in published):
                continue
            if contract not in self.contracts:
                wrong.append(f"load {load}: nobody wrote the contract {contract}")
                continue
            wrong += self._do(house, found, (load, feed, kind, contract, manifest), by_load.get(load, []))
            if kind in {"read", "replay", "rebuild"}:  # others judge nothing
                self.last_contract[feed] = contract
        return wrong

    def _do(
        self, house: FeedHouse, found: Found, row: tuple[int, str, str, str, Any], sources: Sequence[tuple[str, str]]
    ) -> list[str]:
        load, feed, kind, contract, manifest = row
        document = json.loads(self.contracts[contract])
        if kind == "read":
            spec = next(one for one in self.project.feeds if one.name == feed)
            house.read(load, document, [self._content(spec, one) for one in sources])
        elif kind == "replay":
            house.replay(load, document, manifest["waiting"])
        elif kind == "discard":
            house.discard(load, manifest["waiting"])
        elif kind == "rebuild":
            house.rebuild(load, document, self.wanted(feed, found, load, manifest["since"]))
            return list(self._needless(house, load, feed, contract))
        return []

    def _needless(self, house: FeedHouse, load: int, feed: str, contract: str) -> Iterator[str]:
        """A rebuild in which nothing comes out otherwise says that the contract has changed, or it is none."""
        is_empty = not any(kept.judged.get(load) for kept in house.datasets.values())
        if is_empty and self.last_contract.get(feed) == contract:
            yield f"load {load}: a rebuild of nothing under the contract of the load before"

    def wanted(self, feed: str, found: Found, load: int, since: str | None = None) -> Wanted:
        """What a rebuild takes up that is planned as this load: bytes that a maintain load took away before are gone.

        Which bytes those are is bronze's own word.
        """
        gone = frozenset(
            (row["record_load"], row["source"], row["ordinal"])
            for row in found["bronze"][feed]
            if row["record_load"] == row["load_seq"] and row["forgotten_by"] is not None and row["forgotten_by"] < load
        )
        loads = None
        if since is not None:
            day = date.fromisoformat(since)
            loads = frozenset(one for one, *_ in found["loads"] if planned_on(one) >= day)
        return Wanted(loads, gone)

    def names(self) -> set[str]:
        """Of all models."""
        found = folds(self.project, 1)
        return {fold.name for fold in found} | derived(found).keys()

    def rebuilt_units(self) -> int:
        """That came out otherwise when they were judged anew."""
        datasets = [kept for house in self.houses.values() for kept in house.datasets.values()]
        return sum(len(kept.taken[load]) for kept in datasets for load in kept.rebuilt)

    def states(self, factor: int, published: Mapping[str, int] | None = None) -> dict[str, list[Row]]:
        """By fold, its rows, now or when those were the last loads."""
        return {
            fold.name: [row | {fold.key: key} for key, row in folded(fold, self.houses, published).items()]
            for fold in folds(self.project, factor)
        }

    def _content(self, feed: FeedSpec, source: tuple[str, str]) -> Any:
        content = unpacked(self.delivered[source])
        return csv_rows(content) if feed.kind == "grouped" else content
