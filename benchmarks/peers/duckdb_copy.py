"""Plain DuckDB: the nested file copied to Parquet by one statement, nothing checked, prices as text."""

from __future__ import annotations

from pathlib import Path

import duckdb
from work import timed

_COLUMNS = (
    "{customerId: 'VARCHAR', orders: 'STRUCT(orderId VARCHAR, basket STRUCT("
    "productId VARCHAR, grossMerchandiseValueEur VARCHAR, productType VARCHAR)[])[]'}"
)


def work(source: Path, target: Path) -> None:
    duckdb.execute("set preserve_insertion_order = false")
    duckdb.execute(
        f"copy (select * from read_json('{source}', format = 'newline_delimited', columns = {_COLUMNS})) "
        f"to '{target}/records.parquet' (format parquet)"
    ).fetchall()


timed(work, duckdb=duckdb.__version__)
