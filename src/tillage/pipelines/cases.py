"""A test of a contract and its models: files at a door, decided as one load, and held against what is expected.

No store and no lake: there is nothing before this load, and nothing of it stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tillage.contracts.cases.file import Case, CaseFeed, Expected, Given
from tillage.contracts.cases.rows import CODES, FILE, LINE, WARNINGS, dataset_table, model_table
from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.errors import OperatorError, TillageError
from tillage.models.fold import ROWS, Fold
from tillage.models.scope import is_by_column
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.case_differences import Difference, row_differences
from tillage.pipelines.house import FeedContract
from tillage.pipelines.refusing import read_members
from tillage.ports.door import Door
from tillage.ports.engine import Engine, Workspace
from tillage.ports.lake import Rows
from tillage.ports.store import Known

_LOAD = 1
_MOST_ROWS = 10_000  # of a table whose rows are expected
_MOST_PAIRS = 1_000_000  # each expected row may have to be held against each found one, at some 4 us


@dataclass(frozen=True)
class Bench:
    """A project without store and lake."""

    feeds: Mapping[str, FeedContract]
    models: Mapping[str, Fold]
    engine: Engine
    laid: Callable[[Feed, Sequence[Given]], AbstractContextManager[Door]]
    """A door at which these files lie, and no others."""


@dataclass(frozen=True)
class Outcome:
    """What became of one test; it holds if there is neither a difference nor a problem."""

    case: Case
    differences: tuple[Difference, ...] = ()
    problem: str | None = None
    """Why it could not be run to its end."""

    @property
    def holds(self) -> bool:
        return not self.differences and self.problem is None


def case_feeds(bench: Bench) -> dict[str, CaseFeed]:
    """Each feed with the datasets and models that a test of it may expect something of."""
    found = {}
    for name, contract in bench.feeds.items():
        tables = {dataset.name: dataset_table(dataset) for dataset in contract.check.contract.datasets}
        for fold in bench.models.values():
            if tables.keys() & set(fold.datasets):
                currencies = {one.name: None if is_by_column(one.currency) else one.currency for one in fold.outputs}
                tables[fold.name] = model_table(fold.name, currencies)
        found[name] = CaseFeed(contract.feed, tables)
    return found


def run_case(bench: Bench, case: Case) -> Outcome:
    """The outcome of one test; what goes wrong on the way is its problem, and no other test's."""
    try:
        return Outcome(case, tuple(_run(bench, case)))
    except TillageError as wrong:
        return Outcome(case, problem=str(wrong))


def _run(bench: Bench, case: Case) -> list[Difference]:
    contract = bench.feeds[case.feed]
    feed, check = contract.feed, contract.check
    refuse_unasked(bench.engine, contract)
    with bench.laid(feed, case.given) as door:
        sources = _sources(door, feed, case)
        folders = {(_LOAD, source.source): json.loads(source.members) for source in sources if source.members}
        with bench.engine.workspace(_LOAD, check, folders) as workspace:
            limit_bytes = check.contract.max_record_bytes
            batches = door.read(feed, sources, max_record_bytes=limit_bytes, members=read_members(check))
            workspace.decide(batches, {}, lambda source: door.document(feed, sources[source]))
            names = {source.source: source.path.removeprefix(f"{feed.folder}/") for source in sources}
            return [one for expected in case.expected for one in _compared(bench, workspace, expected, files=names)]


def _sources(door: Door, feed: Feed, case: Case) -> tuple[SourceFile, ...]:
    """All that was given.

    Raises:
        OperatorError, FileRejectedError: the door does not take one of the files.
    """
    arrived = door.arrivals(feed, Known({}, {}))
    for rejected in arrived.rejected:
        raise rejected
    for alone in arrived.left_alone:
        raise OperatorError(f"file {alone.path} is not read: {alone.reason}")
    paths = {source.path for source in arrived.sources}
    for given in case.given:
        if given.name is None and not paths:
            raise OperatorError(f"the feed reads files like {feed.path}: name the given file so, below {feed.folder}")
        if given.name is not None and f"{feed.folder}/{given.name}" not in paths:
            raise OperatorError(f"file {given.name} is not read: its name does not fit {feed.path}, or hides")
    return arrived.sources


def _compared(
    bench: Bench, workspace: Workspace, expected: Expected, *, files: Mapping[int, str]
) -> Iterator[Difference]:
    table = expected.table
    if expected.rows is not None:
        if table.is_model:
            found = _model_rows(bench.models[table.name], workspace)
        else:
            _refuse_many(workspace.counts()[table.name].read_rows, table.name)
            found = _units(workspace.units(table.name), files)
        if len(expected.rows) * len(found) > _MOST_PAIRS:
            raise OperatorError(
                f"{len(expected.rows):,} rows against {len(found):,} of {table.name} are too many to compare; make "
                "several tests of it, or expect counts"
            )
        yield from row_differences(expected, found)
    if expected.counts:
        counts = workspace.counts()[table.name]
        wrong = [
            (name, wanted, getattr(counts, f"{name}_rows"))
            for name, wanted in expected.counts.items()
            if getattr(counts, f"{name}_rows") != wanted
        ]
        if wrong:
            yield Difference(table.name, expected.line, "counts", tuple(wrong))
    if expected.broken_rules is not None:
        broken = sorted({one.rule.name for one in workspace.broken_rules({}) if one.dataset == table.name})
        if broken != list(expected.broken_rules):
            column = ("broken_rules", list(expected.broken_rules), broken)
            yield Difference(table.name, expected.line, "dataset rules", (column,))


def _units(rows: Rows, files: Mapping[int, str]) -> list[dict[str, Any]]:
    return [
        row
        | {
            FILE: files[row["_source"]],
            LINE: row["_ordinal"],
            CODES: sorted(row[CODES]),
            WARNINGS: sorted(row[WARNINGS]),
        }
        for row in rows.to_pylist()
    ]


def _model_rows(fold: Fold, workspace: Workspace) -> list[dict[str, Any]]:
    """The state that the load alone leads to, as readers see it: a key without rows is none, a sum of nulls null."""
    delta = workspace.delta(fold)
    if delta is None:
        return []
    _refuse_many(delta.num_rows, fold.name)
    empty = {output.name: output.filled for output in fold.sums}
    return [
        {one.name: None if one.name in empty and not row[empty[one.name]] else row[one.name] for one in fold.outputs}
        for row in delta.to_pylist()
        if row[ROWS]
    ]


def _refuse_many(rows: int, table: str) -> None:
    if rows > _MOST_ROWS:
        raise OperatorError(
            f"{table} has {rows:,} rows; at most {_MOST_ROWS:,} are compared: give less, or expect counts"
        )
