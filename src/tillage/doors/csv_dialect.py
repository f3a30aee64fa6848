"""Finds out the delimiter of a CSV feed from the start of its first file, and writes it down for all later ones.

The right one is found in the header and parts most rows into as many fields. Where that holds for none, or for two
alike, nobody can tell, and the person is asked: a wrong guess would be pinned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tillage.contracts.project import Csv, Feed
from tillage.doors.csv_rows import cut_fields
from tillage.doors.start import beginning, start

_CANDIDATES = ",;\t|"
_SAMPLE_BYTES = 64 * 1024


class DoubtfulDialectError(Exception):
    """No delimiter, or more than one, fits what the file begins with."""


def pinned(feed: Feed, form: str) -> Feed:
    """The feed with what was found out before; what `tillage.yaml` states holds against it."""
    if feed.format != "csv" or feed.csv.delimiter is not None or not form:
        return feed
    known = json.loads(form)
    return replace(feed, csv=replace(feed.csv, delimiter=known["delimiter"], quote=known["quote"]))


def sniffed(blocks: Iterator[bytes], csv: Csv) -> str:
    """The form to pin; empty where there is nothing to go by: no rows, or only one column.

    Raises:
        DoubtfulDialectError: one has to be stated.
    """
    begun = start(blocks, encoding=csv.encoding, skip_rows=csv.skip_rows)
    sample, is_end = beginning(begun.blocks, _SAMPLE_BYTES)
    line = bytes(sample).partition(b"\n")[0]
    if b"\r" in line[:-1] and (not csv.quote or csv.quote.encode() not in line):
        return ""  # lines end otherwise: reading it will say so
    data = np.frombuffer(bytes(sample), dtype=np.uint8)
    shares = {
        mark: _share(data, replace(csv, delimiter=mark), is_end=is_end) for mark in _CANDIDATES if mark != csv.quote
    }
    found = [mark for mark, share in shares.items() if share > 0.5]
    best = [mark for mark in found if shares[mark] == 1]
    if len(best) == 1 or len(found) == 1:
        return json.dumps({"delimiter": (best or found)[0], "quote": csv.quote})
    if not found and not any(mark.encode() in sample for mark in shares):
        return ""
    raise DoubtfulDialectError


def _share(data: np.ndarray, csv: Csv, *, is_end: bool) -> float:
    """Share of the rows that have as many fields as the first, which has two or more; else 0."""
    rows, cut = cut_fields(data, csv, is_end=is_end, limit_bytes=len(data))
    counts = np.zeros(len(rows.starts), dtype=np.int64)
    counts[~rows.is_wrong] = cut.counts
    counts = counts[(counts > 0) | rows.is_wrong]
    if not len(counts) or counts[0] < 2:
        return 0.0
    return float(np.mean(counts == counts[0]))
