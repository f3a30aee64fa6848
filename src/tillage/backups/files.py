"""Files written for good and read with proof: a digest of every byte, and on disk before anybody relies on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from tillage.errors import BackupError
from tillage.ports.backup import CopiedFile, Pieces

_PIECE_BYTES = 1 << 20


def write_file(folder: Path, path: str, pieces: Pieces) -> CopiedFile:
    """Writes it whole under another name, then moves it there; on disk with its folder when this returns."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.part")
    digest, size_bytes = hashlib.sha256(), 0
    with made.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size_bytes += len(piece)
        file.flush()
        os.fsync(file.fileno())
    made.replace(target)
    sync_folder(target.parent)
    return CopiedFile(path, size_bytes, digest.hexdigest())


def sync_folder(folder: Path) -> None:
    """What was made, moved or removed in it stays so."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, bounded pieces at a time."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def proved_pieces(folder: Path, file: CopiedFile) -> Iterator[bytes]:
    """As `read_pieces`.

    Raises:
        BackupError: before the first piece if the size is another, after the last one if the digest is.
    """
    path, digest = folder / file.path, hashlib.sha256()
    damaged = BackupError(
        f"{path} is not as it was written: the backup is damaged. Take another one; nothing of this one is used"
    )
    try:
        if path.stat().st_size != file.size_bytes:
            raise damaged
        for piece in read_pieces(path):
            digest.update(piece)
            yield piece
    except FileNotFoundError:
        raise damaged from None
    if digest.hexdigest() != file.sha256:
        raise damaged


def is_as_written(folder: Path, file: CopiedFile) -> bool:
    """Whether the bytes there are those that the manifest was written for."""
    try:
        for _ in proved_pieces(folder, file):
            pass
    except BackupError:
        return False
    return True
