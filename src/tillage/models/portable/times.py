"""Dates and times: what is counted, cut, numbered and written otherwise."""

from __future__ import annotations

import re

from sqlglot import exp

from tillage.models.portable.difference import CASTS, Difference, bare, outside, words
from tillage.models.portable.kind import MOMENTS, Kind, Types

_MOMENT_TYPES = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ)
_DAYS = {"DAY", "WEEK"}
_CUT_TO = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}
_FIELDS = {"year", "quarter", "month", "week", "day", "hour", "minute"}
_WEEKDAYS = {"dow", "isodow", "dayofweek", "weekday"}
_EPOCHS = {"epoch"}
_FORMAT = re.compile(r"(?:%-?[dmH]|%[YmdHMSyfaAbBIp]|[ 0-9.,:;/_+()-])*")
"""Of `strftime`: what was found to be the same; letters as such are read as parts of the format by Spark."""
_FIELDS_OF_TIME = (
    *(exp.Year, exp.Quarter, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.WeekOfYear, exp.Hour, exp.Minute),
    *(exp.Second, exp.Extract),
)


def _name(node: exp.Expr | None) -> str:
    return node.name if node is not None else ""


def _is_cast_to_moment(node: exp.Expr | None) -> bool:
    return isinstance(node, CASTS) and node.args["to"].this in _MOMENT_TYPES


def _counts_elapsed(node: exp.Expr, types: Types) -> bool:
    """A number of days or weeks between what is no date."""
    sides = (node.this, node.expression)
    return _name(node.args.get("unit")).upper() in _DAYS and any(types.kind(side) is not Kind.DATE for side in sides)


def _counts_months(node: exp.Expr, _: Types) -> bool:
    return _name(node.args.get("unit")).upper() not in _DAYS


def _field(node: exp.Expr) -> str:
    """What is taken from a moment by `extract` or `date_part`; `?` if it is no literal."""
    if isinstance(node, exp.Extract):
        return _name(node.this).lower()
    if isinstance(node, exp.Anonymous) and node.name.lower() in {"date_part", "datepart"} and node.expressions:
        first = node.expressions[0]
        return first.name.lower() if isinstance(first, exp.Literal) else "?"
    return ""


def _is_weekday(node: exp.Expr, _: Types) -> bool:
    return _field(node) in _WEEKDAYS


def _is_epoch_field(node: exp.Expr, _: Types) -> bool:
    return _field(node) in _EPOCHS


def _is_odd_field(node: exp.Expr, _: Types) -> bool:
    return bool(_field(node)) and _field(node) not in _FIELDS | _WEEKDAYS | _EPOCHS


def _is_epoch_of_parts(node: exp.Expr, types: Types) -> bool:
    """Seconds that may have a fraction, or are no integer."""
    outer, value = outside(node), bare(node.this)
    is_integer = isinstance(outer, CASTS) and outer.args["to"].this is exp.DType.BIGINT
    is_whole = _is_cast_to_moment(value) and isinstance(bare(value.this), exp.TimestampTrunc | exp.DateTrunc)
    return not is_integer or not (is_whole or types.kind(value) is Kind.DATE)


def _is_cut_uncast(node: exp.Expr, _: Types) -> bool:
    return not _is_cast_to_moment(outside(node))


def _is_cut_oddly(node: exp.Expr, _: Types) -> bool:
    return _name(node.args.get("unit")).upper() not in _CUT_TO


def _moves_a_date(node: exp.Expr, types: Types) -> bool:
    """A date and an interval that are not cast to what they shall be."""
    if not isinstance(bare(node.expression), exp.Interval) or isinstance(bare(node.this), exp.Interval):
        return isinstance(bare(node.this), exp.Interval)  # an interval comes second
    value = bare(node.this)
    while isinstance(value, exp.Add | exp.Sub | exp.DateAdd) and isinstance(bare(value.expression), exp.Interval):
        value = bare(value.this)
    if types.kind(value) in {Kind.TIMESTAMP, Kind.INSTANT}:
        return False
    outer = outside(node)
    while isinstance(outer, exp.Add | exp.Sub | exp.DateAdd):
        outer = outside(outer)
    return not _is_cast_to_moment(outer)


def _is_odd_interval(node: exp.Expr, _: Types) -> bool:
    """An interval of a computed length, or that is no summand."""
    outer = outside(node)
    is_summand = isinstance(outer, exp.Add | exp.Sub | exp.DateAdd | exp.WindowSpec)
    return not isinstance(node.this, exp.Literal) or not is_summand


def _subtracts_moments(node: exp.Expr, types: Types) -> bool:
    if isinstance(bare(node.expression), exp.Interval | exp.Literal):
        return False
    return types.kind(node.this) in MOMENTS and types.kind(node.expression) in MOMENTS


def _is_odd_format(node: exp.Expr, _: Types) -> bool:
    given = node.args.get("format")
    return not (isinstance(given, exp.Literal) and given.is_string and _FORMAT.fullmatch(given.name))


def _is_moved_back(node: exp.Expr, types: Types) -> bool:
    """`at time zone` of a timestamp without one, but for `(t at time zone 'UTC') at time zone 'X'`."""
    kind = types.kind(node.this)
    is_utc = isinstance(node.args.get("zone"), exp.Literal) and node.args["zone"].name == "UTC"
    return kind is not Kind.INSTANT and not (is_utc and isinstance(outside(node), exp.AtTimeZone))


def _is_moved_uncast(node: exp.Expr, types: Types) -> bool:
    outer = outside(node)
    is_taken = _is_cast_to_moment(outer) or isinstance(outer, (exp.AtTimeZone, *_FIELDS_OF_TIME))
    return not is_taken and not _is_moved_back(node, types)


_ADDS = (exp.Add, exp.Sub, exp.DateAdd)
TIMES = (
    Difference(
        "`date_diff('day', x, y)` of timestamps",
        "whole days that have passed are counted, where DuckDB counts midnights",
        "`date_diff('day', cast(x as date), cast(y as date))`",
        "date_diff('day', sold, settled)",
        "date_diff('day', cast(sold as date), cast(settled as date))",
        is_silent=True,
        nodes=(exp.DateDiff,),
        found=_counts_elapsed,
    ),
    Difference(
        "`date_diff` by another part than day or week",
        "whole months, hours and so on that have passed are counted, where DuckDB counts their begins",
        "`(year(y) - year(x)) * 12 + month(y) - month(x)`; of seconds the difference of `cast(epoch(..) as bigint)`",
        "date_diff('month', day, until)",
        "(year(until) - year(day)) * 12 + month(until) - month(day)",
        is_silent=True,
        nodes=(exp.DateDiff,),
        found=_counts_months,
    ),
    Difference(
        "`date_sub(part, x, y)`, `datesub`, `age(x, y)`",
        "there is no such function, or it does something else",
        "`date_diff('day', x, y)` of dates",
        "date_sub('day', day, until)",
        "date_diff('day', day, until)",
        is_silent=False,
        calls=words("date_sub datesub age"),
    ),
    Difference(
        "`x - y` of dates or timestamps",
        "it is an interval, where DuckDB gives a number of days for dates",
        "`date_diff('day', y, x)` of dates",
        "until - day",
        "date_diff('day', day, until)",
        is_silent=True,
        nodes=(exp.Sub,),
        found=_subtracts_moments,
    ),
    Difference(
        "`dayofweek(x)`, `weekday(x)`, `isodow(x)`",
        "days are numbered otherwise",
        "`date_diff('day', cast(date_trunc('week', x) as date), x)` of a date: 0 for Monday",
        "isodow(day)",
        "date_diff('day', cast(date_trunc('week', day) as date), day) + 1",
        is_silent=True,
        calls=words("dayofweek weekday isodow"),
    ),
    Difference(
        "`extract(dow from x)`, `date_part('isodow', x)`",
        "days are numbered otherwise, or it fails",
        "`date_diff('day', cast(date_trunc('week', x) as date), x)` of a date: 0 for Monday",
        "extract(dow from day)",
        "(date_diff('day', cast(date_trunc('week', day) as date), day) + 1) % 7",
        is_silent=True,
        nodes=(exp.Extract, exp.Anonymous),
        found=_is_weekday,
    ),
    Difference(
        "`week(x)`",
        "there is no such function",
        "`weekofyear(x)`",
        "week(day)",
        "weekofyear(day)",
        is_silent=False,
        calls=words("week"),
    ),
    Difference(
        "`isoyear(x)`, `yearweek(x)`",
        "there is no such function",
        "`year(cast(date_trunc('week', x) as date) + 3)`; for yearweek that times 100, and `weekofyear(x)`",
        "yearweek(day)",
        "year(cast(date_trunc('week', day) as date) + 3) * 100 + weekofyear(day)",
        is_silent=False,
        calls=words("isoyear yearweek"),
    ),
    Difference(
        "`decade(x)`, `century(x)`, `millennium(x)`, `era(x)`, `julian(x)`",
        "there is no such function",
        "`year(x) // 10`, `(year(x) + 99) // 100`",
        "century(day)",
        "(year(day) + 99) // 100",
        is_silent=False,
        calls=words("decade century millennium era julian"),
    ),
    Difference(
        "`extract(doy from x)`, `extract(second from x)`, other parts than year to minute",
        "there is no such part, or seconds have a fraction",
        "`dayofyear(x)`, `second(x)`",
        "extract(second from sold)",
        "second(sold)",
        is_silent=True,
        nodes=(exp.Extract, exp.Anonymous),
        found=_is_odd_field,
    ),
    Difference(
        "`epoch(x)` of a timestamp",
        "parts of seconds are cut off, and it is an integer",
        "`cast(epoch(cast(date_trunc('second', x) as timestamptz)) as bigint)`",
        "epoch(sold)",
        "cast(epoch(cast(date_trunc('second', sold) as timestamptz)) as bigint)",
        is_silent=True,
        gives="whole seconds",
        nodes=(exp.TimeToUnix,),
        found=_is_epoch_of_parts,
    ),
    Difference(
        "`extract(epoch from x)`, `epoch_ms(x)`, `epoch_us(x)`, `epoch_ns(x)`",
        "there is no such part or function",
        "`cast(epoch(cast(date_trunc('second', x) as timestamptz)) as bigint)`",
        "extract(epoch from day)",
        "cast(epoch(day) as bigint)",
        is_silent=False,
        nodes=(exp.Extract, exp.Anonymous),
        found=_is_epoch_field,
        calls=words("epoch_ms epoch_us epoch_ns"),
    ),
    Difference(
        "`date_trunc(part, x)` without a cast",
        "it is of another type",
        "`cast(date_trunc('month', x) as date)`",
        "date_trunc('month', day)",
        "cast(date_trunc('month', day) as date)",
        is_silent=True,
        nodes=(exp.TimestampTrunc, exp.DateTrunc),
        found=_is_cut_uncast,
    ),
    Difference(
        "`date_trunc('decade', x)`, other parts than year to second",
        "it is null",
        "`make_date(year(x) // 10 * 10, 1, 1)`",
        "cast(date_trunc('decade', day) as date)",
        "make_date(year(day) // 10 * 10, 1, 1)",
        is_silent=True,
        nodes=(exp.TimestampTrunc, exp.DateTrunc),
        found=_is_cut_oddly,
    ),
    Difference(
        "`x + interval 1 month` of a date, without a cast",
        "it is a date, where DuckDB gives a timestamp",
        "`cast(x + interval 1 month as date)`",
        "day + interval 1 month",
        "cast(day + interval 1 month as date)",
        is_silent=True,
        nodes=_ADDS,
        found=_moves_a_date,
    ),
    Difference(
        "intervals of a computed length, or as values; `to_days(n)` and its kin",
        "it fails, or is of another type",
        "`day + n` for days, literals for all else: `cast(x + interval 2 month as date)`",
        "cast(day + to_days(2) as date)",
        "day + 2",
        is_silent=False,
        nodes=(exp.Interval,),
        found=_is_odd_interval,
        calls=words("to_days to_weeks to_months to_years to_hours to_minutes to_seconds to_milliseconds time_bucket"),
    ),
    Difference(
        "`strftime(x, f)` with a computed format, letters, or parts as `%j`, `%V`, `%G`, `%u`, `%z`",
        "it is another text, or fails",
        "`lpad(cast(dayofyear(x) as varchar), 3, '0')` for `%j`; letters put beside it with `||`",
        "strftime(day, '%j')",
        "lpad(cast(dayofyear(day) as varchar), 3, '0')",
        is_silent=True,
        nodes=(exp.TimeToStr,),
        found=_is_odd_format,
    ),
    Difference(
        "`monthname(x)`, `dayname(x)`",
        "names are cut to three letters",
        "`strftime(x, '%B')`, `strftime(x, '%A')`",
        "monthname(day)",
        "strftime(day, '%B')",
        is_silent=True,
        calls=words("monthname dayname"),
    ),
    Difference(
        "`t at time zone 'X'` of a timestamp without time zone",
        "it is moved the other way",
        "`cast((t at time zone 'UTC') at time zone 'X' as timestamp)`",
        "cast(sold as timestamp) at time zone 'Europe/Berlin'",
        "cast((cast(sold as timestamp) at time zone 'UTC') at time zone 'Europe/Berlin' as timestamp)",
        is_silent=True,
        gives="what a clock there shows at that time of UTC",
        nodes=(exp.AtTimeZone,),
        found=_is_moved_back,
    ),
    Difference(
        "`x at time zone 'X'` without a cast",
        "it is of another type",
        "`cast(x at time zone 'X' as timestamp)`, or as date",
        "sold at time zone 'Europe/Berlin'",
        "cast(sold at time zone 'Europe/Berlin' as timestamp)",
        is_silent=True,
        nodes=(exp.AtTimeZone,),
        found=_is_moved_uncast,
    ),
)
