"""Columns that name a class, as they stand or mapped from other spellings, and the VAT rate of a class on a day."""

from __future__ import annotations

from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.level import Level
from tillage.contracts.contract import Kind, Vat
from tillage.contracts.sql_text import is_blank, text


def class_value(level: Level, key: str) -> str:
    """SQL: the text of the string column `key`, after its map if it has one; null where there is none."""
    found, leaf = level.find(key)
    mapped = leaf.column.class_map
    if mapped is None:
        has, value = found.field("has:", leaf), found.field("value:", leaf)
        if leaf.column.is_required:  # a blank one counts as missing
            has = f"{has} and not coalesce({is_blank(value)}, true)"
        return f"if({has}, {value}, null)"
    source = class_value(level, mapped.column)
    arms = " ".join(f"when {text(spelling)} then {text(known)}" for spelling, known in mapped.values)
    rest = f"if({source} is null, null, {text(mapped.default)})" if mapped.default is not None else "null"
    return f"case {source} {arms} else {rest} end"


def class_source(level: Level, key: str) -> str:
    """SQL: the text of the column that the map of column `key` reads; of the column itself without a map."""
    mapped = level.find(key)[1].column.class_map
    return class_value(level, mapped.column if mapped else key)


def class_known(level: Level, key: str) -> str:
    """SQL: whether the map of column `key` lists its source; for a source that is there."""
    mapped = level.find(key)[1].column.class_map
    if mapped is None or mapped.default is not None:
        return "true"
    spellings = ", ".join(text(spelling) for spelling, _ in mapped.values)
    return f"{class_value(level, mapped.column)} in ({spellings})"


def rate_field(level: Level, leaf: Leaf) -> str:
    """SQL: basis points of the column's VAT class; null when nobody knows."""
    vat = leaf.column.vat
    if vat is None:
        return "null"
    if vat.rate_by is None:
        return _rate_on_day(level, vat, "")
    classes = dict.fromkeys(name for _, rates in [("", vat.rates_bp), *vat.changes] for name, _ in rates)
    arms = {known: _rate_on_day(level, vat, known) for known in classes}
    spelled = " ".join(f"when {text(known)} then {rate}" for known, rate in arms.items())
    return f"case {class_value(level, vat.rate_by)} {spelled} end"


def unknown_class(level: Level, leaf: Leaf) -> str:
    """SQL: whether a class stands there that has no rate on its day."""
    vat = leaf.column.vat
    if vat is None or vat.rate_by is None:
        return "false"
    spelled = class_value(level, vat.rate_by)
    listed = dict.fromkeys(name for _, rates in [("", vat.rates_bp), *vat.changes] for name, _ in rates)
    known = f"{spelled} in ({', '.join(map(text, listed))})"
    # A class that is listed has no rate on a day before its first; on no day at all nobody can tell.
    sure = f"({level.named('value:', vat.date_by)} is not null or not {known})" if vat.date_by else "true"
    named = f"{sure} and not coalesce({is_blank(spelled)}, true)"
    return f"case when {rate_field(level, leaf)} is not null then false else {named} end"


def _rate_on_day(level: Level, vat: Vat, known: str) -> str:
    base = dict(vat.rates_bp).get(known)
    rate = "null" if base is None else str(base)
    changes = [(day, dict(rates)[known]) for day, rates in vat.changes if known in dict(rates)]
    if vat.date_by is None or not vat.changes:
        return rate
    day = level.named("value:", vat.date_by)
    if level.find(vat.date_by)[1].column.kind is Kind.TIMESTAMP:
        day = f"timezone('UTC', {day})::date"
    arms = " ".join(f"when {day} >= date {text(since)} then {points}" for since, points in reversed(changes))
    return f"case when {day} is null then null {arms} else {rate} end"
