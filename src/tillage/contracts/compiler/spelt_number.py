"""Numbers as a table spells them, in a stated format: their grammar as one pattern, and in SQL their plain text.

One format reads a text in one way or not at all. A number begins with its first digit and symbols hold none, so that
what stands before and behind is never part of it.
"""

from __future__ import annotations

import re

from tillage.contracts.contract import Negative, NumberFormat
from tillage.contracts.sql_text import BLANK, text

MINUS = "-\u2212"
BLANK_GROUPS = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"
_BLANKS = f"[{BLANK[1:-1]}]*"
_GROUPS = {" ": BLANK_GROUPS, "'": APOSTROPHES}


def pattern(form: NumberFormat) -> str:
    """What a trimmed text of the format matches as a whole, in the grammar that RE2, Python and ECMAScript share."""
    symbol = "|".join(map(_escaped, sorted(form.symbols, key=len, reverse=True)))
    before, behind = (f"(?:(?:{symbol}){_BLANKS})?", f"(?:{_BLANKS}(?:{symbol}))?") if symbol else ("", "")
    size = _size(form)
    signed = [f"(?:[{MINUS}]{before}|{before}[{MINUS}]?){size}{behind}"]
    if form.negative is Negative.TRAILING:
        signed.append(f"{before}{size}(?:[{MINUS}]{behind}|{behind}[{MINUS}])")
    if form.negative is Negative.PARENTHESES:
        signed += [rf"\({before}{size}{behind}\)", rf"{before}\({size}\){behind}"]
    return "(?:" + "|".join(signed) + ")"


def plain_text(trimmed: str, form: NumberFormat) -> str:
    """SQL: the same number with an optional minus, digits and a point; null where the text is none of the format."""
    digits = f"regexp_extract(t, {text(_size(form))})"
    if form.group:
        digits = f"translate({digits}, {text(_group(form))}, '')"
    if form.decimal != ".":
        digits = f"replace({digits}, {text(form.decimal)}, '.')"
    signs = f"{MINUS}(" if form.negative is Negative.PARENTHESES else MINUS
    minus = f"if({' or '.join(f'contains(t, {text(sign)})' for sign in signs)}, '-', '')"
    made = f"if(regexp_full_match(t, {text(pattern(form))}), {minus} || {digits}, null)"
    return f"list_transform([{trimmed}], lambda t: {made})[1]"


def plain(value: str, form: NumberFormat) -> str | None:
    """As `plain_text`, of one trimmed text."""
    found = re.search(_size(form), value)
    if not found or not re.fullmatch(pattern(form), value):
        return None
    digits = found[0].translate({ord(sign): None for sign in _group(form)}).replace(form.decimal, ".")
    return ("-" if set(f"{MINUS}(") & set(value) else "") + digits


def _size(form: NumberFormat) -> str:
    """Digits in groups of three, or without any, and decimals."""
    grouped = f"[1-9][0-9]{{0,2}}(?:[{_group(form)}][0-9]{{3}})+|" if form.group else ""
    return f"(?:{grouped}[0-9]+)(?:{_escaped(form.decimal)}[0-9]+)?"


def _group(form: NumberFormat) -> str:
    return _GROUPS.get(form.group, form.group)


def _escaped(literal: str) -> str:
    """As a pattern; only what has a meaning there is escaped, since ECMAScript takes no other escapes."""
    return re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\1", literal)
