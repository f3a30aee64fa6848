"""Bytes on their way into a file or stream: counted and digested as they pass, packed, drawn from Arrow's arrays."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa

PACKED = {"gz": "gzip", "zst": "zstd"}
"""How Arrow calls what a suffix says."""


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


@contextmanager
def packed(sink: Sink, packing: str) -> Iterator[Sink | pa.CompressedOutputStream]:
    """What to write to for the packing of a suffix among `PACKED`; with none of these the sink itself."""
    if packing not in PACKED:
        yield sink
        return
    with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), PACKED[packing]) as out:
        yield out


def bytes_of(values: pa.Array) -> pa.Buffer:
    """The texts, or the bytes, of an array one after the other, which is how Arrow keeps them."""
    is_large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    _, offsets, data = values.buffers()
    ends = memoryview(offsets).cast("q" if is_large else "i")
    start, end = ends[values.offset], ends[values.offset + len(values)]
    return data.slice(start, end - start)
