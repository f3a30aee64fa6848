"""`tillage.money` and `tillage.vat` of one column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from tillage.contracts.contract import Basis, Excess, Kind, Level, Money, Rates, Vat
from tillage.contracts.document import Document, Path
from tillage.domain import money

MONEY_NAMES = {"currency", "currencyBy", "input", "excessDecimals"}
INPUTS = ("major", "minor")
_RATE = re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
VAT_NAMES = {"rateBy", "rates", "rate", "basis", "level", "validFrom", "dateBy"}


def read_money(document: Document, path: Path, kind: Kind, value: Any) -> Money | None:
    """What `tillage.money` says; None where it is not given.

    Raises:
        ContractError: no currency, one that does not exist, or a wrong form.
    """
    if value is None:
        return None
    if kind not in {Kind.NUMBER, Kind.INTEGER}:
        raise document.wrong(path, "tillage.money needs `logicalType: number`")
    if isinstance(value, str):
        value = {"currency": value}
    if not isinstance(value, dict):
        raise document.wrong(path, "tillage.money is a currency code like EUR, or {currency: EUR, ...}")
    document.check_names(path, value, MONEY_NAMES)
    currency, by = value.get("currency"), value.get("currencyBy")
    if (currency is None) == (by is None) or not isinstance(currency or by, str):
        raise document.wrong(path, "tillage.money needs either `currency: EUR` or `currencyBy: <column>`")
    if currency is not None:
        try:
            money.exponent(currency)
        except ValueError as wrong:
            raise document.wrong(path, f"tillage.money '{currency}': {wrong}") from None
    form, excess = value.get("input", "major"), value.get("excessDecimals", "reject")
    document.check_names(path, [form], INPUTS)
    document.check_names(path, [excess], [one.value for one in Excess])
    return Money(currency, by, is_minor=form == "minor", excess=Excess(excess))


def read_vat(document: Document, path: Path, amount: Money | None, value: Any) -> Vat | None:
    """What `tillage.vat` says; None where it is not given.

    Raises:
        ContractError: no money on the column, no rates, or a rate that is none.
    """
    if value is None:
        return None
    if amount is None:
        raise document.wrong(path, "tillage.vat needs tillage.money on the same column")
    if not isinstance(value, dict):
        raise document.wrong(path, "tillage.vat must be a mapping with `rateBy` and `rates`, or `rate`")
    document.check_names(path, value, VAT_NAMES)
    basis, level = value.get("basis", "inclusive"), value.get("level", "rate_group")
    document.check_names(path, [basis], [one.value for one in Basis])
    document.check_names(path, [level], [one.value for one in Level])
    by, rates = _rates(document, path, value)
    changes, date_by = _changes(document, path, value, is_single=by is None)
    return Vat(by, rates, Basis(basis), Level(level), date_by, changes)


def _rates(document: Document, path: Path, value: Mapping[str, Any]) -> tuple[str | None, Rates]:
    rates = value.get("rates")
    if "rate" in value:
        if "rates" in value or "rateBy" in value:
            raise document.wrong(path, "tillage.vat: either `rate` for all, or `rateBy` and `rates`")
        return None, (("", _basis_points(document, (*path, "rate"), value["rate"])),)
    if not isinstance(value.get("rateBy"), str) or not isinstance(rates, dict) or not rates:
        raise document.wrong(path, "tillage.vat needs `rateBy: <column>` and `rates: {class: percent}`")
    return value["rateBy"], _listed(document, (*path, "rates"), rates)


def _listed(document: Document, path: Path, rates: Mapping[str, Any]) -> Rates:
    if any(not name.strip() for name in rates):
        raise document.wrong(path, "a class is not blank; what stands for no class at all has no rate")
    return tuple((name, _basis_points(document, (*path, name), rate)) for name, rate in rates.items())


def _changes(
    document: Document, path: Path, value: Mapping[str, Any], *, is_single: bool
) -> tuple[tuple[tuple[str, Rates], ...], str | None]:
    found, date_by = value.get("validFrom"), value.get("dateBy")
    if found is None and date_by is None:
        return (), None
    if not isinstance(found, dict) or not found or not isinstance(date_by, str):
        raise document.wrong(
            path, "tillage.vat: `validFrom: {2021-01-01: {class: percent}}` and `dateBy: <date column>` go together"
        )
    changes: list[tuple[str, Rates]] = []
    for day, rates in found.items():
        here = (*path, "validFrom", day)
        since = _day(document, here, day)
        if is_single:
            changes.append((since, (("", _basis_points(document, here, rates)),)))
        elif isinstance(rates, dict) and rates:
            changes.append((since, _listed(document, here, rates)))
        else:
            raise document.wrong(here, "tillage.vat: each day of `validFrom` has rates like {hot food: 7}")
    return tuple(sorted(changes)), date_by


def _day(document: Document, path: Path, day: str) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise document.wrong(path, "tillage.vat: a day of `validFrom` is like 2021-01-01") from None


def _basis_points(document: Document, path: Path, rate: Any) -> int:
    if (
        isinstance(rate, bool)
        or not isinstance(rate, int | float | str)
        or not _RATE.fullmatch(text := document.text(path, rate))
    ):
        raise document.wrong(path, "a rate is a percentage like 7 or 5.5")
    points = Decimal(text) * 100
    if points != int(points) or not 0 <= points < 10_000:
        raise document.wrong(path, "a rate is from 0 up to 99.99 percent with at most two decimals")
    return int(points)
