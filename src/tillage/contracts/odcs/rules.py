"""`quality` of a dataset and its columns: row rules, which give codes, and dataset rules, which can fail a load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from tillage.contracts.compiler.condition import check_functions, read_condition
from tillage.contracts.contract import Column, Dataset, DatasetRule, Kind, RowRule, Severity
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.limits import VALUE_ARGUMENTS, is_row_enum
from tillage.contracts.sql_text import name as quoted
from tillage.contracts.sql_text import text

OPERATORS = (
    *("mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan"),
    *("mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"),
)
_NOTES = {"id", "name", "description", "dimension", "businessImpact", "method", "tags", "authoritativeDefinitions"}
RULE_KEYS = {
    "custom": _NOTES | {"type", "engine", "implementation", "severity"},
    "sql": _NOTES | {"type", "query", "severity", "unit", *OPERATORS},
    "library": _NOTES | {"type", "metric", "rule", "arguments", "severity", "unit", *OPERATORS},
}
METRICS = ("rowCount", "nullValues", "missingValues", "invalidValues", "duplicateValues")
UNITS = ("rows", "percent")
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
    for here, rule, column in _all(path, item, dataset):
        kind = rule.get("type", "library")
        if kind == "text" or (column is not None and is_row_enum(rule)):
            continue  # words for people; and what `odcs_limits` has taken
        document.check_names(here, rule, RULE_KEYS[kind])
        severity = rule.get("severity", "error")
        document.check_names(here, [severity], SEVERITIES)
        rule_name = _name(document, here, rule, kind)
        if kind == "custom":
            row_rules.append(_row_rule(document, here, rule, names, name=rule_name, severity=SEVERITIES[severity]))
        else:
            operator, operand = _operator(document, here, rule)
            sql = _query(document, here, rule, dataset, column) if kind == "sql" else None
            sql = sql or _metric(document, here, rule, dataset, column)
            dataset_rules.append(DatasetRule(rule_name, sql, operator, operand, SEVERITIES[severity]))
    for every in (row_rules, dataset_rules):
        seen = [rule.name for rule in every]
        for rule_name in seen:
            if seen.count(rule_name) > 1:
                raise document.wrong((*path, "quality"), f"two rules are called '{rule_name}'; give each an `id`")
    return tuple(row_rules), tuple(dataset_rules)


def _all(
    path: Path, item: Mapping[str, Any], dataset: Dataset
) -> Iterator[tuple[Path, Mapping[str, Any], Column | None]]:
    for index, rule in enumerate(item.get("quality") or ()):
        yield (*path, "quality", index), rule, None
    for number, (entry, column) in enumerate(zip(item.get("properties") or (), dataset.columns, strict=True)):
        for index, rule in enumerate(entry.get("quality") or ()):
            yield (*path, "properties", number, "quality", index), rule, column


def _name(document: Document, path: Path, rule: Mapping[str, Any], kind: str) -> str:
    found = (
        rule.get("id") or rule.get("name") or (rule.get("metric") or rule.get("rule") if kind == "library" else None)
    )
    if not isinstance(found, str) or not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", found):
        raise document.wrong(path, "a rule needs an `id` (or `name`) of letters, digits, _, -, . and blanks, up to 63")
    return found


def _row_rule(
    document: Document, path: Path, rule: Mapping[str, Any], names: set[str], *, name: str, severity: Severity
) -> RowRule:
    if rule.get("engine") != "tillage":
        raise document.wrong((*path, "engine"), "a custom rule is checked here with `engine: tillage` only")
    sql = rule.get("implementation")
    if not isinstance(sql, str):
        raise document.wrong((*path, "implementation"), "`implementation` is a SQL boolean in quotes")
    try:
        columns = read_condition(sql, names)
    except ValueError as wrong:
        raise document.wrong((*path, "implementation"), f"rule '{name}': {wrong}") from None
    return RowRule(name, sql, columns, severity)


def _operator(document: Document, path: Path, rule: Mapping[str, Any]) -> tuple[str, tuple[Decimal, ...]]:
    found = [(operator, rule[operator]) for operator in OPERATORS if operator in rule]
    if len(found) != 1:
        raise document.wrong(path, f"a rule has one operator of: {', '.join(OPERATORS)}")
    operator, operand = found[0]
    values = operand if isinstance(operand, list) else [operand]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise document.wrong((*path, operator), f"`{operator}` takes a number")
    return operator, tuple(Decimal(str(value)) for value in values)


def _query(document: Document, path: Path, rule: Mapping[str, Any], dataset: Dataset, column: Column | None) -> str:
    sql = str(rule.get("query", ""))
    for spelling in ("${object}", "{object}", "${table}", "{table}"):
        sql = sql.replace(spelling, quoted(dataset.name))
    for spelling in ("${property}", "{property}", "${column}", "{column}"):
        if column is not None:
            sql = sql.replace(spelling, quoted(column.stored_name))
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


def _metric(document: Document, path: Path, rule: Mapping[str, Any], dataset: Dataset, column: Column | None) -> str:
    metric = rule.get("metric") or rule.get("rule")
    document.check_names(path, [metric], METRICS)
    unit = rule.get("unit", "rows")
    document.check_names(path, [unit], UNITS)
    table = quoted(dataset.name)
    arguments = rule.get("arguments") or {}
    if metric == "rowCount":
        return f"select count(*) from {table}"
    if metric == "duplicateValues":
        columns = [column.stored_name] if column is not None else list(arguments.get("properties", ()))
        stored = {one.name: one.stored_name for one in dataset.columns}
        columns = [stored.get(one, one) for one in columns]
        if not columns:
            raise document.wrong(path, "duplicateValues of a dataset needs `arguments: {properties: [columns]}`")
        document.check_names(path, columns, list(stored.values()))
        by = ", ".join(quoted(one) for one in columns)
        counted = f"count(*) - count(distinct ({by}))"
        return _share(counted, table, unit, " and ".join(f"{quoted(one)} is not null" for one in columns))
    if column is None:
        raise document.wrong(path, f"{metric} is a rule of a column")
    value = quoted(column.stored_name)
    if metric == "nullValues":
        return _share(f"count(*) filter ({value} is null)", table, unit)
    if column.kind in {Kind.LIST, Kind.OBJECT}:
        raise document.wrong(path, f"{metric} is for values, not for a {column.kind}")
    if metric == "missingValues":
        missing = [text(str(one)) for one in arguments.get("missingValues", ["", None]) if one is not None]
        among = f" or {value}::varchar in ({', '.join(missing)})" if missing else ""
        return _share(f"count(*) filter ({value} is null{among})", table, unit)
    return _share(f"count(*) filter ({_invalid(document, path, arguments, value)})", table, unit)


def _invalid(document: Document, path: Path, arguments: Mapping[str, Any], value: str) -> str:
    document.check_names(path, arguments, VALUE_ARGUMENTS)
    wrong = []
    if arguments.get("validValues"):
        valid = ", ".join(text(str(one)) for one in arguments["validValues"])
        wrong.append(f"{value}::varchar not in ({valid})")
    if "pattern" in arguments:
        wrong.append(f"not regexp_matches({value}::varchar, {text(str(arguments['pattern']))})")
    if not wrong:
        raise document.wrong(path, "invalidValues needs `arguments` with `validValues` or `pattern`")
    return " or ".join(wrong)


def _share(counted: str, table: str, unit: str, where: str = "true") -> str:
    """Rows, or percent of all rows as an exact decimal; none of no rows is 0 percent."""
    if unit == "rows":
        return f"select {counted} from {table} where {where}"
    share = f"({counted}) * 100::decimal(18,6) / nullif(count(*), 0)"
    return f"select coalesce({share}, 0) from {table} where {where}"
