"""`safe/`: the keys of digests that would tell who people are. They lie apart from lake and store, and in no backup.

One file, `keys.json`, mode 0600 in a folder of mode 0700. While a key is changed it holds two: which of them the
store's digests are made with, its fingerprint tells.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tillage.domain.people import IndexKey, Keys
from tillage.errors import KeysError

FOLDER = "safe"
KEYS_FILE = "keys.json"
_LOCK = "keys.lock"
_INDEX, _FILES, _NEXT, _RING, _SIGNING = "index", "files", "next", "suppression", "signing"
_BYTES = 32
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Safe:
    """The safe of one environment."""

    folder: Path

    def keys(self, fingerprint: bytes | None) -> Keys:
        """The keys whose index key has that fingerprint; None: of a store that has no people yet, which gets some.

        Raises:
            KeysError: it is not here, or may be read by others.
        """
        held = self._read()
        if held is None:
            if fingerprint is not None:
                raise KeysError(
                    f"{self._shown} is not there, and the store knows people by its key: put it back from where it is "
                    "kept; without it nobody in the data can be found again, nor be told from others"
                )
            held = self._make()
        held = held if {_RING, _SIGNING} <= held.keys() else self._completed()
        files, ring = bytes.fromhex(held[_FILES]), bytes.fromhex(held[_RING])
        suppression = tuple(IndexKey(ring[place : place + _BYTES]) for place in range(0, len(ring), _BYTES))
        for name in (_INDEX, _NEXT):
            key = IndexKey(bytes.fromhex(held.get(name, "")))
            if key.secret and fingerprint in {None, key.fingerprint}:
                return Keys(key, files, suppression, bytes.fromhex(held[_SIGNING]))
        raise KeysError(
            f"{self._shown} has another key than the store knows people by: put back the one that belongs to this store"
        )

    def add_next(self, fingerprint: bytes) -> IndexKey:
        """A new key, kept beside the one of that fingerprint.

        Raises:
            KeysError: as `keys`.
        """
        now, fresh = self.keys(fingerprint), IndexKey(secrets.token_bytes(_BYTES))
        held = self._read() or {}
        # Whom the ring knows stays known by the key of that day; who comes to it later gets a new one too.
        ring = secrets.token_hex(_BYTES) + held[_RING]
        self._write(held | {_INDEX: now.index.secret.hex(), _NEXT: fresh.secret.hex(), _RING: ring})
        return fresh

    def keep_only(self, key: IndexKey) -> None:
        """Every other key of the index is gone."""
        held = self._read()
        if held is None:
            raise KeysError(f"{self._shown} is gone while its key was changed; put it back from where it is kept")
        self._write({name: value for name, value in held.items() if name != _NEXT} | {_INDEX: key.secret.hex()})

    @property
    def _file(self) -> Path:
        return self.folder / KEYS_FILE

    @property
    def _shown(self) -> str:
        return f"{self.folder.name}/{KEYS_FILE}" if self.folder.name == FOLDER else str(Path(FOLDER) / self.folder.name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time changes keys; who dies in between holds nobody up."""
        self._make_folder()
        descriptor = os.open(self.folder / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> dict[str, str]:
        """The first keys; of two processes that begin at once both get those of one."""
        with self.locked():
            held = self._read()
            if held is not None:
                return held
            made = {name: secrets.token_hex(_BYTES) for name in (_INDEX, _FILES, _RING, _SIGNING)}
            self._write(made)
            return made

    def _completed(self) -> dict[str, str]:
        """The keys with those that an older version did not make."""
        with self.locked():
            held = self._read() or {}
            made = {name: secrets.token_hex(_BYTES) for name in (_RING, _SIGNING) if name not in held}
            if made:
                self._write(held | made)
            return held | made

    def _make_folder(self) -> None:
        try:
            # Each of them, not only the last: that of an environment lies in that of the project.
            for folder in (self.folder.parent, self.folder) if self.folder.parent.name == FOLDER else (self.folder,):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
        except OSError as wrong:
            raise KeysError(f"{self._shown} cannot be written ({wrong.strerror})") from None

    def _read(self) -> dict[str, str] | None:
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise KeysError(
                f"{self._shown} cannot be read ({wrong.strerror}); let this account alone read it"
            ) from None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
                raise KeysError(
                    f"others than its owner may read {self._shown}, or it is no file: chmod 600 {self._shown}, and "
                    "change the key if somebody may have seen it: tillage keys rotate"
                )
            held = os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)
        try:
            keys = json.loads(held)
            known = {_INDEX, _FILES, _NEXT, _RING, _SIGNING}
            is_right = isinstance(keys, dict) and {_INDEX, _FILES} <= keys.keys() <= known
            lengths = {name: len(bytes.fromhex(value)) for name, value in keys.items()} if is_right else {}
            is_ring = lengths.pop(_RING, _BYTES) % _BYTES == 0
            if is_right and is_ring and set(lengths.values()) == {_BYTES}:
                return {str(name): str(value) for name, value in keys.items()}
        except (ValueError, TypeError):
            pass
        raise KeysError(f"{self._shown} holds no keys; put it back from where it is kept")

    def _write(self, keys: dict[str, str]) -> None:
        """Whole or not at all, and durable, while `locked`; no key is left in a part of a file that nobody names."""
        try:
            part = self.folder / f".{KEYS_FILE}.part"
            part.unlink(missing_ok=True)  # of who died before it was whole
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, (json.dumps(keys) + "\n").encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.rename(self._file)
            folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as wrong:
            raise KeysError(f"{self._shown} cannot be written ({wrong.strerror})") from None
