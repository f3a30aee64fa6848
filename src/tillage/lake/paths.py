"""Where a table's files lie, as plain paths, and which folders no table can lie in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from tillage.errors import LakeError

# delta-rs 1.6 makes an address of the path that these break: it ends in a panic, or reads another folder than it
# writes. It resolves symbolic links first, so there is no way around it.
_BROKEN = re.compile(r"[\[\]^|\\\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")


def check_folder(folder: Path) -> None:
    """A lake can be kept in `folder`, whatever else its path is made of: spaces, letters, `#`, `{}`, `*`, quotes.

    Raises:
        LakeError: the path holds what delta-rs cannot read back; nothing was written.
    """
    found = _BROKEN.search(str(folder))
    if found:
        raise LakeError(
            rf"no Delta table can be kept below a folder with {found[0]!a} in its path: move the project to a "
            r"path without [ ] ^ | \, control characters, or % before two hexadecimal digits"
        )


def file_paths(folder: Path, addresses: Iterable[str]) -> tuple[str, ...]:
    """The paths of the files of the table in `folder`, which has no partitions, from their percent-encoded URIs."""
    return tuple(sorted(str(folder / unquote(address.rsplit("/", 1)[-1])) for address in addresses))
