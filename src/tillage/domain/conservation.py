"""The conservation law: for every load and dataset, in rows and in minor units, nothing appears and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

Minor = int | dict[str, int] | None
"""Minor units: of the dataset's one currency, by currency where records name theirs, None without money."""
_PARTS = ("accepted", "quarantined", "duplicate", "suppressed")
_FOR_ALL_TIME = ("accepted", "waiting", "duplicate", "suppressed", "discarded")


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
    """Of the read ones, those that waited in quarantine, or stood: they were counted as read when they came."""
    taken_minor: Minor = None
    """What these were counted as, which may be another amount than is read now."""
    taken_not_countable_rows: int = 0
    closed_rows: int = 0
    """Older versions that accepted ones put an end to; in a rebuild also what it judged otherwise."""
    closed_minor: Minor = None

    def difference_rows(self) -> int:
        """Zero when the law holds in rows."""
        return _difference_rows(self, _PARTS)

    def difference_minor(self) -> Minor:
        """Zero (in every currency) when the law holds in money; None where the dataset has none."""
        return _difference_minor(self, _PARTS)

    def rows(self) -> dict[str, int]:
        """The whole and its parts."""
        return {part: int(getattr(self, f"{part}_rows")) for part in ("read", *_PARTS)}

    def new_rows(self) -> int:
        """What is read for the first time: summed over all loads, everything that ever came."""
        return self.read_rows - self.taken_rows

    def new_minor(self) -> Minor:
        """As `new_rows`, in minor units."""
        return None if self.read_minor is None else added([self.read_minor, negated(self.taken_minor)])

    def balances(self) -> bool:
        """Whether the law holds, in rows and in money."""
        return self.difference_rows() == 0 and is_zero(self.difference_minor())


@dataclass(frozen=True)
class Law:
    """What became of the units of one dataset up to now: everything that ever came stands, waits, or left for a reason.

    A unit that waited and was accepted later has moved from one figure to the other.
    """

    read_rows: int = 0
    accepted_rows: int = 0
    waiting_rows: int = 0
    duplicate_rows: int = 0
    suppressed_rows: int = 0
    discarded_rows: int = 0
    read_minor: Minor = None
    accepted_minor: Minor = None
    waiting_minor: Minor = None
    duplicate_minor: Minor = None
    suppressed_minor: Minor = None
    discarded_minor: Minor = None
    not_countable_rows: int = 0
    closed_rows: int = 0
    """Of the accepted ones, versions that newer ones put an end to."""
    closed_minor: Minor = None
    warning_rows: Mapping[str, int] = field(default_factory=dict)

    def difference_rows(self) -> int:
        """Zero when the law holds in rows."""
        return _difference_rows(self, _FOR_ALL_TIME)

    def difference_minor(self) -> Minor:
        """Zero (in every currency) when the law holds in money; None where the dataset has none."""
        return _difference_minor(self, _FOR_ALL_TIME)

    def balances(self) -> bool:
        """Whether the law holds, in rows and in money."""
        return self.difference_rows() == 0 and is_zero(self.difference_minor())


@dataclass(frozen=True)
class Kept:
    """What the quarantine holds of one dataset."""

    waiting_rows: int = 0
    waiting_minor: Minor = None
    discarded_rows: int = 0
    discarded_minor: Minor = None


def for_all_time(loads: Iterable[Counts], kept: Kept, rebuilds: Iterable[Counts] = ()) -> Law:
    """The law over all loads of a dataset, whatever each of them took up.

    What rebuilds took up, `rebuilds` being those of the loads, stood until then: it is accepted, and closed, once less.
    """
    counts = list(loads)
    every, again = total(counts), total(rebuilds)
    return Law(
        read_rows=sum(one.new_rows() for one in counts),
        accepted_rows=every.accepted_rows - again.taken_rows,
        waiting_rows=kept.waiting_rows,
        duplicate_rows=every.duplicate_rows,
        suppressed_rows=every.suppressed_rows,
        discarded_rows=kept.discarded_rows,
        read_minor=added(one.new_minor() for one in counts),
        accepted_minor=added([every.accepted_minor, negated(again.taken_minor)]),
        waiting_minor=_like(every.read_minor, kept.waiting_minor),
        duplicate_minor=every.duplicate_minor,
        suppressed_minor=every.suppressed_minor,
        discarded_minor=_like(every.read_minor, kept.discarded_minor),
        not_countable_rows=every.not_countable_rows - every.taken_not_countable_rows,
        closed_rows=every.closed_rows - again.taken_rows,
        closed_minor=added([every.closed_minor, negated(again.taken_minor)]),
        warning_rows=every.warning_rows,
    )


def _like(read: Minor, kept: Minor) -> Minor:
    """What is kept as an amount of the kind that is read: by currency, one number, or None without money.

    Units that name no currency are kept as 0, and are in none.
    """
    if isinstance(read, dict):
        return kept if isinstance(kept, dict) else {}
    return None if read is None else kept or 0


def _difference_rows(figures: Counts | Law, parts: Iterable[str]) -> int:
    return figures.read_rows - sum(int(getattr(figures, f"{part}_rows")) for part in parts)


def _difference_minor(figures: Counts | Law, parts: Iterable[str]) -> Minor:
    if figures.read_minor is None:
        return None
    return added([figures.read_minor, *(negated(getattr(figures, f"{part}_minor")) for part in parts)])


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
