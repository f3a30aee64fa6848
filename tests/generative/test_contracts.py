"""Random contracts and random records: the product beside the oracle of the whole contract language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.generative import random_contracts, random_records
from tests.generative.bounded import bounded
from tests.generative.in_memory import Found, Place, compiled, connected, judged
from tests.oracle.contract_language import Rows, Unit, judge
from tillage.contracts.project import Feed
from tillage.doors.csv_rows import read_csv
from tillage.doors.folders import folder_members
from tillage.doors.lines import read_lines
from tillage.engines.reader import Reader

pytestmark = pytest.mark.accept("3.1")

THREADS = (1, 2)
PIECES = (1, 4)  # of the largest file: each one costs a plan of the whole check, which is most of what is spent here
WHOLE_BYTES = 2**25
RECORDS = 60
FOLDER_VALUES = ("1", "a", "2020-12-31", "07", "true", "x%20y")
Connections = Mapping[int, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    """By number of threads."""
    with ExitStack() as stack:
        yield {threads: stack.enter_context(connected(threads)) for threads in THREADS}


def as_found(unit: Unit) -> Found:
    control = unit.control
    return Found(
        unit.offset,
        unit.verdict,
        unit.codes,
        control.minor if control else None,
        same(unit.values) or {},
        unit.warnings,
        control.currency if control and control.is_currency_by_column else None,
    )


def same(value: Any) -> Any:
    """Comparable whatever the spelling: instants in UTC, an object that is not there as one of nulls."""
    if isinstance(value, Mapping):
        members = {name: same(one) for name, one in value.items()}
        return members if any(one is not None for one in members.values()) else None
    if isinstance(value, list):
        return [same(one) for one in value]
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def expected(document: Mapping[str, Any], files: Mapping[str, bytes | Rows]) -> dict[Place, Unit]:
    return {(unit.dataset, unit.file, unit.line, unit.unit): unit for unit in judge(document, files)}


def both(wanted: Unit | None, found: Found | None) -> tuple[Found | None, Found | None]:
    """What the oracle and the product say of one place, without what the specification leaves open."""
    ours = comparable(as_found(wanted)) if wanted else None
    theirs = comparable(found) if found else None
    if wanted is None or ours is None or theirs is None:
        return ours, theirs
    return without(ours, wanted.unsure), without(theirs, wanted.unsure)


def without(unit: Found, unsure: AbstractSet[str]) -> Found:
    codes, warnings = (tuple(code for code in codes if code not in unsure) for codes in (unit.codes, unit.warnings))
    return replace(unit, codes=codes, warnings=warnings)


def product(
    connection: duckdb.DuckDBPyConnection, document: Mapping[str, Any], files: Mapping[str, bytes], chunk_bytes: int
) -> dict[Place, Found]:
    """Every unit in `files`, which are JSON lines or CSV by their names, judged as one load."""
    check = compiled(yaml_text(document))
    limit = check.contract.max_record_bytes
    paths = sorted(files)
    feeds = [Feed("orders", "landing", "csv" if path.endswith(".csv") else "jsonl") for path in paths]
    folders = {(1, number): folder_members(f"landing/{path}", feeds[number]) for number, path in enumerate(paths)}
    reader = Reader(connection, check, folders)
    reader.start()
    for number, (path, feed) in enumerate(zip(paths, feeds, strict=True)):
        blocks = iter([files[path][start : start + chunk_bytes] for start in range(0, len(files[path]), chunk_bytes)])
        read = read_csv if feed.format == "csv" else read_lines
        reader.read(read(blocks, number, feed=feed, max_record_bytes=limit, chunk_bytes=chunk_bytes), 1)
    reader.finish()
    return judged(connection, check, paths)


def yaml_text(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False)


def comparable(unit: Found) -> Found:
    """Without what is never kept: the columns of a violation, and the currency of an amount that is not counted."""
    has_values = unit.verdict not in {"unreadable", "violation"} and "key_conflict" not in unit.codes
    currency = unit.currency if unit.control_minor is not None else None
    return replace(unit, values=(same(unit.values) or {}) if has_values else {}, currency=currency)


def differences(
    connection: duckdb.DuckDBPyConnection,
    document: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    rows: Mapping[str, Rows] | None = None,
    chunk_bytes: int = WHOLE_BYTES,
) -> str:
    """Place, line, what the oracle says and what the product says, where they differ; `rows` are those of CSV files."""
    wanted = expected(document, rows or files)
    found = product(connection, document, files, chunk_bytes)
    shown = []
    for place in sorted(wanted.keys() | found.keys()):
        ours, theirs = both(wanted.get(place), found.get(place))
        if ours != theirs:
            raw = files[place[1]].split(b"\n")[place[2] - 1]
            shown.append(f"{place}\n{raw!r}\noracle:  {ours}\nproduct: {theirs}")
    return "\n\n".join(shown)


def landing(rng: Random, lines: Sequence[bytes], document: Mapping[str, Any]) -> dict[str, bytes]:
    """One to three files, some of them in folders whose names say what a column reads."""
    cuts = sorted(rng.randrange(len(lines) + 1) for _ in range(rng.randrange(3)))
    named = random_records.top_level(document)
    files = {}
    for name, start, end in zip("abc", [0, *cuts], [*cuts, len(lines)], strict=False):
        folder = f"{rng.choice(named)}={rng.choice(FOLDER_VALUES)}/" if named and not rng.randrange(4) else ""
        files[f"{folder}{name}.jsonl"] = b"\n".join(lines[start:end])
    return files


def cut(files: Mapping[str, bytes], pieces: int) -> int:
    """Bytes of a chunk with which the largest file is read in so many pieces, wherever its lines end."""
    return max(map(len, files.values())) // pieces + 1


# Not shrunk: a seed has no smaller one, and what differs is shown by line.
@bounded(30, is_shrunk=False)
@given(seed=st.integers(0, 2**64), pieces=st.sampled_from(PIECES), threads=st.sampled_from(THREADS))
def test_any_record_gets_the_verdict_of_the_oracle_under_any_contract(
    connections: Connections, seed: int, pieces: int, threads: int
) -> None:
    rng = Random(seed)
    document = random_contracts.contract(rng)
    files = landing(rng, random_records.lines(rng, document, RECORDS), document)
    found = differences(connections[threads], document, files, chunk_bytes=cut(files, pieces))
    assert not found, f"{yaml_text(document)}\n{found}"


@bounded(15, is_shrunk=False)
@given(seed=st.integers(0, 2**64), pieces=st.sampled_from(PIECES))
def test_any_row_of_text_gets_the_verdict_of_the_oracle_under_any_contract(
    connections: Connections, seed: int, pieces: int
) -> None:
    rng = Random(seed)
    document = random_contracts.contract(rng)
    stored, rows = random_records.table(rng, document, RECORDS)
    files = {"a.csv": stored}
    chunk_bytes = cut(files, pieces)
    found = differences(connections[1], document, files, rows={"a.csv": rows}, chunk_bytes=chunk_bytes)
    assert not found, f"{yaml_text(document)}\n{found}"
