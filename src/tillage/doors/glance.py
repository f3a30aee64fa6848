"""A feed's folder seen from far: whether a file came, changed or went, by names, sizes and times alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from tillage.contracts.project import Feed
from tillage.doors.folders import fits, is_data, is_hidden, refuse_missing, suffix_reason, walk
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
        for name in self._names(feed):
            last = name.rpartition("/")[2]
            if (
                is_hidden(last)
                or not fits(name.split("/"), pattern)
                or (suffix_reason(last, feed) and not is_data(last))
            ):
                continue
            try:
                found = signature(os.stat(f"{self._root}/{name}"))  # noqa: PTH116  (ten thousands of them, each second)
            except OSError:
                continue  # gone since it was listed, or a link that leads nowhere
            text = f"{name}\0{found}".encode(errors="surrogateescape")
            total += int.from_bytes(hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest())
            count += 1
        return f"{count}:{total:x}"

    def _names(self, feed: Feed) -> Iterator[str]:
        for directory, names in walk(refuse_missing(self._root, feed), self._root):
            folder = directory.relative_to(self._root).as_posix()
            yield from (f"{folder}/{name}" for name in names)
