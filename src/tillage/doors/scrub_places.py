"""Where a landed file lies now: as it landed, held by a putting-away that died, or in the archive, there also as `~2`.

Copies that a killed process left half made are removed on the way: what they were made of is still there.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tillage.contracts.project import ARCHIVE, Feed
from tillage.doors.putting_away import _HELD as HELD
from tillage.errors import OperatorError

PART = ".tillage-scrub"
"""What ends the name of a file that is to take another's place; it begins with a dot, so that no door takes it up."""
_NUMBERED = re.compile(r"(.+)~\d+")


@dataclass(frozen=True)
class Place:
    """A file that may be the one that landed."""

    name: str
    """Relative to the project."""
    real: Path
    """Links followed."""
    inside: Path
    """The folder, without links in its path, out of which nothing may lead."""
    is_landing: bool


class Places:
    """Looks for files of one feed; each folder is listed once."""

    def __init__(self, root: Path, feed: Feed) -> None:
        self._root, self._feed = root, feed
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def of(self, path: str) -> Iterator[tuple[Place, str]]:
        """Every file that may hold the source of that path, each with the member of it that is the source.

        Raises:
            OperatorError: a folder cannot be read.
        """
        for part in (PurePosixPath(path), *PurePosixPath(path).parents[:-1]):
            member = path[len(str(part)) + 1 :]
            for place in (*self._landed(part), *self._archived(part)):
                yield place, member

    def _landed(self, path: PurePosixPath) -> Iterator[Place]:
        folder = self._root / path.parent
        there = self._names(folder).get(path.name, [])
        _remove_parts(folder, there)
        is_of_feed = path.is_relative_to(self._feed.folder)
        inside = (self._root / self._feed.folder if is_of_feed else self._root).resolve()
        for name in (path.name, f".{path.name}{HELD}"):
            if name in there:
                yield from self._place(folder / name, inside, is_landing=True)

    def _archived(self, path: PurePosixPath) -> Iterator[Place]:
        archive = self._root / ARCHIVE
        folder = archive / path.parent
        there = self._names(folder, has_numbers=True).get(path.name, [])
        _remove_parts(folder, there)
        for name in there:
            if name.endswith(HELD) and (self._root / path.parent / f".{path.name}{HELD}").exists():
                (folder / name).unlink(missing_ok=True)  # a copy to another file system that was not finished
            elif not name.endswith(PART):
                yield from self._place(folder / name, archive.resolve(), is_landing=False)

    def _place(self, path: Path, inside: Path, *, is_landing: bool) -> Iterator[Place]:
        if not path.is_dir():
            yield Place(path.relative_to(self._root).as_posix(), path.resolve(), inside, is_landing)

    def _names(self, folder: Path, *, has_numbers: bool = False) -> dict[str, list[str]]:
        """Names in the folder, by the name that the file of it had when it landed; nothing if there is no folder.

        `a~2.csv` is listed as itself and as `a.csv`: which it is its digest tells.
        """
        if folder not in self._listed:
            found: dict[str, list[str]] = defaultdict(list)
            for name in _list(folder, self._root):
                bare = name
                for suffix in (PART, HELD):
                    if bare.startswith(".") and bare.endswith(suffix):
                        bare = bare[1 : -len(suffix)]
                stem, dot, suffixes = bare.partition(".")
                numbered = _NUMBERED.fullmatch(stem)
                found[bare].append(name)
                if has_numbers and numbered:
                    found[numbered[1] + dot + suffixes].append(name)
            self._listed[folder] = found
        return self._listed[folder]


def part_of(path: Path) -> Path:
    """Where the file that is to take the place of the one at `path` is written."""
    return path.with_name(f".{path.name}{PART}")


def _remove_parts(folder: Path, names: Iterable[str]) -> None:
    """What a killed process was writing; the file whose place it should take stands as it was."""
    for name in names:
        if name.endswith(PART):
            with suppress(OSError):  # who cannot remove it cannot write another, and that is said
                (folder / name).unlink()


def _list(folder: Path, root: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is asked for
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as wrong:
        name = folder.relative_to(root).as_posix()
        raise OperatorError(
            f"folder {name} cannot be read ({wrong.strerror}); make it readable, so that its files can be scrubbed"
        ) from None
