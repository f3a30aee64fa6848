"""`tillage query`: a user's SELECT over bronze, silver, gold and quarantine, as readers may see them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from tillage.contracts.contract import Merge
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import View
from tillage.ports.lake import Rows

_KEPT = "kept"
"""Schema of what the views read from the store, which nobody asks for by name."""
_PLANNED = pa.schema([("load_seq", pa.int64()), ("planned_at", pa.timestamp("us", tz="UTC"))])


def query(house: House, sql: str) -> Rows:
    """The rows of one SELECT.

    Schemas: `bronze.<feed>`, `silver.<dataset>` (rows that stand), `history.<dataset>` (every version, of datasets that
    merge as scd2), `gold.<model>`, `quarantine.<dataset>` (units that wait, with the bytes of their record).

    Raises:
        QueryError: not one SELECT, or wrong SQL.
    """
    return at_one_moment(house, lambda published: _query(house, sql, published))


def _query(house: House, sql: str, published: Mapping[str, int]) -> Rows:
    # What lies in the store is copied only if it is read; a query that names nothing, like `show all tables`, sees all.
    wanted = {name.replace('"', "").lower() for name in house.engine.table_names(sql)}
    views: dict[tuple[str, str], View] = {}
    for feed in house.feeds:
        views["bronze", feed] = house.engine.bronze_view(house.lake.bronze(feed).snapshot(), published.get(feed, 0))
    for dataset in house.datasets():
        views["silver", dataset] = View(house.engine.standing(dataset, house.visible(dataset, published)), {})
        if house.dataset(dataset)[1].merge is Merge.SCD2 and (not wanted or f"history.{dataset}" in wanted):
            views["history", dataset] = _history(house, dataset, published)
        if not wanted or f"quarantine.{dataset}" in wanted:
            views["quarantine", dataset] = _quarantine(house, dataset, published)
    for model in house.folds.outputs():
        if not wanted or f"gold.{model}" in wanted:
            state = f"{_KEPT}.state_{model}"
            views["gold", model] = View(f"select * from {state}", {state: house.folds.state(model)})
    return house.engine.query(sql, views, house.lake.location())


def _history(house: House, dataset: str, published: Mapping[str, int]) -> View:
    loads = [{"load_seq": one.load_seq, "planned_at": one.planned_at} for one in house.ledger.summaries()]
    return house.engine.history(
        dataset, house.visible(dataset, published), pa.Table.from_pylist(loads, schema=_PLANNED)
    )


def _quarantine(house: House, dataset: str, published: Mapping[str, int]) -> View:
    feed, _ = house.dataset(dataset)
    bronze = house.engine.bronze_view(house.lake.bronze(feed).snapshot(), published.get(feed, 0))
    units = house.ledger.quarantine_rows(dataset)
    table = f"{_KEPT}.quarantined_{dataset}"
    with_bytes = f"from {table} as q join ({bronze.sql}) as b using (load_seq, source, ordinal)"
    columns = 'q.load_seq, q.file, q.ordinal as line, q."offset", q.unit, q.codes, q.control_minor, b.raw'
    return View(f"select {columns} {with_bytes}", {table: units})
