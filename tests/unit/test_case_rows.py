"""Expected rows find the rows that fit them, whatever the order, and say where the nearest differs."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tillage.contracts.cases.yaml_rows import Number
from tillage.pipelines.case_rows import differences, fits, nearest, paired


def _most(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> int:
    """How many can be paired at most, by trying every order."""
    places = [*range(len(found)), *[None] * len(expected)]
    return max(
        sum(
            place is not None and all(found[place][name] == value for name, value in row.items())
            for row, place in zip(expected, order, strict=True)
        )
        for order in permutations(places, len(expected))
    )


def test_as_many_rows_are_paired_as_can_be() -> None:
    seed = 4
    print(f"seed {seed}")
    random_ = random.Random(seed)
    for _ in range(300):
        found = [{"a": random_.choice("xy"), "b": random_.choice("xy")} for _ in range(random_.randrange(4))]
        expected = [
            {name: random_.choice("xy") for name in "ab" if random_.random() < 0.6} for _ in range(random_.randrange(4))
        ]
        pairs = paired(expected, found)
        units = [unit for unit in pairs if unit is not None]
        assert len(units) == len(set(units)) == _most(expected, found), (expected, found)
        assert all(fits(row, found[unit]) for row, unit in zip(expected, pairs, strict=True) if unit is not None)


def test_a_row_that_fits_many_leaves_another_its_only_one() -> None:
    expected = [{"a": "x"}, {"a": "x", "b": "1"}, {"a": "x"}]
    found = [{"a": "x", "b": "1"}, {"a": "x", "b": "2"}, {"a": "x", "b": "3"}]
    assert sorted(unit for unit in paired(expected, found) if unit is not None) == [0, 1, 2]
    assert paired(expected, found)[1] == 0


def test_a_thousand_rows_in_reverse_are_paired() -> None:
    found = [{"a": Decimal(number)} for number in range(1_000)]
    expected = [{"a": Number(str(number))} for number in reversed(range(1_000))]
    assert paired(expected, found) == list(reversed(range(1_000)))


@pytest.mark.parametrize(
    ("expected", "found", "is_equal"),
    [
        (Number("2"), 2, True),
        (Number("2.0"), 2, True),
        (Number("2"), Decimal("2.000000"), True),
        (Number("2.0000001"), Decimal("2.000000"), False),
        (Number("12345678901234567890123456789012.123456"), Decimal("12345678901234567890123456789012.123456"), True),
        (Number("12345678901234567890123456789012.123457"), Decimal("12345678901234567890123456789012.123456"), False),
        (Number("1e999999999999999999999"), 1, False),
        ("2", 2, False),
        (Number("10001"), "10001", True),
        (Number("1.50"), "1.5", False),
        ("a ", "a", False),
        (True, True, True),
        (True, 1, False),
        (Number("1"), True, False),
        ("true", True, False),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        (Number("0"), None, False),
        ("2024-01-31", date(2024, 1, 31), True),
        ("2024-01-30", date(2024, 1, 31), False),
        ("31.01.2024", date(2024, 1, 31), False),
        ("2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC), True),
        ("2024-01-31 11:00+01:00", datetime(2024, 1, 31, 10, tzinfo=UTC), True),
        ("2024-01-31T10:00", datetime(2024, 1, 31, 10, tzinfo=UTC), True),
        ("2024-01-31T10:00:00.000001Z", datetime(2024, 1, 31, 10, tzinfo=UTC), False),
        ([Number("1")], [1], True),
        ([Number("1")], [1, 2], False),
        ([], [], True),
        ([], None, False),
        ({"a": Number("1")}, {"a": 1, "b": 2}, True),
        ({"a": Number("1")}, None, False),
        ([{"a": "x"}], [{"a": "x", "b": 2}], True),
    ],
)
def test_a_value_is_compared_as_its_column_keeps_it(expected: Any, found: Any, is_equal: bool) -> None:
    assert fits({"column": expected}, {"column": found}) is is_equal


def test_each_place_that_differs_is_named() -> None:
    expected = {"a": Number("1"), "lines": [{"x": "p", "y": None}, {"x": "q"}], "c": ["k"]}
    found = {"a": 2, "lines": [{"x": "p", "y": 5}, {"x": "r"}], "c": [], "d": 4}
    assert list(differences(expected, found)) == [
        ("a", Number("1"), 2),
        ("lines[0].y", None, 5),
        ("lines[1].x", "q", "r"),
        ("c", ["k"], []),
    ]


def test_the_nearest_agrees_in_more_than_its_verdict() -> None:
    row = {"a": "x", "b": "y", "_verdict": "accepted"}
    units = {3: {"a": "z", "b": "z", "_verdict": "accepted"}, 5: {"a": "x", "b": "z", "_verdict": "violation"}}
    assert nearest(row, units) == 5
    assert nearest(row, {3: units[3]}) is None
