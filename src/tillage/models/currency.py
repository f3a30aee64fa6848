"""Follows currencies through a model's SQL, so that two of them never add up in one column.

A column has a currency, none, or (the literal 0, NULL) anything; or a column of the same row names it. Sums,
differences, unions and CASE keep it; a product keeps it if one side has none; what else is done to money is refused,
since nobody could say what comes out.
"""

from __future__ import annotations

from sqlglot import exp

from tillage.errors import ModelError
from tillage.models.scope import ANY, BY, HOLDS_MONEY, Currency, Scope, is_by_column

_KEEPS = (
    *(exp.Paren, exp.Alias, exp.Neg, exp.Abs, exp.Sum, exp.Min, exp.Max, exp.Cast, exp.Filter, exp.Window, exp.Order),
    *(exp.IgnoreNulls, exp.RespectNulls, exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin),
    *(exp.FirstValue, exp.LastValue, exp.NthValue),
)
"""What comes out has the currency of its first argument."""
_NUMBERS = (exp.Count, exp.CountIf, exp.Length, exp.ArraySize)
_CONDITIONS = (exp.Predicate, exp.Connector, exp.Not)


def merged(model: str, left: Currency, right: Currency, where: str) -> Currency:
    """One currency for values that meet in one column.

    Raises:
        ModelError: they differ.
    """
    if left == ANY:
        return right
    if right in (ANY, left):
        return left
    shown = " and ".join(sorted(described(side) for side in (left, right)))
    raise ModelError(f"model {model}: {shown} meet in {where}; give each currency a column of its own")


def described(currency: Currency) -> str:
    """A currency for a message."""
    if currency is None:
        return "a number without currency"
    if currency == HOLDS_MONEY:
        return "a list or struct with amounts"
    return f"the currency in {currency.removeprefix(BY)}" if is_by_column(currency) else currency


def currency_of(model: str, node: exp.Expr, scope: Scope) -> Currency:
    """The currency of an expression.

    Raises:
        ModelError: two currencies meet, or money goes through something that this version cannot follow.
    """
    if isinstance(node, _KEEPS):
        return currency_of(model, node.this, scope)
    if isinstance(node, exp.Column | exp.Dot):
        return scope.find(model, node)
    if isinstance(node, exp.Null) or (isinstance(node, exp.Literal) and node.name == "0"):
        return ANY
    if isinstance(node, exp.Add | exp.Sub):
        left, right = currency_of(model, node.left, scope), currency_of(model, node.right, scope)
        return merged(model, left, right, f"'{node.sql()}'")
    if isinstance(node, exp.Mul):
        left, right = currency_of(model, node.left, scope), currency_of(model, node.right, scope)
        if left not in (None, ANY) and right not in (None, ANY):
            raise ModelError(f"model {model}: '{node.sql()}' multiplies money by money")
        return left if left is not None else right
    if isinstance(node, exp.IntDiv):
        return _quotient(model, node, scope)
    if isinstance(node, exp.Case | exp.Coalesce | exp.If | exp.Greatest | exp.Least | exp.Lag | exp.Lead):
        return _branches(model, node, scope)
    return _of_other(model, node, scope)


def _quotient(model: str, node: exp.IntDiv, scope: Scope) -> Currency:
    """An amount by a number is an amount; by another of its currency a number."""
    left, right = currency_of(model, node.left, scope), currency_of(model, node.right, scope)
    if right in (None, ANY):
        return left
    merged(model, left, right, f"'{node.sql()}'")
    return None


def _of_other(model: str, node: exp.Expr, scope: Scope) -> Currency:
    if isinstance(node, (*_NUMBERS, *_CONDITIONS)):
        return None
    if any(isinstance(inner, exp.Query) for inner in node.walk(prune=lambda inner: isinstance(inner, _CONDITIONS))):
        raise ModelError(
            f"model {model}: '{node.sql()[:60]}' is a query inside an expression, where a value stands; join it instead"
        )
    # To whole minor units, which is what a product with decimals needs before it is summed.
    if isinstance(node, exp.Round) and (node.args.get("decimals") is None or node.args["decimals"].name == "0"):
        return currency_of(model, node.this, scope)
    inner = [scope.find(model, column) for column in named_columns(node)]
    if all(currency is None for currency in inner):
        return None
    raise ModelError(
        f"model {model}: '{node.sql()}' does something to money that cannot be followed; "
        "allowed are +, -, times a number, // a number, round(x), sum, min, max, case, coalesce"
    )


def named_columns(node: exp.Expr) -> list[exp.Expr]:
    """The columns in an expression, each with its members."""
    found = []
    for column in node.walk(prune=lambda inner: isinstance(inner, exp.Query)):  # whose names are its own
        if not isinstance(column, exp.Column):
            continue
        whole: exp.Expr = column
        while isinstance(whole.parent, exp.Dot) and whole.parent.this is whole:
            whole = whole.parent
        found.append(whole)
    return found


def _branches(model: str, node: exp.Expr, scope: Scope) -> Currency:
    if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
        values = [node.this, *node.expressions]
    elif isinstance(node, exp.Lag | exp.Lead):
        values = [node.this, node.args.get("default") or exp.null()]
    elif isinstance(node, exp.If):
        values = [node.args["true"], node.args.get("false") or exp.null()]
    else:
        values = [arm.args["true"] for arm in node.args["ifs"]] + [node.args.get("default") or exp.null()]
    found: Currency = ANY
    for value in values:
        found = merged(model, found, currency_of(model, value, scope), f"'{node.sql()}'")
    return found
