"""The verdict of every unit of every record by the whole contract language, one unit after the other.

Readings chosen where the specification says nothing (those on single values and units stand in the other modules):

* `where` is asked of the rows of a `groupBy` before they are grouped, and before anything else; a unit that is no
  object is always kept.
* A list of units that is no list is `type` in every dataset that takes the record itself; where no dataset does, it is
  one unit of each dataset whose list is meant. A record that is no object likewise.
* Under `groupBy`, rows that disagree are `key_conflict` beside other codes, and the verdict is then a violation; the
  first row gives the values. A row that is no object is a unit of its own.
* `tillage.distinct` compares only units without a code, and comes before the key. What it drops is counted nowhere.
* An unknown member belongs to every dataset that has the innermost unit as its own; members that the folders add are
  never unknown; below a member that a column reads as a value or a list of values nothing is unknown.
* A repeated unit compares by all columns, and the first with its key that is accepted stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import unquote

from tests.oracle import row_sql
from tests.oracle.contract_file import Column, Contract, Dataset, read
from tests.oracle.food_orders import BOM, _depth, _parse
from tests.oracle.scalar_values import WRONG
from tests.oracle.unit_check import (
    Control,
    Row,
    Scope,
    control,
    follow,
    has_length,
    is_faulty,
    plain,
    read_scope,
    tax,
    wrong_unit,
)

Rows: TypeAlias = Sequence[tuple[int, int, Mapping[str, "str | None"]]]
"""What a text format gives: line, offset and members."""
Tree: TypeAlias = "dict[str, Tree]"
"""The members that are read; an empty one is read whole."""
LIST = "\0[*]"
"""Marks the members that are lists: in something else that stands there nothing is unknown."""


@dataclass(frozen=True)
class Unit:
    """`values` holds the columns by their name in silver, and is empty for what is unreadable or in violation.

    `control` is None for a dataset without money, and for what is unreadable.
    """

    dataset: str
    file: str
    line: int
    offset: int
    unit: int
    verdict: str
    codes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    control: Control | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    """Codes and warnings, given or not, of rules that read a column which has a fault of its own: the specification
    does not say what such a rule sees."""


@dataclass(frozen=True)
class _Record:
    file: str
    line: int
    offset: int
    value: Any
    code: str
    is_text: bool


@dataclass(frozen=True)
class _Place:
    record: _Record
    unit: int

    def of(self, dataset: str, verdict: str, **more: Any) -> Unit:
        record = self.record
        return Unit(dataset, record.file, record.line, record.offset, self.unit, verdict, **more)


@dataclass
class _Found:
    """A unit, or a row of one, before other units are looked at."""

    place: _Place
    scope: Scope
    holder: Any
    codes: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)


def judge(document: Mapping[str, Any], files: Mapping[str, bytes | Rows]) -> list[Unit]:
    """Every unit of `files` as one load, by dataset, file, line and unit; `document` is the contract's YAML."""
    contract = read(document)
    found = check(document, files)
    units = [unit for one in found.values() for unit in one if unit.verdict == "unreadable"]
    for dataset in contract.datasets:
        units += _decided(dataset, [unit for unit in found[dataset.name] if unit.verdict != "unreadable"])
    return sorted(units, key=lambda unit: (unit.dataset, unit.file, unit.line, unit.unit))


def check(document: Mapping[str, Any], files: Mapping[str, bytes | Rows]) -> dict[str, list[Unit]]:
    """By dataset, the units of `files` as each is by itself, before it is compared with others."""
    contract = read(document)
    records = [record for file in sorted(files) for record in _records(contract, file, files[file])]
    units: dict[str, list[Unit]] = {dataset.name: [] for dataset in contract.datasets}
    units[contract.datasets[0].name] += [_unreadable(contract.datasets[0], record) for record in records if record.code]
    readable = [record for record in records if not record.code]
    tree = _read_members(contract)
    for dataset in contract.datasets:
        found = [one for record in readable for one in _units(contract, dataset, record, tree)]
        units[dataset.name] += _complete(dataset, _grouped(dataset, found) if dataset.group_by else found)
    return units


def _unreadable(dataset: Dataset, record: _Record) -> Unit:
    return _Place(record, 0).of(dataset.name, "unreadable", codes=(record.code,))


def _records(contract: Contract, file: str, content: bytes | Rows) -> Iterator[_Record]:
    members = _folder_members(file)
    if not isinstance(content, bytes):
        for line, offset, row in content:
            yield _Record(file, line, offset, _with_folders(row, members), "", is_text=True)
        return
    start = len(BOM) if content.startswith(BOM) else 0
    for line, raw in enumerate(content[start:].split(b"\n"), 1):
        if raw.strip(b" \t\r"):
            value, code = _read_record(contract, raw)
            value = _with_folders(value, members) if isinstance(value, dict) else value
            yield _Record(file, line, start, value, code, is_text=False)
        start += len(raw) + 1


def _with_folders(record: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """The record, with what its folders say where it has no value."""
    return {**record, **{name: value for name, value in members.items() if record.get(name) is None}}


def _read_record(contract: Contract, raw: bytes) -> tuple[Any, str]:
    if len(raw) > contract.max_record_bytes:
        return None, "too_large"
    if _depth(raw) > contract.max_depth:
        return None, "too_deep"
    return _parse(raw)


def _folder_members(file: str) -> dict[str, Any]:
    folders = [folder.partition("=") for folder in file.split("/")[:-1]]
    return {unquote(name): unquote(value) for name, sign, value in folders if sign}


def _units(contract: Contract, dataset: Dataset, record: _Record, tree: Tree) -> Iterator[_Found]:
    """The units, or rows, of one record that the dataset wants."""
    for number, holder in _holders(contract, dataset, record):
        found = _read(dataset, record, number, holder)
        if not dataset.unit_path and _has_wrong_list(contract, record):
            found.codes.add("type")
        if contract.is_unknown_rejected and isinstance(holder, dict):
            below = _subtree(tree, dataset.unit_path)
            stops = _stops(contract) if not dataset.unit_path else frozenset()
            known = _folder_members(record.file) if not dataset.unit_path else {}
            if _object_has_unknown(holder, below, (), (stops, frozenset(known))):
                found.codes.add("unknown_field")
        if _is_wanted(dataset, found):
            yield found


def _holders(contract: Contract, dataset: Dataset, record: _Record) -> Iterator[tuple[int, Any]]:
    if not dataset.unit_path:
        yield 0, record.value
        return
    units = follow(record.value, dataset.unit_path) if isinstance(record.value, dict) else WRONG
    if isinstance(units, list):
        yield from enumerate(units)
    elif units is not None and all(other.unit_path for other in contract.datasets):
        yield 0, units


def _has_wrong_list(contract: Contract, record: _Record) -> bool:
    found = [follow(record.value, other.unit_path) for other in contract.datasets if other.unit_path]
    return not all(one is None or isinstance(one, list) for one in found)


def _read(dataset: Dataset, record: _Record, number: int, holder: Any) -> _Found:
    place = _Place(record, number)
    # A member that stands where a list of units should stand is no unit, even if it is an object.
    is_list = not dataset.unit_path or isinstance(follow(record.value, dataset.unit_path), list)
    if not isinstance(holder, dict) or not is_list:
        return _Found(place, wrong_unit(dataset.columns, is_text=record.is_text), None)
    row = Row(holder, record.value, record.is_text)
    scope = read_scope(dataset.columns, row, skipped=dataset.rows_list or "")
    if dataset.rows_list:
        made_of_rows = _column(dataset, dataset.rows_list)
        scope.lists[made_of_rows.name] = [read_scope(made_of_rows.members, row, (scope,))]
    return _Found(place, scope, holder)


def _column(dataset: Dataset, name: str) -> Column:
    return next(column for column in dataset.columns if column.name == name)


def _reads_fault(dataset: Dataset, sql: str, scope: Scope) -> bool:
    """Whether an expression reads a column that has a code, or that is made of one that has."""
    read_columns = row_sql.parse(sql).columns
    derived = {"net_minor", "vat_bp"} & read_columns
    return any(
        _has_codes(scope, column.name) or not _is_sure(scope, column.name)
        for column in dataset.columns
        if {column.name, column.stored_name} & read_columns or derived
    )


def _is_sure(scope: Scope, name: str) -> bool:
    return name not in scope.cells or scope.cells[name].is_sure


def _is_wanted(dataset: Dataset, found: _Found) -> bool:
    """Whether `where` takes the unit, or cannot say because of a violation."""
    if dataset.where is None or found.scope.is_wrong:
        return True
    condition = row_sql.parse(dataset.where)
    if _reads_fault(dataset, dataset.where, found.scope):
        found.unsure.add("rule:where")
    try:
        answer = condition.evaluate(found.scope.values())
    except row_sql.FailedError:
        found.codes.add("rule:where")
        return True
    if answer is None:
        read = [one for one in dataset.columns if {one.name, one.stored_name} & condition.columns]
        return any(is_faulty(column, found.scope) for column in read)
    return bool(answer)


def _has_codes(scope: Scope, name: str) -> bool:
    if name in scope.cells:
        return bool(scope.cells[name].codes)
    inside = [scope.objects[name]] if name in scope.objects else scope.lists[name]
    return any(one.all_codes() if isinstance(one, Scope) else one.codes for one in inside)


def _grouped(dataset: Dataset, rows: Sequence[_Found]) -> list[_Found]:
    """The rows of one file with equal values in the grouping columns as one unit, at the place of the first."""
    units: dict[Any, _Found] = {}
    for number, row in enumerate(rows):
        values = row.scope.values()
        by = [plain(values[_column(dataset, name).stored_name]) for name in dataset.group_by]
        key = (number,) if None in by or row.scope.is_wrong else (row.place.record.file, *map(repr, by))
        first = units.setdefault(key, row)
        if first is not row:
            _add_row(dataset, first, row)
    return list(units.values())


def _add_row(dataset: Dataset, unit: _Found, row: _Found) -> None:
    ours, theirs = _heads(dataset, unit.scope), _heads(dataset, row.scope)
    if ours != theirs:
        unit.codes.add("key_conflict")
    elements = row.scope.lists.pop(dataset.rows_list, []) if dataset.rows_list else []
    unit.codes |= row.codes | row.scope.all_codes()
    unit.unsure |= row.unsure
    if dataset.rows_list:
        unit.scope.lists[dataset.rows_list] = [*unit.scope.lists[dataset.rows_list], *elements]


def _heads(dataset: Dataset, scope: Scope) -> Any:
    return plain({name: value for name, value in scope.values().items() if name != dataset.rows_list})


def _complete(dataset: Dataset, units: Sequence[_Found]) -> list[Unit]:
    """Adds what only the whole unit says: the length of a list of rows, taxes, control amount and row rules."""
    complete = []
    for found in units:
        scope = found.scope
        if dataset.rows_list and not scope.is_wrong:
            made_of_rows = _column(dataset, dataset.rows_list)
            if not has_length(made_of_rows, len(scope.lists[dataset.rows_list])):
                found.codes.add("length")
        tax([scope])
        counted = control(dataset, scope)
        codes = found.codes | scope.all_codes() | ({"money_overflow"} if counted and counted.is_overflow else set())
        warnings = scope.all_warnings()
        if not scope.is_wrong:
            broken = [rule for rule in dataset.rules if _is_broken(rule.sql, scope)]
            codes |= {rule.code for rule in broken if not rule.is_warning}
            warnings |= {rule.code for rule in broken if rule.is_warning}
        verdict = "violation" if codes - {"key_conflict"} else "conflict" if codes else "accepted"
        values = {} if codes else scope.values()
        unsure = frozenset(rule.code for rule in dataset.rules if _reads_fault(dataset, rule.sql, scope)) | found.unsure
        unit = found.place.of(dataset.name, verdict, codes=tuple(sorted(codes)), warnings=tuple(sorted(warnings)))
        complete.append(replace(unit, control=counted, values=values, unsure=unsure))
    return complete


def _is_broken(sql: str, scope: Scope) -> bool:
    try:
        return row_sql.parse(sql).evaluate(scope.values()) is False
    except row_sql.FailedError:
        return True


def _decided(dataset: Dataset, units: Sequence[Unit]) -> Iterator[Unit]:
    """The verdicts by what came before: repeats of a distinct dataset are left out, then keys are compared."""
    seen: set[str] = set()
    standing: dict[str, Any] = {}
    for unit in units:
        if unit.verdict != "accepted":
            yield unit
            continue
        content = plain(unit.values)
        whole = repr((unit.file, content))
        if dataset.is_distinct and whole in seen:
            continue
        seen.add(whole)
        if not dataset.key:
            yield unit
            continue
        key = repr([content[_column(dataset, name).stored_name] for name in dataset.key])
        first = standing.setdefault(key, content)
        if first is content:
            yield unit
        elif first == content:
            yield replace(unit, verdict="duplicate", codes=("duplicate",))
        else:
            yield replace(unit, verdict="conflict", codes=("key_conflict",))


def _read_members(contract: Contract) -> Tree:
    """Every member of a record that a column reads or that leads to units; below a list, those of its elements."""
    tree: Tree = {}
    for dataset in contract.datasets:
        base = _grow(tree, dataset.unit_path)
        if dataset.unit_path:
            base[LIST] = {}
        for column in dataset.columns:
            _grow_column(tree, base, column, is_made_of_rows=column.name == dataset.rows_list)
    return tree


def _grow_column(record: Tree, base: Tree, column: Column, *, is_made_of_rows: bool = False) -> None:
    if column.amount is not None or column.class_map is not None:
        return
    if is_made_of_rows:
        branches = [base]
    else:
        branches = [_grow(record if one.is_from_record else base, one.steps) for one in column.spellings]
    if column.kind == "array" and not is_made_of_rows:
        for branch in branches:
            branch[LIST] = {}
    for member in column.members:
        for branch in branches:
            _grow_column(record, branch, member)


def _grow(tree: Tree, steps: Sequence[str]) -> Tree:
    for step in steps:
        tree = tree.setdefault(step, {})
    return tree


def _subtree(tree: Tree, steps: Sequence[str]) -> Tree:
    for step in steps:
        tree = tree[step]
    return tree


def _stops(contract: Contract) -> frozenset[tuple[str, ...]]:
    """The lists whose elements are units of their own."""
    return frozenset(dataset.unit_path for dataset in contract.datasets if dataset.unit_path)


def _has_unknown(
    holder: Any, tree: Tree, path: tuple[str, ...], known: tuple[frozenset[tuple[str, ...]], frozenset[str]]
) -> bool:
    """Whether an object that columns look into has a member that none reads."""
    stops, _ = known
    if not tree or path in stops:
        return False
    if LIST in tree:
        return isinstance(holder, list) and any(_object_has_unknown(one, tree, path, known) for one in holder)
    return _object_has_unknown(holder, tree, path, known)


def _object_has_unknown(
    holder: Any, tree: Tree, path: tuple[str, ...], known: tuple[frozenset[tuple[str, ...]], frozenset[str]]
) -> bool:
    stops, folders = known
    if not isinstance(holder, dict):
        return False
    return any(
        name not in folders
        if name not in tree
        else _has_unknown(value, tree[name], (*path, name), (stops, frozenset()))
        for name, value in holder.items()
    )
