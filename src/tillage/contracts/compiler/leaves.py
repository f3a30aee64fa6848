"""A dataset's columns as flat lists: objects are taken apart into their members, which are then checked like any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tillage.contracts.contract import Column, FieldPath, Kind


@dataclass(frozen=True)
class Leaf:
    """A scalar, list or object column at one level: the unit's, or that of one list's elements."""

    column: Column
    key: str
    """Unique at its level: `address.city`."""
    paths: tuple[FieldPath, ...]
    """From the unit or element (objects on the way included), or from the record."""

    @property
    def kind(self) -> Kind:
        """The column's kind."""
        return self.column.kind


def leaves(columns: Iterable[Column], key: str = "", prefix: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """All columns of one level, an object before its members."""
    for column in columns:
        paths = tuple(
            path if path.is_from_record else FieldPath((*prefix, *path.steps), is_from_record=False)
            for path in column.paths
        )
        leaf = Leaf(column, f"{key}{column.name}", paths)
        yield leaf
        if column.kind is Kind.OBJECT:
            yield from leaves(column.items, f"{leaf.key}.", paths[0].steps)
