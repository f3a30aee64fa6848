"""What the steps of one dataset's check have in common: its levels, and where their values stand.

`parsed` -> opened units -> elements of their lists -> units with their lists gathered -> judged units.
"""

from __future__ import annotations

from dataclasses import dataclass

from tillage.contracts.compiler.leaves import Leaf, leaves
from tillage.contracts.compiler.level import Level
from tillage.contracts.compiler.scalar import member
from tillage.contracts.contract import Contract, Dataset, FieldPath, Kind

PLACE = "_load_seq, _source, _ordinal, _offset, _unit"
FLAGS = "is_wrong, has_wrong_list, is_unknown, row_bits"


@dataclass(frozen=True)
class Steps:
    """One dataset of a contract; `folders` are the members that files' folders give."""

    contract: Contract
    dataset: Dataset
    folders: frozenset[str]

    @property
    def unit(self) -> Level:
        """The columns of the unit."""
        return Level(tuple(leaves(self.dataset.columns)))

    def elements(self, leaf: Leaf) -> Level:
        """The columns of a list's elements."""
        return Level(tuple(leaves(leaf.column.items)), self.unit)

    @property
    def lists(self) -> list[Leaf]:
        """The lists of the unit."""
        return [leaf for leaf in self.unit.leaves if leaf.kind is Kind.LIST]

    def located(self, path: FieldPath) -> tuple[str, tuple[str, ...]]:
        """The struct that a path starts at, and its members."""
        return ("r" if path.is_from_record else "x"), path.steps

    def texts(self, path: FieldPath) -> list[str]:
        """JSON texts of a value of the unit, the record's own before its folder's."""
        base, steps = self.located(path)
        found = [f"cast({member(base, steps)} as varchar)"]
        is_of_record = path.is_from_record or not self.dataset.unit_path
        if is_of_record and len(steps) == 1 and steps[0] in self.folders:
            found.append(f"{member('f', steps)}")
        return found
