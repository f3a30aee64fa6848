"""The conservation law: for every load and dataset, in rows and in minor units, nothing appears and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Counts:
    """What became of the units of one dataset. `minor` figures are None where the dataset has no money.

    Amounts that cannot be read are not in any `minor` figure; such units are counted in `not_countable_rows`.
    """

    read_rows: int = 0
    accepted_rows: int = 0
    quarantined_rows: int = 0
    duplicate_rows: int = 0
    suppressed_rows: int = 0
    read_minor: int | None = None
    accepted_minor: int | None = None
    quarantined_minor: int | None = None
    duplicate_minor: int | None = None
    suppressed_minor: int | None = None
    not_countable_rows: int = 0

    def difference_rows(self) -> int:
        """Zero when the law holds in rows."""
        return self.read_rows - (
            self.accepted_rows + self.quarantined_rows + self.duplicate_rows + self.suppressed_rows
        )

    def difference_minor(self) -> int | None:
        """Zero when the law holds in money; None where the dataset has none."""
        if self.read_minor is None:
            return None
        parts = (self.accepted_minor, self.quarantined_minor, self.duplicate_minor, self.suppressed_minor)
        return self.read_minor - sum(part or 0 for part in parts)

    def balances(self) -> bool:
        """Whether the law holds, in rows and in money."""
        return self.difference_rows() == 0 and not self.difference_minor()


def total(counts: Iterable[Counts]) -> Counts:
    """The figures added up; a `minor` figure stays None only if it is None everywhere."""
    sums: dict[str, int | None] = {}
    rows = list(counts)
    for field in fields(Counts):
        values = [value for row in rows if (value := getattr(row, field.name)) is not None]
        sums[field.name] = sum(values) if values else getattr(Counts(), field.name)
    return Counts(**sums)  # type: ignore[arg-type]
