"""`tillage data DATASET`: what each column means, what it must be to pass, where it comes from and who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.tools.words import kind_of, rules_of, rules_of_dataset, sources_of
from tillage.contracts.types import stored
from tillage.errors import UnknownDatasetError
from tillage.pipelines.house import House
from tillage.pipelines.readers import Address, pages_of, routes_of
from tillage.ports.places import Place


@dataclass(frozen=True)
class StoredColumn:
    """A column as readers find it."""

    name: str
    type: str
    currency: str | None
    """Of amounts, which are kept in minor units."""


@dataclass(frozen=True)
class ColumnMeaning:
    """One column of the contract, or one inside a list or object of it."""

    name: str
    """Inside another one with that before it: `lines.gross`."""
    kind: str
    description: str
    is_key: bool
    comes_from: tuple[str, ...]
    """Paths in the unit, or in the record around it; the first that leads to a value counts."""
    rules: tuple[str, ...]
    stored: tuple[StoredColumn, ...]


@dataclass(frozen=True)
class UnitRule:
    """What holds for whole units, or for the dataset as a whole."""

    name: str
    words: str
    severity: str


@dataclass(frozen=True)
class Meaning:
    """A dataset as its contract describes it, and what is made of it."""

    dataset: str
    description: str
    feed: str
    path: str
    """Where the feed's files lie."""
    contract: str
    unit: str
    """The path of the units in a record; of the record itself `$`."""
    columns: tuple[ColumnMeaning, ...]
    rules: tuple[UnitRule, ...]
    models: tuple[str, ...]
    """Those made of it, by whatever models in between."""
    routes: tuple[Address, ...]
    """Served paths that answer from one of them; which of its columns are in an answer nothing tells yet."""
    pages: tuple[Address, ...]
    """Pages that show the lines behind such an answer."""
    places: tuple[Place, ...]
    """Where its records and what is made of them lie."""


def meaning(house: House, dataset: str) -> Meaning:
    """From contracts, models and project file, and from the modes of folders.

    Raises:
        UnknownDatasetError: none is called that.
    """
    if dataset not in house.datasets():
        raise UnknownDatasetError(f"no dataset is called that; there are: {', '.join(house.datasets())}")
    feed, found = house.dataset(dataset)
    models = tuple(sorted(name for name in house.models.outputs() if dataset in house.models.datasets_of(name)))
    return Meaning(
        dataset=dataset,
        description=found.description,
        feed=feed,
        path=house.feeds[feed].feed.path,
        contract=f"contracts/{feed}.odcs.yaml",
        unit=".".join(["$", *found.unit_path]) + ("[*]" if found.unit_path else ""),
        columns=tuple(one for column in found.columns for one in _columns(column, found)),
        rules=tuple(UnitRule(*rule) for rule in rules_of_dataset(found)),
        models=models,
        routes=routes_of(house, models),
        pages=pages_of(house, models),
        places=house.places(house.feeds[feed].feed),
    )


def _columns(column: Column, dataset: Dataset, prefix: str = "", *, is_gone: bool = False) -> Iterator[ColumnMeaning]:
    """The column and those inside it; `is_gone`: readers find none of them."""
    name, is_gone = f"{prefix}{column.name}", is_gone or column.is_personal
    kept = replace(column, kind=Kind.STRING) if column.subject else column
    found = () if column.items or is_gone else stored(kept)
    yield ColumnMeaning(
        name=name,
        kind=kind_of(column),
        description=column.description,
        is_key=not prefix and column.name in dataset.key,
        comes_from=tuple(sources_of(column)),
        rules=tuple(rules_of(column)),
        stored=tuple(StoredColumn(f"{prefix}{one}", kind, currency) for one, kind, currency in found),
    )
    if not column.is_scalar_list:
        for item in column.items:
            yield from _columns(item, dataset, f"{name}.", is_gone=is_gone)
