"""Columns that name other columns: what they name must exist and be of a kind that serves.

A name is looked for in the same object first, then in the objects around it, in the unit or element, and for a
currency, a class or a day at last in the unit around a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tillage.contracts.compiler.amount import operands, renamed
from tillage.contracts.compiler.leaves import leaves
from tillage.contracts.contract import ClassMap, Column, Dataset, Kind, Money, Vat
from tillage.contracts.document import Document, Path, nearest

_Known = Mapping[str, Column]


@dataclass(frozen=True)
class _Place:
    """A column at `path`, by its key among `own`, the columns of its unit or element; `outer` are those around it."""

    document: Document
    path: Path
    key: str
    own: _Known
    outer: _Known

    def wrong(self, term: str, message: str, *inside: str) -> Exception:
        """Of what stands in a term of the column."""
        return self.document.wrong(self._at(term, inside), f"column '{self.key}': {term}: {message}")

    def _at(self, term: str, inside: tuple[str, ...]) -> Path:
        item: Any = self.document.data
        for step in self.path:
            item = item[step]
        for index, entry in enumerate(item.get("customProperties") or ()):
            if entry.get("property") == term:
                return (*self.path, "customProperties", index, "value", *inside)
        return self.path

    def found(self, name: str, term: str, *inside: str, is_outer_known: bool = True) -> tuple[str, Column]:
        """Key and column that a term names.

        Raises:
            ContractError: there is none.
        """
        every = {**(self.outer if is_outer_known else {}), **self.own}
        before = self.key
        while before:
            before = before.rpartition(".")[0]
            key = f"{before}.{name}" if before else name
            if key in (self.own if before else every):
                return key, every[key]
        known = [key for key, column in every.items() if column.kind not in {Kind.LIST, Kind.OBJECT}]
        what = "unknown name" if name.partition(".")[0] in every else "a reference to another dataset, or unknown name"
        raise self.wrong(term, f"{what if '.' in name else 'unknown name'} '{name}'{nearest(name, known)}", *inside)


def with_references(document: Document, path: Path, dataset: Dataset) -> Dataset:
    """The dataset with all that `rateBy`, `dateBy`, `currencyBy`, `tillage.map` and `tillage.amount` name by its key.

    Raises:
        ContractError: names the column, the term, what it names, and what would serve.
    """
    columns = _level(document, path, dataset.columns, (_known(dataset.columns), {}))
    found = replace(dataset, columns=columns)
    _check_control(document, path, found)
    return found


def _known(columns: Iterable[Column]) -> _Known:
    return {leaf.key: leaf.column for leaf in leaves(columns)}


def _level(
    document: Document, path: Path, columns: tuple[Column, ...], known: tuple[_Known, _Known], before: str = ""
) -> tuple[Column, ...]:
    own, outer = known
    made = []
    for index, column in enumerate(columns):
        here = (*path, index)
        place = _Place(document, here, f"{before}{column.name}", own, outer)
        items = column.items
        if column.kind is Kind.OBJECT:
            items = _level(document, (*here, "properties"), items, known, f"{place.key}.")
        elif column.is_scalar_list:
            items = (_resolved(replace(place, path=(*here, "items"), outer={**outer, **own}, own={}), items[0]),)
        elif column.kind is Kind.LIST:
            inner = (_known(items), {**outer, **own})
            items = _level(document, (*here, "items", "properties"), items, inner)
        made.append(replace(_resolved(place, column), items=items))
    return tuple(made)


def _resolved(place: _Place, column: Column) -> Column:
    return replace(
        column,
        class_map=_class_map(place, column.class_map) if column.class_map else None,
        vat=_vat(place, column.vat) if column.vat else None,
        money=_money(place, column.money) if column.money else None,
        amount=_amount(place, column, column.amount) if column.amount else None,
    )


def _class_map(place: _Place, class_map: ClassMap) -> ClassMap:
    key, found = place.found(class_map.column, "tillage.map", "column", is_outer_known=False)
    if found.kind is not Kind.STRING or found.class_map:
        raise place.wrong("tillage.map", "`column` must name a string column that is not mapped itself", "column")
    return replace(class_map, column=key)


def _money(place: _Place, money: Money) -> Money:
    if money.currency_by is None:
        return money
    key, found = place.found(money.currency_by, "tillage.money", "currencyBy")
    if found.kind is not Kind.STRING:
        raise place.wrong("tillage.money", "`currencyBy` must name a string column of ISO 4217 codes", "currencyBy")
    return replace(money, currency_by=key)


def _vat(place: _Place, vat: Vat) -> Vat:
    if vat.rate_by:
        key, found = place.found(vat.rate_by, "tillage.vat", "rateBy")
        if found.kind is not Kind.STRING or not (found.is_required or _is_sure_map(place, key, found)):
            raise place.wrong("tillage.vat", "`rateBy` must name a required string column beside the amount", "rateBy")
        vat = replace(vat, rate_by=key)
    if vat.date_by:
        key, found = place.found(vat.date_by, "tillage.vat", "dateBy")
        if found.kind not in {Kind.DATE, Kind.TIMESTAMP} or not found.is_required:
            raise place.wrong("tillage.vat", "`dateBy` must name a required date or timestamp column", "dateBy")
        vat = replace(vat, date_by=key)
    return vat


def _is_sure_map(place: _Place, key: str, column: Column) -> bool:
    """Whether a class is there wherever its source is, which is required."""
    if column.class_map is None:
        return False
    around = {**place.outer, **place.own} if key not in place.own else place.own
    _, source = replace(place, key=key, own=around).found(column.class_map.column, "tillage.vat", "rateBy")
    return source.is_required


def _amount(place: _Place, column: Column, expression: str) -> str:
    keys = {}
    for name in operands(expression):
        keys[name], found = place.found(name, "tillage.amount", is_outer_known=False)
        if found.kind not in {Kind.INTEGER, Kind.NUMBER} or found.amount:
            raise place.wrong("tillage.amount", f"'{name}' must be a number that is not an amount itself")
        if found.money and column.money and _currency(place, name, found.money) != _currency(place, "", column.money):
            raise place.wrong("tillage.amount", f"'{name}' is in another currency")
    return expression if all(name == key for name, key in keys.items()) else renamed(expression, keys)


def _currency(place: _Place, name: str, money: Money) -> str:
    if money.currency_by is None:
        return money.currency or ""
    beside = replace(place, key=place.found(name, "tillage.amount")[0]) if name else place
    return "@" + beside.found(money.currency_by, "tillage.money", "currencyBy")[0]


def every_column(columns: Iterable[Column]) -> Iterator[Column]:
    """The columns with those inside objects and lists, in order."""
    for column in columns:
        yield column
        yield from every_column(column.items)


def _check_control(document: Document, path: Path, dataset: Dataset) -> None:
    marked = [column for column in every_column(dataset.columns) if column.is_control]
    if len(marked) > 1:
        raise document.wrong(path, "tillage.control: one column of a dataset can be what the law counts")
    control = dataset.control()
    if marked and (control is None or control[1] is not marked[0]):
        raise document.wrong(path, "tillage.control: a column inside an object cannot be what the law counts yet")
    if control is None or control[1].money is None:
        return
    parent, column = control
    by = control[1].money.currency_by
    counted = f"'{column.name}' is what the law counts, one figure for a unit, "
    if by is not None and parent is not None and by in _known(parent.items):
        raise document.wrong(
            path,
            f"{counted}so its currency cannot change from line to line: name a currency column of the unit, or mark "
            "another column with tillage.control",
        )
    if by is not None and "." in by:
        raise document.wrong(
            path,
            f"{counted}and its currency '{by}' lies in an object: read that into a column of the unit (physicalName "
            "$.object.member)",
        )
