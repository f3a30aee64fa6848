"""The rules of a contract in words: what a value must be to pass, each rule one short sentence."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tillage.contracts import json_path
from tillage.contracts.contract import (
    Basis,
    Column,
    Dataset,
    DatasetRule,
    Excess,
    Kind,
    Level,
    Limits,
    Merge,
    Reference,
    Vat,
)
from tillage.domain.money import exponent

_MOST_LISTED = 20
_EXCESS = {Excess.REJECT: "more are refused", Excess.ROUND: "more are rounded", Excess.WARN: "more are a warning"}
_MERGES = {
    Merge.REJECT: "a key comes once: with the same content again it is a duplicate, with other content a conflict",
    Merge.UPSERT: "another unit under a key is a newer version, which takes the place of the older one",
    Merge.SCD2: "another unit under a key is a newer version; the older ones stay readable with the time they held",
}


def sources_of(column: Column) -> list[str]:
    """Where its values come from: paths in the unit, or in the record around it; of one made of others, how."""
    if column.amount:
        return [f"made of {column.amount}"]
    if column.class_map:
        return [f"made of {column.class_map.column}"]
    return [_path(path.steps, is_from_record=path.is_from_record) for path in column.paths]


def _path(steps: tuple[str, ...], *, is_from_record: bool) -> str:
    written = json_path.written(steps)
    return f"{written} of the record" if is_from_record else written.removeprefix("$").removeprefix(".")


def rules_of(column: Column) -> list[str]:
    """What a value must be; the first says whether it may be missing."""
    return [
        "must be there" if column.is_required else "may be missing",
        *_bounds(column.limits),
        *_spelling(column),
        *_people(column),
    ]


def _bounds(limits: Limits) -> Iterator[str]:
    if limits.minimum is not None:
        yield f"{'more than' if limits.is_minimum_excluded else 'at least'} {_plain(limits.minimum)}"
    if limits.maximum is not None:
        yield f"{'less than' if limits.is_maximum_excluded else 'at most'} {_plain(limits.maximum)}"
    if limits.multiple_of is not None:
        yield f"a multiple of {_plain(limits.multiple_of)}"
    if limits.min_length is not None:
        yield f"length at least {limits.min_length:,}"
    if limits.max_length is not None:
        yield f"length at most {limits.max_length:,}"
    for pattern in limits.patterns:
        yield f"holds the pattern {pattern}"
    if limits.allowed is not None:
        yield f"one of {_listed(limits.allowed)}"


def _spelling(column: Column) -> Iterator[str]:
    if column.null_values:
        yield f"counts as missing: {_listed(column.null_values)}"
    if column.date_format:
        yield f"spelt as {column.date_format}"
    if column.time_zone:
        yield f"without an offset it is of {column.time_zone}"
    if column.class_map:
        other = column.class_map.default
        yield "what is not listed is refused" if other is None else f"what is not listed is {other}"
    if column.money:
        yield _money(column)
    if column.vat:
        yield from _vat(column.vat)
    if column.is_event_time:
        yield "says when it happened"


def _people(column: Column) -> Iterator[str]:
    if column.subject:
        yield f"the number of a {column.subject}, a person: tables hold a random subject key in its place"
    if column.alias_of:
        yield f"a further identifier of a {column.alias_of}"
    if column.is_personal:
        yield "personal: in the vault alone, and in no table"
    if column.is_hashed:
        yield "once the person is erased a hash stands in its place"


def _money(column: Column) -> str:
    money = column.money
    if money is None or money.currency is None:
        return f"an amount in the currency that {column.currency_by} names"
    decimals = exponent(money.currency)
    unit = "in minor units" if money.is_minor else f"with at most {decimals} decimals, {_EXCESS[money.excess]}"
    return f"an amount in {money.currency} {unit}"


def _vat(vat: Vat) -> Iterator[str]:
    basis = "includes VAT" if vat.basis is Basis.INCLUSIVE else "VAT is deducted from it"
    level = "once for each unit and rate" if vat.level is Level.RATE_GROUP else "on each line"
    yield f"{basis}, rounded {level}"
    for since, rates in (("", vat.rates_bp), *vat.changes):
        shown = ", ".join(f"{name} {_percent(rate)}".strip() for name, rate in rates)
        by = f" by {vat.rate_by}" if vat.rate_by else ""
        yield f"VAT{by}: {shown}{f' from {since} on' if since else ''}"


def rules_of_dataset(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Name, words and severity of what holds for whole units, and for the dataset as a whole."""
    found = []
    if dataset.key:
        found.append(("key", f"{', '.join(dataset.key)}: {_MERGES[dataset.merge]}", "error"))
    if dataset.where:
        found.append(("where", f"only what fits {dataset.where.sql}", "error"))
    found += [("reference", _referring(one), "error") for one in dataset.references]
    if dataset.erases:
        found.append(("request", f"each asks that a {dataset.erases} be erased, which a run does at its end", "error"))
    found += [(rule.name, rule.sql, str(rule.severity)) for rule in dataset.row_rules]
    found += [(rule.name, _asked(rule), str(rule.severity)) for rule in dataset.dataset_rules]
    return found


def _referring(reference: Reference) -> str:
    inside = f"{reference.list_name}." if reference.list_name else ""
    columns = ", ".join(f"{inside}{column}" for column in reference.columns)
    late = "what refers to nothing waits for it" if reference.is_released else "what refers to nothing is refused"
    return f"{columns} must be in {reference.to} ({', '.join(reference.keys)}); {late}"


def _asked(rule: DatasetRule) -> str:
    return f"{rule.sql} {rule.operator} {' and '.join(map(_plain, rule.operand))}"


def kind_of(column: Column) -> str:
    """Its logical type, of lists and objects with what they hold."""
    if column.kind is Kind.LIST:
        return f"list of {column.items[0].kind}" if column.is_scalar_list else "list of objects"
    return str(column.kind)


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g} %"


def _plain(value: Decimal | str) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value


def _listed(values: tuple[str, ...]) -> str:
    more = f" and {len(values) - _MOST_LISTED:,} more" if len(values) > _MOST_LISTED else ""
    return ", ".join(value or "''" for value in values[:_MOST_LISTED]) + more
