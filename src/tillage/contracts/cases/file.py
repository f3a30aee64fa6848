"""Reads a file of `tests/`: what is given to feeds, and the rows, verdicts and counts that must come of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tillage.contracts.cases.rows import Table, expected_row
from tillage.contracts.cases.yaml_rows import Number, check_choice, has_bytes, read_values
from tillage.contracts.document import Document, Path
from tillage.contracts.project import Feed
from tillage.errors import OperatorError

COUNTS = ("read", "accepted", "quarantined", "duplicate")
_CASE_NAMES = {"name", "feed", "given", "expect"}
_EXAMPLE = "- {name: .., feed: orders, given: [..], expect: {orders: [..]}}"
_FILE_PART = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f]{1,60}")  # at most 240 bytes
_MOST_ROWS = 1_000  # in one list: each may have to be held against each unit
_MOST_FILES = 100
_ROOT: Path = ()


@dataclass(frozen=True)
class Given:
    """One file at the feed's door: text, bytes, or records to be written in the feed's format."""

    name: str | None
    """Relative to the feed's folder; a part that ends in .zip is an archive. None: whatever the format calls it."""
    content: str | bytes | tuple[Any, ...]


@dataclass(frozen=True)
class ExpectedRow:
    """A row with the line where it stands; what is not named is not compared."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """What must come of one table; None is not compared."""

    table: Table
    line: int
    rows: tuple[ExpectedRow, ...] | None = None
    is_some: bool = False
    """Whether there may be more rows than these."""
    counts: Mapping[str, int] = field(default_factory=dict)
    broken_rules: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Case:
    """One test."""

    file: str
    line: int
    name: str
    given: Mapping[str, tuple[Given, ...]]
    """By feed, the files at its door; at the doors of others lies nothing."""
    expected: tuple[Expected, ...]


@dataclass(frozen=True)
class CaseFeed:
    """A feed, and the tables that its loads change, by name."""

    feed: Feed
    tables: Mapping[str, Table]


def read_cases(name: str, text: str, feeds: Mapping[str, CaseFeed]) -> tuple[Case, ...]:
    """The cases in `text`, at least one; `name` is how messages call the file.

    Raises:
        OperatorError: with the line, what is allowed, and the nearest name.
    """
    document = read_values(name, text, OperatorError)
    found, path = document.data, _ROOT
    if isinstance(found, dict):
        document.check_names((), found, {"tests"})
        found, path = found.get("tests"), ("tests",)
    if not isinstance(found, list) or not found:
        raise document.wrong(path, f"holds a list of tests, at least one: {_EXAMPLE}")
    cases: dict[str, Case] = {}
    for index, value in enumerate(found):
        case = _case(document, (*path, index), value, feeds)
        if case.name in cases:
            raise document.wrong((*path, index, "name"), f"a test of this name stands in line {cases[case.name].line}")
        cases[case.name] = case
    return tuple(cases.values())


def _case(document: Document, path: Path, value: Any, feeds: Mapping[str, CaseFeed]) -> Case:
    if not isinstance(value, dict):
        raise document.wrong(path, f"a test is like {_EXAMPLE}")
    document.check_names(path, value, _CASE_NAMES)
    name = value.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or not name.isprintable():
        raise document.wrong((*path, "name"), "a test has a `name`: one line that says what must hold")
    given = _given_by_feed(document, path, value, feeds)
    tables = {table.name: table for feed in given for table in feeds[feed].tables.values()}
    expected = _expectations(document, path, value.get("expect"), tables)
    return Case(document.name, document.lines[path], name, given, expected)


def _given_by_feed(
    document: Document, path: Path, value: Mapping[str, Any], feeds: Mapping[str, CaseFeed]
) -> dict[str, tuple[Given, ...]]:
    """Of the feed that is named; where none is, `given` names several."""
    if "feed" in value:
        check_choice(document, (*path, "feed"), value["feed"], feeds)
        if "given" not in value:
            raise document.wrong(path, "a test has `given`: a list of records, the text of a file, or files by name")
        return {value["feed"]: _given(document, (*path, "given"), value["given"], feeds[value["feed"]].feed)}
    given = value.get("given")
    if not isinstance(given, dict) or not given:
        named = ", ".join(sorted(feeds))
        raise document.wrong(path, f"a test names its `feed`: {named}; or `given` names several: {{FEED: [..]}}")
    path = (*path, "given")
    document.check_names(path, given, feeds)
    return {feed: _given(document, (*path, feed), files, feeds[feed].feed) for feed, files in given.items()}


def _given(document: Document, path: Path, value: Any, feed: Feed) -> tuple[Given, ...]:
    if not isinstance(value, dict):
        return (Given(None, _content(document, path, value, feed)),)
    if not 0 < len(value) <= _MOST_FILES:
        raise document.wrong(path, f"`given` as a mapping names files with their content, 1 to {_MOST_FILES}")
    for name in value:
        parts = name.split("/")
        if len(name) > 500 or not all(map(_FILE_PART.fullmatch, parts)):
            raise document.wrong(
                (*path, name),
                f"a file is named relative to {feed.folder}, like a.{feed.format} or date=2024-01-31/a.gz",
            )
        if any("/".join(parts[:depth]) in value for depth in range(1, len(parts))):
            raise document.wrong((*path, name), "one name is a file, and the folder of another")
    return tuple(Given(name, _content(document, (*path, name), content, feed)) for name, content in value.items())


def _content(document: Document, path: Path, value: Any, feed: Feed) -> str | bytes | tuple[Any, ...]:
    if isinstance(value, bytes) or (isinstance(value, str) and feed.format != "parquet"):
        return value
    if isinstance(value, list) and feed.format != "xml":
        if has_bytes(value):
            raise document.wrong(path, "a record holds no bytes; `!!binary` is the content of a whole file")
        if feed.format in {"csv", "parquet"} and not all(isinstance(record, dict) for record in value):
            raise document.wrong(path, f"each record of a {feed.format} file is a mapping of columns to values")
        if feed.format == "json" and feed.records == "$" and len(value) != 1:
            raise document.wrong(path, "with `records: $` a file is one record, so the list has one")
        return tuple(value)
    allowed = {"xml": "the text of a file (`|`)", "parquet": "a list of records"}
    what = allowed.get(feed.format, "a list of records, or the text of a file (`|`)")
    raise document.wrong(path, f"a feed with `format: {feed.format}` is given {what}, or its bytes (`!!binary`)")


def _expectations(document: Document, path: Path, value: Any, tables: Mapping[str, Table]) -> tuple[Expected, ...]:
    if not isinstance(value, dict) or not value:
        where = (*path, "expect") if value is not None else path
        raise document.wrong(
            where, f"a test must expect something: `expect: {{{next(iter(tables))}: [..]}}`; the datasets and models "
            f"of what is given are: {', '.join(tables)}"
        )  # fmt: skip
    path = (*path, "expect")
    document.check_names(path, value, tables)
    return tuple(_expected(document, (*path, name), member, tables[name]) for name, member in value.items())


def _expected(document: Document, path: Path, value: Any, table: Table) -> Expected:
    line = document.lines[path]
    if isinstance(value, list):
        return Expected(table, line, _rows(document, path, value, table))
    counts = () if table.is_model else COUNTS
    rules = ("broken_rules",) if not table.is_model else ()
    allowed = ["rows", "only", *counts, *rules]
    if not isinstance(value, dict) or not set(value) - {"only"}:
        raise document.wrong(
            path, f"what is expected of {table.name} is a list of rows ([] for none), or a mapping with at least one "
            f"of: {', '.join(one for one in allowed if one != 'only')}"
        )  # fmt: skip
    document.check_names(path, value, allowed)
    if "only" in value and (value["only"] != "some" or "rows" not in value):
        raise document.wrong(
            (*path, "only"), "`only: some` stands beside `rows`, where there may be more rows than these"
        )
    rows = _rows(document, (*path, "rows"), value["rows"], table) if "rows" in value else None
    return Expected(
        table,
        line,
        rows,
        is_some="only" in value,
        counts={name: _count(document, (*path, name), value[name]) for name in counts if name in value},
        broken_rules=_rules(document, (*path, "broken_rules"), value, table),
    )


def _rows(document: Document, path: Path, value: Any, table: Table) -> tuple[ExpectedRow, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ROWS:
        raise document.wrong(path, f"the rows of {table.name} are a list of at most {_MOST_ROWS:,}, [] for none")
    return tuple(
        ExpectedRow(document.lines[*path, index], expected_row(document, (*path, index), row, table))
        for index, row in enumerate(value)
    )


def _count(document: Document, path: Path, value: Any) -> int:
    if not isinstance(value, Number) or not re.fullmatch(r"[0-9]{1,9}", value.text):
        raise document.wrong(path, f"`{path[-1]}` is a number of units, from 0")
    return int(value.text)


def _rules(document: Document, path: Path, value: Mapping[str, Any], table: Table) -> tuple[str, ...] | None:
    if "broken_rules" not in value:
        return None
    named = value["broken_rules"]
    if not isinstance(named, list):
        raise document.wrong(path, "`broken_rules` is a list of names of dataset rules, [] where all hold")
    for index, rule in enumerate(named):
        check_choice(document, (*path, index), rule, table.rules)
    return tuple(sorted(named))
