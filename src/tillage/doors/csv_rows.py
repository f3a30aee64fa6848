"""CSV after RFC 4180: rows as JSON objects of strings and nulls, in batches.

An unquoted empty field is null, a quoted one is empty text; nothing is trimmed. A row with another number of fields
than the header, with a quote where none may stand, or that is no text in its encoding is one unreadable record. Lines
end by LF or CRLF, and blank ones are no records; a row with a carriage return elsewhere outside of quotes is
unreadable, and a header refused. Rows are cut before they are decoded, so that `raw` keeps the bytes of the file; only
UTF-16 becomes UTF-8 first, and `raw` and offsets are those of that form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.project import WHITESPACE, Csv, Feed
from tillage.doors.batch import TOO_LARGE, build_cut, spans
from tillage.doors.csv_fields import Fields, blank_separated, fields, lone_returns
from tillage.doors.csv_scan import LINE_FEED, Rows, scan
from tillage.doors.csv_text import decoded, member_name, texts
from tillage.doors.lines import pass_line
from tillage.doors.refused import MisdescribedError, RefusedStreamError
from tillage.doors.start import start
from tillage.ports.door import RecordBatch

LONE_RETURN = (
    "has a carriage return inside its header, as where lines end by CR alone or by CR CR LF; save it with line ends of "
    "LF or CRLF"
)
_NAME_THEM = "name all columns by `csv: {columns: [..]}` in tillage.yaml"


def read_csv(
    blocks: Iterator[bytes],
    source: int,
    *,
    feed: Feed,
    max_record_bytes: int,
    chunk_bytes: int,
    members: Collection[str] = (),
) -> Iterator[RecordBatch]:
    """The rows behind the header; a delimiter that is not stated is a comma.

    Args:
        blocks: the decoded stream.
        source: number of the file in the load.
        feed: how the rows are written.
        max_record_bytes: a longer row has code `too_large`.
        chunk_bytes: of rows looked at at once.
        members: of which a column must be one, where any are given.

    Raises:
        RefusedStreamError: the header is none that columns can be told by.
        MisdescribedError: it, or the names that stand for it, is not as `tillage.yaml` or `members` say.
    """
    reader = _Reader(source, feed.csv, max_record_bytes, chunk_bytes, members)
    begun = start(blocks, encoding=feed.csv.encoding, skip_rows=feed.csv.skip_rows)
    blocks, reader.ordinal, reader.offset = begun.blocks, begun.ordinal, begun.offset
    rest = bytearray()
    for block in blocks:
        rest += block
        while len(rest) >= reader.window_bytes:
            yield from reader.take(rest, blocks, is_end=False)
    while rest:
        yield from reader.take(rest, blocks, is_end=True)
    if begun.offset and feed.csv.skip_rows and feed.csv.has_header and reader.names is None:
        raise MisdescribedError(f"has no header behind the {feed.csv.skip_rows:,} lines that `skip` passes over")


def cut_fields(data: Any, csv: Csv, *, is_end: bool, limit_bytes: int, is_grown: bool = False) -> tuple[Rows, Fields]:
    """The rows of a chunk, and the fields of those that are not wrong; arguments as for `scan`."""
    if csv.delimiter == WHITESPACE:
        rows = scan(data, delimiter=LINE_FEED, quote=None, is_end=is_end, limit_bytes=limit_bytes)
        return rows, blank_separated(data, rows)
    delimiter, quote = ord(csv.delimiter or ","), ord(csv.quote) if csv.quote else None
    rows = scan(data, delimiter=delimiter, quote=quote, is_end=is_end, limit_bytes=limit_bytes, is_grown=is_grown)
    return rows, fields(data, rows, delimiter=delimiter, quote=quote)


@dataclass
class _Reader:
    """Where the reading of one stream stands."""

    source: int
    csv: Csv
    limit_bytes: int
    chunk_bytes: int
    members: Collection[str] = ()
    window_bytes: int = 0
    """How much is looked at: a chunk, or more while one row is longer than that."""
    ordinal: int = 1
    offset: int = 0
    names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        self.window_bytes = self.chunk_bytes

    def take(self, rest: bytearray, blocks: Iterator[bytes], *, is_end: bool) -> Iterator[RecordBatch]:
        """A batch of the rows that are whole in the window that `rest` begins with; they are taken out of it.

        Where there is none the window becomes larger, until it holds more than a record may have.
        """
        size = min(self.window_bytes, len(rest))
        with memoryview(rest) as view:
            data = np.frombuffer(bytes(view[:size]), dtype=np.uint8)
        is_last = is_end and size == len(rest)
        is_grown = self.window_bytes > self.chunk_bytes
        rows, cut = cut_fields(data, self.csv, is_end=is_last, limit_bytes=self.limit_bytes, is_grown=is_grown)
        if not rows.consumed and size > self.limit_bytes:
            yield from self.pass_long_line(rest, blocks)
            return
        del rest[: rows.consumed]
        if len(rows.starts):
            batch = self._batch(data, rows, cut)
            if batch is not None:
                yield batch
        self.ordinal += int(np.searchsorted(rows.lines, rows.consumed))
        self.offset += rows.consumed
        # By doubling, a row is looked at twice at most, and not again for each further block.
        self.window_bytes = self.chunk_bytes if rows.consumed else min(2 * size, self.limit_bytes + self.chunk_bytes)

    def pass_long_line(self, rest: bytearray, blocks: Iterator[bytes]) -> Iterator[RecordBatch]:
        """The batch of a line that is over the limit before it ends; a header is not that long."""
        if self.names is None and self.csv.has_header:
            raise RefusedStreamError(f"has a header of more than {self.limit_bytes:,} bytes, which is the limit")
        cut, is_blank = pass_line(rest, blocks)
        if not (is_blank and self.csv.delimiter == WHITESPACE):
            yield build_cut(self.source, cut, ordinal=self.ordinal, offset=self.offset, code=TOO_LARGE)
        self.ordinal, self.offset = self.ordinal + 1, self.offset + cut.size_bytes + 1

    def _batch(self, data: Any, rows: Rows, cut: Fields) -> RecordBatch | None:
        counts = np.full(len(rows.starts), -1)
        counts[~rows.is_wrong] = cut.counts
        is_whole = np.zeros(len(rows.starts), dtype=bool)
        is_whole[~rows.is_wrong] = ~cut.has_return
        numbers = np.flatnonzero(counts)  # blank lines out
        begin = 0
        if self.names is None and len(numbers):
            number, count = int(numbers[0]), int(counts[numbers[0]])
            has_return = count > 0 and not is_whole[number]
            self.names = self._header(data, rows, cut, number=number, count=count, has_return=has_return)
            if self.members and not set(self.members) & set(self.names):
                raise MisdescribedError("has no column that the contract reads, by the names in its header or in `csv`")
            begin = int(self.csv.has_header)
        numbers = numbers[begin:]
        if self.names is None or not len(numbers):
            return None
        width = len(self.names)
        is_whole &= counts == width
        is_right = is_whole[numbers]
        of_row = np.repeat(is_whole, np.maximum(counts, 0))
        if begin:
            of_row[: counts[counts != 0][0]] = False
        text = self._texts(data, cut, of_row, width)
        is_unreadable = ~is_right
        column = _placed(text, is_right)
        is_unreadable |= np.asarray(column.is_null())
        starts, ends = rows.starts[numbers], rows.ends[numbers]
        return spans(
            self.source,
            data,
            starts,
            ends,
            ordinal=self.ordinal + np.searchsorted(rows.lines, starts),
            offset=self.offset,
            limit_bytes=self.limit_bytes,
            is_unreadable=is_unreadable,
            text=_none_of_large(column, ends - starts > self.limit_bytes),
        )

    def _texts(self, data: Any, cut: Fields, of_row: Any, width: int) -> pa.Array:
        """JSON of the rows that have all fields; null of those that cannot be decoded."""
        parts = (cut.starts, cut.ends, cut.is_null, cut.is_odd)
        if not of_row.all():
            parts = tuple(part[of_row] for part in parts)
        starts, ends, is_null, is_odd = (part.reshape(-1, width) for part in parts)
        quote = ord(self.csv.quote) if self.csv.quote and self.csv.delimiter != WHITESPACE else None
        encoding = _encoding(self.csv)
        names = [member_name(name, encoding) for name in self.names or ()]
        values = texts(data, starts, ends, is_null=is_null, is_odd=is_odd, names=names, quote=quote)
        return decoded(values, encoding)

    def _header(
        self, data: Any, rows: Rows, cut: Fields, *, number: int, count: int, has_return: bool
    ) -> Sequence[str]:
        """Names of the columns, from the first row that is not blank or from the project file."""
        columns = self.csv.columns
        if not self.csv.has_header:
            return columns
        if has_return or (count < 0 and lone_returns(data[rows.starts[number] : rows.ends[number]]).size):
            raise RefusedStreamError(LONE_RETURN)
        if count < 0 or rows.ends[number] - rows.starts[number] > self.limit_bytes:
            raise RefusedStreamError("has a header with a quote in a wrong place, or one that is too long")
        if columns:
            if len(columns) != count:
                raise MisdescribedError(
                    f"has {count} columns, but `csv: {{columns: ..}}` in tillage.yaml names {len(columns)}"
                )
            return columns
        return self._names(data, cut, count)

    def _names(self, data: Any, cut: Fields, count: int) -> list[str]:
        encoding = _encoding(self.csv)
        quote = self.csv.quote
        names: list[str] = []
        for place, end in zip(cut.starts[:count].tolist(), cut.ends[:count].tolist(), strict=True):
            try:
                name = data[place:end].tobytes().decode(encoding)
            except UnicodeDecodeError:
                raise MisdescribedError(
                    f"has a header that is not {encoding}; say `csv: {{encoding: ..}}` in tillage.yaml"
                ) from None
            names.append(name.replace(quote * 2, quote) if quote else name)
        for position, name in enumerate(names):
            if not name:
                raise MisdescribedError(f"has no name for column {position + 1}; {_NAME_THEM}")
            if name in names[:position]:
                # By position, since the first row of a file without a header is values.
                raise MisdescribedError(
                    f"has one name for columns {names.index(name) + 1} and {position + 1}; {_NAME_THEM}"
                )
        return names


def _encoding(csv: Csv) -> str:
    """Of the chunks: UTF-16 has become UTF-8."""
    return "utf-8" if csv.encoding.startswith("utf-16") else csv.encoding


def _placed(values: pa.Array, is_there: Any) -> pa.Array:
    """The values at the places where something is there, in order; null at the others."""
    if is_there.all():
        return values
    return values.take(pa.array(np.cumsum(is_there) - 1, mask=~is_there))


def _none_of_large(text: pa.Array, is_large: Any) -> pa.Array:
    """A record that is too large has no text."""
    return pc.if_else(pa.array(is_large), pa.scalar(None, pa.large_string()), text) if is_large.any() else text
