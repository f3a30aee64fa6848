"""Where amounts stand in the rows of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tillage.contracts.contract import Column, Kind
from tillage.contracts.types import stored


def amounts_in(columns: Iterable[Column], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The names from a silver column to each amount, with its currency; `@column` where a column names it.

    Members of structs and of the elements of lists are told apart by their names alone; the element of a list of
    scalars is ''.
    """
    for column in columns:
        if column.kind is Kind.LIST and column.is_scalar_list:
            for _, _, currency in stored(column.items[0]):
                if currency:
                    yield (*before, column.stored_name, ""), currency
        elif column.kind in {Kind.LIST, Kind.OBJECT}:
            yield from amounts_in(column.items, (*before, column.stored_name))
        else:
            for name, _, currency in stored(column):
                if currency:
                    yield (*before, name), currency
