"""What a person is told of rows that are not as expected: few, each with the line of the test file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillage.contracts.cases.file import Expected, ExpectedRow
from tillage.contracts.cases.rows import CODES, FILE, LINE, UNIT_NAMES, VERDICT, Table
from tillage.pipelines.case_rows import differences, first_misplaced, fits, nearest, paired

_ROW = "row"
_MOST_SHOWN = 20  # of one table; who breaks more has one cause to find


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected."""

    table: str
    line: int
    """Of the test file."""
    what: str
    """`differs`, `missing`, `unexpected`, `order`, `counts`, `dataset rules`, or how many more rows are wrong."""
    columns: tuple[tuple[str, Any, Any], ...] = ()
    """Where, expected, found; for a missing row all that it names, for an unexpected one what it holds."""
    place: str = ""
    """File and line of the unit that was found."""


def row_differences(expected: Expected, found: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Each expected row that no found one fits, beside the nearest that is left; then what nothing was expected for."""
    table, rows = expected.table, expected.rows or ()
    pairs = paired([row.values for row in rows], found)
    taken = set(pairs)
    left = {index: row for index, row in enumerate(found) if index not in taken}
    missing = [row for row, pair in zip(rows, pairs, strict=True) if pair is None]
    for row in missing[:_MOST_SHOWN]:
        near = nearest(row.values, left)
        if near is None:
            yield Difference(table.name, row.line, "missing", _named(table, _missing(row.values)))
        else:
            unit = left.pop(near)
            yield Difference(table.name, row.line, "differs", _named(table, _differing(row.values, unit)), _place(unit))
    rest = [] if expected.is_some else list(left.values())
    shown = rest[: max(_MOST_SHOWN - len(missing), 0)]
    for unit in shown:
        yield Difference(table.name, expected.line, "unexpected", _named(table, _unexpected(table, unit)), _place(unit))
    more = len(missing[_MOST_SHOWN:]) + len(rest) - len(shown)
    if more:
        yield Difference(table.name, expected.line, f"{more:,} more")
    if table.is_ordered and not missing and not rest:
        yield from _misplaced(table, rows, found)


def _misplaced(table: Table, rows: Sequence[ExpectedRow], found: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Of rows that are all there, the first that comes where another is expected."""
    index = first_misplaced([row.values for row in rows], found)
    if index is not None:
        wanted = rows[index].values
        places = [place for place, row in enumerate(found, 1) if fits(wanted, row)]
        column = (_ROW, index + 1, places if len(places) > 1 else places[0])
        yield Difference(table.name, rows[index].line, "order", (column,))


def _differing(row: Mapping[str, Any], unit: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    found = list(differences(row, unit))
    yield from found
    if CODES not in row and any(path == VERDICT for path, _, _ in found) and unit[CODES]:
        yield CODES, [], unit[CODES]  # why


def _missing(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    return ((name, value, None) for name, value in row.items())


def _unexpected(table: Table, unit: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    names = [name for name in table.fields if unit[name] is not None]
    if not table.is_model:
        names += [VERDICT, CODES] if unit[CODES] else [VERDICT]
    return ((name, None, unit[name]) for name in names)


def _place(unit: Mapping[str, Any]) -> str:
    return f"{unit[FILE]}:{unit[LINE]}" if FILE in unit else ""


def _named(table: Table, columns: Iterator[tuple[str, Any, Any]]) -> tuple[tuple[str, Any, Any], ...]:
    """With the names that a person writes."""
    own = {f"_{name}": name for name in UNIT_NAMES if name not in table.fields}
    return tuple((own.get(path, path), expected, found) for path, expected, found in columns)
