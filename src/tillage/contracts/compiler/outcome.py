"""A unit judged by all of its columns: what the law counts, what is wrong, and the columns as silver keeps them."""

from __future__ import annotations

from tillage.contracts.compiler import net
from tillage.contracts.compiler.codes import (
    BIT,
    BROKEN_OPERAND,
    NOT_COUNTABLE,
    ROUNDED,
    VIOLATION,
    WHERE_CODE,
    WHERE_FAILED,
    code_list,
)
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.number import MAX_MINOR
from tillage.contracts.compiler.steps import PLACE, Steps
from tillage.contracts.contract import Column, Kind
from tillage.contracts.sql_text import columns, name, pack, text
from tillage.domain.verdict import Code

_FINE = f"_mask & {VIOLATION} = 0"


def outcome(steps: Steps, units: str) -> str:
    """SELECT of place, stored columns, codes, warnings, control, and the masks of the columns that `where` reads.

    `units` is the relation of opened units; of their lists it holds `list:x` as silver keeps it, `bits:x` of all
    elements together, and of the one that the law counts `uncounted:x` and `amounts:x`. Nets are null where the unit
    has a violation.
    """
    fields: dict[str, str] = {}
    for column in steps.dataset.columns:
        fields |= _stored(column, "")
    countable = f"not is_wrong and abs(_control) <= {MAX_MINOR}"
    fields["_codes"] = code_list("_mask")
    if steps.dataset.group_by and steps.dataset.where:
        failed = f"if(_mask & {WHERE_FAILED} <> 0, [{text(WHERE_CODE)}], []::varchar[])"
        fields["_codes"] = f"list_concat({fields['_codes']}, {failed})"
    fields["_warnings"] = f"if(_mask & {ROUNDED} <> 0, ['{Code.MONEY_SCALE}'], []::varchar[])"
    fields["_control_minor"] = f"if({countable}, _control, null)::decimal(38,0)"
    has_code = steps.dataset.currency_by is not None
    fields["_control_currency"] = f"if({countable}, _code, null)" if has_code else "null::varchar"
    if steps.dataset.where:
        fields["_wrong"] = "is_wrong"
    for column_name in where_columns(steps):
        own = [leaf for leaf in steps.unit.leaves if f"{leaf.key}.".startswith(f"{column_name}.")]
        fields[f"mask:{column_name}"] = f"({' | '.join(map(_leaf_mask, own))}) & {VIOLATION | BROKEN_OPERAND}"
    controlled = f"select *, {_control(steps)} as _control from {units}"
    judged = f"select *, {_mask(steps)} as _mask from ({controlled})"
    return f"select {PLACE}, {columns(fields)} from ({judged})"


def where_columns(steps: Steps) -> tuple[str, ...]:
    """Columns whose violations keep a unit that `where` cannot decide."""
    return steps.dataset.where.columns if steps.dataset.where else ()


def _control(steps: Steps) -> str:
    """What the law counts in money, HUGEINT; null where it cannot be counted, or the dataset has no money."""
    found = steps.dataset.control()
    if found is None:
        return "null::hugeint"
    parent, column = found
    if parent is None:
        amount = f"coalesce({name('final:' + column.name)}::hugeint, 0)"
        return f"if({name('mask:' + column.name)} & {NOT_COUNTABLE} <> 0, null, {amount})"
    key = next(leaf.key for leaf in steps.lists if leaf.column is parent)
    absent = "null" if parent.is_required else "0"
    return (
        f"case when {name('wrong:' + key)} then null when {name('list:' + key)} is null then {absent} "
        f"when {name('uncounted:' + key)} <> 0 then null "
        f"else coalesce(list_sum({name('amounts:' + key)}), 0) end::hugeint"
    )


def _mask(steps: Steps) -> str:
    overflow = f"if(coalesce(abs(_control) > {MAX_MINOR}, false), {BIT[Code.MONEY_OVERFLOW]}, 0)"
    bits = [*map(_leaf_mask, steps.unit.leaves), f"if(has_wrong_list, {BIT[Code.TYPE]}, 0)", overflow]
    if steps.contract.is_unknown_rejected:
        bits.append(f"if(is_unknown, {BIT[Code.UNKNOWN_FIELD]}, 0)")
    if steps.dataset.group_by:
        bits.append("row_bits")
    return f"if(is_wrong, {BIT[Code.TYPE]}, {' | '.join(bits)})"


def _leaf_mask(leaf: Leaf) -> str:
    if leaf.kind is not Kind.LIST:
        return name("mask:" + leaf.key)
    found, limits = name("list:" + leaf.key), leaf.column.limits
    absent = BIT[Code.MISSING] if leaf.column.is_required else 0
    worst = name("bits:" + leaf.key)
    if limits.min_length is not None:
        worst += f" | if(len({found}) < {limits.min_length}, {BIT[Code.LENGTH]}, 0)"
    if limits.max_length is not None:
        worst += f" | if(len({found}) > {limits.max_length}, {BIT[Code.LENGTH]}, 0)"
    wrong = name("wrong:" + leaf.key)
    return f"(case when {wrong} then {BIT[Code.TYPE]} when {found} is null then {absent} else {worst} end)"


def _stored(column: Column, key: str) -> dict[str, str]:
    """Name and expression of all that silver keeps of one column."""
    own = f"{key}{column.name}"
    if column.kind is Kind.OBJECT:
        inner: dict[str, str] = {}
        for item in column.items:
            inner |= _stored(item, f"{own}.")
        return {column.name: f"if({name('has:' + own)}, {pack(inner)}, null)"}
    if column.kind is Kind.LIST:
        found = name("list:" + own)
        if not net.is_taxed(column.items):
            return {column.name: found}
        return {
            column.name: f"case when {_FINE} then {found} else list_transform({found}, lambda b: {_bare(column)}) end"
        }
    final = name("final:" + own)
    fields = {column.stored_name: final}
    if column.vat:
        made = net.net(f"{final}::hugeint", name("rate:" + own), column.vat.basis)
        fields[column.net_name] = f"if({_FINE}, {made}, null)::bigint"
        fields[column.rate_name] = f"{name('rate:' + own)}::integer"
    return fields


def _bare(column: Column, base: str = "b") -> str:
    """One stored element `base`, or object in one, without its nets."""
    fields: dict[str, str] = {}
    for item in column.items:
        if item.kind is Kind.OBJECT:
            fields[item.name] = _bare(item, f"{base}.{name(item.name)}")
            continue
        fields[item.stored_name] = f"{base}.{name(item.stored_name)}"
        if item.vat:
            fields[item.net_name] = "null::bigint"
            fields[item.rate_name] = f"{base}.{name(item.rate_name)}"
    return pack(fields)
