"""The standard's library metrics as one query each, over what a dataset keeps: values are compared as their type is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.limits import VALUE_ARGUMENTS, read_decimal, read_pattern, read_value
from tillage.contracts.odcs.standard import METRICS
from tillage.contracts.sql_text import name as quoted
from tillage.contracts.sql_text import text
from tillage.domain import money

UNITS = ("rows", "percent")
_DECIMALS = 6


@dataclass(frozen=True)
class Asked:
    """The column that a rule stands at; `sql` is how a query names it."""

    column: Column
    sql: str
    is_in_list: bool = False


def metric_sql(document: Document, path: Path, rule: Mapping[str, Any], dataset: Dataset, asked: Asked | None) -> str:
    """The query of the library rule at `path`.

    Raises:
        ContractError: no such metric, or one that this column or these arguments have no use for.
    """
    metric, unit = rule.get("metric"), rule.get("unit", "rows")
    document.check_names((*path, "metric"), [metric], METRICS)
    document.check_names((*path, "unit"), [unit], UNITS)
    table = quoted(dataset.name)
    arguments = rule.get("arguments") or {}
    _check_applied(document, path, rule, is_of_column=asked is not None)
    if metric == "rowCount":
        return f"select count(*) from {table}"
    if metric == "duplicateValues":
        values = [asked.sql] if asked is not None else _named(document, path, arguments, dataset)
        counted = f"count(*) - count(distinct ({', '.join(values)}))"
        return _share(counted, table, unit, " and ".join(f"{one} is not null" for one in values))
    if asked is None:
        raise document.wrong(path, f"{metric} is a rule of a column")
    if metric == "nullValues":
        return _share(f"count(*) filter ({asked.sql} is null)", table, unit)
    if asked.column.kind in {Kind.LIST, Kind.OBJECT}:
        raise document.wrong(path, f"{metric} is for values, not for a {asked.column.kind}")
    find = _missing if metric == "missingValues" else _invalid
    return _share(f"count(*) filter ({find(document, (*path, 'arguments'), arguments, asked)})", table, unit)


def _check_applied(document: Document, path: Path, rule: Mapping[str, Any], *, is_of_column: bool) -> None:
    """Raises as `metric_sql`, of what the metric does not look at."""
    metric, arguments = rule["metric"], rule.get("arguments") or {}
    if metric == "rowCount" and rule.get("unit", "rows") != "rows":
        document.lint((*path, "unit"), "rowCount counts rows; `unit: percent` has no effect here")
    if arguments and (metric in {"rowCount", "nullValues"} or (metric == "duplicateValues" and is_of_column)):
        document.lint((*path, "arguments"), f"`arguments` have no effect on {metric} here")
    if metric == "duplicateValues" and not is_of_column:
        document.check_names((*path, "arguments"), arguments, {"properties"})


def _named(document: Document, path: Path, arguments: Mapping[str, Any], dataset: Dataset) -> list[str]:
    stored = {one.name: one.stored_name for one in dataset.columns}
    names = [stored.get(one, one) for one in arguments.get("properties", ())]
    if not names:
        raise document.wrong(path, "duplicateValues of a dataset needs `arguments: {properties: [columns]}`")
    document.check_names(path, names, list(stored.values()))
    return [quoted(one) for one in names]


def _missing(document: Document, path: Path, arguments: Mapping[str, Any], asked: Asked) -> str:
    document.check_names(path, arguments, {"missingValues"})
    given = _listed(document, path, arguments.get("missingValues", ["", None]), "missingValues")
    if asked.column.kind is not Kind.STRING:
        given = [one for one in given if one != ""]  # only a text can be kept as a blank one
    missing = ", ".join(_literals(document, (*path, "missingValues"), asked.column, given))
    return f"{asked.sql} is null" + (f" or {asked.sql} in ({missing})" if missing else "")


def _invalid(document: Document, path: Path, arguments: Mapping[str, Any], asked: Asked) -> str:
    document.check_names(path, arguments, VALUE_ARGUMENTS)
    wrong = []
    if "validValues" in arguments:
        given = _listed(document, path, arguments["validValues"], "validValues")
        valid = ", ".join(_literals(document, (*path, "validValues"), asked.column, given))
        wrong.append(f"{asked.sql} not in ({valid})" if valid else f"{asked.sql} is not null")
    if "pattern" in arguments:
        pattern = read_pattern(document, (*path, "pattern"), asked.column.kind, arguments["pattern"])
        wrong.append(f"not regexp_matches({asked.sql}, {text(pattern)})")
    if not wrong:
        raise document.wrong(path[:-1], "invalidValues needs `arguments` with `validValues` or `pattern`")
    return " or ".join(wrong)


def _listed(document: Document, path: Path, found: Any, argument: str) -> list[Any]:
    if not isinstance(found, list):
        raise document.wrong((*path, argument), f"`{argument}` is a list of values")
    return found


def _literals(document: Document, path: Path, column: Column, values: Iterable[Any]) -> Iterator[str]:
    """What silver keeps of each value, as SQL; null is no value."""
    for index, value in enumerate(values):
        if value is not None:
            yield _literal(document, (*path, index), column, value)


def _literal(document: Document, path: Path, column: Column, value: Any) -> str:
    if column.money is not None:
        if column.currency is None:
            raise document.wrong(path, "with currencyBy an amount has no value that can be listed")
        minor = read_decimal(document, path, value).scaleb(money.exponent(column.currency))
        if minor != minor.to_integral_value():
            raise document.wrong(path, f"an amount of {column.currency} has {money.exponent(column.currency)} decimals")
        return f"{minor:.0f}"
    if column.kind is Kind.BOOLEAN:
        if not isinstance(value, bool):
            raise document.wrong(path, "a value of a boolean column is true or false")
        return str(value).lower()
    if column.kind in {Kind.INTEGER, Kind.NUMBER}:
        number = read_decimal(document, path, value)
        if number != round(number, _DECIMALS):
            raise document.wrong(path, f"a number is kept with {_DECIMALS} decimals")
        return f"{text(f'{number:f}')}::decimal(38,{_DECIMALS})"
    types = {Kind.DATE: "::date", Kind.TIMESTAMP: "::timestamptz"}
    return text(read_value(document, path, column.kind, value)) + types.get(column.kind, "")


def _share(counted: str, table: str, unit: str, where: str = "true") -> str:
    """Rows, or percent of all rows as an exact decimal; none of no rows is 0 percent."""
    if unit == "rows":
        return f"select {counted} from {table} where {where}"
    share = f"({counted}) * 100::decimal(18,6) / nullif(count(*), 0)"
    return f"select coalesce({share}, 0) from {table} where {where}"
