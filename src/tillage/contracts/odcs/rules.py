"""`quality` of a dataset and its columns: row rules, which give codes, and dataset rules, which can fail a load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from tillage.contracts.compiler.condition import check_functions, read_condition
from tillage.contracts.contract import Column, Dataset, DatasetRule, Kind, RowRule, Severity
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.limits import is_row_enum
from tillage.contracts.odcs.metrics import Asked, metric_sql
from tillage.contracts.odcs.standard import OPERATORS
from tillage.contracts.sql_text import name as quoted
from tillage.errors import ContractError

_NOTES = {"id", "name", "description", "dimension", "businessImpact", "method", "tags", "authoritativeDefinitions"}
RULE_KEYS = {
    "custom": _NOTES | {"type", "engine", "implementation", "severity"},
    "sql": _NOTES | {"type", "query", "severity", "unit", *OPERATORS},
    "library": _NOTES | {"type", "metric", "rule", "arguments", "validValues", "severity", "unit", *OPERATORS},
}
SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "info": Severity.WARNING}


def read_rules(
    document: Document, path: Path, item: Mapping[str, Any], dataset: Dataset, names: set[str]
) -> tuple[tuple[RowRule, ...], tuple[DatasetRule, ...]]:
    """The rules of the dataset at `path`; `names` are its final columns.

    Raises:
        ContractError: a rule that is wrong, or that this version cannot check.
    """
    row_rules: list[RowRule] = []
    dataset_rules: list[DatasetRule] = []
    for here, rule, asked in _all(path, item, dataset):
        kind = rule.get("type", "library")
        if kind == "text" or (asked is not None and is_row_enum(rule)):
            continue  # words for people; and what `odcs.limits` has taken
        document.check_names(here, rule, RULE_KEYS[kind])
        if asked is not None and asked.is_in_list:
            document.lint(
                here,
                "inside a list only `invalidValues` with `mustBe: 0` is checked, which rejects; state other rules at "
                "the dataset, where the list is a column",
            )
            continue
        severity = rule.get("severity", "error")
        document.check_names(here, [severity], SEVERITIES)
        rule_name = _name(document, here, rule, kind)
        if dataset.where is not None and rule_name == dataset.where.name:
            document.lint(here, "'where' is the code of units on which tillage.where fails; give another `id`")
        if kind == "custom":
            row_rule = _row_rule(document, here, rule, names, name=rule_name)
            row_rules.append(replace(row_rule, severity=SEVERITIES[severity]))
        else:
            with _asked_before(document):
                found = _dataset_rule(document, here, rule, dataset, asked)
                dataset_rules.append(replace(found, name=rule_name, severity=SEVERITIES[severity]))
    for every in (row_rules, dataset_rules):
        seen = [rule.name for rule in every]
        for rule_name in seen:
            if seen.count(rule_name) > 1:
                raise document.wrong((*path, "quality"), f"two rules are called '{rule_name}'; give each an `id`")
    return tuple(row_rules), tuple(dataset_rules)


def _all(
    path: Path, item: Mapping[str, Any], dataset: Dataset
) -> Iterator[tuple[Path, Mapping[str, Any], Asked | None]]:
    for index, rule in enumerate(item.get("quality") or ()):
        yield (*path, "quality", index), rule, None
    for here, entry, asked in _columns((*path, "properties"), item.get("properties"), dataset.columns, dataset.name):
        for index, rule in enumerate(entry.get("quality") or ()):
            yield (*here, "quality", index), rule, asked


def _columns(
    path: Path, entries: Any, columns: tuple[Column, ...], *outer: str, is_in_list: bool = False
) -> Iterator[tuple[Path, Mapping[str, Any], Asked]]:
    """Each column, those inside objects and lists too; `outer` are the names that lead to it, the dataset's first."""
    for number, (entry, column) in enumerate(zip(entries or (), columns, strict=True)):
        here = (*path, number)
        # Of members with the dataset, which may have the name of the object.
        names = (*outer, column.stored_name) if len(outer) > 1 else (column.stored_name,)
        yield here, entry, Asked(column, quoted(*names), is_in_list)
        if column.kind is Kind.OBJECT:
            inner = entry.get("properties")
            yield from _columns((*here, "properties"), inner, column.items, *outer, column.name, is_in_list=is_in_list)
        elif column.kind is Kind.LIST and not column.is_scalar_list:
            inner = (entry.get("items") or {}).get("properties")
            yield from _columns((*here, "items", "properties"), inner, column.items, column.name, is_in_list=True)


def _name(document: Document, path: Path, rule: Mapping[str, Any], kind: str) -> str:
    found = (
        rule.get("id") or rule.get("name") or (rule.get("metric") or rule.get("rule") if kind == "library" else None)
    )
    if not isinstance(found, str) or not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", found):
        raise document.wrong(path, "a rule needs an `id` (or `name`) of letters, digits, _, -, . and blanks, up to 63")
    return found


def _row_rule(document: Document, path: Path, rule: Mapping[str, Any], names: set[str], *, name: str) -> RowRule:
    if rule.get("engine") != "tillage":
        raise document.wrong((*path, "engine"), "a custom rule is checked here with `engine: tillage` only")
    sql = rule.get("implementation")
    if not isinstance(sql, str):
        raise document.wrong((*path, "implementation"), "`implementation` is a SQL boolean in quotes")
    try:
        columns = read_condition(sql, names, is_kept=document.is_kept)
    except ValueError as wrong:
        raise document.wrong((*path, "implementation"), f"rule '{name}': {wrong}") from None
    return RowRule(name, sql, columns, line=document.line((*path, "implementation")))


@contextmanager
def _asked_before(document: Document) -> Iterator[None]:
    """Leaves out of a kept text a dataset rule that cannot be read any more: it was asked before its load was in
    bronze, and is never asked again.
    """
    try:
        yield
    except ContractError:
        if not document.is_kept:
            raise


def _dataset_rule(
    document: Document, path: Path, rule: Mapping[str, Any], dataset: Dataset, asked: Asked | None
) -> DatasetRule:
    """Without its name and severity."""
    operator, operand = _operator(document, path, rule)
    make = _query if rule.get("type", "library") == "sql" else metric_sql
    sql, line = make(document, path, rule, dataset, asked), document.line((*path, "query"))
    return DatasetRule("", sql, operator, operand, line=line)


def _operator(document: Document, path: Path, rule: Mapping[str, Any]) -> tuple[str, tuple[Decimal, ...]]:
    operator = next((operator for operator in OPERATORS if operator in rule), None)
    if operator is None:
        raise document.wrong(path, f"a rule has one operator of: {', '.join(OPERATORS)}")
    operand = rule[operator]
    return operator, tuple(Decimal(str(value)) for value in (operand if isinstance(operand, list) else [operand]))


def _query(document: Document, path: Path, rule: Mapping[str, Any], dataset: Dataset, asked: Asked | None) -> str:
    if rule.get("unit", "rows") != "rows":
        document.lint((*path, "unit"), "`unit` has no effect on a query, which says itself what it counts")
    sql = str(rule.get("query", ""))
    for spelling in ("${object}", "{object}", "${table}", "{table}"):
        sql = sql.replace(spelling, quoted(dataset.name))
    for spelling in ("${property}", "{property}", "${column}", "{column}"):
        if asked is not None:
            sql = sql.replace(spelling, asked.sql)
    try:
        _check_query(sql, sqlglot.parse(sql, dialect="duckdb"), dataset)
    except (ValueError, sqlglot.errors.ParseError, sqlglot.errors.TokenError) as wrong:
        why = str(wrong) if isinstance(wrong, ValueError) else "it is not SQL"
        raise document.wrong((*path, "query"), f"query of rule: {why}") from None
    return sql


def _check_query(sql: str, trees: Sequence[exp.Expr | None], dataset: Dataset) -> None:
    tree = trees[0]
    if len(trees) != 1 or not isinstance(tree, exp.Query):
        raise ValueError("it must be one SELECT")
    known = {dataset.name} | {alias.alias for alias in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name not in known or table.db:
            raise ValueError(f"it may read '{dataset.name}' only")
    check_functions(sql, tree, is_aggregate_allowed=True)
