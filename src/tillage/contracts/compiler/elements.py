"""The elements of a list as rows of their own, checked like units."""

from __future__ import annotations

from tillage.contracts.compiler import scalar
from tillage.contracts.compiler.chain import chain, object_fields
from tillage.contracts.compiler.codes import BIT, NOT_COUNTABLE
from tillage.contracts.compiler.exploded import is_wrong
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.opened import outer_fields
from tillage.contracts.compiler.scalar import member, noted
from tillage.contracts.compiler.steps import Steps
from tillage.contracts.contract import Kind
from tillage.contracts.sql_text import columns, name
from tillage.domain.verdict import Code

_WRONG = name("item:is_wrong")


def elements(steps: Steps, leaf: Leaf, units: str) -> str:
    """SELECT of one row for each element of a list, over the relation `units` of opened ones, numbered by `_row`.

    `_row`, `_nth` in the list, `bits` of what is wrong with it, `final:x` and `rate:x` of each column; `uncounted`, if
    the law counts an amount of it, the bits that forbid that.
    """
    body = checked_elements(steps, leaf)
    outer = "".join(f"{name(field)}, " for field in outer_fields(steps, body))
    found = name(f"found:{leaf.key}")
    listed = f"select _row, is_text, {outer}unnest({found}) as b, generate_subscripts({found}, 1) as _nth from {units}"
    level = steps.elements(leaf)
    masks = [level.field("mask:", item) for item in level.leaves]
    fields = {"bits": f"if({_WRONG}, {BIT[Code.TYPE]}, {' | '.join(masks)})"}
    control = steps.dataset.control()
    if control and control[0] is leaf.column:
        mask = level.named("mask:", control[1].name)
        fields["uncounted"] = f"if({_WRONG}, 1, {mask} & {NOT_COUNTABLE})"
    for item in level.leaves:
        if item.kind is not Kind.OBJECT:
            fields[f"final:{item.key}"] = level.field("final:", item)
        if item.column.vat:
            fields[f"rate:{item.key}"] = f"{level.field('rate:', item)}::integer"
    return f"with listed as ({listed}) select _row, _nth, {columns(fields)} from ({body})"


def checked_elements(steps: Steps, leaf: Leaf) -> str:
    """SELECT over `listed` (`b` the element, beside fields of its unit) of what was found."""
    level = steps.elements(leaf)
    if leaf.column.is_scalar_list:
        values = {"is_wrong": "false"} | scalar.value_fields(level.leaves[0], ["cast(b as varchar)"], [])
        return chain(level, "from listed", values)
    values = {"is_wrong": is_wrong("b")}
    for item in level.leaves:
        if item.kind is Kind.OBJECT:
            values |= object_fields(level, item, "b", item.paths[0].steps)
            continue
        texts = [f"cast({member('b', path.steps)} as varchar)" for path in item.paths]
        wrong = [noted("b", path.steps[:-1]) for path in item.paths]
        values |= scalar.value_fields(item, texts, wrong)
    return chain(level, "from listed", values)
