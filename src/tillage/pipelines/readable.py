"""Tables of the lake under the names by which people read them, as they are up to the last published loads.

Of feeds about people the bytes of records are not among them: where they stand is.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from tillage.contracts.contract import Merge
from tillage.pipelines.house import House
from tillage.ports.engine import View

KEPT = "kept"
"""Schema of what the views read from the store, which nobody asks for by name."""
_STATISTICS = """
    load_seq as "load", feed, kind, dataset, file, record_load as file_load, size_bytes as bytes, records,
    read_rows as "rows", accepted_rows as accepted, quarantined_rows as quarantined, duplicate_rows as duplicate,
    suppressed_rows as suppressed, code_rows as reasons, first_event as first_event_time, last_event as last_event_time,
    planned_at, sealed_at, seconds, is_resumed
"""
_FILES = pa.schema([("load_seq", pa.int64()), ("source", pa.int32()), ("path", pa.string())])
_PLANNED = pa.schema([("load_seq", pa.int64()), ("planned_at", pa.timestamp("us", tz="UTC"))])


def lake_names(house: House) -> list[tuple[str, str]]:
    """Schema and name of each table that can be read of the lake, in the order of the project's files."""
    found = [("bronze", feed) for feed in house.feeds]
    for dataset in house.datasets():
        found.append(("silver", dataset))
        if house.dataset(dataset)[1].merge is Merge.SCD2:
            found.append(("history", dataset))
        found += [("quarantine", dataset), ("warnings", dataset)]
    return found


def statistics_view(house: House) -> View:
    """`ops.statistics`: what each file brought to each dataset, a row of the store for each load that looked."""
    table = f"{KEPT}.statistics"
    return View(f"from {table} select {_STATISTICS}", {table: house.statistics.rows()})


def lake_view(house: House, schema: str, name: str, published: Mapping[str, int]) -> View:
    """One of `lake_names`; what lies in the store is read now, what lies in the lake when the view is."""
    match schema:
        case "bronze":
            has_people = house.feeds[name].check.contract.has_people
            snapshot = house.lake.bronze(name).snapshot()
            return house.engine.bronze_view(snapshot, published.get(name, 0), without_bytes=has_people)
        case "silver":
            return View(house.engine.standing(name, house.visible(name, published)), {})
        case "history":
            return _history(house, name, published)
        case "warnings":
            return _warnings(house, name, published)
    return _quarantine(house, name, published)


def _history(house: House, dataset: str, published: Mapping[str, int]) -> View:
    loads = [{"load_seq": one.load_seq, "planned_at": one.planned_at} for one in house.ledger.summaries()]
    return house.engine.history(
        dataset, house.visible(dataset, published), pa.Table.from_pylist(loads, schema=_PLANNED)
    )


def _warnings(house: House, dataset: str, published: Mapping[str, int]) -> View:
    feed, _ = house.dataset(dataset)
    files = [dict(zip(_FILES.names, file, strict=True)) for file in house.ledger.all_paths(feed)]
    bronze = house.lake.bronze(feed).snapshot()
    silver = house.visible(dataset, published)
    return house.engine.warnings_view(dataset, bronze, silver, pa.Table.from_pylist(files, schema=_FILES))


def _quarantine(house: House, dataset: str, published: Mapping[str, int]) -> View:
    feed, _ = house.dataset(dataset)
    bronze = house.engine.bronze_view(house.lake.bronze(feed).snapshot(), published.get(feed, 0))
    units = house.ledger.quarantine_rows(dataset)
    table = f"{KEPT}.quarantined_{dataset}"
    with_bytes = f"from {table} as q join ({bronze.sql}) as b using (load_seq, source, ordinal)"
    columns = 'q.load_seq, q.file, q.ordinal as line, q."offset", q.unit, q.codes, q.control_minor'
    if not house.feeds[feed].check.contract.has_people:  # else the bytes are in the file, at that line
        columns += ", b.raw"
    return View(f"select {columns} {with_bytes}", {table: units})
