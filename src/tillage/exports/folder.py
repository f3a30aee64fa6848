"""An export of several tables as a folder: one file each, and `manifest.json`, which says what they are of.

It is written beside its name and moved there as a whole. In place of an older export, that is moved aside first: a
process that dies between the two moves leaves no folder under the name, and the next export to it begins with putting
the older one back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tillage.domain.export import Form
from tillage.domain.load import CommitPoint
from tillage.errors import ExportError
from tillage.exports.beside import beside, held_folder, said, sync
from tillage.exports.sink import Sink
from tillage.exports.spelled import write_rows
from tillage.ports.commit import Commits
from tillage.ports.export import Source, Streamed, Written

MANIFEST = "manifest.json"
_MADE_BY = "tillage export"
_MOST_BYTES = 1 << 24


class Folder:
    """One folder, made whole."""

    def __init__(self, path: Path, form: Form, commits: Commits, *, is_overwriting: bool) -> None:
        self._path = path
        self._form = form
        self._commits = commits
        self._is_overwriting = is_overwriting
        self._old = beside(path, "old")

    def location(self) -> str:
        return str(self._path)

    @contextmanager
    def opened(self) -> Iterator[OpenFolder]:
        with said(self._path), held_folder(self._path) as part:
            self._mend()
            self._refuse_taken()
            yield OpenFolder(part, self._form, self)

    def put(self, part: Path) -> None:
        """Moves it into place."""
        sync(part)
        self._refuse_taken()
        with self._commits.at(CommitPoint.EXPORT):
            if self._has_something():
                self._path.rename(self._old)
            part.rename(self._path)  # an empty folder gives way
            sync(self._path.parent)
        if self._old.exists():
            shutil.rmtree(self._old)

    def _mend(self) -> None:
        """What an export left that was killed while it exchanged one folder for another."""
        if not self._old.exists():
            return
        if self._path.exists():
            shutil.rmtree(self._old)
        else:
            self._old.rename(self._path)

    def _refuse_taken(self) -> None:
        if not self._has_something():
            return
        if not _is_an_export(self._path):
            raise ExportError(f"{self._path} holds other things than an export; give a new or empty folder with --to")
        if not self._is_overwriting:
            raise ExportError(
                f"{self._path} holds an export already; replace it with --overwrite, or give another folder with --to"
            )

    def _has_something(self) -> bool:
        if not self._path.exists():
            return False
        if not self._path.is_dir():
            raise ExportError(f"{self._path} is a file; several tables go to a folder: give another name with --to")
        return any(self._path.iterdir())


def _is_an_export(folder: Path) -> bool:
    """Whether it holds an export and nothing else."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
        files = {table["file"] for table in found["tables"]} if found["made_by"] == _MADE_BY else set()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return {path.name for path in folder.iterdir()} <= {MANIFEST, *files}


class OpenFolder:
    """The folder beside its place."""

    def __init__(self, part: Path, form: Form, folder: Folder) -> None:
        self._part = part
        self._form = form
        self._folder = folder

    def write(self, source: Source, streamed: Streamed, about: Mapping[str, str]) -> Written:
        path = self._part / f"{source.name}{self._form.suffix}"
        with path.open("xb") as under:
            sink = Sink(under)
            rows = write_rows(streamed, self._form, sink, about)
        sync(path)
        return Written(path.name, rows, sink.size_bytes, sink.sha256())

    def finish(self, manifest: Mapping[str, Any]) -> None:
        path = self._part / MANIFEST
        path.write_text(
            json.dumps({"made_by": _MADE_BY} | dict(manifest), ensure_ascii=False, indent=1) + "\n", "utf-8"
        )
        sync(path)
        self._folder.put(self._part)
