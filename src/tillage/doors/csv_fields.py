"""The fields of CSV rows, as places in the chunk: where each begins and ends, whether it was quoted, what to escape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tillage.doors.csv_scan import CARRIAGE_RETURN, LINE_FEED, Rows

_BLANK, _TAB = 32, 9
_QUOTE, _BACKSLASH = ord('"'), ord("\\")


@dataclass(frozen=True)
class Fields:
    """All fields of all rows that are not wrong, in order."""

    starts: Any
    ends: Any
    counts: Any
    """Number of fields of each row; 0: a blank line."""
    is_null: Any
    """Empty and not quoted."""
    is_odd: Any
    """Holds something that JSON escapes, or a doubled quote."""
    has_return: Any
    """Of each row: a carriage return stands in it outside of quotes, as where lines end by that alone."""


def fields(data: Any, rows: Rows, *, delimiter: int, quote: int | None) -> Fields:
    """The fields of the rows in `rows` that are not wrong."""
    is_right = ~rows.is_wrong
    starts_of_rows, ends_of_rows = rows.starts[is_right], rows.ends[is_right]
    last = np.searchsorted(rows.marks, ends_of_rows)
    counts = np.diff(last, prepend=-1)
    ends = rows.marks.copy()
    ends[last] = _without_return(data, starts_of_rows, ends_of_rows)
    starts = np.empty_like(ends)
    starts[1:] = rows.marks[:-1] + 1
    starts[last - counts + 1] = starts_of_rows
    is_blank = (counts == 1) & (starts[last] == ends[last])
    if is_blank.any():
        kept = np.ones(len(ends), dtype=bool)
        kept[last[is_blank]] = False
        starts, ends, counts = starts[kept], ends[kept], np.where(is_blank, 0, counts)
    is_null = starts == ends
    is_odd = np.zeros(len(starts), dtype=bool)
    odd = _odd_places(data, rows, delimiter, quote)
    returns = _holders(starts, ends, lone_returns(data))
    if quote is not None:
        is_quoted = ~is_null & (data[np.minimum(starts, len(data) - 1)] == quote)
        starts, ends = starts + is_quoted, ends - is_quoted
        returns = returns[~is_quoted[returns]]
    is_odd[_holders(starts, ends, odd)] = True
    return Fields(starts, ends, counts, is_null, is_odd, _rows_of(returns, counts))


def blank_separated(data: Any, rows: Rows) -> Fields:
    """As `fields`, where runs of blanks and tabs separate, and those at a line's start and end mean nothing."""
    is_gap = np.ones(rows.consumed + 1, dtype=bool)
    line = data[: rows.consumed]
    is_gap[:-1] = (line == _BLANK) | (line == _TAB) | (line == LINE_FEED)
    is_gap[_without_return(data, rows.starts, rows.ends)] = True
    is_start = ~is_gap[:-1]
    is_start[1:] &= is_gap[:-2]
    starts = np.flatnonzero(is_start)
    ends = np.flatnonzero(is_gap[1:] & ~is_gap[:-1]) + 1
    counts = np.diff(np.searchsorted(starts, rows.ends), prepend=0)
    is_odd = np.zeros(len(starts), dtype=bool)
    odd = _odd_places(data, rows, _BLANK, None)
    is_odd[_holders(starts, ends, odd)] = True
    has_return = _rows_of(_holders(starts, ends, lone_returns(data)), counts)
    return Fields(starts, ends, counts, np.zeros(len(starts), dtype=bool), is_odd, has_return)


def _without_return(data: Any, starts: Any, ends: Any) -> Any:
    """The ends of rows, before the carriage return where one stands before the line feed or the stream's end."""
    if not len(ends):
        return ends
    return ends - ((ends > starts) & (data[ends - 1] == CARRIAGE_RETURN))


def lone_returns(data: Any) -> Any:
    """Where a carriage return stands that no line feed follows; one that ends the stream ends its last row."""
    found = np.flatnonzero(data[:-1] == CARRIAGE_RETURN)  # most files have none
    return found[data[found + 1] != LINE_FEED]


def _rows_of(fields: Any, counts: Any) -> Any:
    """Of each row, whether one of these fields is in it."""
    is_of = np.zeros(len(counts), dtype=bool)
    is_of[np.searchsorted(np.cumsum(counts), fields, side="right")] = True
    return is_of


def _holders(starts: Any, ends: Any, places: Any) -> Any:
    """Numbers of the spans that hold one of the places."""
    if not len(starts) or not len(places):
        return np.zeros(0, dtype=np.int64)
    number = np.searchsorted(ends, places, side="right")
    is_held = starts[np.minimum(number, len(ends) - 1)] <= places
    return number[is_held & (number < len(ends))]


def _odd_places(data: Any, rows: Rows, delimiter: int, quote: int | None) -> Any:
    """Where something stands that JSON escapes, or the first half of a doubled quote, in a field or not."""
    is_odd = (data < _BLANK) & (data != LINE_FEED) & (data != delimiter)
    is_odd |= data == _BACKSLASH
    if quote != _QUOTE:
        is_odd |= data == _QUOTE
    places = [np.flatnonzero(is_odd)]
    if quote is not None:
        is_quote = data == quote
        places.append(np.flatnonzero(is_quote[:-1] & is_quote[1:]))
        if not np.array_equal(rows.lines[: len(rows.ends)], rows.ends[: len(rows.lines)]):
            places.append(_without(rows.lines, rows.ends))
        if delimiter < _BLANK:
            places.append(_without(np.flatnonzero(data == delimiter), rows.marks))
    return np.concatenate(places)


def _without(places: Any, others: Any) -> Any:
    """What of `places` is not in `others`; both rise."""
    if not len(others):
        return places
    number = np.minimum(np.searchsorted(others, places), len(others) - 1)
    return places[others[number] != places]
