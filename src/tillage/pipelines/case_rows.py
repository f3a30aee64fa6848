"""Expected rows against found ones: which belongs to which, and where they differ."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from tillage.contracts.cases.rows import VERDICT
from tillage.contracts.cases.yaml_rows import Number, json_text

Row = Mapping[str, Any]


def differences(expected: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each place where `found` is not as expected: path, expected, found. What is not named is not compared."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, value in expected.items():
            yield from differences(value, found.get(name), f"{path}.{name}" if path else name)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not _is_equal(expected, found):
        yield path, expected, found


def fits(expected: Row, found: Row) -> bool:
    """Whether they differ nowhere."""
    return next(differences(expected, found), None) is None


def paired(expected: Sequence[Row], found: Sequence[Row]) -> list[int | None]:
    """For each expected row the index of a found one that fits it, each of which serves one; as many as possible.

    Rows that name little fit many, so that the first that fits may be another's only one.
    """
    fitting: dict[int, list[int]] = {}

    def fitting_units(row: int) -> list[int]:
        if row not in fitting:
            fitting[row] = [unit for unit, one in enumerate(found) if fits(expected[row], one)]
        return fitting[row]

    of_row: list[int | None] = [None] * len(expected)
    of_unit: dict[int, int] = {}
    for row in range(len(expected)):
        # Most tests name rows in the order in which they come.
        if row < len(found) and row not in of_unit and fits(expected[row], found[row]):
            of_row[row], of_unit[row] = row, row
        else:
            _augment(row, fitting_units, of_row, of_unit)
    return of_row


def first_misplaced(expected: Sequence[Row], found: Sequence[Row]) -> int | None:
    """The first of `expected` that fits no row behind those that the ones before it fit; None if all come in order.

    Each takes the first row that it can, which leaves the most to those that come after it.
    """
    rest = iter(found)
    for index, row in enumerate(expected):
        if not any(fits(row, one) for one in rest):
            return index
    return None


def nearest(row: Row, units: Mapping[int, Row]) -> int | None:
    """The unit that agrees with `row` in most columns, and in at least one beside the verdict."""
    best, most = None, 0
    for index, unit in units.items():
        equal = sum(fits({name: value}, unit) for name, value in row.items() if name != VERDICT)
        if equal > most:
            best, most = index, equal
    return best


def _augment(
    start: int, fitting_units: Callable[[int], list[int]], of_row: list[int | None], of_unit: dict[int, int]
) -> None:
    """Pairs one more row, if others can be given other units for it (a shortest augmenting path)."""
    reached: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        row = waiting.popleft()
        for unit in fitting_units(row):
            if unit in reached:
                continue
            reached[unit] = row
            if unit in of_unit:
                waiting.append(of_unit[unit])
                continue
            step: int | None = unit
            while step is not None:
                giver = reached[step]
                before = of_row[giver]
                of_row[giver], of_unit[step] = step, giver
                step = before if giver != start else None
            return


def _is_equal(expected: Any, found: Any) -> bool:
    if expected is None or found is None or isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(found, str):
        # A text column's value needs no quotes: `order_id: 10001`.
        return bool((json_text(expected) if isinstance(expected, Number) else expected) == found)
    if isinstance(found, float):
        return isinstance(expected, Number) and float(expected.text) == found
    if isinstance(found, int | Decimal):
        try:
            return isinstance(expected, Number) and Decimal(expected.text) == found
        except InvalidOperation:
            return False
    if isinstance(found, date | time):
        return isinstance(expected, str) and _day_or_moment(expected, found) == found
    return False


def _day_or_moment(text: str, like: date | time) -> date | time | None:
    """Text as ISO 8601 says it; a moment without an offset is UTC, unless it is held against one without a zone."""
    try:
        if isinstance(like, time):
            return time.fromisoformat(text)
        if not isinstance(like, datetime):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo or like.tzinfo is None else moment.replace(tzinfo=UTC)
