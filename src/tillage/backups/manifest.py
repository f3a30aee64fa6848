"""`manifest.json`: what a backup holds, as text, and back; nothing in it is believed before it was checked."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tillage.errors import BackupError
from tillage.ports.backup import BACKUP_FORMAT, CopiedFile, LakeTableCopy, Manifest, StoreTable

NAME = "manifest.json"
_MOST_BYTES = 1 << 28
_PART = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f]+")


def manifest_text(manifest: Manifest) -> str:
    """As `read_manifest` reads it."""
    return json.dumps({"format": BACKUP_FORMAT} | asdict(manifest), indent=1) + "\n"


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in that file; None if there is none.

    Raises:
        BackupError: it cannot be read, or was made by a newer version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise BackupError(f"{path} cannot be read: {wrong.strerror}; make it readable") from wrong
    try:
        found = json.loads(content)
        version = int(found["format"])
        if version > BACKUP_FORMAT:
            raise BackupError(
                f"{path} has format {version}, and this version of Tillage reads up to {BACKUP_FORMAT}: use Tillage "
                f"{_word(found['tillage'])} or newer"
            )
        return _manifest(found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        raise BackupError(f"{path} is not as it was written: the backup is damaged. Take another one") from wrong


def _manifest(found: dict[str, Any]) -> Manifest:
    return Manifest(
        backup=_word(found["backup"]),
        made_at=_word(found["made_at"]),
        tillage=_word(found["tillage"]),
        project=_word(found["project"]),
        house=_word(found["house"]),
        schema_version=int(found["schema_version"]),
        lake_format=int(found["lake_format"]),
        last_number=int(found["last_number"]),
        store=tuple(
            StoreTable(_word(one["name"]), tuple(map(_word, one["columns"])), int(one["rows"]), _file(one["file"]))
            for one in found["store"]
        ),
        lake=tuple(
            LakeTableCopy(_word(one["name"]), int(one["version"]), tuple(map(_file, one["files"])))
            for one in found["lake"]
        ),
    )


def _file(found: dict[str, Any]) -> CopiedFile:
    path = _word(found["path"])
    if not all(map(_PART.fullmatch, path.split("/"))):  # it never leads out of the folder
        raise ValueError("path")
    return CopiedFile(path, int(found["size_bytes"]), _word(found["sha256"]))


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError("text")
    return value
