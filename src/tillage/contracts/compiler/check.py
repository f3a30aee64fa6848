"""Compiles a contract to the SQL of its check: one text for every door, every batch size and every engine.

The SQL reads a relation `parsed(_load_seq, _source, _ordinal, _offset, r, f, is_text)`: `r` is what `json_transform`
makes of a record by `Check.structure`, `f` what the folders of its file say, `is_text` whether the record came as text
(CSV, XML). It gives the units of a dataset: place, typed columns, violation codes, warnings, control amount.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tillage.contracts.compiler.codes import WHERE_CODE
from tillage.contracts.compiler.condition import MET, UNKNOWN, answer, is_broken
from tillage.contracts.compiler.elements import checked_elements, elements
from tillage.contracts.compiler.group import grouped
from tillage.contracts.compiler.leaves import Leaf
from tillage.contracts.compiler.opened import opened
from tillage.contracts.compiler.outcome import outcome, where_columns
from tillage.contracts.compiler.shape import Shape, shape_of
from tillage.contracts.compiler.steps import Steps
from tillage.contracts.contract import Contract, Dataset, Severity
from tillage.contracts.sql_text import name, text


@dataclass(frozen=True)
class UnitCheck:
    """The check of one dataset's units as statements that an engine runs one after the other."""

    opened: str
    """SELECT over `parsed` of the units, whose lists are as they were sent."""
    lists: tuple[tuple[Leaf, str], ...]
    """Each list, and a SELECT of its elements over `OPENED`, which numbers the units by `_row`."""
    judged: str
    """SELECT over `GATHERED`, the units with their lists as `outcome` states, of place, columns, `_codes`, `_warnings`,
    `_control_minor`, `_control_currency`."""


OPENED, GATHERED = name("#opened"), name("#gathered")


@dataclass(frozen=True)
class Check:
    """A compiled contract. All texts are DuckDB SQL."""

    contract: Contract
    shape: Shape
    """The members that the columns read."""

    def units(self, dataset: Dataset, folders: Collection[str] = ()) -> UnitCheck:
        """What makes units of `parsed`, unique by (_load_seq, _source, _ordinal, unit), in any order.

        `folders`: the fields of `f`. For a dataset with `group_by` the relation is what `grouped` gives.
        """
        steps = Steps(self.contract, dataset, frozenset(folders))
        named = " ".join(checked_elements(steps, leaf) for leaf in steps.lists)
        lists = tuple((leaf, elements(steps, leaf, OPENED)) for leaf in steps.lists)
        return UnitCheck(opened(steps, named), lists, _ruled(steps))

    def grouped(self, dataset: Dataset, rows: str, folders: Collection[str] = ()) -> str:
        """SELECT over `rows` (columns as `parsed`) of what `units` reads for a dataset with `group_by`."""
        return grouped(Steps(self.contract, dataset, frozenset(folders)), rows)


def compile_check(contract: Contract) -> Check:
    """The check of `contract`.

    Raises:
        ContractError: two columns ask for one member in ways that exclude each other.
    """
    return Check(contract, shape_of(contract))


def _ruled(steps: Steps) -> str:
    """The units with what the row rules say of them, and without those that are none of the dataset's business."""
    dataset = steps.dataset
    rules = [rule for rule in dataset.row_rules if rule.severity is Severity.ERROR]
    warnings = [rule for rule in dataset.row_rules if rule.severity is Severity.WARNING]
    codes, warned = "_codes", "_warnings"
    if rules:
        codes = f"list_concat(_codes, {_broken([(rule.code, rule.sql) for rule in rules])})"
    if warnings:
        warned = f"list_concat(_warnings, {_broken([(rule.code, rule.sql) for rule in warnings])})"
    masks = [name("mask:" + column) for column in where_columns(steps)]
    hidden = [*masks, *(["_wrong"] if dataset.where else []), "_codes", "_warnings"]
    units = outcome(steps, GATHERED)
    if dataset.where is None or dataset.group_by:  # of rows to be grouped it has been asked before
        return f"select * exclude ({', '.join(hidden)}), {codes} as _codes, {warned} as _warnings from ({units})"
    undecided = " or ".join(f"{mask} <> 0" for mask in masks) or "false"
    failed = f"if(_answer is null and not _wrong, [{text(WHERE_CODE)}], []::varchar[])"
    return f"""
        select * exclude ({", ".join(hidden)}, _answer), list_concat({codes}, {failed}) as _codes, {warned} as _warnings
        from (select *, {answer(dataset.where.sql)} as _answer from ({units}))
        where _wrong or coalesce(_answer = {MET} or (_answer = {UNKNOWN} and ({undecided})), true)
    """


def _broken(rules: list[tuple[str, str]]) -> str:
    arms = ", ".join(f"if({is_broken(sql)}, {text(code)}, null)" for code, sql in rules)
    return f"list_filter([{arms}], lambda c: c is not null)"
