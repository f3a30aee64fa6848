"""`relationships`: columns whose values are keys of another dataset's units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tillage.contracts.contract import Column, Dataset, Kind, Reference
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.terms import own_terms

RELATIONSHIP_KEYS = {"id", "type", "from", "to", "customProperties"}
RELATIONSHIP_TERMS = {"tillage.lateParent", "tillage.compare"}
LATE_PARENTS = ("wait", "reject")
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SHORT = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")


def read_references(document: Document, path: Path, item: Mapping[str, Any], dataset: Dataset) -> tuple[Reference, ...]:
    """The references of the dataset at `path`: those of single columns, of elements of its lists, and of several.

    Raises:
        ContractError: one that is no short reference to another dataset, or of a column that cannot be held against it.
    """
    found = [*_of_columns(document, (*path, "properties"), item.get("properties") or (), dataset)]
    for index, one in enumerate(item.get("relationships") or ()):
        here = (*path, "relationships", index)
        sources = _named(document, (*here, "from"), one.get("from"))
        for source, _ in sources:
            if source != dataset.name:
                raise document.wrong((*here, "from"), f"`from` names columns of this dataset: {dataset.name}.column")
        known = {column.name: column for column in dataset.columns}
        document.check_names((*here, "from"), [column for _, column in sources], known)
        referring = [known[column] for _, column in sources]
        found.append(_reference(document, here, one, referring, beside=dataset.columns))
    taken = {rule.code for rule in dataset.row_rules}
    for reference in found:
        if reference.compared and reference.rule in taken:
            raise document.error(
                f"{document.name}, line {reference.line}: '{reference.rule.removeprefix('rule:')}' is the id of "
                "another rule too; give each its own"
            )
        taken |= {reference.rule} if reference.compared else set()
    return tuple(found)


def _of_columns(
    document: Document, path: Path, entries: Any, dataset: Dataset, of: Column | None = None
) -> Iterator[Reference]:
    columns = dataset.columns if of is None else of.items
    for index, (entry, column) in enumerate(zip(entries, columns, strict=True)):
        here = (*path, index)
        for number, one in enumerate(entry.get("relationships") or ()):
            place = (*here, "relationships", number)
            yield _reference(document, place, one, [column], beside=columns, of=of)
        if column.kind is Kind.LIST and not column.is_scalar_list and of is None:
            inner = (*here, "items", "properties")
            yield from _of_columns(document, inner, (entry.get("items") or {}).get("properties"), dataset, column)
        elif column.kind is Kind.OBJECT:
            _refuse_inside(document, (*here, "properties"), entry.get("properties") or ())


def _refuse_inside(document: Document, path: Path, entries: Any) -> None:
    for index, entry in enumerate(entries):
        if entry.get("relationships"):
            raise document.wrong(
                (*path, index, "relationships"),
                "a member of an object cannot refer yet; read it into a column of the unit (physicalName: "
                "$.object.member)",
            )
        _refuse_inside(document, (*path, index, "properties"), entry.get("properties") or ())


def _reference(
    document: Document,
    path: Path,
    one: Mapping[str, Any],
    columns: list[Column],
    *,
    beside: Sequence[Column],
    of: Column | None = None,
) -> Reference:
    document.check_names(path, one, RELATIONSHIP_KEYS)
    terms = own_terms(document, path, one, RELATIONSHIP_TERMS)
    late = terms.get("tillage.lateParent", LATE_PARENTS[0])
    document.check_names(terms.at("tillage.lateParent"), [late], LATE_PARENTS)
    targets = _named(document, (*path, "to"), one.get("to"))
    if len({dataset for dataset, _ in targets}) != 1 or len(targets) != len(columns):
        raise document.wrong((*path, "to"), "`to` names as many columns as refer, all of one dataset")
    for column in columns:
        if column.kind in {Kind.LIST, Kind.OBJECT} or column.money is not None or column.is_personal:
            raise document.wrong(
                path, f"column '{column.name}' cannot refer: a list, object, amount or personal column is no key"
            )
    compared = _compared(document, terms.at("tillage.compare"), terms.get("tillage.compare", {}), beside)
    if compared and not _RULE.fullmatch(str(one.get("id", ""))):
        raise document.wrong(
            path, "tillage.compare needs the `id` of the relationship, under which warnings are counted"
        )
    return Reference(
        columns=tuple(column.name for column in columns),
        to=targets[0][0],
        keys=tuple(column for _, column in targets),
        list_name=of.name if of else None,
        is_released=late == LATE_PARENTS[0],
        compared=compared,
        rule=f"rule:{one['id']}" if compared else "",
        line=document.line(path),
    )


def _compared(document: Document, path: Path, value: Any, beside: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """Columns beside those that refer, each with the other dataset's that it is held against."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise document.wrong(
            path, "tillage.compare is like {price: price}: a column here, and one of the other dataset"
        )
    known = {column.name: column for column in beside}
    document.check_names(path, value, known)
    for name in value:
        if known[name].kind in {Kind.LIST, Kind.OBJECT} or known[name].is_personal or known[name].subject:
            raise document.wrong(path, f"'{name}' cannot be compared: it is a list, an object or about people")
    return tuple(value.items())


def _named(document: Document, path: Path, value: Any) -> list[tuple[str, str]]:
    """Dataset and column of each name."""
    found = []
    for name in value if isinstance(value, list) else [value]:
        match = _SHORT.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            raise document.wrong(path, "a reference is short, `dataset.column`, in any contract of the project")
        found.append((match[1], match[2]))
    if len(set(found)) != len(found):
        raise document.wrong(path, "a column is named twice")
    return found
