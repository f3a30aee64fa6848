"""A NUL, which PostgreSQL cannot keep, costs its own record, whichever way it comes in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.shops import make_database
from tests.integration.small import codes, make_small, put

BY_NAME = "select name, count(*) as seen from rows_seen group by name"


@pytest.mark.parametrize(
    ("door", "name", "data"),
    [
        ({"format": "csv"}, "a.csv", b"id,name\n1,a\n2,a\0b\n3,a\n"),
        ({"format": "csv"}, "a.csv", b'id,name\n1,a\n2,"a""\0"\n3,a\n'),
        ({"format": "csv", "csv": {"encoding": "utf-16"}}, "a.csv", "id,name\n1,a\n2,a\0b\n3,a\n".encode("utf-16")),
        ({"format": "csv", "csv": {"delimiter": "whitespace"}}, "a.csv", b"id name\n1 a\n2 a\0b\n3 a\n"),
        ({"format": "jsonl"}, "a.jsonl", b'{"name":"a"}\n{"name":"a\\u0000b"}\n{"name":"a"}\n'),
    ],
)
def test_a_nul_in_a_text_is_a_type_violation_of_its_record_alone(
    server: str, tmp_path: Path, door: dict[str, object], name: str, data: bytes
) -> None:
    dsn = make_database(server, f"nul_{abs(hash((str(door), data))):x}")
    shop = make_small(tmp_path / "small", dsn, feeds={"rows": door}, models={"by_name": BY_NAME})
    put(shop, f"rows/{name}", data)
    shop.run()
    assert codes(shop, "rows_seen") == [["type"]]
    with shop.open() as house:
        assert house.folds.state("by_name").to_pylist() == [{"name": "a", "seen": 2}]


def test_a_nul_that_a_folder_says_is_a_type_violation_of_its_records(server: str, tmp_path: Path) -> None:
    dsn = make_database(server, "nul_folder")
    shop = make_small(tmp_path / "small", dsn, feeds={"rows": {"format": "csv"}}, models={"by_name": BY_NAME})
    put(shop, "rows/name=%00/a.csv", b"id,x\n1,x\n")
    put(shop, "rows/name=a/a.csv", b"id,x\n1,x\n")
    shop.run()
    assert codes(shop, "rows_seen") == [["type"]]
