"""Whose accounts of this machine may read what lies in a folder."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

OWNER = "the account that owns it"
GROUP = "the account that owns it, and its group"
EVERYBODY = "every account of this machine"


def read_by(folder: Path) -> str:
    """By the modes of the folder and of those above it; lists of access rights (ACLs) are not looked at."""
    folder = folder.resolve()
    return let_in([one.stat().st_mode for one in (folder, *folder.parents) if one.exists()])


def let_in(modes: Iterable[int]) -> str:
    """Whom folders of these modes, one in the other, let in: nobody gets past one that shuts him out."""
    modes = list(modes)
    if all(mode & stat.S_IXOTH for mode in modes):
        return EVERYBODY
    return GROUP if all(mode & (stat.S_IXOTH | stat.S_IXGRP) for mode in modes) else OWNER
