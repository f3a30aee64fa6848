"""Where something becomes durable, and who is told of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tillage.domain.load import CommitPoint


class Commits(Protocol):
    """Wraps each durable write of every adapter, so that none can be made without a name."""

    def at(self, point: CommitPoint) -> AbstractContextManager[None]:
        """Enter right before the commit, leave right after it."""
        ...
