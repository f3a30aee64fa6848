"""What a person sees of `tillage explain`: the records behind a number, each with its lines and its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tillage.cli.tables import console, grid, put
from tillage.pipelines.as_json import plain
from tillage.pipelines.for_people import amount

if TYPE_CHECKING:
    from tillage.pipelines.explain import Explanation, Part

_FIRST = 5


def show_explanation(found: Explanation, *, show_all: bool) -> None:
    """Records in order, each with the lines that it adds, and the sum beside what is served."""
    out = console()
    records = found.units()
    extent = found.made_of()
    path = f"{found.route.rsplit('/', 1)[0]}/{found.key}"
    out.print(f"{path}   {extent.units:,} units, {extent.lines:,} lines, {extent.files:,} files", soft_wrap=True)
    rows = []
    for parts in records if show_all else records[:_FIRST]:
        first = parts[0]
        where = (f"{first.file}:{first.line}", f"{first.offset:,}")
        how = "source erased on" if first.is_erased else "bytes forgotten"
        gone = f"   ({how} {first.forgotten_at:%Y-%m-%d})" if first.forgotten_at else ""
        rows.append((*where, f"{first.dataset} unit {first.unit}{_adds(found, parts)}{gone}"))
        rows += [("", "", "  " + _element(part.element, found)) for part in parts if part.element_no is not None]
    put(out, grid(("file:line", "byte", ""), rows, figures=(1,)))
    if len(records) > _FIRST and not show_all:
        out.print(f"... {len(records) - _FIRST:,} more (--all)")
    for column, total in found.sums().items():
        currency = found.currencies[column]
        sign = "=" if total == found.served[column] else "<>"
        out.print(
            f"{column}: sum of the lines {amount(total, currency)} {sign} served "
            f"{amount(found.served[column], currency)}",
            soft_wrap=True,
        )


def _adds(found: Explanation, parts: Sequence[Part]) -> str:
    whole = [part for part in parts if part.element_no is None]
    added = {column: sum(part.adds[column] or 0 for part in whole) for column in found.currencies}
    cells = [f"{column} {amount(total, found.currencies[column])}" for column, total in added.items() if total]
    rates = dict(rate for part in whole for rate in part.rate_bp.items())
    cells += [f"{name} at {rate / 100:g} %" for name, rate in rates.items() if cells]
    return f"   + {', '.join(cells)}" if cells else ""


def _element(element: Any, found: Explanation) -> str:
    """The fields of a list element; minor units in the currency that its column adds up in."""
    if not isinstance(element, Mapping):
        return _text(element)
    currency = next((currency for currency in found.currencies.values() if currency), None)
    cells = []
    for name, value in element.items():
        if name.endswith("_minor") and currency and isinstance(value, int):
            cells.append(f"{name.removesuffix('_minor')} {amount(value, currency)}")
        elif name.endswith("_bp") and isinstance(value, int):
            cells.append(f"{name.removesuffix('_bp')} {value / 100:g} %")
        elif value is not None:
            cells.append(_text(value))
    return "   ".join(cells)


def _text(value: Any) -> str:
    return json.dumps(value, default=plain, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
