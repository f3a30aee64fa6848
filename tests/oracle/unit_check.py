"""One unit of one dataset: its typed columns, every code that speaks against it, its warnings and its control amount.

Readings chosen where the specification says nothing:

* What lies below something that is no object is `type`, once, and no member of it is missing.
* A column made of others (`tillage.map`, `tillage.amount`) whose source cannot be read is null, `missing` if it is
  required, and such an amount is not countable.
* An operand of an amount that is money counts in major units, as it is stored.
* A class that is null, or an amount that is null, has no net; a class that no rate lists on its day is `enum` even
  beside an amount that is null; where the day cannot be read, a class is `enum` if no rate lists it on any day.
* An unknown currency code is `enum` even beside an amount that is null, and makes an amount null and not countable;
  without a code an amount that is there is `missing`.
* Two amounts of one unit in different currencies have no sum: the unit is not countable.
* The first money column is the first as the contract is read from top to bottom, of the unit or of the elements of
  one of its lists; money inside an object is never what the law counts.
* Only the sum of the control column can be beyond 64 bits.
* A class or a currency that nobody knows speaks against the amount that it belongs to, also where that is null.
* Row rules are asked of every unit that is an object, with null for what cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle import row_sql
from tests.oracle.contract_file import Column, Dataset, Spelling, Vat, walk
from tests.oracle.scalar_values import EXPONENTS, MAX_WORD, WRONG, Cell, amount, exponent, half_up, scalar, wrong
from tests.oracle.vat import line_nets

UNCOUNTED = frozenset({"missing", "type", "money_scale", "money_overflow"})
Values = dict[str, Any]


@dataclass
class Scope:
    """The columns of a unit, an object or an element: cells by column, what is inside, and what was made of them."""

    columns: tuple[Column, ...]
    cells: dict[str, Cell] = field(default_factory=dict)
    objects: dict[str, Scope] = field(default_factory=dict)
    lists: dict[str, list[Scope] | list[Cell]] = field(default_factory=dict)
    taxed: Values = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    is_wrong: bool = False

    def all_codes(self) -> set[str]:
        inside = [inner.all_codes() for inner in self._inside()]
        return self.codes.union(*(cell.codes for cell in self._cells()), *inside)

    def all_warnings(self) -> set[str]:
        return set().union(*(cell.warnings for cell in self._cells()), *(one.all_warnings() for one in self._inside()))

    def _cells(self) -> Iterable[Cell]:
        yield from self.cells.values()
        yield from (one for found in self.lists.values() for one in found if isinstance(one, Cell))

    def _inside(self) -> Iterable[Scope]:
        yield from self.objects.values()
        yield from (one for found in self.lists.values() for one in found if isinstance(one, Scope))

    def values(self) -> Values:
        """By stored name; an object is a mapping even if it is not there."""
        found: Values = {}
        for column in self.columns:
            if column.name in self.objects:
                found[column.name] = self.objects[column.name].values()
            elif column.name in self.lists:
                inside = self.lists[column.name]
                found[column.name] = [one.value if isinstance(one, Cell) else one.values() for one in inside]
            else:
                found[column.stored_name] = self.cells[column.name].value
        return found | self.taxed


@dataclass(frozen=True)
class Row:
    """What a unit is read from: the member that holds it, its record, and whether its door knows text only."""

    holder: Any
    record: Mapping[str, Any]
    is_text: bool


def follow(holder: Any, steps: Sequence[str]) -> Any:
    """The member at `steps`; None if it is not there, WRONG below something that is no object."""
    for step in steps:
        if holder is None:
            return None
        if not isinstance(holder, dict):
            return WRONG
        holder = holder.get(step)
    return holder


def read_scope(columns: tuple[Column, ...], row: Row, outer: Sequence[Scope] = (), skipped: str = "") -> Scope:
    """Reads `columns` from `row.holder`, which is an object, None or WRONG; `outer` are the scopes around it.

    The columns that others are made of come first. `skipped` is a list that is made of rows, and not read here.
    """
    scope = Scope(columns)
    for column in sorted(columns, key=_stage):
        if column.name == skipped:
            continue
        if column.kind == "object":
            scope.objects[column.name] = _object(column, row, (*outer, scope))
        elif column.kind == "array":
            _list(column, row, scope, outer)
        else:
            scope.cells[column.name] = _cell(column, row, scope, outer)
    _check_currencies(scope)
    return scope


def _stage(column: Column) -> int:
    """When a column is read: after all that it may be made of."""
    if column.kind in {"object", "array"}:
        return 4 if column.kind == "object" else 5
    if column.money is not None:
        return 2 if column.amount is None else 3
    return 0 if column.class_map is None else 1


def _cell(column: Column, row: Row, scope: Scope, outer: Sequence[Scope]) -> Cell:
    if column.class_map is not None:
        return _classified(column, scope.cells[column.class_map.column])
    if column.amount is not None:
        return _computed(column, scope, (*outer, scope))
    if column.money is not None:
        return amount(column, _found(column, row), _code(column, (*outer, scope)))
    return scalar(column, _found(column, row), is_text=row.is_text)


def _found(column: Column, row: Row) -> Any:
    """The first spelling that is there and not null."""
    found = (_spelled(one, row) for one in column.spellings)
    return next((value for value in found if value is not None), None)


def _spelled(spelling: Spelling, row: Row) -> Any:
    return follow(row.record if spelling.is_from_record else row.holder, spelling.steps)


def _classified(column: Column, source: Cell) -> Cell:
    """A class of `tillage.map`."""
    assert column.class_map is not None
    if source.value is None:
        return wrong("missing") if column.is_required else Cell(is_sure=source.is_sure)
    found = column.class_map.values.get(source.value, column.class_map.default)
    return wrong("enum") if found is None else Cell(found)


def _lookup(name: str, scopes: Sequence[Scope]) -> Cell:
    """The cell of that name in the innermost scope that has one."""
    return next(scope.cells[name] for scope in reversed(scopes) if name in scope.cells)


def _code(column: Column, scopes: Sequence[Scope]) -> str | None:
    assert column.money is not None
    if column.money.currency_by is None:
        return column.money.currency
    value = _lookup(column.money.currency_by, scopes).value
    return None if value is None else str(value)


def _check_currencies(scope: Scope) -> None:
    """An unknown currency code is `enum`; one that the unit holds is found from the list that uses it, too."""
    for column in walk(scope.columns):
        if column.money is not None and column.money.currency_by in scope.cells:
            code = scope.cells[column.money.currency_by].value
            if code is not None and code not in EXPONENTS:
                scope.codes.add("enum")


def _computed(column: Column, scope: Scope, scopes: Sequence[Scope]) -> Cell:
    """An amount made of others: exact, and rounded once."""
    assert column.amount is not None
    assert column.money is not None
    expression = row_sql.parse(column.amount)
    operands: Values = {}
    for name in expression.columns:
        cell = scope.cells[name]
        if cell.value is None and not cell.is_sure:
            return wrong("missing") if column.is_required else Cell(is_sure=False)
        operands[name] = _major(next(one for one in scope.columns if one.name == name), cell, scopes)
    value = expression.evaluate(operands)
    if value is None:
        return wrong("missing") if column.is_required else Cell()
    return _rounded(column, Fraction(value), _code(column, scopes))


def _rounded(column: Column, value: Fraction, code: str | None) -> Cell:
    assert column.money is not None
    if column.money.currency is None and code is None:
        return wrong("missing")
    places = exponent(column.money, code)
    if places is None:
        return Cell(is_sure=False)
    minor = half_up(value * 10**places)
    return wrong("money_overflow") if abs(minor) > MAX_WORD else Cell(minor)


def _major(column: Column, cell: Cell, scopes: Sequence[Scope]) -> Fraction | None:
    if cell.value is None:
        return None
    if column.money is None:
        return Fraction(cell.value)
    places = exponent(column.money, _code(column, scopes))
    assert places is not None
    return Fraction(cell.value, 10**places)


def _object(column: Column, row: Row, outer: Sequence[Scope]) -> Scope:
    found = _found(column, row)
    is_wrong = found is not None and not isinstance(found, dict)
    scope = read_scope(column.members, Row(None if is_wrong else found, row.record, row.is_text), outer)
    if is_wrong:
        return _as_wrong(scope)
    if found is None and column.is_required:
        scope.codes.add("missing")
    return scope


def _as_wrong(scope: Scope) -> Scope:
    """The same columns, all null, for something that is no object: one code, whatever is missing in it."""
    cells = dict.fromkeys(scope.cells, Cell(is_sure=False))
    objects = {name: _as_wrong(inner) for name, inner in scope.objects.items()}
    return Scope(scope.columns, cells, objects, {}, codes={"type"}, is_wrong=True)


def wrong_unit(columns: tuple[Column, ...], *, is_text: bool, outer: Sequence[Scope] = ()) -> Scope:
    """A unit or an element that is no object."""
    return _as_wrong(read_scope(columns, Row(None, {}, is_text), outer))


def _list(column: Column, row: Row, scope: Scope, outer: Sequence[Scope]) -> None:
    found = _found(column, row)
    if not isinstance(found, list):
        is_missing = found is None and column.is_required
        scope.cells[column.name] = wrong("missing") if is_missing else Cell() if found is None else wrong("type")
        return
    if not has_length(column, len(found)):
        scope.codes.add("length")
    if column.item is not None:
        scope.lists[column.name] = [scalar(column.item, one, is_text=row.is_text) for one in found]
        return
    scope.lists[column.name] = [
        read_scope(column.members, Row(one, row.record, row.is_text), (*outer, scope))
        if isinstance(one, dict)
        else wrong_unit(column.members, is_text=row.is_text, outer=(*outer, scope))
        for one in found
    ]


def has_length(column: Column, length: int) -> bool:
    return bool(column.options.get("minItems", 0) <= length <= column.options.get("maxItems", length))


def tax(scopes: Sequence[Scope], outer: Sequence[Scope] = ()) -> None:
    """Adds net and rate to every scope; `scopes` have the same columns and are one document."""
    columns = scopes[0].columns if scopes else ()
    taxed = [column for column in columns if column.vat is not None]
    for column in taxed:
        prefix = f"{column.name}_" if len(taxed) > 1 else ""
        _tax_column(column, prefix, scopes, outer)
    for column in columns:
        inner = [scope.objects[column.name] for scope in scopes if column.name in scope.objects]
        tax(inner, outer)
        for scope in scopes:
            elements = [one for one in scope.lists.get(column.name, []) if isinstance(one, Scope)]
            tax(elements, (*outer, scope))


def _tax_column(column: Column, prefix: str, scopes: Sequence[Scope], outer: Sequence[Scope]) -> None:
    vat = column.vat
    assert vat is not None
    lines = []
    for scope in scopes:
        rate_bp = None if scope.is_wrong else _rate_bp(vat, scope, (*outer, scope))
        gross = scope.cells[column.name].value
        scope.taxed |= {f"{prefix}net_minor": None, f"{prefix}vat_bp": rate_bp}
        if gross is not None and rate_bp is not None:
            lines.append((scope, gross, rate_bp))
    nets = line_nets([(gross, rate_bp) for _, gross, rate_bp in lines], basis=vat.basis, level=vat.level)
    for (scope, _, _), net in zip(lines, nets, strict=True):
        scope.taxed[f"{prefix}net_minor"] = net


def _rate_bp(vat: Vat, scope: Scope, scopes: Sequence[Scope]) -> int | None:
    """The rate of the class on its day; notes `enum` where there is none."""
    name = "" if vat.rate_by is None else scope.cells[vat.rate_by].value
    if name is None:
        return None
    day = "" if vat.date_by is None else _day(_lookup(vat.date_by, scopes).value)
    if day is None:
        if all(name not in rates for _, rates in vat.periods):
            scope.codes.add("enum")
        return None
    rates = [rates for first, rates in vat.periods if first <= day][-1]
    if name not in rates:
        scope.codes.add("enum")
    return rates.get(name)


def is_faulty(column: Column, scope: Scope, outer: Sequence[Scope] = ()) -> bool:
    """Whether the column or one inside has a code or cannot be read; its VAT class and its currency are part of it."""
    scopes = (*outer, scope)
    if column.name in scope.cells:
        cell = scope.cells[column.name]
        return bool(cell.codes) or not cell.is_sure or _has_unknown_kind(column, scopes)
    inside = [scope.objects[column.name]] if column.name in scope.objects else scope.lists[column.name]
    return any(
        bool(one.codes) or any(is_faulty(member, one, scopes) for member in column.members)
        if isinstance(one, Scope)
        else bool(one.codes)
        for one in inside
    )


def _has_unknown_kind(column: Column, scopes: Sequence[Scope]) -> bool:
    """Whether an amount, null or not, has a class without a rate, or a currency that is none."""
    code = _code(column, scopes) if column.money is not None else None
    if code is not None and code not in EXPONENTS:
        return True
    trial = Scope(scopes[-1].columns)
    trial.cells = scopes[-1].cells
    if column.vat is not None:
        _rate_bp(column.vat, trial, (*scopes[:-1], trial))
    return bool(trial.codes)


def _day(value: Any) -> str | None:
    """The day in UTC as ISO text."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).date()
    return value.isoformat() if isinstance(value, date) else None


@dataclass(frozen=True)
class Control:
    """What the law counts; `minor` is None for what is not countable.

    `currency` is that of the contract, or the code that the record holds; None where it holds none or several.
    """

    minor: int | None
    currency: str | None
    is_overflow: bool = False
    is_currency_by_column: bool = False


def control(dataset: Dataset, scope: Scope) -> Control | None:
    """None for a dataset without money."""
    path = _control_path(dataset.columns)
    if path is None:
        return None
    found = list(_amounts(scope, path, ()))
    money = path[-1].money
    assert money is not None
    is_by_column = money.currency is None
    codes = {code for _, _, code in found if code is not None}
    if money.currency_by in scope.cells:
        codes = {scope.cells[str(money.currency_by)].value} - {None}
    currency = money.currency if not is_by_column else codes.pop() if len(codes) == 1 else None
    if len(codes) > 1 or any(minor is None for _, minor, _ in found):
        return Control(None, currency, is_currency_by_column=is_by_column)
    total = sum(minor or 0 for _, minor, _ in found)
    is_overflow = abs(total) > MAX_WORD
    return Control(None if is_overflow else total, currency, is_overflow, is_by_column)


def _control_path(columns: Sequence[Column]) -> tuple[Column, ...] | None:
    """The columns that lead to the control column."""
    found = list(_money_paths(columns))
    marked = [path for path in found if path[-1].is_control]
    return (marked or found or [None])[0]  # type: ignore[list-item]


def _money_paths(columns: Sequence[Column]) -> Iterable[tuple[Column, ...]]:
    for column in columns:
        if column.money is not None:
            yield (column,)
        if column.kind == "array":
            yield from ((column, member) for member in column.members if member.money is not None)


def _amounts(
    scope: Scope, path: Sequence[Column], outer: Sequence[Scope]
) -> Iterable[tuple[Cell, int | None, str | None]]:
    """Each amount with what it counts, None if it cannot be counted, and the code of its currency by column."""
    column, scopes = path[0], (*outer, scope)
    if len(path) == 1:
        cell = scope.cells[column.name]
        is_counted = not (cell.codes & UNCOUNTED) and cell.is_sure
        has_code = column.money is not None and column.money.currency_by is not None and not scope.is_wrong
        code = _code(column, scopes) if has_code else None
        yield cell, (cell.value or 0) if is_counted else None, code
    elif column.name in scope.objects:
        yield from _amounts(scope.objects[column.name], path[1:], scopes)
    elif column.name in scope.lists:
        for one in scope.lists[column.name]:
            if isinstance(one, Scope):
                yield from _amounts(one, path[1:], scopes)
    else:
        cell = scope.cells.get(column.name, Cell(is_sure=False))
        yield cell, None if cell.codes or not cell.is_sure else 0, None


def plain(value: Any) -> Any:
    """A value that compares equal to what is the same content: an amount by its number, whatever its spelling."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return Fraction(value) if isinstance(value, Decimal) else value
