"""What goes into sdist and wheel is what git has, no more and no less; `make dist` runs the demo from them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from scripts.dist import DistError, look_into, make

COMMITTED = {"README.md", "tests/unit/test_x.py", "src/tillage/__init__.py", "src/tillage/py.typed"}
WHOLE = [
    "tillage/__init__.py",
    "tillage/py.typed",
    *(f"tillage-1.0.dist-info/{name}" for name in ["METADATA", "WHEEL", "RECORD", "entry_points.txt"]),
    "tillage-1.0.dist-info/licenses/LICENSE",
]


def wheel_of(folder: Path, names: list[str]) -> Path:
    path = folder / "tillage-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_sdist_and_wheel_hold_what_git_has(tmp_path: Path) -> None:
    with zipfile.ZipFile(make(tmp_path)) as archive:
        names = archive.namelist()
    for ending in ("py.typed", "food-orders/tillage.yaml", "food-orders/.gitignore", "schema.sql", "licenses/LICENSE"):
        assert any(name.endswith(f"/{ending}") for name in names)
    assert len(list(tmp_path.glob("*.tar.gz"))) == 1


def test_wheel_that_holds_the_package_and_its_licence_is_whole(tmp_path: Path) -> None:
    look_into(wheel_of(tmp_path, WHOLE), COMMITTED)


@pytest.mark.parametrize("name", WHOLE)
def test_file_that_a_wheel_lacks_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DistError, match=f"missing: {re.escape(name)}$"):
        look_into(wheel_of(tmp_path, [other for other in WHOLE if other != name]), COMMITTED)


@pytest.mark.parametrize("name", ["tests/unit/test_x.py", "README.md", "tillage/data/orders.jsonl", "tillage.pth"])
def test_file_that_is_too_many_in_a_wheel_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DistError, match=f"too many: {re.escape(name)}$"):
        look_into(wheel_of(tmp_path, [*WHOLE, name]), COMMITTED)
