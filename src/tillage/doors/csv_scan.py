"""Where the rows and fields of CSV lie, found for a whole chunk at once.

A row is the shortest run of lines whose quotes are right: each opens a field and is closed before a delimiter or the
line's end. Where a quote stands wrong, or none closes it within the limit, the first physical line alone is wrong, and
the next line begins anew. So one wrong quote never costs more than its line.

Quotes alternate between opening and closing (a doubled quote closes and opens again), so what a mark means depends only
on whether the number of quotes since the row's start is even. Both readings are judged for all quotes at once; after a
wrong line only the reading changes. Wrong lines are taken together too, as far as no row of several lines is between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

LINE_FEED, CARRIAGE_RETURN = 10, 13


@dataclass(frozen=True)
class Rows:
    """Rows of a chunk: `[start, end)` of each, without its line feed; `is_wrong` of those with a wrong quote."""

    starts: Any
    ends: Any
    is_wrong: Any
    marks: Any
    """Where the delimiters and ends of rows that are not wrong lie, rising."""
    lines: Any
    """Where all line feeds lie, those inside of quotes too."""
    consumed: int
    """What lies from here on is not decided without more of the stream."""


@dataclass(frozen=True)
class _Chunk:
    size: int
    is_end: bool
    is_grown: bool
    limit_bytes: int
    feeds: Any
    feed_quotes: Any
    """Number of quotes before each line feed, modulo 256."""
    quotes: Any
    wrong: tuple[Any, Any]
    """Numbers of the quotes that stand wrong if quote 0 opens, and if it closes."""


@dataclass(frozen=True)
class _Run:
    """Rows one after another, from `start`."""

    start: int
    ends: Any
    phases: Any
    """Of each row, or of all: 1 if quotes with an odd number open."""
    is_wrong: Any
    """Of each row, or of all."""


@dataclass(frozen=True)
class _Singles:
    """Each physical line as the row that it would begin."""

    starts: Any
    ends: Any
    phases: Any
    is_wrong: Any
    several: Any
    """Numbers of the lines that are right and go on behind their end, or may."""


def scan(
    data: Any, *, delimiter: int, quote: int | None, is_end: bool, limit_bytes: int, is_grown: bool = False
) -> Rows:
    """The rows of `data` (uint8), which begins at a row's start.

    Args:
        data: ends anywhere; whole lines only where `is_end`.
        delimiter: a byte.
        quote: a byte; None: nothing is quoted.
        is_end: whether the stream ends here.
        limit_bytes: of a row with a line feed inside of quotes.
        is_grown: whether a smaller chunk held no whole row: then nothing behind the first wrong line is decided.
    """
    marks, kinds = _marks(data, delimiter, quote)
    is_feed = kinds == LINE_FEED
    feeds = marks[is_feed]
    if quote is None or not (is_quote := kinds == quote).any():
        return _plain(data, marks, feeds, is_end=is_end)
    counts = np.cumsum(is_quote, dtype=np.uint8)  # wraps, but only whether it is even is asked
    quotes = marks[is_quote]
    chunk = _Chunk(
        len(data), is_end, is_grown, limit_bytes, feeds, counts[is_feed], quotes, _wrong(data, quotes, delimiter, quote)
    )
    runs, consumed = _runs(chunk)
    found = _kept_marks(runs, marks[~is_quote], counts[~is_quote], size=len(data))
    return _in_order(runs, marks=found, feeds=feeds, consumed=consumed)


def _marks(data: Any, delimiter: int, quote: int | None) -> tuple[Any, Any]:
    is_mark = (data == LINE_FEED) | (data == delimiter)
    if quote is not None:
        is_mark |= data == quote
    marks = np.flatnonzero(is_mark)
    return marks, data[marks]


def _plain(data: Any, marks: Any, feeds: Any, *, is_end: bool) -> Rows:
    """As `scan`, without any quote: each line is a row."""
    ends = feeds
    if is_end and len(data) and data[-1] != LINE_FEED:
        ends, marks = np.append(feeds, len(data)), np.append(marks, len(data))
    consumed = min(int(ends[-1]) + 1, len(data)) if len(ends) else 0
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])[: len(ends)]
    marks = marks[: np.searchsorted(marks, consumed)] if consumed < len(data) else marks
    return Rows(starts, ends, np.zeros(len(ends), dtype=bool), marks, feeds, consumed)


def _wrong(data: Any, quotes: Any, delimiter: int, quote: int) -> tuple[Any, Any]:
    """Numbers of the quotes that stand wrong under either reading.

    Behind the chunk a line's end is assumed: at the stream's end it is one, and before it such a row is not decided.
    """
    padded = np.concatenate([data, np.full(3, LINE_FEED, dtype=np.uint8)])
    before = np.where(quotes > 0, padded[quotes - 1], LINE_FEED)
    after, then = padded[quotes + 1], padded[quotes + 2]
    can_open = (before == delimiter) | (before == LINE_FEED) | (before == quote)
    is_line_end = (after == LINE_FEED) | ((after == CARRIAGE_RETURN) & (then == LINE_FEED))
    can_close = (after == delimiter) | is_line_end | (after == quote)
    numbers = np.arange(len(quotes))
    is_even = numbers % 2 == 0
    return (
        np.flatnonzero(np.where(is_even, ~can_open, ~can_close)),
        np.flatnonzero(np.where(is_even, ~can_close, ~can_open)),
    )


def _runs(chunk: _Chunk) -> tuple[list[_Run], int]:
    """Runs of rows in order, and where what is decided ends."""
    runs: list[_Run] = []
    singles: _Singles | None = None
    start = 0
    while start < chunk.size:
        run, is_stopped = _run(chunk, start)
        if len(run.ends):
            runs.append(run)
            start = int(run.ends[-1]) + 1
        if not is_stopped:
            break
        if chunk.is_grown:
            # What each line would be takes much room for a chunk of many short ones, so only the first is taken.
            if not runs and (len(chunk.feeds) or chunk.is_end):
                end = int(chunk.feeds[0]) if len(chunk.feeds) else chunk.size
                runs, start = [_Run(0, np.array([end]), np.zeros(1, dtype=np.uint8), np.ones(1, dtype=bool))], end + 1
            break
        singles = singles or _singles(chunk)
        run = _single_run(chunk, singles, start)
        if not len(run.ends):
            break
        runs.append(run)
        start = int(run.ends[-1]) + 1
    return runs, min(start, chunk.size)


def _singles(chunk: _Chunk) -> _Singles:
    """What each line would be if a row began with it."""
    ends = np.append(chunk.feeds, chunk.size) if chunk.is_end else chunk.feeds
    last_quotes = np.append(chunk.feed_quotes, np.uint8(len(chunk.quotes) & 1)) if chunk.is_end else chunk.feed_quotes
    first_quotes = np.concatenate([np.zeros(1, dtype=np.uint8), last_quotes[:-1]])[: len(ends)]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])[: len(ends)]
    phases = first_quotes & 1
    is_alone = (last_quotes & 1) == phases
    # Where the row of a line with an odd number of quotes would end: the next line's end under the same reading.
    end_of_row = ends.copy()
    wrong_at = np.empty_like(ends)
    for phase in (0, 1):
        mine = phases == phase
        bad = np.append(chunk.quotes[chunk.wrong[phase]], chunk.size + 3)
        wrong_at[mine] = bad[np.searchsorted(bad, starts[mine])]
        closing = np.append(ends[(last_quotes & 1) == phase], chunk.size + 2)
        mine &= ~is_alone
        end_of_row[mine] = closing[np.searchsorted(closing, starts[mine])]
    is_over = ~is_alone & (np.minimum(end_of_row, chunk.size) - starts > chunk.limit_bytes)
    is_open = end_of_row > chunk.size
    is_wrong = (wrong_at < end_of_row) | is_over | (is_open & chunk.is_end)
    return _Singles(starts, ends, phases, is_wrong, np.flatnonzero(~is_alone & ~is_wrong))


def _single_run(chunk: _Chunk, singles: _Singles, start: int) -> _Run:
    """The wrong line at `start`, and all lines behind it up to the next row of several lines."""
    first = int(np.searchsorted(singles.starts, start))
    several = singles.several[np.searchsorted(singles.several, first + 1) :]
    last = int(several[0]) if len(several) else len(singles.ends)
    if last and last == len(singles.ends) and singles.starts[last - 1] >= chunk.size:
        last -= 1  # nothing lies behind the last line feed
    is_wrong = singles.is_wrong[first:last].copy()
    is_wrong[:1] = True
    return _Run(start, singles.ends[first:last], singles.phases[first:last], is_wrong)


def _run(chunk: _Chunk, start: int) -> tuple[_Run, bool]:
    """The rows from `start` on, as far as they are right, and whether a wrong line stands behind them."""
    opening = int(np.searchsorted(chunk.quotes, start))
    phase = opening & 1
    wrong = chunk.wrong[phase]
    number = np.searchsorted(wrong, opening)
    is_stopped = bool(number < len(wrong))
    stop = int(chunk.quotes[wrong[number]]) if is_stopped else chunk.size
    first, last = np.searchsorted(chunk.feeds, (start, stop))
    places = np.flatnonzero((chunk.feed_quotes[first:last] & 1) == phase)
    ends = chunk.feeds[first:last][places]
    end = int(ends[-1]) + 1 if len(ends) else start
    if not is_stopped and end < chunk.size:
        is_open = (len(chunk.quotes) & 1) != phase
        has_lines = bool(np.searchsorted(chunk.feeds, end) < len(chunk.feeds))
        if chunk.is_end and not is_open:
            ends, places = np.append(ends, chunk.size), np.append(places, last - first)
        else:
            is_stopped = chunk.is_end or (has_lines and chunk.size - end > chunk.limit_bytes)
    if len(ends):
        lines = np.diff(places, prepend=-1)
        over = np.flatnonzero((np.diff(ends, prepend=start - 1) - 1 > chunk.limit_bytes) & (lines > 1))
        if len(over):
            ends, is_stopped = ends[: over[0]], True
    return _Run(start, ends, phase, False), is_stopped


def _kept_marks(runs: list[_Run], marks: Any, counts: Any, *, size: int) -> Any:
    """Delimiters and line feeds outside of quotes, of the rows in `runs` that are not wrong."""
    kept = []
    for run in runs:
        first, last = np.searchsorted(marks, (run.start, run.ends[-1] + 1))
        here, phases = marks[first:last], run.phases
        if isinstance(phases, np.ndarray):
            row = np.searchsorted(run.ends, here)
            phases = np.where(run.is_wrong, 2, phases)[row]
        kept.append(here[(counts[first:last] & 1) == phases])
    if runs and runs[-1].ends[-1] == size and not np.any(np.atleast_1d(runs[-1].is_wrong)[-1:]):
        kept.append(np.array([size]))
    return np.concatenate(kept) if kept else marks[:0]


def _in_order(runs: list[_Run], *, marks: Any, feeds: Any, consumed: int) -> Rows:
    starts = [np.concatenate([np.array([run.start]), run.ends[:-1] + 1]) for run in runs]
    ends = [run.ends for run in runs]
    is_wrong = [np.broadcast_to(run.is_wrong, len(run.ends)) for run in runs]
    if not runs:
        return Rows(feeds[:0], feeds[:0], np.zeros(0, dtype=bool), marks, feeds, consumed)
    return Rows(np.concatenate(starts), np.concatenate(ends), np.concatenate(is_wrong), marks, feeds, consumed)
