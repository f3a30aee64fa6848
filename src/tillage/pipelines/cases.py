"""A test of contracts and models: files at doors, decided as one load of each feed, and held against what is expected.

No store and no lake: there is nothing before these loads, and nothing of them stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tillage.contracts.cases.file import Case, CaseFeed, Expected, Given
from tillage.contracts.cases.rows import CODES, FILE, LINE, WARNINGS, Table, dataset_table, model_table
from tillage.contracts.project import Feed
from tillage.domain.load import SourceFile
from tillage.domain.people import IndexKey
from tillage.errors import OperatorError, TillageError
from tillage.models.project import Models
from tillage.models.scope import is_by_column
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.case_differences import Difference, row_differences
from tillage.pipelines.house import FeedContract
from tillage.pipelines.portability import refuse_unportable
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
    models: Models
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
    models = _model_tables(bench.models)
    for name, contract in bench.feeds.items():
        tables = {dataset.name: dataset_table(dataset) for dataset in contract.check.contract.datasets}
        own = tables.keys()
        tables |= {model: table for model, table in models.items() if own & bench.models.datasets_of(model)}
        found[name] = CaseFeed(contract.feed, tables)
    return found


def _model_tables(models: Models) -> dict[str, Table]:
    found = {}
    for model, outputs in models.outputs().items():
        currencies = {
            one.name: None if one.currency is None or is_by_column(one.currency) else one.currency for one in outputs
        }
        is_ordered = model in models.derived and models.derived[model].is_ordered
        found[model] = model_table(model, currencies, is_ordered=is_ordered)
    return found


def refuse_broken_models(bench: Bench, cases: Sequence[Case]) -> None:
    """Every model that a test reads does run, everywhere.

    Raises:
        ModelError: it does not, in the engine's own words; or it has what is not the same on each engine.
    """
    models = bench.models.reached(name for case in cases for name in _expected_models(case))
    refuse_unportable(bench.engine, models, models.outputs())
    for fold in models.folds.values():
        bench.engine.column_types(fold)
    bench.engine.derived_types(models)


def _expected_models(case: Case) -> list[str]:
    return [one.table.name for one in case.expected if one.table.is_model]


def run_case(bench: Bench, case: Case) -> Outcome:
    """The outcome of one test; what goes wrong on the way is its problem, and no other test's."""
    try:
        with ExitStack() as stack:
            return Outcome(case, tuple(_run(bench, case, stack)))
    except TillageError as wrong:
        return Outcome(case, problem=str(wrong))


@dataclass(frozen=True)
class _Decided:
    """The load of one feed, with a verdict for each unit."""

    workspace: Workspace
    files: Mapping[int, str]
    """By number, the names that the test gives them."""


def _run(bench: Bench, case: Case, stack: ExitStack) -> Iterator[Difference]:
    decided = {feed: _decided(bench, feed, case.given[feed], stack) for feed in case.given}
    of_dataset = {
        dataset.name: one for feed, one in decided.items() for dataset in bench.feeds[feed].check.contract.datasets
    }
    models = bench.models.reached(_expected_models(case))
    rows_of = stack.enter_context(_computed(bench, models, of_dataset)) if models.outputs() else _no_rows
    for expected in case.expected:
        name = expected.table.name
        if expected.table.is_model:
            found = rows_of(name, _MOST_ROWS + 1).to_pylist()
            _refuse_many(len(found), name, f"more than {_MOST_ROWS:,}")
            yield from _compared_rows(expected, found)
        else:
            yield from _compared_units(expected, of_dataset[name])


def _no_rows(model: str, most: int) -> Rows:
    raise KeyError(model, most)


def _decided(bench: Bench, name: str, given: Sequence[Given], stack: ExitStack) -> _Decided:
    contract = bench.feeds[name]
    feed, check = contract.feed, contract.check
    refuse_unasked(bench.engine, contract)
    door = stack.enter_context(bench.laid(feed, given))
    sources = _sources(door, feed, given)
    folders = {(_LOAD, source.source): json.loads(source.members) for source in sources if source.members}
    workspace = stack.enter_context(bench.engine.workspace(_LOAD, check, folders, _Openly()))
    limit_bytes = check.contract.max_record_bytes
    batches = door.read(feed, sources, max_record_bytes=limit_bytes, members=read_members(check))
    workspace.decide(batches, {}, lambda source: door.document(feed, sources[source]))
    return _Decided(workspace, {one.source: one.path.removeprefix(f"{feed.folder}/") for one in sources})


class _Openly:
    """People as a test names them: each id is its own subject key, and nobody was there before."""

    def index_key(self) -> IndexKey:
        return IndexKey(bytes(32))

    def subject_keys(self, ids: Rows) -> Rows:
        return pa.table({"subject": ids["subject"], "natural_id": ids["natural_id"], "subject_key": ids["natural_id"]})

    def suppression_ring(self) -> tuple[IndexKey, ...]:
        return ()

    def suppressed(self, asked: Rows) -> Rows:
        return asked

    def known(self, asked: Rows) -> Rows:
        return asked

    def personal(self, dataset: str, places: Rows) -> Rows:  # noqa: ARG002
        return places.slice(0, 0).append_column("personal", pa.array([], pa.string()))


def _sources(door: Door, feed: Feed, given: Sequence[Given]) -> tuple[SourceFile, ...]:
    """All that was given.

    Raises:
        OperatorError, FileRejectedError: the door does not take one of the files.
    """
    arrived = door.arrivals(feed, Known())
    for rejected in arrived.rejected:
        raise rejected
    for alone in arrived.left_alone:
        raise OperatorError(f"file {alone.path} is not read: {alone.reason}")
    paths = {source.path for source in arrived.sources}
    for one in given:
        if one.name is None and not paths:
            raise OperatorError(f"the feed reads files like {feed.path}: name the given file so, below {feed.folder}")
        if one.name is not None and f"{feed.folder}/{one.name}" not in paths:
            raise OperatorError(f"file {one.name} is not read: its name does not fit {feed.path}, or hides")
    return arrived.sources


def _computed(
    bench: Bench, models: Models, of_dataset: Mapping[str, _Decided]
) -> AbstractContextManager[Callable[[str, int], Rows]]:
    """The models as these loads alone make them, each fold as its change by all of them."""
    workspaces = {id(one): one.workspace for one in of_dataset.values()}.values()
    deltas = {
        name: [delta for workspace in workspaces if (delta := workspace.delta(fold)) is not None]
        for name, fold in models.folds.items()
    }
    read = {name for model in models.derived.values() for name in model.reads}
    silver = {}
    for dataset in sorted(read & of_dataset.keys()):
        if (rows := of_dataset[dataset].workspace.silver_rows(dataset)) is not None:
            silver[dataset] = rows.read_all()
    return bench.engine.tried(models, silver, deltas)


def _compared_rows(expected: Expected, found: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    rows = len(expected.rows or ())
    if rows * len(found) > _MOST_PAIRS:
        raise OperatorError(
            f"{rows:,} rows against {len(found):,} of {expected.table.name} are too many to compare; make several "
            "tests of it, or expect counts"
        )
    yield from row_differences(expected, found)


def _compared_units(expected: Expected, decided: _Decided) -> Iterator[Difference]:
    table, workspace = expected.table.name, decided.workspace
    if expected.rows is not None:
        read = workspace.counts()[table].read_rows
        _refuse_many(read, table, f"{read:,}")
        yield from _compared_rows(expected, _units(workspace.units(table), decided.files))
    if expected.counts:
        counts = workspace.counts()[table]
        wrong = [
            (name, wanted, getattr(counts, f"{name}_rows"))
            for name, wanted in expected.counts.items()
            if getattr(counts, f"{name}_rows") != wanted
        ]
        if wrong:
            yield Difference(table, expected.line, "counts", tuple(wrong))
    if expected.broken_rules is not None:
        broken = sorted({one.rule.name for one in workspace.broken_rules({}) if one.dataset == table})
        if broken != list(expected.broken_rules):
            column = ("broken_rules", list(expected.broken_rules), broken)
            yield Difference(table, expected.line, "dataset rules", (column,))


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


def _refuse_many(rows: int, table: str, shown: str) -> None:
    if rows > _MOST_ROWS:
        raise OperatorError(
            f"{table} has {shown} rows; at most {_MOST_ROWS:,} are compared: give less, or expect counts"
        )
