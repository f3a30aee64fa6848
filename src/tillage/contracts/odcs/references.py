"""Columns that name other columns: what they name must exist and be of a kind that serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tillage.contracts.compiler.amount import operands
from tillage.contracts.compiler.leaves import Leaf, leaves
from tillage.contracts.contract import Column, Dataset, Kind, Vat
from tillage.contracts.document import Document, Path

_Known = Mapping[str, Column]


def check_references(document: Document, path: Path, dataset: Dataset) -> None:
    """Every column that `rateBy`, `dateBy`, `currencyBy`, `tillage.map` and `tillage.amount` name can be used there.

    Raises:
        ContractError: names the term, what it names, and what would serve.
    """
    unit = _known(leaves(dataset.columns))
    _check_level(document, path, list(leaves(dataset.columns)), unit, {})
    for index, column in enumerate(dataset.columns):
        if column.kind is Kind.LIST:
            inner = list(leaves(column.items))
            _check_level(document, (*path, index, "items"), inner, _known(inner), unit)
    _check_control(document, path, dataset)


def _known(found: Iterable[Leaf]) -> _Known:
    return {leaf.key: leaf.column for leaf in found}


def _check_level(document: Document, path: Path, level: list[Leaf], own: _Known, outer: _Known) -> None:
    every = {**outer, **own}
    for leaf in level:
        column = leaf.column
        here = (*path, leaf.key)
        if column.class_map:
            found = _named(document, here, own, "tillage.map", column.class_map.column)
            if found.kind is not Kind.STRING or found.class_map:
                raise document.wrong(here, "tillage.map: `column` must name a string column that is not mapped itself")
        if column.vat:
            _check_vat(document, here, column.vat, every)
        if column.money and column.money.currency_by:
            found = _named(document, here, every, "currencyBy", column.money.currency_by)
            if found.kind is not Kind.STRING:
                raise document.wrong(here, "`currencyBy` must name a string column that holds ISO 4217 codes")
        if column.amount:
            _check_amount(document, here, column, own)


def _check_vat(document: Document, path: Path, vat: Vat, known: _Known) -> None:
    if vat.rate_by:
        found = _named(document, path, known, "rateBy", vat.rate_by)
        if found.kind is not Kind.STRING or not (found.is_required or _is_sure_map(found, known)):
            raise document.wrong(path, "`rateBy` must name a required string column beside the amount")
    if vat.date_by:
        found = _named(document, path, known, "dateBy", vat.date_by)
        if found.kind not in {Kind.DATE, Kind.TIMESTAMP} or not found.is_required:
            raise document.wrong(path, "`dateBy` must name a required date or timestamp column")


def _is_sure_map(column: Column, known: _Known) -> bool:
    return column.class_map is not None and known[column.class_map.column].is_required


def _named(document: Document, path: Path, known: _Known, term: str, name: str) -> Column:
    if name not in known:
        document.check_names(path, [name], [key for key, column in known.items() if column.kind is not Kind.LIST])
        raise document.wrong(path, f"{term} must name a column of the same unit or element")
    return known[name]


def _check_amount(document: Document, path: Path, column: Column, known: _Known) -> None:
    for name in operands(column.amount or ""):
        found = _named(document, path, known, "tillage.amount", name)
        if found.kind not in {Kind.INTEGER, Kind.NUMBER} or found.amount:
            raise document.wrong(path, f"tillage.amount: '{name}' must be a number that is not an amount itself")
        same = (found.money and column.money) is None or (
            found.money is not None
            and column.money is not None
            and (found.money.currency, found.money.currency_by) == (column.money.currency, column.money.currency_by)
        )
        if not same:
            raise document.wrong(path, f"tillage.amount: '{name}' is in another currency")


def _every(columns: Iterable[Column]) -> Iterator[Column]:
    for column in columns:
        yield column
        yield from _every(column.items)


def _check_control(document: Document, path: Path, dataset: Dataset) -> None:
    marked = [column for column in _every(dataset.columns) if column.is_control]
    if len(marked) > 1:
        raise document.wrong(path, "tillage.control: one column of a dataset can be what the law counts")
    control = dataset.control()
    if marked and (control is None or control[1] is not marked[0]):
        raise document.wrong(path, "tillage.control: a column inside an object cannot be what the law counts yet")
    if control is None or control[0] is None or control[1].money is None:
        return
    by = control[1].money.currency_by
    if by is not None and any(item.name == by for item in control[0].items):
        raise document.wrong(
            path,
            f"'{control[1].name}' is what the law counts, one figure for a unit, so its currency cannot change from "
            "line to line: name a currency column of the unit, or mark another column with tillage.control",
        )
