"""The store: ledger, leases and fold states. Every write is one transaction, refused under a lease that was lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tillage.contracts.project import Mirror
from tillage.domain.conservation import Counts, Kept, Minor
from tillage.domain.load import Lease, Load, LoadKind, LoadState, SourceFile
from tillage.models.fold import Fold
from tillage.ports.lake import Rows
from tillage.ports.mirror import TableChange
from tillage.ports.people import PeopleRows

PublishedFold = tuple[Fold, Rows]
"""A fold and its change by one load."""


@dataclass(frozen=True)
class Brought:
    """What the units of a load come to, beside rows of silver; rows are those that `Workspace` gives."""

    counts: Mapping[str, Counts]
    taken: Rows
    """Waits no longer."""
    quarantine: Rows
    """Waits from now on."""
    awaited: Rows
    people: PeopleRows | None
    statistics: Rows
    """Files of the load without records are added."""
    mirrored: Sequence[TableChange] = ()


@dataclass(frozen=True)
class Rejection:
    """A file that is refused whole, as long as it has this digest."""

    path: str
    digest: str
    """Of its bytes, and of what is said about reading them."""
    message: str


@dataclass(frozen=True)
class Known:
    """What loads that are not voided cover: by path the newest signature, and every digest.

    A feed of some years has tens of thousands, and each run asks for all: plain texts, and no more than these.
    """

    signatures: Mapping[str, str] = field(default_factory=dict)
    digests: Set[tuple[str, str]] = frozenset()
    """With the path before it."""
    form: str = ""
    """As `SourceFile.form`: what was found out about the feed's files."""
    rejected: Mapping[str, Rejection] = field(default_factory=dict)
    """By path, files that no load covers."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of unpacked bytes, and a file that has them; of packed files only where it was asked for."""


@dataclass(frozen=True)
class Sealed:
    """What sealed loads of a feed cover."""

    sources: Set[tuple[str, str]] = frozenset()
    """Path and digest."""
    cut: Set[str] = frozenset()
    """Paths of those that hold a record too large to be kept in bronze."""


@dataclass(frozen=True)
class Standing:
    """The last load of a feed that stands (open or sealed), or of one dataset of it that was published."""

    feed: str
    load_seq: int
    contract_digest: str
    dataset: str | None = None


@dataclass(frozen=True)
class Maintenance:
    """The last maintain load of a feed, however it ended."""

    state: LoadState
    planned_at: datetime
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class RuleFound:
    """A dataset rule that a load broke, as the ledger keeps it."""

    dataset: str
    rule: str
    severity: str
    found: str


@dataclass(frozen=True)
class LoadSummary:
    """A load as a list shows it."""

    load_seq: int
    feed: str
    state: LoadState
    planned_at: datetime
    files: int
    size_bytes: int
    reason: str | None
    """Why a person gave it up, or asked for it."""
    kind: LoadKind
    seconds: float | None
    """From plan to seal, by the store's clock; None: it is not sealed."""
    is_resumed: bool | None
    """Whether a later process than the one that planned it sealed it, so that the time in between counts too; None:
    it is not sealed, or an older version did it."""


@dataclass(frozen=True)
class Reason:
    """Quarantined units of one dataset under one code; a unit counts once under each of its codes."""

    dataset: str
    code: str
    rows: int
    minor: Minor
    not_countable_rows: int
    oldest: datetime
    """When the load was planned that brought the first of them."""


@dataclass(frozen=True)
class Waiting:
    """Which of the units that wait in quarantine are meant: those that all given ones of these fit."""

    dataset: str | None = None
    code: str | None = None
    load_seq: int | None = None
    """The load that brought the unit."""


class Leases(Protocol):
    """The right to write, one holder at a time."""

    def hold(self, resource: str, *, wait_s: float, on_wait: Callable[[str], None]) -> AbstractContextManager[Lease]:
        """The lease, kept alive until the block ends; its epoch is higher than that of every holder before.

        Raises:
            LeaseHeldError: another process still has it after `wait_s`.
        """
        ...

    def check(self, lease: Lease) -> None:
        """That it is still ours, for what is written elsewhere than in the store.

        Raises:
            LeaseLostError: it is not.
        """
        ...


class Ledger(Protocol):
    """Which loads there are and how far they got. All methods that take a lease raise LeaseLostError without it."""

    def known(self, feed: str) -> Known:
        """What need not be read again."""
        ...

    def sealed(self, feed: str) -> Sealed:
        """What is durable in every stage."""
        ...

    def plan(
        self, feed: str, contract_digest: str, contract_text: str, sources: Iterable[SourceFile], lease: Lease
    ) -> Load:
        """A new open load, committed before anything of it is read."""
        ...

    def begin(
        self,
        kind: LoadKind,
        feed: str,
        *,
        contract_digest: str,
        texts: Mapping[str, str],
        manifest: Mapping[str, Any],
        lease: Lease,
    ) -> Load:
        """A new open load that reads no files; `manifest` is JSON and says what it covers.

        Args:
            texts: By digest, the contract's and all others that the manifest names.
        """
        ...

    def refresh(self, feed: str, sources: Iterable[SourceFile], lease: Lease) -> None:
        """Remembers new signatures of files whose bytes are known."""
        ...

    def house(self) -> str:
        """The random name of the store, which its lake carries too."""
        ...

    def is_new(self) -> bool:
        """Whether there is no store in the database yet; nothing is made by asking."""
        ...

    def has_loads(self) -> bool:
        """Whether a load was ever planned."""
        ...

    def last_number(self) -> int:
        """The highest number that a load or fence ever had; 0 before the first."""
        ...

    def open_load(self, feed: str) -> Load | None:
        """The load that a run must finish first; with failed ones there is at most one for each feed."""
        ...

    def failed_load(self, feed: str) -> Load | None:
        """The load that a person must decide about before the feed goes on."""
        ...

    def load(self, load_seq: int) -> Load | None:
        """The load of that number."""
        ...

    def served(self) -> Any | None:
        """What was kept as served last, as JSON; None before the first time."""
        ...

    def keep_served(self, served: Mapping[str, Any]) -> None:
        """Notes what is served from now on."""
        ...

    def last_build(self) -> Load | None:
        """The last build that readers see; its manifest says of which loads it is."""
        ...

    def summaries(self, load_seq: int | None = None) -> list[LoadSummary]:
        """All loads, or the one, in order."""
        ...

    def counts_by_load(self, load_seq: int | None = None) -> dict[int, dict[str, Counts]]:
        """By load and dataset, as published, or as it would have been; of all loads or of the one."""
        ...

    def broken_rules(self, load_seq: int | None = None) -> dict[int, tuple[RuleFound, ...]]:
        """By load, the dataset rules that it broke; of all loads or of the one."""
        ...

    def last_standing(self) -> dict[str, Standing]:
        """By feed, its last load that is open or sealed."""
        ...

    def held_datasets(self, *, with_releases: bool = True) -> list[Standing]:
        """For each dataset that readers see rows of, the last published load that had it; releases are decided under
        the contract of an earlier load.
        """
        ...

    def tidy(self) -> None:
        """Keeps the store's tables, fold states too, as small as what they hold; changes nothing of it."""
        ...

    def loads_since_maintain(self, feed: str, *, most: int) -> int:
        """How many loads of the feed were sealed since its tables were last maintained; none beyond `most` counts."""
        ...

    def last_maintain(self, feed: str) -> Maintenance | None:
        """None before the first."""
        ...

    def now(self) -> datetime:
        """What the store's clock says."""
        ...

    def sealed_before(self, feed: str, moment: datetime) -> list[int]:
        """Loads of the feed that brought rows to bronze and were sealed before then, by the store's clock."""
        ...

    def first_sealed_after(self, feed: str, load_seq: int) -> datetime | None:
        """When the first load of the feed after that number that brought rows to bronze was sealed."""
        ...

    def loads(self) -> list[Load]:
        """All, in order."""
        ...

    def text(self, digest: str) -> str:
        """A contract's text as it was when a load was planned."""
        ...

    def same_paths(self, feed: str, places: Collection[tuple[int, int]]) -> list[tuple[int, int, str]]:
        """Load, number in it and path of each file of the feed that has the path of one of these (load, number)."""
        ...

    def all_paths(self, feed: str) -> list[tuple[int, int, str]]:
        """The same of every file of a published load of the feed."""
        ...

    def paths(self, load_seq: int) -> dict[int, str]:
        """The files of a load by their number in it."""
        ...

    def quarantine_rows(self, dataset: str) -> Rows:
        """`dataset, load_seq, source, file, ordinal, offset, unit, codes, control_minor, control_currency` of each unit
        that waits.
        """
        ...

    def waiting(self, feed: str, wanted: Waiting) -> Rows:
        """`dataset, load_seq, source, ordinal, unit, codes, is_unreadable, control_minor, control_currency` of each
        unit of the feed that waits.
        """
        ...

    def quarantined(self, feed: str) -> Rows:
        """`dataset, load_seq, source, ordinal, unit, codes, judged_load, control_minor` of each unit of the feed that
        waits or was given up.
        """
        ...

    def discard(self, load: Load, lease: Lease, wanted: Waiting, reason: str) -> int:
        """Gives up the units that wait, for good, and seals the load that says so; how many they are."""
        ...

    def next_fence(self) -> int:
        """A number above that of every load there is."""
        ...

    def void(self, load: Load, lease: Lease, rejected: Iterable[Rejection] = ()) -> None:
        """Marks an open load voided; its files count as never read. Those that caused it are remembered with it."""
        ...

    def fail(self, load: Load, lease: Lease, *, counts: Mapping[str, Counts], broken: Iterable[RuleFound]) -> None:
        """Marks an open load failed, and keeps what it would have brought and which rules that breaks."""
        ...

    def retry(self, load: Load, lease: Lease, reason: str) -> None:
        """Marks a failed load voided; its files count as never read."""
        ...

    def abandon(self, load: Load, lease: Lease, reason: str) -> None:
        """Marks a failed load abandoned; its files count as read."""
        ...

    def is_published(self, load: Load) -> bool:
        """Whether `publish` committed."""
        ...

    def published(self) -> dict[str, int]:
        """By feed, the last load that readers see."""
        ...

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        brought: Brought,
        folds: Iterable[PublishedFold],
        digests: Mapping[str, str],
        mirrors: Mapping[Mirror, str],
    ) -> None:
        """What the load brought, all fold changes and the receipt: all or nothing, and once.

        Raises:
            ModelsChangedError: the states are not of the models in `digests` (all models by name), or what is kept
                equal of the feed is not what `mirrors` says: nothing was written.
            MirrorError: something does not fit into the tables that are kept equal.
        """
        ...

    def counts(self, load_seq: int) -> dict[str, Counts]:
        """By dataset, as published."""
        ...

    def quarantine_counts(self, load_seq: int) -> dict[str, tuple[int, Minor]]:
        """By dataset, rows and minor units in the quarantine index; 0 where nothing there can be counted."""
        ...

    def discarded_files(self, load_seq: int) -> list[tuple[str, str, int, int]]:
        """What a discard gave up, by dataset and path: units, and records that they are of."""
        ...

    def discarded_reasons(self, load_seq: int) -> list[tuple[str, str, int, Minor, int]]:
        """The same by dataset and code, a unit under each of its own: units, minor units, and how many of the units
        have no amount that can be counted; by currency where records name theirs.
        """
        ...

    def kept(self) -> dict[str, Kept]:
        """By dataset, what the quarantine holds, all of one moment."""
        ...

    def seal(self, load: Load, lease: Lease) -> None:
        """Ends an open load; nothing of it changes any more."""
        ...

    def quarantine_reasons(self) -> list[Reason]:
        """Grouped by dataset and code, most rows first."""
        ...
