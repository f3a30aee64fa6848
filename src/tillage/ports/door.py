"""Where records come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile

RecordBatch = Any
"""Arrow: `source` int32, `ordinal` int64, `offset` int64, `raw` large_binary; unique by (source, ordinal), in order."""


class Door(Protocol):
    """Files, in this version."""

    def arrivals(self, feed: Feed, known: Mapping[str, str]) -> list[SourceFile]:
        """What lies there and is not in `known` (path to signature of what was planned before), in order of path.

        Raises:
            OperatorError: the folder is missing or cannot be read.
        """
        ...

    def read(self, sources: Iterable[SourceFile]) -> Iterator[RecordBatch]:
        """The records of the sources, each once, in bounded batches that may span sources. After the last batch the
        bytes are known to be those that were planned.

        Raises:
            SourceChangedError: they are not, or the file is gone.
            FileRejectedError: it cannot be unpacked.
        """
        ...
