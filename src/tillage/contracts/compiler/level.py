"""One level of a dataset at which columns are checked: the unit's, or that of the elements of one of its lists."""

from __future__ import annotations

from dataclasses import dataclass

from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.sql_text import name


@dataclass(frozen=True)
class Level:
    """Where each step of the check finds the fields of the step before."""

    leaves: tuple[Leaf, ...]
    outer: Level | None = None
    """The unit's, for elements: their relation holds its fields too, so theirs are marked."""

    @property
    def mark(self) -> str:
        """What the names of this level's fields begin with."""
        return "" if self.outer is None else "item:"

    def marked(self, fields: dict[str, str]) -> dict[str, str]:
        """Expressions by their names as fields of this level."""
        return {f"{self.mark}{key}": value for key, value in fields.items()}

    def field(self, prefix: str, leaf: Leaf) -> str:
        """SQL: a field of a leaf of this level."""
        return name(f"{self.mark}{prefix}{leaf.key}")

    def find(self, key: str) -> tuple[Level, Leaf]:
        """The leaf of that name, here or further out; it must exist."""
        for leaf in self.leaves:
            if leaf.key == key:
                return self, leaf
        if self.outer is None:
            raise KeyError(key)
        return self.outer.find(key)

    def named(self, prefix: str, key: str) -> str:
        """SQL: a field of the leaf named `key`, here or further out."""
        level, leaf = self.find(key)
        return level.field(prefix, leaf)
