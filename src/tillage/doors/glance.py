"""A feed's folder seen from far: whether a file came, changed or went, by names, sizes and times alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tillage.contracts.project import Feed
from tillage.doors.folders import fits, is_data, refuse_missing, suffix_reason, walk
from tillage.doors.opening import signature

_DIGEST_BYTES = 16


class LandingFolders:
    """The landing folders of the project in `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def look(self, feed: Feed) -> str:
        # Digests are added up, so that neither the order nor the number of files asks for memory.
        total = count = 0
        pattern = feed.path.split("/")
        folders = walk(refuse_missing(self._root, feed), self._root)
        for path in (directory / name for directory, names in folders for name in names):
            parts = path.relative_to(self._root).parts
            if not fits(parts, pattern) or (suffix_reason(path.name, feed) and not is_data(path.name)):
                continue
            try:
                found = signature(path.stat())
            except OSError:
                continue  # gone since it was listed, or a link that leads nowhere
            text = f"{'/'.join(parts)}\0{found}".encode(errors="surrogateescape")
            total += int.from_bytes(hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest())
            count += 1
        return f"{count}:{total:x}"
