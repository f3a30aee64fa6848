"""Rows of one file that stand for one document: gathered into one record with the rows as a list."""

from __future__ import annotations

from tillage.contracts.compiler import scalar
from tillage.contracts.compiler.codes import BIT, VIOLATION, WHERE_FAILED
from tillage.contracts.compiler.condition import MET, UNKNOWN, answer
from tillage.contracts.compiler.exploded import is_wrong
from tillage.contracts.compiler.level import Level
from tillage.contracts.compiler.scalar import noted
from tillage.contracts.compiler.shape import ROWS
from tillage.contracts.compiler.steps import Steps
from tillage.contracts.contract import Kind
from tillage.contracts.sql_text import columns, name, pack
from tillage.domain.verdict import Code


def grouped(steps: Steps, rows: str) -> str:
    """SELECT of one record for each unit of a dataset with `group_by`, at the place of its first row, over `rows`.

    `rows` has the columns of `parsed`. `row_bits`: what is wrong with the unit's columns in any row, and whether
    the rows do not agree in one. Rows are compared by what their columns mean; what means nothing counts as
    nothing.
    """
    dataset = steps.dataset
    compound = {Kind.LIST, Kind.OBJECT}
    heads = tuple(leaf for leaf in steps.unit.leaves if leaf.kind not in compound and leaf.column.amount is None)
    level = Level(heads)
    valued: dict[str, str] = {}
    for leaf in heads:
        texts = [text for path in leaf.paths for text in steps.texts(path)]
        wrong = [noted(base, path[:-1]) for base, path in map(steps.located, leaf.paths)]
        valued |= scalar.value_fields(leaf, texts, wrong)
    masks = {f"mask:{leaf.key}": scalar.mask_field(level, leaf) for leaf in heads}
    keys = [f"same:{key}" for key in dataset.group_by]
    same = {f"same:{leaf.key}": scalar.final_field(level, leaf) for leaf in heads if leaf.paths}
    bits = " | ".join(f"{name(key)} & {VIOLATION}" for key in masks)
    unknown = f"if({noted('r', ('',))}, {BIT[Code.UNKNOWN_FIELD]}, 0)" if steps.contract.is_unknown_rejected else "0"
    others = [key for key in same if key not in keys]
    counted = [f"count(distinct {name(key)}) + max(({name(key)} is null)::integer) > 1" for key in others]
    torn = " or ".join(counted) or "false"
    # A row that does not say which unit it belongs to, or is no object, is one by itself.
    alone = " or ".join(f"{scalar.final_field(level, level.find(key)[1])} is null" for key in dataset.group_by)
    alone = f"{alone} or {is_wrong('r')}"
    by = ", ".join(["_load_seq", "_source", *(name(key) for key in keys), "_alone"])
    asked, failed, business = _business(steps, level)
    return f"""
        select _load_seq, _source, min(_ordinal) as _ordinal, arg_min(_offset, _ordinal) as _offset,
            struct_insert(arg_min(r, _ordinal), {name(ROWS)} := list(r order by _ordinal)) as r,
            any_value(f) as f, any_value(is_text) as is_text, list(_ordinal order by _ordinal) as row_ordinals,
            if({torn}, {BIT[Code.KEY_CONFLICT]}, 0) | bit_or({bits} | {unknown} | {failed}) as row_bits
        from (
            select *, {columns(same)}, if({alone}, _ordinal, null) as _alone, {asked} as _answer
            from (select *, {columns(masks)} from (select *, {columns(valued)} from (select *, r as x from {rows})))
            {business}
        )
        group by {by}
    """


def _business(steps: Steps, level: Level) -> tuple[str, str, str]:
    """What `where` says of a row, the bit of one on which it fails, and the condition for the rows that are kept."""
    where = steps.dataset.where
    if where is None:
        return "null", "0", ""
    finals = {leaf.column.stored_name: scalar.final_field(level, leaf) for leaf in level.leaves if "." not in leaf.key}
    undecided = " or ".join(f"{name('mask:' + column)} & {VIOLATION} <> 0" for column in where.columns) or "false"
    said = answer(where.sql, row="_row", columns=finals)
    asked = f"list_transform([{pack(finals)}], lambda _row: {said})[1]"
    kept = f"coalesce(_answer = {MET} or (_answer = {UNKNOWN} and ({undecided})), true) or {is_wrong('r')}"
    return asked, f"if(_answer is null and not {is_wrong('r')}, {WHERE_FAILED}, 0)", f"where {kept}"
