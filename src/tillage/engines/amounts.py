"""SQL of a table's columns as an export shows them: amounts with their decimals and currency, whole numbers as such.

Minor units become decimals by an exact multiplication: DuckDB's own division of decimals is by floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillage.contracts.sql_text import name, text
from tillage.domain.money import by_exponent, exponent
from tillage.models.scope import Currency, is_by_column
from tillage.ports.export import Path

_DIGITS = 38
_MOST_DECIMALS = 4  # of any currency
NO_CURRENCY = "tillage: no currency"
"""What the SQL fails with where an amount has none, since its decimals cannot be told then."""


@dataclass(frozen=True)
class Shown:
    """A column as it is exported."""

    name: str
    sql: str


@dataclass(frozen=True)
class _Scope:
    """A struct or the row itself, whose members an amount inside may name its currency by."""

    base: str
    members: frozenset[str]


def minor_columns(columns: Sequence[tuple[str, Any]], *, are_whole: bool) -> list[Shown]:
    """The columns of the relation `s` as they are; with `are_whole`, whole numbers in 64 bits."""
    return [Shown(own, _whole(f"s.{name(own)}", kind, are_whole=are_whole)) for own, kind in columns]


def major_columns(
    columns: Sequence[tuple[str, Any]], amounts: Mapping[Path, Currency], *, are_whole: bool
) -> list[Shown]:
    """As `minor_columns`, with amounts in major units; a currency that is fixed stands in a column of its own."""
    row = _Scope("s", frozenset(own for own, _ in columns))
    return _members(columns, (), (row,), amounts, are_whole=are_whole)


def _members(
    members: Iterable[tuple[str, Any]],
    path: Path,
    scopes: tuple[_Scope, ...],
    amounts: Mapping[Path, Currency],
    *,
    are_whole: bool = False,
) -> list[Shown]:
    found: list[Shown] = []
    taken = {one.lower() for one in scopes[-1].members}
    for own, kind in members:
        value, currency = f"{scopes[-1].base}.{name(own)}", amounts.get((*path, own))
        if currency is None:
            sql = _inner(value, kind, (*path, own), scopes, amounts) or _whole(value, kind, are_whole=are_whole)
            found.append(Shown(own, sql))
            if element := _fixed(amounts.get((*path, own, ""))):
                found.append(Shown(_free(f"{own}_currency", taken), _code(value, element)))
            continue
        shown = own if not own.endswith("_minor") else _free(own.removesuffix("_minor"), taken)
        fixed = _fixed(currency)
        found.append(Shown(shown, _major(value, currency, scopes)))
        if fixed:
            found.append(Shown(_free(f"{shown}_currency", taken), _code(value, fixed)))
    return found


def _inner(
    value: str, kind: Any, path: Path, scopes: tuple[_Scope, ...], amounts: Mapping[Path, Currency]
) -> str | None:
    """SQL of a list or struct in which amounts stand; None if none do."""
    if not any(one[: len(path)] == path for one in amounts):
        return None
    if kind.id == "list":
        element, inner = f"e{len(scopes)}", dict(kind.children)["child"]
        currency = amounts.get((*path, ""))
        sql = _major(element, currency, scopes) if currency else _inner(element, inner, path, scopes, amounts)
        return f"list_transform({value}, lambda {element}: {sql})"
    scope = _Scope(value, frozenset(own for own, _ in kind.children))
    fields = _members(kind.children, path, (*scopes, scope), amounts)
    packed = ", ".join(f"{name(one.name)} := {one.sql}" for one in fields)
    return f"case when {value} is not null then struct_pack({packed}) end"


def _whole(value: str, kind: Any, *, are_whole: bool) -> str:
    """A sum of whole numbers is kept in 38 digits, which few readers take for a number."""
    is_whole = are_whole and kind.id == "decimal" and dict(kind.children)["scale"] == 0
    return f"cast({value} as bigint)" if is_whole or (are_whole and kind.id == "hugeint") else value


def _fixed(currency: Currency) -> str | None:
    return currency if currency and not is_by_column(currency) else None


def _code(value: str, currency: str) -> str:
    return f"case when {value} is not null then {text(currency)} end"


def _major(value: str, currency: Currency, scopes: tuple[_Scope, ...]) -> str:
    """SQL: minor units as a decimal with as many decimals as the currency has; 4 where each row has its own."""
    fixed = _fixed(currency)
    if fixed:
        decimals = exponent(fixed)
        return _times(
            value, f"cast({text(_unit(decimals, decimals))} as decimal({decimals + 1}, {decimals}))", decimals
        )
    code = _code_column(str(currency)[1:], scopes)
    arms = " ".join(
        f"when {code} in ({', '.join(map(text, codes))}) "
        f"then cast({text(_unit(decimals, _MOST_DECIMALS))} as decimal({_MOST_DECIMALS + 1}, {_MOST_DECIMALS}))"
        for decimals, codes in by_exponent()
    )
    known = f"case {arms} when {value} is null then null else error({text(NO_CURRENCY)}) end"
    return _times(value, known, _MOST_DECIMALS)


def _unit(decimals: int, places: int) -> str:
    """One minor unit of a currency with so many decimals, written with so many places: 0.01, 0.0100."""
    return (
        "1" + ("." + "0" * places if places else "")
        if not decimals
        else "0." + ("0" * (decimals - 1) + "1").ljust(places, "0")
    )


def _times(value: str, unit: str, places: int) -> str:
    """The product has all digits that a decimal can; what does not fit is an error."""
    return f"cast({value} as decimal({_DIGITS - places - 1}, 0)) * {unit}"


def _code_column(wanted: str, scopes: tuple[_Scope, ...]) -> str:
    """The nearest member of that name, from the inside out."""
    for scope in reversed(scopes):
        if wanted in scope.members:
            return f"{scope.base}.{name(wanted)}"
    return "null"


def _free(wanted: str, taken: set[str]) -> str:
    """The name, or one like it that nothing has, in whatever case; it is taken from now on."""
    found, number = wanted, 1
    while found.lower() in taken:
        number += 1
        found = f"{wanted}_{number}"
    taken.add(found.lower())
    return found
