"""What `tillage.yaml` should say of a file of which nothing came in, as far as its first bytes show it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection

from tillage.contracts.project import Feed
from tillage.doors.headers import other_header
from tillage.doors.recognise import is_object, json_lists, xml_record
from tillage.ports.door import Hint

HINT_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_MOST_LISTS = 3
# Names may be values, as in an object by customer: one with a digit or a blank looks like it, and is not repeated.
_PLAIN_PATH = re.compile(r"(?:[^\W\d]|[$/.:\[\]*-]){1,120}")
_XML = re.compile(rb"<[?!A-Za-z_:\x80-\xff]")
_OBJECTS = re.compile(rb"\[\s*\{")
_WHAT = {
    "json": "one document",
    "jsonl": "JSON Lines, one record in each line",
    "csv": "CSV",
    "parquet": "Parquet",
    "xml": "XML",
    "utf-16": "UTF-16",
}


def hint(
    feed: Feed, first_bytes: bytes, *, is_whole: bool = False, is_unread: bool = True, members: Collection[str] = ()
) -> Hint | None:
    """One sentence that ends with the line to write; None where the bytes look as the feed says.

    Args:
        feed: as it is read now.
        first_bytes: of the decoded stream; up to 64 KiB of them are looked at.
        is_whole: whether they are all there are.
        is_unread: whether no record of it is readable.
        members: what the contract reads of a record.
    """
    start = first_bytes[:HINT_BYTES].removeprefix(_BOM)
    found = _looks_like(feed, start, is_whole=is_whole and len(first_bytes) <= HINT_BYTES)
    if found is not None and found != feed.format:
        # No line of `tillage.yaml` makes JSON of UTF-16, so there is nothing to wait for: its records are unreadable.
        is_mendable = found != "utf-16" or feed.format == "csv"
        says = f"{_subject(feed, start)}the file looks like {_other_format(feed, found)}"
        return Hint(says, is_refused=is_mendable)
    if feed.format != "csv":
        return None
    if is_unread and (mend := _other_rows(feed, start)):
        return Hint(f"no record is csv; {mend}", is_refused=True)
    other = other_header(feed.csv, start, members)
    # The columns that are there are right, so what waits can be judged anew once the contract is.
    return Hint(f"no record is right; {other}", is_refused=False) if other else None


def more(feed: Feed, first_bytes: bytes, *, is_whole: bool, members: Collection[str]) -> str:
    """What to add to the reason why a file is refused: begins with a semicolon, or is empty."""
    start = first_bytes[:HINT_BYTES].removeprefix(_BOM)
    found = _looks_like(feed, start, is_whole=is_whole and len(first_bytes) <= HINT_BYTES)
    if found is not None and found != feed.format:
        return f"; the file looks like {_other_format(feed, found)}"
    if feed.format == "csv":
        other = other_header(feed.csv, start, members)
        return f"; {other}" if other else ""
    lists = json_lists(start) if feed.format == "json" else [xml_record(start) or ""]
    lists = [path for path in lists if _PLAIN_PATH.fullmatch(path)][:_MOST_LISTS]
    return f"; its records may be at {', '.join(f'`{path}`' for path in lists)}" if lists else ""


def _other_format(feed: Feed, found: str) -> str:
    what = _WHAT[found]
    if found == "utf-16":
        return f"{what}: " + (
            "set `csv: {encoding: utf-16}`" if feed.format == "csv" else "JSON is UTF-8, so have it sent in that"
        )
    and_records = ", and `records` to the path of a record's element" if found == "xml" else ""
    return f"{what}: set `format: {found}`{and_records}"


def _subject(feed: Feed, start: bytes) -> str:
    if feed.format != "jsonl":
        return f"no record is {feed.format}; "
    lines = [line for line in start.split(b"\n") if line.strip()]
    return f"0 of {len(lines)} lines are JSON; "


def _looks_like(feed: Feed, start: bytes, *, is_whole: bool) -> str | None:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        is_read = feed.format == "xml" or (feed.format == "csv" and feed.csv.encoding.startswith("utf-16"))
        return None if is_read else "utf-16"
    head = start.lstrip()
    if _XML.match(head) and b">" in head:
        return "xml"
    lines = [line for line in start.split(b"\n") if line.strip()]
    if not is_whole and len(lines) > 1:
        lines = lines[:-1]  # cut off somewhere
    if lines and sum(map(is_object, lines)) * 2 > len(lines) and len(lines) > 1:
        return "jsonl"
    if head.startswith((b"{", b"[")):
        return "json" if _is_document(feed, head, lines, is_whole=is_whole) else None
    return "csv" if _is_table(lines) else None


def _is_document(feed: Feed, head: bytes, lines: list[bytes], *, is_whole: bool) -> bool:
    """Whether it is one document rather than a line for each record: broken lines are none of one, and nor is a list
    without objects, since as a document it would hold no record that is right either.
    """
    if feed.format == "jsonl" and head.startswith(b"[") and not _OBJECTS.match(head):
        return False
    if is_whole:
        try:
            return isinstance(json.loads(head), list) or len(lines) > 1 or feed.format != "jsonl"
        except (ValueError, RecursionError):
            pass
    if len(lines) == 1:
        return not is_whole and head.startswith(b"[")
    begins = sum(line.lstrip().startswith(b"{") for line in lines)
    return not _is_json(lines[0]) and (head.startswith(b"[") or begins * 2 <= len(lines))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_table(lines: list[bytes]) -> bool:
    """Whether one of the usual delimiters parts most lines, two at least, into as many fields as the first."""
    text = [line.decode("latin-1").rstrip("\r") for line in lines[:200]]
    for delimiter in ",;\t|":
        try:
            counts = [len(row) for row in csv.reader(text, delimiter=delimiter)]
        except csv.Error:
            continue
        if len(counts) > 1 and counts[0] > 1 and sum(count == counts[0] for count in counts) * 2 > len(counts):
            return True
    return False


def _other_rows(feed: Feed, start: bytes) -> str | None:
    """What is to be said otherwise where no row can be read."""
    dialect = feed.csv
    if b"\r" in start and b"\n" not in start:
        return "its lines end by CR alone: save it with line ends of LF or CRLF"
    if dialect.encoding == "utf-8" and not _is_utf8(start):
        found = "cp1252" if re.search(rb"[\x80-\x9f]", start) else "latin-1"
        return f"the file is not UTF-8: set `csv: {{encoding: {found}}}`, and look at letters with accents"
    if dialect.has_header or not dialect.columns:
        return None
    lines = [line.decode("latin-1").rstrip("\r") for line in start.split(b"\n")[dialect.skip_rows :] if line.strip()]
    for delimiter in ",;\t|":
        try:
            counts = [len(row) for row in csv.reader(lines[:200], delimiter=delimiter)]
        except csv.Error:
            continue
        if delimiter != dialect.delimiter and sum(count == len(dialect.columns) for count in counts) * 2 > len(counts):
            return f"the file looks like another delimiter: set `csv: {{delimiter: {json.dumps(delimiter)}}}`"
    return None


def _is_utf8(start: bytes) -> bool:
    """But for a letter that is cut off at the end."""
    try:
        start.decode()
    except UnicodeDecodeError as wrong:
        return wrong.start >= len(start) - 3 and wrong.reason == "unexpected end of data"
    return True
