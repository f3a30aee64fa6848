"""One dataset with a column of each kind, and rows at the edges of each: what the table of portable SQL is shown on."""

from __future__ import annotations

import duckdb

from tillage.contracts.contract import Dataset
from tillage.contracts.odcs.contract_file import read_contract

_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: samples
version: 1.0.0
status: active
schema:
  - name: samples
    properties:
      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
      - {name: whole, logicalType: integer}
      - {name: other, logicalType: integer}
      - {name: number, logicalType: number}
      - {name: rate, logicalType: number}
      - {name: part, logicalType: string}
      - {name: label, logicalType: string}
      - {name: code, logicalType: string}
      - {name: is_paid, logicalType: boolean}
      - {name: day, logicalType: date}
      - {name: until, logicalType: date}
      - {name: sold, logicalType: timestamp}
      - {name: settled, logicalType: timestamp}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - {name: numbers, logicalType: array, items: {logicalType: integer}}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: name, logicalType: string}
            - {name: qty, logicalType: integer}
"""
# By column its type and its values in SQL: signs, halves and zeros; letters, spaces and forms of numbers; ends of years
# and weeks, leap days and parts of seconds; nulls, empty lists and lists with nulls.
_VALUES = {
    "id": ("bigint", "1;2;3;4;5;6;7;8;9;10;11;12;13;14"),
    "whole": ("bigint", "5;-7;0;7;null;3;2;12;-1;100;1;null;3;5"),
    "other": ("bigint", "2;2;0;-2;3;null;1;10;3;-3;1;null;7;5"),
    "number": (
        "decimal(38,6)",
        "2.5;-2.5;0.5;-0.5;1.5;-3.000001;0;3.999999;1.005;-1.005;100.285;null;99.995;12345678.125",
    ),
    "rate": ("decimal(38,6)", "1.19;0.07;0.333333;-1.5;0.000001;2;0.5;7;1;3;0.01;null;1.1;0.19"),
    "part": (
        "varchar",
        (
            "'straße';'İZMİR';'a' || chr(160);'-3.5';'1e3';'1_000';'infinity';'a' || chr(10);"
            "'e' || chr(769) || 'a';' a ';"
            "'x😀y';null;'12';'2024'"
        ),
    ),
    "label": (
        "varchar",
        r"'a';'ab';'a-b';'A';'abc';null;'';'a' || chr(10);'b-e' || chr(769) || 'a';'aaa';'a\b';'a%c';'bA';'a.c'",
    ),
    "code": (
        "varchar",
        "'5';'24.12.2024';'31.02.2024';'1.5';'7';null;'';'12';'0012';' 8 ';'-2';null;'3';'10'",
    ),
    "is_paid": ("boolean", "true;false;true;null;false;true;false;true;null;false;true;null;true;false"),
    "day": (
        "date",
        (
            "'2024-02-29';'2023-12-31';'2024-12-30';'2021-01-03';'2020-12-27';null;'2000-02-29';'2024-01-31';'1999-12-31';"
            "'1969-12-31';'2016-01-04';null;'2024-03-31';'1900-01-01'"
        ),
    ),
    "until": (
        "date",
        (
            "'2025-02-28';'2024-01-01';'2024-12-29';'2021-01-04';'2021-01-03';null;'2001-02-28';'2024-02-29';'2000-01-01';"
            "'1970-01-01';'2016-01-03';null;'2024-02-29';'1901-03-31'"
        ),
    ),
    "sold": (
        "timestamptz",
        (
            "'2024-02-29 23:30:00.5';'2023-12-31 23:59:59.999999';'2024-12-30 10:11:12.345678';'2021-01-03 12:30:00';"
            "'2020-12-27 06:00:00';null;'2000-02-29 01:02:03';'2024-01-31 10:00:00';'1999-12-31 23:00:00';"
            "'1969-12-31 23:59:58.5';'2016-01-04 00:00:00';null;'2024-03-31 00:30:00';'1900-01-01 00:00:00'"
        ),
    ),
    "settled": (
        "timestamptz",
        (
            "'2024-03-01 00:10:00';'2024-01-01 00:00:00';'2024-12-29 10:11:12';'2021-01-04 12:29:59';"
            "'2021-01-03 05:00:00';null;'2001-02-28 01:02:03';'2024-02-29 09:00:00';'2000-01-01 01:00:00';"
            "'1970-01-01 00:00:00';'2016-01-03 23:59:59';null;'2024-02-29 00:30:00';'1901-03-31 00:00:00'"
        ),
    ),
    "tags": (
        "varchar[]",
        "['a', 'b'];['b', null];[];null;['a', 'a'];['é'];[''];['b', 'a'];['x', null, 'a'];null;['a'];null;['c'];[null]",
    ),
    "numbers": ("bigint[]", "[3, 1, 2];[1, null];[];null;[5, 5];[2];[0];[-1, 2];[null];[7];[1, 2, 3];null;[9];[4, 4]"),
    "lines": (
        "struct(name varchar, qty bigint)[]",
        (
            "[{'name': 'x', 'qty': 2}, {'name': 'y', 'qty': null}];[{'name': 'z', 'qty': 1}];[];null;"
            "[{'name': null, 'qty': 3}, null];[{'name': 'x', 'qty': 0}];null;"
            "[{'name': null, 'qty': 1}, {'name': 'a', 'qty': 2}];[];"
            "[{'name': 'q', 'qty': 5}];[{'name': 'x', 'qty': 4}];"
            "null;[{'name': 'x', 'qty': null}];[{'name': 'k', 'qty': 9}]"
        ),
    ),
}


def samples() -> Dataset:
    return read_contract("samples", "contracts/samples.odcs.yaml", _CONTRACT).datasets[0]


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table of samples."""
    connection.execute("set timezone = 'UTC'")
    columns = [[f"cast({value} as {kind})" for value in values.split(";")] for kind, values in _VALUES.values()]
    rows = ", ".join(f"({', '.join(row)})" for row in zip(*columns, strict=True))
    connection.execute(f"create table samples as select * from (values {rows}) as v({', '.join(_VALUES)})")


def query(example: str) -> str:
    """An example of the table as a whole query."""
    return example if example.startswith(("select", "with")) else f"select id, {example} as x from samples"
