"""One scalar column in SQL, in three steps that each read only the one before.

value: `has:x`, whether a value is there, and `value:x`: a string decoded, a number as plain text, a date or time typed.
mask: `mask:x`, one bit for each thing that is wrong with it (`contracts.codes`). final: `final:x`, the column as silver
keeps it, null where its mask has a bit that leaves no value.
"""

from __future__ import annotations

import re

from tillage.contracts.compiler import moment, number, spelt_number
from tillage.contracts.compiler.classes import class_known, class_source, class_value, unknown_class
from tillage.contracts.compiler.codes import BIT, NOT_COUNTABLE
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.level import Level
from tillage.contracts.compiler.shape import NOTE
from tillage.contracts.contract import Column, Kind
from tillage.contracts.sql_text import is_blank, name, text, trimmed
from tillage.domain.verdict import Code

MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.TIME}
NUMBERS = {Kind.INTEGER, Kind.NUMBER}
_NO_VALUE = BIT[Code.MISSING] | BIT[Code.TYPE]


def member(base: str, path: tuple[str, ...]) -> str:
    """SQL: what stands on `path` below `base`."""
    return f"{base}.{name(*path)}"


def noted(base: str, path: tuple[str, ...]) -> str:
    """SQL: whether the exact look noted that an object or list on `path` below `base` is something else."""
    found = []
    parent = base
    for step in path:
        found.append(f"coalesce(list_contains(json_keys({parent}.{name(NOTE)}), {text(step)}), false)")
        parent = f"{parent}.{name(step)}"
    return "(" + " or ".join(found) + ")" if found else "false"


def value_fields(leaf: Leaf, found: list[str], wrong: list[str]) -> dict[str, str]:
    """Step value, of the JSON texts `found` of which the first counts; `wrong`: conditions that something else stands
    on the way to one of them.
    """
    column = leaf.column
    if not found:
        return {}  # made of other columns
    e = f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]
    has = " or ".join([f"{e} is not null", *(one for one in wrong if one != "false")])
    absent = []
    if column.null_values:
        absent.append(_is_null_value(column, e))
    if column.is_required and column.kind is not Kind.STRING:
        absent.append(f"case when {e}[1] = '\"' then {is_blank(_decoded(e))} else false end")
    if absent:
        has = f"({has}) and not coalesce({' or '.join(absent)}, false)"
    return {f"has:{leaf.key}": f"coalesce({has}, false)", f"value:{leaf.key}": _value(column, e)}


def _value(column: Column, e: str) -> str:
    decoded = _decoded(e)
    plain = trimmed(decoded)
    if column.kind is Kind.STRING:
        return f"if({e}[1] = '\"', {decoded}, null)"
    if column.kind in MOMENTS:
        made = moment.parsed(column.kind, "t", column.date_format, column.time_zone, has_offset=column.has_offset)
        return f"if({e}[1] = '\"', list_transform([{plain}], lambda t: {made})[1], null)"
    if column.kind is Kind.BOOLEAN:
        spoken = f"case lower({plain}) {_BOOLEANS} end"
        return f"case when {e} in ('true', 'false') then {e} when is_text and {e}[1] = '\"' then {spoken} end"
    digits = f"{e}->>'$.\"{NOTE}\".number'"
    if column.number_format:
        plain = spelt_number.plain_text(plain, column.number_format)
    return (
        f"case {e}[1] when '\"' then {number.plain(plain)} when '{{' then {digits} when 't' then null "
        f"when 'f' then null else {e} end"
    )


_BOOLEANS = " ".join(
    [f"when '{yes}' then 'true'" for yes in ("true", "1", "yes")]
    + [f"when '{no}' then 'false'" for no in ("false", "0", "no")]
)


def _is_null_value(column: Column, e: str) -> str:
    """SQL: whether a text is one of the null values, or a JSON number equals one."""
    texts = ", ".join(map(text, column.null_values))
    numbers = [value for value in column.null_values if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", value)]
    digits = f"case when {e}[1] = '{{' then {e}->>'$.\"{NOTE}\".number' else {e} end"
    equal = "false"
    if numbers and column.kind in NUMBERS:
        held = ", ".join(f"{text(value)}::decimal(38,18)" for value in numbers)
        equal = f"coalesce(try_cast({digits} as decimal(38,18)) in ({held}), false)"
    return f"case when {e}[1] = '\"' then {trimmed(_decoded(e))} in ({texts}) else {equal} end"


def _decoded(e: str) -> str:
    """The string that a JSON string stands for."""
    return f"if(contains({e}, '\\'), {e}->>'$', substring({e}, 2, length({e}) - 2))"


def mask_field(level: Level, leaf: Leaf) -> str:
    """Step mask: 0 when nothing is wrong."""
    column = leaf.column
    if column.class_map:
        return _map_mask(level, leaf)
    has, value = level.field("has:", leaf), level.field("value:", leaf)
    absent = BIT[Code.MISSING] if column.is_required else 0
    arms = [f"when not {has} then {absent}", f"when {value} is null then {BIT[Code.TYPE]}"]
    if column.kind is Kind.STRING and column.is_required:
        arms.append(f"when {is_blank(value)} then {BIT[Code.MISSING]}")
    wrong = number.mask(level, leaf) if column.kind in NUMBERS else _bits(_checks(column, value))
    mask = f"(case {' '.join(arms)} else {wrong} end)"
    if column.currency_by:
        mask += f" | ({number.no_currency(level, leaf)})"
    if column.vat:
        mask += f" | if({unknown_class(level, leaf)}, {BIT[Code.ENUM]}, 0)"
    return f"({mask})"


def _map_mask(level: Level, leaf: Leaf) -> str:
    absent = BIT[Code.MISSING] if leaf.column.is_required else 0
    source, known = class_source(level, leaf.key), class_known(level, leaf.key)
    return f"(case when {source} is null then {absent} when {known} then 0 else {BIT[Code.ENUM]} end)"


def _bits(checks: dict[Code, list[str]]) -> str:
    """The bits of the conditions that hold; each is what is wrong."""
    found = [f"if(coalesce({' or '.join(wrong)}, false), {BIT[code]}, 0)" for code, wrong in checks.items() if wrong]
    return "(" + (" | ".join(found) or "0") + ")"


def _checks(column: Column, value: str) -> dict[Code, list[str]]:
    """SQL conditions over a value that is no number, by the code of what they find."""
    limits = column.limits
    checks: dict[Code, list[str]] = {code: [] for code in (Code.LENGTH, Code.PATTERN, Code.RANGE, Code.ENUM)}
    if limits.min_length is not None:
        checks[Code.LENGTH].append(f"length({value}) < {limits.min_length}")
    if limits.max_length is not None:
        checks[Code.LENGTH].append(f"length({value}) > {limits.max_length}")
    checks[Code.PATTERN] += [f"not regexp_matches({value}, {text(pattern)})" for pattern in limits.patterns]
    for bound, sign in bounds(column):
        checks[Code.RANGE].append(f"{value} {sign} {_moment(column.kind, str(bound))}")
    if limits.allowed is not None:
        shown = value if column.kind is Kind.STRING else f"{value}::varchar"
        checks[Code.ENUM].append(f"{shown} not in ({', '.join(map(text, limits.allowed))})")
    return checks


def bounds(column: Column) -> list[tuple[object, str]]:
    """Each bound, and the comparison that finds a value beyond it."""
    limits = column.limits
    found: list[tuple[object, str]] = []
    if limits.minimum is not None:
        found.append((limits.minimum, "<=" if limits.is_minimum_excluded else "<"))
    if limits.maximum is not None:
        found.append((limits.maximum, ">=" if limits.is_maximum_excluded else ">"))
    return found


def _moment(kind: Kind, bound: str) -> str:
    types = {Kind.DATE: "::date", Kind.TIMESTAMP: "::timestamptz", Kind.TIME: ""}
    return text(bound) + types[kind]


def amount_mask(level: Level, leaf: Leaf) -> str:
    """The bits of a money column that keep its amount from being counted."""
    return f"({level.field('mask:', leaf)} & {NOT_COUNTABLE})"


def final_field(level: Level, leaf: Leaf) -> str:
    """Step final: the stored value."""
    column = leaf.column
    mask = level.field("mask:", leaf)
    if column.class_map:
        return f"if({mask} = 0, {class_value(level, leaf.key)}, null)"
    value = level.field("value:", leaf)
    if column.kind in NUMBERS:
        return number.final(level, leaf)
    stored = f"cast({value} as boolean)" if column.kind is Kind.BOOLEAN else value
    return f"if({level.field('has:', leaf)} and {mask} & {_NO_VALUE} = 0, {stored}, null)"
