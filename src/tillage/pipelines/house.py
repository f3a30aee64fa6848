"""Everything that the pipelines work with, put together once by `wiring`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Dataset
from tillage.contracts.project import Feed, Project
from tillage.contracts.types import silver_columns
from tillage.domain.load import Load
from tillage.errors import OperatorError
from tillage.models.project import Models
from tillage.ports.awaiting import Awaiting
from tillage.ports.backup import StoreCopies
from tillage.ports.clients import Clients
from tillage.ports.door import Door
from tillage.ports.engine import Engine, Folders
from tillage.ports.erasing import Erasures, Journal, PeopleRecords
from tillage.ports.export import ExportEngine, Snapshots
from tillage.ports.gold import Folds, Gold, Tables
from tillage.ports.lake import Lake, LakeTable, Silver
from tillage.ports.landed import Landed
from tillage.ports.mirror import MirrorFiles, MirrorSource, MirrorTables
from tillage.ports.people import People, Vault
from tillage.ports.places import Place
from tillage.ports.scanning import Scanner
from tillage.ports.scrubbing import Scrubbing
from tillage.ports.statistics import Statistics
from tillage.ports.store import Leases, Ledger


@dataclass(frozen=True)
class FeedContract:
    """A feed with its contract as it is now."""

    feed: Feed
    text: str
    check: Check


@dataclass(frozen=True)
class Erasing:
    """What it takes to erase people."""

    vault: Vault
    records: PeopleRecords
    erasures: Erasures
    journal: Journal
    scrubbing: Scrubbing
    scanner: Scanner
    layers: Sequence[tuple[str, str]]
    """Name and folder of each place where something of people may lie."""


@dataclass(frozen=True)
class House:
    """One project, open."""

    project: Project
    feeds: Mapping[str, FeedContract]
    models: Models
    door: Door
    landed: Landed
    lake: Lake
    engine: Engine
    leases: Leases
    ledger: Ledger
    awaiting: Awaiting
    statistics: Statistics
    vault: Vault | None
    """None where no contract is about people."""
    clients: Clients
    folds: Folds
    tables: Tables
    copies: StoreCopies
    gold: Gold
    exports: ExportEngine
    snapshots: Snapshots
    mirror_source: MirrorSource
    mirrors: MirrorTables
    processed: MirrorFiles
    erasing: Erasing | None
    """None where no contract is about people."""
    compile: Callable[[str, str], Check]
    """(feed, contract text) to its check: for the texts that loads were decided under."""
    say: Callable[[str], None]
    """One line of progress for a person."""
    now: Callable[[], datetime]
    """The store's clock, which also says when loads were sealed."""
    places: Callable[[Feed], tuple[Place, ...]]
    """Where what came of a feed lies, from its files to the rows of models."""

    def people(self, *, is_trial: bool) -> People | None:
        """Those of the vault; a trial adds nobody."""
        return self.vault.looking() if self.vault and is_trial else self.vault

    def dataset(self, name: str) -> tuple[str, Dataset]:
        """The feed and the dataset of that name, which must exist."""
        for feed in self.feeds.values():
            for dataset in feed.check.contract.datasets:
                if dataset.name == name:
                    return feed.feed.name, dataset
        raise KeyError(name)

    def parents(self, feed: str) -> list[str]:
        """The datasets of other feeds, and its own, that a feed's datasets refer to."""
        datasets = self.feeds[feed].check.contract.datasets
        return sorted({reference.to for dataset in datasets for reference in dataset.references})

    def datasets(self) -> list[str]:
        """Names of all datasets, in the order of the project file and the contracts."""
        return [dataset.name for feed in self.feeds.values() for dataset in feed.check.contract.datasets]

    def folders(self, load: Load) -> Folders:
        """What the folders of a load's files said when it was planned, whatever the project file says now."""
        return {(load.load_seq, source.source): json.loads(source.members) for source in load.sources if source.members}

    def folders_of(self, feed: str) -> Folders:
        """As `folders`, of all loads of a feed."""
        loads = (load for load in self.ledger.loads() if load.feed == feed)
        return {place: members for load in loads for place, members in self.folders(load).items()}

    def silver_table(self, feed: str, dataset: Dataset) -> LakeTable:
        """The silver table of a dataset."""
        return self.lake.silver(feed, dataset.name, silver_columns(dataset))

    def silver(self, feed: str, dataset: Dataset, published: Mapping[str, int]) -> Silver:
        """A dataset's silver as readers may see it: up to the last load with its receipt in the store."""
        return Silver(self.silver_table(feed, dataset).snapshot(), published.get(feed, 0))

    def visible(self, name: str, published: Mapping[str, int]) -> Silver:
        """As `silver`, for the dataset of that name."""
        return self.silver(*self.dataset(name), published)


def erasing_of(house: House) -> Erasing:
    """What it takes to erase people in this house.

    Raises:
        OperatorError: no contract is about people.
    """
    if house.erasing is None:
        raise OperatorError("no contract has people in it (tillage.subject), so there is nobody to erase")
    return house.erasing
