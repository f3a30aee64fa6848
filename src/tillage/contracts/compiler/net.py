"""Net of VAT in SQL: integers only, half-up, sign-symmetric, and line nets that add up.

Source: EN 16931-1, BG-23: VAT is broken down, and rounded, once for each rate of a document.
"""

from __future__ import annotations

from collections.abc import Sequence

from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.number import MAX_MINOR
from tillage.contracts.contract import Basis, Level, Vat
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


def taxed(leaves: Sequence[Leaf]) -> list[tuple[Leaf, Vat]]:
    """The leaves that have VAT."""
    return [(leaf, leaf.column.vat) for leaf in leaves if leaf.column.vat]


def is_short(lines: str, leaves: Sequence[Leaf]) -> str:
    """SQL: whether `short_list` may be used: few lines, and amounts that cannot overflow a word however they add up."""
    small = [
        f"coalesce(list_max(list_transform({lines}, lambda b: abs(b.{name('final:' + leaf.key)}::hugeint))), 0) "
        f"< {_WORD_MINOR // _LAMBDA_LINES}"
        for leaf, _ in taxed(leaves)
    ]
    return " and ".join([f"coalesce(len({lines}), 0) <= {_LAMBDA_LINES}", *small])


def short_nets(lines: str, leaves: Sequence[Leaf]) -> dict[str, str]:
    """By key of the gross, the net of element `b` at place `k` of `lines`, in machine words."""
    made = {}
    for leaf, vat in taxed(leaves):
        gross, rate = f"b.{name('final:' + leaf.key)}", f"b.{name('rate:' + leaf.key)}"
        if vat.level is Level.LINE:
            made[leaf.key] = net(gross, rate, vat.basis)
            continue
        # An absent amount stands between the others without any: it adds nothing.
        same = f"list_filter({lines}[1:k-1], lambda y: y.{name('rate:' + leaf.key)} = {rate})"
        before = f"coalesce(list_sum(list_transform({same}, lambda y: y.{name('final:' + leaf.key)}))::bigint, 0)"
        whole = f"if(k = 1, {gross}, {before} + {gross})"
        made[leaf.key] = f"({net(whole, rate, vat.basis)} - if(k = 1, 0, {net(before, rate, vat.basis)}))"
    return made


def any_nets(units: str, place: str, lines: str, leaves: Sequence[Leaf]) -> tuple[str, dict[str, str]]:
    """SELECT of `place`, elements `b` and places `k` of lists of any length and amounts of any size, and the nets.

    A window over the elements, n log n, in HUGEINT. Only the place travels with an element: a query that is correlated
    on the list would copy the whole list beside each of its elements.
    """
    made = {}
    sums = []
    for leaf, vat in taxed(leaves):
        gross, rate = f"b.{name('final:' + leaf.key)}", f"b.{name('rate:' + leaf.key)}"
        if vat.level is Level.LINE:
            made[leaf.key] = net(f"{gross}::hugeint", rate, vat.basis)
            continue
        whole = name("sum:" + leaf.key)
        sums.append(f", sum({gross}::hugeint) over (partition by {place}, {rate} order by k) as {whole}")
        made[leaf.key] = f"({net(whole, rate, vat.basis)} - {net(f'({whole} - {gross})', rate, vat.basis)})"
    elements = f"select {place}, unnest({lines}) as b, generate_subscripts({lines}, 1) as k from {units}"
    return f"select *{''.join(sums)} from ({elements})", made
