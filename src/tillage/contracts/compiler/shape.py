"""Which members of a record a contract reads, as one tree: what the parser is asked for, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillage.contracts.contract import Column, Contract, Kind
from tillage.errors import ContractError

NOTE = "#tillage"
"""Reserved member by which the exact look tells the compiled check what it found; never a column's path."""
ROWS = "#rows"
"""Reserved member under which the rows of one group stand as a list."""
_NOTHING: tuple[str, ...] = ()


@dataclass
class Shape:
    """A node of the tree: a leaf (no members, not a list), an object, or a list of objects or of leaves."""

    members: dict[str, Shape] = field(default_factory=dict)
    is_list: bool = False
    is_unit: bool = False
    """A list whose elements are units of their own."""
    is_ignored: bool = False
    """No column reads it: it is asked for only so that its members can be counted."""

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
            unit.is_list = unit.is_unit = True
        for column in dataset.columns:
            _add(root, unit, column, _NOTHING)
        if not unit.members:  # all its columns come from the record; it is a list of objects all the same
            unit.members[NOTE] = Shape()
    _check(contract, root, "$")
    for dataset in contract.datasets:
        unit = _at(root, dataset.unit_path)
        for column in dataset.columns:
            _check_leaf(contract, root, unit, column, _NOTHING)
    return root


def _at(node: Shape, path: tuple[str, ...]) -> Shape:
    for step in path:
        node = node.members[step]
    return node


def _add(root: Shape, unit: Shape, column: Column, prefix: tuple[str, ...]) -> None:
    if column.kind is Kind.LIST and column.paths[0].steps == (ROWS,):
        for item in column.items:
            _add(root, unit, item, _NOTHING)
        return
    for path in column.paths:
        node = root if path.is_from_record else unit
        for step in path.steps if path.is_from_record else (*prefix, *path.steps):
            node = node.members.setdefault(step, Shape())
        if column.kind is Kind.LIST:
            node.is_list = True
            if not column.is_scalar_list:
                for item in column.items:
                    _add(root, node, item, _NOTHING)
    if column.kind is Kind.OBJECT:
        for item in column.items:
            _add(root, unit, item, (*prefix, *column.paths[0].steps))


def _check_leaf(contract: Contract, root: Shape, unit: Shape, column: Column, prefix: tuple[str, ...]) -> None:
    if column.kind is Kind.LIST and column.paths[0].steps == (ROWS,):
        for item in column.items:
            _check_leaf(contract, root, unit, item, _NOTHING)
        return
    for path in column.paths:
        node = _at(root, path.steps) if path.is_from_record else _at(unit, (*prefix, *path.steps))
        is_scalar = column.kind not in {Kind.LIST, Kind.OBJECT}
        if (is_scalar and not node.is_leaf) or (column.is_scalar_list and node.members) or _is_mixed(column, node):
            raise ContractError(
                f"contract of feed {contract.feed}: column '{column.name}' reads a single value where another column "
                "or a unit reads an object or a list; read one of them"
            )
        if column.kind is Kind.LIST and not column.is_scalar_list:
            for item in column.items:
                _check_leaf(contract, root, node, item, _NOTHING)
    if column.kind is Kind.OBJECT:
        for item in column.items:
            _check_leaf(contract, root, unit, item, (*prefix, *column.paths[0].steps))


def _is_mixed(column: Column, node: Shape) -> bool:
    return (column.kind is Kind.OBJECT and node.is_list) or (
        column.kind is Kind.LIST and not column.is_scalar_list and not node.members
    )


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
