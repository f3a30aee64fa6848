"""A small part of SQL, evaluated for one row with three truth values: what row rules, `where` and amounts are made of.

Knows `or and not`, comparisons, `is [not] null`, `[not] in (...)`, `+ - * / // %`, parentheses, numbers, strings,
`true false null`, `date '...'`, `timestamptz '...'`, columns and members (`inner.name`), `cast(x as integer)`,
`length(x)`, `len(x)` and `coalesce(...)`. Anything else is a SyntaxError, and no answer.

Readings: division by zero fails by every operator, though DuckDB's `/` gives infinity; what one side of `and` or `or`
decides alone is decided even where the other side fails, and nothing that is asked relies on it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Evaluate: TypeAlias = Callable[[Row], Any]

TOKEN = re.compile(
    r"\s*(?:([0-9]+(?:\.[0-9]+)?)|('(?:[^']|'')*')|([A-Za-z_][A-Za-z_0-9]*)|(<>|<=|>=|!=|//|[=<>+\-*/%(),.]))"
)
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MAX_WORD = 2**63 - 1


class FailedError(Exception):
    """The expression has no value for this row."""


@dataclass(frozen=True)
class Expression:
    evaluate: Evaluate
    columns: frozenset[str]


def parse(sql: str) -> Expression:
    """The expression that `sql` is."""
    reader = _Reader(_tokens(sql))
    evaluate = reader.either()
    if reader.peek():
        raise SyntaxError(f"cannot read {reader.peek()!r}")
    return Expression(evaluate, frozenset(reader.columns))


def _tokens(sql: str) -> list[str]:
    tokens, at = [], 0
    while sql[at:].strip():
        found = TOKEN.match(sql, at)
        if found is None:
            raise SyntaxError(f"cannot read {sql[at:]!r}")
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


@dataclass
class _Reader:
    """Reads tokens from the left; each method reads one level of binding, weakest first."""

    tokens: list[str]
    at: int = 0
    columns: set[str] = field(default_factory=set)

    def peek(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        """The next token if it is one of `wanted`, else ""."""
        found = self.peek()
        if found not in wanted:
            return ""
        self.at += 1
        return found

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise SyntaxError(f"wanted {wanted!r}, found {self.peek()!r}")

    def either(self) -> Evaluate:
        left = self.both()
        while self.take("or"):
            left = _logical(left, self.both(), decides=True)
        return left

    def both(self) -> Evaluate:
        left = self.negated()
        while self.take("and"):
            left = _logical(left, self.negated(), decides=False)
        return left

    def negated(self) -> Evaluate:
        if self.take("not"):
            inner = self.negated()
            return _strict(operator.not_, inner)
        return self.compared()

    def compared(self) -> Evaluate:
        left = self.summed()
        sign = self.take(*COMPARISONS)
        if sign:
            return _strict(COMPARISONS[sign], left, self.summed())
        if self.take("is"):
            is_wanted = not self.take("not")
            self.need("null")
            return lambda row: (left(row) is None) is is_wanted
        is_not = bool(self.take("not"))
        if self.take("in"):
            return _member(left, self.listed(), is_not=is_not)
        return left

    def listed(self) -> list[Evaluate]:
        self.need("(")
        found = [self.either()]
        while self.take(","):
            found.append(self.either())
        self.need(")")
        return found

    def summed(self) -> Evaluate:
        left = self.multiplied()
        while sign := self.take("+", "-"):
            left = _strict(_add if sign == "+" else _subtract, left, self.multiplied())
        return left

    def multiplied(self) -> Evaluate:
        left = self.signed()
        while sign := self.take("*", "/", "//", "%"):
            left = _strict({"*": _multiply, "/": _divide, "//": _quotient, "%": _remainder}[sign], left, self.signed())
        return left

    def signed(self) -> Evaluate:
        if self.take("-"):
            return _strict(lambda value: -value, self.signed())
        return self.atom()

    def atom(self) -> Evaluate:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        word = token.lower()
        self.at += 1
        if token[:1].isdigit():
            number = Fraction(token) if "." in token else int(token)
            return lambda _: number
        if token.startswith("'"):
            text = token[1:-1].replace("''", "'")
            return lambda _: text
        if word == "(":
            inner = self.either()
            self.need(")")
            return inner
        if word in {"true", "false", "null"}:
            return lambda _: {"true": True, "false": False, "null": None}[word]
        return self.named(token)

    def named(self, token: str) -> Evaluate:
        word = token.lower()
        if word in {"date", "timestamptz"} and self.peek().startswith("'"):
            text = self.tokens[self.at][1:-1]
            self.at += 1
            point = date.fromisoformat(text) if word == "date" else datetime.fromisoformat(text)
            return lambda _: point
        if self.peek() == "(":
            return self.called(word)
        if not re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", token):
            raise SyntaxError(f"cannot read {token!r}")
        self.columns.add(token)
        path = [token]
        while self.take("."):
            path.append(self.tokens[self.at])
            self.at += 1
        return lambda row: _follow(row, path)

    def called(self, word: str) -> Evaluate:
        if word == "cast":
            self.need("(")
            inner = self.either()
            self.need("as")
            self.need("integer")
            self.need(")")
            return _strict(_as_integer, inner)
        arguments = self.listed()
        if word == "coalesce":
            return lambda row: next((found for one in arguments if (found := one(row)) is not None), None)
        if word in {"length", "len"}:
            return _strict(len, *arguments)
        raise SyntaxError(f"no function {word!r}")


def _follow(row: Any, path: list[str]) -> Any:
    for step in path:
        row = None if row is None else row[step]
    return Fraction(row) if isinstance(row, Decimal) else row


def _strict(of: Callable[..., Any], *arguments: Evaluate) -> Evaluate:
    """Null where an argument is null."""

    def evaluate(row: Row) -> Any:
        values = [argument(row) for argument in arguments]
        return None if any(value is None for value in values) else of(*values)

    return evaluate


def _logical(left: Evaluate, right: Evaluate, *, decides: bool) -> Evaluate:
    """`or` if `decides` is True, `and` if it is False: that value on one side is the answer."""

    def evaluate(row: Row) -> bool | None:
        found = [left(row), right(row)]
        if decides in found:
            return decides
        return None if None in found else not decides

    return evaluate


def _member(value: Evaluate, members: list[Evaluate], *, is_not: bool) -> Evaluate:
    def evaluate(row: Row) -> bool | None:
        wanted, found = value(row), [member(row) for member in members]
        if wanted is None:
            return None
        if wanted in found:
            return not is_not
        return None if None in found else is_not

    return evaluate


def _word(value: Any) -> Any:
    """Whole numbers are 64 bits, and beyond them there is no value."""
    if isinstance(value, int) and abs(value) > MAX_WORD:
        raise FailedError
    return value


def _add(left: Any, right: Any) -> Any:
    return _word(left + right)


def _subtract(left: Any, right: Any) -> Any:
    return _word(left - right)


def _multiply(left: Any, right: Any) -> Any:
    return _word(left * right)


def _not_zero(value: Any) -> Any:
    if value == 0:
        raise FailedError
    return value


def _divide(left: Any, right: Any) -> Any:
    return Fraction(left) / Fraction(_not_zero(right))


def _quotient(left: int, right: int) -> int:
    """Towards zero."""
    size: int = abs(left) // abs(_not_zero(right))
    return size if (left < 0) == (right < 0) else -size


def _remainder(left: int, right: int) -> int:
    """With the sign of the left side."""
    return left - right * _quotient(left, right)


def _as_integer(value: Any) -> int:
    if isinstance(value, str) and not re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value):
        raise FailedError
    number: int = int(value)
    if abs(number) > 2**31 - 1:
        raise FailedError
    return number
