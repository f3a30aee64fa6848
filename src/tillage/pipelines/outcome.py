"""What became of each record of one load, by file and by reason, counted from the verdicts in bronze."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tillage.domain.conservation import Minor, added
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


@dataclass(frozen=True)
class ReasonOutcome:
    """Units of one dataset that the load quarantined or gave up under one code; one counts under each of its codes."""

    dataset: str
    code: str
    rows: int
    minor: Minor
    not_countable_rows: int


@dataclass(frozen=True)
class Outcome:
    """Of a load that is not published, nothing but its files."""

    files: tuple[FileOutcome, ...]
    reasons: tuple[ReasonOutcome, ...]


def outcome(house: House, shown: ShownLoad) -> Outcome:
    """The verdicts were decided once, so this is the same whenever it is asked."""
    load = house.ledger.load(shown.summary.load_seq)
    if load is None or load.feed not in house.feeds:
        return Outcome((), ())
    if load.kind is LoadKind.DISCARD:
        return _given_up(house, load)
    return Outcome(tuple(_files(house, load)), tuple(_reasons(house, load)))


def _given_up(house: House, load: Load) -> Outcome:
    """From the ledger, since a discard writes no verdicts."""
    files = (
        FileOutcome(path, None, records, dataset, discarded_rows=units)
        for dataset, path, units, records in house.ledger.discarded_files(load.load_seq)
    )
    return Outcome(tuple(files), tuple(_joined(house.ledger.discarded_reasons(load.load_seq))))


def _files(house: House, load: Load) -> Iterator[FileOutcome]:
    units: dict[_Place, dict[str, Counter[str]]] = {}
    for row in _rows(house, load, _BY_VERDICT):
        rows = units.setdefault((row["record_load"], row["source"]), {}).setdefault(row["dataset"], Counter())
        rows[_PARTS[Verdict(row["verdict"])]] += int(row["rows"])
    records = {(row["record_load"], row["source"]): int(row["rows"]) for row in _rows(house, load, _RECORDS)}
    sizes = {(load.load_seq, one.source): one.size_bytes for one in load.sources}
    loads = {seq for seq, _ in [*records, *sizes]}
    paths = {(seq, source): path for seq in loads for source, path in house.ledger.paths(seq).items()}
    order = {name: place for place, name in enumerate(house.datasets())}  # none is there any more of some old load
    for place in sorted(records.keys() | sizes.keys(), key=lambda place: (paths[place], place)):
        found = units.get(place, {})
        file, size_bytes, read = paths[place], sizes.get(place), records.get(place, 0)
        for dataset in sorted(found, key=lambda name: (order.get(name, len(order)), name)):
            yield FileOutcome(file, size_bytes, read, dataset, **found[dataset])
        if not found:
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
