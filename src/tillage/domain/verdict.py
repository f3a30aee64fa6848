"""The one verdict that each unit gets, and the stable codes that say why."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """In the order in which they are asked; the first that holds is the verdict."""

    UNREADABLE = "unreadable"
    SUPPRESSED = "suppressed"
    VIOLATION = "violation"
    REFERENCE = "reference"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    ACCEPTED = "accepted"


QUARANTINED = (Verdict.UNREADABLE, Verdict.VIOLATION, Verdict.REFERENCE, Verdict.CONFLICT)


class Code(StrEnum):
    """Why a unit was not accepted. Stable: shown in quarantine, problems and metrics."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    MISSING = "missing"
    TYPE = "type"
    RANGE = "range"
    LENGTH = "length"
    PATTERN = "pattern"
    ENUM = "enum"
    MONEY_SCALE = "money_scale"
    MONEY_OVERFLOW = "money_overflow"
    UNKNOWN_FIELD = "unknown_field"
    REFERENCE_MISSING = "reference_missing"
    KEY_CONFLICT = "key_conflict"
    DUPLICATE = "duplicate"
    STALE = "stale"


UNREADABLE_CODES = (Code.UNREADABLE, Code.TOO_LARGE, Code.TOO_DEEP)
"""Of records of which no unit is known."""
