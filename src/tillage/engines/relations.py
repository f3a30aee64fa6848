"""Lake tables as DuckDB relations: the active Parquet files of one snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import BRONZE_COLUMNS, empty_relation, silver_columns
from tillage.ports.engine import Silver
from tillage.ports.lake import Snapshot


def parquet(snapshot: Snapshot) -> str | None:
    """A table function call that reads the snapshot; None when it holds no file."""
    if not snapshot.files:
        return None
    return f"read_parquet([{', '.join(text(file) for file in snapshot.files)}])"


def bronze_relation(snapshot: Snapshot, loads: Iterable[int]) -> str | None:
    """The bronze rows of `loads`; None when there are none."""
    files = parquet(snapshot)
    wanted = ", ".join(str(int(load)) for load in loads)
    if files is None or not wanted:
        return None
    return f"select {', '.join(name(column) for column, _ in BRONZE_COLUMNS)} from {files} where load_seq in ({wanted})"


def silver_relation(dataset: Dataset, silver: Silver) -> str:
    """All visible signed rows of a dataset."""
    files = parquet(silver.snapshot)
    if files is None:
        return empty_relation(dataset)
    columns = ", ".join(name(column) for column, _ in silver_columns(dataset))
    return f"select {columns} from {files} where _load <= {int(silver.last_load)}"


def current_relation(dataset: Dataset, signed: str) -> str:
    """The rows of `signed` that stand: opened and not closed, one for each unit."""
    own = [name(column) for column, _ in silver_columns(dataset) if column not in ("_sign", "_load", "_record")]
    values = ", ".join(f"any_value({column}) as {column}" for column in own)
    return f"select {values}, max(_load) as _load, _record from ({signed}) group by _record having sum(_sign) > 0"
