"""Files of a Delta table that had fewer columns, at any depth, are read as if what they lack were null."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tests.generative.in_memory import connected
from tillage.domain.load import CommitPoint
from tillage.engines.relations import snapshot_relation
from tillage.lake.delta import Table
from tillage.lake.schema import arrow_schema

# A column is a scalar, or what holds columns: {"kind": "object" or "list", "columns": {...}}.
Columns = dict[str, Any]
SCALARS = {"VARCHAR": "a", "BIGINT": 7, "BOOLEAN": True, "DECIMAL(38,6)": None}


class Uncounted:
    """Commit points that nobody kills at."""

    def at(self, point: CommitPoint) -> AbstractContextManager[None]:
        return nullcontext()


def columns(depth: int) -> st.SearchStrategy[Columns]:
    scalar = st.sampled_from(sorted(SCALARS))
    names = st.sampled_from(["a", "b", "c", "d", "d_e"])
    if depth == 0:
        return st.dictionaries(names, scalar, min_size=1, max_size=3)
    inner = st.fixed_dictionaries({"kind": st.sampled_from(["object", "list"]), "columns": columns(depth - 1)})
    return st.dictionaries(names, st.one_of(scalar, inner), min_size=1, max_size=4)


@st.composite
def fewer(draw: st.DrawFn, whole: Columns) -> Columns:
    """At least one column of each level that stays."""
    kept = draw(st.sets(st.sampled_from(sorted(whole)), min_size=1))
    found = {}
    for name in draw(st.permutations(sorted(kept))):
        one = whole[name]
        found[name] = one if isinstance(one, str) else one | {"columns": draw(fewer(one["columns"]))}
    return found


def typed(one: Any) -> str:
    if isinstance(one, str):
        return one
    inner = ", ".join(f'"{name}" {typed(member)}' for name, member in one["columns"].items())
    return f"STRUCT({inner}){'[]' if one['kind'] == 'list' else ''}"


def row_of(found: Columns, pick: int) -> dict[str, Any]:
    """A row in which about every third value is null."""
    row: dict[str, Any] = {}
    for number, (name, one) in enumerate(found.items()):
        if (pick + number) % 3 == 0:
            row[name] = None
        elif isinstance(one, str):
            row[name] = SCALARS[one]
        else:
            inner = row_of(one["columns"], pick + number + 1)
            row[name] = [inner, inner] if one["kind"] == "list" else inner
    return row


def filled(row: dict[str, Any] | None, whole: Columns) -> dict[str, Any] | None:
    if row is None:
        return None
    found: dict[str, Any] = {}
    for name, one in whole.items():
        value = row.get(name)
        if isinstance(one, str) or value is None:
            found[name] = value
        elif one["kind"] == "list":
            found[name] = [filled(element, one["columns"]) for element in value]
        else:
            found[name] = filled(value, one["columns"])
    return found


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(1) as found:
        yield found


@bounded(40)
@given(data=st.data(), whole=columns(2))
def test_rows_of_fewer_columns_are_read_with_nulls(
    connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, whole: Columns
) -> None:
    folder = tmp_path_factory.mktemp("grown") / "t"
    small = data.draw(fewer(whole))
    expected = []
    for number, drawn in enumerate((small, data.draw(fewer(whole)) | small, whole), start=1):
        version = {name: deeper(small.get(name), one) for name, one in drawn.items()}
        types = [*((name, typed(one)) for name, one in version.items()), ("_load", "BIGINT")]
        row = row_of(version, number)
        rows = pa.Table.from_pylist([row | {"_load": number}], schema=arrow_schema(types))
        Table(folder, "t", types, ("_load",), Uncounted()).append(rows, number, CommitPoint.SILVER)
        expected.append(filled(row, whole))
    wanted = [(name, typed(one)) for name, one in whole.items()]
    sql = snapshot_relation(Table(folder, "t", wanted, ("_load",), Uncounted()).snapshot(), wanted, "true")
    found = connection.sql(sql).to_arrow_table().to_pylist()
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def deeper(before: Any, now: Any) -> Any:
    """`now` with all that `before` has, since columns are only added."""
    if before is None or isinstance(before, str):
        return now
    members = {name: deeper(before["columns"].get(name), one) for name, one in now["columns"].items()}
    return now | {"columns": before["columns"] | members}
