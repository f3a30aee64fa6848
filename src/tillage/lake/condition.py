"""Whether a table's folder can be written, found out before the library does, and how it is said that it cannot."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from tillage.errors import LakeError

# A small load fits; and what PostgreSQL and the logs of the tables need to end it, often on the same disk.
_LEAST_FREE_BYTES = 8 * 1024 * 1024


def refuse_unwritable(folder: Path) -> None:
    """Of the table in `folder`: this account may not add files, or the disk is as good as full.

    The library would find out by itself, and print a panic of its own besides.

    Raises:
        OSError: what is in the way.
    """
    for one in (folder, folder / "_delta_log"):
        if one.exists() and not os.access(one, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    found = os.statvfs(folder)
    if found.f_bavail * found.f_frsize < _LEAST_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unusable(table: str, folder: Path, what: str, wrong: Exception) -> LakeError:
    """Says what the system said, which is all of the library's text that surely holds no value of a record."""
    code = re.search(r"\(os error (\d+)\)", str(wrong))
    number = wrong.errno if isinstance(wrong, OSError) and wrong.errno else int(code[1]) if code else None
    why = os.strerror(number) if number else type(wrong).__name__
    return LakeError(
        f"table {table} in {folder} cannot be {what}: {why}. Mend that (owner, mode, space), then repeat the command"
    )
