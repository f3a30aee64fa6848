"""What a load is: one range of one feed, moved through every stage, decided once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LoadState(StrEnum):
    """Open until every stage has its receipt. Voided: nothing was ever visible. Sealed: its counts never change."""

    OPEN = "open"
    VOIDED = "voided"
    SEALED = "sealed"


class CommitPoint(StrEnum):
    """Each place where something becomes durable. A kill before and after every one of them is in the test sweep."""

    SETUP = "setup"
    LEASE = "lease"
    TABLE = "table"
    MODELS = "models"
    PLAN = "plan"
    BRONZE = "bronze"
    FENCE = "fence"
    VOID = "void"
    SILVER = "silver"
    PUBLISH = "publish"
    SEAL = "seal"
    RELEASE_LEASE = "release-lease"


@dataclass(frozen=True)
class SourceFile:
    """One file that a load covers, as it was when the load was planned."""

    source: int
    path: str
    """Relative to the project, with forward slashes."""
    size_bytes: int
    digest: str
    """SHA-256 of the stored (compressed) bytes, in hex."""
    signature: str
    """Size, times and inode at plan; equal means that the file need not be hashed again."""


@dataclass(frozen=True)
class Load:
    """One row of the ledger; `load_seq` is one sequence per project, higher is later."""

    load_seq: int
    feed: str
    state: LoadState
    contract_digest: str
    sources: tuple[SourceFile, ...]


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
