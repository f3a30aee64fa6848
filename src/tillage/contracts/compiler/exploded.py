"""The units of a dataset as they lie in parsed records, before anything is asked of their columns."""

from __future__ import annotations

from tillage.contracts.compiler.scalar import member, noted
from tillage.contracts.compiler.shape import NOTE
from tillage.contracts.compiler.steps import Steps

_HEAD = "select _load_seq, _source, _ordinal, _offset, is_text, r, f,"


def exploded(steps: Steps) -> str:
    """SELECT over `parsed` of the units: `x` the unit, `r` its record.

    `is_wrong`: it is no object; `has_wrong_list`: another dataset's units would lie in it, but there is no list.
    """
    if steps.dataset.unit_path:
        return _listed(steps)
    if steps.dataset.group_by:
        has_wrong_list, row_bits = "false", "row_bits"
    else:
        lists = [noted("r", other.unit_path) for other in steps.contract.datasets if other.unit_path]
        has_wrong_list, row_bits = " or ".join(lists) or "false", "0 as row_bits"
    return (
        f"{_HEAD} 0::bigint as _unit, r as x, {is_wrong('r')} as is_wrong, {has_wrong_list} as has_wrong_list, "
        f"{_unknown(steps, 'r')} as is_unknown, {row_bits} from parsed"
    )


def _listed(steps: Steps) -> str:
    """The elements of a list of records."""
    path = steps.dataset.unit_path
    units = member("r", path)
    elements = f"{_HEAD} unnest({units}) as x, generate_subscripts({units}, 1) - 1 as _unit from parsed"
    has_record_unit = any(not other.unit_path for other in steps.contract.datasets)
    unknown = _unknown(steps, "x") if has_record_unit else f"{_unknown(steps, 'x')} or {_unknown(steps, 'r')}"
    flags = f"{is_wrong('x')} as is_wrong, false as has_wrong_list, {unknown} as is_unknown, 0 as row_bits"
    units_found = f"{_HEAD} _unit, x, {flags} from ({elements})"
    if has_record_unit:
        return units_found
    # No dataset takes the record itself, so what is wrong with it is counted here.
    wrong_record = f"{is_wrong('r')} or {noted('r', path)}"
    lost = (
        f"{_HEAD} 0::bigint as _unit, ({units})[1] as x, true as is_wrong, false as has_wrong_list, "
        f"false as is_unknown, 0 as row_bits from parsed where {wrong_record}"
    )
    return f"{units_found} union all by name {lost}"


def _unknown(steps: Steps, base: str) -> str:
    """Whether the exact look noted that a record or unit holds a member that no column reads."""
    return noted(base, ("",)) if steps.contract.is_unknown_rejected else "false"


def is_wrong(value: str) -> str:
    """SQL: whether the exact look noted that a record, unit or element is no object."""
    return f"coalesce({member(value, (NOTE,))} = '\"type\"', false)"
