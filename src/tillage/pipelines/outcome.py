"""What became of each record of one load, by file and by reason.

Files are those of the load's statistics. Of a load that a version without statistics published they are counted from
the verdicts in bronze, as reasons always are, since these have amounts; when anything happened that its units tell of
is then not known by file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from tillage.contracts.sql_text import text
from tillage.domain.conservation import Minor, added
from tillage.domain.event import event_of
from tillage.domain.load import Load, LoadKind
from tillage.domain.verdict import QUARANTINED, Verdict
from tillage.pipelines.failing import ShownLoad
from tillage.pipelines.house import House
from tillage.ports.engine import View

_PARTS = {verdict: f"{'quarantined' if verdict in QUARANTINED else verdict}_rows" for verdict in Verdict}
_UNITS = "select record_load, source, unnest(units, max_depth := 2) from bronze.taken"
_BY_VERDICT = f"select record_load, source, dataset, verdict, count(*) as rows from ({_UNITS}) group by all"
_RECORDS = "select record_load, source, count(*) as rows from bronze.taken group by all"
_BY_CODE = f"""
    select dataset, code, verdict, control_currency as currency, count(*) as rows, sum(control_minor) as minor,
        count(*) filter (where control_minor is null) as not_countable
    from (select * exclude (codes), unnest(codes) as code from ({_UNITS})) group by all
"""
_BY_FILE_AND_CODE = f"""
    select record_load, source, dataset, code, count(*) as rows
    from (select record_load, source, dataset, unnest(codes) as code from ({_UNITS})
        where verdict in ({", ".join(text(verdict) for verdict in QUARANTINED)})) group by all
"""
_ROWS = ("read_rows", "accepted_rows", "quarantined_rows", "duplicate_rows", "suppressed_rows")
_Place = tuple[int, int]
"""The load that brought a record, and the number of its file there."""


@dataclass(frozen=True)
class FileOutcome:
    """One file of the load, and the units of one dataset that it held."""

    file: str
    size_bytes: int | None
    """As it is stored; None of a replay or rebuild, which reads no file."""
    records: int
    dataset: str | None
    """None: no unit was found in it, or nothing of it is in bronze."""
    accepted_rows: int = 0
    quarantined_rows: int = 0
    duplicate_rows: int = 0
    suppressed_rows: int = 0
    discarded_rows: int = 0
    """Of a discard: units that it gave up."""
    read_rows: int = 0
    """All of the above but those."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """By code, of the quarantined ones; one counts under each of its codes."""
    first_event_time: datetime | date | None = None
    """Of the accepted ones; None where none is, or the dataset marks no column as the time of its events."""
    last_event_time: datetime | date | None = None


@dataclass(frozen=True)
class ReasonOutcome:
    """Units of one dataset that the load quarantined or gave up under one code; one counts under each of its codes."""

    dataset: str
    code: str
    rows: int
    minor: Minor
    not_countable_rows: int


@dataclass(frozen=True)
class EventsOutcome:
    """When what the accepted units of one dataset tell of happened."""

    dataset: str
    first_event_time: datetime | date
    last_event_time: datetime | date


@dataclass(frozen=True)
class Outcome:
    """Of a load that is not published, nothing but its files."""

    files: tuple[FileOutcome, ...]
    reasons: tuple[ReasonOutcome, ...]
    file_rows: int
    """How many `files` are: one for each file and dataset in it."""
    events: tuple[EventsOutcome, ...] = ()
    has_event_times: bool = True
    """False: a version without statistics published the load, so they are in no file, and in no dataset here."""


def outcome(house: House, shown: ShownLoad) -> Outcome:
    """The verdicts were decided once, so this is the same whenever it is asked."""
    load = house.ledger.load(shown.summary.load_seq)
    if load is None or load.feed not in house.feeds:
        return Outcome((), (), 0)
    if load.kind in {LoadKind.DISCARD, LoadKind.ERASE}:
        return _given_up(house, load)
    kept: list[Mapping[str, Any]] = house.statistics.rows(load.load_seq).to_pylist()
    is_counted = all(row["read_rows"] is not None for row in kept) and (
        bool(kept) or not any(counts.read_rows for counts in shown.counts.values())
    )
    files = tuple(_counted(house, kept) if kept and is_counted else _files(house, load))
    # Of a failed load, or one that is open yet, nobody is to count anything.
    has_event_times = is_counted or not house.ledger.is_published(load)
    return Outcome(files, tuple(_reasons(house, load)), len(files), tuple(_events(files)), has_event_times)


def _counted(house: House, kept: Sequence[Mapping[str, Any]]) -> Iterator[FileOutcome]:
    order = _order(house)
    for (file, _, _), rows in groupby(kept, lambda row: (row["file"], row["record_load"], row["source"])):
        of_file = list(rows)
        size_bytes, records = of_file[0]["size_bytes"], of_file[0]["records"]
        found = [row for row in of_file if row["read_rows"]]
        for row in sorted(found, key=lambda row: order(row["dataset"])):
            first, last = (
                event_of(row[bound], is_date=row["is_event_date"]) for bound in ("first_event", "last_event")
            )
            yield FileOutcome(
                file,
                size_bytes,
                records,
                row["dataset"],
                **{part: row[part] for part in _ROWS},
                reasons={one["code"]: one["rows"] for one in row["code_rows"]},
                first_event_time=first,
                last_event_time=last,
            )
        if not found:
            yield FileOutcome(file, size_bytes, records, None)


def _events(files: Sequence[FileOutcome]) -> Iterator[EventsOutcome]:
    """A column is a date in all files of a load, or in none."""
    found: dict[str, EventsOutcome] = {}
    for one in files:
        if one.dataset and one.first_event_time and one.last_event_time:
            known = found.get(one.dataset)
            firsts, lasts = [one.first_event_time], [one.last_event_time]
            if known:
                firsts, lasts = [*firsts, known.first_event_time], [*lasts, known.last_event_time]
            found[one.dataset] = EventsOutcome(one.dataset, min(firsts), max(lasts))
    return iter(found.values())


def _order(house: House) -> Callable[[str], tuple[int, str]]:
    """As the project's files have the datasets; some of an old load are there no more."""
    places = {name: place for place, name in enumerate(house.datasets())}
    return lambda name: (places.get(name, len(places)), name)


def _given_up(house: House, load: Load) -> Outcome:
    """From the ledger, since a discard writes no verdicts."""
    files = tuple(
        FileOutcome(path, None, records, dataset, discarded_rows=units)
        for dataset, path, units, records in house.ledger.discarded_files(load.load_seq)
    )
    return Outcome(files, tuple(_joined(house.ledger.discarded_reasons(load.load_seq))), len(files))


def _files(house: House, load: Load) -> Iterator[FileOutcome]:
    units: dict[_Place, dict[str, Counter[str]]] = {}
    for row in _rows(house, load, _BY_VERDICT):
        rows = units.setdefault((row["record_load"], row["source"]), {}).setdefault(row["dataset"], Counter())
        rows[_PARTS[Verdict(row["verdict"])]] += int(row["rows"])
        rows["read_rows"] += int(row["rows"])
    reasons: dict[tuple[_Place, str], Counter[str]] = {}
    for row in _rows(house, load, _BY_FILE_AND_CODE):
        found = reasons.setdefault(((row["record_load"], row["source"]), row["dataset"]), Counter())
        found[row["code"]] += int(row["rows"])
    records = {(row["record_load"], row["source"]): int(row["rows"]) for row in _rows(house, load, _RECORDS)}
    sizes = {(load.load_seq, one.source): one.size_bytes for one in load.sources}
    loads = {seq for seq, _ in [*records, *sizes]}
    paths = {(seq, source): path for seq in loads for source, path in house.ledger.paths(seq).items()}
    order = _order(house)
    for place in sorted(records.keys() | sizes.keys(), key=lambda place: (paths[place], place)):
        by_dataset = units.get(place, {})
        file, size_bytes, read = paths[place], sizes.get(place), records.get(place, 0)
        for dataset in sorted(by_dataset, key=order):
            found_rows: dict[str, Any] = dict(by_dataset[dataset])
            why = dict(sorted(reasons.get((place, dataset), Counter()).items()))
            yield FileOutcome(file, size_bytes, read, dataset, **found_rows, reasons=why)
        if not by_dataset:
            yield FileOutcome(file, size_bytes, read, None)


def _reasons(house: House, load: Load) -> Iterator[ReasonOutcome]:
    rows = (row for row in _rows(house, load, _BY_CODE) if row["verdict"] in QUARANTINED)
    return _joined(
        (row["dataset"], row["code"], int(row["rows"]), _amount(row), int(row["not_countable"])) for row in rows
    )


def _amount(row: Mapping[str, Any]) -> Minor:
    minor = int(row["minor"] or 0)
    return {row["currency"]: minor} if row["currency"] else minor


def _joined(rows: Iterable[tuple[str, str, int, Minor, int]]) -> Iterator[ReasonOutcome]:
    """One for each dataset and code, of whatever currencies, those with most units first."""
    found: dict[tuple[str, str], ReasonOutcome] = {}
    for dataset, code, units, minor, not_countable in rows:
        one = found.get((dataset, code), ReasonOutcome(dataset, code, 0, 0, 0))
        found[dataset, code] = ReasonOutcome(
            dataset, code, one.rows + units, added([one.minor, minor]), one.not_countable_rows + not_countable
        )
    return iter(sorted(found.values(), key=lambda one: (one.dataset, -one.rows, one.code)))


def _rows(house: House, load: Load, query: str) -> list[Mapping[str, Any]]:
    """The rows of `query` over `bronze.taken`: the bronze rows of the load, as far as readers see them."""
    published = house.ledger.published().get(load.feed, 0)
    view = house.engine.bronze_view(house.lake.bronze(load.feed).snapshot(), published)
    taken = View(f"select * from ({view.sql}) where load_seq = {int(load.load_seq)}", view.tables)
    found = house.engine.query(query, {("bronze", "taken"): taken}, house.lake.location())
    rows: list[Mapping[str, Any]] = found.to_pylist()
    return rows
