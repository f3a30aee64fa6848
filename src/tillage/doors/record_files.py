"""Records of a test as the bytes of a file in their feed's format: one record a line, a document, CSV rows, Parquet."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tillage.contracts import json_path
from tillage.contracts.cases.yaml_rows import Number, json_text
from tillage.contracts.project import WHITESPACE, Csv, Feed
from tillage.errors import OperatorError

SUFFIXES = {"jsonl": ".jsonl", "json": ".json", "csv": ".csv", "parquet": ".parquet", "xml": ".xml"}


def record_file(records: Sequence[Any], feed: Feed) -> bytes:
    """A file of which the door makes exactly these records, in their order.

    Raises:
        OperatorError: the format cannot hold one of them.
    """
    writers: dict[str, Callable[[], bytes]] = {
        "jsonl": lambda: "".join(f"{json_text(record)}\n" for record in records).encode(),
        "json": lambda: _document(records, feed.records).encode(),
        "csv": lambda: _csv(records, feed.csv),
        "parquet": lambda: _parquet(records),
    }
    return writers[feed.format]()


def _document(records: Sequence[Any], path: str | None) -> str:
    if path == "$":
        return json_text(records[0])
    document: Any = list(records)
    for step in reversed(json_path.elements(path or "$[*]") or ()):
        document = {step: document}
    return json_text(document)


def _csv(records: Sequence[Mapping[str, Any]], csv: Csv) -> bytes:
    """Null is an empty field, and empty text a quoted one."""
    found = dict.fromkeys(name for record in records for name in record)
    columns = csv.columns or tuple(found)
    if unknown := [name for name in found if name not in columns]:
        raise OperatorError(f"a CSV file of this feed has no column '{unknown[0]}'; its columns: {', '.join(columns)}")
    delimiter = " " if csv.delimiter == WHITESPACE else csv.delimiter or ","
    rows = [[_field(record.get(name), csv) for name in columns] for record in records]
    if [""] in rows:
        raise OperatorError("a record with nothing in its only column would be a blank line, which is no record")
    if csv.has_header and columns:
        rows.insert(0, [_field(name, csv) for name in columns])
    text = "\n" * csv.skip_rows + "".join(delimiter.join(row) + "\n" for row in rows)
    try:
        return text.encode(csv.encoding)
    except UnicodeEncodeError:
        raise OperatorError(
            f"a record holds a letter that the feed's encoding, {csv.encoding}, does not have"
        ) from None


def _field(value: Any, csv: Csv) -> str:
    if isinstance(value, list | dict):
        raise OperatorError("a field of a CSV file is text, a number, true, false or null, no list or mapping")
    if value is None and csv.delimiter != WHITESPACE:
        return ""
    text = value if isinstance(value, str) else json_text(value)
    if csv.delimiter == WHITESPACE:
        is_plain = value is not None and bool(re.fullmatch(r"\S+", text))
    else:
        is_plain = bool(text) and not any(
            mark in text for mark in (csv.delimiter or ",", csv.quote or "\n", "\n", "\r")
        )
    if is_plain:
        return text
    if csv.delimiter == WHITESPACE or not csv.quote:
        raise OperatorError("a record holds a field that needs quotes, and the files of this feed have none")
    return csv.quote + text.replace(csv.quote, csv.quote * 2) + csv.quote


def _parquet(records: Sequence[Mapping[str, Any]]) -> bytes:
    columns = dict.fromkeys(name for record in records for name in record)
    try:
        table = pa.table({name: pa.array(_typed([record.get(name) for record in records])) for name in columns})
    except (pa.ArrowException, OverflowError):
        raise OperatorError(
            "the values of a Parquet column are of one type: texts, numbers, or true and false"
        ) from None
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _typed(value: Any) -> Any:
    """Numbers as whole ones where all of a column are, else as decimals."""
    is_whole = all(re.fullmatch(r"-?\d{1,18}", number.text) for number in _numbers(value))
    return _with(value, int if is_whole else Decimal)


def _numbers(value: Any) -> list[Number]:
    if isinstance(value, Number):
        return [value]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for member in members for number in _numbers(member)]


def _with(value: Any, number: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _with(member, number) for name, member in value.items()}
    if isinstance(value, list):
        return [_with(member, number) for member in value]
    return number(value.text) if isinstance(value, Number) else value
