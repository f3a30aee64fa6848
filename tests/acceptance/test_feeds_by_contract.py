"""Feeds of many kinds, each taken by its contract alone, with totals that plain Python finds too."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import tillage, tillage_json
from tests.acceptance.feeds import delimited, documents, several
from tests.acceptance.feeds import original as originals
from tests.acceptance.feeds.case import Case, write

pytestmark = pytest.mark.accept("3.3")

GENERATED = {make.__name__: make for make in (*delimited.CASES, *several.CASES, *documents.CASES)}
ORIGINAL = {make.__name__: make for make in originals.CASES}


@dataclass(frozen=True)
class Ran:
    """What the commands say of a project after its first run, and after one more."""

    cases: dict[str, Case]
    status: Any
    reconciled: Any
    dump: list[str]
    second_run: Any
    second_dump: list[str]

    def rows(self, kind: str, name: str) -> list[dict[str, Any]]:
        found = map(json.loads, self.dump)
        return [line["row"] for line in found if (line["kind"], line["name"]) == (kind, name)]


def ran(root: Path, cases: dict[str, Case]) -> Ran:
    write(root, list(cases.values()))
    tillage(root, "run")
    return Ran(
        cases,
        tillage_json(root, "status"),
        tillage_json(root, "reconcile"),
        tillage(root, "dump", "--canonical").splitlines(),
        tillage_json(root, "run"),
        tillage(root, "dump", "--canonical").splitlines(),
    )


@pytest.fixture(scope="module")
def bazaar(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = tmp_path_factory.mktemp("feeds") / "bazaar"
    return ran(root, {name: make() for name, make in GENERATED.items()})


@pytest.fixture(scope="module")
def shops(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = tmp_path_factory.mktemp("feeds") / "shops"
    return ran(root, {name: make(original) for name, make in ORIGINAL.items()})


@pytest.fixture(params=["bazaar", "shops"])
def project(request: pytest.FixtureRequest) -> Ran:
    found: Ran = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("name", GENERATED)
def test_units_of_a_generated_feed_are_what_its_contract_says(bazaar: Ran, name: str) -> None:
    check_law(bazaar, bazaar.cases[name])


@pytest.mark.parametrize("name", GENERATED)
def test_totals_of_a_generated_feed_are_those_of_plain_python(bazaar: Ran, name: str) -> None:
    check_totals(bazaar, bazaar.cases[name])


@pytest.mark.parametrize("name", ORIGINAL)
def test_units_of_an_original_feed_are_the_known_numbers(shops: Ran, name: str) -> None:
    check_law(shops, shops.cases[name])


@pytest.mark.parametrize("name", ORIGINAL)
def test_totals_of_an_original_feed_are_those_of_plain_python(shops: Ran, name: str) -> None:
    check_totals(shops, shops.cases[name])


def check_law(project: Ran, case: Case) -> None:
    parts = ("read", "accepted", "waiting", "duplicate")
    for dataset, law in case.law.items():
        found = project.status["datasets"][dataset]
        assert tuple(found[f"{part}_rows"] for part in parts) == law.rows, dataset
        if law.minor != (None,) * 4:
            assert tuple(_without_zeros(found[f"{part}_minor"]) for part in parts) == tuple(
                map(_without_zeros, law.minor)
            ), dataset
            assert found["not_countable_rows"] == law.not_countable_rows, dataset
        codes = {one["code"]: one["rows"] for one in project.status["quarantine"] if one["dataset"] == dataset}
        assert codes == law.codes, dataset
        assert len(project.rows("silver", dataset)) == law.rows[1]
        assert len(project.rows("quarantine", dataset)) == law.rows[2]


def check_totals(project: Ran, case: Case) -> None:
    for model, (columns, expected) in case.totals.items():
        found = project.rows("gold", model)
        assert {*map(frozenset, found)} == {frozenset(columns.split())}, model
        assert Counter(tuple(row[name] for name in columns.split()) for row in found) == Counter(expected), model


def _without_zeros(figure: Any) -> Any:
    """Of a map by currency, what is not zero."""
    return {code: minor for code, minor in figure.items() if minor} if isinstance(figure, dict) else figure


def test_everything_balances_and_is_recomputed_from_the_bytes(project: Ran) -> None:
    assert project.status["balances"] is True
    assert (project.status["open_loads"], project.status["voided_loads"]) == ([], 0)
    assert project.status["sealed_loads"] == len(project.cases)
    models = {model for case in project.cases.values() for model in case.models}
    assert {one["model"]: one["comparison"]["differ"] for one in project.reconciled} == dict.fromkeys(models, 0)


def test_a_second_run_finds_nothing_new_and_changes_nothing(project: Ran) -> None:
    assert (project.second_run["loads"], project.second_run["left_out"]) == ([], {})
    assert project.second_dump == project.dump
