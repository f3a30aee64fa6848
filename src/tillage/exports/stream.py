"""An export into a stream that somebody reads, such as standard output or a named pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tillage.domain.export import Form
from tillage.exports.beside import said
from tillage.exports.sink import Sink
from tillage.exports.spelled import write_rows
from tillage.ports.export import Source, Streamed, Written


class Stream:
    """Written as it comes: a reader of it must look at how the command ended."""

    def __init__(self, name: str, opened: IO[bytes] | None, form: Form) -> None:
        self._name = name
        self._under = opened
        self._form = form

    def location(self) -> str:
        return self._name

    @contextmanager
    def opened(self) -> Iterator[OpenStream]:
        with said(Path(self._name)):
            if self._under is not None:
                yield OpenStream(self._name, self._under, self._form)
                return
            with Path(self._name).open("wb") as under:
                yield OpenStream(self._name, under, self._form)


class OpenStream:
    """The stream."""

    def __init__(self, name: str, under: IO[bytes], form: Form) -> None:
        self._name = name
        self._under = under
        self._form = form

    def write(self, source: Source, streamed: Streamed, about: Mapping[str, str]) -> Written:
        del source  # of one table the name was given
        sink = Sink(self._under)
        rows = write_rows(streamed, self._form, sink, about)
        return Written(self._name, rows, sink.size_bytes, sink.sha256())

    def finish(self, manifest: Mapping[str, Any]) -> None:
        del manifest
        self._under.flush()
