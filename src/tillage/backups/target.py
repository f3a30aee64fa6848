"""Where a backup is restored to. From the first step to the last a file says so, and every other command stops at it.

Killed at any point, the file is there, and the same restore can be repeated: the lake held nothing before, so what is
in it came from the backup, and the store is filled in one transaction.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tillage.backups.files import sync_folder, write_file
from tillage.errors import BackupError
from tillage.ports.backup import Pieces, StoreCopies
from tillage.ports.lake import Lake

_SHUT = "restoring.json"
_MOST_BYTES = 4096


def refuse_half_restored(data: Path) -> None:
    """A house is used only when no restore of it is under way.

    Raises:
        BackupError: says how to end it.
    """
    if (data / _SHUT).exists():
        raise BackupError(
            "a restore into this project was interrupted: repeat it (tillage restore FOLDER), or, to begin anew, "
            f"{_move_away(data)}"
        )


def _move_away(data: Path) -> str:
    """By name, since the folders of other environments may lie beside them."""
    return f"move lake, store and {_SHUT} in {data} away"


class Target:
    """The folder `data` of a project, with a store that is open."""

    def __init__(self, data: Path, *, open_store: Callable[[], StoreCopies], make_lake: Callable[[], Lake]) -> None:
        self._data = data
        self._open_store = open_store
        self._make_lake = make_lake

    @property
    def store(self) -> StoreCopies:
        return self._open_store()

    def begin(self, backup: str, *, is_filled: bool) -> None:
        under_way = self._under_way()
        if under_way is None and is_filled:
            raise BackupError(
                "the store holds the loads of this backup already, and nothing is restored over them. Go on with: "
                f"tillage run; or {_move_away(self._data)} (of a store by DSN give an empty database) and repeat the "
                "command"
            )
        if under_way not in {None, backup}:
            raise BackupError(
                f"a restore of another backup was interrupted here; repeat that one, or {_move_away(self._data)}"
            )
        lake = self._data / "lake"
        if under_way is None and (found := [path for path in lake.glob("*/*") if path.is_dir()]):
            raise BackupError(
                f"{found[0]} is in the way: a backup is restored where nothing is; {_move_away(self._data)}, then "
                "repeat the command"
            )
        write_file(self._data, _SHUT, [json.dumps({"backup": backup}).encode()])
        with suppress(FileNotFoundError):
            shutil.rmtree(lake)

    def _under_way(self) -> str | None:
        try:
            with (self._data / _SHUT).open("rb") as file:
                return str(json.loads(file.read(_MOST_BYTES))["backup"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise BackupError(
                f"{self._data / _SHUT} is damaged; {_move_away(self._data)}, then repeat the command"
            ) from None

    def write(self, path: str, pieces: Pieces) -> None:
        write_file(self._data / "lake", path, pieces)

    def put_mark(self, house: str) -> None:
        self._make_lake().put_mark(house)

    def versions(self) -> dict[str, tuple[int, frozenset[str]]]:
        return {table.name: (table.version, table.data()) for table in self._make_lake().pinned()}

    def end(self) -> None:
        (self._data / _SHUT).unlink()
        sync_folder(self._data)
