"""The table of all that is not the same everywhere, and what has been found to be the same.

Both are what was measured: DuckDB beside Spark with ANSI mode and a session in UTC, over values at the edges. What is
on neither side has not been measured, and is refused too (ADR 0030).
"""

from __future__ import annotations

from sqlglot import exp

from tillage.models.portable.difference import words
from tillage.models.portable.lists import LISTS
from tillage.models.portable.numbers import NUMBERS
from tillage.models.portable.queries import QUERIES
from tillage.models.portable.texts import TEXTS
from tillage.models.portable.times import TIMES

TABLE = {"Queries": QUERIES, "Numbers": NUMBERS, "Texts": TEXTS, "Dates and times": TIMES, "Lists": LISTS}

SAME = {
    "rows and groups": words(
        "sum count min max avg median bool_and bool_or string_agg group_concat listagg arg_max arg_min max_by "
        "min_by stddev stddev_samp stddev_pop variance var_samp var_pop first last grouping array_agg"
    ),
    "windows": words(
        "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value"
    ),
    "values": words("coalesce ifnull nullif if case cast try_cast greatest least exists"),
    "numbers": words("abs round floor ceil ceiling mod sqrt exp ln pow power"),
    "texts": words(
        "trim ltrim rtrim length char_length character_length substring substr left right lpad rpad contains "
        "starts_with ends_with replace split_part concat concat_ws regexp_matches regexp_extract regexp_replace strpos "
        "instr position md5 sha256 translate octet_length encode repeat ascii"
    ),
    "dates and times": words(
        "year quarter month day hour minute second dayofmonth dayofyear weekofyear last_day date_part datepart "
        "date_diff datediff date_trunc datetrunc date_add extract strftime make_date epoch current_date today"
    ),
    "lists": words(
        "array_length cardinality list_contains array_contains list_has array_has list_min list_max list_sort "
        "array_sort list_transform list_filter unnest"
    ),
}
"""Functions that give the same, but for what the table says of them."""
FUNCTIONS = frozenset().union(*SAME.values())

_CLAUSES = (
    *(exp.Select, exp.Subquery, exp.SetOperation, exp.With, exp.CTE, exp.From, exp.Join, exp.Lateral, exp.Table),
    *(exp.TableAlias, exp.Unnest, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit),
    *(exp.Offset, exp.Distinct, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple, exp.Alias, exp.Star),
    *(exp.Window, exp.WindowSpec, exp.Filter, exp.IgnoreNulls, exp.Identifier, exp.Column, exp.Dot),
)
_EXPRESSIONS = (
    *(exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.Escape, exp.RegexpLike, exp.DPipe, exp.Interval, exp.Var),
    *(exp.AtTimeZone, exp.JSONExtractScalar, exp.JSONPath, exp.JSONPathPart, exp.Lambda, exp.DataType),
    *(exp.DataTypeParam, exp.Array),
)
_CALLED = (
    *(exp.Abs, exp.Anonymous, exp.ArgMax, exp.ArgMin, exp.ArrayAgg, exp.ArrayContains, exp.ArrayFilter, exp.ArrayMax),
    *(exp.ArrayMin, exp.ArraySize, exp.ArraySort, exp.Ascii, exp.Avg, exp.Case, exp.Cast, exp.Ceil, exp.Coalesce),
    *(exp.Concat, exp.ConcatWs, exp.Contains, exp.Count, exp.CumeDist, exp.CurrentDate, exp.DateAdd, exp.DateDiff),
    *(exp.DateFromParts, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DenseRank, exp.Encode, exp.EndsWith, exp.Exists),
    *(exp.Exp, exp.Explode, exp.Extract, exp.First, exp.FirstValue, exp.Floor, exp.Greatest, exp.GroupConcat),
    *(exp.Grouping, exp.Hour, exp.If, exp.Lag, exp.Last, exp.LastDay, exp.LastValue, exp.Lead, exp.Least, exp.Left),
    *(exp.Length, exp.Ln, exp.LogicalAnd, exp.LogicalOr, exp.MD5, exp.Max, exp.Median, exp.Min, exp.Minute),
    *(exp.Month, exp.NthValue, exp.Ntile, exp.Nullif, exp.Pad, exp.PercentRank, exp.Pow, exp.Quarter, exp.Rank),
    *(exp.RegexpExtract, exp.RegexpReplace, exp.Repeat, exp.Replace, exp.Right, exp.Round, exp.RowNumber, exp.SHA2),
    *(exp.Second, exp.SplitPart, exp.Sqrt, exp.StartsWith, exp.Stddev, exp.StddevPop, exp.StddevSamp),
    *(exp.StrPosition, exp.Substring, exp.Sum, exp.TimeToStr, exp.TimeToUnix, exp.TimestampTrunc, exp.Transform),
    *(exp.Translate, exp.Trim, exp.TryCast, exp.Variance, exp.VariancePop, exp.WeekOfYear, exp.Year),
)
NODES = (*_CLAUSES, *_EXPRESSIONS, *_CALLED)
"""Parts of SQL that mean the same. An operator can be a function to the parser, so those are listed too."""
