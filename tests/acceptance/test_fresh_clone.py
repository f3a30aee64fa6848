"""The first of the two commands, in a clone that has nothing but what is committed."""

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
