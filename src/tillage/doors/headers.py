"""How the header of a CSV file would fit the contract: in another dialect, behind some lines, or spelt otherwise."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Sequence

from tillage.contracts.project import WHITESPACE, Csv

_DELIMITERS = ",;\t|"
_ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
_MOST_LINES = 30
_MOST_NAMES = 3


def other_header(dialect: Csv, start: bytes, members: Collection[str]) -> str | None:
    """What `tillage.yaml` or the contract should say so that the header has columns of `members`, or more of them.

    Names are told by the contract's spelling, since those in the file may be values.
    """
    own = _own_header(dialect, start)
    if not dialect.has_header or dialect.columns or not members:
        return None
    if not set(own) & set(members):
        for found, names in _others(dialect, start):
            if set(names) & set(members):
                return f"a header is found otherwise: set `csv: {{{_changes(dialect, found)}}}`"
    alike = {_plain(name): position for position, name in enumerate(own, 1)}
    told = [
        f"column {alike[_plain(member)]} is '{member}' of the contract"
        for member in sorted(set(members) - set(own))
        if _plain(member) in alike
    ]
    if not told:
        return None
    return f"but for case and blanks, {', '.join(told[:_MOST_NAMES])}: set its `physicalName` as the file has it"


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _own_header(dialect: Csv, start: bytes) -> Sequence[str]:
    lines = _lines(start, dialect.encoding)[dialect.skip_rows :]
    return next((_names(line, dialect.delimiter or ",", dialect.quote) for line in lines if line.strip()), ())


def _others(dialect: Csv, start: bytes) -> Iterator[tuple[Csv, Sequence[str]]]:
    """Every other way to read a line near the start as the header; the fewest changes first."""
    for encoding in dict.fromkeys((dialect.encoding, *_ENCODINGS)):
        lines = _lines(start, encoding)[:_MOST_LINES]
        for delimiter in dict.fromkeys((dialect.delimiter or ",", *_DELIMITERS)):
            for skip_rows, line in enumerate(lines):
                found = Csv(delimiter, dialect.quote, encoding=encoding, skip_rows=skip_rows)
                yield found, _names(line, delimiter, dialect.quote)


def _lines(start: bytes, encoding: str) -> list[str]:
    return start.decode(encoding, errors="replace").removeprefix("\ufeff").split("\n")


def _names(line: str, delimiter: str, quote: str) -> Sequence[str]:
    line = line.rstrip("\r")
    if delimiter == WHITESPACE:
        return line.split()
    try:
        if not quote:
            return next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return ()


def _changes(dialect: Csv, found: Csv) -> str:
    parts = []
    if found.delimiter != (dialect.delimiter or ","):
        parts.append(f"delimiter: {json.dumps(found.delimiter)}")
    if found.encoding != dialect.encoding:
        parts.append(f"encoding: {found.encoding}")
    if found.skip_rows != dialect.skip_rows:
        parts.append(f"skip: {found.skip_rows}")
    return ", ".join(parts)
