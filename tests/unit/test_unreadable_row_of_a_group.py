"""A row that cannot be read belongs to no group; what each row repeats can tell that one is missing."""

from __future__ import annotations

from typing import Any

import yaml

from tests.generative.in_memory import compiled, connected, judged
from tillage.contracts.project import Csv, Feed
from tillage.doors.csv_rows import read_csv
from tillage.engines.reader import Reader

FEED = Feed("orders", "landing/orders", "csv", csv=Csv(delimiter=","))
ROWS = b'invoice,total,amount\n1,5,2\n1,5,"3"x\n2,4,4\n'
RULE = "total = list_sum(list_transform(lines, lambda x: x.amount))"


def verdicts(quality: list[dict[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    lines = {
        "name": "lines",
        "logicalType": "array",
        "items": {"logicalType": "object", "properties": [{"name": "amount", "logicalType": "integer"}]},
    }
    columns = [{"name": "invoice", "logicalType": "string"}, {"name": "total", "logicalType": "integer"}, lines]
    unit = [{"property": "tillage.unit", "value": {"groupBy": ["invoice"]}}]
    schema = {"name": "invoices", "properties": columns, "customProperties": unit, "quality": quality}
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    check = compiled(yaml.safe_dump(head | {"schema": [schema]}))
    with connected(1) as connection:
        reader = Reader(connection, check, {})
        reader.start()
        reader.read(read_csv(iter([ROWS]), 0, feed=FEED, max_record_bytes=2**24, chunk_bytes=2**20), 1)
        reader.finish()
        found = sorted(judged(connection, check, ["a.csv"]).items())
    return [(one.verdict, one.codes) for _, one in found]


def test_a_group_stands_without_its_row_that_cannot_be_read() -> None:
    assert verdicts([]) == [("accepted", ()), ("unreadable", ("unreadable",)), ("accepted", ())]


def test_a_total_that_each_row_repeats_finds_it_out() -> None:
    rule = {"name": "whole", "type": "custom", "engine": "tillage", "implementation": RULE, "severity": "error"}
    assert verdicts([rule]) == [("violation", ("rule:whole",)), ("unreadable", ("unreadable",)), ("accepted", ())]
