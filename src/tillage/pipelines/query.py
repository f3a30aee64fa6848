"""`tillage query`: a user's SELECT over bronze, silver, gold, quarantine and ops, as readers may see them."""

from __future__ import annotations

from collections.abc import Mapping

from tillage.pipelines.house import House
from tillage.pipelines.readable import KEPT, lake_names, lake_view, statistics_view
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import View
from tillage.ports.lake import Rows

_OF_THE_STORE = {"history", "quarantine", "warnings"}


def query(house: House, sql: str) -> Rows:
    """The rows of one SELECT.

    Schemas: `bronze.<feed>`, `silver.<dataset>` (rows that stand), `history.<dataset>` (every version, of datasets that
    merge as scd2), `gold.<model>`, `quarantine.<dataset>` (units that wait, with the bytes of their record),
    `warnings.<dataset>` (what is told of units that stand), `ops.statistics` (what each file brought to each dataset).

    Raises:
        QueryError: not one SELECT, or wrong SQL.
    """
    return at_one_moment(house, lambda published: _query(house, sql, published))


def _query(house: House, sql: str, published: Mapping[str, int]) -> Rows:
    # What lies in the store is copied only if it is read; a query that names nothing, like `show all tables`, sees all.
    wanted = {name.replace('"', "").lower() for name in house.engine.table_names(sql)}
    views: dict[tuple[str, str], View] = {}
    for schema, name in lake_names(house):
        if schema not in _OF_THE_STORE or not wanted or f"{schema}.{name}" in wanted:
            views[schema, name] = lake_view(house, schema, name, published)
    for model in house.folds.outputs():
        if not wanted or f"gold.{model}" in wanted:
            state = f"{KEPT}.state_{model}"
            views["gold", model] = View(f"select * from {state}", {state: house.folds.state(model)})
    if not wanted or "ops.statistics" in wanted:
        views["ops", "statistics"] = statistics_view(house)
    return house.engine.query(sql, views, house.lake.location())
