"""Lake tables as DuckDB relations: the active Parquet files of one snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import BRONZE_COLUMNS, no_rows, silver_columns
from tillage.domain.load import Spans
from tillage.ports.lake import Silver, Snapshot


def snapshot_relation(snapshot: Snapshot, columns: Sequence[tuple[str, str]], condition: str) -> str:
    """SELECT of the columns from the snapshot's files; of no rows when it has none.

    Also of files that were written when there were fewer of them, or fewer members inside: what a file lacks is null.
    """
    return f"{_whole(columns, _files(snapshot))} where {condition}" if snapshot.files else no_rows(columns)


def _whole(columns: Sequence[tuple[str, str]], rows: str) -> str:
    """SELECT of the columns from `rows`; those, at any depth, that they lack are null."""
    own = ", ".join(f"{name(column)}::{kind} as {name(column)}" for column, kind in columns)
    return f"select {own} from ({rows} union all by name {no_rows(columns)})"


def _files(snapshot: Snapshot, option: str = "") -> str:
    """All rows of the snapshot's files."""
    files = ", ".join(text(literal_path(file)) for file in snapshot.files)
    # Without the first option a folder of the path that is named like `shop=1` would be a column.
    return f"from read_parquet([{files}], hive_partitioning = false, union_by_name = true{option})"


def literal_path(path: str) -> str:
    """`path` as a pattern of DuckDB that matches it alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", path)


def bronze_relation(snapshot: Snapshot, loads: Iterable[int]) -> str:
    """The bronze rows of `loads`."""
    wanted = ", ".join(str(int(load)) for load in loads) or "null"
    return _bronze(snapshot, f"load_seq in ({wanted})")


def visible_bronze_relation(snapshot: Snapshot, last_load: int) -> str:
    """The bronze rows up to a load."""
    return _bronze(snapshot, f"load_seq <= {int(last_load)}")


def spanned_bronze_relation(snapshot: Snapshot, spans: Spans, *, with_file: bool = False) -> str:
    """The bronze rows of the loads in `spans`; `with_file`: each with the path of its file, `filename`."""
    within = " or ".join(f"load_seq between {int(first)} and {int(last)}" for first, last in spans) or "false"
    return _bronze(snapshot, within, ", filename = true" if with_file else "")


def _bronze(snapshot: Snapshot, condition: str, option: str = "") -> str:
    """Also of files that an older version wrote: a column that they lack is null, and the load that brought a record
    is the one that they are of.
    """
    if not snapshot.files:
        return no_rows(BRONZE_COLUMNS)
    return f"""
        select * replace (coalesce(record_load, load_seq) as record_load)
        from ({_files(snapshot, option)} union all by name {no_rows(BRONZE_COLUMNS)})
        where {condition}
    """


def grown(dataset: Dataset, rows: str) -> str:
    """`rows` with all columns that silver keeps of the dataset; those, at any depth, that they lack are null."""
    return _whole(silver_columns(dataset), rows)


def silver_relation(dataset: Dataset, silver: Silver) -> str:
    """All visible signed rows of a dataset."""
    return snapshot_relation(silver.snapshot, silver_columns(dataset), f"_load <= {int(silver.last_load)}")


def current_relation(dataset: Dataset, signed: str) -> str:
    """The rows of `signed` that stand: opened and not closed, or closed and opened again, which only a rebuild does.

    One that was opened again was so by another load than the one that brought it, as few are: what is costly is asked
    of these alone.
    """
    own = ", ".join(name(column) for column, _ in silver_columns(dataset) if column != "_sign")
    closed = f"select _record from ({signed}) where _sign = -1"
    again = f'select _record from ({signed}) where _sign = 1 and _load <> _record."load" and _record in ({closed})'
    return f"""
        select {own} from ({signed}) where _sign = 1 and _record not in ({closed})
        union all
        select {own} from ({signed}) where _sign = 1 and (_record, _load) in (
            select (_record, max(_load)) from ({signed}) where _record in ({again})
            group by _record having sum(_sign) > 0)
    """


def turns(signed: str, sign: int) -> str:
    """SELECT of the rows of one sign, with `_turn`: which opening or closing of its unit it is, from 1."""
    turn = "row_number() over (partition by _record order by _load)"
    return f"select *, {turn} as _turn from ({signed}) where _sign = {int(sign)}"
