"""What is asked of the columns of one level, as steps that each read only the one before, so that every rule is
evaluated once: value -> mask -> final (-> derived).

The level is a relation, with one row for each unit or for each element of a list: vectors of plain columns take a third
of the time that the same expressions take inside a lambda over lists of structs.
"""

from __future__ import annotations

from tillage.contracts.compiler import scalar
from tillage.contracts.compiler.amount import carried_fields, derived_fields
from tillage.contracts.compiler.classes import rate_field
from tillage.contracts.compiler.codes import BIT
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.level import Level
from tillage.contracts.contract import Kind
from tillage.contracts.sql_text import columns
from tillage.domain.verdict import Code


def chain(level: Level, source: str, values: dict[str, str]) -> str:
    """SELECT of all of `source`, of `values`, and for each column of the level of what was found.

    `mask:x` its bits, `final:x` as silver keeps it, `rate:x` the basis points of one with VAT. `values` are what
    `scalar.value_fields` and `object_fields` give; `source` is a SELECT of what they read.
    """
    scalars = [leaf for leaf in level.leaves if leaf.kind not in {Kind.LIST, Kind.OBJECT}]
    sent = [leaf for leaf in scalars if leaf.column.amount is None]
    made = [leaf for leaf in scalars if leaf.column.amount is not None]
    masks = {f"mask:{leaf.key}": scalar.mask_field(level, leaf) for leaf in sent}
    masks |= {f"mask:{leaf.key}": _object_mask(level, leaf) for leaf in level.leaves if leaf.kind is Kind.OBJECT}
    finals = {f"final:{leaf.key}": scalar.final_field(level, leaf) for leaf in sent}
    finals |= {f"rate:{leaf.key}": rate_field(level, leaf) for leaf in scalars if leaf.column.vat}
    derived: dict[str, str] = {}
    for leaf in made:
        finals |= carried_fields(level, leaf)
        derived |= derived_fields(level, leaf)
    for fields in (values, masks, finals, derived):
        if fields:
            source = f"select *, {columns(level.marked(fields))} from ({source})"
    return source


def object_fields(level: Level, leaf: Leaf, base: str, path: tuple[str, ...]) -> dict[str, str]:
    """Step value of an object: whether one is there, and, of the unit's, whether something else is."""
    wrong = scalar.noted(base, path)
    fields = {f"has:{leaf.key}": f"{scalar.member(base, path)} is not null or {wrong}"}
    if level.outer is None:  # in a list, the members say so
        fields[f"wrong:{leaf.key}"] = wrong
    return fields


def _object_mask(level: Level, leaf: Leaf) -> str:
    absent = BIT[Code.MISSING] if leaf.column.is_required else 0
    wrong = f"when {level.field('wrong:', leaf)} then {BIT[Code.TYPE]} " if level.outer is None else ""
    return f"(case {wrong}when not {level.field('has:', leaf)} then {absent} else 0 end)"
