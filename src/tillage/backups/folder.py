"""The folder of a backup: `manifest.json`, `lake` as it was, and the store's tables in a folder of each backup's own.

A second backup into the same folder keeps the Parquet files that are there and unharmed, since these never change, and
puts everything else beside what is there. The manifest is moved into place last: until then the backup before is whole,
and from then on the new one is. What no manifest names is removed after that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tillage.backups.files import is_as_written, proved_pieces, read_pieces, sync_folder, write_file
from tillage.backups.manifest import NAME, manifest_text, read_manifest
from tillage.domain.load import CommitPoint
from tillage.errors import BackupError, TillageError, TransientError
from tillage.ports.backup import CopiedFile, Manifest, Pieces
from tillage.ports.commit import Commits
from tillage.ports.lake import PinnedFile

# Beside the manifest from the first moment on, so that no folder of somebody else's is ever cleared.
_OURS = "tillage-backup.json"


class Folder:
    """One folder, made when the first file is written."""

    def __init__(self, folder: Path, commits: Commits) -> None:
        self._folder = folder
        self._commits = commits

    def location(self) -> Path:
        return self._folder

    def manifest(self) -> Manifest | None:
        return read_manifest(self._folder / NAME)

    def prepare(self) -> None:
        """Makes the folder one for backups.

        Raises:
            BackupError: it holds something else.
        """
        with _said(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if (self._folder / _OURS).exists():
                return
            if found := sorted(path.name for path in self._folder.iterdir()):
                raise BackupError(f"{self._folder} holds other things, such as {found[0]}; give a new or empty folder")
            write_file(self._folder, _OURS, [json.dumps({"made_by": "tillage backup"}).encode()])

    def write(self, path: str, pieces: Pieces) -> CopiedFile:
        with _said(self._folder):
            return write_file(self._folder, path, pieces)

    def keep(self, path: str, source: PinnedFile, before: CopiedFile | None) -> tuple[CopiedFile, bool]:
        with _said(self._folder):
            # A Parquet file has a random name and never changes. A commit has a number, and might be another's.
            if before and not source.is_log and before.size_bytes == source.size_bytes:
                if is_as_written(self._folder, before):
                    return before, True
            elif before and source.is_log and source.name.endswith(".json"):
                self._refuse_other(path, source, before)
            try:
                made = write_file(self._folder, path, read_pieces(Path(source.path)))
            except FileNotFoundError:
                raise _changed(source) from None
            if made.size_bytes != source.size_bytes:
                raise _changed(source)
            return made, False

    def _refuse_other(self, path: str, source: PinnedFile, before: CopiedFile) -> None:
        if not is_as_written(Path(source.path).parent, CopiedFile(Path(source.path).name, *_rest(before))):
            raise BackupError(
                f"{self._folder / path} is of another course of this project: it was restored to an earlier moment "
                "since. Back up into a new folder"
            )

    def finish(self, manifest: Manifest) -> None:
        with _said(self._folder):
            made = write_file(self._folder, f"next.{NAME}", [manifest_text(manifest).encode()])
            with self._commits.at(CommitPoint.BACKUP):
                (self._folder / made.path).replace(self._folder / NAME)
                sync_folder(self._folder)
            _clear(self._folder, {NAME, _OURS, *(file.path for file in manifest.files())})

    def pieces(self, file: CopiedFile) -> Iterator[bytes]:
        return proved_pieces(self._folder, file)


def _rest(file: CopiedFile) -> tuple[int, str]:
    return file.size_bytes, file.sha256


def _changed(source: PinnedFile) -> TransientError:
    return TransientError(f"{source.name} was removed or changed while it was copied; repeat the command")


def _clear(folder: Path, kept: Iterable[str]) -> None:
    """Removes every file that is not kept, and the folders that this leaves empty."""
    paths = {folder / path for path in kept}
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            if (path := Path(parent) / name) not in paths:
                path.unlink()
        if Path(parent) != folder and not any(Path(parent).iterdir()):
            Path(parent).rmdir()


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    """The system's complaints as ours."""
    try:
        yield
    except TillageError:
        raise
    except OSError as wrong:
        raise BackupError(
            f"{wrong.filename or folder}: {wrong.strerror}; mend that, then repeat the command"
        ) from wrong
