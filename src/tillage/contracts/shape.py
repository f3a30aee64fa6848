"""Which members of a record a contract reads, as one tree: what the parser is asked for, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillage.contracts.contract import Column, Contract, Kind
from tillage.errors import ContractError

NOTE = "#tillage"
"""Reserved member by which the exact look tells the compiled check what it found; never a column's path."""


@dataclass
class Shape:
    """A node of the tree: a leaf (no members, not a list), an object, or a list of objects."""

    members: dict[str, Shape] = field(default_factory=dict)
    is_list: bool = False

    @property
    def is_leaf(self) -> bool:
        """Whether the value is read as it stands."""
        return not self.members and not self.is_list


def shape_of(contract: Contract) -> Shape:
    """The tree of all paths of all datasets of `contract`.

    Raises:
        ContractError: two columns read one member in ways that exclude each other, or differ in case only.
    """
    root = Shape()
    for dataset in contract.datasets:
        unit = root
        for step in dataset.unit_path:
            unit = unit.members.setdefault(step, Shape())
        if dataset.unit_path:
            unit.is_list = True
        for column in dataset.columns:
            _add(root if column.is_from_record else unit, column)
    _check(contract, root, "$")
    for dataset in contract.datasets:
        for column in dataset.columns:
            _check_leaf(contract, root if column.is_from_record else _at(root, dataset.unit_path), column)
    return root


def _at(node: Shape, path: tuple[str, ...]) -> Shape:
    for step in path:
        node = node.members[step]
    return node


def _check_leaf(contract: Contract, parent: Shape, column: Column) -> None:
    node = _at(parent, column.path)
    if column.kind is not Kind.LIST and not node.is_leaf:
        raise ContractError(
            f"contract of feed {contract.feed}: column '{column.name}' reads a single value where another column or a "
            "unit reads an object or a list; read one of them"
        )
    for item in column.items:
        _check_leaf(contract, node, item)


def _add(parent: Shape, column: Column) -> None:
    node = parent
    for step in column.path:
        node = node.members.setdefault(step, Shape())
    if column.kind is Kind.LIST:
        node.is_list = True
        for item in column.items:
            _add(node, item)


def _check(contract: Contract, node: Shape, where: str) -> None:
    lowered: dict[str, str] = {}
    for name, member in node.members.items():
        other = lowered.setdefault(name.lower(), name)
        if other != name:
            raise ContractError(
                f"contract of feed {contract.feed}: members '{other}' and '{name}' of {where} differ in case only, "
                "which this version cannot tell apart; read one of them"
            )
        _check(contract, member, f"{where}.{name}")
