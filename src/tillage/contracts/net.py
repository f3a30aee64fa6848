"""Net of VAT in SQL: integers only, half-up, sign-symmetric, and line nets that add up.

Source: EN 16931-1, BG-23: VAT is broken down, and rounded, once for each rate of a document.
"""

from __future__ import annotations

from tillage.contracts.contract import Basis, Column, Level
from tillage.contracts.scalar import MAX_MINOR
from tillage.contracts.sql_text import name

_LAMBDA_LINES = 64
"""Up to here the running sum of a list by lambdas, quadratic, is cheaper than a window; beyond, a hostile list would
cost minutes."""
_WORD_MINOR = MAX_MINOR // 40_000
"""Below this sum the whole formula stays inside one machine word, for any rate under 100 %."""


def net(gross: str, rate_bp: str, basis: Basis) -> str:
    """Net of `gross` in the integer type that `gross` has."""
    if basis is Basis.INCLUSIVE:
        return f"(sign({gross}) * ((2 * abs({gross}) * 10000 + (10000 + {rate_bp})) // (2 * (10000 + {rate_bp}))))"
    return f"(sign({gross}) * ((2 * abs({gross}) * (10000 - {rate_bp}) + 10000) // 20000))"


def is_short(lines: str, items: tuple[Column, ...]) -> str:
    """SQL: whether `short_list` may be used: few lines, and amounts that cannot overflow a word however they add up."""
    small = [
        f"coalesce(list_max(list_transform({lines}, lambda b: abs(b.{name(item.stored_name)}::hugeint))), 0) "
        f"< {_WORD_MINOR // _LAMBDA_LINES}"
        for item in items
        if item.vat
    ]
    return " and ".join([f"coalesce(len({lines}), 0) <= {_LAMBDA_LINES}", *small])


def short_list(lines: str, items: tuple[Column, ...]) -> str:
    """The list with net and rate beside each gross, by lambdas in machine words."""
    fields = []
    for item in items:
        gross, rate = f"b.{name(item.stored_name)}", f"b.{name('rate:' + item.name)}"
        fields.append(f"{name(item.stored_name)} := {gross}")
        if item.vat is None:
            continue
        if item.vat.level is Level.LINE:
            made = net(gross, rate, item.vat.basis)
        else:
            same = f"list_filter({lines}[1:k-1], lambda y: y.{name('rate:' + item.name)} = {rate})"
            before = f"coalesce(list_sum(list_transform({same}, lambda y: y.{name(item.stored_name)}))::bigint, 0)"
            whole = f"if(k = 1, {gross}, {before} + {gross})"
            made = f"({net(whole, rate, item.vat.basis)} - if(k = 1, 0, {net(before, rate, item.vat.basis)}))"
        fields += [f"net_minor := {made}::bigint", f"vat_bp := {rate}::integer"]
    return f"list_transform({lines}, lambda b, k: struct_pack({', '.join(fields)}))"


def any_list(units: str, place: str, lines: str, items: tuple[Column, ...]) -> str:
    """SELECT of `place` and the same list as `made`, for lists of any length and amounts of any size.

    A window over the elements, n log n, in HUGEINT. Only the place travels with an element: a query that is correlated
    on the list would copy the whole list beside each of its elements.
    """
    fields = []
    sums = []
    for item in items:
        gross, rate = f"e.{name(item.stored_name)}", f"e.{name('rate:' + item.name)}"
        fields.append(f"{name(item.stored_name)} := {gross}")
        if item.vat is None:
            continue
        whole = name("sum:" + item.name)
        if item.vat.level is Level.LINE:
            made = net(f"{gross}::hugeint", rate, item.vat.basis)
        else:
            sums.append(f", sum({gross}::hugeint) over (partition by {place}, {rate} order by k) as {whole}")
            made = f"({net(whole, rate, item.vat.basis)} - {net(f'({whole} - {gross})', rate, item.vat.basis)})"
        fields += [f"net_minor := {made}::bigint", f"vat_bp := {rate}::integer"]
    elements = f"select {place}, unnest({lines}) as e, generate_subscripts({lines}, 1) as k from {units}"
    summed = f"select *{''.join(sums)} from ({elements})"
    return f"select {place}, list(struct_pack({', '.join(fields)}) order by k) as made from ({summed}) group by {place}"
