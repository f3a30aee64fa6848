"""One line of `tillage doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Wrong: something cannot work until a person acts. Note: worth knowing; nothing has to be done."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and the command that mends it, if one does."""

    level: Level
    area: str
    text: str
    mend: str | None = None
