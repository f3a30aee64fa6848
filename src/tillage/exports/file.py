"""An export of one table as a file: written beside its name, on disk, then moved there.

A process that dies before the move leaves the place as it was, and one file beside it that the next export to the same
place removes; after it, the export is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tillage.domain.export import Form
from tillage.domain.load import CommitPoint
from tillage.errors import ExportError
from tillage.exports.beside import held_file, said, sync
from tillage.exports.sink import Sink
from tillage.exports.spelled import write_rows
from tillage.ports.commit import Commits
from tillage.ports.export import Source, Streamed, Written


class File:
    """One file, whose folder is there."""

    def __init__(self, path: Path, form: Form, commits: Commits, *, is_overwriting: bool) -> None:
        self._path = path
        self._form = form
        self._commits = commits
        self._is_overwriting = is_overwriting

    def location(self) -> str:
        return str(self._path)

    @contextmanager
    def opened(self) -> Iterator[OpenFile]:
        with said(self._path):
            self._refuse_taken()
            with held_file(self._path) as (part, handle):
                yield OpenFile(part, handle, self._form, self)

    def put(self, part: Path) -> None:
        """Moves it into place, where by now something else may have come to lie."""
        sync(part)
        with self._commits.at(CommitPoint.EXPORT):
            if self._is_overwriting:
                part.replace(self._path)
            else:
                self._put_new(part)
            sync(self._path.parent)

    def _put_new(self, part: Path) -> None:
        try:
            os.link(part, self._path)
        except FileExistsError:
            raise self._taken() from None
        except OSError:  # a file system without links, such as FAT
            self._refuse_taken()
            part.replace(self._path)
        else:
            part.unlink()

    def _refuse_taken(self) -> None:
        if self._path.is_dir():
            raise ExportError(f"{self._path} is a folder; give a file's name, or a folder with a / at its end")
        if self._path.exists() and not self._is_overwriting:
            raise self._taken()

    def _taken(self) -> ExportError:
        return ExportError(
            f"{self._path} is there already; replace it with --overwrite, or give another name with --to"
        )


class OpenFile:
    """The file beside its place."""

    def __init__(self, part: Path, handle: int, form: Form, file: File) -> None:
        self._part = part
        self._handle = handle
        self._form = form
        self._file = file

    def write(self, source: Source, streamed: Streamed, about: Mapping[str, str]) -> Written:
        del source  # of one table the name was given
        with open(self._handle, "wb", closefd=False) as under:
            sink = Sink(under)
            rows = write_rows(streamed, self._form, sink, about)
        return Written(Path(self._file.location()).name, rows, sink.size_bytes, sink.sha256())

    def finish(self, manifest: Mapping[str, Any]) -> None:
        del manifest  # one file says what it can itself
        self._file.put(self._part)
