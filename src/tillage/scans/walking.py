"""All entries below a folder, each with a name that may be shown: one that holds what is searched is a number."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tillage.ports.scanning import Hit, Search


@dataclass(frozen=True)
class Entry:
    """A folder, file, link, or whatever else lies there."""

    path: Path
    relative: str
    """To the folder where the walk began; empty for that itself."""
    shown: str
    mode: int
    in_name: tuple[Hit, ...] = ()
    """What its own name holds, or the target of the link."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


Unread = Callable[[Entry, OSError], None]


def entries(root: Path, search: Search, unread: Unread) -> Iterator[Entry]:
    """Everything below the root, hidden or not, without following a link; what vanishes meanwhile is left out."""
    waiting = [Entry(root, "", "", stat.S_IFDIR)]
    while waiting:
        folder = waiting.pop()
        try:
            names = sorted(os.listdir(folder.path))  # noqa: PTH208 - names, not paths
        except OSError as error:
            # Without the root nothing was searched, which must not look as if nothing was found.
            if folder.path == root or not isinstance(error, FileNotFoundError):
                unread(folder, error)
            continue
        for number, name in enumerate(names, 1):
            entry = _entry(folder, name, number, search, unread)
            if entry is None:
                continue
            yield entry
            if entry.is_folder:
                waiting.append(entry)


def _entry(folder: Entry, name: str, number: int, search: Search, unread: Unread) -> Entry | None:
    path = folder.path / name
    relative = f"{folder.relative}/{name}" if folder.relative else name
    told = f"entry {number} of {folder.shown or 'the project'}"
    # In the whole path, since a folder may be the context of a file's name.
    whole = os.fsencode(relative)
    own = len(whole) - len(os.fsencode(name))
    held = tuple(hit for hit in search.found(whole, place=f"name of {told}") if hit.at + hit.size_bytes > own)
    shown = (
        f"({told})"
        if held
        else "/".join(filter(None, (folder.shown, os.fsencode(name).decode("utf-8", "backslashreplace"))))
    )
    entry = Entry(path, relative, shown, 0, held)
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = os.fsencode(path.readlink())
            held += tuple(search.found(target, place=f"target of {told}"))
    except FileNotFoundError:
        return None
    except OSError as error:
        unread(entry, error)
        return entry
    return replace(entry, mode=mode, in_name=held)
