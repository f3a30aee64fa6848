"""What becomes of landed files once they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tillage.contracts.project import Feed
from tillage.ports.door import LeftAlone
from tillage.ports.store import Sealed


@dataclass(frozen=True)
class PutAway:
    """What became of them."""

    done: tuple[str, ...]
    """Archived or deleted, by name."""
    left_alone: tuple[LeftAlone, ...] = ()


class Landed(Protocol):
    """The files at the doors."""

    def put_away(self, feed: Feed, sealed: Sealed) -> PutAway:
        """Archives or deletes, as the feed's `after` says, each file of which all is in sealed loads: after its bytes
        were read again and are those. What is not, is being written, or is a link stays where it is.

        Whenever it is stopped, each file is where it was, where it goes, or beside it under a name that no load takes
        up, from where the next call goes on.

        Raises:
            OperatorError: the folder is missing, or one in it may not be read.
        """
        ...
