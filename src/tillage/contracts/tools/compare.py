"""What changed between two contracts, and whom it breaks: readers of the tables, or those who send the data.

A reader relies on what every row of silver keeps: whatever may be otherwise from now on breaks readers. A sender relies
on what was accepted: whatever is refused from now on breaks senders. What does both is said twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tillage.contracts.contract import (
    Column,
    Contract,
    Dataset,
    DatasetRule,
    Excess,
    Limits,
    Money,
    NumberFormat,
    RowRule,
    Severity,
)
from tillage.contracts.promises import Span
from tillage.contracts.types import duckdb_type


class Breaks(StrEnum):
    """Who has to change something."""

    READERS = "readers"
    SENDERS = "senders"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Change:
    """One difference; `where` is a dataset or `dataset.column`."""

    where: str
    what: str
    breaks: Breaks


def changes(old: Contract, new: Contract) -> list[Change]:
    """Every difference that a reader or sender could notice, datasets and columns in order."""
    found = list(_datasets({d.name: d for d in old.datasets}, {d.name: d for d in new.datasets}))
    if new.is_unknown_rejected != old.is_unknown_rejected:
        what, breaks = ("rejected", Breaks.SENDERS) if new.is_unknown_rejected else ("ignored", Breaks.NOBODY)
        found.append(Change("contract", f"unknown fields are {what} now", breaks))
    for name, before, after in (
        ("maxRecordBytes", old.max_record_bytes, new.max_record_bytes),
        ("maxDepth", old.max_depth, new.max_depth),
    ):
        if before != after:
            breaks = Breaks.SENDERS if after < before else Breaks.NOBODY
            found.append(Change("contract", f"{name}: {before} -> {after}", breaks))
    if old.retention != new.retention:
        shown = [str(one or "for ever") for one in (old.retention, new.retention)]
        found.append(Change("contract", f"bytes are kept: {shown[0]} -> {shown[1]}", Breaks.NOBODY))
    found += _promise("contract", "frequency", old.frequency, new.frequency)
    was, is_now = ({one.dataset: one.most for one in contract.latencies} for contract in (old, new))
    for dataset in new.datasets:
        found += _promise(dataset.name, "latency", was.get(dataset.name), is_now.get(dataset.name))
    return found


def _promise(where: str, what: str, old: Span | None, new: Span | None) -> Iterator[Change]:
    """Readers rely on how fresh data is; a day for 24 hours is no difference."""
    was, is_now = (one.length if one else None for one in (old, new))
    if was != is_now:
        is_looser = was is not None and (is_now is None or is_now > was)
        shown = [str(one or "not promised") for one in (old, new)]
        yield Change(where, f"{what}: {shown[0]} -> {shown[1]}", Breaks.READERS if is_looser else Breaks.NOBODY)


def _datasets(old: dict[str, Dataset], new: dict[str, Dataset]) -> Iterator[Change]:
    for name in sorted(old.keys() - new.keys()):
        yield Change(name, "dataset removed", Breaks.READERS)
    for name, dataset in new.items():
        if name not in old:
            yield Change(name, "dataset added", Breaks.NOBODY)
        else:
            yield from _dataset(old[name], dataset)


def _dataset(old: Dataset, new: Dataset) -> Iterator[Change]:
    if old.key != new.key:
        shown = [", ".join(key) or "none" for key in (old.key, new.key)]
        yield Change(new.name, f"key: {shown[0]} -> {shown[1]}", Breaks.READERS)
        if new.key:
            yield Change(new.name, "other units have the same key now", Breaks.SENDERS)
    if (old.unit_path, old.group_by) != (new.unit_path, new.group_by):
        yield Change(new.name, "the unit is another one", Breaks.READERS)
    if _sql(old.where) != _sql(new.where) or old.is_distinct != new.is_distinct:
        yield Change(new.name, "other records are units of it", Breaks.READERS)
    if (old.merge, old.version) != (new.merge, new.version):
        yield Change(new.name, f"merge: {_merge(old)} -> {_merge(new)}", Breaks.READERS)
    if _control(old) != _control(new):
        yield Change(new.name, f"counted in money: {_control(old)} -> {_control(new)}", Breaks.READERS)
    yield from _references(new.name, old, new)
    yield from _columns(new.name, old.columns, new.columns)
    yield from _rules(
        new.name, {rule.name: rule for rule in old.row_rules}, {rule.name: rule for rule in new.row_rules}
    )
    yield from _rules(
        new.name, {rule.name: rule for rule in old.dataset_rules}, {rule.name: rule for rule in new.dataset_rules}
    )


def _references(where: str, old: Dataset, new: Dataset) -> Iterator[Change]:
    for one in old.references:
        if one not in new.references:
            yield Change(where, f"{', '.join(one.columns)} need not be in {one.to} any more", Breaks.READERS)
    for one in new.references:
        if one not in old.references:
            yield Change(where, f"{', '.join(one.columns)} must be in {one.to} now", Breaks.SENDERS)


def _sql(where: RowRule | None) -> str | None:
    return where.sql if where else None


def _merge(dataset: Dataset) -> str:
    return f"{dataset.merge} by {dataset.version}" if dataset.version else dataset.merge


def _control(dataset: Dataset) -> str:
    found = dataset.control()
    return ".".join(column.name for column in found if column) if found else "nothing"


_Rules = dict[str, RowRule] | dict[str, DatasetRule]


def _rules(where: str, old: _Rules, new: _Rules) -> Iterator[Change]:
    """A rule of severity `warning` refuses nothing and promises nothing."""
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        was, is_now = (rule is not None and rule.severity is Severity.ERROR for rule in (before, after))
        if was and not is_now:
            what = "removed" if after is None else "only warns now"
            yield Change(where, f"rule '{name}' {what}", Breaks.READERS)
        elif was:
            yield Change(where, f"rule '{name}' asks something else", Breaks.READERS)
        if is_now:
            yield Change(where, f"rule '{name}' {'asks something else' if was else 'rejects now'}", Breaks.SENDERS)
        if not was and not is_now:
            yield Change(where, f"warning '{name}' is new, removed or another one", Breaks.NOBODY)


def _columns(where: str, old: tuple[Column, ...], new: tuple[Column, ...]) -> Iterator[Change]:
    before, after = ({column.name: column for column in columns} for columns in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield Change(f"{where}.{name}", "column removed", Breaks.READERS)
    for name, column in after.items():
        here = f"{where}.{name}"
        if name in before:
            yield from _column(here, before[name], column)
            yield from _marks(here, before[name], column)
        else:
            breaks = Breaks.SENDERS if column.is_required else Breaks.NOBODY
            yield Change(here, f"{'required' if column.is_required else 'optional'} column added", breaks)


def _column(where: str, old: Column, new: Column) -> Iterator[Change]:
    if old.items and new.items and old.kind is new.kind and old.is_scalar_list == new.is_scalar_list:
        yield from _columns(where, old.items, new.items)
    elif duckdb_type(old) != duckdb_type(new) or (old.kind is not new.kind and not (old.money and new.money)):
        yield Change(where, f"type: {duckdb_type(old)} -> {duckdb_type(new)}", Breaks.READERS)
        if old.kind is not new.kind or (new.money and not old.money):
            yield Change(where, "values are read as another type", Breaks.SENDERS)
    if old.stored_name != new.stored_name:
        yield Change(where, f"kept as '{new.stored_name}' instead of '{old.stored_name}'", Breaks.READERS)
    if (old.currency, old.currency_by) != (new.currency, new.currency_by):
        yield Change(where, f"currency: {_currency(old)} -> {_currency(new)}", Breaks.READERS)
    if old.money and new.money and _reading(old.money) != _reading(new.money):
        yield Change(where, "amounts are read otherwise (input, excessDecimals)", Breaks.SENDERS)
        if old.money.is_minor != new.money.is_minor or new.money.excess is not Excess.REJECT:
            yield Change(where, "the same text is another amount now", Breaks.READERS)
    if old.is_required != new.is_required:
        what, breaks = ("required now", Breaks.SENDERS) if new.is_required else ("optional now", Breaks.READERS)
        yield Change(where, what, breaks)
    if old.vat != new.vat:
        yield Change(where, "VAT is another one", Breaks.READERS)
    yield from _limits(where, old.limits, new.limits)
    yield from _sources(where, old, new)


def _marks(where: str, old: Column, new: Column) -> Iterator[Change]:
    if old.is_event_time != new.is_event_time:
        yield Change(where, f"is {'the' if new.is_event_time else 'no more the'} time of the event", Breaks.READERS)
    if (old.is_personal, old.subject, old.alias_of) != (new.is_personal, new.subject, new.alias_of):
        yield Change(where, "what it is to the people in the data is another thing now", Breaks.READERS)
    if old.is_hashed != new.is_hashed:
        yield Change(where, f"{'a hash' if new.is_hashed else 'nothing'} is left of it after an erasure", Breaks.NOBODY)


def _sources(where: str, old: Column, new: Column) -> Iterator[Change]:
    if (old.amount, old.class_map) != (new.amount, new.class_map):
        yield Change(where, "it is made of other columns otherwise", Breaks.READERS)
    if not set(old.paths) <= set(new.paths):
        yield Change(where, "its values come from elsewhere", Breaks.SENDERS)
    elif old.paths != new.paths[: len(old.paths)]:
        yield Change(where, "another spelling counts first", Breaks.SENDERS)
        yield Change(where, "where several spellings are sent, another one is kept", Breaks.READERS)
    elif old.paths != new.paths:
        yield Change(where, "it has more spellings", Breaks.NOBODY)
    if set(old.null_values) != set(new.null_values):
        yield Change(where, "other values stand for null", Breaks.SENDERS)
    if old.number_format != new.number_format:
        yield Change(where, "format of numbers is another one", Breaks.SENDERS)
        was, is_now = (one.number_format or NumberFormat() for one in (old, new))
        if was.decimal == is_now.group or was.group == is_now.decimal:
            yield Change(where, "the same text is another number now", Breaks.READERS)
    if _clock(old) != _clock(new):
        yield Change(where, "format of dates or times is another one", Breaks.SENDERS)
        if old.time_zone != new.time_zone or _is_read_otherwise(old.date_format or _ISO, new.date_format or _ISO):
            yield Change(where, "the same text is another day or time now", Breaks.READERS)


def _limits(where: str, old: Limits, new: Limits) -> Iterator[Change]:
    if old.allowed != new.allowed:
        before, after = (None if limits.allowed is None else set(limits.allowed) for limits in (old, new))
        if before is not None and (after is None or after - before):
            yield Change(where, "any value allowed now" if after is None else "more values allowed now", Breaks.READERS)
        if after is not None and (before is None or before - after):
            yield Change(where, "fewer values allowed now", Breaks.SENDERS)
    if _is_looser(old, new):
        yield Change(where, "wider bounds, lengths or patterns", Breaks.READERS)
    if _is_looser(new, old):
        yield Change(where, "narrower bounds, lengths or patterns", Breaks.SENDERS)


def _is_looser(old: Limits, new: Limits) -> bool:
    """Whether `new` allows something that `old` does not, its list of values aside."""
    return (
        _is_lower(old.minimum, new.minimum, is_or_equal=old.is_minimum_excluded and not new.is_minimum_excluded)
        or _is_higher(old.maximum, new.maximum, is_or_equal=old.is_maximum_excluded and not new.is_maximum_excluded)
        or _is_lower(old.min_length, new.min_length)
        or _is_higher(old.max_length, new.max_length)
        or (old.multiple_of is not None and not _is_multiple(new.multiple_of, old.multiple_of))
        or not set(old.patterns) <= set(new.patterns)
    )


_Bound = Decimal | str | int | None


def _is_lower(old: _Bound, new: _Bound, *, is_or_equal: bool = False) -> bool:
    if old is None or new is None:
        return old is not None
    return _order(new) < _order(old) or (is_or_equal and new == old)


def _is_higher(old: _Bound, new: _Bound, *, is_or_equal: bool = False) -> bool:
    if old is None or new is None:
        return old is not None
    return _order(new) > _order(old) or (is_or_equal and new == old)


def _order(bound: Decimal | str | int) -> tuple[Decimal, str]:
    """Numbers by value; dates and times in ISO 8601 as text."""
    return (Decimal(0), bound) if isinstance(bound, str) else (Decimal(bound), "")


def _is_multiple(new: Decimal | None, old: Decimal) -> bool:
    return new is not None and new % old == 0


_ISO = "yyyy-MM-dd"


def _is_read_otherwise(old: str, new: str) -> bool:
    """Whether two formats have the same signs between the parts, and not the same parts there."""
    if re.sub("[A-Za-z]+", "a", old) != re.sub("[A-Za-z]+", "a", new):
        return False
    return [part[0] for part in re.findall("[A-Za-z]+", old)] != [part[0] for part in re.findall("[A-Za-z]+", new)]


def _clock(column: Column) -> tuple[object, ...]:
    return (column.date_format, column.time_zone, column.has_offset)


def _reading(money: Money) -> tuple[object, ...]:
    return (money.is_minor, money.excess)


def _currency(column: Column) -> str:
    return column.currency or (f"by {column.currency_by}" if column.currency_by else "none")
