"""What may change of a dataset while loads of it stand: columns may be added, and what silver keeps stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.types import duckdb_type, stored
from tillage.errors import ContractError

_Kept = dict[str, tuple[str, str | None]]
"""By column, with what stands around it, its type and currency."""
_ALONE = {"net_minor", "vat_bp"}
"""Net and rate where one amount of its level has VAT; where several have, they are called after their amounts."""


def refuse_breaking_change(known: Dataset, now: Dataset, feed: str) -> None:
    """Columns may be added anywhere; rates, requirements and descriptions may change. What is kept stays: no column
    goes or is of another type or currency, the key and the amount that the law counts are the same.

    Raises:
        ContractError: names the dataset, what it has, and what to do instead.
    """
    if wrong := _breaking(known, now):
        raise ContractError(f"contracts/{feed}.odcs.yaml: dataset '{now.name}' has loads with {wrong}")


def _breaking(known: Dataset, now: Dataset) -> str | None:
    if known.key != now.key:
        return f"{_key(known)}, and now {_key(now)}: undo that, or describe it as another dataset"
    if wrong := _otherwise_about_people(known, now):
        return wrong
    before, after = ({**dict(_fields(one.kept_columns)), **dict(_fields(one.personal_columns))} for one in (known, now))
    for column, was in before.items():
        if column not in after and (other := _renamed_net(column, before, after)):
            return (
                f"column {_shown(column, was)}, which would be called after its amount (as in {other}), since another "
                "one beside it has VAT now: take `tillage.vat` off that one, or describe it in another dataset"
            )
        if column not in after:
            return (
                f"column {_shown(column, was)}, which is gone: put it back (`required: false` if it is sent no more); "
                "under another name it is another column"
            )
        if after[column] != was:
            return (
                f"column {_shown(column, was)}, and now it is {_shown('', after[column])}: undo that, and add a column "
                "of another name that reads the same field"
            )
    if _counted(known) != _counted(now):
        counted, instead = (" and ".join(_counted(one)) or "no amount" for one in (known, now))
        return f"{counted} counted, and now {instead}: mark the one that was with `tillage.control: true`"
    return None


def _otherwise_about_people(known: Dataset, now: Dataset) -> str | None:
    """What was kept in tables cannot be called back from there, nor can what was not be put into them."""
    columns = {column.name: column for column in now.columns}
    for was in known.columns:
        column = columns.get(was.name, was)
        if (was.is_personal, was.subject, was.alias_of) != (column.is_personal, column.subject, column.alias_of):
            return (
                f"column {was.name}{_about(was)}, and now{_about(column) or ' it is not about people'}: undo that, or "
                "describe it as another dataset of another feed, into which the files are read anew"
            )
    return None


def _about(column: Column) -> str:
    if column.subject:
        return f" (the id of a {column.subject})"
    if column.alias_of:
        return f" (a further identifier of a {column.alias_of})"
    return " (personal)" if column.is_personal else ""


def _renamed_net(column: str, before: _Kept, after: _Kept) -> str | None:
    """What a net or rate would be called, of whose level a second amount has VAT now."""
    level, _, name = column.rpartition(".")
    start = f"{level}." if level else ""
    for other in after.keys() - before.keys() if name in _ALONE else ():
        amount = other.removesuffix(f"_{name}")
        if other != amount and other.startswith(start) and f"{amount}_minor" in before:
            return other
    return None


def _fields(columns: Iterable[Column], prefix: str = "") -> Iterator[tuple[str, tuple[str, str | None]]]:
    for column in columns:
        for name, kind, currency in stored(column):
            yield prefix + name, (_kind(column) or kind, currency)
        yield from _fields(column.items, f"{prefix}{column.name}.")


def _kind(column: Column) -> str | None:
    """Of what holds columns, only that: they are compared one by one."""
    if column.kind is Kind.OBJECT:
        return "an object"
    if column.kind is Kind.LIST:
        return f"{duckdb_type(column)} of values" if column.is_scalar_list else "a list of objects"
    return None


def _counted(dataset: Dataset) -> list[str]:
    """The column that the law counts, after the list that holds it; the sums of the law go on over all loads."""
    return [_shown(column.stored_name, ("", column.currency)).strip() for column in dataset.control() or () if column]


def _shown(column: str, kept: tuple[str, str | None]) -> str:
    kind, currency = kept
    return f"{column} {kind}".strip() + (f" in {currency}" if currency else "")


def _key(dataset: Dataset) -> str:
    return f"the key {', '.join(dataset.key)}" if dataset.key else "no key"
