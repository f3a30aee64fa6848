"""Bytes on their way into a file or stream: counted and digested as they pass."""

from __future__ import annotations

import hashlib
import io
from typing import IO, Any


class Sink(io.RawIOBase):
    """Writes on to `under`, whatever that is, whole; closing it closes nothing else."""

    def __init__(self, under: IO[bytes]) -> None:
        self._under = under
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size_bytes = len(rest)
        self._digest.update(rest)
        self.size_bytes += size_bytes
        while len(rest):  # a file without a buffer may take less than it was given
            rest = rest[self._under.write(rest) :]
        return size_bytes

    def sha256(self) -> str:
        """Of everything that was written, in hex."""
        return self._digest.hexdigest()
