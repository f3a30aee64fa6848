"""How the rows of a CSV file are written: encoding, delimiter, header; what is guessed is said."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tillage.contracts.project import Csv
from tillage.contracts.tools.infer import column_name
from tillage.doors.csv_dialect import DoubtfulDialectError, sniffed
from tillage.doors.csv_preamble import above_header
from tillage.doors.csv_rows import LONE_RETURN, cut_fields
from tillage.doors.refused import RefusedStreamError
from tillage.doors.start import beginning, start
from tillage.errors import OperatorError

_HEAD_BYTES = 256 * 1024
_HEAD_ROWS = 50
# What a header does not hold; whole numbers that could be years do stand in headers.
_VALUE = re.compile(r"-[0-9]+|[0-9]+[.,][0-9]+|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*|(?!(19|20)[0-9]{2}$)[0-9]+")


@dataclass(frozen=True)
class Dialect:
    """The stated dialect, and what of it a person should look at."""

    csv: Csv
    doubts: tuple[str, ...] = ()


def guess_dialect(
    blocks: Callable[[], Iterator[bytes]], name: str, *, delimiter: str | None, skip_rows: int | None = None
) -> Dialect:
    """The dialect of the stream that each call of `blocks` begins anew; the delimiter as the door finds it.

    Args:
        blocks: the decoded stream.
        name: of the file, for messages.
        delimiter: that is stated.
        skip_rows: as stated; None: what looks like no table is passed over.

    Raises:
        OperatorError: nobody can tell the delimiter.
    """
    encoding, doubts = _encoding(blocks())
    csv = Csv(delimiter=delimiter, encoding=encoding, skip_rows=skip_rows or 0)
    if skip_rows is None:
        above = above_header(blocks(), csv)
        csv = replace(csv, skip_rows=above.skip_rows, delimiter=delimiter or above.delimiter)
        if above.skip_rows and not above.delimiter:
            doubts.append(f"skip: the first {above.skip_rows} lines look like no table")
    if csv.delimiter is None:
        try:
            form = sniffed(blocks(), csv)
        except DoubtfulDialectError:
            raise OperatorError(
                f"nobody can tell which delimiter {name} has; say it: --delimiter ';' (or ',', '|', a tab as '\\t'), "
                "and --skip N if N lines stand above the header"
            ) from None
        csv = replace(csv, delimiter=json.loads(form)["delimiter"] if form else ",")
    rows = list(_first_rows(blocks(), csv))
    if not rows:
        return Dialect(csv, tuple(doubts))
    return _with_header(csv, rows, doubts)


def _with_header(csv: Csv, rows: Sequence[Sequence[str]], doubts: list[str]) -> Dialect:
    first = rows[0]
    if any(_VALUE.fullmatch(value.strip()) for value in first):
        columns = tuple(f"column_{number}" for number in range(1, len(first) + 1))
        doubts.append("header: the first row looks like values, so the columns have only numbers; name them")
        return Dialect(replace(csv, has_header=False, columns=columns), tuple(doubts))
    if all(first) and len({name.lower() for name in first}) == len(first):
        return Dialect(csv, tuple(doubts))
    taken: set[str] = set()
    columns = tuple(column_name(name or "column", taken) for name in first)
    doubts.append("columns: the header has a name twice, or none for some column, so they are named by position")
    return Dialect(replace(csv, columns=columns), tuple(doubts))


def _encoding(blocks: Iterable[bytes]) -> tuple[str, list[str]]:
    """UTF-8 if all of it is; else one in which every byte, or nearly, is a letter."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_first, is_utf8, has_high_control = True, True, False
    for block in blocks:
        if is_first and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", []
        is_first = False
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        if not is_utf8:
            has_high_control = has_high_control or re.search(rb"[\x80-\x9f]", block) is not None
    if is_utf8:
        return "utf-8", []
    found = "cp1252" if has_high_control else "latin-1"
    return found, [f"encoding: the bytes are no UTF-8, and {found} is a guess; look at letters with accents"]


def _first_rows(blocks: Iterator[bytes], csv: Csv) -> Iterator[list[str]]:
    """The fields of the first rows that can be cut.

    Raises:
        RefusedStreamError: lines do not end by LF or CRLF.
    """
    begun = start(blocks, encoding=csv.encoding, skip_rows=csv.skip_rows)
    sample, is_end = beginning(begun.blocks, _HEAD_BYTES)
    data = np.frombuffer(bytes(sample), dtype=np.uint8)
    _, cut = cut_fields(data, csv, is_end=is_end, limit_bytes=max(len(data), 1))
    if cut.has_return[:1].any():
        raise RefusedStreamError(LONE_RETURN)
    encoding = "utf-8" if csv.encoding == "utf-16" else csv.encoding
    place = 0
    for count in cut.counts[:_HEAD_ROWS].tolist():
        if count:
            spans = zip(
                cut.starts[place : place + count].tolist(), cut.ends[place : place + count].tolist(), strict=True
            )
            yield [bytes(sample[begin:end]).decode(encoding, errors="replace") for begin, end in spans]
        place += count
