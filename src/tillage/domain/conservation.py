"""The conservation law: for every load and dataset, in rows and in minor units, nothing appears and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

Minor = int | dict[str, int] | None
"""Minor units: of the dataset's one currency, by currency where records name theirs, None without money."""
_PARTS = ("accepted", "quarantined", "duplicate", "suppressed")


@dataclass(frozen=True)
class Counts:
    """What became of the units of one dataset.

    Amounts that cannot be read are not in any `minor` figure; such units are counted in `not_countable_rows`.
    """

    read_rows: int = 0
    accepted_rows: int = 0
    quarantined_rows: int = 0
    duplicate_rows: int = 0
    suppressed_rows: int = 0
    read_minor: Minor = None
    accepted_minor: Minor = None
    quarantined_minor: Minor = None
    duplicate_minor: Minor = None
    suppressed_minor: Minor = None
    not_countable_rows: int = 0
    warning_rows: Mapping[str, int] = field(default_factory=dict)
    """By rule: units that break it and were accepted all the same."""
    taken_rows: int = 0
    """Of the read ones, those that waited in quarantine: they were counted as read when they came."""
    taken_minor: Minor = None
    """What these were counted as, which may be another amount than is read now."""
    taken_not_countable_rows: int = 0
    closed_rows: int = 0
    """Older versions that accepted ones put an end to."""
    closed_minor: Minor = None

    def difference_rows(self) -> int:
        """Zero when the law holds in rows."""
        return self.read_rows - sum(int(getattr(self, f"{part}_rows")) for part in _PARTS)

    def difference_minor(self) -> Minor:
        """Zero (in every currency) when the law holds in money; None where the dataset has none."""
        if self.read_minor is None:
            return None
        parts = [getattr(self, f"{part}_minor") for part in _PARTS]
        return added([self.read_minor, *(negated(part) for part in parts)])

    def new_rows(self) -> int:
        """What is read for the first time: summed over all loads, everything that ever came."""
        return self.read_rows - self.taken_rows

    def new_minor(self) -> Minor:
        """As `new_rows`, in minor units."""
        return None if self.read_minor is None else added([self.read_minor, negated(self.taken_minor)])

    def balances(self) -> bool:
        """Whether the law holds, in rows and in money."""
        return self.difference_rows() == 0 and is_zero(self.difference_minor())


def added(figures: Iterable[Minor]) -> Minor:
    """The sum, by currency where one of them is; None only if all are."""
    known = [figure for figure in figures if figure is not None]
    maps = [figure for figure in known if isinstance(figure, dict)]
    if not known or not maps:
        return sum(figure for figure in known if isinstance(figure, int)) if known else None
    currencies = sorted({currency for figure in maps for currency in figure})
    return {currency: sum(figure.get(currency, 0) for figure in maps) for currency in currencies}


def negated(figure: Minor) -> Minor:
    """The figure with the other sign."""
    if isinstance(figure, dict):
        return {currency: -minor for currency, minor in figure.items()}
    return None if figure is None else -figure


def is_zero(figure: Minor) -> bool:
    """Whether there is nothing in it, in any currency."""
    return not (any(figure.values()) if isinstance(figure, dict) else figure)


def total(counts: Iterable[Counts]) -> Counts:
    """The figures added up; a `minor` figure stays None only if it is None everywhere."""
    rows = list(counts)
    sums: dict[str, object] = {}
    for one in fields(Counts):
        values = [getattr(row, one.name) for row in rows]
        if one.name == "warning_rows":
            rules = sorted({rule for value in values for rule in value})
            sums[one.name] = {rule: sum(value.get(rule, 0) for value in values) for rule in rules}
        else:
            sums[one.name] = added(values) if values else getattr(Counts(), one.name)
    return Counts(**sums)  # type: ignore[arg-type]
