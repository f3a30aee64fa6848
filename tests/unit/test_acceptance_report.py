"""`make accept` never calls a point passed that something else than passing tests stand for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY, result_of


@pytest.mark.parametrize(
    ("outcomes", "is_whole", "result"),
    [
        ({"passed"}, True, "passed"),
        ({"passed", "failed"}, True, "FAILED"),
        ({"skipped", "failed"}, False, "FAILED"),
        ({"skipped"}, True, "not run"),
        ({"skipped", "passed"}, True, "partly not run"),
        (set(), True, "FAILED"),
        (set(), False, None),
    ],
)
def test_point_is_called_passed_only_where_all_its_tests_passed(
    outcomes: set[str], is_whole: bool, result: str | None
) -> None:
    assert result_of(outcomes, is_whole=is_whole) == result


def test_run_of_a_part_says_nothing_of_points_that_it_did_not_ask_for() -> None:
    command = [sys.executable, "-m", "pytest", "-m", "accept", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "tests/unit"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "FAILED" not in done.stdout


def test_run_of_everything_calls_a_point_without_outcomes_failed() -> None:
    # Collected only, so no point has an outcome.
    command = [sys.executable, "-m", "pytest", "-m", "accept", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout.count("FAILED") >= 7
    assert done.returncode != 0
