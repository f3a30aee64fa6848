"""What each file brought to each dataset, as `Ledger.publish` has kept it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from tillage.domain.conservation import Counts
from tillage.ports.lake import Rows


@dataclass(frozen=True)
class Events:
    """When what the accepted units of a dataset tell of happened: its first event and its last one."""

    first: datetime | date | None = None
    last: datetime | date | None = None
    uncounted_loads: int = 0
    """Loads that a version without statistics published: their events are not among these."""


class Statistics(Protocol):
    """Reads them."""

    def rows(self, load_seq: int | None = None) -> Rows:
        """What each file brought to each dataset, of all published loads or of the one, by load, path and dataset.

        Columns: `load_seq, feed, kind, dataset, file, record_load, source, size_bytes, records, read_rows,
        accepted_rows, quarantined_rows, duplicate_rows, suppressed_rows, code_rows, first_event, last_event,
        is_event_date, planned_at, sealed_at, seconds, is_resumed`. `size_bytes` is null where the load did not read the
        file; figures are null where a version without statistics published the load.
        """
        ...

    def totals(self, load_seq: int | None = None) -> dict[int, dict[str, Counts]]:
        """By load and dataset, the statistics of all files added up, in rows alone; of all loads or of the one. A load
        without statistics is not there.
        """
        ...

    def events(self) -> dict[str, Events]:
        """By dataset, when what it tells of happened, over all published loads."""
        ...
