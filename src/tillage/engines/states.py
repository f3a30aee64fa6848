"""States of folds: what changes add up to, and how two of them differ."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from tillage.contracts.sql_text import name
from tillage.models.fold import ROWS, Fold
from tillage.ports.lake import Rows


def added_up(connection: duckdb.DuckDBPyConnection, fold: Fold, deltas: Sequence[Rows]) -> Rows:
    """The visible state that the changes lead to, one after the other."""
    for index, delta in enumerate(deltas):
        connection.register(f"delta{index}", delta)
    keys = ", ".join(name(key.name) for key in fold.keys)
    sums = ", ".join(
        f"case when sum({name(output.filled)}) > 0 then sum({name(output.name)}) end as {name(output.name)}"
        for output in fold.sums
    )
    every = " union all ".join(f"from delta{index}" for index in range(len(deltas)))
    order = ", ".join(name(output.name) for output in fold.outputs)
    return connection.sql(
        f"select {order} from (select {keys}, {sums} from ({every}) group by {keys} having sum({name(ROWS)}) <> 0)"
    ).to_arrow_table()


def comparison(fold: Fold) -> str:
    """SELECT over `kept` and `recomputed`: how many keys, how many differ, and the first five of those."""
    same = " and ".join(f"k.{name(key.name)} is not distinct from r.{name(key.name)}" for key in fold.keys)
    equal = " and ".join(f"k.{name(output.name)} is not distinct from r.{name(output.name)}" for output in fold.sums)
    shown = " || ', ' || ".join(
        f"coalesce(coalesce(k.{name(key.name)}, r.{name(key.name)})::varchar, 'null')" for key in fold.keys
    )
    return f"""
        with both_sides as (
            select {shown} as shown, coalesce(k.is_there and r.is_there and {equal}, false) as is_equal
            from (select *, true as is_there from kept) as k
            full join (select *, true as is_there from recomputed) as r on {same}
        )
        select count(*), count(*) filter (where not is_equal),
            coalesce(list(shown order by shown) filter (where not is_equal), [])[1:5]
        from both_sides
    """
