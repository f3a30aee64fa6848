"""SQL booleans that a contract states over the columns of one unit: read, refused where unsafe, made safe to run."""

from __future__ import annotations

import itertools
from collections.abc import Collection

import sqlglot
from sqlglot import TokenType, exp

_FUNCTIONS = {
    *("abs", "sign", "round", "floor", "ceil", "ceiling", "mod", "greatest", "least", "coalesce", "nullif", "ifnull"),
    *("lower", "upper", "trim", "ltrim", "rtrim", "length", "strlen", "substring", "substr", "left", "right"),
    *("contains", "starts_with", "ends_with", "replace", "split_part", "concat", "regexp_matches", "regexp_full_match"),
    *("len", "list_contains", "list_sum", "list_min", "list_max", "list_filter", "list_transform", "list_unique"),
    *("list_distinct", "list_any_value", "list_count", "list_bool_and", "list_bool_or", "array_length", "cardinality"),
    *(
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "dayofweek",
        "isodow",
        "date_part",
        "date_diff",
        "date_trunc",
    ),
    *("date_sub", "datediff", "extract", "if", "cast", "try_cast", "case", "position", "strpos", "instr"),
}
_AGGREGATES = {
    *("count", "sum", "min", "max", "avg", "median", "count_if", "countif", "bool_and", "bool_or", "any_value"),
    *("distinct", "filter", "over", "row_number", "rank", "dense_rank", "lag", "lead"),
}
_WORDS = {
    "in",
    "and",
    "or",
    "not",
    "between",
    "then",
    "when",
    "else",
    "like",
    "ilike",
    "is",
    "from",
    "as",
    "array",
    "select",
    "where",
    "on",
    "by",
    "having",
}
"""What may stand before a parenthesis without being a function."""
_REFUSED = (exp.Query, exp.Window, exp.AggFunc, exp.Star, exp.Parameter, exp.Placeholder, exp.Command)
_CLOCKS = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentUser)


def read_condition(sql: str, columns: set[str], *, is_kept: bool = False) -> tuple[str, ...]:
    """The columns that the boolean `sql` reads, in order. `is_kept`: its functions were allowed once, and are again.

    Raises:
        ValueError: not one SQL expression, a column that does not exist, or a function that is not pure.
    """
    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError):
        raise ValueError("it is not a SQL expression") from None
    if len(trees) != 1 or trees[0] is None or ";" in sql:
        raise ValueError("it must be one SQL expression")
    tree = trees[0]
    bound = {parameter.name for function in tree.find_all(exp.Lambda) for parameter in function.expressions}
    if next(tree.find_all(*_REFUSED), None) is not None:
        raise ValueError("it may hold no query, aggregate or window; it sees one unit")
    if not is_kept:
        check_functions(sql, tree)
    found: list[str] = []
    for column in tree.find_all(exp.Column):
        name = column.parts[0].name
        if name in bound:
            continue
        if name not in columns:
            raise ValueError(f"unknown column '{name}'; the columns are: {', '.join(sorted(columns))}")
        found.append(name)
    return tuple(dict.fromkeys(found))


def check_functions(sql: str, tree: exp.Expr, *, is_aggregate_allowed: bool = False) -> None:
    """Only functions that give the same answer for the same rows, always, and that reach nothing outside.

    Raises:
        ValueError: names the others.
    """
    odd = _called(sql) - _FUNCTIONS - (_AGGREGATES if is_aggregate_allowed else set())
    if next(tree.find_all(*_CLOCKS), None) is not None or odd:
        shown = ", ".join(sorted(odd)) or "the clock"
        raise ValueError(f"'{shown}' cannot be used here: a rule gives the same answer for the same data, always")


def _called(sql: str) -> set[str]:
    """Names that stand before a parenthesis."""
    tokens = sqlglot.tokenize(sql, dialect="duckdb")
    return {
        token.text.lower()
        for token, following in itertools.pairwise(tokens)
        if following.token_type is TokenType.L_PAREN and token.text.isidentifier() and token.text.lower() not in _WORDS
    }


def is_broken(sql: str) -> str:
    """SQL: whether a unit breaks the rule `sql`: it is false, or fails; null is no violation."""
    return f"not coalesce({_tried(f'coalesce(({_strict(sql)})::boolean, true)')}, false)"


MET, UNMET, UNKNOWN = 1, 0, 2


def answer(sql: str, *, row: str = "", columns: Collection[str] = ()) -> str:
    """SQL: MET, UNMET, or UNKNOWN where the condition is null; null where it fails. `row`: the struct that holds its
    `columns`.
    """
    if row:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        for column in list(tree.find_all(exp.Column)):
            if column.parts[0].name in columns and not _is_bound(column):
                column.replace(exp.Dot.build([exp.to_identifier(row), *(part.copy() for part in column.parts)]))
        sql = tree.sql(dialect="duckdb", comments=False)
    return _tried(f"case ({_strict(sql)})::boolean when true then {MET} when false then {UNMET} else {UNKNOWN} end")


def _tried(expression: str) -> str:
    """SQL: the expression, null where it fails; see `contracts.amount` for why it stands inside a lambda."""
    return f"list_transform([1], lambda _one: try({expression}))[1]"


def _is_bound(column: exp.Column) -> bool:
    """Whether it names the parameter of a lambda around it."""
    around = column.find_ancestor(exp.Lambda)
    return around is not None and column.parts[0].name in {parameter.name for parameter in around.expressions}


def _strict(sql: str) -> str:
    """The same expression, in which a division by zero fails; the engine would go on with infinity or null."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    if next(tree.find_all(exp.Div, exp.IntDiv, exp.Mod), None) is None:
        return f"{sql}\n"  # a comment at its end must not take the rest of the statement with it
    for node in list(tree.find_all(exp.Div, exp.IntDiv, exp.Mod)):
        divisor = node.expression
        zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
        # A cast that fails on the row: `error()` is volatile, which `try` does not take.
        text = exp.DPipe(this=exp.Literal.string("by "), expression=exp.cast(exp.paren(divisor.copy()), "text"))
        failing = exp.cast(exp.paren(text), "int")
        node.set("expression", exp.Paren(this=exp.Case().when(zero, failing).else_(divisor.copy())))
    return tree.sql(dialect="duckdb", comments=False)
