"""What `tillage.yaml` should say of a file of which no record is readable, as far as its first bytes show it."""

from __future__ import annotations

import csv

from tillage.contracts.project import Feed
from tillage.doors.recognise import is_object

HINT_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"


def hint(feed: Feed, first_bytes: bytes, *, is_whole: bool = False) -> str | None:
    """One sentence that ends with the line to write; None where the bytes look like nothing else.

    Args:
        feed: as it is read now.
        first_bytes: of the decoded stream; up to 64 KiB of them are looked at.
        is_whole: whether they are all there are.
    """
    start = first_bytes[:HINT_BYTES].removeprefix(_BOM)
    found = _looks_like(start, is_whole=is_whole and len(first_bytes) <= HINT_BYTES)
    if found is None or found == feed.format:
        return None
    what = {
        "json": "one document",
        "jsonl": "JSON Lines, one record in each line",
        "csv": "CSV",
        "parquet": "Parquet",
        "xml": "XML",
        "utf-16": "UTF-16",
    }[found]
    if found == "utf-16":
        mend = "`csv: {encoding: utf-16}`" if feed.format == "csv" else "UTF-8 by the sender"
        return f"{_subject(feed, start)}the file looks like {what}: set {mend}"
    more = ", and `records` to the path of a record's element" if found == "xml" else ""
    return f"{_subject(feed, start)}the file looks like {what}: set `format: {found}`{more}"


def _subject(feed: Feed, start: bytes) -> str:
    if feed.format != "jsonl":
        return f"no record is {feed.format}; "
    lines = [line for line in start.split(b"\n") if line.strip()]
    return f"0 of {len(lines)} lines are JSON; "


def _looks_like(start: bytes, *, is_whole: bool) -> str | None:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = start.lstrip()
    if head.startswith((b"<?xml", b"<!")) or (head.startswith(b"<") and b">" in head):
        return "xml"
    lines = [line for line in start.split(b"\n") if line.strip()]
    if not is_whole and len(lines) > 1:
        lines = lines[:-1]  # cut off somewhere
    if lines and sum(map(is_object, lines)) * 2 > len(lines) and len(lines) > 1:
        return "jsonl"
    if head.startswith((b"{", b"[")):
        return "json"
    return "csv" if _is_table(lines) else None


def _is_table(lines: list[bytes]) -> bool:
    """Whether one of the usual delimiters parts most lines into as many fields as the first, two or more."""
    text = [line.decode("latin-1").rstrip("\r") for line in lines[:200]]
    for delimiter in ",;\t|":
        try:
            counts = [len(row) for row in csv.reader(text, delimiter=delimiter)]
        except csv.Error:
            continue
        if counts and counts[0] > 1 and sum(count == counts[0] for count in counts) * 2 > len(counts):
            return True
    return False
