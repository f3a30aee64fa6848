"""Random tables, exported in every form: independent readers find the same rows, to the last digit."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tillage.domain.export import Amounts, Form, Format
from tillage.engines.exporting import DuckExports
from tillage.errors import ExportError
from tillage.exports.sink import Sink
from tillage.exports.spelled import write_rows
from tillage.ports.engine import View
from tillage.ports.export import Source

_EXACT = Context(prec=60)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", '"', '""', ",", "\r\n", "a\nb", " x ", "null", "NULL", "=1+1", "\u2028", "😀", "\\", "\x7f", "\x01"]
)
_DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
_TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_LARGE = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53 + 1, -(2**53) - 1, 2**63 - 1])


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda number: Decimal(f"{number}E-{scale}"))


def texts(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of a type, without null."""
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({field.name: st.none() | texts(field.type) for field in kind})
    if pa.types.is_list(kind):
        return st.lists(st.none() | texts(kind.value_type), max_size=3)
    if pa.types.is_decimal(kind):
        return decimals(kind.precision, kind.scale)
    return {
        pa.string(): _TEXTS,
        pa.int64(): _LARGE,
        pa.bool_(): st.booleans(),
        pa.date32(): _DAYS,
        pa.timestamp("us", tz="UTC"): _TIMES,
        pa.binary(): st.binary(max_size=5),
    }[kind]


_MONEY = pa.struct([("minor", pa.int64()), ('a "b"\'', pa.list_(pa.string()))])
_SCHEMA = pa.schema(
    {
        "key": pa.int64(),
        'a text, "quoted"\'': pa.string(),
        "digits": pa.decimal128(38, 6),
        "sum": pa.decimal128(38, 0),
        "flag": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us", tz="UTC"),
        "raw": pa.binary(),
        "tags": pa.list_(pa.string()),
        "lines": pa.list_(_MONEY),
        "deep": pa.list_(pa.list_(pa.struct([("n", pa.decimal128(38, 6))]))),
        "buyer": _MONEY,
    }
)
_ROWS = st.lists(
    st.fixed_dictionaries({field.name: st.none() | texts(field.type) for field in _SCHEMA if field.name != "key"}),
    max_size=20,
).map(lambda rows: [{"key": number} | row for number, row in enumerate(rows)])


_DATABASE = duckdb.connect(config={"preserve_insertion_order": False, "threads": 2})


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """One for all, since a database takes longer to make than a table to export."""
    _DATABASE.execute("set timezone = 'UTC'")
    yield _DATABASE


def source(rows: list[dict[str, Any]], schema: pa.Schema, **amounts: Any) -> Source:
    table = pa.Table.from_pylist(rows[::-1], schema=schema)  # so that it is sorting that brings them in order
    return Source("gold.t", View("from kept.t", {"kept.t": table}), ("key",), amounts.get("amounts", {}), {}, None, "")


def exported(of: Source, form: Form) -> bytes:
    out = io.BytesIO()
    with DuckExports(connected).drawn([of]) as drawn:
        rows = write_rows(drawn.rows(of, form), form, Sink(out), {"table": "gold.t"})
    assert rows == of.view.tables["kept.t"].num_rows
    return out.getvalue()


def plain(value: Any) -> Any:
    """As JSON should have it, in Python's own exact types."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def with_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON or CSV with its one time read, which is written with as many digits as it needs."""
    return row | {"at": row["at"] and datetime.fromisoformat(row["at"])}


@bounded(12, is_shrunk=False)
@given(_ROWS)
def test_json_lines_hold_every_row_in_order_and_digit(rows: list[dict[str, Any]]) -> None:
    data = exported(source(rows, _SCHEMA), Form(Format.JSONL))
    found = [with_times(json.loads(line, parse_float=Decimal)) for line in data.decode().split("\n")[:-1]]
    assert found == [plain(row) for row in rows]
    assert all(list(row) == _SCHEMA.names for row in found)


def csv_cells(data: bytes) -> list[list[str | None]]:
    """RFC 4180 by hand, since the standard library's reader does not tell nothing from `""` before Python 3.12."""
    cells: list[list[str | None]] = [[]]
    text, at = data.decode(), 0
    while at < len(text):
        if text[at] == '"':
            value, at = "", at + 1
            while text[at : at + 2] == '""' or text[at] != '"':
                value += text[at]
                at += 2 if text[at] == '"' else 1
            at += 1
            cell: str | None = value
        else:
            end = min(found for found in (text.find(",", at), text.find("\r\n", at)) if found >= 0)
            cell, at = text[at:end] or None, end
        cells[-1].append(cell)
        if text[at] == ",":
            at += 1
        else:
            assert text[at : at + 2] == "\r\n"
            at += 2
            cells.append([])
    return cells[:-1]


@bounded(12, is_shrunk=False)
@given(_ROWS)
def test_csv_holds_every_value_and_tells_null_from_an_empty_text(rows: list[dict[str, Any]]) -> None:
    data = exported(source(rows, _SCHEMA), Form(Format.CSV))
    header, *cells = csv_cells(data)
    assert header == _SCHEMA.names
    assert [row_of(one) for one in cells] == [plain(row) for row in rows]
    read = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert read == [[cell or "" for cell in row] for row in [header, *cells]]


def row_of(cells: list[str | None]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field, cell in zip(_SCHEMA, cells, strict=True):
        if cell is None or pa.types.is_string(field.type) or pa.types.is_binary(field.type):
            row[field.name] = cell
        elif pa.types.is_nested(field.type):
            row[field.name] = json.loads(cell, parse_float=Decimal)
        elif pa.types.is_boolean(field.type):
            row[field.name] = {"true": True, "false": False}[cell]
        elif pa.types.is_integer(field.type) or pa.types.is_decimal(field.type):
            row[field.name] = Decimal(cell)
        else:
            row[field.name] = cell
    return with_times(row)


@bounded(12, is_shrunk=False)
@given(_ROWS)
def test_parquet_holds_every_row_with_its_types_and_says_what_it_is(rows: list[dict[str, Any]]) -> None:
    rows = [row | {"sum": None if row["sum"] is None else row["sum"] % 2**63} for row in rows]
    of = source(rows, _SCHEMA)
    data = exported(of, Form(Format.PARQUET))
    found = pq.read_table(io.BytesIO(data))
    assert found.to_pylist() == rows
    assert found.schema.field("sum").type == pa.int64()
    assert found.schema.field("lines").type.value_type == _MONEY
    assert found.schema.metadata[b"tillage.table"] == b"gold.t"
    assert exported(of, Form(Format.PARQUET)) == data


_AMOUNTS = {("net_minor",): "EUR", ("lines", "fee_minor"): "KWD", ("price_minor",): "@code", ("tips", ""): "JPY"}
_SOLD = pa.schema(
    {
        "key": pa.int64(),
        "net_minor": pa.decimal128(38, 0),
        "net_currency": pa.string(),
        "price_minor": pa.int64(),
        "code": pa.string(),
        "lines": pa.list_(pa.struct([("fee_minor", pa.int64()), ("fee", pa.string())])),
        "tips": pa.list_(pa.int64()),
    }
)


@bounded(12, is_shrunk=False)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "net_minor": st.none() | decimals(35, 0),
                "net_currency": st.just("taken"),
                "price_minor": _LARGE,
                "code": st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
                "lines": st.none()
                | st.lists(st.none() | st.fixed_dictionaries({"fee_minor": _LARGE, "fee": st.just("x")}), max_size=2),
                "tips": st.none() | st.lists(st.none() | _LARGE, max_size=2),
            }
        ),
        max_size=5,
    ).map(lambda rows: [{"key": number} | row for number, row in enumerate(rows)])
)
def test_amounts_in_major_units_are_exact_in_their_currency(rows: list[dict[str, Any]]) -> None:
    places = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}
    wanted = [
        {
            "key": row["key"],
            "net": row["net_minor"] and row["net_minor"].scaleb(-2, context=_EXACT),
            "net_currency_2": None if row["net_minor"] is None else "EUR",
            "net_currency": "taken",
            "price": Decimal(f"{row['price_minor']}E-{places[row['code']]}"),
            "code": row["code"],
            "lines": row["lines"]
            and [
                line and {"fee_2": Decimal(f"{line['fee_minor']}E-3"), "fee_2_currency": "KWD", "fee": "x"}
                for line in row["lines"]
            ],
            "tips": row["tips"],
            "tips_currency": None if row["tips"] is None else "JPY",
        }
        for row in rows
    ]
    of = source(rows, _SOLD, amounts=_AMOUNTS)
    table = pq.read_table(io.BytesIO(exported(of, Form(Format.PARQUET, amounts=Amounts.MAJOR))))
    assert table.to_pylist() == wanted
    assert table.schema.field("net").type == pa.decimal128(38, 2)
    lines = exported(of, Form(Format.JSONL, "gz", Amounts.MAJOR))
    found = [json.loads(line, parse_float=Decimal) for line in gzip.decompress(lines).decode().split("\n")[:-1]]
    assert found == wanted


def test_an_amount_whose_currency_is_unknown_is_never_written_as_if_it_were_known() -> None:
    rows = [{"key": 0, "price_minor": 5, "code": "XXX"}, {"key": 1, "price_minor": None, "code": None}]
    of = source(rows, _SOLD, amounts=_AMOUNTS)
    with pytest.raises(ExportError, match="an amount without a currency of ISO 4217") as wrong:
        exported(of, Form(Format.CSV, amounts=Amounts.MAJOR))
    assert "XXX" not in str(wrong.value)
    assert b",5,XXX," in exported(of, Form(Format.CSV))


def test_a_sum_beyond_64_bits_is_refused_where_it_would_be_cut_and_kept_as_text() -> None:
    of = source([{"key": 0, "net_minor": Decimal(2**63)}], _SOLD)
    with pytest.raises(ExportError, match="a number with more digits than this form of it has"):
        exported(of, Form(Format.PARQUET))
    assert b'"net_minor":9223372036854775808,' in exported(of, Form(Format.JSONL))


def test_texts_are_changed_for_spreadsheets_only_where_that_is_asked_for() -> None:
    schema = pa.schema({"key": pa.int64(), "text": pa.string()})
    shown = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=1", "", None]
    of = source([{"key": -number, "text": text} for number, text in enumerate(shown)][::-1], schema)
    cells = [row[1] for row in csv_cells(exported(of, Form(Format.CSV, is_for_spreadsheets=True)))[1:]][::-1]
    assert cells == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "a=1", "", None]
    assert [row[1] for row in csv_cells(exported(of, Form(Format.CSV)))[1:]][::-1] == shown


def test_packed_files_of_equal_rows_are_equal_and_floats_that_json_lacks_are_null() -> None:
    schema = pa.schema({"key": pa.int64(), "f": pa.float64()})
    of = source([{"key": number, "f": f} for number, f in enumerate([0.1, float("nan"), 1e300, None])], schema)
    wanted = b'{"key":0,"f":0.1}\n{"key":1,"f":null}\n{"key":2,"f":1e+300}\n{"key":3,"f":null}\n'
    assert exported(of, Form(Format.JSONL)) == wanted
    for packing, codec in (("gz", "gzip"), ("zst", "zstd")):
        data = exported(of, Form(Format.JSONL, packing))
        assert data == exported(of, Form(Format.JSONL, packing))
        assert pa.CompressedInputStream(pa.BufferReader(data), codec).read() == wanted
