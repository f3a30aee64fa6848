"""Compiles a contract to the SQL of its check: one text for every door, every batch size and every engine.

The SQL reads a relation `parsed(load_seq, source, ordinal, "offset", r)`, where `r` is what `json_transform` makes of
a record by `Check.structure`, and gives the units of a dataset: place, typed columns, violation codes, control amount.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tillage.contracts import net, scalar
from tillage.contracts.contract import Column, Contract, Dataset, Kind
from tillage.contracts.scalar import BIT, CODES, MAX_MINOR, noted
from tillage.contracts.shape import NOTE, Shape, shape_of
from tillage.contracts.sql_text import name
from tillage.contracts.suspect import structure, suspect
from tillage.domain.verdict import Code

_PLACE = 'load_seq, source, ordinal, "offset", unit'


@dataclass(frozen=True)
class Check:
    """A compiled contract. All texts are DuckDB SQL."""

    contract: Contract
    shape: Shape
    structure: str
    """The second argument of `json_transform`."""
    suspect: str
    """Over `text` and `counted`, which is `without_nulls(text)` parsed: true where only the exact look can tell."""
    units: tuple[tuple[Dataset, str], ...]
    """For each dataset the SELECT over `parsed` that gives `load_seq, source, ordinal, "offset", unit, <columns>,
    codes, control_minor`; unique by (load_seq, source, ordinal, unit), any order."""


def compile_check(contract: Contract) -> Check:
    """The check of `contract`.

    Raises:
        ContractError: two columns ask for one member in ways that exclude each other.
    """
    shape = shape_of(contract)
    return Check(
        contract=contract,
        shape=shape,
        structure=json.dumps(structure(shape)),
        suspect=suspect(shape),
        units=tuple((dataset, _units(contract, dataset)) for dataset in contract.datasets),
    )


def _units(contract: Contract, dataset: Dataset) -> str:
    """A chain of steps that each read only the one before, so that every rule is evaluated once."""
    steps = [
        f"unit as ({_exploded(contract, dataset)})",
        f"valued as (select {_PLACE}, is_wrong, has_wrong_list, {_valued(dataset)} from unit)",
        f"masked as (select *, {_masked(dataset)} from valued)",
        f"final as (select {_PLACE}, is_wrong, has_wrong_list, {_final(dataset)} from masked)",
        f"controlled as materialized (select *, {_control(dataset)} as control from final)",
        f"judged as (select *, {_mask(dataset)} as mask from controlled)",
    ]
    codes = ", ".join(f"if(mask & {bit} > 0, '{code}', null)" for code, bit in BIT.items())
    outcome = (
        f"if(mask = 0, []::varchar[], list_filter([{codes}], lambda c: c is not null)) as codes, "
        f"if(is_wrong or abs(control) > {MAX_MINOR}, null, control)::decimal(38,0) as control_minor"
    )
    chain = f"with {', '.join(steps)}"
    taxed = [column for column in dataset.columns if any(item.vat for item in column.items)]
    if not taxed:
        return f"{chain} select {_PLACE}, {_stored(dataset)}, {outcome} from judged"
    short = " and ".join(f"({net.is_short(name('final:' + column.name), column.items)})" for column in taxed)
    made = [
        f"{name('made:' + column.name)} as ({net.any_list('long', _PLACE, name('final:' + column.name), column.items)})"
        for column in taxed
    ]
    joins = " ".join(
        f"left join (select {_PLACE}, made as {name('made:' + column.name)} from {name('made:' + column.name)}) "
        f"using ({_PLACE})"
        for column in taxed
    )
    return (
        f"{chain}, long as (select * from judged where mask = 0 and not ({short})), {', '.join(made)} "
        f"select {_PLACE}, {_stored(dataset)}, {outcome} from judged where mask <> 0 or ({short}) "
        f"union all select {_PLACE}, {_stored(dataset, long=taxed)}, {outcome} from long {joins}"
    )


def _exploded(contract: Contract, dataset: Dataset) -> str:
    """Units of the dataset: `x` the unit, `r` its record; `is_wrong`: it is no object; `has_wrong_list`: another
    dataset's units would lie in it, but there is no list.
    """
    head = 'select load_seq, source, ordinal, "offset",'
    if not dataset.unit_path:
        lists = [noted("r", other.unit_path) for other in contract.datasets if other.unit_path]
        has_wrong_list = " or ".join(lists) or "false"
        wrong = f"{_is_wrong('r')} as is_wrong, {has_wrong_list} as has_wrong_list"
        return f"{head} 0::bigint as unit, r as x, r, {wrong} from parsed"
    units = f"r.{name(*dataset.unit_path)}"
    elements = f"{head} r, unnest({units}) as x, generate_subscripts({units}, 1) - 1 as unit from parsed"
    exploded = f"{head} unit, x, r, {_is_wrong('x')} as is_wrong, false as has_wrong_list from ({elements})"
    if any(not other.unit_path for other in contract.datasets):
        return exploded
    # No dataset takes the record itself, so what is wrong with it is counted here.
    wrong_record = f"{_is_wrong('r')} or {noted('r', dataset.unit_path)}"
    return f"{exploded} union all {head} 0::bigint, ({units})[1], r, true, false from parsed where {wrong_record}"


def _is_wrong(value: str) -> str:
    return f"coalesce({value}.{name(NOTE)} = '\"type\"', false)"


def _base(column: Column) -> str:
    return "r" if column.is_from_record else "x"


def _pack(fields: dict[str, str]) -> str:
    return "struct_pack(" + ", ".join(f"{name(key)} := {value}" for key, value in fields.items()) + ")"


def _as(fields: dict[str, str]) -> str:
    return ", ".join(f"{value} as {name(key)}" for key, value in fields.items())


def _valued(dataset: Dataset) -> str:
    fields: dict[str, str] = {}
    for column in dataset.columns:
        base = _base(column)
        if column.kind is not Kind.LIST:
            fields |= scalar.value_fields(column, base)
            continue
        elements = {"is_wrong": _is_wrong("b")}
        for item in column.items:
            elements |= scalar.value_fields(item, "b")
        fields[f"wrong:{column.name}"] = noted(base, column.path)
        fields[f"value:{column.name}"] = f"list_transform({base}.{name(*column.path)}, lambda b: {_pack(elements)})"
    return _as(fields)


def _masked(dataset: Dataset) -> str:
    fields: dict[str, str] = {}
    for column in dataset.columns:
        if column.kind is not Kind.LIST:
            fields[f"mask:{column.name}"] = scalar.mask_field(column, "")
            continue
        elements = {"is_wrong": "b.is_wrong"}
        for item in column.items:
            elements[f"value:{item.name}"] = f"b.{name('value:' + item.name)}"
            elements[f"mask:{item.name}"] = scalar.mask_field(item, "b.")
        fields[f"masked:{column.name}"] = f"list_transform({name('value:' + column.name)}, lambda b: {_pack(elements)})"
    return _as(fields)


def _final(dataset: Dataset) -> str:
    """Stored values and rates; for a list also its mask, and the amounts that can be counted."""
    fields: dict[str, str] = {}
    for column in dataset.columns:
        if column.kind is not Kind.LIST:
            fields[f"final:{column.name}"] = scalar.final_field(column, "")
            fields[f"mask:{column.name}"] = name(f"mask:{column.name}")
            fields[f"rate:{column.name}"] = scalar.rate_field(column, "")
            continue
        masked = name("masked:" + column.name)
        elements: dict[str, str] = {}
        for item in column.items:
            elements[item.stored_name] = scalar.final_field(item, "b.")
            if item.vat:
                elements[f"rate:{item.name}"] = scalar.rate_field(item, "b.")
        bits = " | ".join(f"b.{name('mask:' + item.name)}" for item in column.items)
        worst = f"list_bit_or(list_transform({masked}, lambda b: if(b.is_wrong, {BIT[Code.TYPE]}, {bits})))"
        absent = BIT[Code.MISSING] if column.is_required else 0
        fields[f"final:{column.name}"] = f"list_transform({masked}, lambda b: {_pack(elements)})"
        fields[f"mask:{column.name}"] = (
            f"case when {name('wrong:' + column.name)} then {BIT[Code.TYPE]} "
            f"when {masked} is null then {absent} else coalesce({worst}, 0) end"
        )
        for item in column.items:
            if item.currency:
                uncounted = f"if(b.is_wrong, 1, {scalar.amount_mask(item, 'b.')})"
                fields[f"uncounted:{column.name}.{item.name}"] = (
                    f"coalesce(list_bit_or(list_transform({masked}, lambda b: {uncounted})), 0)"
                )
    return _as(fields)


def _control(dataset: Dataset) -> str:
    """What the law counts in money, HUGEINT; null where it cannot be counted, or the dataset has no money."""
    found = dataset.control()
    if found is None:
        return "null::hugeint"
    parent, column = found
    if parent is None:
        amount = f"coalesce({name('final:' + column.name)}::hugeint, 0)"
        return f"if({scalar.amount_mask(column, '')} <> 0, null, {amount})"
    final, mask = name("final:" + parent.name), name("mask:" + parent.name)
    amounts = f"list_sum(list_transform({final}, lambda b: b.{name(column.stored_name)}))"
    return (
        f"case when {final} is null then if({mask} = 0, 0, null) "
        f"when {name(f'uncounted:{parent.name}.{column.name}')} <> 0 then null else coalesce({amounts}, 0) end::hugeint"
    )


def _mask(dataset: Dataset) -> str:
    bits = " | ".join(name("mask:" + column.name) for column in dataset.columns)
    overflow = f"if(coalesce(abs(control) > {MAX_MINOR}, false), {BIT[Code.MONEY_OVERFLOW]}, 0)"
    wrong_list = f"if(has_wrong_list, {BIT[Code.TYPE]}, 0)"
    return f"if(is_wrong, {BIT[Code.TYPE]}, {bits} | {wrong_list} | {overflow})"


def _stored(dataset: Dataset, long: Sequence[Column] = ()) -> str:
    """The columns as silver keeps them, with net beside gross; net and lists null where the unit has a violation."""
    fields: dict[str, str] = {}
    for column in dataset.columns:
        final = name("final:" + column.name)
        if column in long:
            fields[column.name] = f"if({final} is null, null, coalesce({name('made:' + column.name)}, []))"
        elif column.kind is Kind.LIST:
            fields[column.name] = f"if(mask = 0, {net.short_list(final, column.items)}, null)"
        else:
            fields[column.stored_name] = final
        if column.vat:
            made = net.net(f"{final}::hugeint", name("rate:" + column.name), column.vat.basis)
            fields["net_minor"] = f"if(mask = 0, {made}, null)::bigint"
            fields["vat_bp"] = f"{name('rate:' + column.name)}::integer"
    return _as(fields)


__all__ = ["CODES", "Check", "compile_check"]
