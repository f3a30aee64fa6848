"""Models over rows that lie in no lake, for tests of them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name
from tillage.engines.relations import current_relation
from tillage.engines.tables import OF_A_TEST, compute, prepare
from tillage.errors import ModelError
from tillage.models.project import Models
from tillage.ports.lake import ColumnTypes, Rows


def try_models(
    connection: duckdb.DuckDBPyConnection,
    datasets: Mapping[str, Dataset],
    models: Models,
    *,
    silver: Mapping[str, Rows],
    types: Mapping[str, ColumnTypes],
    states: Mapping[str, Rows],
) -> None:
    """Relations under the names of all models, as a build makes them of these signed rows and states of folds.

    Raises:
        ModelError: one does not run, or fails on a row.
    """
    standing = {}
    for dataset, rows in silver.items():
        given = name(f"#given_{dataset}")
        connection.register("#rows", rows)
        connection.execute(f'create or replace temp table {given} as select * from "#rows"')
        connection.unregister("#rows")
        standing[dataset] = current_relation(datasets[dataset], f"from {given}")
    prepare(connection, datasets, standing, types, states)
    compute(connection, models.derived.values(), of=OF_A_TEST)


def tried_rows(connection: duckdb.DuckDBPyConnection, models: Models, model: str, most: int) -> Rows:
    """At most so many rows of a model that `try_models` made: in its own order, if it says one.

    Raises:
        ModelError: it is a view that fails on a row.
    """
    derived = models.derived[model]
    # A table that was filled in an order is not read in it.
    rows = f"({derived.sql})" if derived.is_ordered else name(model)
    try:
        return connection.sql(f"from {rows} limit {int(most)}").to_arrow_table()
    except duckdb.Error as wrong:
        what = OF_A_TEST.format(type(wrong).__name__)
        raise ModelError(f"models/{model}.sql fails on a row that is {what}") from None
