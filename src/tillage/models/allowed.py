"""What a model may be made of: nothing that reads beside the rows, picks some of them, or answers otherwise next time.

A fold adds what a load brings to what stands, and is recomputed from all rows to prove it. Both are the same only if
each row always gives the same, whatever rows are beside it and whenever it is asked.
"""

from __future__ import annotations

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.duckdb import DuckDB

from tillage.errors import ModelError
from tillage.models.portable.table import FUNCTIONS as PORTABLE

FUNCTIONS = frozenset(
    {
        *("sum", "count", "unnest", "coalesce", "ifnull", "nullif", "if", "case", "cast", "try_cast", "greatest"),
        *("least", "abs", "sign", "round", "floor", "ceil", "ceiling", "trunc", "mod", "lower", "upper", "trim"),
        *("ltrim", "rtrim", "length", "strlen", "substring", "substr", "left", "right", "lpad", "rpad", "contains"),
        *("starts_with", "ends_with", "replace", "split_part", "concat", "concat_ws", "regexp_matches", "strpos"),
        *("regexp_full_match", "regexp_extract", "regexp_replace", "instr", "position", "reverse", "md5", "sha256"),
        *("len", "array_length", "cardinality", "list_contains", "year", "quarter", "month", "week", "day", "hour"),
        *("minute", "second", "isodow", "isoyear", "dayofmonth", "dayofyear", "last_day", "date_part", "date_diff"),
        *("date_sub", "datediff", "datesub", "date_trunc", "date_add", "extract", "strftime", "epoch_ms", "epoch_us"),
        *("translate", "octet_length", "encode", "weekofyear", "epoch"),
        *("make_date", "monthname", "dayname", "yearweek", "decade", "century"),
    }
)
"""Functions of DuckDB with one answer for the same arguments, always; a test compares each with DuckDB's catalogue.

Some of them are not portable: a text with these is read, and refused by who takes it up.
"""
# What may stand before a parenthesis without being a function: words of SQL, and types with a size.
_WORDS = frozenset(
    "all and array as between bit bytes by char dec decimal else end exists filter from group having in int is join "
    "like ilike not numeric on or over select struct table then union using values varchar when where".split()
)
_CLAUSES = {"expressions", "from_", "joins", "where", "group"}
CLOCKS = tuple(set(DuckDB.Parser.NO_PAREN_FUNCTIONS.values()))
_NEVER = (exp.Window, exp.Parameter, exp.Placeholder, exp.TableSample, exp.Pivot, exp.Lateral)
_GROUPINGS = (exp.Rollup, exp.Cube, exp.GroupingSets)
_WHY = "a model gives the same for the same rows, always, and sees one row at a time"


def refuse_what_is_not_repeatable(name: str, text: str, tree: exp.Select) -> None:
    """Nothing in the model looks at other rows, at the clock or at chance.

    Raises:
        ModelError: names what does.
    """
    file = f"models/{name}.sql"
    odd = sorted({function for function, _ in called(text)} - FUNCTIONS)
    if odd:
        allowed = ", ".join(sorted(FUNCTIONS & PORTABLE))
        raise ModelError(f"{file}: '{odd[0]}' cannot be used in a model: {_WHY}. Allowed: {allowed}")
    for node in tree.walk():
        if isinstance(node, exp.Query) and not isinstance(
            node.parent, exp.From | exp.SetOperation | exp.Subquery | None
        ):
            raise ModelError(f"{file}: a query inside an expression cannot be used in a model: {_WHY}")
        if isinstance(node, (*_NEVER, *CLOCKS)):
            raise ModelError(f"{file}: '{node.sql(dialect='duckdb')[:40]}' cannot be used in a model: {_WHY}")
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            raise ModelError(f"{file}: name each column instead of *")
        _refuse_odd_parts(file, node)


def _refuse_odd_parts(file: str, node: exp.Expr) -> None:
    """A SELECT has the clauses of a fold, and what it reads has a name and nothing else."""
    given = {part for part, value in node.args.items() if value}
    odd: set[str] = set()
    if isinstance(node, exp.Select):
        odd = given - _CLAUSES - {"with_", "having", "order", "limit", "offset", "distinct", "qualify", "windows"}
    elif isinstance(node, exp.SetOperation):
        odd = given - {"this", "expression"}
    elif isinstance(node, exp.Table):
        odd = given - {"this", "alias", "db", "catalog"}
    elif isinstance(node, exp.Subquery):
        odd = given - {"this", "alias"}
    if odd:
        raise ModelError(f"{file}: {', '.join(sorted(odd))} cannot be used in a model: {_WHY}")
    is_renaming = isinstance(node, exp.TableAlias) and node.args.get("columns")
    if is_renaming and not isinstance(node.parent, exp.Unnest):
        raise ModelError(f"{file}: '{node.sql(dialect='duckdb')}' renames columns; name them in the select: `x as y`")


def refuse_groupings(name: str, group: exp.Expr) -> None:
    """A fold groups by keys that are named.

    Raises:
        ModelError: by all, or by several sets of keys.
    """
    if group.args.get("all"):
        raise ModelError(f"models/{name}.sql: name the keys instead of `group by all`")
    if set(group.args) - {"expressions", "all"} or any(isinstance(key, _GROUPINGS) for key in group.expressions):
        raise ModelError(f"models/{name}.sql: it groups by several sets of keys; a fold has one")


def called(text: str) -> list[tuple[str, int]]:
    """Names that stand before a parenthesis, each with its line; DuckDB's dots (`x.upper()`) are calls too."""
    tokens = sqlglot.tokenize(text, dialect="duckdb")
    found = []
    for before, token, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        word = token.text.lower()
        is_alias = before.text.lower() == "as"  # `unnest(o.lines) as t(l)`
        if following.token_type is TokenType.L_PAREN and word.isidentifier() and not is_alias and word not in _WORDS:
            found.append((word, token.line))
    return found
