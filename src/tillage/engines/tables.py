"""Models that are no folds, computed whole: each sees what stands in its datasets, and the models before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import empty_relation, silver_columns
from tillage.engines.filling import fill
from tillage.errors import ModelError, ModelMemoryError
from tillage.models.derived import Derived, ModelKind
from tillage.ports.engine import TableComparison
from tillage.ports.lake import ColumnTypes, Rows

_ROWS = 100_000
_FLOATS = {"FLOAT", "DOUBLE"}
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}


def prepare(
    connection: duckdb.DuckDBPyConnection,
    datasets: Mapping[str, Dataset],
    standing: Mapping[str, str],
    folds: Mapping[str, ColumnTypes],
    states: Mapping[str, Rows],
) -> None:
    """Relations under the names of datasets and folds, as models see them; of what is not given, without rows."""
    for dataset in datasets.values():
        own = ", ".join(name(column) for column, _ in silver_columns(dataset) if not column.startswith("_"))
        rows = standing.get(dataset.name) or empty_relation(dataset)
        connection.execute(f"create or replace temp view {name(dataset.name)} as select {own} from ({rows})")
    for fold, types in folds.items():
        columns = ", ".join(f"{name(column)} {kind}" for column, kind in types)
        connection.execute(f"create or replace temp table {name(fold)} ({columns})")
        if fold in states:
            fill(connection, name(fold), states[fold])


OF_A_BUILD = "loaded ({}); its table stays as it is. Guard the expression (try_cast, nullif, case), then: tillage run"
OF_A_TEST = "given ({}). Guard the expression (try_cast, nullif, case), or give what it is made for"


def compute(connection: duckdb.DuckDBPyConnection, models: Iterable[Derived], *, of: str = OF_A_BUILD) -> None:
    """Each table, and each view as a view, in order; `of` says what failing on a row means.

    Raises:
        ModelError: the SQL does not run, or fails on a row.
        ModelMemoryError: it needs more than the engine may hold.
    """
    for model in models:
        what = "view" if model.kind is ModelKind.VIEW else "table"
        try:
            connection.execute(f"create or replace temp {what} {name(model.name)} as {model.sql}")
        except duckdb.OutOfMemoryException:
            raise ModelMemoryError(f"models/{model.name}.sql") from None
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as wrong:
            raise ModelError(f"models/{model.name}.sql does not run: {str(wrong).splitlines()[0]}") from None
        except duckdb.Error as wrong:
            # Its text may quote a value of a row.
            what = of.format(type(wrong).__name__)
            raise ModelError(f"models/{model.name}.sql fails on a row that is {what}") from None


def types_of(connection: duckdb.DuckDBPyConnection, model: Derived) -> list[tuple[str, str]]:
    """Name and type of the columns of a model that `compute` made.

    Raises:
        ModelError: an amount is a float, or no whole number of minor units.
    """
    described = connection.execute(f"describe {name(model.name)}").fetchall()
    # By place: of a view that says `shop as Shop` DuckDB still calls the column `shop`.
    types = [(output.name, str(kind)) for output, (_, kind, *_) in zip(model.outputs, described, strict=True)]
    found = dict(types)
    for output in model.outputs:
        kind = found[output.name]
        is_whole = kind in _WHOLE or (kind.startswith("DECIMAL(") and kind.endswith(",0)"))
        if output.currency is not None and not is_whole:
            raise ModelError(
                f"models/{model.name}.sql: column '{output.name}' is an amount in {kind}, no whole number of minor "
                "units; round it: cast(round(x) as bigint), or divide with //"
            )
    return types


def rows_of(connection: duckdb.DuckDBPyConnection, model: Derived) -> Rows:
    """The rows of a table that `compute` made, as a stream."""
    return connection.sql(f"from {name(model.name)}").to_arrow_reader(_ROWS)


def compared_table(connection: duckdb.DuckDBPyConnection, model: Derived, kept: Rows) -> TableComparison:
    """Rows of a table that `compute` made, and those that are kept of it, each as often as they come."""
    mine = name(model.name)
    types = connection.execute(f"describe {mine}").fetchall()
    names = [str(row[0]) for row in types]
    connection.execute(f'create or replace temp table "#kept" as from {mine} limit 0')
    fill(connection, '"#kept"', kept)
    exact = ", ".join(name(str(row[0])) for row in types if row[1] not in _FLOATS) or "1"
    ours, theirs = f"select {exact} from {mine}", f'select {exact} from "#kept"'
    connection.execute(f"""
        create or replace temp table "#differing" as
        (({ours}) except all ({theirs})) union all (({theirs}) except all ({ours}))
    """)
    first = name(names[0]) if types[0][1] not in _FLOATS else "null"
    ((rows,),) = connection.execute(f"select count(*) from {mine}").fetchall()
    ((differ, shown),) = connection.execute(f'select count(*), min({first}::varchar) from "#differing"').fetchall()
    return TableComparison(int(rows), int(differ), str(shown))
