"""Violations inside one unit as bits of one mask, so that each rule is evaluated once and costs one machine word."""

from __future__ import annotations

from tillage.contracts.sql_text import text
from tillage.domain.verdict import Code

CODES = (
    Code.MISSING,
    Code.TYPE,
    Code.RANGE,
    Code.LENGTH,
    Code.PATTERN,
    Code.ENUM,
    Code.MONEY_SCALE,
    Code.MONEY_OVERFLOW,
    Code.UNKNOWN_FIELD,
    Code.KEY_CONFLICT,
)
"""Bit n of a mask stands for CODES[n]."""
BIT = {code: 1 << index for index, code in enumerate(CODES)}
VIOLATION = (1 << len(CODES)) - 1
ROUNDED = 1 << 20
"""No violation: a warning that decimals were rounded away."""
BROKEN_OPERAND = 1 << 21
"""No violation of its own: the amount is made of a column that has one."""
WHERE_FAILED = 1 << 22
"""A row of a group for which nobody can say whether it belongs to the dataset."""
NOT_COUNTABLE = BIT[Code.MISSING] | BIT[Code.TYPE] | BIT[Code.MONEY_SCALE] | BIT[Code.MONEY_OVERFLOW] | BROKEN_OPERAND
"""What keeps an amount from being counted; an unknown VAT class or a bound does not."""

WHERE_CODE = "rule:where"
"""Of a unit that is kept because `tillage.where` fails on it."""


def code_list(mask: str) -> str:
    """SQL: the codes of `mask`, a VARCHAR[]."""
    arms = ", ".join(f"if({mask} & {bit} > 0, {text(code)}, null)" for code, bit in BIT.items())
    return f"if({mask} & {VIOLATION} = 0, []::varchar[], list_filter([{arms}], lambda c: c is not null))"
