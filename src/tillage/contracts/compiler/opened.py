"""The units of a dataset with their own columns checked and their lists as they were sent."""

from __future__ import annotations

from tillage.contracts.compiler import scalar
from tillage.contracts.compiler.chain import chain, object_fields
from tillage.contracts.compiler.classes import class_value
from tillage.contracts.compiler.exploded import exploded
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.scalar import member, noted
from tillage.contracts.compiler.steps import FLAGS, PLACE, Steps
from tillage.contracts.contract import Kind
from tillage.contracts.sql_text import name


def opened(steps: Steps, named: str) -> str:
    """SELECT over `parsed` of place, flags, masks, stored values and rates; of a list `found:x`, its elements, and
    `wrong:x`, that something else stands there.

    With those fields of the unit's columns that the SQL `named`, of its lists' elements, reads.
    """
    values: dict[str, str] = {}
    for leaf in steps.unit.leaves:
        values |= _values(steps, leaf)
    code = ""
    if steps.dataset.currency_by:
        code = f", {class_value(steps.unit, steps.dataset.currency_by)} as _code"
    fields = {field for leaf in steps.unit.leaves for field in _kept(leaf)} | set(outer_fields(steps, named))
    kept = ", ".join(sorted(map(name, fields)))
    return f"select {PLACE}, is_text, {FLAGS}, {kept}{code} from ({chain(steps.unit, exploded(steps), values)})"


def outer_fields(steps: Steps, named: str) -> list[str]:
    """The fields of the unit's columns that occur in the SQL text `named`."""
    scalars = [leaf for leaf in steps.unit.leaves if leaf.kind not in {Kind.LIST, Kind.OBJECT}]
    fields = [f"{prefix}:{leaf.key}" for leaf in scalars for prefix in ("has", "value", "mask", "final")]
    return [field for field in fields if name(field) in named]


def _kept(leaf: Leaf) -> list[str]:
    """The fields of a column that a unit is judged by, or that silver keeps."""
    if leaf.kind is Kind.LIST:
        return [f"found:{leaf.key}", f"wrong:{leaf.key}"]
    if leaf.kind is Kind.OBJECT:
        return [f"has:{leaf.key}", f"mask:{leaf.key}"]
    rate = [f"rate:{leaf.key}"] if leaf.column.vat else []
    return [f"final:{leaf.key}", f"mask:{leaf.key}", *rate]


def _values(steps: Steps, leaf: Leaf) -> dict[str, str]:
    """Step value of one column of the unit."""
    located = [steps.located(path) for path in leaf.paths]
    if leaf.kind is Kind.OBJECT:
        return object_fields(steps.unit, leaf, *located[0])
    if leaf.kind is Kind.LIST:
        lists = [member(base, path) for base, path in located]
        return {
            f"wrong:{leaf.key}": " or ".join(noted(base, path) for base, path in located),
            f"found:{leaf.key}": f"coalesce({', '.join(lists)})" if len(lists) > 1 else lists[0],
        }
    texts = [text for path in leaf.paths for text in steps.texts(path)]
    return scalar.value_fields(leaf, texts, [noted(base, path[:-1]) for base, path in located])
