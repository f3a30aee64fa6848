"""Queries: joins, unions, groups and windows that are no others' words, and values that meet in one column."""

from __future__ import annotations

from sqlglot import exp

from tillage.models.portable.difference import Difference, bare, leaves_nulls_out, outside, words
from tillage.models.portable.kind import MOMENTS, NUMBERS, Kind, Types

_ORDERED = (
    *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead),
    *(exp.FirstValue, exp.LastValue, exp.NthValue),
)
_PICKS = (exp.First, exp.Last)


def _is_by_name(node: exp.Expr, _: Types) -> bool:
    return bool(node.args.get("by_name"))


def _mixes_in_columns(node: exp.Expr, types: Types) -> bool:
    sides = [side.selects for side in (node.this, node.expression) if isinstance(side, exp.Query)]
    if len(sides) != 2 or len(sides[0]) != len(sides[1]):
        return False
    return any(_is_mixed({_kind(left, types), _kind(right, types)}) for left, right in zip(*sides, strict=True))


def _kind(projection: exp.Expr, types: Types) -> Kind:
    return types.kind(projection.unalias())


def _is_mixed(kinds: set[Kind]) -> bool:
    """Whether they are of several kinds that are not all numbers, or all dates and times."""
    found = kinds - {Kind.NULL}
    return len(found) > 1 and not found <= NUMBERS and not found <= MOMENTS


def _is_text(node: exp.Expr) -> bool:
    node = bare(node)
    return isinstance(node, exp.Literal) and node.is_string


def _compares_kinds(node: exp.Expr, types: Types) -> bool:
    """Values of several kinds; a literal text is taken for what it is compared with."""
    sides = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this, *_compared(node)]
    kinds = {types.kind(side) for side in sides if not _is_text(side) and not isinstance(side, exp.Any | exp.All)}
    return _is_mixed(kinds)


def _compared(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Between):
        return [node.args["low"], node.args["high"]]
    return [] if node.args.get("query") else list(node.expressions)


def _compares_rows(node: exp.Expr, _: Types) -> bool:
    return any(isinstance(bare(side), exp.Tuple) for side in (node.this, node.expression))


def _is_value(node: exp.Expr, _: Types) -> bool:
    """A row that is neither compared nor one of several sets of keys."""
    return isinstance(outside(node), exp.Select | exp.Alias | exp.Func)


def _is_no_condition(node: exp.Expr, types: Types) -> bool:
    if isinstance(node, exp.Is):
        return isinstance(node.expression, exp.Boolean) and types.kind(node.this) in NUMBERS
    sides = (node.left, node.right) if isinstance(node, exp.And | exp.Or) else (node.this,)
    return any(types.kind(side) in NUMBERS for side in sides)


def _names_an_alias(node: exp.Expr, _: Types) -> bool:
    """WHERE names what the SELECT makes."""
    select = node.parent
    if not isinstance(select, exp.Select):
        return False
    made = {
        one.alias.lower()
        for one in select.expressions
        if isinstance(one, exp.Alias) and one.unalias().name.lower() != one.alias.lower()
    }
    inside = node.walk(prune=lambda inner: isinstance(inner, exp.Query))
    return any(isinstance(one, exp.Column) and not one.table and one.name.lower() in made for one in inside)


def _is_compared_with_all(node: exp.Expr, _: Types) -> bool:
    return isinstance(bare(node.this), exp.Query)


def _has_no_order(node: exp.Expr, _: Types) -> bool:
    inner = node.this
    while isinstance(inner, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        inner = inner.this
    is_asked = isinstance(inner, _ORDERED)
    return is_asked and not node.args.get("order") and not node.args.get("alias")


def _excludes(node: exp.Expr, _: Types) -> bool:
    return bool(node.args.get("exclude"))


def _is_of_groups(node: exp.Expr, _: Types) -> bool:
    return str(node.args.get("kind") or "").upper() == "GROUPS"


def _counts_distinct(node: exp.Expr, _: Types) -> bool:
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    return isinstance(inner.this, exp.Distinct)


def _takes_no_nulls_away(node: exp.Expr, _: Types) -> bool:
    """`arg_max(x, y)` without `filter (where x is not null)`."""
    outer = outside(node)
    return not isinstance(outer, exp.Filter) or not leaves_nulls_out(outer, node.this)


def _lacks_order(node: exp.Expr, _: Types) -> bool:
    return not any(isinstance(one, exp.Order) for one in (node.this, node.this.this)) and not _is_in_ordered_window(
        node
    )


def _is_in_ordered_window(node: exp.Expr) -> bool:
    window = node.find_ancestor(exp.Window)
    return window is not None and bool(window.args.get("order"))


def _picks_one(node: exp.Expr, _: Types) -> bool:
    return not _is_in_ordered_window(node)


def _counts_nothing(node: exp.Expr, _: Types) -> bool:
    return node.this is None


def _is_percent(node: exp.Expr, _: Types) -> bool:
    return (
        isinstance(node, exp.TableSample)
        or not isinstance(node.expression, exp.Literal)
        or bool(node.args.get("limit_options"))
    )


def _is_asof(node: exp.Expr, _: Types) -> bool:
    return {str(node.args.get(part) or "").upper() for part in ("method", "kind")} & {"ASOF", "POSITIONAL"} != set()


def _is_made_by_a_function(node: exp.Expr, _: Types) -> bool:
    return isinstance(node.this, exp.Func)


_NEXT = "row_number() over (partition by a.id order by b.id desc) = 1"
QUERIES = (
    Difference(
        "`union by name`",
        "it is no SQL there",
        "the columns out, in one order",
        "select id, whole as x from samples union all by name select other as x, id from samples",
        "select id, whole as x from samples union all select id, other as x from samples",
        is_silent=False,
        nodes=(exp.Union,),
        found=_is_by_name,
    ),
    Difference(
        "texts and other kinds in one column of a union",
        "the texts are read as numbers, or it fails",
        "`cast(x as varchar)` in the other part",
        "select id, whole as x from samples union all select id, label from samples",
        "select id, cast(whole as varchar) as x from samples union all select id, label from samples",
        is_silent=False,
        nodes=(exp.SetOperation,),
        found=_mixes_in_columns,
    ),
    Difference(
        "values of several kinds that are compared, as a text with a number",
        "a text is read otherwise, or it fails",
        "`x = cast(y as varchar)`",
        "code = whole",
        "code = cast(whole as varchar)",
        is_silent=False,
        gives="a comparison of texts",
        nodes=(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In),
        found=_compares_kinds,
    ),
    Difference(
        "`(x, y) = (1, 2)`",
        "it fails",
        "`x = 1 and y = 2`",
        "(whole, other) = (1, 2)",
        "whole = 1 and other = 2",
        is_silent=False,
        gives="null where a part is null and the others are equal",
        nodes=(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
        found=_compares_rows,
    ),
    Difference(
        "`(x, y)` as a value",
        "it is an object, whose members have the names of the columns",
        "a column for each",
        "(whole, other)",
        "whole",
        is_silent=True,
        gives="one of them",
        nodes=(exp.Tuple,),
        found=_is_value,
    ),
    Difference(
        "a number as a condition",
        "it fails",
        "`x <> 0`",
        "select id as x from samples where whole",
        "select id as x from samples where whole <> 0",
        is_silent=False,
        nodes=(exp.Where, exp.Having, exp.And, exp.Or, exp.Not, exp.Is),
        found=_is_no_condition,
    ),
    Difference(
        "WHERE that names a column of its own SELECT",
        "there is no such column",
        "the expression again; a column of a table that has the same name with its table, as `s.x`",
        "select id, whole + 1 as x from samples where x > 2",
        "select id, whole + 1 as x from samples where whole + 1 > 2",
        is_silent=False,
        nodes=(exp.Where,),
        found=_names_an_alias,
    ),
    Difference(
        "`x > all (select ..)`, `x = any (select ..)`",
        "it is no SQL there",
        "`in (select ..)`, or a join with `max`",
        "select id as x from samples where whole = any (select other from samples)",
        "select id as x from samples where whole in (select other from samples)",
        is_silent=False,
        nodes=(exp.Any, exp.All),
        found=_is_compared_with_all,
    ),
    Difference(
        "asof and positional joins",
        "it is no SQL there",
        "a join and `qualify row_number() over (..) = 1`",
        "select a.id, b.whole as x from samples as a asof join samples as b on a.id >= b.id",
        f"select a.id, b.whole as x from samples as a join samples as b on a.id >= b.id qualify {_NEXT}",
        is_silent=False,
        nodes=(exp.Join,),
        found=_is_asof,
    ),
    Difference(
        "`generate_series(..)` in FROM",
        "it is no table",
        "`row_number() over (order by x)` over rows that there are",
        "select i as x from generate_series(1, 3) as t(i)",
        "select row_number() over (order by id) as x from samples",
        is_silent=False,
        gives="a number for each row",
        nodes=(exp.Table,),
        found=_is_made_by_a_function,
    ),
    Difference(
        "`limit 50%`, `using sample`",
        "it is no SQL there, or other rows are picked",
        "`order by` and `limit` with a number",
        "select id as x from samples order by id limit 50%",
        "select id as x from samples order by id limit 8",
        is_silent=False,
        gives="as many rows as it says",
        nodes=(exp.Limit, exp.TableSample),
        found=_is_percent,
    ),
    Difference(
        "`row_number()`, `rank()`, `lag(x)`, `first_value(x)` and their kin without `order by`",
        "it fails, or rows come in another order",
        "`over (order by ..)`",
        "select id, row_number() over () as x from samples",
        "select id, row_number() over (order by id) as x from samples",
        is_silent=False,
        gives="the order that it says",
        nodes=(exp.Window,),
        found=_has_no_order,
    ),
    Difference(
        "`exclude current row` in a window",
        "nothing is left out",
        "two windows, one that ends before the row and one that begins behind it",
        "select id, count(*) over (order by id rows between 1 preceding and 1 following exclude current row) as x "
        "from samples",
        "select id, count(*) over (order by id rows between 1 preceding and 1 preceding) + count(*) over (order by id "
        "rows between 1 following and 1 following) as x from samples",
        is_silent=True,
        nodes=(exp.WindowSpec,),
        found=_excludes,
    ),
    Difference(
        "`groups between ..` in a window",
        "it is no SQL there",
        "`rows` or `range`",
        "select id, sum(id) over (order by id groups between 1 preceding and current row) as x from samples",
        "select id, sum(id) over (order by id rows between 1 preceding and current row) as x from samples",
        is_silent=False,
        nodes=(exp.WindowSpec,),
        found=_is_of_groups,
    ),
    Difference(
        "`count(distinct x) over (..)`",
        "it fails",
        "a join with a select that groups",
        "select id, count(distinct label) over (partition by is_paid) as x from samples",
        "select s.id, c.n as x from samples as s join (select is_paid, count(distinct label) as n from samples "
        "group by is_paid) as c on s.is_paid is not distinct from c.is_paid",
        is_silent=False,
        nodes=(exp.Window,),
        found=_counts_distinct,
    ),
    Difference(
        "`arg_max(x, y)`, `arg_min(x, y)` where x may be null",
        "a null of x is given, where DuckDB takes the next",
        "`arg_max(x, y) filter (where x is not null)`",
        "select is_paid, arg_max(whole, id) as x from samples group by is_paid",
        "select is_paid, arg_max(whole, id) filter (where whole is not null) as x from samples group by is_paid",
        is_silent=True,
        nodes=(exp.ArgMax, exp.ArgMin),
        found=_takes_no_nulls_away,
    ),
    Difference(
        "`first(x)`, `last(x)`, `any_value(x)`, `arbitrary(x)`, `mode(x)`",
        "any of several values comes out",
        "`min(x)`, `max(x)`, `arg_min(x, y) filter (where x is not null)`",
        "select first(label order by id) as x from samples where label is not null",
        "select arg_min(label, id) filter (where label is not null) as x from samples",
        is_silent=True,
        nodes=_PICKS,
        found=_picks_one,
        calls=words("any_value arbitrary mode"),
    ),
    Difference(
        "`string_agg(x, ',')` without `order by`",
        "it is in any order",
        "`string_agg(x, ',' order by y)`",
        "select string_agg(code, ',') as x from samples",
        "select string_agg(code, ',' order by id) as x from samples",
        is_silent=True,
        gives="the order that it says",
        nodes=(exp.GroupConcat,),
        found=_lacks_order,
    ),
    Difference(
        "`count()`",
        "it fails",
        "`count(*)`",
        "select count() as x from samples",
        "select count(*) as x from samples",
        is_silent=False,
        nodes=(exp.Count,),
        found=_counts_nothing,
    ),
    Difference(
        "`count_if(x)`",
        "it is 0 where DuckDB gives null",
        "`count(*) filter (where x)`",
        "select label, count_if(whole > 1) as x from samples group by label",
        "select label, count(*) filter (where whole > 1) as x from samples group by label",
        is_silent=True,
        gives="0 where there is nothing to count",
        calls=words("count_if countif"),
    ),
    Difference(
        "`quantile_cont(x, 0.5)`, `quantile_disc`, `approx_quantile`, `percentile_cont` and other statistics",
        "there is no such function, or it finds another value",
        "`median(x)` of integers or doubles",
        "select quantile_cont(whole, 0.5) as x from samples",
        "select median(whole) as x from samples",
        is_silent=True,
        calls=words(
            "quantile_cont quantile_disc quantile approx_quantile percentile_cont percentile_disc skewness kurtosis "
            "approx_count_distinct kurtosis_pop entropy histogram product corr mad geomean geometric_mean favg fsum "
            "kahan_sum sum_no_overflow"
        ),
    ),
)
