"""What a file is, by its first bytes: its format, and how a feed has to describe it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from tillage.contracts.project import Feed
from tillage.doors.folders import SUFFIXES
from tillage.doors.start import beginning

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_LINES = (".jsonl", ".ndjson")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++|(")', re.DOTALL)
_STEP = re.compile(r"[^.\[\]*$\s\\\x00-\x1f]+")
_DEPTH = 4
_PARQUET = b"PAR1"
_START_BYTES = 16 * 1024  # of each such file at every run: that of 1,000 files costs less than to list them


def recognised(start: bytes, name: str, *, is_whole: bool) -> str | None:
    """The format; None where it is none that can be told.

    Args:
        start: of the decoded stream.
        name: of the file without its packing; decides only where the bytes do not.
        is_whole: whether they are all there are.
    """
    if start.startswith(_UTF16):
        return "csv"
    start = start.removeprefix(_BOM)
    head = start.lstrip()
    if b"\0" in start or not head:
        return None
    if head.startswith(b"<"):
        return "xml"
    lines = [line for line in start.split(b"\n") if line.strip()]
    if not is_whole and len(lines) > 1:
        lines = lines[:-1]  # cut off somewhere
    objects = sum(map(is_object, lines[:200]))
    if objects * 2 > min(len(lines), 200) and (len(lines) > 1 or name.lower().endswith(_LINES)):
        return "jsonl"
    if head.startswith((b"{", b"[")):
        return "json"
    is_table = any(mark in lines[0] for mark in (b",", b";", b"\t", b"|"))
    return "csv" if is_table or name.lower().endswith(SUFFIXES["csv"][:4]) else None


def begins_as(feed: Feed, blocks: Iterator[bytes], name: str) -> bool:
    """Whether a decoded stream begins as one of the feed's format, whatever its name says."""
    start, is_whole = beginning(blocks, _START_BYTES)
    if start.startswith(_PARQUET):
        return feed.format == "parquet"
    return recognised(bytes(start), name, is_whole=is_whole) == feed.format


def is_object(line: bytes) -> bool:
    """Whether a line is one JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class _DoctypeError(Exception):
    """A document type, which no XML feed may have."""


@dataclass
class _Frame:
    """An open object or list; `path` are the members that lead to it, None below a list."""

    is_list: bool
    path: tuple[str, ...] | None
    key: str = ""
    is_fresh: bool = True


@dataclass
class _Document:
    frames: list[_Frame] = field(default_factory=list)
    found: list[tuple[str, ...]] = field(default_factory=list)

    def take(self, piece: str, following: str) -> None:
        top = self.frames[-1] if self.frames else None
        if piece in "{[":
            path: tuple[str, ...] | None = () if top is None else None
            if top is not None and not top.is_list and top.path is not None:
                path = (*top.path, top.key)
            if top is not None and top.is_list and top.is_fresh and top.path and piece == "{":
                self.found.append(top.path)
            self.frames.append(_Frame(piece == "[", path))
        elif piece in "}]":
            del self.frames[-1:]
        elif piece.startswith('"') and following == ":" and top is not None:
            top.key = piece[1:-1]
        if top is not None:
            top.is_fresh = False


def json_lists(start: bytes) -> list[str]:
    """The lists of objects that lie in the objects of a document, as `records` names them: the outermost first."""
    document = _Document()
    pieces = [token[0] for token in _whole(start.removeprefix(_BOM).decode(errors="replace"))]
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        document.take(piece, following)
    paths = [path for path in document.found if len(path) <= _DEPTH and all(map(_STEP.fullmatch, path))]
    return [f"$.{'.'.join(path)}[*]" for path in sorted(dict.fromkeys(paths), key=len)]


def _whole(text: str) -> Iterator[re.Match[str]]:
    for token in _TOKEN.finditer(text):
        if token[1]:
            return  # a string that is cut off
        yield token


def xml_record(start: bytes) -> str | None:
    """The path of the element that is repeated, outermost first; None where the start is no XML."""
    counts: Counter[tuple[str, ...]] = Counter()
    path: list[str] = []

    def opened(name: str, _: object) -> None:
        path.append(name)
        if len(path) <= _DEPTH:
            counts[tuple(path)] += 1

    def refuse(*_: object) -> None:
        raise _DoctypeError

    parser = expat.ParserCreate()
    parser.StartElementHandler = opened
    parser.StartDoctypeDeclHandler = refuse
    parser.EndElementHandler = lambda _: path.pop()
    try:
        parser.Parse(start, False)
    except expat.ExpatError:
        pass  # what came before it counts
    except _DoctypeError:
        return None
    if not counts:
        return None
    found: Sequence[str] = next(iter(counts))
    while len(found) < _DEPTH:
        children = {child: count for child, count in counts.items() if child[:-1] == tuple(found)}
        often = max(children, key=lambda child: children[child], default=None)
        if often is None or (children[often] == 1 and len(children) > 1):
            break
        found = often
        if children[often] > 1:
            break
    return "/" + "/".join(found)
