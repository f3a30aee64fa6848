"""Numbers: what is rounded, divided and cast otherwise."""

from __future__ import annotations

from sqlglot import exp

from tillage.models.portable.difference import CASTS, Difference, bare, conditions, is_number, outside, words
from tillage.models.portable.kind import Kind, Types

_INTEGERS = (exp.DType.BIGINT, exp.DType.INT, exp.DType.SMALLINT, exp.DType.TINYINT)
_TYPES = frozenset(
    {
        *(*_INTEGERS, exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.BOOLEAN, exp.DType.DATE),
        *(exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ),
    }
)
_MOST_DIGITS = 38
_LEAST_SCALE = 6  # what Spark keeps after the point when a product has too many digits


def _is_cut(node: exp.Expr, types: Types) -> bool:
    """A cast to an integer of what may have a fraction."""
    if node.args["to"].this not in _INTEGERS:
        return False
    value = bare(node.this)
    if isinstance(value, exp.Round):
        return value.args.get("decimals") is not None and not is_whole_zero(value.args["decimals"])
    if isinstance(value, exp.Floor | exp.Ceil | exp.TimeToUnix):
        return False
    return types.kind(value) in {Kind.DECIMAL, Kind.DOUBLE, Kind.UNKNOWN}


def is_whole_zero(node: exp.Expr) -> bool:
    """Whether it is the literal 0."""
    return is_number(node, 0) and node.name == "0"


def _loses_digits(node: exp.Expr, types: Types) -> bool:
    sides = [types.kind(side) for side in (node.this, node.expression)]
    if Kind.DOUBLE in sides or (Kind.DECIMAL not in sides and Kind.UNKNOWN not in sides):
        return False
    one, other = (types.digits(bare(side)) for side in (node.this, node.expression))
    if one is None or other is None:
        return bool({Kind.DECIMAL, Kind.UNKNOWN} & set(sides))
    (left, left_scale), (right, right_scale) = one, other
    if isinstance(node, exp.Mul):
        return left + right + 1 > _MOST_DIGITS and left_scale + right_scale > _LEAST_SCALE
    scale = max(left_scale, right_scale)
    return max(left - left_scale, right - right_scale) + scale + 1 > _MOST_DIGITS and scale > _LEAST_SCALE


def _is_decimal_quotient(node: exp.Expr, types: Types) -> bool:
    sides = {types.kind(node.this), types.kind(node.expression)}
    return bool(sides & {Kind.UNKNOWN, Kind.DECIMAL}) and not (Kind.DOUBLE in sides and Kind.UNKNOWN not in sides)


def _is_no_integer_division(node: exp.Expr, types: Types) -> bool:
    return not {types.kind(node.this), types.kind(node.expression)} <= {Kind.INTEGER, Kind.NULL}


def _may_be_by_zero(node: exp.Expr, _: Types) -> bool:
    divisor = bare(node.expression)
    if isinstance(divisor, CASTS):
        divisor = bare(divisor.this)
    if isinstance(divisor, exp.Neg):
        divisor = bare(divisor.this)
    if isinstance(divisor, exp.Literal) and not divisor.is_string:
        return not float(divisor.name)
    return not (isinstance(divisor, exp.Nullif) and is_whole_zero(bare(divisor.expression)))


def _is_no_decimal(node: exp.Expr, types: Types) -> bool:
    outer = outside(node)
    is_integer = isinstance(outer, CASTS) and outer.args["to"].this in _INTEGERS
    return not is_integer and types.kind(node.this) is not Kind.DECIMAL


def _is_rounded_double(node: exp.Expr, types: Types) -> bool:
    """A double that is rounded behind the point, or made a decimal."""
    if isinstance(node, exp.Round):
        decimals = node.args.get("decimals")
        if decimals is None or is_whole_zero(decimals):
            return False
    elif node.args["to"].this is not exp.DType.DECIMAL:
        return False
    return types.kind(node.this) in {Kind.DOUBLE, Kind.UNKNOWN}


def _is_decimal(node: exp.Expr, types: Types) -> bool:
    return types.kind(node.this) not in {Kind.INTEGER, Kind.DOUBLE}


def _is_odd_type(node: exp.Expr, _: Types) -> bool:
    return node.args["to"].this not in _TYPES


def _is_unguarded(node: exp.Expr, _: Types) -> bool:
    """A logarithm of what may be 0 or less."""
    if isinstance(bare(node.this), exp.Literal):
        return False
    return not any(
        isinstance(one, exp.GT) and one.left == node.this and is_whole_zero(one.right) for one in conditions(node)
    )


NUMBERS = (
    Difference(
        "`cast(x as bigint)` of a decimal or a double",
        "the fraction is cut off, where DuckDB rounds",
        "`cast(round(x, 0) as bigint)`, or count in integers from the start",
        "cast(number as bigint)",
        "cast(round(number, 0) as bigint)",
        is_silent=True,
        nodes=CASTS,
        found=_is_cut,
    ),
    Difference(
        "`x * y`, `x + y` of decimals with more than 38 digits",
        "digits behind the sixth are rounded away",
        "`cast(x as decimal(19,6)) * cast(y as decimal(18,6))`, or integers",
        "number * rate",
        "cast(number as decimal(19,6)) * cast(rate as decimal(18,6))",
        is_silent=True,
        nodes=(exp.Mul, exp.Add, exp.Sub),
        found=_loses_digits,
    ),
    Difference(
        "`x / y` with a decimal",
        "it is a decimal of few digits, where DuckDB gives a double",
        "`cast(x as double) / y`, or integers and `//`",
        "number / 3",
        "cast(number as double) / 3",
        is_silent=True,
        nodes=(exp.Div,),
        found=_is_decimal_quotient,
    ),
    Difference(
        "`x // y` of what is no integer",
        "the fraction is cut off, or it fails",
        "`cast(x as double) / y`, which keeps it as DuckDB does",
        "number // 2",
        "cast(number as double) / 2",
        is_silent=True,
        nodes=(exp.IntDiv,),
        found=_is_no_integer_division,
    ),
    Difference(
        "`x / y` where y may be 0",
        "it fails, where DuckDB goes on",
        "`x / nullif(y, 0)`",
        "whole / other",
        "whole / nullif(other, 0)",
        is_silent=False,
        gives="null for a division by 0",
        nodes=(exp.Div,),
        found=_may_be_by_zero,
    ),
    Difference(
        "`avg(x)` of a decimal",
        "it is a decimal of few digits, where DuckDB gives a double",
        "`avg(cast(x as double))`, or `sum(x) // count(x)` of integers",
        "select avg(number) as x from samples",
        "select avg(cast(number as double)) as x from samples",
        is_silent=True,
        nodes=(exp.Avg,),
        found=_is_decimal,
    ),
    Difference(
        "`median(x)` of a decimal or a date",
        "it is a double, or fails",
        "`median(cast(x as double))`",
        "select median(number) as x from samples",
        "select median(cast(number as double)) as x from samples",
        is_silent=True,
        nodes=(exp.Median,),
        found=_is_decimal,
    ),
    Difference(
        "`sign(x)`",
        "it is a double, where DuckDB gives an integer",
        "`case when x > 0 then 1 when x < 0 then -1 when x = 0 then 0 end`",
        "sign(whole)",
        "case when whole > 0 then 1 when whole < 0 then -1 when whole = 0 then 0 end",
        is_silent=True,
        calls=words("sign"),
    ),
    Difference(
        "`floor(x)`, `ceil(x)` of what is no decimal",
        "it is an integer, where DuckDB gives a double",
        "`cast(floor(x) as bigint)`; an integer needs none",
        "floor(cast(number as double))",
        "cast(floor(cast(number as double)) as bigint)",
        is_silent=True,
        nodes=(exp.Floor, exp.Ceil),
        found=_is_no_decimal,
    ),
    Difference(
        "`trunc(x)`, `trunc(x, n)`",
        "decimals are left out, and beyond 64 bits it fails",
        "`case when x < 0 then ceil(x) else floor(x) end`",
        "trunc(number, 1)",
        "case when number < 0 then ceil(number) else floor(number) end",
        is_silent=True,
        gives="a whole number",
        calls=words("trunc"),
    ),
    Difference(
        "`round(x, n)`, `cast(x as decimal(..))` of a double",
        "what is just below half, as 1.005, is rounded as it is written, where DuckDB looks at its bits",
        "`round(x * 100, 0) / 100`, `cast(round(x * 100, 0) as bigint) * 0.01`, or decimals from the start",
        "round(cast(number as double), 2)",
        "round(cast(number as double) * 100, 0) / 100",
        is_silent=True,
        nodes=(exp.Round, *CASTS),
        found=_is_rounded_double,
    ),
    Difference(
        "`ln(x)` where x may be 0 or less",
        "it is null, where DuckDB gives infinity or no number",
        "`case when x > 0 then ln(x) end`",
        "ln(whole)",
        "case when whole > 0 then ln(whole) end",
        is_silent=True,
        gives="null where x is 0 or less",
        nodes=(exp.Ln,),
        found=_is_unguarded,
    ),
    Difference(
        "`log(x)`, `log2(x)`, `log10(x)`",
        "`log` has another base, and none of them is the same for 0",
        "`case when x > 0 then ln(x) * 0.4342944819032518e0 end`",
        "log(whole)",
        "case when whole > 0 then ln(whole) * 0.4342944819032518e0 end",
        is_silent=True,
        gives="null where x is 0 or less",
        calls=words("log log2 log10"),
    ),
    Difference(
        "`cast(x as t)` to another type than bigint, integer, decimal, double, boolean, varchar, date, timestamp",
        "there is no such type, or it holds other values",
        "`decimal(38,0)` for hugeint, bigint for integers without sign, double for float",
        "cast(whole as hugeint)",
        "cast(whole as decimal(38,0))",
        is_silent=False,
        nodes=CASTS,
        found=_is_odd_type,
    ),
)
