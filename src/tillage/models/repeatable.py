"""Whether a table comes out the same from the same rows each time, as far as its text can tell."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from tillage.models.allowed import CLOCKS, FUNCTIONS, called

# Of the functions that a fold cannot have, those with one answer for the same rows in whatever order these come.
_OF_ALL_ROWS = {"avg", "min", "max", "median", "count_if", "bool_and", "bool_or", "rank", "dense_rank"}
_CUTTING = ("limit", "offset")


def doubt(text: str) -> str | None:
    """The first thing that may come out otherwise for the same rows: by chance, the clock, or an order that nothing
    says; None if there is none.

    It errs on that side: `row_number` over a complete order gives one answer, and is named all the same.
    """
    odd = sorted({function for function, _ in called(text)} - FUNCTIONS - _OF_ALL_ROWS)
    if odd:
        return f"'{odd[0]}'"
    for node in sqlglot.parse_one(text, dialect="duckdb").walk():
        if isinstance(node, (exp.TableSample, *CLOCKS)):
            return f"'{node.sql(dialect='duckdb')[:40]}'"
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            return "DISTINCT ON"
        if isinstance(node, exp.WindowSpec) and str(node.args.get("kind") or "").upper() != "RANGE":
            return "a window over some rows before"
        cut = [clause for clause in _CUTTING if isinstance(node, exp.Query) and node.args.get(clause)]
        if cut:
            return cut[0].upper()
    return None
