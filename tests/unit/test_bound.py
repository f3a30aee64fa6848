"""`maxQuarantine`: what it may say, and where it breaks."""

from __future__ import annotations

import pytest

from tillage.contracts.project import read_project
from tillage.domain.bound import read_bound
from tillage.errors import ProjectFileError


def feed_with(value: str) -> str:
    return f"project: shop\nfeeds:\n  orders: {{path: landing, maxQuarantine: {value}}}\n"


@pytest.mark.parametrize(
    ("value", "quarantined", "read", "is_broken"),
    [
        ("1%", 1, 100, False),
        ("1%", 2, 100, True),
        ("1%", 1, 99, True),
        ("0.1%", 1, 1000, False),
        ("0.1%", 1, 999, True),
        ("0%", 0, 5, False),
        ("0%", 1, 5, True),
        ("100%", 5, 5, False),
        ("33.333333%", 1, 3, True),
        ("1%", 0, 0, False),
        (100, 100, 100, False),
        (100, 101, 10_000, True),
        (0, 1, 1, True),
    ],
)
def test_the_bound_itself_is_allowed_and_one_more_is_not(
    value: object, quarantined: int, read: int, is_broken: bool
) -> None:
    bound = read_bound(value)
    assert bound is not None
    assert bound.is_broken_by(quarantined, read) is is_broken


@pytest.mark.parametrize("value", ["1%", "0.5%", "100%", "12.345678%", 100, 0])
def test_a_bound_is_shown_as_it_is_written(value: object) -> None:
    assert str(read_bound(value)) == str(value)
    (feed,) = read_project("tillage.yaml", feed_with(str(value))).feeds
    assert feed.max_quarantine == read_bound(value)


@pytest.mark.parametrize("value", ["101%", "-1%", "-1", "1.5", "true", "some", "1e2", "0.1234567%", "[1]", "'1'"])
def test_what_is_no_bound_is_refused_with_its_line(value: str) -> None:
    with pytest.raises(ProjectFileError, match=r"line 3: `maxQuarantine` is a number of units like 100, or a share"):
        read_project("tillage.yaml", feed_with(value))
