"""Where CI is set, a test that would be skipped fails; elsewhere the reason is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_TESTS = """
import pytest

def test_that_finds_its_program_missing():
    pytest.skip("no such program")

@pytest.fixture
def service():
    pytest.skip("no such service")

def test_that_needs_a_service(service):
    raise AssertionError

@pytest.mark.skipif(True, reason="no such right")
def test_that_needs_a_right():
    raise AssertionError

@pytest.mark.skipif(True, reason="about root")
def test_about_another_account():
    raise AssertionError

@pytest.mark.xfail(strict=True)
def test_that_is_expected_to_fail():
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("variables", "counts", "exit_code"),
    [({"CI": "true"}, "1 failed, 1 skipped, 1 xfailed, 2 errors", 1), ({}, "4 skipped, 1 xfailed", 0)],
    ids=["CI", "elsewhere"],
)
def test_what_cannot_be_run_fails_in_ci_and_is_named_elsewhere(
    tmp_path: Path, variables: dict[str, str], counts: str, exit_code: int
) -> None:
    file = tmp_path / "test_made_up.py"
    file.write_text(_TESTS)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | variables
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            "-ra",
            "--rootdir=.",
            str(file),
        ],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert counts in done.stdout, done.stdout + done.stderr
    assert all(f"no such {what}" in done.stdout for what in ("program", "service", "right"))
    assert done.returncode == exit_code
