"""Parquet rows against plain Python, which writes the JSON value of each cell by itself."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import resource
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tillage.doors.batch import SCHEMA
from tillage.doors.parquet_rows import read_parquet
from tillage.errors import FileRejectedError, SourceChangedError

LIMIT = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet")


def rows(path: Path, *, chunk: int = 1 << 20, limit: int = LIMIT) -> list[dict[str, Any]]:
    batches = list(read_parquet(path, 3, chunk_bytes=chunk, max_record_bytes=limit))
    assert all(batch.schema == SCHEMA for batch in batches)
    found = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    assert [row["ordinal"] for row in found] == list(range(1, len(found) + 1))
    assert [row["offset"] for row in found] == list(range(len(found)))
    assert not any(row["is_part"] or row["text"] for row in found)
    return found


def values(path: Path, **sizes: int) -> list[Any]:
    """The rows, with numbers as `Decimal`, which keeps their digits; an exponent is an error."""
    return [json.loads(row["raw"], parse_int=number, parse_float=number) for row in rows(path, **sizes)]


def number(text: str) -> Any:
    assert not {"e", "E"} & set(text)
    return ("number", text)


def write(folder: Path, table: pa.Table, **options: Any) -> Path:
    path = folder / "x.parquet"
    pq.write_table(table, path, **options)
    return path


def whole(value: int) -> Any:
    return ("number", str(value))


def real(value: float, width: Callable[[float], Any] = np.float64) -> Any:
    if np.isnan(value):
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return ("number", np.format_float_positional(width(value), unique=True, trim="-"))


def clock(ticks: int, per_second: int) -> str:
    """The time of a day, six decimals, nine where six cannot say it."""
    seconds, part = divmod(ticks, per_second)
    nanoseconds = part * (1_000_000_000 // per_second)
    decimals = f"{nanoseconds:09d}" if nanoseconds % 1000 else f"{nanoseconds // 1000:06d}"
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{decimals}"


def moment(ticks: int, per_second: int, zone: str = "") -> str:
    day, rest = divmod(ticks, 86400 * per_second)
    return f"{dt.date(1970, 1, 1) + dt.timedelta(days=day)}T{clock(rest, per_second)}{zone}"


def seconds(per_second: int) -> st.SearchStrategy[int]:
    """Ticks from 1700 to 2260, which nanoseconds can hold too."""
    return st.integers(-8_500_000_000 * per_second, 9_150_000_000 * per_second)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", "\x00", "\n", "\x1f\x7f", "é\u2028", "null"]
)
PLAIN: list[tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], Any]]] = [
    (pa.int8(), st.integers(-128, 127), whole),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1), whole),
    (pa.uint64(), st.integers(0, 2**64 - 1), whole),
    (pa.bool_(), st.booleans(), lambda value: value),
    (pa.float64(), st.floats() | st.sampled_from([1e22, 0.1, 18.98, 1e-7, 1234567890123456.8, -0.0, 5e-324]), real),
    (pa.float32(), st.floats(width=32), lambda value: real(value, np.float32)),
    (pa.decimal128(38, 10), st.decimals(-(10**20), 10**20, places=10), lambda value: ("number", f"{value:.10f}")),
    (pa.decimal128(9, 2), st.decimals(-(10**6), 10**6, places=2), lambda value: ("number", f"{value:.2f}")),
    (
        pa.decimal256(70, 3),
        st.integers(-(10**60), 10**60).map(lambda n: Decimal(n).scaleb(-3)),
        lambda value: ("number", f"{value:.3f}"),
    ),
    (pa.string(), TEXTS, lambda value: value),
    (pa.large_string(), TEXTS, lambda value: value),
    (pa.binary(), TEXTS.map(str.encode), bytes.decode),
    (pa.binary(2), st.sampled_from([b"ab", b"\xc3\xa9"]), bytes.decode),
    (pa.dictionary(pa.int32(), pa.string()), TEXTS, lambda value: value),
    (pa.date32(), st.dates(), str),
    (pa.null(), st.none(), lambda value: value),
]
for unit, per_second in (("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
    for zone, mark in ((None, ""), ("UTC", "Z"), ("Europe/Berlin", "Z")):
        PLAIN.append(
            (
                pa.timestamp(unit, zone),
                seconds(per_second),
                lambda ticks, per=per_second, end=mark: moment(ticks, per, end),
            )
        )
    kind = pa.time32(unit) if unit == "ms" else pa.time64(unit)
    PLAIN.append((kind, st.integers(0, 86400 * per_second - 1), lambda ticks, per=per_second: clock(ticks, per)))


@st.composite
def columns(draw: st.DrawFn, levels: int = 2) -> tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], Any]]:
    """A type, cells of it, and what each is in JSON."""
    shape = draw(st.integers(0, 5)) if levels else 0
    if shape < 3:
        kind, cells, show = draw(st.sampled_from(PLAIN))
        return kind, st.none() | cells, lambda cell: None if cell is None else show(cell)
    inner, cells, show = draw(columns(levels - 1))
    if shape == 3:
        return (
            pa.list_(inner),
            st.none() | st.lists(cells, max_size=3),
            lambda cell: None if cell is None else list(map(show, cell)),
        )
    if shape == 4:
        kind = pa.struct([("a", inner), ('é"', pa.int8())])
        return (
            kind,
            st.none() | st.fixed_dictionaries({"a": cells, 'é"': st.none() | st.integers(0, 9)}),
            lambda cell: cell and {"a": show(cell["a"]), 'é"': None if cell['é"'] is None else whole(cell['é"'])},
        )
    keys, key = draw(st.sampled_from([(pa.string(), lambda value: value), (pa.int64(), str)]))
    key_cells = TEXTS if keys == pa.string() else st.integers(-5, 5)
    return (
        pa.map_(keys, inner),
        st.none() | st.dictionaries(key_cells, cells, max_size=3).map(lambda found: list(found.items())),
        lambda cell: None if cell is None else {key(name): show(value) for name, value in cell},
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[Any]]:
    count = draw(st.integers(0, 6))
    names = draw(st.lists(TEXTS.filter(lambda name: "\0" not in name), min_size=1, max_size=3, unique=True))
    arrays, shown = [], []
    for _ in names:
        kind, cells, show = draw(columns())
        found = draw(st.lists(cells, min_size=count, max_size=count))
        arrays.append(pa.array(found, kind))
        shown.append([show(cell) for cell in found])
    return pa.table(arrays, names=names), [dict(zip(names, row, strict=True)) for row in zip(*shown, strict=True)]


@settings(max_examples=120, deadline=None)
@given(tables(), st.sampled_from([1, 100, 1 << 20]), st.sampled_from([1, 2, 100]), st.booleans())
def test_every_cell_keeps_its_value_and_its_digits(
    folder: Path, made: tuple[pa.Table, list[Any]], chunk: int, group_rows: int, has_dictionary: bool
) -> None:
    table, expected = made
    try:
        path = write(folder, table, row_group_size=group_rows, use_dictionary=has_dictionary, version="2.6")
    except pa.ArrowIndexError:
        assume(False)  # pyarrow cannot write a null struct around an empty dictionary
    assert values(path, chunk=chunk) == expected


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1e22, "1" + "0" * 22),
        (18.98, "18.98"),
        (13085.0, "13085"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_double_is_its_shortest_text_without_an_exponent(folder: Path, cell: float, text: str) -> None:
    path = write(folder, pa.table({"x": [cell]}))
    assert rows(path)[0]["raw"] == f'{{"x":{text}}}'.encode()


def test_uuid_is_its_usual_text(folder: Path) -> None:
    cells = [uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), None, uuid.UUID(int=2**128 - 1)]
    column = pa.array([cell and cell.bytes for cell in cells], pa.uuid())
    assert [row["x"] for row in values(write(folder, pa.table({"x": column})))] == [
        cell and str(cell) for cell in cells
    ]


def test_day_that_no_calendar_has_stays_text(folder: Path) -> None:
    far = pa.array([2**31 - 1, 2932897], pa.int32()).view(pa.date32())
    first, second = values(write(folder, pa.table({"x": far})))
    assert isinstance(first["x"], str)
    assert second["x"] == "10000-01-01"


def test_old_timestamps_far_from_today_keep_their_day(folder: Path) -> None:
    days = pa.array(["9999-12-31T00:00:00", "0001-01-01T00:00:00"]).cast(pa.timestamp("us"))
    path = write(folder, pa.table({"x": days}), use_deprecated_int96_timestamps=True)
    assert [row["x"] for row in values(path)] == ["9999-12-31T00:00:00.000000", "0001-01-01T00:00:00.000000"]


@pytest.mark.parametrize("nested", [False, True])
def test_bytes_that_are_no_text_make_one_row_unreadable(folder: Path, nested: bool) -> None:
    cells: list[Any] = [b"a", b"\xff\x00", None, b"b"]
    column = pa.array([[cell, b"x"] for cell in cells] if nested else cells)
    found = rows(write(folder, pa.table({"x": column})))
    assert [row["code"] for row in found] == [None, "unreadable", None, None]
    assert b"ff00" in found[1]["raw"]


def test_string_column_with_invalid_utf8_makes_one_row_unreadable(folder: Path) -> None:
    column = pa.array([b"a", b"\xed\xa0\x80"]).view(pa.string())
    assert [row["code"] for row in rows(write(folder, pa.table({"x": column})))] == [None, "unreadable"]


def test_row_over_the_limit_is_cut_and_no_other_changes(folder: Path) -> None:
    path = write(folder, pa.table({"x": ["a", "b" * 200_000, "c" * 2000]}))
    first, cut, short = rows(path, limit=100_000)
    whole_text = b'{"x":"' + b"b" * 200_000 + b'"}'
    assert (first["code"], short["code"]) == (None, None)
    assert (cut["code"], cut["raw"], cut["size_bytes"]) == ("too_large", whole_text[: 64 * 1024], len(whole_text))
    assert cut["digest"] == hashlib.sha256(whole_text).hexdigest()


def test_value_repeated_by_number_does_not_fill_memory(folder: Path) -> None:
    value = pa.array(["x" * 4_000_000])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200, dtype=np.int32)), value)
    path = write(folder, pa.table({"x": column}), compression="zstd")
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = sum(batch.num_rows for batch in read_parquet(path, 0, chunk_bytes=1 << 25, max_record_bytes=LIMIT))
    assert read == 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 600 << 10


def test_row_many_times_over_the_limit_is_not_written_out(folder: Path) -> None:
    value = pa.array(["x" * 100_000])
    inner = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5000, dtype=np.int32)), value)
    lists = pa.ListArray.from_arrays(pa.array([0, 5000], pa.int32()), inner)
    (row,) = rows(write(folder, pa.table({"x": lists})), limit=1_000_000)
    assert (row["code"], row["raw"], row["digest"]) == ("too_large", b"", None)
    assert row["size_bytes"] >= 500_000_000


@pytest.mark.parametrize("where", ["columns", "struct"])
def test_repeated_column_name_is_refused_by_name(folder: Path, where: str) -> None:
    one = pa.array([1])
    table = pa.table([one, one], names=["twice", "twice"])
    if where == "struct":
        table = pa.table({"x": pa.StructArray.from_arrays([one, one], names=["twice", "twice"])})
    with pytest.raises(FileRejectedError, match=r"columns of the same name \('twice'\); nothing of it is loaded"):
        rows(write(folder, table))


def test_file_torn_at_any_byte_is_rejected(folder: Path) -> None:
    made = io.BytesIO()
    table = pa.table({"id": list(range(50)), "text": [f"name {row % 7}" for row in range(50)]})
    pq.write_table(table, made, write_page_checksum=True, compression="snappy")
    good = made.getvalue()
    path = folder / "torn.parquet"
    path.write_bytes(good)
    assert len(rows(path)) == 50
    for place in range(len(good)):
        path.write_bytes(good[:place])
        with pytest.raises(FileRejectedError, match=r"torn\.parquet is no whole Parquet file"):
            rows(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bytes_never_end_in_another_error(folder: Path, data: st.DataObject) -> None:
    made = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2, 3], "list": [["a"], [], None]}), made, write_page_checksum=True)
    bytes_ = bytearray(made.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "changed.parquet"
    path.write_bytes(bytes_)
    with contextlib.suppress(FileRejectedError):
        rows(path)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"PARE" + bytes(100) + b"PARE", b'{"a":1}\n']
)
def test_what_is_no_parquet_file_is_rejected(folder: Path, content: bytes) -> None:
    path = folder / "odd.parquet"
    path.write_bytes(content)
    with pytest.raises(FileRejectedError, match=r"odd\.parquet is no whole Parquet file.*then: tillage run"):
        rows(path)


def test_file_that_is_gone_is_a_changed_source(folder: Path) -> None:
    with pytest.raises(SourceChangedError, match=r"gone\.parquet is gone"):
        rows(folder / "gone.parquet")


def test_file_without_rows_has_no_records(folder: Path) -> None:
    assert rows(write(folder, pa.table({"x": pa.array([], pa.int64())}))) == []
