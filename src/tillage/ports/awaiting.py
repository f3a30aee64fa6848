"""What units in quarantine wait for that others bring, and up to what was looked whether it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tillage.domain.load import Lease
from tillage.ports.lake import Rows


@dataclass(frozen=True)
class Looked:
    """With which loads a feed has looked for what its units wait for."""

    parents: Mapping[str, int]
    """By dataset that is referred to, its last load."""
    judged_load: int
    """Of the units, the last load that judged one."""


class Awaiting(Protocol):
    """What units refer to that wait for others; `Ledger.publish` keeps it with them."""

    def looked(self, feed: str) -> Looked:
        """Up to what was looked whether what units wait for is there."""
        ...

    def keep_looked(self, feed: str, looked: Looked, lease: Lease) -> None:
        """Notes it."""
        ...

    def is_awaited(self, datasets: Sequence[str], since: int) -> bool:
        """Whether units of the datasets wait for others that a load after that number judged."""
        ...

    def rows(self, datasets: Sequence[str]) -> Rows:
        """Each unit of the datasets that waits for others, for each that it refers to: `dataset, load_seq, source,
        ordinal, unit, control_minor, control_currency, judged_load, contract_digest, parent, key`; without those of
        records that were patched.
        """
        ...
