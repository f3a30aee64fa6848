"""What may change of a dataset while loads of it stand: anything but its feed and what silver keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tillage.contracts.contract import Column, Dataset
from tillage.contracts.types import stored
from tillage.errors import ContractError


def refuse_breaking_change(known: Dataset, now: Dataset, feed: str) -> None:
    """Rates, requirements and descriptions may change; columns, types, key and above all currencies may not.

    Raises:
        ContractError: names the dataset and what it was.
    """
    if _kept(known) != _kept(now):
        raise ContractError(
            f"contracts/{feed}.odcs.yaml: dataset '{now.name}' has loads with {_shown(known)}; the columns, types, "
            "currencies and key of what is loaded cannot change yet: undo it, or start a new project"
        )


def _kept(dataset: Dataset) -> object:
    control = dataset.control()
    # Also which amount is counted: the sums of the conservation law go on over all loads.
    counted = [(column.stored_name, column.currency) for column in control or () if column]
    return list(_fields(dataset.columns)), counted, dataset.key


def _fields(columns: Iterable[Column], prefix: str = "") -> Iterator[tuple[str, str, str | None]]:
    for column in columns:
        for name, kind, currency in stored(column):
            yield prefix + name, kind, currency
        yield from _fields(column.items, f"{prefix}{column.name}.")


def _shown(dataset: Dataset) -> str:
    columns = [f"{name} {kind}{f' in {currency}' if currency else ''}" for name, kind, currency in _leaves(dataset)]
    return f"{', '.join(columns)}, key {', '.join(dataset.key) or 'none'}"


def _leaves(dataset: Dataset) -> list[tuple[str, str, str | None]]:
    """Without lists and objects themselves, whose types only say once more what is in them."""
    fields = list(_fields(dataset.columns))
    parents = {name.rpartition(".")[0] for name, *_ in fields}
    return [field for field in fields if field[0] not in parents]
