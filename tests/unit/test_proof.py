"""Which of the hits of a search keep an erasure open."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tillage.pipelines.proof import hits
from tillage.ports.scanning import Hit, IdentifierKind, Searched

ID, VALUE = IdentifierKind.ID, IdentifierKind.VALUE
HOUSE: Any = SimpleNamespace(feeds={})


def searched(layer: str, *found: Hit) -> Searched:
    return Searched(layer, hits=[*found])


def hit(person: int, kind: IdentifierKind) -> Hit:
    return Hit(person, kind, "somewhere", "plain")


@pytest.mark.parametrize("layer", ["silver", "gold", "tables of the store"])
def test_in_columns_that_are_not_personal_an_id_counts_and_a_value_does_not(layer: str) -> None:
    assert hits(HOUSE, [searched(layer, hit(0, VALUE), hit(0, ID))]) == [hit(0, ID)]


def test_in_mirrored_files_a_value_counts_unless_silver_keeps_one_of_the_same_person() -> None:
    """A short id is a value too, and a file that was not made anew has it."""
    processed = searched("processed", hit(0, VALUE), hit(1, VALUE), hit(1, ID))
    assert hits(HOUSE, [processed]) == [hit(0, VALUE), hit(1, VALUE), hit(1, ID)]
    assert hits(HOUSE, [searched("silver", hit(1, VALUE)), processed]) == [hit(0, VALUE), hit(1, ID)]


def test_what_lies_in_other_environments_and_numbers_of_nobody_do_not_count() -> None:
    numbered = Hit(0, ID, "somewhere", "plain", "numRecords")
    assert hits(HOUSE, [searched("environment trial", hit(0, ID)), searched("bronze", numbered)]) == []
