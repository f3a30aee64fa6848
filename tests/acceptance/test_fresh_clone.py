"""The first commands of somebody new, in a clone that has nothing but what is committed.

What `.ci/run` does beyond setup and demo takes far longer than a test should, so of its tests the clone runs one file:
enough to show that setup makes an environment in which `make test` works, not that all of them pass there.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.accept("2.7")
@pytest.mark.clone
def test_a_fresh_clone_runs_the_demo_twice(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    for _ in range(2):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TILLAGE_")}
        done = subprocess.run(["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "resumed from its receipts" in done.stdout
        assert "the law balances" in done.stdout
        assert ", 0 differ; orders 59,472 = 59,472" in done.stdout
        assert re.search(r'GET /spend/c1879   200 {"customerId":"c1879","orders":\d+,', done.stdout)
        assert "= served " in done.stdout


@pytest.mark.accept("2.7")
@pytest.mark.clone
def test_a_fresh_clone_runs_tests_and_lists_its_targets(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TILLAGE_", "PYTEST_"))}
    for words, said in (
        (["make"], "make setup"),
        (["make", "test", "TESTS=tests/unit/test_models.py"], " passed"),
        (["bash", "-n", ".ci/run"], ""),
    ):
        done = subprocess.run(words, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout
    assert list((clone / "src" / "tillage" / "cli" / "__pycache__").iterdir())


@pytest.mark.accept("2.7")
@pytest.mark.clone
def test_a_fresh_clone_makes_a_wheel_that_runs_the_demo_elsewhere(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    done = subprocess.run(["make", "dist"], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(".whl runs the demo outside the checkout\n")
    assert sorted(path.suffix for path in (clone / "dist").iterdir()) == [".gz", ".whl"]
