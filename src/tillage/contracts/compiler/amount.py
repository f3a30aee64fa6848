"""Amounts made of other columns: exact integer arithmetic over numbers, rounded once at the end.

An operand is read as HUGEINT of its own decimals; a product adds decimals up, a sum brings both sides to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlglot
from sqlglot import exp

from tillage.contracts.compiler.classes import class_value, unknown_class
from tillage.contracts.compiler.codes import BIT, BROKEN_OPERAND, NOT_COUNTABLE
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.level import Level
from tillage.contracts.compiler.number import DECIMALS, MAX_MINOR, by_code
from tillage.contracts.contract import Column, Kind
from tillage.domain import money
from tillage.domain.verdict import Code

_MAX_DECIMALS = 18


@dataclass(frozen=True)
class _Scaled:
    sql: str
    decimals: int


def read_amount(expression: str) -> exp.Expr:
    """The expression, of `+ - *`, parentheses, decimal literals and names only; a member of an object is one name.

    Raises:
        ValueError: says what is not allowed.
    """
    try:
        tree = sqlglot.parse_one(expression, dialect="duckdb")
    except sqlglot.errors.ParseError:
        raise ValueError("it is no arithmetic expression") from None
    tree = tree.transform(lambda node: _named(_key(node)) if isinstance(node, exp.Column) and node.table else node)
    for node in tree.walk():
        if isinstance(node, exp.Literal) and not node.is_string and _is_plain(node.name):
            continue
        if isinstance(node, exp.Column) and not node.table:
            continue
        if not isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Neg | exp.Paren | exp.Identifier):
            raise ValueError(  # noqa: TRY004  (the text is wrong, not its type)
                f"'{node.sql()}' is not allowed; only + - * ( ), decimal literals and columns are"
            )
    return tree


def operands(expression: str) -> list[str]:
    """Names of the columns in it, each once."""
    return list(dict.fromkeys(column.name for column in read_amount(expression).find_all(exp.Column)))


def renamed(expression: str, keys: Mapping[str, str]) -> str:
    """The expression with other names for its columns."""
    tree = read_amount(expression)
    made = tree.transform(lambda node: _named(keys[node.name]) if isinstance(node, exp.Column) else node)
    return made.sql(dialect="duckdb")


def _key(column: exp.Column) -> str:
    return ".".join(part.name for part in column.parts)


def _named(key: str) -> exp.Column:
    return exp.column(exp.to_identifier(key, quoted=True))


def _is_plain(literal: str) -> bool:
    return literal.replace(".", "", 1).isdigit() and len(literal) <= _MAX_DECIMALS


def carried_fields(level: Level, leaf: Leaf) -> dict[str, str]:
    """Step final: what the step after it must still know of an amount."""
    column = leaf.column
    fields = {}
    if column.vat:
        fields[f"unclassed:{leaf.key}"] = unknown_class(level, leaf)
    if column.money and column.money.currency_by:
        fields[f"code:{leaf.key}"] = class_value(level, column.money.currency_by)
    return fields


def derived_fields(level: Level, leaf: Leaf) -> dict[str, str]:
    """Step derived: `final:` and `mask:` of an amount, from the final columns of the level."""
    column = leaf.column
    found = read_amount(column.amount or "0")
    used = operands(column.amount or "0")
    broken = " or ".join(f"{level.named('mask:', one)} & {NOT_COUNTABLE} <> 0" for one in used) or "false"
    absent = " or ".join(f"{level.named('final:', one)} is null" for one in used) or "false"
    no_code = ""
    if column.currency is not None:
        exponent = money.exponent(column.currency)
        value, limits = _value(level, found, exponent), _limits(level, column, found, exponent)
    else:
        code = level.field("code:", leaf)
        value = by_code(code, lambda scale: _value(level, found, scale), unknown="null")
        limits = by_code(code, lambda scale: _limits(level, column, found, scale), unknown="0")
        known = by_code(code, lambda _: "true", unknown="false")
        unknown = BIT[Code.ENUM] | BROKEN_OPERAND
        no_code = f"when {code} is null then {BIT[Code.MISSING]} when not {known} then {unknown} "
    missing = BIT[Code.MISSING] if column.is_required else 0
    overflow = f"coalesce(abs({value}) > {MAX_MINOR}, true)"
    rated = f"if({level.field('unclassed:', leaf)}, {BIT[Code.ENUM]}, 0)" if column.vat else "0"
    return {
        f"mask:{leaf.key}": (
            f"(case when {broken} then {BROKEN_OPERAND} when {absent} then {missing} {no_code}"
            f"when {overflow} then {BIT[Code.MONEY_OVERFLOW]} else {limits} end | {rated})"
        ),
        f"final:{leaf.key}": f"try(cast({value} as bigint))",
    }


def _value(level: Level, found: exp.Expr, exponent: int) -> str:
    """The amount in minor units as HUGEINT, null where it does not fit."""
    scaled = _scaled(level, found, exponent)
    if scaled.decimals <= exponent:
        return _tried(f"{scaled.sql} * {10 ** (exponent - scaled.decimals)}::hugeint")
    unit = 10 ** (scaled.decimals - exponent)
    return _tried(f"sign({scaled.sql}) * ((2 * abs({scaled.sql}) + {unit}::hugeint) // (2 * {unit}::hugeint))")


def _tried(expression: str) -> str:
    """SQL: the expression, null where it overflows.

    Inside a lambda, since elsewhere the optimizer takes what is common to two expressions out of their `try`.
    """
    return f"list_transform([1], lambda _one: try({expression}))[1]"


def _limits(level: Level, column: Column, found: exp.Expr, exponent: int) -> str:
    limits = column.limits
    if limits.minimum is None and limits.maximum is None:
        return "0"
    scaled = _scaled(level, found, exponent)
    wrong = []
    for bound, sign in (
        (limits.minimum, "<=" if limits.is_minimum_excluded else "<"),
        (limits.maximum, ">=" if limits.is_maximum_excluded else ">"),
    ):
        if bound is not None:
            held = Decimal(bound).scaleb(scaled.decimals)
            wrong.append(f"{scaled.sql}::decimal(38,0) {sign} {held:f}")
    return f"if(coalesce({_tried(' or '.join(wrong))}, false), {BIT[Code.RANGE]}, 0)"


def _scaled(level: Level, node: exp.Expr, exponent: int) -> _Scaled:
    if isinstance(node, exp.Paren):
        return _scaled(level, node.this, exponent)
    if isinstance(node, exp.Neg):
        inner = _scaled(level, node.this, exponent)
        return _Scaled(f"(-{inner.sql})", inner.decimals)
    if isinstance(node, exp.Literal):
        value = Decimal(node.name)
        decimals = max(0, -int(value.as_tuple().exponent))
        return _Scaled(f"{int(value.scaleb(decimals))}::hugeint", decimals)
    if isinstance(node, exp.Column):
        return _operand(level, node.name, exponent)
    left, right = (_scaled(level, node.args[side], exponent) for side in ("this", "expression"))
    if isinstance(node, exp.Mul):
        return _Scaled(f"({left.sql} * {right.sql})", left.decimals + right.decimals)
    decimals = max(left.decimals, right.decimals)
    sides = [f"{side.sql} * {10 ** (decimals - side.decimals)}::hugeint" for side in (left, right)]
    return _Scaled(f"({sides[0]} {'+' if isinstance(node, exp.Add) else '-'} {sides[1]})", decimals)


def _operand(level: Level, key: str, exponent: int) -> _Scaled:
    column = level.find(key)[1].column
    final = level.named("final:", key)
    if column.money is not None:
        return _Scaled(f"{final}::hugeint", exponent)
    if column.kind is Kind.INTEGER:
        return _Scaled(f"{final}::hugeint", 0)
    # The digits without the point: a cast to HUGEINT after a product in DECIMAL could overflow the DECIMAL.
    return _Scaled(f"replace({final}::varchar, '.', '')::hugeint", DECIMALS)
