"""Whom the modes of folders let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tillage.lake.modes import EVERYBODY, GROUP, OWNER, let_in, read_by


@pytest.mark.parametrize(
    ("modes", "who"),
    [
        ([0o755, 0o755], EVERYBODY),
        ([0o711], EVERYBODY),
        ([0o755, 0o750, 0o755], GROUP),
        ([0o755, 0o700], OWNER),
        ([0o750, 0o700], OWNER),
        ([0o744], OWNER),
    ],
)
def test_nobody_gets_past_a_folder_that_shuts_him_out(modes: list[int], who: str) -> None:
    assert let_in(modes) == who


def test_folder_is_as_open_as_those_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    folder.parent.chmod(0o700)
    assert read_by(folder) == OWNER
    assert read_by(folder / "not there") == OWNER
    (tmp_path / "link").symlink_to(folder)
    assert read_by(tmp_path / "link") == OWNER
