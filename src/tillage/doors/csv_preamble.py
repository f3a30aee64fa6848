"""What stands above the header of an export: the title lines of a report, or the line by which Excel is told the
delimiter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tillage.contracts.project import Csv
from tillage.doors.csv_rows import cut_fields
from tillage.doors.start import beginning, start

_DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 64 * 1024
_MOST_LINES = 50
_TOLD = re.compile(rb'"?sep=([^\w\s"\\]|\t)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Above:
    """What was found; no lines where the table begins at once."""

    skip_rows: int = 0
    delimiter: str | None = None
    """That a line names."""


def above_header(blocks: Iterator[bytes], csv: Csv) -> Above:
    """The physical lines above the first row that has as many fields as most, if all of them are one field or blank."""
    sample, is_end = beginning(start(blocks, encoding=csv.encoding).blocks, _SAMPLE_BYTES)
    if told := _TOLD.match(sample):
        return Above(1, told[1].decode())
    data = np.frombuffer(bytes(sample), dtype=np.uint8)
    marks = [csv.delimiter] if csv.delimiter else [mark for mark in _DELIMITERS if mark != csv.quote]
    found = {_lines_above(data, replace(csv, delimiter=mark), is_end=is_end) for mark in marks} - {None}
    return Above(found.pop() or 0) if len(found) == 1 else Above()


def _lines_above(data: np.ndarray, csv: Csv, *, is_end: bool) -> int | None:
    """None where no table is seen."""
    rows, cut = cut_fields(data, csv, is_end=is_end, limit_bytes=max(len(data), 1))
    counts = np.full(len(rows.starts), -1)
    counts[~rows.is_wrong] = cut.counts
    several = np.flatnonzero(counts > 1)
    if not len(several):
        return None
    first = int(several[0])
    filled = counts[first:][counts[first:] != 0]
    if len(filled) < max(2, first) or np.mean(filled == counts[first]) <= 0.5 or (counts[:first] < 0).any():
        return None
    lines = int(np.searchsorted(rows.lines, rows.starts[first]))
    return lines if (counts[:first] == 1).any() and lines <= _MOST_LINES else 0
