"""One entry of `schema[]`: a dataset with its unit, columns, key and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tillage.contracts import json_path
from tillage.contracts.compiler.condition import read_condition
from tillage.contracts.contract import Column, Dataset, Kind, Merge, RowRule
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.column import read_column
from tillage.contracts.odcs.merge import with_merge
from tillage.contracts.odcs.people import check_people, check_rules_of_people, read_requests
from tillage.contracts.odcs.references import every_column, with_references
from tillage.contracts.odcs.relationships import read_references
from tillage.contracts.odcs.rules import read_rules
from tillage.contracts.odcs.terms import Terms, column_name, only, own_terms, yes_or_no
from tillage.contracts.types import stored

DATASET_KEYS = {
    *("name", "physicalName", "physicalType", "logicalType", "properties", "customProperties", "description"),
    *("businessName", "tags", "id", "authoritativeDefinitions", "dataGranularityDescription", "quality"),
    "relationships",
}
UNIT_NAMES = {"groupBy"}
UNIT_PATH = rf"\$(?:{json_path.STEP})+\[\*\]"
DATASET_TERMS = {
    "tillage.unit",
    "tillage.where",
    "tillage.distinct",
    "tillage.merge",
    "tillage.version",
    "tillage.erases",
}


def read_dataset(document: Document, path: Path, item: Mapping[str, Any], notes: list[str]) -> Dataset:
    """The dataset described at `path`; what lint should say is added to `notes`.

    Raises:
        ContractError: a wrong value, or a rule that this version cannot check.
    """
    only(document, path, item, DATASET_KEYS, "dataset")
    name = column_name(document, path, item, "dataset")
    terms = own_terms(document, path, item, DATASET_TERMS)
    unit_path, group_by = _unit(document, terms.at("tillage.unit"), terms.get("tillage.unit", "$"))
    properties = item.get("properties") or []
    columns = tuple(
        read_column(document, (*path, "properties", index), entry, is_grouped=bool(group_by))
        for index, entry in enumerate(properties)
    )
    columns = check_columns(document, (*path, "properties"), columns)
    dataset = Dataset(
        name=name,
        unit_path=unit_path,
        columns=columns,
        key=_key(document, path, properties, columns),
        group_by=group_by,
        is_distinct=yes_or_no(document, terms, "tillage.distinct"),
        description=item.get("description") or "",
    )
    _check_group(document, terms.at("tillage.unit"), dataset)
    marked = [column.name for column in every_column(columns) if column.is_event_time]
    if len(marked) > 1:
        document.lint(path, f"tillage.eventTime stands at {', '.join(marked)}; a unit happens at one time: keep one")
    dataset = with_references(document, (*path, "properties"), dataset)
    check_people(document, (*path, "properties"), dataset)
    dataset = replace(dataset, erases=read_requests(document, terms, dataset))
    columns = dataset.columns
    names = {field for column in columns for field, _, _ in stored(column)}
    if "tillage.where" in terms:
        asked = _row_values(columns) if group_by else names
        dataset = replace(dataset, where=_where(document, terms, asked, columns))
    row_rules, dataset_rules = read_rules(document, path, item, dataset, names)
    dataset = with_merge(document, terms, dataset)
    if dataset.merge is not Merge.REJECT and dataset.version is None:
        notes.append(f"dataset '{name}' has no tillage.version: the version that came later stands, whichever is newer")
    notes.extend(
        f"dataset '{name}': key column '{column.name}' is a number, kept with six decimals: 1 and 1.0000001 are one "
        "key; make it an integer or a string"
        for column in columns
        if column.stored_name in dataset.key and column.kind is Kind.NUMBER and column.money is None
    )
    if not dataset.key:
        notes.append(f"dataset '{name}' has no primaryKey: the same record sent twice counts twice")
    dataset = replace(dataset, row_rules=row_rules, dataset_rules=dataset_rules)
    dataset = replace(dataset, references=read_references(document, path, item, dataset))
    check_rules_of_people(document, path, item, dataset)
    return dataset


def _unit(document: Document, path: Path, value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The path to the list of units, and the columns that group rows."""
    if value == "$":
        return (), ()
    if isinstance(value, dict):
        document.check_names(path, value, UNIT_NAMES)
        by = value.get("groupBy")
        if not isinstance(by, list) or not by or not all(isinstance(one, str) for one in by):
            raise document.wrong(path, "tillage.unit: `groupBy` is a list of column names")
        return (), tuple(by)
    steps = json_path.elements(value) if isinstance(value, str) else None
    if not steps:
        raise document.wrong(
            path,
            "tillage.unit must be '$', like '$.orders[*]' or \"$['line items'][*]\" (the elements of one list), or "
            "{groupBy: [column]}",
        )
    return steps, ()


def _key(
    document: Document, path: Path, properties: list[Mapping[str, Any]], columns: tuple[Column, ...]
) -> tuple[str, ...]:
    keyed = [
        (entry.get("primaryKeyPosition", -1), column)
        for entry, column in zip(properties, columns, strict=True)
        if entry.get("primaryKey")
    ]
    for _, column in keyed:
        if column.kind in {Kind.LIST, Kind.OBJECT}:
            raise document.wrong(path, f"column '{column.name}' is a list or object and cannot be a primary key")
    return tuple(column.stored_name for _, column in sorted(keyed, key=lambda pair: pair[0]))


def check_columns(document: Document, path: Path, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of one level with the names of their nets.

    Raises:
        ContractError: there are none, or two would be stored under one name.
    """
    if not columns:
        raise document.wrong(path, "`properties` must list at least one column")
    taxed = [column for column in columns if column.vat]
    if len(taxed) > 1:
        columns = tuple(
            replace(column, net_name=f"{column.name}_net_minor", rate_name=f"{column.name}_vat_bp")
            if column.vat
            else column
            for column in columns
        )
    seen: set[str] = set()
    for index, column in enumerate(columns):
        for name, _, _ in stored(column):
            if name in seen:
                raise document.wrong((*path, index), f"'{name}' would be stored twice")
            seen.add(name)
    inner = [
        replace(column, items=check_columns(document, (*path, index), column.items)) if column.items else column
        for index, column in enumerate(columns)
    ]
    return tuple(inner)


def _check_group(document: Document, path: Path, dataset: Dataset) -> None:
    kinds = {column.name: column for column in dataset.columns}
    for name in dataset.group_by:
        document.check_names(path, [name], kinds)
        if kinds[name].kind in {Kind.LIST, Kind.OBJECT} or not kinds[name].paths:
            raise document.wrong(path, f"tillage.unit: '{name}' of groupBy must be a value that each row holds")


def _row_values(columns: tuple[Column, ...]) -> set[str]:
    """What each row to be grouped holds by itself: no lists, no objects, nothing that is made of amounts."""
    plain = [column for column in columns if column.kind not in {Kind.LIST, Kind.OBJECT} and column.amount is None]
    return {column.stored_name for column in plain}


def _where(document: Document, terms: Terms, names: set[str], columns: tuple[Column, ...]) -> RowRule:
    path, sql = terms.at("tillage.where"), terms["tillage.where"]
    if not isinstance(sql, str):
        raise document.wrong(path, "tillage.where is a SQL boolean in quotes")
    try:
        found = read_condition(sql, names, is_kept=document.is_kept)
    except ValueError as wrong:
        raise document.wrong(path, f"tillage.where: {wrong}") from None
    by_stored = {field: column.name for column in columns for field, _, _ in stored(column)}
    read = tuple(dict.fromkeys(by_stored[name] for name in found))
    return RowRule("where", sql, read, line=document.line(path))
