"""What a load is: one range of one feed, moved through every stage, decided once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any


class LoadState(StrEnum):
    """Open until every stage has its receipt. Sealed: its counts never change. Of the others nothing is ever visible:
    failed waits for a person, voided counts as never read, abandoned as read.
    """

    OPEN = "open"
    FAILED = "failed"
    VOIDED = "voided"
    ABANDONED = "abandoned"
    SEALED = "sealed"


class LoadKind(StrEnum):
    """What a load takes up: new files; units that wait in quarantine, to be judged anew or given up; nothing new, only
    the tables themselves; what stands in all feeds, for the models that are built whole; what stands in one, anew;
    units that waited for others, which are there now; what is about people who are erased.
    """

    READ = "read"
    REPLAY = "replay"
    DISCARD = "discard"
    MAINTAIN = "maintain"
    BUILD = "build"
    REBUILD = "rebuild"
    RELEASE = "release"
    ERASE = "erase"


class CommitPoint(StrEnum):
    """Each place where something becomes durable. A kill before and after every one of them is in the test sweep."""

    SETUP = "setup"
    HOUSE = "house"
    LEASE = "lease"
    TABLE = "table"
    MODELS = "models"
    PLAN = "plan"
    PEOPLE = "people"
    BRONZE = "bronze"
    FENCE = "fence"
    VOID = "void"
    FAIL = "fail"
    ABANDON = "abandon"
    DISCARD = "discard"
    SILVER = "silver"
    PUBLISH = "publish"
    LOOKED = "looked"
    FORGET = "forget"
    COMPACT = "compact"
    VACUUM = "vacuum"
    CHECKPOINT = "checkpoint"
    SEAL = "seal"
    RELEASE_LEASE = "release-lease"
    BACKUP = "backup"
    RESTORE = "restore"
    EXPORT = "export"
    SNAPSHOT = "snapshot"
    CLIENT = "client"
    KEYS = "keys"
    PUT_AWAY = "put-away"
    SCRUB = "scrub"
    MIRROR = "mirror"
    ERASURE = "erasure"
    JOURNAL = "journal"
    FORGET_PEOPLE = "forget-people"
    PROVE = "prove"


@dataclass(frozen=True)
class SourceFile:
    """One file that a load covers, as it was when the load was planned."""

    source: int
    path: str
    """Relative to the project, with forward slashes."""
    size_bytes: int
    digest: str
    """SHA-256 of the stored (compressed) bytes, in hex; of a member of a zip file: of its unpacked bytes."""
    signature: str
    """Size, times and inode at plan; equal means that the file need not be hashed again."""
    form: str = ""
    """JSON text of what was found out about how the file is written, and holds for the feed; empty: nothing was."""
    members: str = ""
    """JSON object of what the folders `name=value` below the `path` of that day say; empty: nothing."""
    content: str = ""
    """SHA-256 of the unpacked bytes, in hex, where they were asked for; empty: `digest`, as far as anybody looked."""


@dataclass(frozen=True)
class Load:
    """One row of the ledger; `load_seq` is one sequence per project, higher is later."""

    load_seq: int
    feed: str
    state: LoadState
    contract_digest: str
    sources: tuple[SourceFile, ...] = ()
    kind: LoadKind = LoadKind.READ
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """What a load of another kind than read covers; of a read one, `contents` by path, of packed files that were
    compared by them."""


@dataclass(frozen=True)
class Lease:
    """The right to write one resource. A write under an older epoch than the store's is refused."""

    resource: str
    epoch: int


@dataclass(frozen=True)
class RecordId:
    """Where a unit stands for ever: enough to open the file at the line, without any search."""

    load_seq: int
    source: int
    ordinal: int
    """Physical line, from 1; blank lines count."""
    offset: int
    """Bytes from the start of the decoded (unpacked) stream to the start of the line."""
    unit: int
    """Number of the unit inside its record, from 0."""


Spans = tuple[tuple[int, int], ...]
"""Ranges of load numbers, in order; both ends belong to them."""


def spans(loads: Iterable[int], *, most: int) -> Spans:
    """Ranges that hold all of `loads`, at most so many, with as few other numbers in them as can be."""
    found = sorted(set(loads))
    gaps = sorted(((after - before, after) for before, after in pairwise(found) if after - before > 1), reverse=True)
    starts = sorted({found[0], *(after for _, after in gaps[: most - 1])}) if found else []
    ends = [max(load for load in found if load < start) for start in starts[1:]] + found[-1:]
    return tuple(zip(starts, ends, strict=True))
