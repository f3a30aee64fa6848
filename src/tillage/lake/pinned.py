"""One version of each table with all its files: what a copy of the lake is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from tillage.errors import LakeError
from tillage.lake.paths import file_paths
from tillage.ports.lake import PinnedFile, PinnedTable

# Commits and checkpoints by version. The hint `_last_checkpoint` is left out: by the time it is copied it may name one
# that is younger than the version.
_LOG = re.compile(r"(\d{20})\.(?:json|(?:[0-9a-f.-]+\.)?checkpoint[0-9a-f.-]*\.parquet)")


def pinned_tables(folder: Path, names: Iterable[str]) -> list[PinnedTable]:
    """The newest version of the tables of those names below `folder`.

    Raises:
        LakeError: one cannot be read, or lacks a file.
    """
    return [_pinned(folder, name) for name in sorted(names)]


def is_whole_copy(folder: Path, table: PinnedTable) -> bool:
    """Whether the copy of the table in `folder` can be read as that version, with all its files."""
    try:
        copy = DeltaTable(folder / table.name, version=table.version)
        paths = {Path(path) for path in file_paths(folder / table.name, copy.file_uris())}
    except (DeltaError, OSError):
        return False
    return paths == {folder / name for name in table.data()} and all(path.is_file() for path in paths)


def _pinned(folder: Path, name: str) -> PinnedTable:
    try:
        table = DeltaTable(folder / name)
        version = table.version()
        logs = [
            path
            for path in sorted((folder / name / "_delta_log").iterdir())
            if (match := _LOG.fullmatch(path.name)) and int(match[1]) <= version
        ]
        data = [Path(path) for path in file_paths(folder / name, table.file_uris())]
        files = [
            _file(folder, path, is_log=is_log) for paths, is_log in ((data, False), (logs, True)) for path in paths
        ]
    except FileNotFoundError as wrong:
        raise LakeError(
            f"table {name} lacks a file of its own, {Path(str(wrong.filename)).name}; put lake and store back from a "
            "backup: tillage restore"
        ) from wrong
    except (DeltaError, OSError) as wrong:
        raise LakeError(f"table {name} in {folder} cannot be read: {type(wrong).__name__}") from wrong
    return PinnedTable(name, version, tuple(files))


def _file(folder: Path, path: Path, *, is_log: bool) -> PinnedFile:
    return PinnedFile(path.relative_to(folder).as_posix(), str(path), path.stat().st_size, is_log)
