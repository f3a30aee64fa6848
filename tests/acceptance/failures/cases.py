"""Each failure of a machine: what must come of it. The rows of docs/reference/failures.md are these."""

from __future__ import annotations

from dataclasses import dataclass

LANDING, BRONZE, ALL = "file", "bronze", "all"


@dataclass(frozen=True)
class Case:
    """One row of the page."""

    what: str
    exit_code: int
    code: str
    says: str
    """A part of the message."""
    where: str
    """Where the records of the file are after it, which the run was about to load."""
    mend: str


KILLED = Case(
    "PostgreSQL is killed between two stages of a load",
    12,
    "store-away",
    "the store does not answer",
    BRONZE,
    "run again: it starts PostgreSQL anew",
)
KILLED_IN_COMMIT = Case(
    "PostgreSQL is killed right before a commit",
    13,
    "unknown-outcome",
    "the store's connection broke during a commit; run again: the receipt says whether it happened",
    BRONZE,
    "run again",
)
AWAY = Case(
    "nobody listens at the address of `TILLAGE_STORE_DSN`",
    12,
    "store-away",
    "the store does not answer (no connection); is PostgreSQL up? Then repeat the command",
    LANDING,
    "start PostgreSQL, or correct the DSN",
)
FULL_STORE = Case(
    "PostgreSQL has no connection left",
    12,
    "store-away",
    "PostgreSQL has no connection left for this command; end sessions that are not needed, or raise max_connections",
    LANDING,
    "end other sessions, or raise `max_connections`",
)
READ_ONLY = Case(
    "this account may not write into the lake's folder",
    10,
    "lake",
    "table orders/bronze in {lake} cannot be written: Permission denied. Mend that (owner, mode, space)",
    LANDING,
    "give it the right",
)
DISK_FULL = Case(
    "the disk of the lake has less than 8 MiB left",
    10,
    "lake",
    "table orders/bronze in {lake} cannot be written: No space left on device. Mend that (owner, mode, space)",
    LANDING,
    "make room",
)
STORE_DISK_FULL = Case(
    "the disk of the embedded PostgreSQL is full when it is started",
    10,
    "store",
    "The embedded PostgreSQL in {store} ended 3 times while starting. Read the last lines of {store}/postgres.log",
    LANDING,
    "make room",
)
CLOCK = Case(
    "the clock is 5 hours before or behind that of PostgreSQL",
    0,
    "none",
    "",
    ALL,
    "nothing",
)
CLOCK_WAITS = Case(
    "a machine with such a clock meets a run that is at work",
    12,
    "lease-held",
    "feed/orders is being worked on by",
    LANDING,
    "nothing: leases go by PostgreSQL's clock",
)
CLOCK_JUMPS = Case(
    "PostgreSQL's clock jumps 5 hours ahead under a run, and another takes its lease",
    12,
    "lease-lost",
    "lease feed/orders went to another process; run again",
    ALL,
    "nothing: the other run has loaded it",
)
CASES = (
    KILLED,
    KILLED_IN_COMMIT,
    AWAY,
    FULL_STORE,
    READ_ONLY,
    DISK_FULL,
    STORE_DISK_FULL,
    CLOCK,
    CLOCK_WAITS,
    CLOCK_JUMPS,
)
