"""What a contract may change while loads decided under an older text of it stand."""

from __future__ import annotations

from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.types import stored
from tillage.errors import ContractError


def refuse_breaking_change(old: Contract, new: Contract) -> None:
    """Rates, requirements and descriptions may change; what silver keeps may not, above all not a currency.

    Raises:
        ContractError: names the dataset and what it was.
    """
    before = {dataset.name: dataset for dataset in old.datasets}
    for dataset in new.datasets:
        known = before.get(dataset.name)
        if known is not None and _kept(known) != _kept(dataset):
            raise ContractError(
                f"contracts/{new.feed}.odcs.yaml: dataset '{dataset.name}' has loads with {_shown(known)}; "
                "the columns, types, currencies and key of what is loaded cannot change yet: undo it, or start anew"
            )


def _kept(dataset: Dataset) -> object:
    columns = [field for column in dataset.columns for field in stored(column)]
    inner = [field for column in dataset.columns for item in column.items for field in stored(item)]
    return columns, inner, dataset.key


def _shown(dataset: Dataset) -> str:
    columns = [
        f"{name} {kind}{f' in {currency}' if currency else ''}"
        for column in dataset.columns
        for part in (column, *column.items)
        for name, kind, currency in stored(part)
    ]
    return f"{', '.join(columns)}, key {', '.join(dataset.key) or 'none'}"
