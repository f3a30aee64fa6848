"""Numbers and money in SQL: digits kept from the text on, compared and scaled as exact decimals.

`value:x` is plain text: an optional minus, digits, perhaps a point and digits; an exponent there is the parser's own
spelling of a small number with few digits.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tillage.contracts.compiler.classes import class_value
from tillage.contracts.compiler.codes import BIT, BROKEN_OPERAND, ROUNDED
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.level import Level
from tillage.contracts.contract import Column, Excess, Kind, Money
from tillage.contracts.sql_text import text
from tillage.domain import money
from tillage.domain.verdict import Code

MAX_MINOR = 2**63 - 1
DECIMALS = 6
"""Of a `number` without currency."""
_NUMBER = f"decimal(38,{DECIMALS})"
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"
_HELD = 18
"""Decimals of the DECIMAL in which values are compared; the rest of longer ones is kept as one last digit."""
_SHORT = 20
"""Text up to this long cannot have more decimals than are held."""


def plain(trimmed: str) -> str:
    """SQL: the text of a number, null where it is none; decimals that cannot be held become a last digit 1."""
    head, tail = f"split_part({trimmed}, '.', 1)", f"split_part({trimmed}, '.', 2)"
    rest = f"if(rtrim(substring({tail}, {_HELD}), '0') = '', '', '1')"
    held = f"{head} || '.' || rpad(left({tail}, {_HELD - 1}), {_HELD - 1}, '0') || {rest}"
    long = f"if(strlen({trimmed}) <= {_SHORT} or not contains({trimmed}, '.'), {trimmed}, {held})"
    return f"if(regexp_matches({trimmed}, '{_PLAIN}'), {long}, null)"


def mask(level: Level, leaf: Leaf) -> str:
    """The bits of a value that is a number."""
    column = leaf.column
    value = level.field("value:", leaf)
    if column.money is None:
        basic = _number_mask(value) if column.kind is Kind.NUMBER else _scaled_mask(column, value, 0)
        limits = _limits(column, value, 0)
        found = f"(case {basic} else 0 end)"
        if limits != "(0)":
            found = f"(case when {found} <> 0 then {BIT[Code.TYPE]} else {limits} end)"
    else:
        how = column.money
        found = _by_currency(level, leaf, lambda scale: _money_mask(column, value, how, scale), unknown="0")
    return found


def final(level: Level, leaf: Leaf) -> str:
    """The stored value."""
    column = leaf.column
    value = level.field("value:", leaf)
    # Of money, a bit that leaves no amount; of other numbers only `type` does.
    gone = BIT[Code.MISSING] | BIT[Code.TYPE] | BIT[Code.MONEY_SCALE] | BIT[Code.MONEY_OVERFLOW] | BROKEN_OPERAND
    fine = f"{level.field('has:', leaf)} and {level.field('mask:', leaf)} & {gone} = 0"
    if column.money is None and column.kind is Kind.NUMBER:
        return f"case when {fine} then cast({value} as {_NUMBER}) end"
    if column.money is None:
        return f"case when {fine} then {_whole(value, 0)} end"
    how = column.money
    made = _by_currency(level, leaf, lambda scale: _minor(value, how, scale), unknown="null")
    return f"case when {fine} and {value} is not null then {made} end"


def _by_currency(level: Level, leaf: Leaf, made: Callable[[int], str], *, unknown: str) -> str:
    """The expression for the currency's decimals, whichever currency the row has."""
    if leaf.column.currency is not None:
        return made(money.exponent(leaf.column.currency))
    return by_code(class_value(level, leaf.column.currency_by), made, unknown=unknown)


def by_code(code: str, made: Callable[[int], str], *, unknown: str) -> str:
    """SQL: `made` of the decimals of the currency whose code the SQL text `code` holds."""
    arms = " ".join(
        f"when {code} in ({', '.join(map(text, codes))}) then {made(scale)}" for scale, codes in money.by_exponent()
    )
    return f"case {arms} else {unknown} end"


def no_currency(level: Level, leaf: Leaf) -> str:
    """The bits of an amount whose currency nobody can tell: without a code it is as good as not there, and one in a
    currency that does not exist cannot be counted in.
    """
    code = class_value(level, leaf.column.currency_by)
    known = by_code(code, lambda _: "true", unknown="false")
    has = level.field("has:", leaf)
    absent = f"if({has} and {level.field('value:', leaf)} is not null, {BIT[Code.MISSING]}, 0)"
    unknown = f"{BIT[Code.ENUM]} | if({has}, {BROKEN_OPERAND}, 0)"
    return f"case when {code} is null then {absent} when {known} then 0 else {unknown} end"


def _number_mask(value: str) -> str:
    """An arm of a CASE; the cast rounds half away from zero, since measured values have any number of decimals."""
    return f"when try_cast({value} as {_NUMBER}) is null then {BIT[Code.TYPE]}"


def _scaled_mask(column: Column, value: str, scale: int) -> str:
    """Arms of a CASE for a value that is kept as a whole number of 10^-scale."""
    far = BIT[Code.MONEY_OVERFLOW if column.money else Code.TYPE]
    excess = BIT[Code.MONEY_SCALE if column.money else Code.TYPE]
    least = f"-{MAX_MINOR}::hugeint" if column.money else f"(-{MAX_MINOR}::hugeint - 1)"  # so that no sign overflows
    beyond = f"{_scaled(value, scale)} not between {least} and {MAX_MINOR}"
    return (
        f"when {_is_short(value)} then if({_short_excess(value, scale)}, {excess}, 0) "
        f"when {_excess(value, scale)} then {excess} "
        f"when {_is_far(value)} then {far} "
        f"when {beyond} then {far}"
    )


def _money_mask(column: Column, value: str, money_: Money, exponent: int) -> str:
    scale = 0 if money_.is_minor else exponent
    limits = _limits(column, value, exponent if money_.is_minor else 0)
    if money_.excess is Excess.REJECT:
        return f"(case {_scaled_mask(column, value, scale)} else 0 end | {limits})"
    far = BIT[Code.MONEY_OVERFLOW]
    warned = f"if({_excess(value, scale)}, {ROUNDED}, 0)" if money_.excess is Excess.WARN else "0"
    return (
        f"(case when {_is_far(value)} then {far} when abs({_scaled(value, scale)}) > {MAX_MINOR} then {far} "
        f"else {warned} end | {limits})"
    )


def _minor(value: str, money_: Money, exponent: int) -> str:
    scale = 0 if money_.is_minor else exponent
    if money_.excess is not Excess.REJECT:
        return f"cast({_scaled(value, scale)} as bigint)"
    return _whole(value, scale)


def _whole(value: str, scale: int) -> str:
    """The value times 10^scale as BIGINT; only for one that is neither far nor in excess."""
    short = f"cast({value} as decimal(18,{scale}))"
    short = f"cast({short} * {10**scale} as bigint)" if scale else f"cast({short} as bigint)"
    return f"if({_is_short(value)}, {short}, cast({_scaled(value, scale)} as bigint))"


def _limits(column: Column, value: str, shift: int) -> str:
    """The bits of bounds, in major units; `shift`: the value counts 10^-shift of them."""
    limits = column.limits
    wrong: dict[Code, list[str]] = {Code.RANGE: [], Code.ENUM: []}
    for bound, sign, is_upper in (
        (limits.minimum, "<=" if limits.is_minimum_excluded else "<", False),
        (limits.maximum, ">=" if limits.is_maximum_excluded else ">", True),
    ):
        if bound is not None:
            # What is too far to be held is beyond every bound on its side.
            beyond = f"not starts_with({value}, '-')" if is_upper else f"starts_with({value}, '-')"
            wrong[Code.RANGE].append(
                f"if({_decimal(value)} is null, {beyond}, {_decimal(value)} {sign} {_literal(Decimal(bound), shift)})"
            )
    if limits.multiple_of is not None:
        step = _literal(limits.multiple_of, shift)
        long = f"try_cast({value} as {_NUMBER}) % {_literal(limits.multiple_of, shift)}::{_NUMBER} <> 0"
        wrong[Code.RANGE].append(f"coalesce({_decimal(value)} % {step} <> 0, {long}, true)")
    if limits.allowed is not None:
        allowed = ", ".join(_literal(Decimal(one), shift) for one in limits.allowed)
        wrong[Code.ENUM].append(f"coalesce({_decimal(value)} not in ({allowed}), true)")
    return "(" + (" | ".join(f"if({' or '.join(c)}, {BIT[code]}, 0)" for code, c in wrong.items() if c) or "0") + ")"


def _literal(bound: Decimal, shift: int) -> str:
    return f"'{bound.scaleb(shift):f}'::decimal(38,{_HELD})"


def _is_short(value: str) -> str:
    """Up to 9 characters and no exponent fit DECIMAL(18,9), which is one machine word: the common case, much faster."""
    return f"(length({value}) <= 9 and not contains({value}, 'e'))"


def _short_excess(value: str, scale: int) -> str:
    return f"cast({value} as decimal(18,9)) <> cast({value} as decimal(18,{scale}))"


def _decimal(value: str) -> str:
    return f"try_cast({value} as decimal(38,{_HELD}))"


def _is_far(value: str) -> str:
    """Beyond 19 whole digits no scaled value is in range."""
    return f"({_decimal(value)} is null or abs({_decimal(value)}) > 10000000000000000000)"


def _excess(value: str, scale: int) -> str:
    """Whether a number has decimals beyond `scale` that are not zero, however many it has."""
    # An exponent here is the parser's own spelling of a small number with few digits, which the decimal holds exactly.
    small = f"{_decimal(value)} <> cast({_decimal(value)} as decimal({22 + scale},{scale}))"
    return f"if(contains({value}, 'e'), {small}, length(rtrim(split_part({value}, '.', 2), '0')) > {scale})"


def _scaled(value: str, scale: int) -> str:
    """The number times 10^scale as HUGEINT, rounded half away from zero; only for one that is not far."""
    exact = f"cast({_decimal(value)} as decimal({22 + scale},{scale}))"
    return f"cast({exact} * {10**scale}::decimal({scale + 1},0) as hugeint)"
