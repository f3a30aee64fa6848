"""One scalar column in SQL, in three steps that each read only the one before.

value: `has:x`, whether the member is there and not null, and `value:x`, a string decoded or a number as plain text.
mask: `mask:x`, one bit for what is wrong with it. final: the column as silver keeps it, null where a bit is set.
`base` is where a step finds the fields of the step before: empty for columns of a relation, `b.` inside a lambda.
"""

from __future__ import annotations

from tillage.contracts.contract import Column, Kind
from tillage.contracts.shape import NOTE
from tillage.contracts.sql_text import name, text
from tillage.domain import money
from tillage.domain.verdict import Code

CODES = (Code.MISSING, Code.TYPE, Code.ENUM, Code.MONEY_SCALE, Code.MONEY_OVERFLOW)
"""Bit n of a mask stands for CODES[n]."""
BIT = {code: 1 << index for index, code in enumerate(CODES)}
MAX_MINOR = 2**63 - 1
_SPACES = (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
BLANK = "'" + "".join(chr(point) for point in _SPACES) + "'"
"""What is trimmed, and what a blank string consists of. Source: Unicode, property White_Space."""
_NUMBER_DECIMALS = 6
_NUMBER = f"decimal(38,{_NUMBER_DECIMALS})"
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"


def noted(base: str, path: tuple[str, ...]) -> str:
    """SQL: whether the exact look noted that an object or list on `path` below `base` is something else."""
    found = []
    parent = base
    for step in path:
        found.append(f"coalesce(list_contains(json_keys({parent}.{name(NOTE)}), {text(step)}), false)")
        parent = f"{parent}.{name(step)}"
    return "(" + " or ".join(found) + ")" if found else "false"


def value_fields(column: Column, base: str) -> dict[str, str]:
    """Step value, read from the parsed struct `base`. Blank text where a number is required counts as not there."""
    e = f"cast({base}.{name(*column.path)} as varchar)"
    has = f"{e} is not null or {noted(base, column.path[:-1])}"
    if column.is_required and column.kind is not Kind.STRING:
        is_blank = f"{e}[1] = '\"' and trim({_decoded(e)}, {BLANK}) = ''"
        has = f"({has}) and not coalesce({is_blank}, false)"
    return {
        f"has:{column.name}": f"coalesce({has}, false)",
        f"value:{column.name}": _value(column.kind, e),
    }


def _value(kind: Kind, e: str) -> str:
    decoded = _decoded(e)
    if kind is Kind.STRING:
        return f"if({e}[1] = '\"', {decoded}, null)"
    if kind is Kind.BOOLEAN:
        return f"if({e} in ('true', 'false'), {e}, null)"
    trimmed = f"trim({decoded}, {BLANK})"
    return (
        f"case {e}[1] when '\"' then if(regexp_matches({trimmed}, '{_PLAIN_NUMBER}'), {trimmed}, null) "
        f"when '{{' then {e}->>'$.\"{NOTE}\".number' when 't' then null when 'f' then null else {e} end"
    )


def _decoded(e: str) -> str:
    """The string that a JSON string stands for."""
    return f"if(contains({e}, '\\'), {e}->>'$', substring({e}, 2, length({e}) - 2))"


def mask_field(column: Column, base: str) -> str:
    """Step mask: 0 when nothing is wrong."""
    has, value = (f"{base}{name(prefix + column.name)}" for prefix in ("has:", "value:"))
    absent = BIT[Code.MISSING] if column.is_required else 0
    arms = [f"when not {has} then {absent}", f"when {value} is null then {BIT[Code.TYPE]}"]
    if column.kind is Kind.STRING and column.is_required:
        arms.append(f"when trim({value}, {BLANK}) = '' then {BIT[Code.MISSING]}")
    scale = _scale(column)
    if column.kind is Kind.NUMBER and not column.currency:
        arms.append(f"when {_excess(value, _NUMBER_DECIMALS)} then {BIT[Code.TYPE]}")
        arms.append(f"when try_cast({value} as {_NUMBER}) is null then {BIT[Code.TYPE]}")
    elif scale is not None:
        far = BIT[Code.MONEY_OVERFLOW if column.currency else Code.TYPE]
        excess = BIT[Code.MONEY_SCALE if column.currency else Code.TYPE]
        arms.append(f"when {_is_short(value)} then if({_short_excess(value, scale)}, {excess}, 0)")
        arms.append(f"when {_excess(value, scale)} then {excess}")
        arms.append(f"when {_is_far(value)} then {far}")
        arms.append(f"when abs({_scaled(value, scale)}) > {MAX_MINOR} then {far}")
    mask = f"(case {' '.join(arms)} else 0 end)"
    if column.vat:
        rate_class = f"{base}{name('value:' + column.vat.rate_by)}"
        known = ", ".join(text(known) for known, _ in column.vat.rates_bp)
        unknown = f"{rate_class} not in ({known}) and trim({rate_class}, {BLANK}) <> ''"
        mask = f"({mask} | if(coalesce({unknown}, false), {BIT[Code.ENUM]}, 0))"
    return mask


def amount_mask(column: Column, base: str) -> str:
    """The bits of a money column that keep its amount from being counted; an unknown VAT class does not."""
    return f"({base}{name('mask:' + column.name)} & {~BIT[Code.ENUM]})"


def final_field(column: Column, base: str) -> str:
    """Step final: the stored value."""
    value = f"{base}{name('value:' + column.name)}"
    fine = f"{amount_mask(column, base)} = 0"
    scale = _scale(column)
    if scale is None:
        stored = f"cast({value} as boolean)" if column.kind is Kind.BOOLEAN else value
        return f"if({fine}, {stored}, null)"
    if column.kind is Kind.NUMBER and not column.currency:
        return f"case when {fine} then cast({value} as {_NUMBER}) end"
    short = f"cast({value} as decimal(18,{scale}))"
    short = f"cast({short} * {10**scale} as bigint)" if scale else f"cast({short} as bigint)"
    return (
        f"case when {fine} and {value} is not null then "
        f"if({_is_short(value)}, {short}, cast({_scaled(value, scale)} as bigint)) end"
    )


def rate_field(column: Column, base: str) -> str:
    """Basis points of the column's VAT class; null when unknown."""
    if column.vat is None:
        return "null"
    arms = " ".join(f"when {text(rate_class)} then {points}" for rate_class, points in column.vat.rates_bp)
    return f"case {base}{name('value:' + column.vat.rate_by)} {arms} end"


def _scale(column: Column) -> int | None:
    if column.currency:
        return money.exponent(column.currency)
    return {Kind.INTEGER: 0, Kind.NUMBER: _NUMBER_DECIMALS}.get(column.kind)


def _is_short(value: str) -> str:
    """Up to 9 characters and no exponent fit DECIMAL(18,9), which is one machine word: the common case, much faster."""
    return f"(length({value}) <= 9 and not contains({value}, 'e'))"


def _short_excess(value: str, scale: int) -> str:
    return f"cast({value} as decimal(18,9)) <> cast({value} as decimal(18,{scale}))"


def _decimal(value: str) -> str:
    return f"try_cast({value} as decimal(38,18))"


def _is_far(value: str) -> str:
    """Beyond 19 whole digits no scaled value is in range."""
    return f"({_decimal(value)} is null or abs({_decimal(value)}) > 10000000000000000000)"


def _excess(value: str, scale: int) -> str:
    """Whether a number has decimals beyond `scale` that are not zero, however many it has."""
    # An exponent here is the parser's own spelling of a small number with few digits, which the decimal holds exactly.
    small = f"{_decimal(value)} <> cast({_decimal(value)} as decimal({22 + scale},{scale}))"
    return f"if(contains({value}, 'e'), {small}, length(rtrim(split_part({value}, '.', 2), '0')) > {scale})"


def _scaled(value: str, scale: int) -> str:
    """The number times 10^scale as HUGEINT; only for one that is neither far nor in excess."""
    exact = f"cast({_decimal(value)} as decimal({22 + scale},{scale}))"
    return f"cast({exact} * {10**scale}::decimal({scale + 1},0) as hugeint)"
