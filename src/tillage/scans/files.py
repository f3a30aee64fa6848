"""Searches every file of a project, as it is stored and as what it unpacks to, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO

from tillage.ports.scanning import OTHERS, Identifier, Search, Searched
from tillage.scans.pages import PAGE_BYTES, is_pages, unpacked_values
from tillage.scans.search import BytesSearch
from tillage.scans.streams import BLOCK_BYTES, Stream
from tillage.scans.toast import Chunks
from tillage.scans.unpacking import Source, TornError, inside
from tillage.scans.walking import Entry, entries

_READ_BYTES = 128 * PAGE_BYTES
_MADE_BY_INITDB = ("1", "4", "5")  # template1, template0, postgres, by their numbers since PostgreSQL 15
_MOST_LEVELS = 5  # packed in packed
_BETWEEN_VALUES = b"\0" * 600  # so that one value is not in the context of another


class FileScanner:
    """Searches below one folder."""

    def __init__(
        self, root: Path, *, is_skipped: Callable[[Path], bool] = lambda _: False, block_bytes: int = BLOCK_BYTES
    ) -> None:
        """Of the project at `root`.

        Args:
            is_skipped: Files for which that is so are not read, as the caller's own of what is searched.
            block_bytes: How much is searched at once.
        """
        self._root = root
        self._is_skipped = is_skipped
        self._block_bytes = block_bytes

    def search(self, identifiers: Sequence[Identifier]) -> Search:
        return BytesSearch(identifiers)

    def files(self, search: Search, layers: Iterable[tuple[str, str]]) -> list[Searched]:
        layers = list(layers)
        of = _Layers(layers)
        for entry in self._entries(search, layers, of):
            searched = of.layer(entry.relative)
            searched.hits += entry.in_name
            if entry.is_file and not self._is_skipped(entry.path):
                self._search_file(entry, search, of)
        return of.all()

    def _entries(self, search: Search, layers: Iterable[tuple[str, str]], of: _Layers) -> Iterator[Entry]:
        """Also of folders that layers name, where they are reached by a link: files arrive through it."""
        yield from entries(self._root, search, of.note_unread)
        root = self._root.resolve()
        for folder in dict.fromkeys(folder for _, folder in layers):
            real = (self._root / folder).resolve()
            if real.is_dir() and not real.is_relative_to(root):
                for entry in entries(real, search, of.note_unread):
                    yield replace(entry, relative=f"{folder}/{entry.relative}", shown=f"{folder}/{entry.shown}")

    def _search_file(self, entry: Entry, search: Search, of: _Layers) -> None:
        searched = of.layer(entry.relative)
        source = Source(entry.shown, lambda: _read(entry.path), lambda: _opened(entry.path))
        try:
            with _opened(entry.path) as file:
                start = file.read(_READ_BYTES)
            searched.files += 1
            searched.stored_bytes += self._search_stream(source, search, searched)
            self._search_inside(source, search, searched, level=1)
            if _is_of_a_database(_parts(entry.relative)) and is_pages(start):
                values = Source(f"{entry.shown}, long values", lambda: _values(source.pieces()))
                searched.decoded_bytes += self._search_stream(values, search, searched)
        except FileNotFoundError:
            return
        except OSError as error:
            of.note_unread(entry, error)

    def _search_stream(self, source: Source, search: Search, searched: Searched) -> int:
        stream = Stream(source.pieces(), block_bytes=self._block_bytes)
        try:
            for hit in stream.hits(search, source.place):
                searched.hits.append(hit)  # those before a tear count too
        except TornError as torn:
            searched.undecoded.append(f"{source.place}: {torn}")
        return stream.size_bytes

    def _search_inside(self, source: Source, search: Search, searched: Searched, *, level: int) -> None:
        try:
            for within in inside(source):
                if level > _MOST_LEVELS:
                    searched.undecoded.append(f"{source.place}: is packed more than {_MOST_LEVELS} times")
                    return
                searched.decoded_bytes += self._search_stream(within, search, searched)
                self._search_inside(within, search, searched, level=level + 1)
        except TornError as torn:
            searched.undecoded.append(f"{source.place}: {torn}")


class _Layers:
    """What is counted, by layer."""

    def __init__(self, layers: Iterable[tuple[str, str]]) -> None:
        self._folders = [(_parts(folder), name) for name, folder in layers]
        self._searched = {name: Searched(name) for _, name in self._folders}
        self._searched.setdefault(OTHERS, Searched(OTHERS))

    def layer(self, relative: str) -> Searched:
        """That of the innermost folder that is named."""
        parts = _parts(relative)
        holding = [(len(folder), name) for folder, name in self._folders if parts[: len(folder)] == folder]
        return self._searched[max(holding)[1] if holding else OTHERS]

    def note_unread(self, entry: Entry, error: OSError) -> None:
        place = entry.shown or "the project's folder"
        self.layer(entry.relative).unread.append(f"{place}: {os.strerror(error.errno or 0)}")

    def all(self) -> list[Searched]:
        others = self._searched.pop(OTHERS)
        return [*self._searched.values(), others]


def _is_of_a_database(parts: tuple[str, ...]) -> bool:
    """Whether a file is of PostgreSQL's tables, in another database than the three that initdb makes, which hold what
    initdb put there: of what is packed in them most of the time would go into the text of its views.
    """
    return "base" in parts[:-2] and parts[parts.index("base") + 1] not in _MADE_BY_INITDB


def _parts(relative: str) -> tuple[str, ...]:
    return tuple(part for part in relative.split("/") if part not in {"", "."})


def _opened(path: Path) -> IO[bytes]:
    # Not blocking, in case a FIFO has come to lie there; following no link, for the same reason.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)


def _read(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        while block := file.read(_READ_BYTES):
            yield block


def _values(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Values of PostgreSQL that are compressed or cut, whatever the size of the pieces."""
    rest = b""
    chunks = Chunks()
    for piece in pieces:
        pages = rest + piece
        whole = len(pages) // PAGE_BYTES * PAGE_BYTES
        rest = pages[whole:]
        for value in chain(unpacked_values(pages[:whole]), chunks.values(pages[:whole])):
            yield value + _BETWEEN_VALUES
    yield from chunks.last()
