"""What the references of a project's datasets ask of each other, across all of its contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from tillage.contracts.contract import Column, Dataset, Reference
from tillage.errors import ContractError


def check_references(feed: str, datasets: Iterable[Dataset], known: Mapping[str, Dataset]) -> None:
    """Each reference of a feed's datasets is to the whole key of a dataset of the project, of the same kinds.

    Raises:
        ContractError: names the line, what is referred to, and what there is.
    """
    for dataset in datasets:
        for reference in dataset.references:
            if wrong := _wrong(dataset, reference, known):
                raise ContractError(f"contracts/{feed}.odcs.yaml, line {reference.line}: {wrong}")


def _wrong(dataset: Dataset, reference: Reference, known: Mapping[str, Dataset]) -> str | None:
    parent = known.get(reference.to)
    if parent is None:
        return f"no contract describes dataset '{reference.to}'; there are: {', '.join(sorted(known))}"
    if parent.name == dataset.name:
        return "a dataset cannot refer to itself yet"
    if sorted(reference.keys) != sorted(parent.key):
        key = ", ".join(parent.key) or "none"
        return f"a reference is to the whole primary key of '{parent.name}', which is: {key}"
    columns = dataset.columns if reference.list_name is None else dataset.column(reference.list_name).items
    by_name = {column.name: column for column in columns}
    for name, key in zip(reference.columns, reference.keys, strict=True):
        child, asked = by_name[name], parent.column(key)
        if child.kind is not asked.kind:
            return f"'{name}' is {child.kind}, and {parent.name}.{key} is {asked.kind}: make them one"
        if child.subject != asked.subject:
            return (
                f"'{name}' and {parent.name}.{key} must name the same kind of people: tillage.subject is "
                f"{child.subject or 'missing'} and {asked.subject or 'missing'}"
            )
    return _wrongly_compared(reference, by_name, parent)


def _wrongly_compared(reference: Reference, by_name: Mapping[str, Column], parent: Dataset) -> str | None:
    for name, asked_name in reference.compared:
        if asked_name not in {column.name for column in parent.columns}:
            return f"'{parent.name}' has no column '{asked_name}' to compare with"
        child, asked = by_name[name], parent.column(asked_name)
        if (child.kind, _currency(child)) != (asked.kind, _currency(asked)) or asked.is_personal or asked.subject:
            return f"'{name}' cannot be compared with {parent.name}.{asked_name}: both must be of one type and currency"
        if child.currency_by:
            return f"'{name}' cannot be compared: a column names its currency"
    return None


def _currency(column: Column) -> str | None:
    """Of an amount its currency; nothing of what is none."""
    return (column.currency or column.currency_by) if column.money else None


def parents_first(datasets: Mapping[str, Iterable[str]]) -> list[str]:
    """The names, each after those that it refers to (which need not be among them), else as they are given.

    Raises:
        CycleError: they refer to each other in a circle.
    """
    graph = {name: [one for one in to if one in datasets and one != name] for name, to in datasets.items()}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    found: list[str] = []
    place = {name: number for number, name in enumerate(datasets)}
    ready = list(sorter.get_ready())
    while ready:
        ready.sort(key=lambda name: place[name])
        name = ready.pop(0)
        found.append(name)
        sorter.done(name)
        ready += sorter.get_ready()
    return found


def refuse_circle(feed: str, datasets: Iterable[Dataset]) -> None:
    """The datasets of one feed, which are judged together, do not refer to each other in a circle.

    Raises:
        ContractError: they do.
    """
    try:
        parents_first({one.name: [reference.to for reference in one.references] for one in datasets})
    except CycleError as wrong:
        circle = " refers to ".join(reversed(wrong.args[1]))
        raise ContractError(f"contracts/{feed}.odcs.yaml: {circle}, in a circle; leave one reference out") from None
